//! `aws:wafv2:web-acl`: rules that requests must pass.
//!
//! WAF fixes a web ACL's name and scope at creation, so a change to either replaces it. Rules are managed whole: an
//! apply removes one that was added outside Provisioner. Reads: two calls for each (the ACL, its tags).
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html>

mod properties;
mod rules;
mod sdk;

use aws_sdk_wafv2::types;
use serde_json::Value;

pub use self::rules::{
    Action, ByteMatch, Inspect, ManagedRules, Override, RateBased, Rule, Scope, Statement, Visibility,
};
use crate::{cloud::Clients, each::one_by_one, prelude::*, tags::owned};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_-]+$",
    page: "https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html",
    ..NameRule::ANY
};

/// Rules that requests must pass.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:wafv2:web-acl",
    cloudformation = "AWS::WAFv2::WebACL",
    attributes(id | arn = "Arn", name = "${name}"),
    create = "wafv2:CreateWebACL",
    unique(scope, name),
    omitted(
        CustomResponseBodies = "WAF's own answers; updates keep them as they are, as all below",
        CaptchaConfig | ChallengeConfig | TokenDomains = "WAF's own times",
        DataProtectionConfig = "samples show what they show",
        AssociationConfig = "bodies are inspected up to WAF's own limit",
        OnSourceDDoSProtectionConfig | ApplicationConfig | MonetizationConfig = "not for every account",
        AnalyticsConfig = "new, not so far",
    )
)]
pub struct WebAcl {
    /// The name; generated if absent.
    #[field(replaces, name(max = 128, rule = NAME_RULE))]
    pub name: Option<String>,
    /// Kind of resources that the ACL protects.
    #[field(replaces)]
    pub scope: Scope,
    /// A description of the web ACL for readers.
    #[field(cloud_default = none)]
    pub description: Option<String>,
    /// Action for requests that no rule decides: `allow` or `block`.
    pub default_action: Action,
    /// The rules in any order: their priorities decide.
    #[field(set)]
    pub rules: Vec<Rule>,
    /// Metrics and samples of the web ACL.
    pub visibility_config: Visibility,
    /// Tags of the web ACL, by key.
    pub tags: Tags,
}

/// The outputs of a web ACL.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct WebAclOutputs {
    /// The ARN, which has the name, the scope and AWS's own ID.
    pub id: Id<WebAcl>,
    /// The same ARN, as text.
    pub arn: String,
    /// The name of the web ACL: the `WebACL` dimension of its metrics is the metric's name, not this.
    #[output(constant = "NAME_OUT")]
    pub name: String,
    /// Capacity units of the rules, at most 5000.
    pub capacity: i64,
}

impl Resource for WebAcl {
    const IDEMPOTENT_CREATE: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["capacity"];
    const ACTIONS: Actions = Actions {
        read: &["wafv2:GetWebACL", "wafv2:ListWebACLs", "wafv2:ListTagsForResource"],
        create: &["wafv2:CreateWebACL", "wafv2:TagResource"],
        update: &["wafv2:GetWebACL", "wafv2:UpdateWebACL", "wafv2:TagResource", "wafv2:UntagResource"],
        delete: &["wafv2:GetWebACL", "wafv2:DeleteWebACL"],
    };
    type Cloud = Aws;
    type Outputs = WebAclOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<_> =
            self.rules.iter().filter_map(|rule| Some(Problem::new(Field::Rules, rule.wrong()?))).collect();
        if !matches!(self.default_action, Action::Allow | Action::Block) {
            problems.push(Problem::new(Field::DefaultAction, "expected `allow` or `block`"));
        }
        let mut priorities: Vec<i32> = self.rules.iter().map(|rule| rule.priority).collect();
        priorities.sort_unstable();
        if priorities.windows(2).any(|pair| pair[0] == pair[1]) {
            let why = "two rules have the same priority; AWS requires a different one for each rule";
            problems.push(Problem::new(Field::Rules, why));
        }
        problems
    }

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        if Field::of(field) == Some(Field::Rules) {
            return field.compare.is_equivalent(&rules::whole(desired), &rules::whole(observed));
        }
        field.compare.is_equivalent(desired, observed)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let read = async |id: &Id<Self>| {
            let key = WebAclIdentity::of(id.as_str()).ok_or_else(|| Error::new(ErrorKind::Gone, READ))?;
            let (acl, _) = get(c, &key).await?;
            to_observed(&acl, key.scope, tags_of(c, id.as_str()).await?)
        };
        Ok(one_by_one(ids, read).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        owned(&self.find_by_unique_key(c).await?, owner, |id| tags_of(c, id.as_str())).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let (mut found, mut next) = (vec![], None);
        loop {
            let request = c.waf().list_web_acls().scope(self.scope.sdk()).limit(100).set_next_marker(next);
            let page = request.send().await.map_err(api("wafv2:ListWebACLs"))?;
            let named = page.web_acls().iter().filter(|acl| acl.name() == self.name.as_deref());
            found.extend(named.filter_map(|acl| acl.arn().map(Id::new)));
            next = page.next_marker().filter(|_| !page.web_acls().is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        const ACTION: &str = "wafv2:CreateWebACL";
        let request = set_inputs!(c.waf().create_web_acl(), self => name, description);
        let request = request
            .scope(self.scope.sdk())
            .default_action(sdk::default_action(self.default_action))
            .set_rules(Some(sdk::rules(&self.rules)?))
            .visibility_config(sdk::visibility(&self.visibility_config)?);
        let answer = request.set_tags(Some(sdk_tags(&self.tags))).send().await.map_err(api(ACTION))?;
        Ok((member(ACTION, "ARN", answer.summary().and_then(types::WebAclSummary::arn))?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let arn = recorded.id.as_str();
        let Some(key) = WebAclIdentity::of(arn) else { return Ok(None) };
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        if !changed.is_subset(&[Field::Tags]) {
            // The call replaces everything: what is not an input goes back as it is. The lock token must be a new one.
            let (acl, token) = get(c.read(), &key).await?;
            let is_dropped = self.description.is_none() && changed.contains(Field::Description);
            let unstated = acl.description().filter(|_| !is_dropped).map(str::to_owned);
            let description = self.description.clone().or(unstated);
            c.waf()
                .update_web_acl()
                .name(key.name)
                .id(key.id)
                .scope(key.scope.sdk())
                .lock_token(token)
                .set_description(description.filter(|description| !description.is_empty()))
                .default_action(sdk::default_action(self.default_action))
                .set_rules(Some(sdk::rules(&self.rules)?))
                .visibility_config(sdk::visibility(&self.visibility_config)?)
                .set_custom_response_bodies(acl.custom_response_bodies)
                .set_captcha_config(acl.captcha_config)
                .set_challenge_config(acl.challenge_config)
                .set_token_domains(acl.token_domains)
                .set_data_protection_config(acl.data_protection_config)
                .set_association_config(acl.association_config)
                .set_on_source_d_do_s_protection_config(acl.on_source_d_do_s_protection_config)
                .set_application_config(acl.application_config)
                .set_monetization_config(acl.monetization_config)
                .send()
                .await
                .map_err(api("wafv2:UpdateWebACL"))?;
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.waf().tag_resource().resource_arn(arn) => "wafv2:TagResource",
            c.waf().untag_resource().resource_arn(arn) => "wafv2:UntagResource");
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some(key) = WebAclIdentity::of(recorded.id.as_str()) else { return Ok(()) };
        let gone = async {
            let (_, token) = get(c.read(), &key).await?;
            let request = c.waf().delete_web_acl().name(key.name).id(key.id).scope(key.scope.sdk());
            // An association that was just taken away counts for a while.
            let in_use = |code: &str, _: &str| (code == "WAFAssociatedItemException").then_some(ErrorKind::InUse);
            let answer = request.lock_token(token).send().await.map(drop);
            answer.map_err(api_with("wafv2:DeleteWebACL", in_use))
        };
        gone_ok(gone.await)
    }
}

const READ: &str = "wafv2:GetWebACL";

/// The API's identification of an ACL, which its ARN contains.
struct WebAclIdentity<'a> {
    scope: Scope,
    name: &'a str,
    id: &'a str,
}

impl<'a> WebAclIdentity<'a> {
    /// Parses an ARN of the form `arn:aws:wafv2:us-east-1:1:regional/webacl/NAME/ID`.
    fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':').nth(5)?.split('/');
        let scope = match parts.next()? {
            "regional" => Scope::Regional,
            "global" => Scope::Cloudfront,
            _ => return None,
        };
        parts.next().filter(|kind| *kind == "webacl")?;
        Some(Self { scope, name: parts.next()?, id: parts.next()? })
    }
}

async fn get(c: &Clients, key: &WebAclIdentity<'_>) -> Result<(types::WebAcl, String)> {
    let request = c.waf().get_web_acl().name(key.name).id(key.id).scope(key.scope.sdk());
    let answer = request.send().await.map_err(api(READ))?;
    Ok((need(READ, answer.web_acl(), "WebACL")?, need(READ, answer.lock_token(), "LockToken")?))
}

async fn tags_of(c: &Clients, arn: &str) -> Result<Tags> {
    let request = c.waf().list_tags_for_resource().resource_arn(arn).limit(100);
    let answer = request.send().await.map_err(api("wafv2:ListTagsForResource"))?;
    let tags = answer.tag_info_for_resource().map(types::TagInfoForResource::tag_list).unwrap_or_default();
    Ok(our_tags(tags))
}

tag_conversions!(types::Tag, key, value);

fn to_observed(acl: &types::WebAcl, scope: Scope, tags: Tags) -> Result<Observed<WebAcl>> {
    let visibility = need(READ, acl.visibility_config(), "VisibilityConfig")?;
    let blocks = acl.default_action().is_some_and(|action| action.block().is_some());
    Ok(Observed {
        inputs: from_sdk!(READ, acl => WebAcl {
            name, description;
            scope,
            default_action: if blocks { Action::Block } else { Action::Allow },
            rules: acl.rules().iter().map(sdk::observed_rule).collect(),
            visibility_config: sdk::observed_visibility(&visibility),
            tags,
        }),
        outputs: from_sdk!(READ, acl => WebAclOutputs { id = arn, arn, name, capacity }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_says_all() {
        let key = WebAclIdentity::of("arn:aws:wafv2:us-east-1:123456789012:regional/webacl/web/473e64fd").unwrap();
        assert_eq!((key.scope, key.name, key.id), (Scope::Regional, "web", "473e64fd"));
        assert!(WebAclIdentity::of("none-0123").is_none());
        assert!(WebAclIdentity::of("arn:aws:wafv2:us-east-1:123456789012:regional/ipset/web/473e64fd").is_none());
    }

    #[test]
    fn rules_go_to_the_sdk_and_come_back() {
        let all = vec![
            Rule {
                statement: Statement::Managed(
                    ManagedRules::aws("AWSManagedRulesCommonRuleSet")
                        .rule_action_overrides([Override::new("SizeRestrictions_BODY", Action::Count)]),
                ),
                ..Rule::managed("common", 1, "AWSManagedRulesCommonRuleSet")
            },
            Rule::rate_limit("rate", 2, 1000),
            Rule::new(
                "deep",
                3,
                Statement::And(vec![
                    Statement::Not(Box::new(Statement::Geo(vec!["SE".into()]))),
                    Statement::ByteMatch(ByteMatch::new(Inspect::Header("host".into()), "EXACTLY", "example.com")),
                    Statement::IpSet("arn:aws:wafv2:us-east-1:1:regional/ipset/a/b".into()),
                ]),
                Action::Block,
            ),
        ];
        let back: Vec<Rule> = sdk::rules(&all).unwrap().iter().map(sdk::observed_rule).collect();
        let field = WebAcl::FIELDS.iter().find(|field| field.name == Field::Rules.name()).unwrap();
        let [desired, observed] = [&all, &back].map(|rules| serde_json::to_value(rules).unwrap());
        assert!(WebAcl::is_equivalent(field, &desired, &observed), "{desired:#}\n{observed:#}");
        // An addition inside a rule is drift, although the declaration never stated that part.
        let mut loose = back;
        let Statement::Managed(common) = &mut loose[0].statement else { panic!("managed") };
        common.scope_down_statement = Some(Box::new(Statement::Geo(vec!["SE".into()])));
        assert!(!WebAcl::is_equivalent(field, &desired, &serde_json::to_value(loose).unwrap()));
    }

    #[test]
    fn mistakes_are_found_offline() {
        let acl = WebAcl::new(Scope::Regional, Action::Count, Visibility::new("web")).rules([
            Rule { action: Action::Block, ..Rule::managed("common", 1, "AWSManagedRulesCommonRuleSet") },
            Rule::rate_limit("rate", 1, 5),
        ]);
        assert_eq!(acl.problems().len(), 4, "{:#?}", acl.problems());
    }
}
