//! `aws:applicationautoscaling:scalable-target`: a count that scaling may change, and its bounds.
//!
//! The counted dimension is the target's identity, so a change to it replaces the target. A read takes one call for each
//! service namespace.
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>

use std::sync::Arc;

use aws_sdk_applicationautoscaling::types;

use super::{not_there, parts, target_id};
use crate::prelude::*;

/// A count that scaling may change, and its bounds.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:applicationautoscaling:scalable-target",
    cloudformation = "AWS::ApplicationAutoScaling::ScalableTarget",
    create = "application-autoscaling:RegisterScalableTarget",
    unique(service_namespace, resource_id, scalable_dimension),
    omitted(Tags = "the scaled resource carries them; to read them here would take a call for each target")
)]
pub struct ScalableTarget {
    /// Service of the scaled resource: `ecs`, `dynamodb`, `rds`.
    #[field(replaces)]
    pub service_namespace: String,
    /// ID of the scaled resource, such as `service/main/web`.
    #[field(replaces)]
    pub resource_id: In<String>,
    /// Scaled dimension, such as `ecs:service:DesiredCount`.
    #[field(replaces)]
    pub scalable_dimension: String,
    /// Minimum of the dimension.
    pub min_capacity: i32,
    /// Maximum of the dimension.
    pub max_capacity: i32,
    /// The ARN of the role that changes the count; the service's own role if absent.
    #[field(property = "RoleARN")]
    pub role_arn: Option<In<String>>,
    /// Suspended kinds of scaling.
    #[field(
        cloud_default = none,
        stopped = r#"{"dynamic_scaling_in_suspended":true,"dynamic_scaling_out_suspended":true,"scheduled_scaling_suspended":true}"#
    )]
    pub suspended_state: Option<Suspended>,
}

/// The suspended kinds of scaling.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Suspended {
    /// Suspends scaling in by policies.
    pub dynamic_scaling_in_suspended: Option<bool>,
    /// Suspends scaling out by policies.
    pub dynamic_scaling_out_suspended: Option<bool>,
    /// Suspends scaling by schedules.
    pub scheduled_scaling_suspended: Option<bool>,
}

impl Suspended {
    /// Adds the end of each recorded suspension that is no longer stated: the call keeps what it leaves out.
    fn end(&mut self, recorded: &Self) {
        let all = [
            (&mut self.dynamic_scaling_in_suspended, recorded.dynamic_scaling_in_suspended),
            (&mut self.dynamic_scaling_out_suspended, recorded.dynamic_scaling_out_suspended),
            (&mut self.scheduled_scaling_suspended, recorded.scheduled_scaling_suspended),
        ];
        for (desired, recorded) in all {
            *desired = desired.or(recorded.map(|_| false));
        }
    }
}

/// The outputs of a scalable target.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ScalableTargetOutputs {
    /// ID such as `ecs/service/main/web/ecs:service:DesiredCount`.
    pub id: Id<ScalableTarget>,
    /// The ARN of the target, if AWS gave it one: older registrations have none.
    pub arn: Option<String>,
}

impl ScalableTarget {
    /// A service's number of tasks. `service` is its id: `cluster/name`.
    pub fn tasks(service: impl Into<In<String>>, min_capacity: i32, max_capacity: i32) -> Self {
        let service = service.into();
        let resource_id = match service.known() {
            Some(path) => format!("service/{path}").into(),
            None => provisioner_model::join(["service/".into(), service.part()]),
        };
        Self::new("ecs", resource_id, "ecs:service:DesiredCount", min_capacity, max_capacity)
    }

    fn id(&self) -> Id<Self> {
        let resource = text(&self.resource_id).unwrap_or_default();
        Id::new(format!("{}/{resource}/{}", self.service_namespace, self.scalable_dimension))
    }

    async fn put(&self, c: &Writer) -> Result<()> {
        let suspended = self.suspended_state.as_ref().map(|desired| {
            set_inputs!(types::SuspendedState::builder(), desired =>
                dynamic_scaling_in_suspended, dynamic_scaling_out_suspended, scheduled_scaling_suspended,
            )
            .build()
        });
        let request = set_inputs!(c.autoscaling().register_scalable_target(), self =>
            service_namespace, resource_id, scalable_dimension, min_capacity, max_capacity, role_arn);
        let answer = request.set_suspended_state(suspended).send().await;
        answer
            .map(drop)
            .map_err(api_with(PUT, |_, message| message.contains("service doesn't exist").then_some(ErrorKind::NotYet)))
    }
}

impl Resource for ScalableTarget {
    const IDEMPOTENT_CREATE: bool = true;
    registration_methods!("this count is registered already");
    const ACTIONS: Actions = Actions {
        read: &[LIST],
        create: &[PUT, "iam:CreateServiceLinkedRole"],
        update: &[PUT],
        delete: &["application-autoscaling:DeregisterScalableTarget"],
    };
    type Outputs = ScalableTargetOutputs;

    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
    fn problems(&self) -> Vec<Problem> {
        let (least, most) = (self.min_capacity, self.max_capacity);
        let why = || format!("expected at least `min_capacity`, {least}, found {most}");
        (most < least).then(|| Problem::new(Field::MaxCapacity, why())).into_iter().collect()
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let mut target = self.clone();
        if let Some(recorded_state) = &recorded.inputs.suspended_state
            && ChangedFields::between(self, &recorded.inputs, &observed.inputs).contains(Field::SuspendedState)
        {
            target.suspended_state.get_or_insert_default().end(recorded_state);
        }
        target.put(c).await.map(|()| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((service, resource, dimension)) = parts(recorded.id.as_str()) else { return Ok(()) };
        let request = c.autoscaling().deregister_scalable_target().resource_id(resource);
        let request = request.service_namespace(service.into()).scalable_dimension(dimension.into());
        let answer = request.send().await.map(drop);
        gone_ok(answer.map_err(api_with("application-autoscaling:DeregisterScalableTarget", not_there)))
    }
}

const PUT: &str = "application-autoscaling:RegisterScalableTarget";

list_function!(types::ScalableTarget, describe_scalable_targets, "application-autoscaling:DescribeScalableTargets");

fn id_of(one: &types::ScalableTarget) -> Id<ScalableTarget> {
    Id::new(target_id(one.service_namespace(), one.resource_id(), one.scalable_dimension()))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::ScalableTarget) -> Result<Observed<ScalableTarget>> {
    let suspended = |state: &types::SuspendedState| {
        Ok(from_sdk!(LIST, state => Suspended {
            dynamic_scaling_in_suspended, dynamic_scaling_out_suspended, scheduled_scaling_suspended
        }))
    };
    Ok(Observed {
        inputs: from_sdk!(LIST, one => ScalableTarget {
            service_namespace, resource_id, scalable_dimension, min_capacity, max_capacity, role_arn;
            suspended_state: one.suspended_state().map(suspended).transpose()?
        }),
        outputs: from_sdk!(LIST, one => ScalableTargetOutputs { arn = scalable_target_arn; id: id_of(one) }),
    })
}
