//! `aws:iam:role-policies` — everything that a role may do: its own policies, and those attached to it.
//!
//! Managed whole: a policy that another hand put on the role is drift and goes. Beside the role, not in it, so that
//! policies may name what uses the role. A part of one role: another role replaces it.
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html> and `API_AttachRolePolicy.html`
//!
//! Reads: one list of the whole account, shared with the roles. Two calls for each role, and one for each policy of
//! its own, where they are no more than two, or where the credentials may not see the account's details.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use provisioner_model::{
    compare::Compare,
    error::{Kind, Result},
    expr::In,
    resource::{Actions, Field, Found, Id, Made, Observed, Owner, Phase, Receipt, Recorded, Resource},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FEW, Role, arns, details};
use crate::{
    cloud::{Aws, Reader, Writer},
    document::{decoded, to_write},
    each::one_by_one,
    error::{api, gone_ok},
    value::{text, texts},
};

/// Everything that a role may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolePolicies {
    /// The role.
    pub role: In<Id<Role>>,
    /// Its own policies: name and document.
    #[serde(default)]
    pub inline: BTreeMap<String, In<String>>,
    /// ARNs of the policies attached to it.
    #[serde(default)]
    pub managed: Vec<In<String>>,
}

/// What AWS says of a role's policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolePoliciesOutputs {
    /// The role's name.
    pub id: Id<RolePolicies>,
}

impl RolePolicies {
    /// No policy at all on this role.
    pub fn new(role: In<Id<Role>>) -> Self {
        Self { role, inline: BTreeMap::new(), managed: Vec::new() }
    }

    /// With one more policy of its own.
    #[must_use]
    pub fn inline(mut self, name: impl Into<String>, document: In<String>) -> Self {
        self.inline.insert(name.into(), document);
        self
    }

    /// With one more policy attached.
    #[must_use]
    pub fn managed(mut self, arn: impl Into<In<String>>) -> Self {
        self.managed.push(arn.into());
        self
    }
}

impl Resource for RolePolicies {
    const TYPE: &'static str = "aws:iam:role-policies";
    const FIELDS: &'static [Field] =
        &[Field::new("role").replaces(), Field::new("inline").exact().may_dangle(), Field::new("managed").set()];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["role"]];
    const PART_OF: Option<&'static str> = Some("role");
    const ACTIONS: Actions = Actions {
        read: &[
            "iam:GetAccountAuthorizationDetails",
            "iam:GetRole",
            "iam:ListRolePolicies",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
        ],
        create: &["iam:PutRolePolicy", "iam:AttachRolePolicy"],
        update: &["iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
        delete: &[
            "iam:ListRolePolicies",
            "iam:ListAttachedRolePolicies",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
        ],
    };
    type Cloud = Aws;
    type Outputs = RolePoliciesOutputs;

    fn same(field: &Field, want: &Value, seen: &Value) -> bool {
        match (field.name, want.as_object(), seen.as_object()) {
            ("inline", Some(want), Some(seen)) => {
                let same = |(name, want): (&String, &Value)| {
                    seen.get(name).is_some_and(|seen| Compare::Document.same(want, seen))
                };
                want.len() == seen.len() && want.iter().all(same)
            }
            _ => field.compare.same(want, seen),
        }
    }

    fn phase(want: Option<&Self>, seen: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        let none = seen.inputs.inline.is_empty() && seen.inputs.managed.is_empty();
        // The role itself is still listed.
        if want.is_none() && none { Phase::Gone } else { Phase::Ready }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<Found<Self>> {
        if ids.len() > FEW {
            match details(c).await {
                Ok(details) => {
                    let one = |id: &Id<Self>| {
                        let role = details.roles.get(id.as_str())?;
                        let inline = role.role_policy_list().iter().filter_map(|policy| {
                            Some((policy.policy_name()?.to_owned(), policy.policy_document()?.to_owned()))
                        });
                        let attached = arns(role.attached_managed_policies());
                        Some((id.clone(), Ok(observed(id, inline.collect(), attached))))
                    };
                    return Ok(ids.iter().filter_map(one).collect());
                }
                Err(error) if error.kind == Kind::Denied => {}
                Err(error) => return Err(error),
            }
        }
        let one = async |id: &Id<Self>| {
            let role = id.as_str();
            let (names, attached) = futures::try_join!(inline_of(c, role), attached_to(c, role))?;
            let documents = names.into_iter().map(async |name| {
                let request = c.iam().get_role_policy().role_name(role).policy_name(&name);
                let answer = request.send().await.map_err(api("iam:GetRolePolicy"))?;
                Ok((name, answer.policy_document().to_owned()))
            });
            let inline = try_join_all(documents).await?;
            Ok(observed(id, inline, attached))
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        let Some(role) = text(&self.role) else { return Ok(vec![]) };
        match c.iam().get_role().role_name(&role).send().await.map_err(api("iam:GetRole")) {
            Ok(_) => Ok(vec![Id::new(role)]),
            Err(error) if error.kind == Kind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// A role's policies exist once it has one: those would go with the first write of ours.
    async fn existing(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(role) = text(&self.role) else { return Ok(vec![]) };
        match futures::try_join!(inline_of(c, &role), attached_to(c, &role)) {
            Ok((names, arns)) if names.is_empty() && arns.is_empty() => Ok(vec![]),
            Ok(_) => Ok(vec![Id::new(role)]),
            Err(error) if error.kind == Kind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// Nothing to make: the role is there, and `update` writes what differs.
    async fn create(&self, _: &Writer, _: &Owner) -> Result<Made<Self>> {
        Ok((Id::new(text(&self.role).unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, was: &Recorded<Self>, seen: &Observed<Self>) -> Result<Option<Receipt>> {
        let (role, seen) = (was.id.as_str(), &seen.inputs);
        // What it may do first, then what it may no longer do: never less than both in between.
        for (name, document) in &self.inline {
            if let Some(document) = to_write(Some(document), seen.inline.get(name)) {
                let request = c.iam().put_role_policy().role_name(role).policy_name(name).policy_document(document);
                request.send().await.map_err(api("iam:PutRolePolicy"))?;
            }
        }
        let (want, have) = (texts(&self.managed), texts(&seen.managed));
        for arn in want.iter().filter(|arn| !have.contains(arn)) {
            let request = c.iam().attach_role_policy().role_name(role).policy_arn(arn);
            request.send().await.map_err(api("iam:AttachRolePolicy"))?;
        }
        let names = seen.inline.keys().filter(|name| !self.inline.contains_key(*name)).cloned();
        let arns = have.iter().filter(|arn| !want.contains(arn)).cloned();
        strip(c, role, names.collect(), arns.collect()).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, last: &Recorded<Self>) -> Result<()> {
        let (role, reader) = (last.id.as_str(), c.reader());
        // All that is there: one more than we wrote would keep the role from going.
        let there = futures::try_join!(inline_of(&reader, role), attached_to(&reader, role));
        match there {
            Ok((names, arns)) => strip(c, role, names, arns).await,
            Err(error) => gone_ok(Err(error)),
        }
    }
}

async fn inline_of(c: &Reader, role: &str) -> Result<Vec<String>> {
    let mut pages = c.iam().list_role_policies().role_name(role).into_paginator().items().send();
    let mut names = vec![];
    while let Some(name) = pages.try_next().await.map_err(api("iam:ListRolePolicies"))? {
        names.push(name);
    }
    Ok(names)
}

async fn attached_to(c: &Reader, role: &str) -> Result<Vec<String>> {
    let mut pages = c.iam().list_attached_role_policies().role_name(role).into_paginator().items().send();
    let mut attached = vec![];
    while let Some(policy) = pages.try_next().await.map_err(api("iam:ListAttachedRolePolicies"))? {
        attached.push(policy);
    }
    Ok(arns(&attached))
}

async fn strip(c: &Writer, role: &str, names: Vec<String>, arns: Vec<String>) -> Result<()> {
    for name in names {
        let answer = c.iam().delete_role_policy().role_name(role).policy_name(name).send().await;
        gone_ok(answer.map(drop).map_err(api("iam:DeleteRolePolicy")))?;
    }
    for arn in arns {
        let answer = c.iam().detach_role_policy().role_name(role).policy_arn(arn).send().await;
        gone_ok(answer.map(drop).map_err(api("iam:DetachRolePolicy")))?;
    }
    Ok(())
}

/// The only place where the API's answer becomes ours.
fn observed(id: &Id<RolePolicies>, inline: Vec<(String, String)>, managed: Vec<String>) -> Observed<RolePolicies> {
    Observed {
        inputs: RolePolicies {
            role: Id::new(id.as_str()).into(),
            inline: inline.into_iter().map(|(name, document)| (name, decoded(&document).into())).collect(),
            managed: managed.into_iter().map(In::Known).collect(),
        },
        outputs: RolePoliciesOutputs { id: id.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_too_many_is_a_difference_and_spacing_is_not() {
        let field = &RolePolicies::FIELDS[1];
        let want = json!({"p": r#"{"Action": ["a"]}"#});
        assert!(RolePolicies::same(field, &want, &json!({"p": r#"{"Action":"a"}"#})));
        assert!(!RolePolicies::same(field, &want, &json!({"p": r#"{"Action":"a"}"#, "q": "{}"})));
        assert!(!RolePolicies::same(field, &want, &json!({})));
    }
}
