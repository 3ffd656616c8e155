//! The caller's permissions for the calls of the plan, as far as IAM simulates them.
//!
//! IAM first simulates every action on all resources, in one call: an administrator's policies allow that. For actions
//! that are refused so, it then simulates the objects' own ARNs, since policies may be limited to them. Nothing is certain:
//! a session's own policy and the policies of the objects take no part, and a call may not need every action that its type
//! lists. So the finding is a warning, and where the caller may not simulate policies, there is none.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use futures::future::try_join_all;
use provisioner_model::{
    Diagnostic,
    erased::{ResourceRegistry, ResourceType},
    plan::StepAction,
    resource::Actions,
    type_info::TypeInfo,
};

use super::{Context, principal::principal};
use crate::{
    authorization::{self, Place},
    partition::Partition,
    prelude::*,
};

/// Actions of an update that most updates do not need.
const BY_PARAMETER: &[&str] = &["iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"];

/// Maximum number of actions in the message, which says how many more there are.
const SHOWN: usize = 8;

/// An action of the plan, and the objects that need it: address, and the ARNs of which a policy must allow it.
type Needed = BTreeMap<&'static str, Vec<Need>>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Need {
    address: String,
    /// Every one must be allowed.
    required: Vec<String>,
    /// One of them must be allowed, if there are any.
    optional: Vec<String>,
}

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    match refused(context).await {
        Ok(refused) => Ok(finding(&refused).into_iter().collect()),
        Err(error) => {
            tracing::debug!(error = error.chain(), "the plan's permissions could not be simulated");
            Ok(vec![])
        }
    }
}

/// Returns the actions that the caller's policies refuse, each with the first resource that needs it.
async fn refused(context: &Context<'_>) -> Result<Vec<(&'static str, String)>> {
    let identity = context.aws.identity().await?;
    let partition = Partition::of_arn(&identity.arn).map_or("aws", |partition| partition.id);
    let place = Place { partition, region: context.reader.region(), account: &identity.account };
    let needed = needed(context, &crate::registry(), place);
    if needed.is_empty() {
        return Ok(vec![]);
    }
    let Some(principal) = principal(context).await? else { return Ok(vec![]) };
    let simulation = Simulation { context, principal, entries: entries(context) };
    let allowed = simulation.allowed("*", needed.keys().copied().collect()).await?;
    let doubtful: Needed = needed.into_iter().filter(|(action, _)| !allowed.contains(*action)).collect();

    let mut by_arn: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    for (action, needs) in &doubtful {
        for arn in needs.iter().flat_map(|need| need.required.iter().chain(&need.optional)) {
            by_arn.entry(arn).or_default().insert(action);
        }
    }
    let calls = by_arn.into_iter().map(|(arn, actions)| {
        let simulation = &simulation;
        async move { Ok::<_, Error>((arn.to_owned(), simulation.allowed(arn, actions).await?)) }
    });
    let allowed: BTreeMap<String, BTreeSet<String>> = try_join_all(calls).await?.into_iter().collect();
    let is_allowed = |arn: &String, action: &str| allowed.get(arn).is_some_and(|actions| actions.contains(action));
    let refused = doubtful.iter().filter_map(|(action, needs)| {
        let refused = needs.iter().find(|need| {
            let required = need.required.iter().all(|arn| is_allowed(arn, action));
            let optional = need.optional.is_empty() || need.optional.iter().any(|arn| is_allowed(arn, action));
            let is_named = !(need.required.is_empty() && need.optional.is_empty());
            !(is_named && required && optional)
        })?;
        Some((*action, refused.address.clone()))
    });
    Ok(refused.collect())
}

/// Returns the actions of the plan's calls. Actions of other services, such as `iam:PassRole`, depend on the parameters, and
/// are left out.
fn needed(context: &Context<'_>, types: &ResourceRegistry, place: Place<'_>) -> Needed {
    let mut needed = Needed::new();
    for step in context.plan.steps.iter().filter(|step| super::is_of_aws(step)) {
        let Some(info) = types.get(&step.type_name).map(ResourceType::info) else { continue };
        let Actions { create, update, delete, .. } = info.actions;
        let (actions, write) = match &step.action {
            StepAction::Create(write) => (create, Some(write)),
            StepAction::Update { write, .. } | StepAction::Adopt { write, .. } => (update, Some(write)),
            StepAction::DisableDeletionProtection { .. } => (update, None),
            StepAction::Delete { .. } => (delete, None),
            _ => continue,
        };
        let own = create.first().and_then(|action| action.split(':').next()).unwrap_or_default();
        let name = match &step.action {
            StepAction::Delete { id, .. } => id.as_deref().filter(|id| !id.contains(':')).map(str::to_owned),
            _ => write.and_then(|write| name(info, &write.planned)),
        };
        // Policies are often limited to names: without the name, the simulation would tell nothing.
        let is_named = info.name.is_some() || info.part_of.is_some();
        if is_named && name.is_none() {
            continue;
        }
        let is_own = |action: &&&'static str| action.split(':').next() == Some(own) && !BY_PARAMETER.contains(*action);
        for action in actions.iter().filter(is_own) {
            let Some(about) = authorization::action(action) else { continue };
            let arns =
                |types: &[String]| types.iter().filter_map(|one| place.arn(one, name.as_deref())).collect::<Vec<_>>();
            let (required, optional) = (arns(&about.required), arns(&about.optional));
            // What a call needs in any case decides; the others depend on its parameters.
            let optional = if required.is_empty() { optional } else { vec![] };
            let need = Need { address: step.address.clone(), required, optional };
            needed.entry(action).or_default().push(need);
        }
    }
    needed
}

/// Returns the name of the object, or of the object that it is a part of, as ARNs have it: with a path before it.
fn name(info: &TypeInfo, planned: &Value) -> Option<String> {
    let field = info.name.map(|name| name.field).or(info.part_of)?;
    // What is not known yet has the form `<ADDRESS.PATH>`.
    let name = planned[field].as_str().filter(|name| !name.contains(['<', ':']))?;
    let path = planned["path"].as_str().unwrap_or_default().trim_start_matches('/');
    Some(format!("{path}{name}"))
}

/// Returns the values of the condition keys that policies for an environment use: its region and its tags.
fn entries(context: &Context<'_>) -> Vec<ContextEntry> {
    let entry = |key: String, values: Vec<String>, of: ContextKeyTypeEnum| {
        ContextEntry::builder().context_key_name(key).set_context_key_values(Some(values)).context_key_type(of).build()
    };
    let tags = context.writes().find_map(|(_, inputs)| inputs["tags"].as_object());
    let tags = tags.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    let tags: Vec<(String, String)> = tags.collect();
    let mut entries = vec![entry(
        "aws:RequestedRegion".to_owned(),
        vec![context.reader.region().to_owned()],
        ContextKeyTypeEnum::String,
    )];
    for (key, value) in &tags {
        for on in ["aws:RequestTag", "aws:ResourceTag"] {
            entries.push(entry(format!("{on}/{key}"), vec![value.clone()], ContextKeyTypeEnum::String));
        }
    }
    let keys = tags.into_iter().map(|(key, _)| key).collect();
    entries.push(entry("aws:TagKeys".to_owned(), keys, ContextKeyTypeEnum::StringList));
    entries
}

struct Simulation<'c, 'a> {
    context: &'c Context<'a>,
    principal: &'c str,
    entries: Vec<ContextEntry>,
}

impl Simulation<'_, '_> {
    /// Returns the actions that are allowed on an ARN, or whose decision depends on values that are not known.
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>
    async fn allowed(&self, arn: &str, actions: BTreeSet<&'static str>) -> Result<BTreeSet<String>> {
        let request = self.context.reader.iam().simulate_principal_policy().policy_source_arn(self.principal);
        let request = request.set_action_names(Some(actions.into_iter().map(str::to_owned).collect()));
        let request = request.resource_arns(arn).set_context_entries(Some(self.entries.clone()));
        let pages = request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        let results = pages.map_err(api("iam:SimulatePrincipalPolicy"))?;
        let allowed = |result: &&EvaluationResult| {
            *result.eval_decision() == PolicyEvaluationDecisionType::Allowed
                || !result.missing_context_values().is_empty()
                // With an ARN, they are beside the result for it.
                || result.resource_specific_results().iter().any(|one| !one.missing_context_values().is_empty())
        };
        Ok(results.iter().filter(allowed).map(|result| result.eval_action_name().to_owned()).collect())
    }
}

fn finding(refused: &[(&'static str, String)]) -> Option<Diagnostic> {
    let shown = refused.iter().take(SHOWN).map(|(action, address)| format!("{action} ({address})"));
    let shown: Vec<String> = shown.collect();
    let more = refused.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let summary = format!("the policies of these credentials do not allow {}{more}", shown.join(", "));
    (!refused.is_empty()).then(|| {
        Diagnostic::warning(summary).hint(
            "an administrator can allow them; IAM simulated the identity's policies, without those of the session and of \
             the objects",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_names_actions_and_resources() {
        assert_eq!(finding(&[]), None);
        let one = finding(&[("ec2:CreateVpc", "network/vpc/main".to_owned())]).unwrap();
        let expected = "the policies of these credentials do not allow ec2:CreateVpc (network/vpc/main)";
        assert_eq!(one.summary, expected);
        let many = vec![("ec2:CreateVpc", "a".to_owned()); SHOWN + 2];
        assert!(finding(&many).unwrap().summary.ends_with(", and 2 more"));
    }
}
