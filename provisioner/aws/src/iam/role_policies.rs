//! `aws:iam:role-policies`: all policies of a role, inline and attached.
//!
//! Managed whole: a policy added outside Provisioner is drift, and an update removes it. Beside the role, not in it, so
//! that policies may name what uses the role. A part of one role: another role replaces it.
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html> and `API_AttachRolePolicy.html`
//!
//! Reads: one list of the whole account, shared with the roles. Two calls for each role, and one for each policy of
//! its own, where they are no more than two, or where the credentials may not see the account's details.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use provisioner_model::compare::Compare;
use serde_json::Value;

use super::{FEW, Role, arns, details};
use crate::{
    document::{decoded, to_write},
    each::one_by_one,
    prelude::*,
};

/// All policies of a role.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:iam:role-policies",
    cloudformation(part = "AWS::IAM::Role"),
    attributes(id = "${role_name}"),
    unique(role_name)
)]
pub struct RolePolicies {
    /// The role.
    #[field(replaces, part_of, property(none = "names the role"))]
    pub role_name: In<Id<Role>>,
    /// Inline policies: documents by name.
    #[field(exact, may_dangle, property(each = "AWS::IAM::RolePolicy", link = "RoleName"), convert = inline)]
    pub inline: BTreeMap<String, In<String>>,
    /// ARNs of the attached policies.
    #[field(set, property = "ManagedPolicyArns")]
    pub managed: Vec<In<String>>,
}

/// The outputs of a role's policies.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct RolePoliciesOutputs {
    /// The role's name.
    pub id: Id<RolePolicies>,
}

impl Resource for RolePolicies {
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

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        match (Field::of(field), desired.as_object(), observed.as_object()) {
            (Some(Field::Inline), Some(desired), Some(observed)) => {
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
        if ids.len() > FEW
            && let Some(details) = none_if(ErrorKind::Denied, details(c).await)?
        {
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
        let Some(role) = text(&self.role_name) else { return Ok(vec![]) };
        let answer = c.iam().get_role().role_name(&role).send().await.map_err(api("iam:GetRole"));
        Ok(none_if(ErrorKind::Gone, answer)?.map(|_| Id::new(role)).into_iter().collect())
    }

    /// A role's policies exist once it has one: those would go with the first write of ours.
    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(role) = text(&self.role_name) else { return Ok(vec![]) };
        let policies = none_if(ErrorKind::Gone, futures::try_join!(inline_of(c, &role), attached_to(c, &role)))?;
        let some = policies.filter(|(names, arns)| !names.is_empty() || !arns.is_empty());
        Ok(some.map(|_| Id::new(role)).into_iter().collect())
    }

    /// No call: the role exists, and `update` writes what differs.
    async fn create(&self, _: &Writer, _: &Owner) -> Result<Created<Self>> {
        Ok((Id::new(text(&self.role_name).unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
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
        // Every policy that exists: one more than we wrote would keep the role from going.
        let there = futures::try_join!(inline_of(&reader, role), attached_to(&reader, role));
        match there {
            Ok((names, arns)) => strip(c, role, names, arns).await,
            Err(error) => gone_ok(Err(error)),
        }
    }
}

async fn inline_of(c: &Reader, role: &str) -> Result<Vec<String>> {
    let pages = c.iam().list_role_policies().role_name(role).into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.map_err(api("iam:ListRolePolicies"))
}

async fn attached_to(c: &Reader, role: &str) -> Result<Vec<String>> {
    let pages = c.iam().list_attached_role_policies().role_name(role).into_paginator().items().send();
    let attached: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(api("iam:ListAttachedRolePolicies"))?;
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
            role_name: Id::new(id.as_str()).into(),
            inline: inline.into_iter().map(|(name, document)| (name, decoded(&document).into())).collect(),
            managed: managed.into_iter().map(In::Known).collect(),
        },
        outputs: RolePoliciesOutputs { id: id.clone() },
    }
}

/// Returns the inline policies, of which each is a resource of its own.
fn inline(policies: &BTreeMap<String, In<String>>) -> Value {
    let policy = |(name, document): (&String, &In<String>)| {
        let document = cloudformation::document(document);
        json!({ "PolicyName": name, "PolicyDocument": document })
    };
    policies.iter().map(policy).collect()
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
