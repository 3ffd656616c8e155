//! Rules in CloudFormation's form.

use super::{Action, ByteMatch, Inspect, ManagedRules, RateBased, Rule, Scope, Statement};
use crate::prelude::*;

impl ToProperty for Scope {
    fn to_property(&self) -> Value {
        match self {
            Self::Regional => "REGIONAL",
            Self::Cloudfront => "CLOUDFRONT",
        }
        .into()
    }
}

impl ToProperty for Action {
    fn to_property(&self) -> Value {
        let name = match self {
            Self::None => "None",
            Self::Count => "Count",
            Self::Allow => "Allow",
            Self::Block => "Block",
            Self::Captcha => "Captcha",
            Self::Challenge => "Challenge",
        };
        json!({ name: {} })
    }
}

impl ToProperty for Rule {
    fn to_property(&self) -> Value {
        let is_managed = matches!(self.statement, Statement::Managed(_));
        members([
            ("Name", self.name.to_property()),
            ("Priority", self.priority.to_property()),
            ("Statement", self.statement.to_property()),
            (if is_managed { "OverrideAction" } else { "Action" }, self.action.to_property()),
            ("VisibilityConfig", self.visibility_config.to_property()),
        ])
    }
}

impl ToProperty for Statement {
    fn to_property(&self) -> Value {
        match self {
            Self::Managed(group) => json!({ "ManagedRuleGroupStatement": managed(group) }),
            Self::RateBased(rate) => json!({ "RateBasedStatement": rate_based(rate) }),
            Self::IpSet(arn) => json!({ "IPSetReferenceStatement": { "Arn": arn.to_property() } }),
            Self::Geo(countries) => json!({ "GeoMatchStatement": { "CountryCodes": countries } }),
            Self::ByteMatch(text) => json!({ "ByteMatchStatement": byte_match(text) }),
            Self::And(all) => json!({ "AndStatement": { "Statements": all.to_property() } }),
            Self::Or(any) => json!({ "OrStatement": { "Statements": any.to_property() } }),
            Self::Not(one) => json!({ "NotStatement": { "Statement": one.to_property() } }),
            // A mistake that `problems` reports.
            Self::Other(_) => json!({}),
        }
    }
}

fn managed(group: &ManagedRules) -> Value {
    let overrides = group.rule_action_overrides.iter();
    let overrides = overrides.map(|one| json!({ "Name": one.name, "ActionToUse": one.action_to_use.to_property() }));
    members([
        ("VendorName", group.vendor_name.to_property()),
        ("Name", group.name.to_property()),
        ("Version", group.version.to_property()),
        ("RuleActionOverrides", overrides.collect()),
        ("ScopeDownStatement", group.scope_down_statement.to_property()),
    ])
}

fn rate_based(rate: &RateBased) -> Value {
    members([
        ("Limit", rate.limit.to_property()),
        ("AggregateKeyType", "IP".into()),
        ("EvaluationWindowSec", rate.evaluation_window_sec.to_property()),
        ("ScopeDownStatement", rate.scope_down_statement.to_property()),
    ])
}

fn byte_match(text: &ByteMatch) -> Value {
    let field = match &text.field_to_match {
        Inspect::UriPath => json!({ "UriPath": {} }),
        Inspect::QueryString => json!({ "QueryString": {} }),
        Inspect::Method => json!({ "Method": {} }),
        Inspect::Header(name) => json!({ "SingleHeader": { "Name": name } }),
        Inspect::Other => json!({}),
    };
    let transformations = text.text_transformations.iter().enumerate();
    let transformations = transformations.map(|(number, kind)| json!({ "Priority": number, "Type": kind }));
    json!({
        "FieldToMatch": field,
        "PositionalConstraint": text.positional_constraint,
        "SearchString": text.search_string,
        "TextTransformations": transformations.collect::<Value>(),
    })
}
