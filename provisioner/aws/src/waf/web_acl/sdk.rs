//! Rules as the SDK has them, both ways.

use aws_sdk_wafv2::{primitives::Blob, types};
use aws_smithy_types::error::operation::BuildError;
use provisioner_model::error::{Error, Kind, Result};

use super::{Action, ByteMatch, Inspect, ManagedRules, Override, RateBased, Rule, Scope, Statement, Visibility};
use crate::value::text;

/// A part of a request that lacks something.
pub(super) fn built<T>(part: Result<T, BuildError>) -> Result<T> {
    part.map_err(|error| Error { source: Some(error.into()), ..Error::new(Kind::NotSent, "wafv2:CreateWebACL") })
}

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

pub(super) fn visibility(want: &Visibility) -> Result<types::VisibilityConfig> {
    let config = types::VisibilityConfig::builder().metric_name(&want.metric);
    built(config.cloud_watch_metrics_enabled(want.metrics).sampled_requests_enabled(want.samples).build())
}

pub(super) fn seen_visibility(seen: &types::VisibilityConfig) -> Visibility {
    Visibility {
        metric: seen.metric_name().to_owned(),
        metrics: seen.cloud_watch_metrics_enabled(),
        samples: seen.sampled_requests_enabled(),
    }
}

pub(super) fn rules(want: &[Rule]) -> Result<Vec<types::Rule>> {
    want.iter().map(rule).collect()
}

fn rule(want: &Rule) -> Result<types::Rule> {
    let rule = types::Rule::builder()
        .name(&want.name)
        .priority(want.priority)
        .statement(statement(&want.statement)?)
        .visibility_config(visibility(&want.visibility)?);
    let rule = if matches!(want.statement, Statement::Managed(_)) {
        let over = types::OverrideAction::builder();
        rule.override_action(match want.action {
            Action::Count => over.count(types::CountAction::builder().build()).build(),
            _ => over.none(types::NoneAction::builder().build()).build(),
        })
    } else {
        rule.action(action(want.action))
    };
    built(rule.build())
}

fn action(want: Action) -> types::RuleAction {
    let action = types::RuleAction::builder();
    match want {
        Action::Allow => action.allow(types::AllowAction::builder().build()),
        Action::Block => action.block(types::BlockAction::builder().build()),
        Action::Captcha => action.captcha(types::CaptchaAction::builder().build()),
        Action::Challenge => action.challenge(types::ChallengeAction::builder().build()),
        Action::Count | Action::None => action.count(types::CountAction::builder().build()),
    }
    .build()
}

fn seen_action(seen: &types::RuleAction) -> Action {
    match seen {
        seen if seen.allow().is_some() => Action::Allow,
        seen if seen.block().is_some() => Action::Block,
        seen if seen.captcha().is_some() => Action::Captcha,
        seen if seen.challenge().is_some() => Action::Challenge,
        _ => Action::Count,
    }
}

fn statement(want: &Statement) -> Result<types::Statement> {
    let all = |parts: &[Statement]| parts.iter().map(statement).collect::<Result<Vec<_>>>();
    let one = types::Statement::builder();
    Ok(match want {
        Statement::Managed(group) => one.managed_rule_group_statement(managed(group)?),
        Statement::RateBased(rate) => {
            let by_address = types::RateBasedStatementAggregateKeyType::Ip;
            let part = types::RateBasedStatement::builder().limit(rate.limit).aggregate_key_type(by_address);
            let part = part.set_evaluation_window_sec(rate.window);
            one.rate_based_statement(built(part.set_scope_down_statement(narrow(rate.scope_down.as_deref())?).build())?)
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
            let why = format!("a statement `{what}` cannot be declared");
            return Err(Error::because(Kind::Refused, "wafv2:CreateWebACL", why));
        }
    }
    .build())
}

fn narrow(want: Option<&Statement>) -> Result<Option<Box<types::Statement>>> {
    want.map(|part| statement(part).map(Box::new)).transpose()
}

fn managed(want: &ManagedRules) -> Result<types::ManagedRuleGroupStatement> {
    let overrides = want.overrides.iter().map(|one| {
        let part = types::RuleActionOverride::builder().name(&one.rule).action_to_use(action(one.action));
        built(part.build())
    });
    let overrides = overrides.collect::<Result<Vec<_>>>()?;
    let group = types::ManagedRuleGroupStatement::builder()
        .vendor_name(&want.vendor)
        .name(&want.name)
        .set_version(want.version.clone())
        .set_rule_action_overrides((!overrides.is_empty()).then_some(overrides))
        .set_scope_down_statement(narrow(want.scope_down.as_deref())?);
    built(group.build())
}

fn byte_match(want: &ByteMatch) -> Result<types::ByteMatchStatement> {
    let field = types::FieldToMatch::builder();
    let field = match &want.inspect {
        Inspect::UriPath => field.uri_path(types::UriPath::builder().build()),
        Inspect::QueryString => field.query_string(types::QueryString::builder().build()),
        Inspect::Method => field.method(types::Method::builder().build()),
        Inspect::Header(name) => field.single_header(built(types::SingleHeader::builder().name(name).build())?),
        Inspect::Other => {
            let why = "this part of a request cannot be declared";
            return Err(Error::because(Kind::Refused, "wafv2:CreateWebACL", why));
        }
    };
    let steps = want.transformations.iter().zip(0..).map(|(name, priority)| {
        let part = types::TextTransformation::builder().priority(priority);
        built(part.r#type(types::TextTransformationType::from(name.as_str())).build())
    });
    let part = types::ByteMatchStatement::builder()
        .search_string(Blob::new(want.text.as_bytes()))
        .field_to_match(field.build())
        .positional_constraint(types::PositionalConstraint::from(want.position.as_str()))
        .set_text_transformations(Some(steps.collect::<Result<Vec<_>>>()?));
    built(part.build())
}

pub(super) fn seen_rule(seen: &types::Rule) -> Rule {
    let over = seen.override_action().map(|over| if over.count().is_some() { Action::Count } else { Action::None });
    let statement = seen.statement().map_or_else(|| Statement::Other("none".into()), seen_statement);
    Rule {
        name: seen.name().to_owned(),
        priority: seen.priority(),
        statement,
        action: over.or(seen.action().map(seen_action)).unwrap_or(Action::None),
        visibility: seen
            .visibility_config()
            .map_or(Visibility { metric: String::new(), metrics: false, samples: false }, seen_visibility),
    }
}

fn seen_statement(seen: &types::Statement) -> Statement {
    let all = |parts: &[types::Statement]| parts.iter().map(seen_statement).collect();
    let narrow = |part: Option<&types::Statement>| part.map(|part| Box::new(seen_statement(part)));
    if let Some(group) = seen.managed_rule_group_statement() {
        // Excluded rules are how counting was written before there were overrides.
        let excluded = group.excluded_rules().iter();
        let excluded = excluded.map(|rule| Override { rule: rule.name().to_owned(), action: Action::Count });
        let overrides = group.rule_action_overrides().iter().map(|one| Override {
            rule: one.name().to_owned(),
            action: one.action_to_use().map_or(Action::Count, seen_action),
        });
        Statement::Managed(ManagedRules {
            vendor: group.vendor_name().to_owned(),
            name: group.name().to_owned(),
            version: group.version().map(str::to_owned),
            overrides: overrides.chain(excluded).collect(),
            scope_down: narrow(group.scope_down_statement()),
        })
    } else if let Some(rate) = seen.rate_based_statement() {
        let by_address = *rate.aggregate_key_type() == types::RateBasedStatementAggregateKeyType::Ip;
        if !by_address {
            return Statement::Other(format!("rate by {}", rate.aggregate_key_type()));
        }
        Statement::RateBased(RateBased {
            limit: rate.limit(),
            window: Some(rate.evaluation_window_sec()).filter(|window| *window > 0),
            scope_down: narrow(rate.scope_down_statement()),
        })
    } else if let Some(set) = seen.ip_set_reference_statement() {
        Statement::IpSet(set.arn().into())
    } else if let Some(geo) = seen.geo_match_statement() {
        Statement::Geo(geo.country_codes().iter().map(|code| code.as_str().to_owned()).collect())
    } else if let Some(bytes) = seen.byte_match_statement() {
        Statement::ByteMatch(seen_byte_match(bytes))
    } else if let Some(parts) = seen.and_statement() {
        Statement::And(all(parts.statements()))
    } else if let Some(parts) = seen.or_statement() {
        Statement::Or(all(parts.statements()))
    } else if let Some(part) = seen.not_statement().and_then(types::NotStatement::statement) {
        Statement::Not(Box::new(seen_statement(part)))
    } else {
        Statement::Other("unknown".into())
    }
}

fn seen_byte_match(seen: &types::ByteMatchStatement) -> ByteMatch {
    let inspect = match seen.field_to_match() {
        Some(field) if field.uri_path().is_some() => Inspect::UriPath,
        Some(field) if field.query_string().is_some() => Inspect::QueryString,
        Some(field) if field.method().is_some() => Inspect::Method,
        Some(field) => {
            field.single_header().map_or(Inspect::Other, |header| Inspect::Header(header.name().to_lowercase()))
        }
        None => Inspect::Other,
    };
    let mut steps: Vec<_> = seen.text_transformations().iter().collect();
    steps.sort_by_key(|step| step.priority());
    ByteMatch {
        inspect,
        position: seen.positional_constraint().as_str().to_owned(),
        text: String::from_utf8_lossy(seen.search_string().as_ref()).into_owned(),
        transformations: steps.into_iter().map(|step| step.r#type().as_str().to_owned()).collect(),
    }
}
