//! `aws:applicationautoscaling:scaling-policy` — how a count follows a metric.
//!
//! Its target and name are its identity, so a change to either replaces it. A read takes one call for each service.
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_applicationautoscaling::types::{
    self, AdjustmentType, CustomizedMetricSpecification, MetricAggregationType, MetricDimension, MetricStatistic,
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace, StepAdjustment,
    StepScalingPolicyConfiguration, TargetTrackingScalingPolicyConfiguration,
};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{ScalableTarget, not_there, parts, read_listed, target_id, unbuilt};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok},
    value::text,
};

/// The scaling of a target by a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// Its name, without `/`. Generated where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Scalable target of the policy.
    pub target: In<Id<ScalableTarget>>,
    /// Keeps a metric at a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_tracking: Option<TargetTracking>,
    /// Moves the count by steps when an alarm says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_scaling: Option<StepScaling>,
}

/// Keeps a metric at a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetTracking {
    /// Target value of the metric.
    pub value: f64,
    /// A metric that AWS knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predefined: Option<PredefinedMetric>,
    /// A custom CloudWatch metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomMetric>,
    /// Seconds after taking away in which nothing more is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_in_cooldown: Option<i32>,
    /// Seconds after adding that count as not yet seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_out_cooldown: Option<i32>,
    /// `true` if it only adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_scale_in: Option<bool>,
}

/// A metric that AWS knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredefinedMetric {
    /// Name such as `ECSServiceAverageCPUUtilization` or `ALBRequestCountPerTarget`.
    pub metric: String,
    /// For the latter, load balancer and target group: `app/…/targetgroup/…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<In<String>>,
}

/// A custom CloudWatch metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomMetric {
    /// Namespace of the metric.
    pub namespace: String,
    /// The name of the scaling policy.
    pub metric: String,
    /// `Average`, `Minimum`, `Maximum`, `SampleCount` or `Sum`.
    pub statistic: String,
    /// Dimensions of the metric.
    #[serde(default)]
    pub dimensions: BTreeMap<String, In<String>>,
    /// Unit of the metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Moves a count by steps when an alarm says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepScaling {
    /// `ChangeInCapacity`, `PercentChangeInCapacity` or `ExactCapacity`.
    pub adjustment: String,
    /// Steps of the adjustment.
    pub steps: Vec<Step>,
    /// By so many at least, with percents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_magnitude: Option<i32>,
    /// Seconds until another adjustment may follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<i32>,
    /// `Average`, `Minimum` or `Maximum` of the metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<String>,
}

/// A step of the adjustment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// From so far above the alarm's threshold on; none is without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Up to so far above it; none is without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// Amount of the adjustment.
    pub by: i32,
}

/// The outputs of a scaling policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingPolicyOutputs {
    /// Its target's id, `/`, and its name.
    pub id: Id<ScalingPolicy>,
    /// Its ARN: what an alarm calls.
    pub arn: String,
}

impl ScalingPolicy {
    /// Its ARN: what an alarm calls.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// Keeps a metric that AWS knows at a value.
    pub fn track(target: In<Id<ScalableTarget>>, metric: impl Into<String>, value: f64) -> Self {
        let tracking = TargetTracking {
            value,
            predefined: Some(PredefinedMetric { metric: metric.into(), label: None }),
            custom: None,
            scale_in_cooldown: None,
            scale_out_cooldown: None,
            disable_scale_in: None,
        };
        Self { name: None, target, target_tracking: Some(tracking), step_scaling: None }
    }

    /// Moves the count by steps.
    pub fn step(target: In<Id<ScalableTarget>>, steps: StepScaling) -> Self {
        Self { name: None, target, target_tracking: None, step_scaling: Some(steps) }
    }

    fn id(&self) -> Id<Self> {
        let target = text(&self.target).unwrap_or_default();
        Id::new(format!("{target}/{}", self.name.as_deref().unwrap_or_default()))
    }

    async fn put(&self, c: &Writer) -> Result<()> {
        let target = text(&self.target).unwrap_or_default();
        let Some((service, resource, dimension)) = parts(&target) else {
            return Err(Error::because(ErrorKind::Refused, PUT, format!("`{target}` is no scalable target's id")));
        };
        let tracking = self.target_tracking.as_ref().map(TargetTracking::sdk).transpose()?;
        let steps = self.step_scaling.as_ref().map(StepScaling::sdk).transpose()?;
        let kind = if tracking.is_some() { PolicyType::TargetTrackingScaling } else { PolicyType::StepScaling };
        let request = c.autoscaling().put_scaling_policy().set_policy_name(self.name.clone());
        let answer = request
            .service_namespace(ServiceNamespace::from(service))
            .resource_id(resource)
            .scalable_dimension(ScalableDimension::from(dimension))
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
        let predefined = self.predefined.as_ref().map(|desired| {
            PredefinedMetricSpecification::builder()
                .predefined_metric_type(MetricType::from(desired.metric.as_str()))
                .set_resource_label(desired.label.as_ref().and_then(text))
                .build()
                .map_err(unbuilt)
        });
        let custom = self.custom.as_ref().map(|desired| {
            let dimension = |(name, value): (&String, &In<String>)| {
                MetricDimension::builder().name(name).value(text(value).unwrap_or_default()).build().map_err(unbuilt)
            };
            let dimensions = desired.dimensions.iter().map(dimension).collect::<Result<_>>()?;
            Ok(CustomizedMetricSpecification::builder()
                .namespace(&desired.namespace)
                .metric_name(&desired.metric)
                .statistic(MetricStatistic::from(desired.statistic.as_str()))
                .set_dimensions(Some(dimensions))
                .set_unit(desired.unit.clone())
                .build())
        });
        TargetTrackingScalingPolicyConfiguration::builder()
            .target_value(self.value)
            .set_predefined_metric_specification(predefined.transpose()?)
            .set_customized_metric_specification(custom.transpose()?)
            .set_scale_in_cooldown(self.scale_in_cooldown)
            .set_scale_out_cooldown(self.scale_out_cooldown)
            .set_disable_scale_in(self.disable_scale_in)
            .build()
            .map_err(unbuilt)
    }

    fn to_observed(sdk: &TargetTrackingScalingPolicyConfiguration) -> Self {
        let dimension = |one: &MetricDimension| (one.name().to_owned(), In::from(one.value().to_owned()));
        Self {
            value: sdk.target_value(),
            predefined: sdk.predefined_metric_specification().map(|observed| PredefinedMetric {
                metric: observed.predefined_metric_type().as_str().to_owned(),
                label: observed.resource_label().map(|label| label.to_owned().into()),
            }),
            custom: sdk.customized_metric_specification().map(|observed| CustomMetric {
                namespace: observed.namespace().unwrap_or_default().to_owned(),
                metric: observed.metric_name().unwrap_or_default().to_owned(),
                statistic: observed.statistic().map_or_else(String::new, |one| one.as_str().to_owned()),
                dimensions: observed.dimensions().iter().map(dimension).collect(),
                unit: observed.unit().map(str::to_owned),
            }),
            scale_in_cooldown: sdk.scale_in_cooldown(),
            scale_out_cooldown: sdk.scale_out_cooldown(),
            disable_scale_in: sdk.disable_scale_in(),
        }
    }
}

impl StepScaling {
    fn sdk(&self) -> Result<StepScalingPolicyConfiguration> {
        let step = |desired: &Step| {
            StepAdjustment::builder()
                .set_metric_interval_lower_bound(desired.from)
                .set_metric_interval_upper_bound(desired.to)
                .scaling_adjustment(desired.by)
                .build()
                .map_err(unbuilt)
        };
        let sdk = StepScalingPolicyConfiguration::builder()
            .adjustment_type(AdjustmentType::from(self.adjustment.as_str()))
            .set_step_adjustments(Some(self.steps.iter().map(step).collect::<Result<_>>()?))
            .set_min_adjustment_magnitude(self.min_magnitude)
            .set_cooldown(self.cooldown)
            .set_metric_aggregation_type(self.aggregation.as_deref().map(MetricAggregationType::from));
        Ok(sdk.build())
    }

    fn to_observed(sdk: &StepScalingPolicyConfiguration) -> Self {
        let step = |one: &StepAdjustment| Step {
            from: one.metric_interval_lower_bound(),
            to: one.metric_interval_upper_bound(),
            by: one.scaling_adjustment(),
        };
        Self {
            adjustment: sdk.adjustment_type().map_or_else(String::new, |kind| kind.as_str().to_owned()),
            steps: sdk.step_adjustments().iter().map(step).collect(),
            min_magnitude: sdk.min_adjustment_magnitude(),
            cooldown: sdk.cooldown(),
            aggregation: sdk.metric_aggregation_type().map(|kind| kind.as_str().to_owned()),
        }
    }
}

impl Resource for ScalingPolicy {
    const TYPE: &'static str = "aws:applicationautoscaling:scaling-policy";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("target").replaces(),
        Field::new("target_tracking"),
        Field::new("step_scaling"),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["target", "name"]];
    const NAME: Option<Name> = Some(Name::new("name", 256));
    const ACTIONS: Actions = Actions {
        read: &["application-autoscaling:DescribeScalingPolicies", "cloudwatch:DescribeAlarms"],
        create: &["application-autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm"],
        update: &["application-autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm"],
        delete: &["application-autoscaling:DeleteScalingPolicy", "cloudwatch:DeleteAlarms"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("ServiceNamespace", "in the target's id; so too ResourceId, ScalableDimension"),
        ("PolicyType", "by which of `target_tracking` and `step_scaling` is stated"),
        ("PredictiveScalingPolicyConfiguration", "not so far"),
        ("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics", "one metric so far"),
    ];
    type Cloud = Aws;
    type Outputs = ScalingPolicyOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut all = vec![];
        if self.target_tracking.is_some() == self.step_scaling.is_some() {
            all.push(Problem::new("target_tracking", "one of `target_tracking` and `step_scaling` must be stated"));
        }
        if self.name.as_deref().is_some_and(|name| name.contains('/')) {
            all.push(Problem::new("name", "must not have `/`"));
        }
        all
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        read_listed(ids, |service| of(c, service), id_of, to_observed).await
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let id = self.id();
        let Some((service, ..)) = parts(id.as_str()) else { return Ok(vec![]) };
        let there = of(c, service).await?.iter().any(|one| id_of(one) == id);
        Ok(there.then_some(id.clone()).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The API overwrites a policy of that name: so look first.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, PUT, "a policy of this name is there"));
        }
        self.put(c).await?;
        Ok((self.id(), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
        self.put(c).await.map(|()| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((target, name)) = recorded.id.as_str().rsplit_once('/') else { return Ok(()) };
        let Some((service, resource, dimension)) = parts(target) else { return Ok(()) };
        let request = c.autoscaling().delete_scaling_policy().policy_name(name).resource_id(resource);
        let request = request.service_namespace(ServiceNamespace::from(service));
        let answer = request.scalable_dimension(ScalableDimension::from(dimension)).send().await;
        gone_ok(answer.map(drop).map_err(api_with("application-autoscaling:DeleteScalingPolicy", not_there)))
    }
}

const PUT: &str = "application-autoscaling:PutScalingPolicy";

/// All of a service's.
async fn of(c: &Reader, service: &str) -> Result<Arc<Vec<types::ScalingPolicy>>> {
    c.once(&format!("autoscaling:policies:{service}"), || async {
        let request = c.autoscaling().describe_scaling_policies().service_namespace(ServiceNamespace::from(service));
        let pages = request.into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        all.map_err(api("application-autoscaling:DescribeScalingPolicies"))
    })
    .await
}

fn target_of(one: &types::ScalingPolicy) -> String {
    target_id(one.service_namespace(), one.resource_id(), one.scalable_dimension())
}

fn id_of(one: &types::ScalingPolicy) -> Id<ScalingPolicy> {
    Id::new(format!("{}/{}", target_of(one), one.policy_name()))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::ScalingPolicy) -> Observed<ScalingPolicy> {
    Observed {
        outputs: ScalingPolicyOutputs { id: id_of(one), arn: one.policy_arn().to_owned() },
        inputs: ScalingPolicy {
            name: Some(one.policy_name().to_owned()),
            target: Id::new(target_of(one)).into(),
            target_tracking: one.target_tracking_scaling_policy_configuration().map(TargetTracking::to_observed),
            step_scaling: one.step_scaling_policy_configuration().map(StepScaling::to_observed),
        },
    }
}
