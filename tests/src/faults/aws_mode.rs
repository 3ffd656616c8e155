//! AWS mode: the times that AWS takes, and the refusals that follow from them, which no emulator plays. Objects are pending
//! before they are available, and are deleted later than the answer says; new roles cannot be assumed; network interfaces
//! linger and hold subnets, security groups and addresses; names stay reserved; deployments take time, and can fail.
//! `aws_mode/deployments.rs` plays ECS's part. Times are those of AWS, divided by [`SCALE`].
//!
//! The profile also has the fault rules of [`RULES`].

mod deployments;
mod xml;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    lag::{Names, texts},
    protocol::{self, Failure},
};
use crate::proxy::{Message, unescape};
use deployments::Deployments;

/// The factor by which the profile is faster than AWS.
pub(crate) const SCALE: f64 = 60.0;

/// Reads show a new object after a second, and one read in ten is up to a second old.
pub(crate) const RULES: &[&str] = &["reads=lag:1000", "reads%10=stale:1000"];

fn scaled(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into()).div_f64(SCALE)
}

/// A kind of object with states that AWS takes time to pass through. Times are in seconds, as on AWS.
struct Lifecycle {
    /// The call that creates one, and the time until the object is available.
    create: (&'static str, u32),
    /// The element of an answer with the object's ID.
    id: &'static str,
    /// The element with its state.
    status: &'static str,
    pending: &'static str,
    /// The call that updates one, the state and the time.
    update: Option<(&'static str, &'static str, u32)>,
    /// The call that deletes one, the field with its ID, the state and the time.
    delete: Option<(&'static str, &'static str, &'static str, u32)>,
    /// The time for which the object's network interfaces outlive it.
    interfaces: u32,
    /// `true` if the emulator gets the delete only at the end of that time, because it removes the object at once.
    is_deferred: bool,
}

/// Orders of magnitude: SDK waiters (`NatGatewayAvailable`, `DBInstanceAvailable`, `LoadBalancerAvailable`) and the field.
const LIFECYCLES: &[Lifecycle] = &[
    Lifecycle {
        create: ("ec2:CreateNatGateway", 120),
        id: "natGatewayId",
        status: "state",
        pending: "pending",
        update: None,
        delete: Some(("ec2:DeleteNatGateway", "NatGatewayId", "deleting", 90)),
        interfaces: 0,
        is_deferred: false,
    },
    Lifecycle {
        create: ("ec2:CreateVpcEndpoint", 60),
        id: "vpcEndpointId",
        status: "state",
        pending: "pending",
        update: None,
        delete: Some(("ec2:DeleteVpcEndpoints", "VpcEndpointId.1", "deleting", 60)),
        interfaces: 0,
        is_deferred: true,
    },
    Lifecycle {
        create: ("elasticloadbalancing:CreateLoadBalancer", 180),
        id: "LoadBalancerArn",
        status: "State",
        pending: "<Code>provisioning</Code>",
        update: Some(("elasticloadbalancing:SetSubnets", "<Code>active</Code>", 0)),
        delete: Some(("elasticloadbalancing:DeleteLoadBalancer", "LoadBalancerArn", "", 0)),
        interfaces: 120,
        is_deferred: false,
    },
    Lifecycle {
        create: ("rds:CreateDBInstance", 480),
        id: "DBInstanceIdentifier",
        status: "DBInstanceStatus",
        pending: "creating",
        update: Some(("rds:ModifyDBInstance", "modifying", 180)),
        delete: Some(("rds:DeleteDBInstance", "DBInstanceIdentifier", "deleting", 300)),
        interfaces: 60,
        is_deferred: true,
    },
];

/// A refusal of a request that names an object which was created within a time. The text is part of the object's ARN.
struct Unusable {
    operation: &'static str,
    object: &'static str,
    seconds: u32,
    code: &'static str,
    message: &'static str,
}

const UNUSABLE: &[Unusable] = &[
    Unusable {
        operation: "ec2:CreateFlowLogs",
        object: ":role/",
        seconds: 60,
        code: "InvalidParameter",
        message: "Unable to assume given IAM role",
    },
    Unusable {
        operation: "ecs:RegisterTaskDefinition",
        object: ":role/",
        seconds: 60,
        code: "ClientException",
        message: "Role is not valid",
    },
    Unusable {
        operation: "rds:CreateDBInstance",
        object: ":role/",
        seconds: 60,
        code: "InvalidParameterValue",
        message: "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
    },
    Unusable {
        operation: "wafv2:AssociateWebACL",
        object: ":loadbalancer/",
        seconds: 90,
        code: "WAFUnavailableEntityException",
        message: "AWS WAF couldn't retrieve a resource that you specified for this operation.",
    },
];

/// A name that stays reserved after its object was deleted: the calls and the members with the name.
struct Reserved {
    delete: (&'static str, &'static str),
    create: (&'static str, &'static str),
    seconds: u32,
    code: &'static str,
    message: &'static str,
}

const RESERVED: &[Reserved] = &[
    Reserved {
        delete: ("secretsmanager:DeleteSecret", "SecretId"),
        create: ("secretsmanager:CreateSecret", "Name"),
        seconds: 120,
        code: "InvalidRequestException",
        message: "You can't create this secret because a secret with this name is already scheduled for deletion.",
    },
    Reserved {
        delete: ("s3:DeleteBucket", ""),
        create: ("s3:CreateBucket", ""),
        seconds: 120,
        code: "OperationAborted",
        message: "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    },
    Reserved {
        delete: ("ecs:DeleteService", "service"),
        create: ("ecs:CreateService", "serviceName"),
        seconds: 120,
        code: "InvalidParameterException",
        message: "Unable to Start a service that is still Draining.",
    },
];

/// A refusal of a delete while network interfaces use the object: the member with its ID.
const HELD: &[(&str, &str, &str, &str)] = &[
    (
        "ec2:DeleteSubnet",
        "SubnetId",
        "DependencyViolation",
        "The subnet '{SubnetId}' has dependencies and cannot be deleted.",
    ),
    ("ec2:DeleteSecurityGroup", "GroupId", "DependencyViolation", "resource {GroupId} has a dependent object"),
    ("ec2:ReleaseAddress", "AllocationId", "InvalidIPAddress.InUse", "Address is in use."),
];

/// Objects of AWS in the course of time.
#[derive(Default)]
pub(crate) struct AwsMode(Mutex<State>);

#[derive(Default)]
struct State {
    names: Names,
    /// The state of each object that is not settled, until a time.
    unsettled: BTreeMap<String, (&'static Lifecycle, &'static str, Instant)>,
    interfaces: Vec<Interfaces>,
    /// Calls and names that are refused until a time.
    reserved: BTreeMap<(&'static str, String), Instant>,
    /// Requests that the emulator gets later.
    deferred: Vec<(Instant, Message)>,
    deployments: Deployments,
}

/// The network interfaces of an object.
struct Interfaces {
    of: String,
    /// IDs of subnets, security groups and addresses.
    uses: BTreeSet<String>,
    /// The time at which they are gone; `None` as long as the object is there.
    until: Option<Instant>,
}

impl AwsMode {
    /// Answers as AWS would, by the answer of the endpoint.
    pub(crate) fn answer(&self, request: &Message, endpoint: SocketAddr) -> io::Result<Message> {
        let operation = protocol::operation(request);
        let now = Instant::now();
        let due: Vec<Message> = self.locked(|state| state.due(now));
        for one in due {
            one.send_to(endpoint)?;
        }
        if let Some(failure) = self.locked(|state| state.refusal(&operation, request, now)) {
            return Ok(protocol::error(request, &failure));
        }
        let deferred = LIFECYCLES.iter().find(|kind| kind.is_deferred && kind.deletes(&operation));
        let answer = match deferred.and_then(|kind| Some((kind, kind.target(request)?))) {
            Some((kind, id)) => self.locked(|state| state.defer(kind, &id, request, now)),
            None => request.send_to(endpoint)?,
        };
        Ok(self.locked(|state| {
            if answer.status().starts_with('2') {
                state.learn(&operation, request, &answer, now);
            }
            state.played(&operation, request, answer, now)
        }))
    }

    /// Lets the next deployment of a service fail.
    pub(crate) fn fail_next_deployment(&self) {
        self.locked(|state| state.deployments.fail_next());
    }

    fn locked<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lifecycle {
    fn deletes(&self, operation: &str) -> bool {
        self.delete.is_some_and(|(call, ..)| call == operation)
    }

    /// Returns the ID of the object that a request deletes.
    fn target(&self, request: &Message) -> Option<String> {
        request.field(self.delete?.1)
    }
}

impl State {
    /// Takes the requests that the emulator is to get now.
    fn due(&mut self, now: Instant) -> Vec<Message> {
        let (due, later) = std::mem::take(&mut self.deferred).into_iter().partition(|(at, _)| *at <= now);
        self.deferred = later;
        let due: Vec<(Instant, Message)> = due;
        due.into_iter().map(|(_, request)| request).chain(self.deployments.rollbacks(now)).collect()
    }

    fn refusal(&self, operation: &str, request: &Message, now: Instant) -> Option<Failure> {
        let refuse = |code: &str, message: &str| {
            Some(Failure { status: 400, code: code.to_owned(), message: protocol::filled(message, request) })
        };
        let all = values(request);
        let is_fresh = |one: &Unusable, value: &String| {
            value.contains(one.object) && self.names.age(value).is_some_and(|age| age < scaled(one.seconds))
        };
        for one in UNUSABLE.iter().filter(|one| one.operation == operation) {
            if all.iter().any(|value| is_fresh(one, value)) {
                return refuse(one.code, one.message);
            }
        }
        for one in RESERVED.iter().filter(|one| one.create.0 == operation) {
            let name = name_of(request, one.create.1);
            if self.reserved.get(&(one.create.0, name)).is_some_and(|until| now < *until) {
                return refuse(one.code, one.message);
            }
        }
        let mut held = self.interfaces.iter().filter(|one| one.until.is_none_or(|until| now < until));
        if operation == "ec2:DetachInternetGateway" && held.clone().any(Interfaces::are_public) {
            return refuse("DependencyViolation", "Network {VpcId} has some mapped public address(es).");
        }
        for (call, member, code, message) in HELD.iter().filter(|(call, ..)| *call == operation) {
            let id = request.field(member).unwrap_or_default();
            debug_assert!(!id.is_empty(), "{call} without {member}");
            if held.any(|one| one.uses.contains(&id)) {
                return refuse(code, message);
            }
        }
        if let Some(kind) = LIFECYCLES.iter().find(|kind| kind.deletes(operation)) {
            let unsettled = kind.target(request).and_then(|id| self.unsettled.get(&id).copied());
            // Other kinds accept the delete in every state.
            let is_busy = unsettled.is_some_and(|(_, _, until)| kind.service() == "rds" && now < until);
            if is_busy {
                return refuse("InvalidDBInstanceState", "Instance {DBInstanceIdentifier} is not available.");
            }
        }
        self.deployments.refusal(operation, request, now)
    }

    fn defer(&mut self, kind: &Lifecycle, id: &str, request: &Message, now: Instant) -> Message {
        let seconds = kind.delete.map_or(0, |(_, _, _, seconds)| seconds);
        self.deferred.push((now + scaled(seconds), request.clone()));
        let operation = request.field("Action").unwrap_or_default();
        let body = match kind.service() {
            "ec2" => format!("<{operation}Response><unsuccessful/></{operation}Response>"),
            _ => format!(
                "<{operation}Response><{operation}Result><DBInstance><DBInstanceIdentifier>{id}</DBInstanceIdentifier>\
                 </DBInstance></{operation}Result></{operation}Response>"
            ),
        };
        Message::answer(200, "text/xml", body)
    }

    fn learn(&mut self, operation: &str, request: &Message, answer: &Message, now: Instant) {
        self.names.learn(request, answer);
        for kind in LIFECYCLES {
            let (create, pending) = kind.create;
            if create == operation {
                let Some(id) = answer.element(kind.id).map(str::to_owned) else { continue };
                self.unsettled.insert(id.clone(), (kind, kind.pending, now + scaled(pending)));
                self.attach(id, request);
            } else if let Some((_, state, seconds)) = kind.update.filter(|(call, ..)| *call == operation) {
                let Some(id) = request.field(kind.id) else { continue };
                if seconds > 0 {
                    self.unsettled.insert(id.clone(), (kind, state, now + scaled(seconds)));
                }
                self.detach(&id, now + scaled(kind.interfaces), !interfaces(request).is_empty());
                self.attach(id, request);
            } else if let Some((_, _, state, seconds)) = kind.delete.filter(|(call, ..)| *call == operation) {
                let Some(id) = kind.target(request) else { continue };
                if seconds > 0 {
                    self.unsettled.insert(id.clone(), (kind, state, now + scaled(seconds)));
                }
                self.detach(&id, now + scaled(seconds + kind.interfaces), true);
            }
        }
        for one in RESERVED.iter().filter(|one| one.delete.0 == operation) {
            self.reserved.insert((one.create.0, name_of(request, one.delete.1)), now + scaled(one.seconds));
        }
        let service = protocol::member(request, "serviceName").or_else(|| protocol::member(request, "service"));
        if let (Some(service), "ecs") = (service, request.service()) {
            let of = format!("service {}", last(&service));
            match request.target() {
                "CreateService" => self.attach(of, request),
                "UpdateService" if !interfaces(request).is_empty() => {
                    self.detach(&of, now + scaled(deployments::STOP), true);
                    self.attach(of, request);
                }
                "DeleteService" => self.detach(&of, now + scaled(deployments::STOP), true),
                _ => {}
            }
        }
    }

    fn attach(&mut self, of: String, request: &Message) {
        let uses = interfaces(request);
        if !uses.is_empty() {
            self.interfaces.push(Interfaces { of, uses, until: None });
        }
    }

    fn detach(&mut self, of: &str, until: Instant, changes: bool) {
        let attached = self.interfaces.iter_mut().filter(|one| one.of == of && one.until.is_none());
        attached.filter(|_| changes).for_each(|one| one.until = Some(until));
    }

    /// Returns the endpoint's answer with the states that AWS would give now.
    fn played(&mut self, operation: &str, request: &Message, answer: Message, now: Instant) -> Message {
        self.unsettled.retain(|_, (_, _, until)| now < *until);
        let mut answer = answer;
        for (id, (kind, state, _)) in &self.unsettled {
            if kind.service() == request.service() && answer.text().contains(id.as_str()) {
                let body = xml::with_status(answer.text(), (kind.id, id), kind.status, state);
                answer = answer.with(body);
            }
        }
        self.deployments.played(operation, request, answer, now)
    }
}

impl Lifecycle {
    fn service(&self) -> &str {
        self.create.0.split(':').next().unwrap_or_default()
    }
}

impl Interfaces {
    /// A NAT gateway or a load balancer maps public addresses.
    fn are_public(&self) -> bool {
        self.of.starts_with("nat-") || self.of.contains(":loadbalancer/")
    }
}

/// Returns the texts of a request.
fn values(request: &Message) -> Vec<String> {
    if let Ok(body) = serde_json::from_str(request.text()) {
        return texts(&body);
    }
    request.text().split('&').filter_map(|pair| Some(unescape(pair.split_once('=')?.1))).collect()
}

/// Returns the IDs in a request that an object's network interfaces use.
fn interfaces(request: &Message) -> BTreeSet<String> {
    let is_used = |value: &String| ["subnet-", "sg-", "eipalloc-"].iter().any(|start| value.starts_with(start));
    values(request).into_iter().filter(is_used).collect()
}

/// Returns the name that a member has; for S3, that of the bucket in the path. An ARN has the name at its end, a secret's
/// with six more characters.
fn name_of(request: &Message, member: &str) -> String {
    if member.is_empty() {
        return request.path().split('?').next().unwrap_or_default().trim_matches('/').to_owned();
    }
    let value = protocol::member(request, member).unwrap_or_default();
    match value.split_once(":secret:") {
        Some((_, name)) => name.get(..name.len().saturating_sub(7)).unwrap_or_default().to_owned(),
        None => last(&value).to_owned(),
    }
}

fn last(arn: &str) -> &str {
    if arn.starts_with("arn:") { arn.rsplit('/').next().unwrap_or_default() } else { arn }
}
