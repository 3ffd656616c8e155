//! CloudWatch's SDK speaks CBOR, which moto does not know: this stands in front of moto, passes all else on as it is,
//! and puts those requests into JSON and their answers into CBOR. It ends with the tests' process.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

use serde_json::{Map, Number, Value};

const PATH: &str = "POST /service/GraniteServiceVersion20100801/operation/";

/// Listens, and answers with its port. Moto closes each connection after one answer, so that one holds one request.
pub fn front(moto: u16) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || serve(client, moto));
        }
    });
    Ok(port)
}

fn serve(mut client: TcpStream, moto: u16) -> io::Result<()> {
    let mut request = vec![];
    let mut buffer = [0; 16384];
    let head_end = loop {
        if let Some(at) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..read]);
    };
    let mut moto = TcpStream::connect(("127.0.0.1", moto))?;
    let head = String::from_utf8_lossy(&request[..head_end]).into_owned();
    let Some(operation) = head.strip_prefix(PATH).and_then(|rest| rest.split(' ').next()) else {
        moto.write_all(&request)?;
        let (mut from, mut to) = (client.try_clone()?, moto.try_clone()?);
        thread::spawn(move || io::copy(&mut from, &mut to));
        io::copy(&mut moto, &mut client)?;
        return client.shutdown(Shutdown::Both);
    };
    let header = |name: &str| {
        let named = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while request.len() < head_end + length {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        request.extend_from_slice(&buffer[..read]);
    }
    let body = Decoder { bytes: &request[head_end..], at: 0 }.value().unwrap_or_default().to_string();
    let authorization = header("authorization").unwrap_or_default();
    let length = body.len();
    write!(
        moto,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\nConnection: close\r\n\
         X-Amz-Target: GraniteServiceVersion20100801.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = vec![];
    moto.read_to_end(&mut answer)?;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap_or("500").to_owned();
    let json = serde_json::from_slice(&answer[split..]).unwrap_or_else(|_| Value::Object(Map::new()));
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
