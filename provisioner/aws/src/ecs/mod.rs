//! ECS: clusters, task definitions, services.

mod cluster;
mod container;
mod service;
mod task_definition;
pub(crate) mod tasks;
mod volume;

use aws_sdk_ecs::types::{CapacityProviderStrategyItem, Tag};
use provisioner_model::{erased::ResourceRegistry, error::Result, resource::Tags};
use serde::{Deserialize, Serialize};

pub use self::{
    cluster::{Cluster, ClusterOutputs, ExecuteCommand, ExecuteCommandLog, ManagedStorage},
    container::{
        Container, ContainerHealthCheck, ContainerRestart, DependsOn, Linux, Log, MountPoint, PortMapping, Tmpfs,
        Ulimit,
    },
    service::{
        CircuitBreaker, Deployment, DeploymentAlarms, Placement, Rollout, Service, ServiceOutputs, ServiceRegistry,
        ServiceTarget,
    },
    task_definition::{RuntimePlatform, TaskDefinition, TaskDefinitionOutputs},
    volume::{Efs, Volume},
};
use crate::{
    cloud::Writer,
    error::api,
    tags::{TagChange, observed_tags},
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Cluster>().with::<TaskDefinition>().with::<Service>()
}

/// A share of the tasks on one kind of capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapacityShare {
    /// `FARGATE`, `FARGATE_SPOT`, or one of the account's own.
    pub provider: String,
    /// The share beside the others'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// So many tasks come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<i32>,
}

fn sdk_shares(shares: &[CapacityShare]) -> Result<Vec<CapacityProviderStrategyItem>> {
    let item = |share: &CapacityShare| {
        let item = CapacityProviderStrategyItem::builder().capacity_provider(&share.provider);
        item.set_weight(share.weight).set_base(share.base).build().map_err(unbuilt)
    };
    shares.iter().map(item).collect()
}

fn observed_shares(items: &[CapacityProviderStrategyItem]) -> Vec<CapacityShare> {
    let share = |item: &CapacityProviderStrategyItem| CapacityShare {
        provider: item.capacity_provider().to_owned(),
        weight: Some(item.weight()),
        base: Some(item.base()),
    };
    items.iter().map(share).collect()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn our_tags(tags: &[Tag]) -> Tags {
    observed_tags(tags.iter().map(|tag| (tag.key(), tag.value())))
}

/// Sets what differs, and drops what we set once and no longer want. Others' tags stay.
async fn sync_tags(c: &Writer, arn: &str, desired: &Tags, recorded: &Tags, observed: &Tags) -> Result<()> {
    let change = TagChange::between(desired, recorded, observed);
    if !change.set.is_empty() {
        let request = c.ecs().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&change.set)));
        request.send().await.map_err(api("ecs:TagResource"))?;
    }
    if !change.drop.is_empty() {
        let request = c.ecs().untag_resource().resource_arn(arn).set_tag_keys(Some(change.drop));
        request.send().await.map_err(api("ecs:UntagResource"))?;
    }
    Ok(())
}

/// A member that the SDK demands is missing: nothing was sent.
fn unbuilt(error: aws_smithy_types::error::operation::BuildError) -> provisioner_model::Error {
    provisioner_model::Error::bug("ecs", error)
}

/// The last part of an ARN: `arn:…:cluster/web` to `web`.
pub(crate) fn last_segment(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Returns whether ECS accepts a name: it refuses a whole call because of an invalid one.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
