//! Application Auto Scaling: counts that follow load.

mod scalable_target;
mod scaling_policy;

use std::{collections::BTreeSet, future::Future, sync::Arc};

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use futures::future::try_join_all;
use provisioner_model::{
    erased::ResourceRegistry,
    error::Result,
    resource::{Id, Observed, ReadResults, Resource},
};

pub use self::{
    scalable_target::{ScalableTarget, ScalableTargetOutputs, Suspended},
    scaling_policy::{
        CustomMetric, PredefinedMetric, ScalingPolicy, ScalingPolicyOutputs, Step, StepScaling, TargetTracking,
    },
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<ScalableTarget>().with::<ScalingPolicy>()
}

/// A member that the SDK demands is missing: nothing was sent.
fn unbuilt(error: aws_smithy_types::error::operation::BuildError) -> provisioner_model::Error {
    provisioner_model::Error::bug("application-autoscaling", error)
}

/// Service, resource and dimension, as in a target's id: `ecs/service/main/web/ecs:service:DesiredCount`.
fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (service, rest) = id.split_once('/')?;
    let (resource, dimension) = rest.rsplit_once('/')?;
    Some((service, resource, dimension))
}

/// The ID of a target: the reverse of [`parts`].
fn target_id(service: &ServiceNamespace, resource: &str, dimension: &ScalableDimension) -> String {
    format!("{}/{resource}/{}", service.as_str(), dimension.as_str())
}

/// Reads the objects with these IDs. The API lists by service namespace, so each namespace takes one `list`.
async fn read_listed<'a, R, T, F>(
    ids: &'a [Id<R>],
    list: impl Fn(&'a str) -> F,
    id_of: fn(&T) -> Id<R>,
    to_observed: fn(&T) -> Observed<R>,
) -> Result<ReadResults<R>>
where
    R: Resource,
    F: Future<Output = Result<Arc<Vec<T>>>>,
{
    let services: BTreeSet<&str> = ids.iter().filter_map(|id| Some(parts(id.as_str())?.0)).collect();
    let lists = try_join_all(services.into_iter().map(list)).await?;
    let all = lists.iter().flat_map(|list| list.iter());
    Ok(all.filter(|one| ids.contains(&id_of(one))).map(|one| (id_of(one), Ok(to_observed(one)))).collect())
}

/// Recognises the two errors for a missing object: `ObjectNotFoundException`, and a validation error with a certain
/// message.
fn not_there(_: &str, message: &str) -> Option<provisioner_model::ErrorKind> {
    let says = ["No scaling policy found", "No scalable target found", "No scalable target registered"];
    says.iter().any(|text| message.starts_with(text)).then_some(provisioner_model::ErrorKind::Gone)
}
