//! Stands in front of moto and puts right what `tests/EMULATORS.md` lists; all else it passes on as it is. It ends with
//! the process.

pub(crate) mod ecs;

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Mutex, PoisonError},
    thread,
};

use crate::registry;
use serde_json::{Map, Number, Value, json};

const PATH: &str = "POST /service/GraniteServiceVersion20100801/operation/";

/// Listens, and answers with its port. Moto closes each connection after one answer, so that one holds one request.
/// With a registry, images are those that it has.
pub fn front(moto: u16, registry: Option<u16>) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || serve(client, moto, registry));
        }
    });
    Ok(port)
}

fn serve(mut client: TcpStream, moto: u16, registry: Option<u16>) -> io::Result<()> {
    let mut request = vec![];
    let mut buffer = [0; 16384];
    let head_end = loop {
        if let Some(at) = end_of_head(&request) {
            break at;
        }
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..read]);
    };
    let head = String::from_utf8_lossy(&request[..head_end]).into_owned();
    let header = |name: &str| {
        let named = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let authorization = header("authorization").unwrap_or_default();
    let cloudwatch = head.strip_prefix(PATH).and_then(|rest| rest.split(' ').next());
    let ec2 = authorization.contains("/ec2/");
    let ecr = registry.filter(|_| authorization.contains("/ecr/"));
    let target = header("x-amz-target").unwrap_or_default();
    let balancing = authorization.contains("/elasticloadbalancing/");
    if cloudwatch.is_some()
        || ec2
        || ecr.is_some()
        || balancing
        || target.contains("ServiceDe")
        || target.contains("ServiceRevisions")
        || authorization.contains("/rds/")
    {
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while request.len() < head_end + length {
            let read = client.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            request.extend_from_slice(&buffer[..read]);
        }
    }
    if let Some(operation) = cloudwatch {
        return in_json(&mut client, moto, operation, &authorization, &request[head_end..]);
    }
    if let Some(registry) = ecr {
        let operation = header("x-amz-target").unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default();
        return images(&mut client, moto, registry, operation, &request, head_end);
    }
    if head.starts_with("GET ") && head.lines().next().is_some_and(|line| line.contains("?versioning")) {
        return versioning(&mut client, moto, &request);
    }
    if let Some(told) = ecs::deployments(moto, &authorization, &target, &request[head_end..]) {
        ecs::answer(&mut client, &told)?;
        return client.shutdown(Shutdown::Both);
    }
    let body = String::from_utf8_lossy(&request[head_end..]).into_owned();
    if balancing && body.contains("Action=DescribeTargetHealth") {
        ecs::health(&mut client, moto, &request)?;
        return client.shutdown(Shutdown::Both);
    }
    if authorization.contains("/rds/") && body.contains("Action=ModifyDBSubnetGroup") {
        return subnet_group(&mut client, moto, &authorization, &request, &body);
    }
    let freed =
        if ec2 && body.contains("Action=DeleteNatGateway") { association(moto, &authorization, &body) } else { None };
    let mut moto_side = TcpStream::connect(("127.0.0.1", moto))?;
    moto_side.write_all(&request)?;
    let (mut from, mut to) = (client.try_clone()?, moto_side.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to));
    if let Some(association) = freed {
        // Before the answer, so that whoever waits for it finds the address free.
        let mut answer = vec![];
        moto_side.read_to_end(&mut answer)?;
        ask(moto, &authorization, &format!("Action=DisassociateAddress&AssociationId={association}"));
        client.write_all(&answer)?;
    } else {
        io::copy(&mut moto_side, &mut client)?;
    }
    client.shutdown(Shutdown::Both)
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// What ECR says of images, from the registry; all else from moto, which names ECR's own host.
fn images(
    client: &mut TcpStream,
    moto: u16,
    registry: u16,
    operation: &str,
    request: &[u8],
    head_end: usize,
) -> io::Result<()> {
    if let Some(answer) = registry::images(registry, operation, &request[head_end..]) {
        let answer = answer.to_string();
        let length = answer.len();
        write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{answer}"
        )?;
        return client.shutdown(Shutdown::Both);
    }
    let mut stream = TcpStream::connect(("127.0.0.1", moto))?;
    stream.write_all(request)?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer)?;
    client.write_all(&registry::here(registry, &answer)?)?;
    client.shutdown(Shutdown::Both)
}

/// A gateway that is deleted gives its address back; moto keeps it associated.
fn association(moto: u16, authorization: &str, body: &str) -> Option<String> {
    let gateway = body.split('&').find_map(|pair| pair.strip_prefix("NatGatewayId="))?;
    let answer = ask(moto, authorization, &format!("Action=DescribeNatGateways&NatGatewayId.1={gateway}"))?;
    let allocation = between(&answer, "<allocationId>", "<")?;
    let answer = ask(moto, authorization, &format!("Action=DescribeAddresses&AllocationId.1={allocation}"))?;
    between(&answer, "<associationId>", "<").filter(|id| !id.is_empty())
}

fn between(text: &str, from: &str, to: &str) -> Option<String> {
    Some(text.split_once(from)?.1.split_once(to)?.0.to_owned())
}

/// A request of the front's own to EC2 or RDS.
fn ask(moto: u16, authorization: &str, form: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", moto)).ok()?;
    let version = if authorization.contains("/rds/") { "2014-10-31" } else { "2016-11-15" };
    let form = if form.contains("Version=20") { form.to_owned() } else { format!("{form}&Version={version}") };
    let length = form.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// moto forgets a subnet group that is modified: it is made again, with what it had.
fn subnet_group(client: &mut TcpStream, moto: u16, authorization: &str, request: &[u8], body: &str) -> io::Result<()> {
    let name = body.split('&').find_map(|pair| pair.strip_prefix("DBSubnetGroupName=")).unwrap_or_default();
    let before = ask(moto, authorization, &format!("Action=DescribeDBSubnetGroups&DBSubnetGroupName={name}"));
    let before = before.unwrap_or_default();
    let arn = between(&before, "<DBSubnetGroupArn>", "<").unwrap_or_default();
    let tags = ask(moto, authorization, &format!("Action=ListTagsForResource&ResourceName={arn}")).unwrap_or_default();
    let mut stream = TcpStream::connect(("127.0.0.1", moto))?;
    stream.write_all(request)?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer)?;
    let mut again = body.replace("Action=ModifyDBSubnetGroup", "Action=CreateDBSubnetGroup");
    if !again.contains("DBSubnetGroupDescription=") {
        let description = between(&before, "<DBSubnetGroupDescription>", "<").unwrap_or_default();
        again.push_str(&format!("&DBSubnetGroupDescription={}", description.replace(' ', "+")));
    }
    for (number, tag) in tags.split("<Tag>").skip(1).enumerate() {
        let (key, value) = (between(tag, "<Key>", "<"), between(tag, "<Value>", "<"));
        let (key, value, number) = (key.unwrap_or_default(), value.unwrap_or_default(), number + 1);
        again.push_str(&format!("&Tags.Tag.{number}.Key={key}&Tags.Tag.{number}.Value={value}"));
    }
    ask(moto, authorization, &again);
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}

/// moto answers `GetBucketVersioning` under another name than S3's.
fn versioning(client: &mut TcpStream, moto: u16, request: &[u8]) -> io::Result<()> {
    let mut moto = TcpStream::connect(("127.0.0.1", moto))?;
    moto.write_all(request)?;
    let mut answer = String::new();
    moto.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let body = body.replace("GetBucketVersioningResponse", "VersioningConfiguration");
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length"));
    let head = kept.collect::<Vec<_>>().join("\r\n");
    write!(client, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    client.shutdown(Shutdown::Both)
}

/// What CloudWatch's SDK says in CBOR, said in JSON, and the answer put back.
fn in_json(client: &mut TcpStream, moto: u16, operation: &str, authorization: &str, cbor: &[u8]) -> io::Result<()> {
    let request = Decoder { bytes: cbor, at: 0 }.value().unwrap_or_default();
    let (status, json) = match dashboard_tags(operation, &request) {
        Some(answer) => ("200".to_owned(), answer),
        None => cloudwatch(moto, operation, authorization, &request.to_string())?,
    };
    let mut body = vec![];
    encode("", &json, &mut body);
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status} moto\r\nsmithy-protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n"
    )?;
    client.write_all(&body)
}

fn cloudwatch(moto: u16, operation: &str, authorization: &str, body: &str) -> io::Result<(String, Value)> {
    let mut moto = TcpStream::connect(("127.0.0.1", moto))?;
    let length = body.len();
    write!(
        moto,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\nConnection: close\r\n\
         X-Amz-Target: GraniteServiceVersion20100801.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = vec![];
    moto.read_to_end(&mut answer)?;
    let split = end_of_head(&answer).unwrap_or(answer.len());
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap_or("500").to_owned();
    Ok((status, serde_json::from_slice(&answer[split..]).unwrap_or_else(|_| Value::Object(Map::new()))))
}

/// Dashboards have tags, and moto has no place for them: they are kept here, by the dashboard's name.
fn dashboard_tags(operation: &str, request: &Value) -> Option<Value> {
    static KEPT: Mutex<BTreeMap<String, BTreeMap<String, String>>> = Mutex::new(BTreeMap::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let given = || {
        let pairs = request["Tags"].as_array().into_iter().flatten();
        pairs.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned())))
    };
    if operation == "PutDashboard" {
        // A dashboard that is there keeps its tags; moto is asked all the same.
        kept.entry(request["DashboardName"].as_str()?.to_owned()).or_default().extend(given());
        return None;
    }
    let tags = kept.entry(request["ResourceARN"].as_str()?.split_once(":dashboard/")?.1.to_owned()).or_default();
    match operation {
        "TagResource" => tags.extend(given()),
        "UntagResource" => {
            let keys = request["TagKeys"].as_array().into_iter().flatten();
            keys.filter_map(Value::as_str).for_each(|key| drop(tags.remove(key)));
        }
        "ListTagsForResource" => {
            let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            return Some(json!({ "Tags": tags }));
        }
        _ => return None,
    }
    Some(json!({}))
}

struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Decoder<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn big_endian(&mut self, count: usize) -> Option<u64> {
        Some(self.take(count)?.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte)))
    }

    fn ends(&mut self) -> bool {
        let ends = self.bytes.get(self.at).is_none_or(|byte| *byte == 0xff);
        self.at += usize::from(ends);
        ends
    }

    fn value(&mut self) -> Option<Value> {
        let first = *self.take(1)?.first()?;
        let (major, minor) = (first >> 5, first & 31);
        let argument = match minor {
            24 => Some(self.big_endian(1)?),
            25 => Some(self.big_endian(2)?),
            26 => Some(self.big_endian(4)?),
            27 => Some(self.big_endian(8)?),
            31 => None,
            small => Some(u64::from(small)),
        };
        let mut left = argument.unwrap_or(u64::MAX);
        let mut more = |decoder: &mut Self| {
            let more = if argument.is_some() { left > 0 } else { !decoder.ends() };
            left = left.saturating_sub(1);
            more
        };
        Some(match major {
            0 => argument?.into(),
            1 => (-1 - i64::try_from(argument?).ok()?).into(),
            2 | 3 => {
                let length = usize::try_from(argument?).ok()?;
                String::from_utf8_lossy(self.take(length)?).into_owned().into()
            }
            4 => {
                let mut items = vec![];
                while more(self) {
                    items.push(self.value()?);
                }
                Value::Array(items)
            }
            5 => {
                let mut map = Map::new();
                while more(self) {
                    let key = self.value()?;
                    map.insert(key.as_str()?.to_owned(), self.value()?);
                }
                Value::Object(map)
            }
            6 => self.value()?,
            _ => match minor {
                20 => false.into(),
                21 => true.into(),
                26 => f64::from(f32::from_bits(u32::try_from(argument?).ok()?)).into(),
                27 => f64::from_bits(argument?).into(),
                _ => Value::Null,
            },
        })
    }
}

fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    out.push((major << 5) | 27);
    out.extend(argument.to_be_bytes());
}

fn double(value: f64, out: &mut Vec<u8>) {
    out.push(0xfb);
    out.extend(value.to_be_bytes());
}

fn encode(key: &str, value: &Value, out: &mut Vec<u8>) {
    match value {
        // A time is tagged as one.
        Value::Number(number) if key.ends_with("Timestamp") || key == "LastModified" => {
            out.push(0xc1);
            double(number.as_f64().unwrap_or_default(), out);
        }
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(0, number, out),
            (None, Some(number)) => head(1, (-1 - number).unsigned_abs(), out),
            (None, None) => double(Number::as_f64(number).unwrap_or_default(), out),
        },
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| encode("", item, out));
        }
        Value::Object(map) => {
            let there = || map.iter().filter(|(_, value)| !value.is_null());
            head(5, there().count() as u64, out);
            for (key, value) in there() {
                encode("", &Value::from(key.as_str()), out);
                encode(key, value, out);
            }
        }
        Value::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
        Value::Null => out.push(0xf6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_encoded_is_decoded() {
        let value = json!({"a": [1, -2, 1.5, true], "b": {"c": "ü"}});
        let mut bytes = vec![];
        encode("", &value, &mut bytes);
        assert_eq!(Decoder { bytes: &bytes, at: 0 }.value(), Some(value));
        let open = [0xbf, 0x61, b'a', 0x9f, 0x01, 0xff, 0xff];
        assert_eq!(Decoder { bytes: &open, at: 0 }.value(), Some(json!({"a": [1]})));
    }
}
