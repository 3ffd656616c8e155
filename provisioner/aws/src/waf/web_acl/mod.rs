//! `aws:wafv2:web-acl` — rules that requests must pass.
//!
//! WAF fixes a web ACL's name and scope at creation, so a change to either replaces it. Rules are managed whole: one
//! that another hand added goes. Reads: two calls for each (the ACL, its tags).
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html>

mod rules;
mod sdk;

use aws_sdk_wafv2::types;
use futures::future::join_all;
use provisioner_model::{
    error::{ErrorKind, Result},
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::rules::{
    Action, ByteMatch, Inspect, ManagedRules, Override, RateBased, Rule, Scope, Statement, Visibility,
};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Clients, Reader, Writer},
    error::{api, gone_ok, need},
    tags::{TagChange, made_for, observed_tags},
};

/// Rules that requests must pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebAcl {
    /// Its name; made by the engine where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Kind of resources that the ACL protects.
    pub scope: Scope,
    /// A description of the web ACL for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Action for requests that no rule decides: `allow` or `block`.
    pub default_action: Action,
    /// In any order: their priorities decide.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Its metrics and samples.
    pub visibility: Visibility,
    /// Tags of the web ACL, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a web ACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebAclOutputs {
    /// Its ARN, which names it, its scope and AWS's own id.
    pub id: Id<WebAcl>,
    /// The same, as text.
    pub arn: String,
    /// Its name: the `WebACL` dimension of its metrics is the metric's name, not this.
    pub name: String,
    /// Capacity units of the rules, at most 5000.
    pub capacity: i64,
}

impl WebAcl {
    /// The ARN of the web ACL.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// The name of the web ACL.
    pub const NAME_OUT: Output<Self, String> = Output::new("name");

    /// An ACL without rules, with metrics and samples under this name.
    pub fn new(scope: Scope, default_action: Action, metric: impl Into<String>) -> Self {
        Self {
            name: None,
            scope,
            description: None,
            default_action,
            rules: vec![],
            visibility: Visibility::new(metric),
            tags: Tags::new(),
        }
    }
}

impl Resource for WebAcl {
    const TYPE: &'static str = "aws:wafv2:web-acl";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("scope").replaces(),
        Field::new("description"),
        Field::new("default_action"),
        Field::new("rules").set(),
        Field::new("visibility"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["scope", "name"]];
    const NAME: Option<Name> = Some(Name::new("name", 128));
    const TAGGED: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["capacity"];
    const ACTIONS: Actions = Actions {
        read: &["wafv2:GetWebACL", "wafv2:ListWebACLs", "wafv2:ListTagsForResource"],
        create: &["wafv2:CreateWebACL", "wafv2:TagResource"],
        update: &["wafv2:GetWebACL", "wafv2:UpdateWebACL", "wafv2:TagResource", "wafv2:UntagResource"],
        delete: &["wafv2:GetWebACL", "wafv2:DeleteWebACL"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("CustomResponseBodies", "WAF's own answers; kept as they are by updates, as is all below"),
        ("CaptchaConfig", "WAF's own times, as for ChallengeConfig and TokenDomains"),
        ("DataProtectionConfig", "samples show what they show"),
        ("AssociationConfig", "bodies are inspected up to WAF's own limit"),
        ("OnSourceDDoSProtectionConfig", "not for every account, as for ApplicationConfig and MonetizationConfig"),
        ("AnalyticsConfig", "new, not so far"),
    ];
    type Cloud = Aws;
    type Outputs = WebAclOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<_> =
            self.rules.iter().filter_map(|rule| Some(Problem::new("rules", rule.wrong()?))).collect();
        if !matches!(self.default_action, Action::Allow | Action::Block) {
            problems.push(Problem::new("default_action", "is `allow` or `block`"));
        }
        let mut priorities: Vec<i32> = self.rules.iter().map(|rule| rule.priority).collect();
        priorities.sort_unstable();
        if priorities.windows(2).any(|pair| pair[0] == pair[1]) {
            problems
                .push(Problem::new("rules", "two rules have one priority: they decide the order, each needs its own"));
        }
        problems
    }

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        if field.name == "rules" {
            return field.compare.is_equivalent(&rules::whole(desired), &rules::whole(observed));
        }
        field.compare.is_equivalent(desired, observed)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let rows =
            ids.iter().filter_map(|id| Some((id, WebAclIdentity::of(id.as_str())?))).map(|(id, key)| async move {
                let observed = async {
                    let (acl, _) = get(c, &key).await?;
                    to_observed(&acl, key.scope, tags_of(c, id.as_str()).await?)
                };
                match observed.await {
                    Err(error) if error.kind == ErrorKind::Gone => None,
                    observed => Some((id.clone(), observed)),
                }
            });
        Ok(join_all(rows).await.into_iter().flatten().collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut found = vec![];
        for id in self.find_by_unique_key(c).await? {
            if made_for(&tags_of(c, id.as_str()).await?, owner) {
                found.push(id);
            }
        }
        Ok(found)
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
        let answer = c
            .waf()
            .create_web_acl()
            .set_name(self.name.clone())
            .scope(self.scope.sdk())
            .set_description(self.description.clone())
            .default_action(sdk::default_action(self.default_action))
            .set_rules(Some(sdk::rules(&self.rules)?))
            .visibility_config(sdk::visibility(&self.visibility)?)
            .set_tags(Some(sdk_tags(&self.tags)?))
            .send()
            .await
            .map_err(api(ACTION))?;
        Ok((Id::new(need(ACTION, answer.summary().and_then(types::WebAclSummary::arn), "ARN")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let arn = recorded.id.as_str();
        let Some(key) = WebAclIdentity::of(arn) else { return Ok(None) };
        if !ChangedInputs::between(self, &recorded.inputs, &observed.inputs).only(&["tags"]) {
            // The call replaces everything: what is not an input goes back as it is. The lock token must be a new one.
            let (acl, token) = get(c.read(), &key).await?;
            c.waf()
                .update_web_acl()
                .name(key.name)
                .id(key.id)
                .scope(key.scope.sdk())
                .lock_token(token)
                .set_description(
                    self.description.clone().or(acl.description().map(str::to_owned)).filter(|d| !d.is_empty()),
                )
                .default_action(sdk::default_action(self.default_action))
                .set_rules(Some(sdk::rules(&self.rules)?))
                .visibility_config(sdk::visibility(&self.visibility)?)
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
        let change = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.inputs.tags);
        if !change.set.is_empty() {
            let request = c.waf().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&change.set)?));
            request.send().await.map_err(api("wafv2:TagResource"))?;
        }
        if !change.drop.is_empty() {
            let request = c.waf().untag_resource().resource_arn(arn).set_tag_keys(Some(change.drop));
            request.send().await.map_err(api("wafv2:UntagResource"))?;
        }
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
            answer.map_err(crate::error::api_with("wafv2:DeleteWebACL", in_use))
        };
        gone_ok(gone.await)
    }
}

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
    const ACTION: &str = "wafv2:GetWebACL";
    let request = c.waf().get_web_acl().name(key.name).id(key.id).scope(key.scope.sdk());
    let answer = request.send().await.map_err(api(ACTION))?;
    Ok((need(ACTION, answer.web_acl(), "WebACL")?, need(ACTION, answer.lock_token(), "LockToken")?))
}

async fn tags_of(c: &Clients, arn: &str) -> Result<Tags> {
    let request = c.waf().list_tags_for_resource().resource_arn(arn).limit(100);
    let answer = request.send().await.map_err(api("wafv2:ListTagsForResource"))?;
    let tags = answer.tag_info_for_resource().map(types::TagInfoForResource::tag_list).unwrap_or_default();
    Ok(observed_tags(tags.iter().map(|tag| (Some(tag.key()), Some(tag.value())))))
}

fn sdk_tags(tags: &Tags) -> Result<Vec<types::Tag>> {
    tags.iter().map(|(key, value)| sdk::built(types::Tag::builder().key(key).value(value).build())).collect()
}

fn to_observed(acl: &types::WebAcl, scope: Scope, tags: Tags) -> Result<Observed<WebAcl>> {
    let visibility = need("wafv2:GetWebACL", acl.visibility_config(), "VisibilityConfig")?;
    let blocks = acl.default_action().is_some_and(|action| action.block().is_some());
    Ok(Observed {
        inputs: WebAcl {
            name: Some(acl.name().to_owned()),
            scope,
            description: acl.description().map(str::to_owned),
            default_action: if blocks { Action::Block } else { Action::Allow },
            rules: acl.rules().iter().map(sdk::observed_rule).collect(),
            visibility: sdk::observed_visibility(&visibility),
            tags,
        },
        outputs: WebAclOutputs {
            id: Id::new(acl.arn()),
            arn: acl.arn().to_owned(),
            name: acl.name().to_owned(),
            capacity: acl.capacity(),
        },
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
                statement: Statement::Managed(ManagedRules {
                    overrides: vec![Override { rule: "SizeRestrictions_BODY".into(), action: Action::Count }],
                    ..ManagedRules::aws("AWSManagedRulesCommonRuleSet")
                }),
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
        let field = WebAcl::FIELDS.iter().find(|field| field.name == "rules").unwrap();
        let [desired, observed] = [&all, &back].map(|rules| serde_json::to_value(rules).unwrap());
        assert!(WebAcl::is_equivalent(field, &desired, &observed), "{desired:#}\n{observed:#}");
        // What another hand adds inside of a rule is seen, though it was never stated.
        let mut loose = back;
        let Statement::Managed(common) = &mut loose[0].statement else { panic!("managed") };
        common.scope_down = Some(Box::new(Statement::Geo(vec!["SE".into()])));
        assert!(!WebAcl::is_equivalent(field, &desired, &serde_json::to_value(loose).unwrap()));
    }

    #[test]
    fn mistakes_are_found_offline() {
        let acl = WebAcl {
            rules: vec![
                Rule { action: Action::Block, ..Rule::managed("common", 1, "AWSManagedRulesCommonRuleSet") },
                Rule::rate_limit("rate", 1, 5),
            ],
            ..WebAcl::new(Scope::Regional, Action::Count, "web")
        };
        assert_eq!(acl.problems().len(), 4, "{:#?}", acl.problems());
    }
}
