//! `aws:elasticloadbalancingv2:listener-rule` — what happens to those requests on a port that meet conditions.
//!
//! Its listener is fixed, so a change to it replaces the rule. A read takes one call for each listener and one for the
//! tags of each 20 rules.
//! API: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{
    self, HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, QueryStringKeyValuePair, RuleCondition, RulePriorityPair,
    SourceIpConditionConfig,
};
use futures::future::join_all;
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{
    Action, Listener, action::observed_actions, action::sdk_actions, made_ours, parent, read_tags, sdk_tags, sync_tags,
};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// Actions for requests to a listener that meet conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerRule {
    /// Listener of the rule.
    pub listener: In<Id<Listener>>,
    /// Rules are tried from the lowest number on, 1 to 50000; each number once.
    pub priority: i32,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// Actions for matching requests.
    pub actions: Vec<Action>,
    /// Tags of the listener rule, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// A condition: one of its values must fit. `*` and `?` stand for anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "field", rename_all = "kebab-case")]
pub enum Condition {
    /// By the host asked for.
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
    /// By a pair in the query.
    QueryString {
        /// Pairs of keys and values.
        values: Vec<QueryPair>,
    },
    /// By where it comes from.
    SourceIp {
        /// Ranges of source addresses.
        values: Vec<String>,
    },
    /// Something that is there and that cannot be stated here.
    Other {
        /// AWS's name for it.
        name: String,
    },
}

/// A pair in a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryPair {
    /// Any, where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Value of the parameter.
    pub value: String,
}

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
            Self::QueryString { values } => {
                let pair = |pair: &QueryPair| {
                    QueryStringKeyValuePair::builder().set_key(pair.key.clone()).value(&pair.value).build()
                };
                let values = values.iter().map(pair).collect();
                let config = QueryStringConditionConfig::builder().set_values(Some(values)).build();
                sdk.field("query-string").query_string_config(config)
            }
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
                let pair = |pair: &QueryStringKeyValuePair| QueryPair {
                    key: pair.key().map(str::to_owned),
                    value: pair.value().unwrap_or_default().to_owned(),
                };
                let pairs = sdk.query_string_config().map(QueryStringConditionConfig::values).unwrap_or_default();
                Self::QueryString { values: pairs.iter().map(pair).collect() }
            }
            "source-ip" => {
                Self::SourceIp { values: sdk.source_ip_config().map(|one| one.values().to_vec()).unwrap_or_default() }
            }
            other => Self::Other { name: other.to_owned() },
        }
    }
}

/// The outputs of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerRuleOutputs {
    /// The ARN of the listener rule.
    pub id: Id<ListenerRule>,
    /// Its ARN as text.
    pub arn: String,
}

impl ListenerRule {
    /// The ARN of the listener rule.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// A rule of this listener.
    pub fn new(listener: In<Id<Listener>>, priority: i32, conditions: Vec<Condition>, actions: Vec<Action>) -> Self {
        Self { listener, priority, conditions, actions, tags: Tags::new() }
    }

    fn sdk_conditions(&self) -> Vec<RuleCondition> {
        self.conditions.iter().map(Condition::sdk).collect()
    }
}

impl Resource for ListenerRule {
    const TYPE: &'static str = "aws:elasticloadbalancingv2:listener-rule";
    const FIELDS: &'static [Field] = &[
        Field::new("listener").replaces(),
        Field::new("priority"),
        Field::new("conditions").set(),
        Field::new("actions"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["listener", "priority"]];
    const TAGGED: bool = true;
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
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("Conditions.RegexValues", "patterns with `*` and `?` so far"),
        ("Transforms", "targets see requests as they came"),
    ];
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
        let all = of(c, &text(&self.listener).unwrap_or_default()).await?;
        let priority = self.priority.to_string();
        let same = all.iter().filter(|one| one.priority() == Some(priority.as_str()));
        Ok(same.filter_map(|one| one.rule_arn().map(Id::new)).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .elb()
            .create_rule()
            .set_listener_arn(text(&self.listener))
            .priority(self.priority)
            .set_conditions(Some(self.sdk_conditions()))
            .set_actions(Some(sdk_actions(&self.actions)?))
            .set_tags(sdk_tags(&self.tags))
            .send()
            .await
            .map_err(api_with("elasticloadbalancing:CreateRule", priority_taken))?;
        let made = answer.rules().first().and_then(types::Rule::rule_arn);
        Ok((Id::new(need("elasticloadbalancing:CreateRule", made, "RuleArn")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (differs, arn) = (ChangedInputs::between(self, &recorded.inputs, &observed.inputs), recorded.id.as_str());
        if differs.has("priority") {
            let pair = RulePriorityPair::builder().rule_arn(arn).priority(self.priority).build();
            let request = c.elb().set_rule_priorities().rule_priorities(pair);
            let answer = request.send().await;
            answer.map_err(api_with("elasticloadbalancing:SetRulePriorities", priority_taken))?;
        }
        if differs.any(&["conditions", "actions"]) {
            let actions = sdk_actions(&self.actions)?;
            c.elb()
                .modify_rule()
                .rule_arn(arn)
                .set_conditions(differs.has("conditions").then(|| self.sdk_conditions()))
                .set_actions(differs.has("actions").then_some(actions))
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

fn priority_taken(code: &str, _: &str) -> Option<ErrorKind> {
    code.starts_with("PriorityInUse").then_some(ErrorKind::Exists)
}

/// All rules of a listener; none where it is gone.
async fn of(c: &Reader, listener: &str) -> Result<Arc<Vec<types::Rule>>> {
    c.once(&format!("elb:rules:{listener}"), || async {
        let mut pages = c.elb().describe_rules().listener_arn(listener).into_paginator().items().send();
        let mut all = vec![];
        loop {
            match pages.try_next().await.map_err(api(READ)) {
                Ok(Some(one)) => all.push(one),
                Ok(None) => return Ok(all),
                Err(error) if error.kind == ErrorKind::Gone => return Ok(vec![]),
                Err(error) => return Err(error),
            }
        }
    })
    .await
}

fn to_observed(one: &types::Rule, arn: &str, tags: Tags) -> Result<Observed<ListenerRule>> {
    let listener = parent(arn, "listener-rule", "listener");
    Ok(Observed {
        inputs: ListenerRule {
            listener: Id::new(need(READ, listener.as_deref(), "RuleArn")?).into(),
            // The listener's own default has no number, and is no rule of ours.
            priority: one.priority().and_then(|text| text.parse().ok()).unwrap_or_default(),
            conditions: one.conditions().iter().map(Condition::to_observed).collect(),
            actions: observed_actions(one.actions()),
            tags,
        },
        outputs: ListenerRuleOutputs { id: Id::new(arn), arn: arn.to_owned() },
    })
}
