//! Application Auto Scaling: counts that follow load.

mod scalable_target;
mod scaling_policy;

use provisioner_model::erased::ResourceRegistry;

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
    provisioner_model::Error {
        source: Some(error.into()),
        ..provisioner_model::Error::new(provisioner_model::ErrorKind::NotSent, "application-autoscaling")
    }
}

/// Service, resource and dimension, as in a target's id: `ecs/service/main/web/ecs:service:DesiredCount`.
fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (service, rest) = id.split_once('/')?;
    let (resource, dimension) = rest.rsplit_once('/')?;
    Some((service, resource, dimension))
}

/// What is gone comes under two codes, `ObjectNotFoundException` and a plain refusal that says so.
fn not_there(_: &str, message: &str) -> Option<provisioner_model::ErrorKind> {
    let says = ["No scaling policy found", "No scalable target found", "No scalable target registered"];
    says.iter().any(|text| message.starts_with(text)).then_some(provisioner_model::ErrorKind::Gone)
}
