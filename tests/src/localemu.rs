//! localemu, with what it lacks put in front of it: see `tests/EMULATORS.md`.

use std::{
    io,
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::json;

use crate::{
    Emulator, NO_DOCKER, free_port,
    front::{self, CLOUDWATCH, cbor, ecs, offers},
    program,
    proxy::Message,
};

/// Services that the tests use.
const SERVICES: &str = "acm,application-autoscaling,cloudwatch,dynamodb,ec2,ecr,ecs,elbv2,iam,kms,logs,rds,route53,s3,\
                        secretsmanager,sns,sts,wafv2";

impl Emulator {
    /// Starts localemu: the program that `PROVISIONER_LOCALEMU` names, else `localemu` on the path. None where there is
    /// none.
    pub fn localemu() -> Option<Self> {
        let port = free_port();
        let mut command = Command::new(program("PROVISIONER_LOCALEMU", "localemu"));
        command.args(["start", "--host", "127.0.0.1", "--port", &port.to_string()]);
        command.env("GATEWAY_LISTEN", format!("127.0.0.1:{port}")).env("DISABLE_EVENTS", "1");
        // It loads a service when it is first asked, and Python stops two that load each other's: all at the start.
        command.env("EAGER_SERVICE_LOADING", "1").env("SERVICES", SERVICES);
        // As with moto, which is inside: this many tasks count as running.
        command.env("DOCKER_HOST", NO_DOCKER).env("MOTO_ECS_SERVICE_RUNNING", "9");
        let key = Mutex::new(None);
        Self::start(&mut command, port, move |request| answer(request, port, &key))
    }
}

fn answer(request: Message, port: u16, key: &Mutex<Option<String>>) -> io::Result<Message> {
    match request.service() {
        "monitoring" if request.path().strip_prefix(CLOUDWATCH) == Some("GetDashboard") => {
            let answer = request.send(port)?;
            Ok(if answer.status() == "200" { answer } else { no_such_dashboard() })
        }
        "rds" => match offers::answer(&request) {
            Some(answer) => Ok(answer),
            None => front::with_lifecycle(&request, port, &database(request.clone(), port, key)?),
        },
        // As moto, which is inside: see there.
        "ecs" => ecs::answer(&request, port),
        "elasticloadbalancing" if request.field("Action").as_deref() == Some("DescribeTargetHealth") => {
            ecs::health(&request, port)
        }
        _ => request.send(port),
    }
}

/// It says of a dashboard that is not there that a parameter is wrong.
fn no_such_dashboard() -> Message {
    let said = json!({ "__type": "com.amazonaws.cloudwatch#DashboardNotFoundError", "message": "not there" });
    Message::cbor("404", cbor::encoded(&said))
}

/// RDS there looks for the key of a managed password among keys of its own, and KMS keeps its elsewhere: the key stays
/// out of the request, and comes back in the answers. There is one database.
fn database(request: Message, port: u16, key: &Mutex<Option<String>>) -> io::Result<Message> {
    const FIELD: &str = "MasterUserSecretKmsKeyId";
    if let Some(stated) = request.field(FIELD) {
        *key.lock().unwrap_or_else(PoisonError::into_inner) = Some(stated);
    }
    let answer = request.without(FIELD).send(port)?;
    let key = key.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some((key, (before, after))) = key.zip(answer.text().split_once("<MasterUserSecret>")) else {
        return Ok(answer);
    };
    let Some((inside, after)) = after.split_once("</MasterUserSecret>") else { return Ok(answer) };
    let theirs = inside.split_once("<KmsKeyId>").and_then(|(_, rest)| rest.split_once('<')).map(|(theirs, _)| theirs);
    let inside = inside.replace(theirs.unwrap_or("<KmsKeyId>"), &key);
    let body = format!("{before}<MasterUserSecret>{inside}</MasterUserSecret>{after}");
    Ok(answer.with(body))
}
