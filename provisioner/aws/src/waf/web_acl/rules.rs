//! The rules of a web ACL and their parts.

use provisioner_model::{In, Nested, Properties};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of resources that a web ACL protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Load balancers, and other things of one region.
    Regional,
    /// `CloudFront`; declared in `us-east-1` only.
    Cloudfront,
}

/// The action on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Uses the actions of the group's rules: for managed groups only.
    None,
    /// It passes, with a note in the metrics. For a managed group: all of its rules only count.
    Count,
    /// The request passes the firewall.
    Allow,
    /// Responds with status 403.
    Block,
    /// Responds with a puzzle.
    Captcha,
    /// A silent check of the browser.
    Challenge,
}

/// Metrics and samples of requests.
#[derive(Clone, Debug, PartialEq, Eq, Nested, Properties)]
pub struct Visibility {
    /// The metric's name, which is also the `WebACL` or `Rule` dimension.
    pub metric_name: String,
    /// `true` if WAF sends metrics to CloudWatch.
    #[field(default = true)]
    pub cloud_watch_metrics_enabled: bool,
    /// `true` if WAF samples requests.
    #[field(default = true)]
    pub sampled_requests_enabled: bool,
}

/// One rule. WAF evaluates the lowest priority first.
#[derive(Clone, Debug, PartialEq, Nested)]
#[nested(constructor = with_required)]
pub struct Rule {
    /// Name of the rule.
    pub name: String,
    /// Place in the order; each rule has its own.
    pub priority: i32,
    /// Condition of the rule.
    pub statement: Statement,
    /// Action on matching requests.
    pub action: Action,
    /// Metrics and samples of the rule.
    pub visibility_config: Visibility,
}

/// The condition of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statement {
    /// Matches by a managed rule group.
    Managed(ManagedRules),
    /// Too many requests from one address.
    RateBased(RateBased),
    /// An address of this set, by its ARN.
    IpSet(In<String>),
    /// One of these countries: `SE`.
    Geo(Vec<String>),
    /// A piece of text.
    ByteMatch(ByteMatch),
    /// Matches if all statements match.
    And(Vec<Self>),
    /// Matches if one statement matches.
    Or(Vec<Self>),
    /// Matches if the statement does not.
    Not(Box<Self>),
    /// One that is there, and that this program does not know: seen, never declared.
    Other(String),
}

/// A group of rules that a vendor maintains.
#[derive(Clone, Debug, PartialEq, Nested)]
pub struct ManagedRules {
    /// Vendor of the group, such as `AWS`.
    pub vendor_name: String,
    /// Name of the group, such as `AWSManagedRulesCommonRuleSet`.
    pub name: String,
    /// A fixed version; the vendor's default if absent.
    pub version: Option<String>,
    /// Other actions for rules of the group; `count` switches a rule off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule_action_overrides: Vec<Override>,
    /// The inspected requests; all if absent.
    pub scope_down_statement: Option<Box<Statement>>,
}

/// Another action for a rule of a managed group.
#[derive(Clone, Debug, PartialEq, Eq, Nested)]
pub struct Override {
    /// Name of the rule.
    pub name: String,
    /// Action of the rule.
    pub action_to_use: Action,
}

/// Too many requests from one address.
#[derive(Clone, Debug, PartialEq, Nested)]
pub struct RateBased {
    /// Limit on requests within the window, at least 10.
    pub limit: i64,
    /// The window in seconds: 60, 120, 300 or 600; WAF's default is 300.
    pub evaluation_window_sec: Option<i64>,
    /// The counted requests; all if absent.
    pub scope_down_statement: Option<Box<Statement>>,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Nested)]
#[nested(constructor = with_required)]
pub struct ByteMatch {
    /// Part of the request to inspect.
    pub field_to_match: Inspect,
    /// `EXACTLY`, `STARTS_WITH`, `ENDS_WITH`, `CONTAINS`, `CONTAINS_WORD`.
    pub positional_constraint: String,
    /// Text to search for.
    pub search_string: String,
    /// Transformations of the request before the comparison, in order: `NONE`, `LOWERCASE`, `URL_DECODE`, …
    #[field(required)]
    pub text_transformations: Vec<String>,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inspect {
    /// The path of the URL.
    UriPath,
    /// The query string of the URL.
    QueryString,
    /// The method, such as `GET`.
    Method,
    /// A header, by its name in small letters.
    Header(String),
    /// Something else that this program does not know: seen, never declared.
    Other,
}

impl ManagedRules {
    /// One of AWS's own, in the version that AWS chooses.
    pub fn aws(name: impl Into<String>) -> Self {
        Self::new("AWS", name)
    }
}

impl ByteMatch {
    /// Text that WAF compares without transformations.
    pub fn new(inspect: Inspect, position: impl Into<String>, text: impl Into<String>) -> Self {
        Self::with_required(inspect, position, text, ["NONE"])
    }
}

impl Rule {
    /// A rule with metrics and samples under its own name.
    pub fn new(name: impl Into<String>, priority: i32, statement: Statement, action: Action) -> Self {
        let name = name.into();
        Self { visibility_config: Visibility::new(&name), name, priority, statement, action }
    }

    /// One of AWS's own groups, which decides by itself.
    pub fn managed(name: impl Into<String>, priority: i32, group: impl Into<String>) -> Self {
        Self::new(name, priority, Statement::Managed(ManagedRules::aws(group)), Action::None)
    }

    /// Blocks an address with more than `limit` requests in five minutes.
    pub fn rate_limit(name: impl Into<String>, priority: i32, limit: i64) -> Self {
        Self::new(name, priority, Statement::RateBased(RateBased::new(limit)), Action::Block)
    }

    /// Returns the error in a rule, if any.
    pub(super) fn wrong(&self) -> Option<String> {
        let name = &self.name;
        match (&self.statement, self.action) {
            (Statement::Managed(_), Action::None | Action::Count) => None,
            (Statement::Managed(_), _) => {
                Some(format!("`{name}`: expected the action `none` or `count` for a managed rule group"))
            }
            (_, Action::None) => Some(format!("`{name}`: expected an action; only managed rule groups have none")),
            (Statement::RateBased(rate), _) if rate.limit < 10 => {
                Some(format!("`{name}`: expected a limit of at least 10 requests"))
            }
            (Statement::Other(what), _) => {
                Some(format!("`{name}`: Provisioner does not support the statement `{what}`"))
            }
            _ => None,
        }
    }
}

/// Returns the rules with their omissions spelled out: an override or a narrowing that is added outside Provisioner is
/// drift, although an absent input otherwise stays as the cloud has it. The order of overrides means nothing.
pub(super) fn whole(rules: &Value) -> Value {
    match rules {
        Value::Array(items) => items.iter().map(whole).collect(),
        Value::Object(map) => {
            let mut map: serde_json::Map<_, _> = map.iter().map(|(key, value)| (key.clone(), whole(value))).collect();
            for key in ["managed", "rate_based"] {
                if let Some(Value::Object(group)) = map.get_mut(key) {
                    group.entry("scope_down_statement").or_insert_with(|| "all".into());
                    if let Value::Array(overrides) =
                        group.entry("rule_action_overrides").or_insert_with(|| Value::Array(vec![]))
                    {
                        overrides.sort_by_key(Value::to_string);
                    }
                }
            }
            map.into()
        }
        other => other.clone(),
    }
}
