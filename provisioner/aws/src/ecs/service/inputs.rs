//! Inputs of an ECS service.

use provisioner_model::{
    expr::In,
    resource::{Id, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    ec2::{SecurityGroup, Subnet},
    ecs::{CapacityShare, Cluster},
    elb::{Listener, TargetGroup},
};

/// Keeps so many tasks running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Letters, digits, `-` and `_`. Generated where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Cluster of the service.
    pub cluster: In<Id<Cluster>>,
    /// The ARN of the revision that it runs.
    pub task_definition: In<String>,
    /// With how many tasks it starts: autoscaling moves it afterwards. An update stops a service that is to have none,
    /// and starts one that is to have some and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<i32>,
    /// `FARGATE`, `EC2` or `EXTERNAL`; or `capacity` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<String>,
    /// On what capacity its tasks run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Vec<CapacityShare>>,
    /// Of Fargate: `LATEST` if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// Subnets of the tasks' addresses, with the network mode `awsvpc`.
    #[serde(default)]
    pub subnets: Vec<In<Id<Subnet>>>,
    /// Security groups of the tasks.
    #[serde(default)]
    pub security_groups: Vec<In<Id<SecurityGroup>>>,
    /// `true` if they get public addresses; no if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<bool>,
    /// The target groups that its tasks join.
    #[serde(default)]
    pub load_balancers: Vec<ServiceTarget>,
    /// Not told to AWS, for the order alone: made after these, since a target group without a listener is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<In<Id<Listener>>>,
    /// The names under which its tasks are found.
    #[serde(default)]
    pub service_registries: Vec<ServiceRegistry>,
    /// Rollout settings of a new revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// Deployment controller: `ECS` (the default), `CODE_DEPLOY` or `EXTERNAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_controller: Option<String>,
    /// Seconds for which a fresh task may fail the load balancer's checks: 0 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_grace_seconds: Option<i32>,
    /// Rebalancing of tasks for equal shares in all zones: `ENABLED` or `DISABLED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub az_rebalancing: Option<String>,
    /// `true` if commands can be run in its containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_command: Option<bool>,
    /// `REPLICA` (if not stated) or `DAEMON`: one on each host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling_strategy: Option<String>,
    /// On which hosts; not on Fargate.
    #[serde(default)]
    pub placement_constraints: Vec<Placement>,
    /// In which order hosts are filled; not on Fargate.
    #[serde(default)]
    pub placement_strategy: Vec<Placement>,
    /// Source of the tasks' tags: `SERVICE`, `TASK_DEFINITION` or `NONE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagate_tags: Option<String>,
    /// `true` if tasks are tagged with cluster and service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_tags: Option<bool>,
    /// Tags of the service, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// A target group that a service's tasks join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceTarget {
    /// The group. It must be in use by a listener.
    pub target_group: In<Id<TargetGroup>>,
    /// The container that answers.
    pub container: String,
    /// The port on which it does.
    pub port: i32,
}

/// A name under which tasks are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceRegistry {
    /// The ARN of a Cloud Map service.
    pub registry: In<String>,
    /// The port, for SRV records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Name of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Port of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_port: Option<i32>,
}

/// The rollout settings of a new revision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Circuit breaker for rollouts whose tasks do not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
    /// So many tasks may there be, in percent of those wanted: 200 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_percent: Option<i32>,
    /// So many must there be: 100 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_healthy_percent: Option<i32>,
    /// Alarms that end a rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarms: Option<DeploymentAlarms>,
    /// `ROLLING` (if not stated); the others want a load balancer made for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Minutes for which the old revision remains beside the new one; not for `ROLLING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_minutes: Option<i32>,
}

/// The circuit breaker for rollouts whose tasks do not start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    /// `true` if anything does.
    pub enable: bool,
    /// `true` if the last good revision comes back.
    pub rollback: bool,
}

/// Alarms that end a rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeploymentAlarms {
    /// Names of the alarms.
    pub names: Vec<In<String>>,
    /// `true` if they do.
    pub enable: bool,
    /// `true` if the last good revision comes back.
    pub rollback: bool,
}

/// A rule about hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// `distinctInstance`, `memberOf`; `random`, `spread`, `binpack`.
    pub kind: String,
    /// The expression, or the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Service {
    /// A service in this cluster that runs this revision.
    pub fn new(cluster: In<Id<Cluster>>, task_definition: In<String>) -> Self {
        Self {
            name: None,
            cluster,
            task_definition,
            desired_count: None,
            launch_type: None,
            capacity: None,
            platform_version: None,
            subnets: vec![],
            security_groups: vec![],
            public_ip: None,
            load_balancers: vec![],
            listeners: vec![],
            service_registries: vec![],
            deployment: None,
            deployment_controller: None,
            health_check_grace_seconds: None,
            az_rebalancing: None,
            execute_command: None,
            scheduling_strategy: None,
            placement_constraints: vec![],
            placement_strategy: vec![],
            propagate_tags: None,
            managed_tags: None,
            tags: Tags::new(),
        }
    }
}
