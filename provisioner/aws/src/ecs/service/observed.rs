//! Conversion of AWS's service type to ours; the only place that does so.

use aws_sdk_ecs::types::{
    self, AssignPublicIp, DeploymentConfiguration, LoadBalancer, NetworkConfiguration, PlacementConstraintType,
    PlacementStrategyType,
};
use provisioner_model::{
    error::Result,
    resource::{Id, Observed},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{
    CircuitBreaker, Deployment, DeploymentAlarms, Placement, Service, ServiceRegistry, ServiceTarget, calls::READ,
};
use crate::{
    ecs::{last_segment, observed_shares, our_tags},
    error::need,
};

/// A deployment that AWS has under way, or the one that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// ID of the form `ecs-svc/…`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// `COMPLETED`, `IN_PROGRESS` or `FAILED`, where AWS rolls out.
    #[serde(default)]
    pub state: Option<String>,
    /// Reason for the state.
    #[serde(default)]
    pub reason: Option<String>,
    /// ARN of the task definition's revision.
    pub task_definition: String,
    /// Desired number of tasks.
    pub desired: i32,
    /// Number of running tasks.
    pub running: i32,
    /// Number of tasks that did not start.
    pub failed: i32,
}

/// The outputs of an ECS service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceOutputs {
    /// ID of the form `cluster/name`.
    pub id: Id<Service>,
    /// The ARN of the service.
    pub arn: String,
    /// The name of the service.
    pub name: String,
    /// Name of the service's cluster.
    pub cluster: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// Its deployments, the primary one first.
    pub rollouts: Vec<Rollout>,
}

impl Service {
    /// The ARN of the service.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// Its name: an alarm's dimension `ServiceName`.
    pub const NAME: Output<Self, String> = Output::new("name");
    /// Its cluster's name: an alarm's dimension `ClusterName`.
    pub const CLUSTER: Output<Self, String> = Output::new("cluster");
    /// `cluster/name`: with `service/` before it, what autoscaling calls it.
    pub const PATH: Output<Self, String> = Output::new("id");
}

pub(super) fn id_of(one: &types::Service) -> Result<Id<Service>> {
    let cluster = need(READ, one.cluster_arn(), "clusterArn")?;
    Ok(Id::new(format!("{}/{}", last_segment(&cluster), need(READ, one.service_name(), "serviceName")?)))
}

pub(super) fn to_observed(one: &types::Service) -> Result<Observed<Service>> {
    let cluster = last_segment(&need(READ, one.cluster_arn(), "clusterArn")?).to_owned();
    let vpc = one.network_configuration().and_then(NetworkConfiguration::awsvpc_configuration);
    let target = |observed: &LoadBalancer| {
        Some(ServiceTarget {
            target_group: Id::new(observed.target_group_arn()?).into(),
            container: observed.container_name()?.to_owned(),
            port: observed.container_port()?,
        })
    };
    let rollout = |observed: &types::Deployment| Rollout {
        id: observed.id().unwrap_or_default().to_owned(),
        status: observed.status().unwrap_or_default().to_owned(),
        state: observed.rollout_state().map(|state| state.as_str().to_owned()),
        reason: observed.rollout_state_reason().map(str::to_owned),
        task_definition: observed.task_definition().unwrap_or_default().to_owned(),
        desired: observed.desired_count(),
        running: observed.running_count(),
        failed: observed.failed_tasks(),
    };
    let placement = |kind: Option<&str>, by: Option<&str>| Placement {
        kind: kind.unwrap_or_default().to_owned(),
        by: by.map(str::to_owned),
    };
    Ok(Observed {
        inputs: Service {
            name: one.service_name().map(str::to_owned),
            cluster: Id::new(&cluster).into(),
            task_definition: one.task_definition().unwrap_or_default().to_owned().into(),
            desired_count: Some(one.desired_count()),
            launch_type: one.launch_type().map(|kind| kind.as_str().to_owned()),
            capacity: Some(observed_shares(one.capacity_provider_strategy())),
            platform_version: one.platform_version().map(str::to_owned),
            subnets: vpc.map(|vpc| vpc.subnets().iter().map(|id| Id::new(id).into()).collect()).unwrap_or_default(),
            security_groups: vpc
                .map(|vpc| vpc.security_groups().iter().map(|id| Id::new(id).into()).collect())
                .unwrap_or_default(),
            public_ip: vpc.and_then(|vpc| vpc.assign_public_ip()).map(|kind| *kind == AssignPublicIp::Enabled),
            load_balancers: one.load_balancers().iter().filter_map(target).collect(),
            listeners: vec![],
            service_registries: one
                .service_registries()
                .iter()
                .map(|observed| ServiceRegistry {
                    registry: observed.registry_arn().unwrap_or_default().to_owned().into(),
                    port: observed.port(),
                    container: observed.container_name().map(str::to_owned),
                    container_port: observed.container_port(),
                })
                .collect(),
            deployment: one.deployment_configuration().map(observed_deployment),
            deployment_controller: one.deployment_controller().map(|observed| observed.r#type().as_str().to_owned()),
            health_check_grace_seconds: one.health_check_grace_period_seconds(),
            az_rebalancing: one.availability_zone_rebalancing().map(|kind| kind.as_str().to_owned()),
            execute_command: Some(one.enable_execute_command()),
            scheduling_strategy: one.scheduling_strategy().map(|kind| kind.as_str().to_owned()),
            placement_constraints: one
                .placement_constraints()
                .iter()
                .map(|observed| {
                    placement(observed.r#type().map(PlacementConstraintType::as_str), observed.expression())
                })
                .collect(),
            placement_strategy: one
                .placement_strategy()
                .iter()
                .map(|observed| placement(observed.r#type().map(PlacementStrategyType::as_str), observed.field()))
                .collect(),
            propagate_tags: one.propagate_tags().map(|kind| kind.as_str().to_owned()),
            managed_tags: Some(one.enable_ecs_managed_tags()),
            tags: our_tags(one.tags()),
        },
        outputs: ServiceOutputs {
            id: id_of(one)?,
            arn: need(READ, one.service_arn(), "serviceArn")?,
            name: need(READ, one.service_name(), "serviceName")?,
            cluster,
            status: need(READ, one.status(), "status")?,
            rollouts: one.deployments().iter().map(rollout).collect(),
        },
    })
}

fn observed_deployment(observed: &DeploymentConfiguration) -> Deployment {
    Deployment {
        circuit_breaker: observed
            .deployment_circuit_breaker()
            .map(|observed| CircuitBreaker { enable: observed.enable(), rollback: observed.rollback() }),
        maximum_percent: observed.maximum_percent(),
        minimum_healthy_percent: observed.minimum_healthy_percent(),
        alarms: observed.alarms().map(|observed| DeploymentAlarms {
            names: observed.alarm_names().iter().map(|name| name.clone().into()).collect(),
            enable: observed.enable(),
            rollback: observed.rollback(),
        }),
        strategy: observed.strategy().map(|kind| kind.as_str().to_owned()),
        bake_minutes: observed.bake_time_in_minutes(),
    }
}
