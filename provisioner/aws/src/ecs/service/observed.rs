//! Conversion of AWS's service type to ours; the only place that does so.

use aws_sdk_ecs::types::{self, AwsVpcConfiguration, DeploymentController, NetworkConfiguration};

use super::{Service, calls::READ};
use crate::{
    ecs::{is_enabled, last_segment, our_tags},
    prelude::*,
};

/// A deployment that AWS has under way, or the one that runs.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct Rollout {
    /// ID of the form `ecs-svc/…`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// `COMPLETED`, `IN_PROGRESS` or `FAILED`, where AWS rolls out.
    pub state: Option<String>,
    /// Reason for the state.
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
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ServiceOutputs {
    /// `cluster/name`. Autoscaling's ID of the service is `service/` and this.
    #[output(constant = "PATH")]
    pub id: Id<Service>,
    /// The ARN of the service.
    pub arn: String,
    /// The name of the service: an alarm's dimension `ServiceName`.
    pub name: String,
    /// Name of the service's cluster: an alarm's dimension `ClusterName`.
    pub cluster: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// Its deployments, the primary one first.
    pub rollouts: Vec<Rollout>,
}

pub(super) fn id_of(one: &types::Service) -> Result<Id<Service>> {
    let cluster = need(READ, one.cluster_arn(), "clusterArn")?;
    Ok(Id::new(format!("{}/{}", last_segment(&cluster), need(READ, one.service_name(), "serviceName")?)))
}

pub(super) fn to_observed(one: &types::Service) -> Result<Observed<Service>> {
    let cluster = last_segment(&need(READ, one.cluster_arn(), "clusterArn")?).to_owned();
    let vpc = one.network_configuration().and_then(NetworkConfiguration::awsvpc_configuration);
    let public_ip = vpc.and_then(AwsVpcConfiguration::assign_public_ip);
    let controller = one.deployment_controller().map(DeploymentController::r#type);
    let rollouts: Result<_> = one.deployments().iter().map(rollout).collect();
    Ok(Observed {
        inputs: from_sdk!(READ, one => Service {
            service_name, desired_count, launch_type, capacity_provider_strategy, platform_version, load_balancers,
            service_registries, deployment_configuration, health_check_grace_period_seconds,
            availability_zone_rebalancing, enable_execute_command, scheduling_strategy, placement_constraints,
            placement_strategy, propagate_tags, enable_ecs_managed_tags;
            cluster: Id::new(&cluster).into(),
            task_definition: one.task_definition().unwrap_or_default().into(),
            subnets: vpc.and_then(|vpc| FromSdk::from_sdk(vpc.subnets())).unwrap_or_default(),
            security_groups: vpc.and_then(|vpc| FromSdk::from_sdk(vpc.security_groups())).unwrap_or_default(),
            // Without `awsvpc`, tasks have no address of their own.
            assign_public_ip: Some(public_ip.is_some_and(is_enabled)),
            listeners: vec![],
            deployment_controller: controller.and_then(FromSdk::from_sdk),
            tags: our_tags(one.tags()),
        }),
        outputs: from_sdk!(READ, one => ServiceOutputs {
            arn = service_arn, name = service_name, status;
            id: id_of(one)?,
            cluster,
            rollouts: rollouts?,
        }),
    })
}

fn rollout(one: &types::Deployment) -> Result<Rollout> {
    Ok(from_sdk!(READ, one => Rollout {
        state = rollout_state, reason = rollout_state_reason, desired = desired_count, running = running_count,
        failed = failed_tasks;
        id: one.id().unwrap_or_default().to_owned(),
        status: one.status().unwrap_or_default().to_owned(),
        task_definition: one.task_definition().unwrap_or_default().to_owned(),
    }))
}
