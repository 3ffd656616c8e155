//! `aws:applicationautoscaling:scaling-policy`: the rule by which a count follows a metric.
//!
//! Target and name are the policy's identity, so a change to either replaces it. A read takes one call for each service
//! namespace.
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_applicationautoscaling::types::{
    self, CustomizedMetricSpecification, MetricDimension, PolicyType, PredefinedMetricSpecification, StepAdjustment,
    StepScalingPolicyConfiguration, TargetTrackingScalingPolicyConfiguration,
};

use super::{ScalableTarget, not_there, parts, target_id};
use crate::prelude::*;

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[^/\x00-\x1f\x7f]+$",
    page: "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html",
    ..NameRule::ANY
};

/// The scaling of a target by a metric.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:applicationautoscaling:scaling-policy",
    cloudformation = "AWS::ApplicationAutoScaling::ScalingPolicy",
    attributes(arn = "Ref"),
    create = "application-autoscaling:PutScalingPolicy",
    unique(target, policy_name),
    omitted(
        PolicyType = "follows from which configuration is stated",
        PredictiveScalingPolicyConfiguration = "not so far",
        "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics" = "one metric so far",
    )
)]
pub struct ScalingPolicy {
    /// The name, without `/`; generated if absent.
    #[field(replaces, name(max = 256, rule = NAME_RULE))]
    pub policy_name: Option<String>,
    /// The scalable target, whose ID has the namespace, resource and dimension.
    #[field(
        replaces,
        parameter = "ServiceNamespace",
        parameter = "ResourceId",
        parameter = "ScalableDimension",
        property = "ScalingTargetId"
    )]
    pub target: In<Id<ScalableTarget>>,
    /// Keeps a metric at a value.
    #[field(property = "", convert = tracking)]
    pub target_tracking_scaling_policy_configuration: Option<TargetTracking>,
    /// Changes the count in steps when an alarm goes off.
    #[field(property = "", convert = steps)]
    pub step_scaling_policy_configuration: Option<StepScaling>,
}

/// Keeps a metric at a value.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct TargetTracking {
    /// Target value of the metric.
    pub target_value: f64,
    /// A metric that AWS defines.
    pub predefined_metric_specification: Option<PredefinedMetric>,
    /// A custom CloudWatch metric.
    pub customized_metric_specification: Option<CustomMetric>,
    /// Seconds after scaling in during which the policy does not scale in again.
    pub scale_in_cooldown: Option<i32>,
    /// Seconds after scaling out until its effect counts.
    pub scale_out_cooldown: Option<i32>,
    /// `true` if the policy only scales out.
    pub disable_scale_in: Option<bool>,
}

/// A metric that AWS defines.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct PredefinedMetric {
    /// Name such as `ECSServiceAverageCPUUtilization` or `ALBRequestCountPerTarget`.
    pub predefined_metric_type: String,
    /// For the latter, load balancer and target group: `app/…/targetgroup/…`.
    pub resource_label: Option<In<String>>,
}

/// A custom CloudWatch metric.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct CustomMetric {
    /// Namespace of the metric.
    pub namespace: String,
    /// Name of the metric within its namespace.
    pub metric_name: String,
    /// `Average`, `Minimum`, `Maximum`, `SampleCount` or `Sum`.
    pub statistic: String,
    /// Dimensions of the metric.
    #[field(convert = names_and_values)]
    pub dimensions: BTreeMap<String, In<String>>,
    /// Unit of the metric.
    pub unit: Option<String>,
}

/// Changes the count in steps when an alarm goes off.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct StepScaling {
    /// `ChangeInCapacity`, `PercentChangeInCapacity` or `ExactCapacity`.
    pub adjustment_type: String,
    /// Steps of the adjustment.
    #[field(required)]
    pub step_adjustments: Vec<Step>,
    /// The least change of the count, for percentages.
    pub min_adjustment_magnitude: Option<i32>,
    /// Seconds until another adjustment may follow.
    pub cooldown: Option<i32>,
    /// `Average`, `Minimum` or `Maximum` of the metric.
    pub metric_aggregation_type: Option<String>,
}

/// A step of the adjustment.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Step {
    /// Lower bound, relative to the alarm's threshold; unbounded if absent.
    pub metric_interval_lower_bound: Option<f64>,
    /// Upper bound, relative to the alarm's threshold; unbounded if absent.
    pub metric_interval_upper_bound: Option<f64>,
    /// Amount of the adjustment.
    pub scaling_adjustment: i32,
}

/// The outputs of a scaling policy.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ScalingPolicyOutputs {
    /// The target's ID, `/`, and the policy's name.
    pub id: Id<ScalingPolicy>,
    /// The policy's ARN, which an alarm calls.
    pub arn: String,
}

impl ScalingPolicy {
    /// Keeps a metric that AWS defines at a value.
    pub fn track(target: In<Id<ScalableTarget>>, metric: impl Into<String>, value: f64) -> Self {
        let metric = PredefinedMetric::new(metric);
        let tracking = TargetTracking::new(value).predefined_metric_specification(metric);
        Self::new(target).target_tracking_scaling_policy_configuration(tracking)
    }

    /// Changes the count in steps.
    pub fn step(target: In<Id<ScalableTarget>>, steps: StepScaling) -> Self {
        Self::new(target).step_scaling_policy_configuration(steps)
    }

    fn id(&self) -> Id<Self> {
        let target = text(&self.target).unwrap_or_default();
        Id::new(format!("{target}/{}", self.policy_name.as_deref().unwrap_or_default()))
    }

    async fn put(&self, c: &Writer) -> Result<()> {
        let target = text(&self.target).unwrap_or_default();
        let Some((service, resource, dimension)) = parts(&target) else {
            return Err(Error::because(ErrorKind::Refused, PUT, format!("`{target}` is no scalable target's id")));
        };
        let tracking = self.target_tracking_scaling_policy_configuration.as_ref();
        let tracking = tracking.map(TargetTracking::sdk).transpose()?;
        let steps = self.step_scaling_policy_configuration.as_ref().map(StepScaling::sdk).transpose()?;
        let kind = if tracking.is_some() { PolicyType::TargetTrackingScaling } else { PolicyType::StepScaling };
        let request = set_inputs!(c.autoscaling().put_scaling_policy(), self => policy_name);
        let answer = request
            .service_namespace(service.into())
            .resource_id(resource)
            .scalable_dimension(dimension.into())
            .policy_type(kind)
            .set_target_tracking_scaling_policy_configuration(tracking)
            .set_step_scaling_policy_configuration(steps)
            .send()
            .await;
        answer.map(drop).map_err(api(PUT))
    }
}

impl TargetTracking {
    fn sdk(&self) -> Result<TargetTrackingScalingPolicyConfiguration> {
        let predefined = self.predefined_metric_specification.as_ref().map(|metric| {
            let sdk = PredefinedMetricSpecification::builder();
            built(set_inputs!(sdk, metric => predefined_metric_type, resource_label).build())
        });
        let custom = self.customized_metric_specification.as_ref().map(|metric| {
            let dimension = |(name, value): (&String, &In<String>)| {
                built(MetricDimension::builder().name(name).value(text(value).unwrap_or_default()).build())
            };
            let dimensions = metric.dimensions.iter().map(dimension).collect::<Result<_>>()?;
            let sdk = CustomizedMetricSpecification::builder().set_dimensions(Some(dimensions));
            Ok(set_inputs!(sdk, metric => namespace, metric_name, statistic, unit).build())
        });
        let sdk = TargetTrackingScalingPolicyConfiguration::builder()
            .set_predefined_metric_specification(predefined.transpose()?)
            .set_customized_metric_specification(custom.transpose()?);
        let sdk = set_inputs!(sdk, self => target_value, scale_in_cooldown, scale_out_cooldown, disable_scale_in);
        built(sdk.build())
    }

    fn to_observed(sdk: &TargetTrackingScalingPolicyConfiguration) -> Result<Self> {
        let dimension = |one: &MetricDimension| (one.name().to_owned(), In::from(one.value().to_owned()));
        let predefined = sdk
            .predefined_metric_specification()
            .map(|metric| Ok(from_sdk!(LIST, metric => PredefinedMetric { predefined_metric_type, resource_label })));
        let custom = sdk.customized_metric_specification().map(|metric| {
            Ok(from_sdk!(LIST, metric => CustomMetric {
                unit;
                namespace: metric.namespace().unwrap_or_default().to_owned(),
                metric_name: metric.metric_name().unwrap_or_default().to_owned(),
                statistic: metric.statistic().map_or_else(String::new, |one| one.as_str().to_owned()),
                dimensions: metric.dimensions().iter().map(dimension).collect(),
            }))
        });
        Ok(from_sdk!(LIST, sdk => Self {
            target_value, scale_in_cooldown, scale_out_cooldown, disable_scale_in;
            predefined_metric_specification: predefined.transpose()?,
            customized_metric_specification: custom.transpose()?,
        }))
    }
}

impl StepScaling {
    fn sdk(&self) -> Result<StepScalingPolicyConfiguration> {
        let step = |step: &Step| {
            let sdk = set_inputs!(StepAdjustment::builder(), step =>
                metric_interval_lower_bound, metric_interval_upper_bound, scaling_adjustment,
            );
            built(sdk.build())
        };
        let steps = self.step_adjustments.iter().map(step).collect::<Result<_>>()?;
        let sdk = StepScalingPolicyConfiguration::builder().set_step_adjustments(Some(steps));
        let sdk = set_inputs!(sdk, self =>
            adjustment_type, min_adjustment_magnitude, cooldown, metric_aggregation_type);
        Ok(sdk.build())
    }

    fn to_observed(sdk: &StepScalingPolicyConfiguration) -> Result<Self> {
        let step = |step: &StepAdjustment| {
            Ok(from_sdk!(LIST, step => Step {
                metric_interval_lower_bound, metric_interval_upper_bound, scaling_adjustment
            }))
        };
        Ok(from_sdk!(LIST, sdk => Self {
            min_adjustment_magnitude, cooldown, metric_aggregation_type;
            adjustment_type: sdk.adjustment_type().map_or_else(String::new, |kind| kind.as_str().to_owned()),
            step_adjustments: sdk.step_adjustments().iter().map(step).collect::<Result<_>>()?,
        }))
    }
}

impl Resource for ScalingPolicy {
    const IDEMPOTENT_CREATE: bool = true;
    registration_methods!("a policy of this name is there");
    const ACTIONS: Actions = Actions {
        read: &[LIST, "cloudwatch:DescribeAlarms"],
        create: &[PUT, "cloudwatch:PutMetricAlarm"],
        update: &[PUT, "cloudwatch:PutMetricAlarm"],
        delete: &["application-autoscaling:DeleteScalingPolicy", "cloudwatch:DeleteAlarms"],
    };
    type Outputs = ScalingPolicyOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut all = vec![];
        let tracking = &self.target_tracking_scaling_policy_configuration;
        if tracking.is_some() == self.step_scaling_policy_configuration.is_some() {
            let why = "expected either target tracking or step scaling";
            all.push(Problem::new(Field::TargetTrackingScalingPolicyConfiguration, why));
        }
        all
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Updated> {
        self.put(c).await.map(|()| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((target, name)) = recorded.id.as_str().rsplit_once('/') else { return Ok(()) };
        let Some((service, resource, dimension)) = parts(target) else { return Ok(()) };
        let request = c.autoscaling().delete_scaling_policy().policy_name(name).resource_id(resource);
        let request = request.service_namespace(service.into()).scalable_dimension(dimension.into());
        let answer = request.send().await.map(drop);
        gone_ok(answer.map_err(api_with("application-autoscaling:DeleteScalingPolicy", not_there)))
    }
}

const PUT: &str = "application-autoscaling:PutScalingPolicy";

list_function!(types::ScalingPolicy, describe_scaling_policies, "application-autoscaling:DescribeScalingPolicies");

fn target_of(one: &types::ScalingPolicy) -> String {
    target_id(one.service_namespace(), one.resource_id(), one.scalable_dimension())
}

fn id_of(one: &types::ScalingPolicy) -> Id<ScalingPolicy> {
    Id::new(format!("{}/{}", target_of(one), one.policy_name()))
}

/// The only place, with the two above, where the SDK's types become ours.
fn to_observed(one: &types::ScalingPolicy) -> Result<Observed<ScalingPolicy>> {
    let tracking = one.target_tracking_scaling_policy_configuration().map(TargetTracking::to_observed);
    let steps = one.step_scaling_policy_configuration().map(StepScaling::to_observed);
    Ok(Observed {
        inputs: from_sdk!(LIST, one => ScalingPolicy {
            policy_name;
            target: Id::new(target_of(one)).into(),
            target_tracking_scaling_policy_configuration: tracking.transpose()?,
            step_scaling_policy_configuration: steps.transpose()?,
        }),
        outputs: from_sdk!(LIST, one => ScalingPolicyOutputs { arn = policy_arn; id: id_of(one) }),
    })
}

fn tracking(tracking: &TargetTracking) -> Value {
    json!({ "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking.to_property() })
}

fn steps(steps: &StepScaling) -> Value {
    json!({ "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": steps.to_property() })
}
