//! ECS: clusters, task definitions, services.

mod cluster;
mod container;
mod service;
mod task_definition;
pub(crate) mod tasks;
mod volume;

use aws_sdk_ecs::types::{self, Tag};
use provisioner_model::erased::ResourceRegistry;

pub use self::{
    cluster::{Cluster, ClusterOutputs, ExecuteCommand, ExecuteCommandLog, ManagedStorage},
    container::{
        Container, ContainerHealthCheck, ContainerRestart, DependsOn, Linux, Log, MountPoint, PortMapping, Tmpfs,
        Ulimit,
    },
    service::{
        CircuitBreaker, Deployment, DeploymentAlarms, PlacementConstraint, PlacementStrategy, Rollout, Service,
        ServiceOutputs, ServiceRegistry, ServiceTarget,
    },
    task_definition::{RuntimePlatform, TaskDefinition, TaskDefinitionOutputs},
    volume::{Efs, Volume},
};
use crate::prelude::*;

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Cluster>().with::<TaskDefinition>().with::<Service>()
}

/// A share of the tasks on one kind of capacity.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct CapacityShare {
    /// `FARGATE`, `FARGATE_SPOT`, or one of the account's own.
    pub capacity_provider: String,
    /// The share, relative to the other weights.
    pub weight: Option<i32>,
    /// The number of tasks that the provider gets before weights count.
    pub base: Option<i32>,
}
sdk_struct!(CapacityShare = types::CapacityProviderStrategyItem { capacity_provider, weight, base });

/// Converts a switch to one of ECS's enums with `ENABLED` and `DISABLED`.
fn switch<T: for<'a> From<&'a str>>(on: bool) -> T {
    T::from(if on { "ENABLED" } else { "DISABLED" })
}

fn is_enabled(switch: &impl AsRef<str>) -> bool {
    switch.as_ref() == "ENABLED"
}

tag_conversions!(Tag, key, value);

/// Sets the tags that differ and removes those that are no longer declared. Foreign tags stay.
async fn sync_tags(c: &Writer, arn: &str, desired: &Tags, recorded: &Tags, observed: &Tags) -> Result<()> {
    write_tags!(desired, recorded, observed;
        c.ecs().tag_resource().resource_arn(arn) => "ecs:TagResource",
        c.ecs().untag_resource().resource_arn(arn) => "ecs:UntagResource");
    Ok(())
}

/// The last part of an ARN: `arn:…:cluster/web` to `web`.
pub(crate) fn last_segment(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Returns whether ECS accepts a name: it refuses a whole call because of an invalid one.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
