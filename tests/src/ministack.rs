//! ministack, with what it lacks put in front of it: see `tests/EMULATORS.md`.

use std::{
    collections::BTreeMap,
    io,
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::json;

use crate::{
    Emulator, NO_DOCKER, free_port, program,
    proxy::{Message, proxy},
};

/// What is answered by moto beside it: a service that is not there, and one that knows nothing of what it is given.
const BY_MOTO: &[&str] = &["application-autoscaling", "acm"];

impl Emulator {
    /// Starts ministack: the program that `PROVISIONER_MINISTACK` names, else `ministack` on the path; and moto beside
    /// it. None where one of them is not there.
    pub fn ministack() -> Option<Self> {
        let beside = Self::moto()?;
        let port = free_port();
        let mut command = Command::new(program("PROVISIONER_MINISTACK", "ministack"));
        command.env("GATEWAY_PORT", port.to_string()).env("MINISTACK_HOST", "127.0.0.1");
        command.env("DOCKER_HOST", NO_DOCKER);
        let front = Front { port, moto: beside.port, kept: Mutex::default() };
        let mut emulator = Self::start(&mut command, port, || proxy(move |request| front.answer(&request)))?;
        emulator.beside = Some(Box::new(beside));
        Some(emulator)
    }
}

struct Front {
    port: u16,
    moto: u16,
    /// What it forgets: after which element of an answer there is to be what.
    kept: Mutex<BTreeMap<String, String>>,
}

impl Front {
    fn answer(&self, request: &Message) -> io::Result<Message> {
        match request.service() {
            service if BY_MOTO.contains(&service) => request.send(self.moto),
            "elasticloadbalancing" => shortened(request).send(self.port),
            "ec2" | "rds" => {
                let answer = request.send(self.port)?;
                self.keep(request, &answer)?;
                Ok(self.complete(answer))
            }
            _ => request.send(self.port),
        }
    }

    fn keep(&self, request: &Message, answer: &Message) -> io::Result<()> {
        let stated = |name: &str| request.field(name).unwrap_or_default();
        let (after, what) = match stated("Action").as_str() {
            "CreateNatGateway" => {
                let Some(id) = answer.element("natGatewayId") else { return Ok(()) };
                let address = format!("<allocationId>{}</allocationId><status>succeeded</status>", stated("AllocationId"));
                let addresses = format!("<natGatewayAddressSet><item>{address}</item></natGatewayAddressSet>");
                (format!("<natGatewayId>{id}</natGatewayId>"), addresses)
            }
            "CreateFlowLogs" => {
                let Some(id) = answer.element("item") else { return Ok(()) };
                let role = stated("DeliverLogsPermissionArn");
                let role = format!("<deliverLogsPermissionArn>{role}</deliverLogsPermissionArn>");
                (format!("<flowLogId>{id}</flowLogId>"), role)
            }
            "CreateDBInstance" if stated("ManageMasterUserPassword") == "true" => {
                let name = stated("DBInstanceIdentifier");
                let key = stated("MasterUserSecretKmsKeyId");
                let secret = self.secret(request, &name, &stated("MasterUsername"), &key)?;
                let secret = format!(
                    "<MasterUserSecret><SecretArn>{secret}</SecretArn><SecretStatus>active</SecretStatus>\
                     <KmsKeyId>{key}</KmsKeyId></MasterUserSecret>"
                );
                (format!("<DBInstanceIdentifier>{name}</DBInstanceIdentifier>"), secret)
            }
            _ => return Ok(()),
        };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(after, what);
        Ok(())
    }

    /// A managed password's secret, really there: `password` is what ministack gives such a database.
    fn secret(&self, request: &Message, database: &str, user: &str, key: &str) -> io::Result<String> {
        let authorization = request.header("authorization").unwrap_or_default().replace("/rds/", "/secretsmanager/");
        let value = json!({ "username": user, "password": "password" }).to_string();
        let secret = json!({ "Name": format!("rds!db-{database}"), "KmsKeyId": key, "SecretString": value });
        let answer = Message::json("secretsmanager.CreateSecret", &authorization, &secret).send(self.port)?;
        let answer: serde_json::Value = serde_json::from_str(answer.text())?;
        Ok(answer["ARN"].as_str().unwrap_or_default().to_owned())
    }

    fn complete(&self, answer: Message) -> Message {
        let mut body = answer.text().replace("<natGatewayAddressSet/>", "");
        for (after, what) in self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            body = body.replace(after, &format!("{after}{what}"));
        }
        answer.with(body)
    }
}

/// Where to hand requests to can be said in two ways, and it knows the short one only.
fn shortened(request: &Message) -> Message {
    let long = "Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn";
    let short = "Actions.member.1.TargetGroupArn";
    request.clone().with(request.text().replace(long, short))
}
