//! `aws:elasticloadbalancingv2:listener-rule`: what happens to those requests on a port that meet conditions.
//!
//! Its listener is fixed, so a change to it replaces the rule. A read takes one call for each listener and one for the
//! tags of each 20 rules.
//! API: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{
    self, HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, RuleCondition, RulePriorityPair, SourceIpConditionConfig,
};
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use super::{
    Action, Listener, action::observed_actions, action::sdk_actions, made_ours, parent, read_tags, sdk_tags, sync_tags,
};
use crate::prelude::*;

/// Actions for requests to a listener that meet conditions.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:elasticloadbalancingv2:listener-rule",
    cloudformation = "AWS::ElasticLoadBalancingV2::ListenerRule",
    attributes(arn = "Ref"),
    create = "elbv2:CreateRule",
    unique(listener_arn, priority),
    omitted(
        "Conditions.RegexValues" = "patterns with `*` and `?` so far",
        Transforms = "targets see requests as they came",
    )
)]
pub struct ListenerRule {
    /// Listener of the rule.
    #[field(replaces)]
    pub listener_arn: In<Id<Listener>>,
    /// From 1 to 50000, unique in the listener. The listener tries the rule with the lowest number first.
    pub priority: i32,
    /// Conditions that must all hold.
    #[field(required, set)]
    pub conditions: Vec<Condition>,
    /// Actions for matching requests.
    #[field(required)]
    pub actions: Vec<Action>,
    /// Tags of the listener rule, by key.
    pub tags: Tags,
}

/// A condition: the request must match one of its values. `*` and `?` are wildcards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "field", rename_all = "kebab-case")]
pub enum Condition {
    /// Matches the `Host` header.
    HostHeader {
        /// Patterns such as `*.example.com`.
        values: Vec<String>,
    },
    /// Matches the request's path.
    PathPattern {
        /// Patterns such as `/api/*`.
        values: Vec<String>,
    },
    /// Matches another request header.
    HttpHeader {
        /// Name of the header.
        name: String,
        /// Values of the header.
        values: Vec<String>,
    },
    /// Matches the request's method.
    HttpRequestMethod {
        /// Methods such as `GET`.
        values: Vec<String>,
    },
    /// Matches a pair in the query.
    QueryString {
        /// Pairs of keys and values.
        values: Vec<QueryPair>,
    },
    /// Matches the client's address.
    SourceIp {
        /// Ranges of source addresses.
        values: Vec<String>,
    },
    /// An observed condition that has no input.
    Other {
        /// AWS's name for it.
        name: String,
    },
}

/// A pair in a query.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct QueryPair {
    /// Any key if absent.
    pub key: Option<String>,
    /// Value of the parameter.
    pub value: String,
}
sdk_struct!(QueryPair = types::QueryStringKeyValuePair { key, value });

impl Condition {
    fn sdk(&self) -> RuleCondition {
        let sdk = RuleCondition::builder();
        match self {
            Self::HostHeader { values } => sdk
                .field("host-header")
                .host_header_config(HostHeaderConditionConfig::builder().set_values(Some(values.clone())).build()),
            Self::PathPattern { values } => sdk
                .field("path-pattern")
                .path_pattern_config(PathPatternConditionConfig::builder().set_values(Some(values.clone())).build()),
            Self::HttpHeader { name, values } => sdk.field("http-header").http_header_config(
                HttpHeaderConditionConfig::builder().http_header_name(name).set_values(Some(values.clone())).build(),
            ),
            Self::HttpRequestMethod { values } => sdk.field("http-request-method").http_request_method_config(
                HttpRequestMethodConditionConfig::builder().set_values(Some(values.clone())).build(),
            ),
            Self::QueryString { values } => sdk
                .field("query-string")
                .query_string_config(QueryStringConditionConfig::builder().set_values(values.to_sdk()).build()),
            Self::SourceIp { values } => sdk
                .field("source-ip")
                .source_ip_config(SourceIpConditionConfig::builder().set_values(Some(values.clone())).build()),
            Self::Other { name } => sdk.field(name),
        }
        .build()
    }

    /// The only place where the SDK's type becomes ours.
    fn to_observed(sdk: &RuleCondition) -> Self {
        let or_flat = |values: &[String]| if values.is_empty() { sdk.values().to_vec() } else { values.to_vec() };
        let field = sdk.field().unwrap_or_default();
        match field {
            "host-header" => Self::HostHeader {
                values: or_flat(sdk.host_header_config().map(HostHeaderConditionConfig::values).unwrap_or_default()),
            },
            "path-pattern" => Self::PathPattern {
                values: or_flat(sdk.path_pattern_config().map(PathPatternConditionConfig::values).unwrap_or_default()),
            },
            "http-header" => Self::HttpHeader {
                name: sdk.http_header_config().and_then(|one| one.http_header_name()).unwrap_or_default().to_owned(),
                values: sdk.http_header_config().map(|one| one.values().to_vec()).unwrap_or_default(),
            },
            "http-request-method" => Self::HttpRequestMethod {
                values: sdk.http_request_method_config().map(|one| one.values().to_vec()).unwrap_or_default(),
            },
            "query-string" => {
                let pairs = sdk.query_string_config().map(QueryStringConditionConfig::values);
                Self::QueryString { values: pairs.and_then(FromSdk::from_sdk).unwrap_or_default() }
            }
            "source-ip" => {
                Self::SourceIp { values: sdk.source_ip_config().map(|one| one.values().to_vec()).unwrap_or_default() }
            }
            other => Self::Other { name: other.to_owned() },
        }
    }
}

/// The outputs of a rule.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ListenerRuleOutputs {
    /// The ARN of the listener rule.
    pub id: Id<ListenerRule>,
    /// The ARN as text.
    pub arn: String,
}

impl ListenerRule {
    fn sdk_conditions(&self) -> Vec<RuleCondition> {
        self.conditions.iter().map(Condition::sdk).collect()
    }
}

impl Resource for ListenerRule {
    const ACTIONS: Actions = Actions {
        read: &["elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags"],
        create: &["elasticloadbalancing:CreateRule", "elasticloadbalancing:AddTags"],
        update: &[
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:SetRulePriorities",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteRule"],
    };
    type Cloud = Aws;
    type Outputs = ListenerRuleOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let listeners: BTreeSet<String> =
            ids.iter().filter_map(|id| parent(id.as_str(), "listener-rule", "listener")).collect();
        let rules = join_all(listeners.iter().map(|arn| of(c, arn)));
        let (rules, tags) = futures::join!(rules, read_tags(c, ids));
        let (rules, tags) = (rules.into_iter().collect::<Result<Vec<_>>>()?, tags?);
        let observed = |id: &Id<Self>| {
            let one = rules.iter().flat_map(|some| some.iter()).find(|one| one.rule_arn() == Some(id.as_str()))?;
            Some((id.clone(), to_observed(one, id.as_str(), tags.get(id.as_str())?.clone())))
        };
        Ok(ids.iter().filter_map(observed).collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        made_ours(c, self.find_by_unique_key(c).await?, owner).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = of(c, &text(&self.listener_arn).unwrap_or_default()).await?;
        let priority = self.priority.to_string();
        let same = all.iter().filter(|one| one.priority() == Some(priority.as_str()));
        Ok(same.filter_map(|one| one.rule_arn().map(Id::new)).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = set_inputs!(c.elb().create_rule(), self => listener_arn, priority)
            .set_conditions(Some(self.sdk_conditions()))
            .set_actions(Some(sdk_actions(&self.actions)))
            .set_tags(filled(Some(sdk_tags(&self.tags))))
            .send()
            .await
            .map_err(api_with(CREATE, priority_taken))?;
        let created = answer.rules().first().and_then(types::Rule::rule_arn);
        Ok((member(CREATE, "RuleArn", created)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let arn = recorded.id.as_str();
        if changed.contains(Field::Priority) {
            let pair = RulePriorityPair::builder().rule_arn(arn).priority(self.priority).build();
            let request = c.elb().set_rule_priorities().rule_priorities(pair);
            let answer = request.send().await;
            answer.map_err(api_with("elasticloadbalancing:SetRulePriorities", priority_taken))?;
        }
        if changed.contains_any(&[Field::Conditions, Field::Actions]) {
            let request = c.elb().modify_rule().rule_arn(arn);
            request
                .set_conditions(changed.contains(Field::Conditions).then(|| self.sdk_conditions()))
                .set_actions(changed.contains(Field::Actions).then(|| sdk_actions(&self.actions)))
                .send()
                .await
                .map_err(api("elasticloadbalancing:ModifyRule"))?;
        }
        sync_tags(c, arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.elb().delete_rule().rule_arn(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("elasticloadbalancing:DeleteRule")))
    }
}

const READ: &str = "elasticloadbalancing:DescribeRules";
const CREATE: &str = "elasticloadbalancing:CreateRule";

fn priority_taken(code: &str, _: &str) -> Option<ErrorKind> {
    code.starts_with("PriorityInUse").then_some(ErrorKind::Exists)
}

/// Lists the rules of a listener; none if it is gone.
async fn of(c: &Reader, listener: &str) -> Result<Arc<Vec<types::Rule>>> {
    c.once(&format!("elb:rules:{listener}"), || async {
        let pages = c.elb().describe_rules().listener_arn(listener).into_paginator().items().send();
        gone_ok(pages.collect::<Result<_, _>>().await.map_err(api(READ)))
    })
    .await
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::Rule, arn: &str, tags: Tags) -> Result<Observed<ListenerRule>> {
    let listener = parent(arn, "listener-rule", "listener");
    Ok(Observed {
        inputs: ListenerRule {
            listener_arn: Id::new(need(READ, listener.as_deref(), "RuleArn")?).into(),
            // The listener's own default has no number, and is no rule of ours.
            priority: one.priority().and_then(|text| text.parse().ok()).unwrap_or_default(),
            conditions: one.conditions().iter().map(Condition::to_observed).collect(),
            actions: observed_actions(one.actions()),
            tags,
        },
        outputs: ListenerRuleOutputs { id: Id::new(arn), arn: arn.to_owned() },
    })
}

impl ToProperty for Condition {
    fn to_property(&self) -> Value {
        let (field, config, values) = match self {
            Self::HostHeader { values } => ("host-header", "HostHeaderConfig", values.to_property()),
            Self::PathPattern { values } => ("path-pattern", "PathPatternConfig", values.to_property()),
            Self::HttpRequestMethod { values } => {
                ("http-request-method", "HttpRequestMethodConfig", values.to_property())
            }
            Self::QueryString { values } => ("query-string", "QueryStringConfig", values.to_property()),
            Self::SourceIp { values } => ("source-ip", "SourceIpConfig", values.to_property()),
            Self::HttpHeader { name, values } => {
                let config = json!({ "HttpHeaderName": name, "Values": values.to_property() });
                return json!({ "Field": "http-header", "HttpHeaderConfig": config });
            }
            Self::Other { name } => return json!({ "Field": name }),
        };
        json!({ "Field": field, config: { "Values": values } })
    }
}
