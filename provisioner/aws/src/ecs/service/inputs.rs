//! Inputs of an ECS service.

use aws_sdk_ecs::types;

use crate::{
    ec2::{SecurityGroup, Subnet},
    ecs::{CapacityShare, Cluster},
    elb::{Listener, TargetGroup},
    prelude::*,
};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_-]+$",
    page: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html",
    ..NameRule::ANY
};

/// Keeps a number of tasks running.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ecs:service",
    cloudformation = "AWS::ECS::Service",
    attributes(id = "${cluster}/${Name}", arn = "ServiceArn", name = "Name", cluster = "${cluster}"),
    create = "ecs:CreateService",
    unique(cluster, service_name),
    omitted(
        clientToken = "the engine's token",
        role = "the service-linked role: `awsvpc` needs it",
        "loadBalancers.advancedConfiguration" =
            "for blue and green, not so far; so too lifecycle hooks and canaries",
        "loadBalancers.loadBalancerName" = "classic load balancers, which are of the past",
        serviceConnectConfiguration | volumeConfigurations | vpcLatticeConfigurations | monitoring = "not so far",
        gatewayConnectors = "new, not so far",
    )
)]
pub struct Service {
    /// Letters, digits, `-` and `_`; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE))]
    pub service_name: Option<String>,
    /// Cluster of the service.
    #[field(replaces)]
    pub cluster: In<Id<Cluster>>,
    /// The ARN of the revision that the service runs.
    pub task_definition: In<String>,
    /// The number of tasks at the start: autoscaling changes it afterwards. An update stops a service whose number is
    /// zero, and starts one that has none and is to have some.
    #[field(initial, stopped = 0)]
    pub desired_count: Option<i32>,
    /// `FARGATE`, `EC2` or `EXTERNAL`; or `capacity_provider_strategy` instead.
    #[field(replaces)]
    pub launch_type: Option<String>,
    /// The capacity of the tasks.
    #[field(set)]
    pub capacity_provider_strategy: Option<Vec<CapacityShare>>,
    /// The version of Fargate: `LATEST` if absent.
    #[field(cloud_default = none)]
    pub platform_version: Option<String>,
    /// Subnets of the tasks' addresses, with the network mode `awsvpc`.
    #[field(set, parameter = "networkConfiguration", property = "NetworkConfiguration.AwsvpcConfiguration.Subnets")]
    pub subnets: Vec<In<Id<Subnet>>>,
    /// Security groups of the tasks.
    #[field(
        set,
        parameter = "networkConfiguration",
        property = "NetworkConfiguration.AwsvpcConfiguration.SecurityGroups"
    )]
    pub security_groups: Vec<In<Id<SecurityGroup>>>,
    /// `true` if the tasks get public addresses; AWS's default is no.
    #[field(
        parameter = "networkConfiguration",
        cloud_default = false,
        property = "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp",
        convert = enabled
    )]
    pub assign_public_ip: Option<bool>,
    /// The target groups that the tasks join.
    #[field(set)]
    pub load_balancers: Vec<ServiceTarget>,
    /// Listeners that must exist before the service, since ECS refuses a target group without one. AWS does not get
    /// them.
    #[field(write_only, may_dangle, property(none = "for the order only"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<In<Id<Listener>>>,
    /// The names in service discovery under which clients find the tasks.
    #[field(set)]
    pub service_registries: Vec<ServiceRegistry>,
    /// Rollout settings of a new revision.
    #[field(cloud_default = none)]
    pub deployment_configuration: Option<Deployment>,
    /// Deployment controller: `ECS` (the default), `CODE_DEPLOY` or `EXTERNAL`.
    #[field(replaces, property = "DeploymentController.Type")]
    pub deployment_controller: Option<String>,
    /// Seconds for which a fresh task may fail the load balancer's checks: 0 if absent.
    #[field(cloud_default = none)]
    pub health_check_grace_period_seconds: Option<i32>,
    /// Rebalancing of tasks for equal shares in all zones: `ENABLED` or `DISABLED`.
    pub availability_zone_rebalancing: Option<String>,
    /// `true` if commands can be run in the containers; AWS's default is no.
    #[field(cloud_default = false)]
    pub enable_execute_command: Option<bool>,
    /// `REPLICA` (AWS's default) or `DAEMON`: one on each host.
    #[field(replaces)]
    pub scheduling_strategy: Option<String>,
    /// Conditions that a host must meet; not on Fargate.
    #[field(set)]
    pub placement_constraints: Vec<PlacementConstraint>,
    /// The order in which hosts are filled; not on Fargate.
    #[field(property = "PlacementStrategies")]
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Source of the tasks' tags: `SERVICE`, `TASK_DEFINITION` or `NONE` (the default).
    #[field(cloud_default = none)]
    pub propagate_tags: Option<String>,
    /// `true` if tasks are tagged with cluster and service; AWS's default is no.
    #[field(cloud_default = false, property = "EnableECSManagedTags")]
    pub enable_ecs_managed_tags: Option<bool>,
    /// Tags of the service, by key.
    pub tags: Tags,
}

impl Service {
    /// The inputs with what ends the changed settings that the program no longer states: ECS keeps whatever an update
    /// leaves out.
    pub(super) fn with_ends(&self, changed: &ChangedFields<Self>, recorded: &Self) -> Self {
        let mut desired = self.clone();
        if changed.contains(Field::PlatformVersion) {
            desired.platform_version.get_or_insert_with(|| "LATEST".to_owned());
        }
        if changed.contains(Field::HealthCheckGracePeriodSeconds) {
            desired.health_check_grace_period_seconds.get_or_insert(0);
        }
        if changed.contains(Field::PropagateTags) {
            desired.propagate_tags.get_or_insert_with(|| "NONE".to_owned());
        }
        if let Some(recorded) = recorded.deployment_configuration.as_ref()
            && changed.contains(Field::DeploymentConfiguration)
        {
            let daemon = desired.scheduling_strategy.as_deref() == Some("DAEMON");
            desired.deployment_configuration.get_or_insert_default().end(recorded, daemon);
        }
        desired
    }
}

/// A target group that a service's tasks join.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct ServiceTarget {
    /// The group. A listener must use it.
    pub target_group_arn: In<Id<TargetGroup>>,
    /// The container that receives the requests.
    pub container_name: String,
    /// The container's port for them.
    pub container_port: i32,
}
sdk_struct!(ServiceTarget = types::LoadBalancer { target_group_arn, container_name, container_port });

/// A name in service discovery under which clients find the tasks.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct ServiceRegistry {
    /// The ARN of a Cloud Map service.
    pub registry_arn: In<String>,
    /// The port, for SRV records.
    pub port: Option<i32>,
    /// Name of the container.
    pub container_name: Option<String>,
    /// Port of the container.
    pub container_port: Option<i32>,
}
sdk_struct!(ServiceRegistry = types::ServiceRegistry { registry_arn, port, container_name, container_port });

/// The rollout settings of a new revision.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Deployment {
    /// Circuit breaker for rollouts whose tasks do not start.
    pub deployment_circuit_breaker: Option<CircuitBreaker>,
    /// The maximum of tasks during a rollout, in percent of the desired number: 200 if absent.
    pub maximum_percent: Option<i32>,
    /// The minimum of healthy tasks during a rollout, in percent: 100 if absent.
    pub minimum_healthy_percent: Option<i32>,
    /// Alarms that end a rollout.
    pub alarms: Option<DeploymentAlarms>,
    /// `ROLLING` if absent; the others need a load balancer made for them.
    pub strategy: Option<String>,
    /// Minutes for which the old revision remains beside the new one; not for `ROLLING`.
    pub bake_time_in_minutes: Option<i32>,
}
sdk_struct!(
    Deployment = types::DeploymentConfiguration {
        deployment_circuit_breaker,
        maximum_percent,
        minimum_healthy_percent,
        alarms,
        strategy,
        bake_time_in_minutes
    }
);

impl Deployment {
    /// Adds what ends the recorded settings that are no longer stated.
    fn end(&mut self, recorded: &Self, daemon: bool) {
        if recorded.deployment_circuit_breaker.is_some() {
            self.deployment_circuit_breaker.get_or_insert_with(|| CircuitBreaker::new(false, false));
        }
        if recorded.alarms.is_some() {
            self.alarms.get_or_insert_with(|| DeploymentAlarms::new(Vec::<String>::new(), false, false));
        }
        // ECS replaces a daemon's task only after it has stopped: a host runs one at most.
        let (most, least) = if daemon { (100, 0) } else { (200, 100) };
        if recorded.maximum_percent.is_some() {
            self.maximum_percent.get_or_insert(most);
        }
        if recorded.minimum_healthy_percent.is_some() {
            self.minimum_healthy_percent.get_or_insert(least);
        }
        if recorded.strategy.is_some() {
            self.strategy.get_or_insert_with(|| "ROLLING".to_owned());
        }
    }
}

/// The circuit breaker for rollouts whose tasks do not start.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct CircuitBreaker {
    /// `true` if the breaker ends such a rollout.
    pub enable: bool,
    /// `true` if ECS then restores the last good revision.
    pub rollback: bool,
}
sdk_struct!(CircuitBreaker = types::DeploymentCircuitBreaker { enable, rollback });

/// Alarms that end a rollout.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct DeploymentAlarms {
    /// Names of the alarms.
    #[field(required)]
    pub alarm_names: Vec<In<String>>,
    /// `true` if the alarms end a rollout.
    pub enable: bool,
    /// `true` if ECS then restores the last good revision.
    pub rollback: bool,
}
sdk_struct!(DeploymentAlarms = types::DeploymentAlarms { alarm_names, enable, rollback });

/// A condition that a host must meet.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct PlacementConstraint {
    /// `distinctInstance` or `memberOf`.
    pub r#type: String,
    /// The condition of `memberOf`, in the cluster's query language.
    pub expression: Option<String>,
}
sdk_struct!(PlacementConstraint = types::PlacementConstraint { r#type, expression });

/// A rule about the order in which hosts are filled.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct PlacementStrategy {
    /// `random`, `spread` or `binpack`.
    pub r#type: String,
    /// The attribute or resource that the rule is about, such as `memory`.
    pub field: Option<String>,
}
sdk_struct!(PlacementStrategy = types::PlacementStrategy { r#type, field });
