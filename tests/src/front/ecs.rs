//! What moto does not tell of a rollout. It runs no tasks, so that each deployment has succeeded and each target is
//! healthy as soon as moto says that the service is there.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

const TARGET: &str = "AmazonEC2ContainerServiceV20141113.";
/// As many as `MOTO_ECS_SERVICE_RUNNING` says.
const HEALTHY: usize = 9;

/// The answer to a call about service deployments; none for any other.
pub(crate) fn deployments(moto: u16, authorization: &str, target: &str, body: &[u8]) -> Option<Value> {
    let operation = target.strip_prefix(TARGET)?;
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    match operation {
        "ListServiceDeployments" => {
            let (cluster, service) = (request["cluster"].as_str()?, request["service"].as_str()?);
            let found = service_of(moto, authorization, cluster, service);
            Some(
                json!({ "serviceDeployments": found.map(|found| deployment(cluster, &found)).into_iter().collect::<Vec<_>>() }),
            )
        }
        "DescribeServiceDeployments" => {
            let found = arns(&request["serviceDeploymentArns"])
                .filter_map(|(cluster, service)| Some((cluster, service_of(moto, authorization, cluster, service)?)));
            let found = found.map(|(cluster, found)| {
                let mut whole = deployment(cluster, &found);
                whole["targetServiceRevision"] = json!({ "arn": whole["targetServiceRevisionArn"] });
                whole
            });
            Some(json!({ "serviceDeployments": found.collect::<Vec<_>>(), "failures": [] }))
        }
        "DescribeServiceRevisions" => {
            let found = arns(&request["serviceRevisionArns"])
                .filter_map(|(cluster, service)| Some((cluster, service_of(moto, authorization, cluster, service)?)));
            let found = found.map(|(cluster, found)| {
                json!({
                    "serviceRevisionArn": arn("service-revision", cluster, &found),
                    "serviceArn": found["serviceArn"],
                    "taskDefinition": found["taskDefinition"],
                })
            });
            Some(json!({ "serviceRevisions": found.collect::<Vec<_>>(), "failures": [] }))
        }
        _ => None,
    }
}

/// Cluster and service of each ARN.
fn arns(list: &Value) -> impl Iterator<Item = (&str, &str)> {
    list.as_array().into_iter().flatten().filter_map(|arn| {
        let mut parts = arn.as_str()?.split('/').skip(1);
        Some((parts.next()?, parts.next()?))
    })
}

fn arn(kind: &str, cluster: &str, service: &Value) -> String {
    let whole = service["serviceArn"].as_str().unwrap_or_default();
    let start = whole.split(":service/").next().unwrap_or_default();
    format!("{start}:{kind}/{cluster}/{}/1", service["serviceName"].as_str().unwrap_or_default())
}

/// The service's present revision, rolled out.
fn deployment(cluster: &str, service: &Value) -> Value {
    json!({
        "serviceDeploymentArn": arn("service-deployment", cluster, service),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "targetServiceRevisionArn": arn("service-revision", cluster, service),
        "createdAt": service["deployments"][0]["createdAt"],
        "status": "SUCCESSFUL",
    })
}

fn service_of(moto: u16, authorization: &str, cluster: &str, service: &str) -> Option<Value> {
    let body = json!({ "cluster": cluster, "services": [service] }).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", moto)).ok()?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\nConnection: close\r\n\
         X-Amz-Target: {TARGET}DescribeServices\r\nContent-Type: application/x-amz-json-1.1\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
    answer["services"].as_array()?.iter().find(|one| one["status"] == "ACTIVE").cloned()
}

/// Answers with JSON, as ECS does.
pub(super) fn answer(client: &mut TcpStream, json: &Value) -> io::Result<()> {
    let body = json.to_string();
    write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n\
         {body}",
        body.len()
    )
}

/// moto's own answer about a group's targets, completed.
pub(super) fn health(client: &mut TcpStream, moto: u16, request: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", moto))?;
    stream.write_all(request)?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let Some(body) = targets(&text).filter(|_| text.split(' ').nth(1) == Some("200")) else {
        return client.write_all(&answer);
    };
    write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Of a group that has no targets, as many healthy ones as running tasks are counted.
pub(crate) fn targets(answer: &str) -> Option<String> {
    if answer.contains("<State>") {
        return None;
    }
    let target = |number: usize| {
        format!(
            "<member><Target><Id>10.0.0.{number}</Id><Port>80</Port></Target>\
             <TargetHealth><State>healthy</State></TargetHealth></member>"
        )
    };
    let targets: String = (1..=HEALTHY).map(target).collect();
    Some(format!(
        "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
         <DescribeTargetHealthResult><TargetHealthDescriptions>{targets}</TargetHealthDescriptions>\
         </DescribeTargetHealthResult></DescribeTargetHealthResponse>"
    ))
}
