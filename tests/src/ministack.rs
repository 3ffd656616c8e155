//! ministack, with what it lacks put in front of it: see `tests/EMULATORS.md`.

use std::{
    collections::BTreeMap,
    io,
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    Emulator, NO_DOCKER,
    docker::{self, Containers},
    free_port,
    front::{self, ecs, offers},
    program,
    proxy::Message,
    registry,
};

/// Services that moto serves instead: one is missing, and one ignores its input.
const BY_MOTO: &[&str] = &["application-autoscaling", "acm"];
/// Below this path of the front is the load balancer, as its listener for HTTPS answers.
pub(crate) const BALANCER: &str = "/_balancer";

impl Emulator {
    /// Starts ministack: the program that `PROVISIONER_MINISTACK` names, else `ministack` on the path; and moto beside
    /// it. None where one of them is not there.
    pub fn ministack() -> Option<Self> {
        let (port, mut command) = ministack();
        command.env("DOCKER_HOST", NO_DOCKER).env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1");
        before(port, &mut command, false)
    }

    /// The same, with policies enforced: signatures are verified, and what the caller's policies and boundary do not allow is
    /// refused. The key `test` is the root user's.
    pub fn ministack_enforcing() -> Option<Self> {
        let (port, mut command) = ministack();
        command.env("DOCKER_HOST", NO_DOCKER).env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1");
        command.env("AUTH", "true");
        before(port, &mut command, false)
    }

    /// The same with Docker: tasks and databases are containers, which end with this value; images are pushed, and the
    /// load balancer answers.
    pub fn ministack_with_docker() -> Option<Self> {
        let (port, mut command) = ministack();
        // By this name containers reach this machine; a database's certificate has it as well.
        command.env("MINISTACK_HOST", "host.docker.internal").env("RDS_BASE_PORT", docker::DATABASE_PORT.to_string());
        // The load balancer's requests carry no credentials that would say their region.
        command.env("MINISTACK_REGION", "us-east-1").env("MINISTACK_HOSTNAME", Containers::OWNER);
        let mut emulator = before(port, &mut command, true)?;
        emulator.containers = Some(Containers::of(port));
        Some(emulator)
    }

    /// Returns the Docker filter for the emulator's containers.
    pub fn label(&self) -> String {
        self.containers.as_ref().map(|containers| containers.label().to_owned()).unwrap_or_default()
    }

    /// Returns the load balancer's base URL.
    pub fn balancer(&self) -> String {
        format!("{}{BALANCER}", self.url)
    }
}

/// ministack leaves the roles' permissions boundaries out of the list of the account's roles: the front keeps them, by the
/// emulator's port and the role's name.
fn with_boundaries(request: &Message, port: u16, answer: Message) -> io::Result<Message> {
    static KEPT: Mutex<BTreeMap<(u16, String), String>> = Mutex::new(BTreeMap::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let action = request.field("Action").unwrap_or_default();
    if let Some(name) = request.field("RoleName").filter(|_| answer.status() == "200") {
        match (&*action, request.field("PermissionsBoundary")) {
            ("CreateRole" | "PutRolePermissionsBoundary", Some(boundary)) => {
                kept.insert((port, name), boundary);
            }
            ("DeleteRole" | "DeleteRolePermissionsBoundary", _) => drop(kept.remove(&(port, name))),
            _ => {}
        }
    }
    if action != "GetAccountAuthorizationDetails" {
        return Ok(answer);
    }
    let mut body = answer.text().to_owned();
    for ((_, name), boundary) in kept.iter().filter(|((of, _), _)| *of == port) {
        let element = format!("<RoleName>{name}</RoleName>");
        let boundary = format!("<PermissionsBoundaryArn>{boundary}</PermissionsBoundaryArn>");
        body = body.replace(&element, &format!("{element}<PermissionsBoundary>{boundary}</PermissionsBoundary>"));
    }
    Ok(answer.with(body))
}

fn ministack() -> (u16, Command) {
    let port = free_port();
    let mut command = Command::new(program("PROVISIONER_MINISTACK", "ministack"));
    command.env("GATEWAY_PORT", port.to_string());
    (port, command)
}

/// Starts it, with moto beside it and the front before it.
fn before(port: u16, command: &mut Command, docker: bool) -> Option<Emulator> {
    let beside = Emulator::moto()?;
    let front = Front { port, moto: beside.port, docker, kept: Mutex::default(), balancer: Mutex::default() };
    let mut emulator = Emulator::start(command, port, move |request| front.answer(&request))?;
    emulator.beside = Some(Box::new(beside));
    Some(emulator)
}

struct Front {
    port: u16,
    moto: u16,
    /// `true` if there is a registry behind it, and tasks run.
    docker: bool,
    /// Elements to add to responses, by the element that precedes them.
    kept: Mutex<BTreeMap<String, String>>,
    /// The load balancer's name in DNS.
    balancer: Mutex<String>,
}

impl Front {
    fn answer(&self, request: &Message) -> io::Result<Message> {
        if let Some(path) = request.path().strip_prefix(BALANCER) {
            return self.balanced(request, path);
        }
        match request.service() {
            "application-autoscaling" if request.target() == "RegisterScalableTarget" => {
                self.told_of_service(request)?;
                request.send(self.moto)
            }
            service if BY_MOTO.contains(&service) => request.send(self.moto),
            // As with moto: there is no place for a dashboard's tags.
            "monitoring" => front::tags_in_cbor(self.port, request).map_or_else(|| request.send(self.port), Ok),
            // As with moto: without Docker no task joins a target group.
            "elasticloadbalancing"
                if !self.docker && request.field("Action").as_deref() == Some("DescribeTargetHealth") =>
            {
                ecs::health(request, self.port)
            }
            "elasticloadbalancing" => {
                let request = self.in_its_network(shortened(request))?;
                let answer = request.send(self.port)?;
                if let Some(name) = answer.element("DNSName") {
                    name.clone_into(&mut self.balancer.lock().unwrap_or_else(PoisonError::into_inner));
                }
                Ok(answer)
            }
            "ec2" | "rds" => {
                if let Some(answer) = offers::answer(request).filter(|_| request.service() == "rds") {
                    return Ok(answer);
                }
                let answer = request.send(self.port)?;
                self.keep(request, &answer)?;
                let answer = self.complete(answer);
                if request.service() == "rds" { front::with_lifecycle(request, self.port, &answer) } else { Ok(answer) }
            }
            "iam" => with_boundaries(request, self.port, request.send(self.port)?),
            "ecr" if self.docker => {
                let answer = request.send(self.port)?;
                let body = registry::named(self.port, answer.text());
                Ok(answer.with(body))
            }
            "ecs" if self.docker => {
                let answer = with_credentials(request).send(self.port)?;
                Ok(without_credentials(answer))
            }
            _ => request.send(self.port),
        }
    }

    /// Asks the load balancer's listener for HTTPS. It hands requests to every task that runs, where AWS waits until one
    /// is healthy: while a connection is refused, nobody has seen the request, and it is sent again.
    fn balanced(&self, request: &Message, path: &str) -> io::Result<Message> {
        let name = self.balancer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = request.clone().to(path, &format!("{name}:443"));
        for _ in 0..40 {
            let answer = request.send(self.port)?;
            if !(answer.status() == "502" && answer.text().contains("connect error")) {
                return Ok(answer);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        request.send(self.port)
    }

    /// Before moto scales a service it looks whether there is one: it is given one of that name.
    fn told_of_service(&self, request: &Message) -> io::Result<()> {
        let body: Value = serde_json::from_str(request.text()).unwrap_or_default();
        let id = body["ResourceId"].as_str().unwrap_or_default();
        let [_, cluster, service] = id.split('/').collect::<Vec<_>>()[..] else { return Ok(()) };
        let container = json!({ "name": "any", "image": "any", "memory": 128 });
        let calls = [
            ("CreateCluster", json!({ "clusterName": cluster })),
            ("RegisterTaskDefinition", json!({ "family": "any", "containerDefinitions": [container] })),
            ("CreateService", json!({ "cluster": cluster, "serviceName": service, "taskDefinition": "any" })),
        ];
        let signed = request.clone().signed_for("ecs");
        for (operation, members) in calls {
            let target = format!("{}{operation}", ecs::TARGET);
            Message::json(&target, signed.header("authorization").unwrap_or_default(), &members).send(self.moto)?;
        }
        Ok(())
    }

    /// A load balancer is in the network of its subnets, and ministack does not look there.
    fn in_its_network(&self, request: Message) -> io::Result<Message> {
        let Some(subnet) = request.field("Subnets.member.1") else { return Ok(request) };
        let asked = format!("Action=DescribeSubnets&Version=2016-11-15&SubnetId.1={subnet}");
        let told = request.clone().signed_for("ec2").with(asked).send(self.port)?;
        let network = told.element("vpcId").unwrap_or_default();
        let body = format!("{}&VpcId={network}", request.text());
        Ok(request.with(body))
    }

    fn keep(&self, request: &Message, answer: &Message) -> io::Result<()> {
        let stated = |name: &str| request.field(name).unwrap_or_default();
        let (after, what) = match stated("Action").as_str() {
            "CreateNatGateway" => {
                let Some(id) = answer.element("natGatewayId") else { return Ok(()) };
                let address =
                    format!("<allocationId>{}</allocationId><status>succeeded</status>", stated("AllocationId"));
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
                let (name, key) = (stated("DBInstanceIdentifier"), stated("MasterUserSecretKmsKeyId"));
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
        let request = request.clone().signed_for("secretsmanager");
        let authorization = request.header("authorization").unwrap_or_default();
        let value = json!({ "username": user, "password": "password" }).to_string();
        let secret = json!({ "Name": format!("rds!db-{database}"), "KmsKeyId": key, "SecretString": value });
        let answer = Message::json("secretsmanager.CreateSecret", authorization, &secret).send(self.port)?;
        let answer: Value = serde_json::from_str(answer.text())?;
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

/// Converts a forward action to the short form, the only one that ministack supports.
fn shortened(request: &Message) -> Message {
    let long = "Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn";
    let short = "Actions.member.1.TargetGroupArn";
    request.clone().with(request.text().replace(long, short))
}

/// It offers tasks their role's credentials at an address that the SDK does not trust with them, so that tasks get keys
/// of their own; it takes any.
const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

fn with_credentials(request: &Message) -> Message {
    let Ok(mut body) = serde_json::from_str::<Value>(request.text()) else { return request.clone() };
    for container in body["containerDefinitions"].as_array_mut().into_iter().flatten() {
        if let Some(environment) = container["environment"].as_array_mut() {
            environment.extend(KEYS.map(|name| json!({ "name": name, "value": "test" })));
        }
    }
    request.clone().with(body.to_string())
}

/// Removes the added credentials from a response.
fn without_credentials(answer: Message) -> Message {
    let Ok(mut body) = serde_json::from_str::<Value>(answer.text()) else { return answer };
    if let Some(containers) = body["taskDefinition"]["containerDefinitions"].as_array_mut() {
        for environment in containers.iter_mut().filter_map(|one| one["environment"].as_array_mut()) {
            environment.retain(|one| !KEYS.iter().any(|name| one["name"] == *name));
        }
    } else {
        return answer;
    }
    answer.with(body.to_string())
}
