//! Rollouts, which moto does not report. It runs no tasks, so that each deployment has succeeded and each target is
//! healthy as soon as moto says that the service is there.

use std::io;

use serde_json::{Value, json};

use crate::proxy::Message;

/// Prefix of ECS's operation names.
pub(crate) const TARGET: &str = "AmazonEC2ContainerServiceV20141113.";
/// As many as `MOTO_ECS_SERVICE_RUNNING` says.
const HEALTHY: usize = 9;

/// moto's own answer, with what it does not tell.
pub(crate) fn answer(request: &Message, moto: u16) -> io::Result<Message> {
    if let Some(told) = deployments(request, moto) {
        return Ok(Message::told(&told));
    }
    let answer = request.send(moto)?;
    match (request.target(), serde_json::from_str::<Value>(answer.text())) {
        ("CreateService" | "UpdateService" | "DescribeServices", Ok(mut told)) => {
            rolled_out(&mut told["service"]);
            told["services"].as_array_mut().into_iter().flatten().for_each(rolled_out);
            Ok(answer.with(told.to_string()))
        }
        _ => Ok(answer),
    }
}

/// Gives an updated service a separate deployment, which moto does not create.
fn rolled_out(service: &mut Value) {
    let (number, definition) = (revision(service), service["taskDefinition"].clone());
    if let Some(deployment) = service["deployments"].as_array_mut().and_then(|all| all.first_mut()) {
        deployment["id"] = format!("{}{number}", deployment["id"].as_str().unwrap_or_default()).into();
        deployment["taskDefinition"] = definition;
    }
}

/// The answer to a call about service deployments; none for any other.
fn deployments(call: &Message, moto: u16) -> Option<Value> {
    let request: Value = serde_json::from_str(call.text()).unwrap_or_default();
    match call.target() {
        "ListServiceDeployments" => {
            let (cluster, service) = (request["cluster"].as_str()?, request["service"].as_str()?);
            let found = service_of(call, moto, cluster, service);
            let newest = found.as_ref().map_or(0, revision);
            let all = (1..=newest).rev().zip(found.iter().cycle());
            let all = all.map(|(number, found)| deployment(cluster, found, number));
            Some(json!({ "serviceDeployments": all.collect::<Vec<_>>() }))
        }
        "DescribeServiceDeployments" => {
            let found = told_of(call, moto, &request["serviceDeploymentArns"]);
            let found = found.map(|(cluster, found, number)| {
                let mut whole = deployment(cluster, &found, number);
                whole["targetServiceRevision"] = json!({ "arn": whole["targetServiceRevisionArn"] });
                whole
            });
            Some(json!({ "serviceDeployments": found.collect::<Vec<_>>(), "failures": [] }))
        }
        "DescribeServiceRevisions" => {
            let found = told_of(call, moto, &request["serviceRevisionArns"]);
            let found = found.map(|(cluster, found, number)| {
                let definition = found["taskDefinition"].as_str().unwrap_or_default();
                let family = definition.rsplit_once(':').map_or(definition, |(family, _)| family);
                json!({
                    "serviceRevisionArn": arn("service-revision", cluster, &found, number),
                    "serviceArn": found["serviceArn"],
                    "taskDefinition": format!("{family}:{number}"),
                })
            });
            Some(json!({ "serviceRevisions": found.collect::<Vec<_>>(), "failures": [] }))
        }
        _ => None,
    }
}

/// Of each ARN the cluster, the service as it is there, and the number of the revision.
fn told_of<'a>(call: &'a Message, moto: u16, arns: &'a Value) -> impl Iterator<Item = (&'a str, Value, u64)> + use<'a> {
    arns.as_array().into_iter().flatten().filter_map(move |arn| {
        let mut parts = arn.as_str()?.split('/').skip(1);
        let (cluster, service) = (parts.next()?, parts.next()?);
        Some((cluster, service_of(call, moto, cluster, service)?, parts.next()?.parse().ok()?))
    })
}

/// The number of the task definition's revision that a service runs.
fn revision(service: &Value) -> u64 {
    let number = service["taskDefinition"].as_str().and_then(|arn| arn.rsplit(':').next()?.parse().ok());
    number.unwrap_or_default()
}

fn arn(kind: &str, cluster: &str, service: &Value, number: u64) -> String {
    let whole = service["serviceArn"].as_str().unwrap_or_default();
    let start = whole.split(":service/").next().unwrap_or_default();
    format!("{start}:{kind}/{cluster}/{}/{number}", service["serviceName"].as_str().unwrap_or_default())
}

/// One of the service's revisions, rolled out.
fn deployment(cluster: &str, service: &Value, number: u64) -> Value {
    json!({
        "serviceDeploymentArn": arn("service-deployment", cluster, service, number),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "targetServiceRevisionArn": arn("service-revision", cluster, service, number),
        "createdAt": service["deployments"][0]["createdAt"],
        "status": "SUCCESSFUL",
    })
}

fn service_of(call: &Message, moto: u16, cluster: &str, service: &str) -> Option<Value> {
    let asked = json!({ "cluster": cluster, "services": [service] });
    let authorization = call.header("authorization").unwrap_or_default();
    let answer = Message::json(&format!("{TARGET}DescribeServices"), authorization, &asked).send(moto).ok()?;
    let answer: Value = serde_json::from_str(answer.text()).ok()?;
    answer["services"].as_array()?.iter().find(|one| one["status"] == "ACTIVE").cloned()
}

/// moto's own answer about a group's targets, completed.
pub(crate) fn health(request: &Message, moto: u16) -> io::Result<Message> {
    let answer = request.send(moto)?;
    let completed = targets(answer.text()).filter(|_| answer.status() == "200");
    Ok(completed.map_or(answer.clone(), |body| answer.with(body)))
}

/// Of a group that has no targets, as many healthy ones as running tasks are counted.
fn targets(answer: &str) -> Option<String> {
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
