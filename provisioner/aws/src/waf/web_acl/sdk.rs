//! Rules as the SDK has them, both ways.

use aws_sdk_wafv2::{primitives::Blob, types};

use super::{Action, ByteMatch, Inspect, ManagedRules, Override, RateBased, Rule, Scope, Statement, Visibility};
use crate::prelude::*;

impl Scope {
    /// As the API writes it.
    pub(super) fn sdk(self) -> types::Scope {
        match self {
            Self::Regional => types::Scope::Regional,
            Self::Cloudfront => types::Scope::Cloudfront,
        }
    }
}

pub(super) fn default_action(action: Action) -> types::DefaultAction {
    match action {
        Action::Block => types::DefaultAction::builder().block(types::BlockAction::builder().build()).build(),
        _ => types::DefaultAction::builder().allow(types::AllowAction::builder().build()).build(),
    }
}

pub(super) fn visibility(desired: &Visibility) -> Result<types::VisibilityConfig> {
    let sdk = types::VisibilityConfig::builder();
    built(set_inputs!(sdk, desired => metric_name, cloud_watch_metrics_enabled, sampled_requests_enabled).build())
}

pub(super) fn observed_visibility(observed: &types::VisibilityConfig) -> Visibility {
    Visibility {
        metric_name: observed.metric_name().to_owned(),
        cloud_watch_metrics_enabled: observed.cloud_watch_metrics_enabled(),
        sampled_requests_enabled: observed.sampled_requests_enabled(),
    }
}

pub(super) fn rules(desired: &[Rule]) -> Result<Vec<types::Rule>> {
    desired.iter().map(rule).collect()
}

fn rule(desired: &Rule) -> Result<types::Rule> {
    let rule = set_inputs!(types::Rule::builder(), desired => name, priority);
    let rule =
        rule.statement(statement(&desired.statement)?).visibility_config(visibility(&desired.visibility_config)?);
    let rule = if matches!(desired.statement, Statement::Managed(_)) {
        let over = types::OverrideAction::builder();
        rule.override_action(match desired.action {
            Action::Count => over.count(types::CountAction::builder().build()).build(),
            _ => over.none(types::NoneAction::builder().build()).build(),
        })
    } else {
        rule.action(action(desired.action))
    };
    built(rule.build())
}

fn action(desired: Action) -> types::RuleAction {
    let action = types::RuleAction::builder();
    match desired {
        Action::Allow => action.allow(types::AllowAction::builder().build()),
        Action::Block => action.block(types::BlockAction::builder().build()),
        Action::Captcha => action.captcha(types::CaptchaAction::builder().build()),
        Action::Challenge => action.challenge(types::ChallengeAction::builder().build()),
        Action::Count | Action::None => action.count(types::CountAction::builder().build()),
    }
    .build()
}

fn observed_action(observed: &types::RuleAction) -> Action {
    match observed {
        observed if observed.allow().is_some() => Action::Allow,
        observed if observed.block().is_some() => Action::Block,
        observed if observed.captcha().is_some() => Action::Captcha,
        observed if observed.challenge().is_some() => Action::Challenge,
        _ => Action::Count,
    }
}

fn statement(desired: &Statement) -> Result<types::Statement> {
    let all = |parts: &[Statement]| parts.iter().map(statement).collect::<Result<Vec<_>>>();
    let one = types::Statement::builder();
    Ok(match desired {
        Statement::Managed(group) => one.managed_rule_group_statement(managed(group)?),
        Statement::RateBased(rate) => {
            let by_address = types::RateBasedStatementAggregateKeyType::Ip;
            let part = types::RateBasedStatement::builder().aggregate_key_type(by_address);
            let part = set_inputs!(part, rate => limit, evaluation_window_sec);
            let part = part.set_scope_down_statement(narrow(rate.scope_down_statement.as_deref())?);
            one.rate_based_statement(built(part.build())?)
        }
        Statement::IpSet(arn) => {
            let part = types::IpSetReferenceStatement::builder().set_arn(text(arn));
            one.ip_set_reference_statement(built(part.build())?)
        }
        Statement::Geo(countries) => {
            let countries = countries.iter().map(|code| types::CountryCode::from(code.as_str())).collect();
            one.geo_match_statement(types::GeoMatchStatement::builder().set_country_codes(Some(countries)).build())
        }
        Statement::ByteMatch(bytes) => one.byte_match_statement(byte_match(bytes)?),
        Statement::And(parts) => {
            let part = types::AndStatement::builder().set_statements(Some(all(parts)?));
            one.and_statement(built(part.build())?)
        }
        Statement::Or(parts) => {
            let part = types::OrStatement::builder().set_statements(Some(all(parts)?));
            one.or_statement(built(part.build())?)
        }
        Statement::Not(part) => one.not_statement(types::NotStatement::builder().statement(statement(part)?).build()),
        Statement::Other(what) => {
            let why = format!("Provisioner does not support the statement `{what}`");
            return Err(Error::because(ErrorKind::Refused, "wafv2:CreateWebACL", why));
        }
    }
    .build())
}

fn narrow(desired: Option<&Statement>) -> Result<Option<Box<types::Statement>>> {
    desired.map(|part| statement(part).map(Box::new)).transpose()
}

fn managed(desired: &ManagedRules) -> Result<types::ManagedRuleGroupStatement> {
    let overrides = desired.rule_action_overrides.iter().map(|one| {
        let part = types::RuleActionOverride::builder().name(&one.name).action_to_use(action(one.action_to_use));
        built(part.build())
    });
    let overrides = overrides.collect::<Result<Vec<_>>>()?;
    let group = types::ManagedRuleGroupStatement::builder()
        .set_rule_action_overrides((!overrides.is_empty()).then_some(overrides))
        .set_scope_down_statement(narrow(desired.scope_down_statement.as_deref())?);
    built(set_inputs!(group, desired => vendor_name, name, version).build())
}

fn byte_match(desired: &ByteMatch) -> Result<types::ByteMatchStatement> {
    let field = types::FieldToMatch::builder();
    let field = match &desired.field_to_match {
        Inspect::UriPath => field.uri_path(types::UriPath::builder().build()),
        Inspect::QueryString => field.query_string(types::QueryString::builder().build()),
        Inspect::Method => field.method(types::Method::builder().build()),
        Inspect::Header(name) => field.single_header(built(types::SingleHeader::builder().name(name).build())?),
        Inspect::Other => {
            let why = "Provisioner does not support this component of a request";
            return Err(Error::because(ErrorKind::Refused, "wafv2:CreateWebACL", why));
        }
    };
    let steps = desired.text_transformations.iter().zip(0..).map(|(name, priority)| {
        let part = types::TextTransformation::builder().priority(priority);
        built(part.r#type(types::TextTransformationType::from(name.as_str())).build())
    });
    let part = types::ByteMatchStatement::builder()
        .search_string(Blob::new(desired.search_string.as_bytes()))
        .field_to_match(field.build())
        .set_text_transformations(Some(steps.collect::<Result<Vec<_>>>()?));
    built(set_inputs!(part, desired => positional_constraint).build())
}

pub(super) fn observed_rule(observed: &types::Rule) -> Rule {
    let over = observed.override_action().map(|over| if over.count().is_some() { Action::Count } else { Action::None });
    let statement = observed.statement().map_or_else(|| Statement::Other("none".into()), observed_statement);
    Rule {
        name: observed.name().to_owned(),
        priority: observed.priority(),
        statement,
        action: over.or(observed.action().map(observed_action)).unwrap_or(Action::None),
        visibility_config: observed.visibility_config().map_or_else(
            || Visibility::new("").cloud_watch_metrics_enabled(false).sampled_requests_enabled(false),
            observed_visibility,
        ),
    }
}

fn observed_statement(observed: &types::Statement) -> Statement {
    let all = |parts: &[types::Statement]| parts.iter().map(observed_statement).collect();
    let narrow = |part: Option<&types::Statement>| part.map(|part| Box::new(observed_statement(part)));
    if let Some(group) = observed.managed_rule_group_statement() {
        // Excluded rules are how counting was written before there were overrides.
        let excluded = group.excluded_rules().iter();
        let excluded = excluded.map(|rule| Override::new(rule.name(), Action::Count));
        let overrides = group
            .rule_action_overrides()
            .iter()
            .map(|one| Override::new(one.name(), one.action_to_use().map_or(Action::Count, observed_action)));
        Statement::Managed(ManagedRules {
            vendor_name: group.vendor_name().to_owned(),
            name: group.name().to_owned(),
            version: group.version().map(str::to_owned),
            rule_action_overrides: overrides.chain(excluded).collect(),
            scope_down_statement: narrow(group.scope_down_statement()),
        })
    } else if let Some(rate) = observed.rate_based_statement() {
        let by_address = *rate.aggregate_key_type() == types::RateBasedStatementAggregateKeyType::Ip;
        if !by_address {
            return Statement::Other(format!("rate by {}", rate.aggregate_key_type()));
        }
        Statement::RateBased(RateBased {
            limit: rate.limit(),
            evaluation_window_sec: Some(rate.evaluation_window_sec()).filter(|window| *window > 0),
            scope_down_statement: narrow(rate.scope_down_statement()),
        })
    } else if let Some(set) = observed.ip_set_reference_statement() {
        Statement::IpSet(set.arn().into())
    } else if let Some(geo) = observed.geo_match_statement() {
        Statement::Geo(geo.country_codes().iter().map(|code| code.as_str().to_owned()).collect())
    } else if let Some(bytes) = observed.byte_match_statement() {
        Statement::ByteMatch(observed_byte_match(bytes))
    } else if let Some(parts) = observed.and_statement() {
        Statement::And(all(parts.statements()))
    } else if let Some(parts) = observed.or_statement() {
        Statement::Or(all(parts.statements()))
    } else if let Some(part) = observed.not_statement().and_then(types::NotStatement::statement) {
        Statement::Not(Box::new(observed_statement(part)))
    } else {
        Statement::Other("unknown".into())
    }
}

fn observed_byte_match(observed: &types::ByteMatchStatement) -> ByteMatch {
    let inspect = match observed.field_to_match() {
        Some(field) if field.uri_path().is_some() => Inspect::UriPath,
        Some(field) if field.query_string().is_some() => Inspect::QueryString,
        Some(field) if field.method().is_some() => Inspect::Method,
        Some(field) => {
            field.single_header().map_or(Inspect::Other, |header| Inspect::Header(header.name().to_lowercase()))
        }
        None => Inspect::Other,
    };
    let mut steps: Vec<_> = observed.text_transformations().iter().collect();
    steps.sort_by_key(|step| step.priority());
    ByteMatch {
        field_to_match: inspect,
        positional_constraint: observed.positional_constraint().as_str().to_owned(),
        search_string: String::from_utf8_lossy(observed.search_string().as_ref()).into_owned(),
        text_transformations: steps.into_iter().map(|step| step.r#type().as_str().to_owned()).collect(),
    }
}
