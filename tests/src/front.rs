//! Stands in front of moto and puts right what `tests/EMULATORS.md` lists; all else it passes on as it is.

pub(crate) mod cbor;
pub(crate) mod ecs;
pub(crate) mod firewall;
pub(crate) mod offers;

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::{proxy::Message, registry};

/// Path prefix with which CloudWatch's SDK, which uses CBOR, names the operation.
pub(crate) const CLOUDWATCH: &str = "/service/GraniteServiceVersion20100801/operation/";

/// Returns moto's corrected response. With a registry, images are those that the registry has.
pub(crate) fn answer(request: Message, moto: u16, registry: Option<u16>) -> io::Result<Message> {
    if let Some(operation) = request.path().strip_prefix(CLOUDWATCH) {
        return cloudwatch(operation, &request, moto);
    }
    match (request.service(), request.field("Action").as_deref().unwrap_or_default()) {
        ("ecr", _) if registry.is_some() => images(&request, moto, registry.unwrap_or_default()),
        ("ecs", _) => ecs::answer(&request, moto),
        ("elasticloadbalancing", "DescribeTargetHealth") => ecs::health(&request, moto),
        ("rds", "ModifyDBSubnetGroup") => subnet_group(&request, moto),
        ("rds", "DescribeAccountAttributes" | "DescribeOrderableDBInstanceOptions") => {
            offers::answer(&request).map_or_else(|| request.send(moto), Ok)
        }
        ("rds", _) => with_lifecycle(&request, moto, &request.send(moto)?),
        ("ec2", "DeleteNatGateway") => freed(&request, moto),
        ("monitoring", _) => {
            let asked = serde_json::from_str(request.text()).unwrap_or_default();
            dashboard_tags(moto, request.target(), &asked)
                .map_or_else(|| request.send(moto), |told| Ok(Message::told(&told)))
        }
        ("s3", _) if request.path().contains("?versioning") => versioning(&request, moto),
        ("s3", _) if request.path().ends_with("?policy") => bucket_policy(&request, moto),
        ("s3", _) if request.header("if-match").or(request.header("if-none-match")).is_some() => {
            conditional(&request, moto)
        }
        ("s3", _) if request.method() == "PUT" && !request.path().trim_matches('/').contains(['/', '?']) => {
            created_bucket(&request, moto)
        }
        _ => request.send(moto),
    }
}

/// Serves ECR's image calls from the registry, and all others from moto, which returns ECR's own host.
fn images(request: &Message, moto: u16, registry: u16) -> io::Result<Message> {
    if let Some(answer) = registry::images(registry, request.target(), request.text().as_bytes()) {
        return Ok(Message::told(&answer));
    }
    let answer = request.send(moto)?;
    let body = registry::named(registry, answer.text());
    Ok(answer.with(body))
}

/// A gateway that is deleted gives its address back; moto keeps it associated. Before the answer, so that whoever waits
/// for it finds the address free.
fn freed(request: &Message, moto: u16) -> io::Result<Message> {
    let gateway = request.field("NatGatewayId").unwrap_or_default();
    let told = ask(request, moto, &format!("Action=DescribeNatGateways&NatGatewayId.1={gateway}"))?;
    let address = told.element("allocationId").unwrap_or_default();
    let told = ask(request, moto, &format!("Action=DescribeAddresses&AllocationId.1={address}"))?;
    let answer = request.send(moto)?;
    if let Some(association) = told.element("associationId").filter(|id| !id.is_empty()) {
        ask(request, moto, &format!("Action=DisassociateAddress&AssociationId={association}"))?;
    }
    Ok(answer)
}

/// A request of the front's own, as whoever sent that one.
fn ask(request: &Message, moto: u16, form: &str) -> io::Result<Message> {
    let version = request.field("Version").unwrap_or_default();
    request.clone().with(format!("{form}&Version={version}")).send(moto)
}

/// moto forgets a subnet group that is modified: it is made again, with what it had.
fn subnet_group(request: &Message, moto: u16) -> io::Result<Message> {
    let name = request.field("DBSubnetGroupName").unwrap_or_default();
    let before = ask(request, moto, &format!("Action=DescribeDBSubnetGroups&DBSubnetGroupName={name}"))?;
    let arn = before.element("DBSubnetGroupArn").unwrap_or_default();
    let tags = ask(request, moto, &format!("Action=ListTagsForResource&ResourceName={arn}"))?;
    let answer = request.send(moto)?;
    let mut again = request.text().replace("Action=ModifyDBSubnetGroup", "Action=CreateDBSubnetGroup");
    if request.field("DBSubnetGroupDescription").is_none() {
        let description = before.element("DBSubnetGroupDescription").unwrap_or_default().replace(' ', "+");
        again.push_str(&format!("&DBSubnetGroupDescription={description}"));
    }
    for (number, tag) in (1..).zip(tags.text().split("<Tag>").skip(1)) {
        let between = |from, to| Some(tag.split_once(from)?.1.split_once(to)?.0);
        let (key, value) = (between("<Key>", "<").unwrap_or_default(), between("<Value>", "<").unwrap_or_default());
        again.push_str(&format!("&Tags.Tag.{number}.Key={key}&Tags.Tag.{number}.Value={value}"));
    }
    request.clone().with(again).send(moto)?;
    Ok(answer)
}

/// moto accepts the lifecycle support of a database and does not return it: the front keeps it, by the emulator's port and
/// the database's name.
pub(crate) fn with_lifecycle(request: &Message, port: u16, answer: &Message) -> io::Result<Message> {
    static KEPT: Mutex<BTreeMap<(u16, String), String>> = Mutex::new(BTreeMap::new());
    const NAME: &str = "<DBInstanceIdentifier>";
    const FIELD: &str = "EngineLifecycleSupport";
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Some(stated), Some(name)) = (request.field(FIELD), request.field("DBInstanceIdentifier")) {
        kept.insert((port, name), stated);
    }
    let mut body = answer.text().to_owned();
    for ((_, name), stated) in kept.iter().filter(|((of, _), _)| *of == port) {
        let element = format!("{NAME}{name}</DBInstanceIdentifier>");
        body = body.replace(&element, &format!("{element}<{FIELD}>{stated}</{FIELD}>"));
    }
    Ok(answer.clone().with(body))
}

/// moto answers `GetBucketVersioning` under another name than S3's.
fn versioning(request: &Message, moto: u16) -> io::Result<Message> {
    let answer = request.send(moto)?;
    let body = answer.text().replace("GetBucketVersioningResponse", "VersioningConfiguration");
    Ok(answer.with(body))
}

/// moto denies what a statement with a condition denies, whether the condition holds or not. It leaves out statements about
/// a principal that it does not know.
fn bucket_policy(request: &Message, moto: u16) -> io::Result<Message> {
    let mut policy: Value = serde_json::from_str(request.text()).unwrap_or_default();
    for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
        if statement["Effect"] == "Deny" && statement["Principal"] == "*" && statement.get("Condition").is_some() {
            statement["Principal"] = UNKNOWN.into();
        }
    }
    let body = if policy.is_null() { request.text().to_owned() } else { policy.to_string() };
    let answer = request.clone().with(body).send(moto)?;
    let body = answer.text().replace(UNKNOWN, "*");
    Ok(answer.with(body))
}

/// A principal that moto does not know.
const UNKNOWN: &str = "everybody-under-a-condition";

/// moto checks the condition of a write, and writes, in two steps: of two writes at once, both may find that it holds.
fn conditional(request: &Message, moto: u16) -> io::Result<Message> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    request.send(moto)
}

/// Creates a bucket without tags: moto gives it those of a deleted bucket of the same name.
fn created_bucket(request: &Message, moto: u16) -> io::Result<Message> {
    let host = request.header("host").unwrap_or_default();
    let ask = |method: &str, path: &str| request.clone().to(path, host).with_method(method).with("").send(moto);
    let is_new = ask("HEAD", request.path())?.status() == "404";
    let answer = request.send(moto)?;
    if is_new && answer.status() == "200" {
        ask("DELETE", &format!("{}?tagging", request.path()))?;
    }
    Ok(answer)
}

/// Converts a CBOR request of CloudWatch's SDK to JSON, and the response back.
fn cloudwatch(operation: &str, request: &Message, moto: u16) -> io::Result<Message> {
    if let Some(told) = tags_in_cbor(moto, request) {
        return Ok(told);
    }
    let target = format!("GraniteServiceVersion20100801.{operation}");
    let authorization = request.header("authorization").unwrap_or_default();
    let told = Message::json(&target, authorization, &cbor::decoded(request.body())).send(moto)?;
    let said = serde_json::from_str(told.text()).unwrap_or_else(|_| json!({}));
    Ok(Message::cbor(told.status(), cbor::encoded(&said)))
}

/// Serves CBOR requests for dashboard tags, as in [`dashboard_tags`].
pub(crate) fn tags_in_cbor(emulator: u16, request: &Message) -> Option<Message> {
    let operation = request.path().strip_prefix(CLOUDWATCH)?;
    let told = dashboard_tags(emulator, operation, &cbor::decoded(request.body()))?;
    Some(Message::cbor("200", cbor::encoded(&told)))
}

/// Tags of dashboards, by the emulator's port and the dashboard's name.
static DASHBOARD_TAGS: Mutex<BTreeMap<(u16, String), BTreeMap<String, String>>> = Mutex::new(BTreeMap::new());

/// Copies the tags of one emulator's dashboards to the copy of that emulator.
pub(crate) fn copy_dashboard_tags(from: u16, to: u16) {
    let mut kept = DASHBOARD_TAGS.lock().unwrap_or_else(PoisonError::into_inner);
    let copies: Vec<_> = kept.iter().filter(|((port, _), _)| *port == from).collect();
    let copies: Vec<_> = copies.into_iter().map(|((_, name), tags)| ((to, name.clone()), tags.clone())).collect();
    kept.extend(copies);
}

/// Dashboards have tags, and moto has no place for them: they are kept here.
fn dashboard_tags(emulator: u16, operation: &str, request: &Value) -> Option<Value> {
    let mut kept = DASHBOARD_TAGS.lock().unwrap_or_else(PoisonError::into_inner);
    let given = || {
        let pairs = request["Tags"].as_array().into_iter().flatten();
        pairs.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned())))
    };
    if operation == "PutDashboard" {
        // A dashboard that is there keeps its tags; moto is asked all the same.
        kept.entry((emulator, request["DashboardName"].as_str()?.to_owned())).or_default().extend(given());
        return None;
    }
    let name = request["ResourceARN"].as_str()?.split_once(":dashboard/")?.1;
    let tags = kept.entry((emulator, name.to_owned())).or_default();
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
