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
    error::{ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource},
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
    /// Role of the policies.
    pub role: In<Id<Role>>,
    /// Its own policies: name and document.
    #[serde(default)]
    pub inline: BTreeMap<String, In<String>>,
    /// ARNs of the policies attached to it.
    #[serde(default)]
    pub managed: Vec<In<String>>,
}

/// The outputs of a role's policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolePoliciesOutputs {
    /// The name of the role.
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

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        match (field.name, desired.as_object(), observed.as_object()) {
            ("inline", Some(desired), Some(observed)) => {
                let same = |(name, desired): (&String, &Value)| {
                    observed.get(name).is_some_and(|observed| Compare::Document.is_equivalent(desired, observed))
                };
                desired.len() == observed.len() && desired.iter().all(same)
            }
            _ => field.compare.is_equivalent(desired, observed),
        }
    }

    fn phase(desired: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        let none = observed.inputs.inline.is_empty() && observed.inputs.managed.is_empty();
        // The role itself is still listed.
        if desired.is_none() && none { Phase::Gone } else { Phase::Ready }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        if ids.len() > FEW {
            match details(c).await {
                Ok(details) => {
                    let one = |id: &Id<Self>| {
                        let role = details.roles.get(id.as_str())?;
                        let inline = role.role_policy_list().iter().filter_map(|policy| {
                            Some((policy.policy_name()?.to_owned(), policy.policy_document()?.to_owned()))
                        });
                        let attached = arns(role.attached_managed_policies());
                        Some((id.clone(), Ok(to_observed(id, inline.collect(), attached))))
                    };
                    return Ok(ids.iter().filter_map(one).collect());
                }
                Err(error) if error.kind == ErrorKind::Denied => {}
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
            Ok(to_observed(id, inline, attached))
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        let Some(role) = text(&self.role) else { return Ok(vec![]) };
        match c.iam().get_role().role_name(&role).send().await.map_err(api("iam:GetRole")) {
            Ok(_) => Ok(vec![Id::new(role)]),
            Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// A role's policies exist once it has one: those would go with the first write of ours.
    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(role) = text(&self.role) else { return Ok(vec![]) };
        match futures::try_join!(inline_of(c, &role), attached_to(c, &role)) {
            Ok((names, arns)) if names.is_empty() && arns.is_empty() => Ok(vec![]),
            Ok(_) => Ok(vec![Id::new(role)]),
            Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// Nothing to make: the role is there, and `update` writes what differs.
    async fn create(&self, _: &Writer, _: &Owner) -> Result<Created<Self>> {
        Ok((Id::new(text(&self.role).unwrap_or_default()), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (role, observed) = (recorded.id.as_str(), &observed.inputs);
        // What it may do first, then what it may no longer do: never less than both in between.
        for (name, document) in &self.inline {
            if let Some(document) = to_write(Some(document), observed.inline.get(name)) {
                let request = c.iam().put_role_policy().role_name(role).policy_name(name).policy_document(document);
                request.send().await.map_err(api("iam:PutRolePolicy"))?;
            }
        }
        let (desired, have) = (texts(&self.managed), texts(&observed.managed));
        for arn in desired.iter().filter(|arn| !have.contains(arn)) {
            let request = c.iam().attach_role_policy().role_name(role).policy_arn(arn);
            request.send().await.map_err(api("iam:AttachRolePolicy"))?;
        }
        let names = observed.inline.keys().filter(|name| !self.inline.contains_key(*name)).cloned();
        let arns = have.iter().filter(|arn| !desired.contains(arn)).cloned();
        strip(c, role, names.collect(), arns.collect()).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let (role, reader) = (recorded.id.as_str(), c.reader());
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
fn to_observed(id: &Id<RolePolicies>, inline: Vec<(String, String)>, managed: Vec<String>) -> Observed<RolePolicies> {
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
    fn extra_policy_is_a_difference_and_whitespace_is_not() {
        let field = &RolePolicies::FIELDS[1];
        let desired = json!({"p": r#"{"Action": ["a"]}"#});
        assert!(RolePolicies::is_equivalent(field, &desired, &json!({"p": r#"{"Action":"a"}"#})));
        assert!(!RolePolicies::is_equivalent(field, &desired, &json!({"p": r#"{"Action":"a"}"#, "q": "{}"})));
        assert!(!RolePolicies::is_equivalent(field, &desired, &json!({})));
    }
}
