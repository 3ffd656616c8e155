//! `aws:cloudwatch:alarm`: an alarm on a metric, or on an expression over metrics, that leaves its bounds.
//!
//! The name is in its ARN, so a change to it replaces it.
//! API: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
//!
//! Reads: one call for up to a hundred alarms, and one for the tags of each.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder,
    types::{
        AlarmType, ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat as SdkMetricStat,
    },
};
use serde_json::Value;

use super::{sdk_tags, tags_of};
use crate::{each::one_by_one, prelude::*, tags::owned_reads};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[^\x00-\x1f\x7f]+$",
    page: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
    ..NameRule::ANY
};

/// An alarm on a metric, or on an expression over metrics, that leaves its bounds.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:cloudwatch:alarm",
    cloudformation = "AWS::CloudWatch::Alarm",
    attributes(arn = "Arn"),
    create = "cloudwatch:PutMetricAlarm",
    unique(alarm_name),
    constructor = with_required,
    omitted(
        EvaluationCriteria = "PromQL alarms, another kind, not so far",
        EvaluationInterval = "of PromQL alarms",
        EvaluationWindow | WarmUpConfiguration | ActionConfiguration = "new, not so far",
    )
)]
pub struct Alarm {
    /// At most 255 characters; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE))]
    pub alarm_name: Option<String>,
    /// A description of the alarm for readers.
    #[field(cloud_default = "")]
    pub alarm_description: Option<String>,
    /// `GreaterThanThreshold` and the like.
    pub comparison_operator: String,
    /// The bound; absent for an anomaly band.
    #[field(cloud_default = none)]
    pub threshold: Option<f64>,
    /// Number of periods to evaluate.
    pub evaluation_periods: i32,
    /// Number of breaching periods that raise the alarm; the default is all.
    #[field(cloud_default = none)]
    pub datapoints_to_alarm: Option<i32>,
    /// `breaching`, `notBreaching`, `ignore` or `missing` (the default).
    #[field(cloud_default = "missing")]
    pub treat_missing_data: Option<String>,
    /// `evaluate` or `ignore`: percentiles of too few samples.
    #[field(cloud_default = none)]
    pub evaluate_low_sample_count_percentile: Option<String>,
    /// `AWS/ApplicationELB`; for one metric, as the next six.
    #[field(cloud_default = none)]
    pub namespace: Option<String>,
    /// Name of the metric, such as `HTTPCode_Target_5XX_Count`.
    #[field(cloud_default = none)]
    pub metric_name: Option<String>,
    /// Dimensions of the metric.
    #[field(exact, may_dangle, convert = names_and_values)]
    pub dimensions: BTreeMap<String, In<String>>,
    /// `Average`, `Sum`, `Minimum`, `Maximum` or `SampleCount`.
    #[field(cloud_default = none)]
    pub statistic: Option<String>,
    /// `p99` and the like, in place of `statistic`.
    #[field(cloud_default = none)]
    pub extended_statistic: Option<String>,
    /// Length of a period in seconds.
    #[field(cloud_default = none)]
    pub period: Option<i32>,
    /// Only samples with this unit count.
    #[field(cloud_default = none)]
    pub unit: Option<String>,
    /// Several metrics and expressions over them, in place of one metric.
    #[field(set, may_dangle)]
    pub metrics: Vec<MetricQuery>,
    /// The anomaly band among `metrics`, in place of `threshold`.
    #[field(cloud_default = none)]
    pub threshold_metric_id: Option<String>,
    /// `true` (the default) if the alarm acts at all.
    #[field(cloud_default = true, stopped = false)]
    pub actions_enabled: Option<bool>,
    /// ARNs of topics and policies that an alarm calls.
    #[field(set, may_dangle)]
    pub alarm_actions: Vec<In<String>>,
    /// ARNs called once the metric is within its bounds again.
    #[field(set, may_dangle, property = "OKActions")]
    pub ok_actions: Vec<In<String>>,
    /// ARNs called where there is too little data.
    #[field(set, may_dangle)]
    pub insufficient_data_actions: Vec<In<String>>,
    /// Tags of the alarm, by key.
    pub tags: Tags,
}

/// A metric, or an expression over other metrics.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct MetricQuery {
    /// ID for expressions, such as `m1`.
    pub id: String,
    /// `m1 / m2`, in place of a `metric_stat`.
    pub expression: Option<String>,
    /// Metric of the query.
    pub metric_stat: Option<MetricStat>,
    /// A description of the query for readers.
    pub label: Option<String>,
    /// `true` if the bound is for this query: one of them, and no other.
    pub return_data: bool,
    /// Period of an expression, in seconds.
    pub period: Option<i32>,
    /// Number of another account.
    pub account_id: Option<String>,
}

/// One statistic of one metric.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct MetricStat {
    /// Namespace, such as `AWS/ApplicationELB`.
    #[field(property = "Metric.Namespace")]
    pub namespace: String,
    /// Name of the metric within its namespace.
    #[field(property = "Metric.MetricName")]
    pub metric_name: String,
    /// Dimensions of the metric.
    #[field(property = "Metric.Dimensions", convert = names_and_values)]
    pub dimensions: BTreeMap<String, In<String>>,
    /// Length of a period in seconds.
    pub period: i32,
    /// `Average`, `Sum`, `p99`, …
    pub stat: String,
    /// Only samples with this unit count.
    pub unit: Option<String>,
}

/// The outputs of an alarm.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct AlarmOutputs {
    /// The name of the alarm.
    #[output(constant = "ALARM_NAME")]
    pub id: Id<Alarm>,
    /// The ARN of the alarm.
    pub arn: String,
}

impl Alarm {
    /// On one statistic of one metric, every minute.
    pub fn new(
        namespace: impl Into<String>,
        metric_name: impl Into<String>,
        statistic: impl Into<String>,
        comparison_operator: impl Into<String>,
        threshold: f64,
        evaluation_periods: i32,
    ) -> Self {
        let alarm = Self::with_required(comparison_operator, evaluation_periods).threshold(threshold);
        alarm.namespace(namespace).metric_name(metric_name).statistic(statistic).period(60)
    }

    /// On an expression over several metrics.
    pub fn over(
        metrics: Vec<MetricQuery>,
        comparison_operator: impl Into<String>,
        threshold: f64,
        evaluation_periods: i32,
    ) -> Self {
        Self::with_required(comparison_operator, evaluation_periods).threshold(threshold).metrics(metrics)
    }
}

impl Resource for Alarm {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
        create: &["cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
        update: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
        delete: &["cloudwatch:DeleteAlarms"],
    };
    type Cloud = Aws;
    type Outputs = AlarmOutputs;

    fn problems(&self) -> Vec<Problem> {
        let metric = self.metric_name.is_some();
        let statistic = !metric || self.statistic.is_some() != self.extended_statistic.is_some();
        let threshold = self.threshold.is_some() != self.threshold_metric_id.is_some();
        let returned = self.metrics.is_empty() || self.metrics.iter().any(|query| query.return_data);
        let rules = [
            (metric == self.metrics.is_empty(), Field::MetricName, "either `metric_name` or `metrics`, one of the two"),
            (statistic, Field::Statistic, "either `statistic` or `extended_statistic`, one of the two"),
            (threshold, Field::Threshold, "either `threshold` or `threshold_metric_id`, one of the two"),
            (returned, Field::Metrics, "one of them must have `return_data`"),
        ];
        let broken = rules.into_iter().filter(|(kept, ..)| !kept);
        broken.map(|(_, field, why)| Problem::new(field, why)).collect()
    }

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        let plain = field.compare.is_equivalent(desired, observed);
        match (Field::of(field), desired.as_array(), observed.as_array()) {
            // A dimension too many is another metric.
            (Some(Field::Metrics), Some(desired), Some(observed)) => {
                let by_id = |id: &Value| observed.iter().find(|observed| &observed["id"] == id);
                let dimensions = |query: &Value| query["metric_stat"]["dimensions"].clone();
                plain && desired.iter().all(|query| by_id(&query["id"]).map(dimensions) == Some(dimensions(query)))
            }
            _ => plain,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let alarms = described(c, ids.iter().map(Id::as_str)).await?;
        let ids: Vec<_> = ids.iter().filter(|id| alarms.contains_key(id.as_str())).cloned().collect();
        let one = async |id: &Id<Self>| {
            let alarm = need(READ, alarms.get(id.as_str()), "MetricAlarms")?;
            let tags = tags_of(c, &need(READ, alarm.alarm_arn(), "AlarmArn")?).await?;
            to_observed(&alarm, tags)
        };
        Ok(one_by_one(&ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let ids: Vec<_> = self.alarm_name.iter().map(Id::new).collect();
        owned_reads(Self::read_many(c, &ids).await?, owner, |inputs| &inputs.tags)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let alarms = described(c, self.alarm_name.as_deref().into_iter()).await?;
        Ok(alarms.into_keys().map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call would overwrite another alarm. A composite alarm takes a name as well.
        let names = self.alarm_name.clone().map(|name| vec![name]);
        let names = c.read().cloudwatch().describe_alarms().set_alarm_names(names);
        let names = names.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let there = names.send().await.map_err(api(READ))?;
        if !there.metric_alarms().is_empty() || !there.composite_alarms().is_empty() {
            return Err(Error::because(ErrorKind::Exists, WRITE, "an alarm of this name is there"));
        }
        self.request(c).set_tags(Some(sdk_tags(&self.tags))).send().await.map_err(api(WRITE))?;
        Ok((Id::new(self.alarm_name.clone().unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        // Tags alone need no write of the whole, which takes tags at creation only.
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        if !changed.is_subset(&[Field::Tags]) {
            self.over_observed(&observed.inputs, &changed).request(c).send().await.map_err(api(WRITE))?;
        }
        let arn = &observed.outputs.arn;
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.cloudwatch().tag_resource().resource_arn(arn) => "cloudwatch:TagResource",
            c.cloudwatch().untag_resource().resource_arn(arn) => "cloudwatch:UntagResource");
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.cloudwatch().delete_alarms().alarm_names(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("cloudwatch:DeleteAlarms")))
    }
}

impl Alarm {
    /// The inputs with the observed values of those that the program never stated: a write resets whatever it leaves out.
    fn over_observed(&self, observed: &Self, changed: &ChangedFields<Self>) -> Self {
        let mut all = self.clone();
        if !changed.contains(Field::DatapointsToAlarm) {
            all.datapoints_to_alarm = observed.datapoints_to_alarm;
        }
        if !changed.contains(Field::EvaluateLowSampleCountPercentile) {
            let observed = &observed.evaluate_low_sample_count_percentile;
            all.evaluate_low_sample_count_percentile.clone_from(observed);
        }
        all
    }

    fn request(&self, c: &Writer) -> PutMetricAlarmFluentBuilder {
        let percentiles = self.evaluate_low_sample_count_percentile.clone();
        let metrics: Vec<_> = self.metrics.iter().map(MetricQuery::sdk).collect();
        set_inputs!(c.cloudwatch().put_metric_alarm(), self =>
            alarm_name, alarm_description, comparison_operator, threshold, evaluation_periods, datapoints_to_alarm,
            treat_missing_data, namespace, metric_name, statistic, extended_statistic, period, unit,
            threshold_metric_id, actions_enabled, alarm_actions, ok_actions, insufficient_data_actions,
        )
        .set_evaluate_low_sample_count_percentile(percentiles.filter(|_| self.extended_statistic.is_some()))
        .set_dimensions(Some(sdk_dimensions(&self.dimensions)).filter(|dimensions| !dimensions.is_empty()))
        .set_metrics(Some(metrics).filter(|metrics| !metrics.is_empty()))
    }
}

const READ: &str = "cloudwatch:DescribeAlarms";
const WRITE: &str = "cloudwatch:PutMetricAlarm";

async fn described<'a>(c: &Reader, names: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, MetricAlarm>> {
    let names: Vec<String> = names.map(str::to_owned).collect();
    // No names would mean all.
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let request = c.cloudwatch().describe_alarms().set_alarm_names(Some(names)).alarm_types(AlarmType::MetricAlarm);
    let mut pages = request.max_records(100).into_paginator().send();
    let mut alarms = BTreeMap::new();
    while let Some(page) = pages.try_next().await.map_err(api(READ))? {
        for alarm in page.metric_alarms.unwrap_or_default() {
            alarms.insert(need(READ, alarm.alarm_name(), "AlarmName")?, alarm);
        }
    }
    Ok(alarms)
}

fn sdk_dimensions(dimensions: &BTreeMap<String, In<String>>) -> Vec<Dimension> {
    let one = |(name, value): (&String, &In<String>)| Dimension::builder().name(name).set_value(text(value)).build();
    dimensions.iter().map(one).collect()
}

fn our_dimensions(dimensions: &[Dimension]) -> BTreeMap<String, In<String>> {
    dimensions.iter().filter_map(|one| Some((one.name()?.to_owned(), one.value()?.into()))).collect()
}

impl MetricQuery {
    fn sdk(&self) -> MetricDataQuery {
        let sdk = MetricDataQuery::builder().set_metric_stat(self.metric_stat.as_ref().map(MetricStat::sdk));
        set_inputs!(sdk, self => id, expression, label, return_data, period, account_id).build()
    }

    fn to_observed(query: &MetricDataQuery) -> Result<Self> {
        Ok(from_sdk!(READ, query => Self {
            expression, label, period, account_id;
            id: query.id().unwrap_or_default().to_owned(),
            metric_stat: query.metric_stat().map(MetricStat::to_observed).transpose()?,
            return_data: query.return_data().unwrap_or(true),
        }))
    }
}

impl MetricStat {
    fn sdk(&self) -> SdkMetricStat {
        let metric = Metric::builder().set_dimensions(Some(sdk_dimensions(&self.dimensions)));
        let metric = set_inputs!(metric, self => namespace, metric_name).build();
        set_inputs!(SdkMetricStat::builder().metric(metric), self => period, stat, unit).build()
    }

    fn to_observed(stat: &SdkMetricStat) -> Result<Self> {
        let metric = stat.metric();
        Ok(from_sdk!(READ, stat => Self {
            unit;
            namespace: metric.and_then(Metric::namespace).unwrap_or_default().to_owned(),
            metric_name: metric.and_then(Metric::metric_name).unwrap_or_default().to_owned(),
            dimensions: our_dimensions(metric.map(Metric::dimensions).unwrap_or_default()),
            period: stat.period().unwrap_or_default(),
            stat: stat.stat().unwrap_or_default().to_owned(),
        }))
    }
}

/// The only place, with the two above, where the SDK's types become ours.
fn to_observed(alarm: &MetricAlarm, tags: Tags) -> Result<Observed<Alarm>> {
    Ok(Observed {
        inputs: from_sdk!(READ, alarm => Alarm {
            alarm_name, datapoints_to_alarm, evaluate_low_sample_count_percentile, namespace, metric_name, statistic,
            extended_statistic, period, unit, threshold_metric_id, actions_enabled, alarm_actions, ok_actions,
            insufficient_data_actions;
            alarm_description: Some(alarm.alarm_description().unwrap_or_default().to_owned()),
            comparison_operator: alarm.comparison_operator().map_or("", ComparisonOperator::as_str).to_owned(),
            threshold: alarm.threshold().filter(|_| alarm.threshold_metric_id().is_none()),
            evaluation_periods: alarm.evaluation_periods().unwrap_or_default(),
            // `missing` is the API's default.
            treat_missing_data: Some(alarm.treat_missing_data().unwrap_or("missing").to_owned()),
            dimensions: our_dimensions(alarm.dimensions()),
            metrics: alarm.metrics().iter().map(MetricQuery::to_observed).collect::<Result<_>>()?,
            tags,
        }),
        outputs: from_sdk!(READ, alarm => AlarmOutputs { id = alarm_name, arn = alarm_arn }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(dimensions: &[(&str, &str)]) -> MetricQuery {
        let dimensions = dimensions.iter().map(|(name, value)| (*name, *value));
        MetricQuery::new("m1", true).metric_stat(MetricStat::new("N", "M", 60, "Sum").dimensions(dimensions))
    }

    #[test]
    fn queries_come_back_as_they_went() {
        let query = query(&[("A", "1")]);
        assert_eq!(MetricQuery::to_observed(&query.sdk()).unwrap(), query);
    }

    #[test]
    fn extra_dimension_is_another_metric() {
        let field = Alarm::FIELDS.iter().find(|field| field.name == Field::Metrics.name()).unwrap();
        let (desired, more) = (json!([query(&[("A", "1")])]), json!([query(&[("A", "1"), ("B", "2")])]));
        assert!(Alarm::is_equivalent(field, &desired, &desired));
        assert!(!Alarm::is_equivalent(field, &desired, &more));
    }
}
