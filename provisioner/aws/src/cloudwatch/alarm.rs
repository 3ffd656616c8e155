//! `aws:cloudwatch:alarm` — says when a metric, or a sum over metrics, leaves its bounds.
//!
//! The name is in its ARN, so a change to it replaces it.
//! API: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
//!
//! Reads: one call for up to a hundred alarms, and one for the tags of each.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat as SdkMetricStat,
    StandardUnit, Statistic,
};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{sdk_tags, sync_tags, tags_of};
use crate::{
    cloud::{Aws, Reader, Writer},
    each::one_by_one,
    error::{api, gone_ok, need},
    tags::{TagChange, made_for},
    value::{text, texts},
};

/// Says when a metric, or a sum over metrics, leaves its bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// At most 255 characters; generated where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A description of the alarm for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `GreaterThanThreshold` and the like.
    pub comparison_operator: String,
    /// The bound; none for an anomaly band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Number of periods to evaluate.
    pub evaluation_periods: i32,
    /// Number of breaching periods that raise the alarm; the default is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints_to_alarm: Option<i32>,
    /// `breaching`, `notBreaching`, `ignore` or `missing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treat_missing_data: Option<String>,
    /// `evaluate` or `ignore`: percentiles of too few samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_low_sample_count_percentile: Option<String>,
    /// `AWS/ApplicationELB`; for one metric, as the next six.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the metric, such as `HTTPCode_Target_5XX_Count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_name: Option<String>,
    /// Dimensions of the metric.
    #[serde(default)]
    pub dimensions: BTreeMap<String, In<String>>,
    /// `Average`, `Sum`, `Minimum`, `Maximum` or `SampleCount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// `p99` and the like, in place of `statistic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_statistic: Option<String>,
    /// Length of a period in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<i32>,
    /// Only samples with this unit count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Several metrics and what is computed from them, in place of one metric.
    #[serde(default)]
    pub metrics: Vec<MetricQuery>,
    /// The anomaly band among `metrics`, in place of `threshold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_metric_id: Option<String>,
    /// `true` if it acts at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions_enabled: Option<bool>,
    /// ARNs of what hears of an alarm: topics, policies.
    #[serde(default)]
    pub alarm_actions: Vec<In<String>>,
    /// ARNs of what hears that all is well again.
    #[serde(default)]
    pub ok_actions: Vec<In<String>>,
    /// ARNs of what hears that there is too little data.
    #[serde(default)]
    pub insufficient_data_actions: Vec<In<String>>,
    /// Tags of the alarm, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// A metric, or what is computed from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricQuery {
    /// ID for expressions, such as `m1`.
    pub id: String,
    /// `m1 / m2`; else there is a `metric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Metric of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricStat>,
    /// A description of the alarm for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `true` if this is what the bound is for: one of the queries, and no other.
    pub return_data: bool,
    /// Of an expression, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<i32>,
    /// Number of another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// One statistic of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricStat {
    /// Namespace, such as `AWS/ApplicationELB`.
    pub namespace: String,
    /// The name of the alarm.
    pub metric_name: String,
    /// Dimensions of the metric.
    #[serde(default)]
    pub dimensions: BTreeMap<String, In<String>>,
    /// Length of a period in seconds.
    pub period: i32,
    /// `Average`, `Sum`, `p99`, …
    pub statistic: String,
    /// Only samples with this unit count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// The outputs of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmOutputs {
    /// The name of the alarm.
    pub id: Id<Alarm>,
    /// The ARN of the alarm.
    pub arn: String,
}

impl Alarm {
    /// The ARN of the alarm.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// The name of the alarm.
    pub const ALARM_NAME: Output<Self, String> = Output::new("id");

    /// On one statistic of one metric, every minute.
    pub fn new(
        namespace: impl Into<String>,
        metric_name: impl Into<String>,
        statistic: impl Into<String>,
        comparison_operator: impl Into<String>,
        threshold: f64,
        evaluation_periods: i32,
    ) -> Self {
        Self {
            namespace: Some(namespace.into()),
            metric_name: Some(metric_name.into()),
            statistic: Some(statistic.into()),
            period: Some(60),
            comparison_operator: comparison_operator.into(),
            threshold: Some(threshold),
            evaluation_periods,
            ..Self::default()
        }
    }

    /// On what is computed from several metrics.
    pub fn over(
        metrics: Vec<MetricQuery>,
        comparison_operator: impl Into<String>,
        threshold: f64,
        evaluation_periods: i32,
    ) -> Self {
        Self {
            metrics,
            comparison_operator: comparison_operator.into(),
            threshold: Some(threshold),
            evaluation_periods,
            ..Self::default()
        }
    }
}

impl Resource for Alarm {
    const TYPE: &'static str = "aws:cloudwatch:alarm";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("description"),
        Field::new("comparison_operator"),
        Field::new("threshold"),
        Field::new("evaluation_periods"),
        Field::new("datapoints_to_alarm"),
        Field::new("treat_missing_data"),
        Field::new("evaluate_low_sample_count_percentile"),
        Field::new("namespace"),
        Field::new("metric_name"),
        Field::new("dimensions").exact().may_dangle(),
        Field::new("statistic"),
        Field::new("extended_statistic"),
        Field::new("period"),
        Field::new("unit"),
        Field::new("metrics").set().may_dangle(),
        Field::new("threshold_metric_id"),
        Field::new("actions_enabled"),
        Field::new("alarm_actions").set().may_dangle(),
        Field::new("ok_actions").set().may_dangle(),
        Field::new("insufficient_data_actions").set().may_dangle(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 255));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
        create: &["cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
        update: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
        delete: &["cloudwatch:DeleteAlarms"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("EvaluationCriteria", "PromQL alarms, another kind, not so far"),
        ("EvaluationInterval", "of PromQL alarms"),
        ("EvaluationWindow", "new, not so far"),
        ("WarmUpConfiguration", "new, not so far"),
        ("ActionConfiguration", "new, not so far"),
    ];
    type Cloud = Aws;
    type Outputs = AlarmOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.metric_name.is_some() != self.metrics.is_empty() {
            problems.push(Problem::new("metric_name", "either `metric_name` or `metrics`, one of the two"));
        }
        if self.metric_name.is_some() && self.statistic.is_some() == self.extended_statistic.is_some() {
            problems.push(Problem::new("statistic", "either `statistic` or `extended_statistic`, one of the two"));
        }
        if self.threshold.is_some() == self.threshold_metric_id.is_some() {
            problems.push(Problem::new("threshold", "either `threshold` or `threshold_metric_id`, one of the two"));
        }
        if !self.metrics.is_empty() && self.metrics.iter().filter(|query| query.return_data).count() == 0 {
            problems.push(Problem::new("metrics", "one of them must have `return_data`"));
        }
        problems
    }

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        let plain = field.compare.is_equivalent(desired, observed);
        match (field.name, desired.as_array(), observed.as_array()) {
            // A dimension too many is another metric.
            ("metrics", Some(desired), Some(observed)) => {
                let by_id = |id: &Value| observed.iter().find(|observed| &observed["id"] == id);
                let dimensions = |query: &Value| query["metric"]["dimensions"].clone();
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
        let ids: Vec<_> = self.name.iter().map(Id::new).collect();
        let mut found = vec![];
        for (id, observed) in Self::read_many(c, &ids).await? {
            if made_for(&observed?.inputs.tags, owner) {
                found.push(id);
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let alarms = described(c, self.name.as_deref().into_iter()).await?;
        Ok(alarms.into_keys().map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call would overwrite another's. A composite alarm takes a name as well.
        let names = c.read().cloudwatch().describe_alarms().set_alarm_names(self.name.clone().map(|name| vec![name]));
        let names = names.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let there = names.send().await.map_err(api(READ))?;
        if !there.metric_alarms().is_empty() || !there.composite_alarms().is_empty() {
            return Err(Error::because(ErrorKind::Exists, WRITE, "an alarm of this name is there"));
        }
        self.put(c, None).await?;
        Ok((Id::new(self.name.clone().unwrap_or_default()), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        // Tags alone need no write of the whole.
        if self.but_for_tags() != observed.inputs.but_for_tags() {
            self.put(c, Some(&observed.inputs)).await?;
        }
        let change = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.inputs.tags);
        sync_tags(c, &observed.outputs.arn, change).await.map(|()| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.cloudwatch().delete_alarms().alarm_names(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("cloudwatch:DeleteAlarms")))
    }
}

impl Alarm {
    fn but_for_tags(&self) -> Self {
        Self { tags: Tags::new(), ..self.clone() }
    }

    /// Writes it whole, since what the call leaves out is reset: what we do not manage stays as it was `seen`.
    async fn put(&self, c: &Writer, observed: Option<&Self>) -> Result<()> {
        let kept = |ours: &Option<String>, theirs: fn(&Self) -> &Option<String>| {
            ours.clone().or_else(|| observed.and_then(|observed| theirs(observed).clone()))
        };
        let percentiles =
            kept(&self.evaluate_low_sample_count_percentile, |observed| &observed.evaluate_low_sample_count_percentile);
        c.cloudwatch()
            .put_metric_alarm()
            .set_alarm_name(self.name.clone())
            .set_alarm_description(kept(&self.description, |observed| &observed.description))
            .comparison_operator(ComparisonOperator::from(self.comparison_operator.as_str()))
            .set_threshold(self.threshold)
            .evaluation_periods(self.evaluation_periods)
            .set_datapoints_to_alarm(
                self.datapoints_to_alarm.or_else(|| observed.and_then(|observed| observed.datapoints_to_alarm)),
            )
            .set_treat_missing_data(kept(&self.treat_missing_data, |observed| &observed.treat_missing_data))
            .set_evaluate_low_sample_count_percentile(percentiles.filter(|_| self.extended_statistic.is_some()))
            .set_namespace(self.namespace.clone())
            .set_metric_name(self.metric_name.clone())
            .set_dimensions(Some(sdk_dimensions(&self.dimensions)).filter(|dimensions| !dimensions.is_empty()))
            .set_statistic(self.statistic.as_deref().map(Statistic::from))
            .set_extended_statistic(self.extended_statistic.clone())
            .set_period(self.period)
            .set_unit(self.unit.as_deref().map(StandardUnit::from))
            .set_metrics(
                Some(self.metrics.iter().map(MetricQuery::sdk).collect()).filter(|all: &Vec<_>| !all.is_empty()),
            )
            .set_threshold_metric_id(self.threshold_metric_id.clone())
            .set_actions_enabled(
                self.actions_enabled.or_else(|| observed.and_then(|observed| observed.actions_enabled)),
            )
            .set_alarm_actions(Some(texts(&self.alarm_actions)))
            .set_ok_actions(Some(texts(&self.ok_actions)))
            .set_insufficient_data_actions(Some(texts(&self.insufficient_data_actions)))
            // Taken at creation only.
            .set_tags(observed.is_none().then(|| sdk_tags(&self.tags)))
            .send()
            .await
            .map(drop)
            .map_err(api(WRITE))
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
        MetricDataQuery::builder()
            .id(&self.id)
            .set_expression(self.expression.clone())
            .set_metric_stat(self.metric.as_ref().map(MetricStat::sdk))
            .set_label(self.label.clone())
            .return_data(self.return_data)
            .set_period(self.period)
            .set_account_id(self.account.clone())
            .build()
    }

    fn to_observed(query: &MetricDataQuery) -> Self {
        Self {
            id: query.id().unwrap_or_default().to_owned(),
            expression: query.expression().map(str::to_owned),
            metric: query.metric_stat().map(MetricStat::to_observed),
            label: query.label().map(str::to_owned),
            return_data: query.return_data().unwrap_or(true),
            period: query.period(),
            account: query.account_id().map(str::to_owned),
        }
    }
}

impl MetricStat {
    fn sdk(&self) -> SdkMetricStat {
        let metric = Metric::builder().namespace(&self.namespace).metric_name(&self.metric_name);
        SdkMetricStat::builder()
            .metric(metric.set_dimensions(Some(sdk_dimensions(&self.dimensions))).build())
            .period(self.period)
            .stat(&self.statistic)
            .set_unit(self.unit.as_deref().map(StandardUnit::from))
            .build()
    }

    fn to_observed(stat: &SdkMetricStat) -> Self {
        let metric = stat.metric();
        Self {
            namespace: metric.and_then(Metric::namespace).unwrap_or_default().to_owned(),
            metric_name: metric.and_then(Metric::metric_name).unwrap_or_default().to_owned(),
            dimensions: our_dimensions(metric.map(Metric::dimensions).unwrap_or_default()),
            period: stat.period().unwrap_or_default(),
            statistic: stat.stat().unwrap_or_default().to_owned(),
            unit: stat.unit().map(|unit| unit.as_str().to_owned()),
        }
    }
}

/// The only place, with the two above, where the SDK's types become ours.
fn to_observed(alarm: &MetricAlarm, tags: Tags) -> Result<Observed<Alarm>> {
    let known = |arns: &[String]| arns.iter().cloned().map(In::Known).collect();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let name = need(READ, alarm.alarm_name(), "AlarmName")?;
    Ok(Observed {
        inputs: Alarm {
            name: Some(name.clone()),
            description: Some(alarm.alarm_description().unwrap_or_default().to_owned()),
            comparison_operator: alarm.comparison_operator().map_or("", ComparisonOperator::as_str).to_owned(),
            threshold: alarm.threshold().filter(|_| alarm.threshold_metric_id().is_none()),
            evaluation_periods: alarm.evaluation_periods().unwrap_or_default(),
            datapoints_to_alarm: alarm.datapoints_to_alarm(),
            // `missing` is what the API does where it is not told.
            treat_missing_data: Some(alarm.treat_missing_data().unwrap_or("missing").to_owned()),
            evaluate_low_sample_count_percentile: owned(alarm.evaluate_low_sample_count_percentile()),
            namespace: owned(alarm.namespace()),
            metric_name: owned(alarm.metric_name()),
            dimensions: our_dimensions(alarm.dimensions()),
            statistic: alarm.statistic().map(|statistic| statistic.as_str().to_owned()),
            extended_statistic: owned(alarm.extended_statistic()),
            period: alarm.period(),
            unit: alarm.unit().map(|unit| unit.as_str().to_owned()),
            metrics: alarm.metrics().iter().map(MetricQuery::to_observed).collect(),
            threshold_metric_id: owned(alarm.threshold_metric_id()),
            actions_enabled: alarm.actions_enabled(),
            alarm_actions: known(alarm.alarm_actions()),
            ok_actions: known(alarm.ok_actions()),
            insufficient_data_actions: known(alarm.insufficient_data_actions()),
            tags,
        },
        outputs: AlarmOutputs { id: Id::new(name), arn: need(READ, alarm.alarm_arn(), "AlarmArn")? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(dimensions: &[(&str, &str)]) -> MetricQuery {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        MetricQuery {
            id: "m1".into(),
            expression: None,
            metric: Some(MetricStat {
                namespace: "N".into(),
                metric_name: "M".into(),
                dimensions,
                period: 60,
                statistic: "Sum".into(),
                unit: None,
            }),
            label: None,
            return_data: true,
            period: None,
            account: None,
        }
    }

    #[test]
    fn queries_come_back_as_they_went() {
        let query = query(&[("A", "1")]);
        assert_eq!(MetricQuery::to_observed(&query.sdk()), query);
    }

    #[test]
    fn extra_dimension_is_another_metric() {
        let field = Alarm::FIELDS.iter().find(|field| field.name == "metrics").unwrap();
        let (desired, more) = (json!([query(&[("A", "1")])]), json!([query(&[("A", "1"), ("B", "2")])]));
        assert!(Alarm::is_equivalent(field, &desired, &desired));
        assert!(!Alarm::is_equivalent(field, &desired, &more));
    }
}
