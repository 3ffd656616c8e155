//! Service-linked roles: AWS creates a missing one with the first object of a service, in the caller's name. A caller
//! without that permission gets an error from the service, which often does not name the role.
//!
//! Most callers may not simulate policies; then nothing is known, and the check says nothing.

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use futures::future::try_join_all;
use provisioner_model::Diagnostic;

use super::{Context, or_left_out, principal::principal};
use crate::{cloud::Identity, partition::Partition, prelude::*};

/// The role of a service, and the resource types whose first object needs it.
struct ServiceRole {
    service: &'static str,
    name: &'static str,
    types: &'static [&'static str],
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>
const ROLES: &[ServiceRole] = &[
    ServiceRole {
        service: "ecs.amazonaws.com",
        name: "AWSServiceRoleForECS",
        types: &["aws:ecs:cluster", "aws:ecs:service"],
    },
    ServiceRole {
        service: "ecs.application-autoscaling.amazonaws.com",
        name: "AWSServiceRoleForApplicationAutoScaling_ECSService",
        types: &["aws:applicationautoscaling:scalable-target"],
    },
    ServiceRole {
        service: "elasticloadbalancing.amazonaws.com",
        name: "AWSServiceRoleForElasticLoadBalancing",
        types: &["aws:elasticloadbalancingv2:load-balancer"],
    },
    ServiceRole { service: "rds.amazonaws.com", name: "AWSServiceRoleForRDS", types: &["aws:rds:instance"] },
];

/// A role, and the address of the first object that needs it.
type Needed<'a> = (&'a str, &'static ServiceRole);

/// The path of all these roles.
const PATH: &str = "/aws-service-role/";

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let needed = |role: &'static ServiceRole| {
        let mut addresses = role.types.iter().filter_map(|name| context.creates(name).next());
        addresses.next().map(|(address, _)| (address, role))
    };
    let needed: Vec<Needed<'_>> = ROLES.iter().filter_map(needed).collect();
    if needed.is_empty() {
        return Ok(vec![]);
    }
    or_left_out("service-linked roles", of_roles(context, needed).await)
}

async fn of_roles(context: &Context<'_>, needed: Vec<Needed<'_>>) -> Result<Vec<Diagnostic>> {
    let roles = list_all!("iam:ListRoles", context.reader.iam().list_roles().path_prefix(PATH))?;
    let is_there = |role: &ServiceRole| roles.iter().any(|one| one.role_name() == role.name);
    let missing: Vec<_> = needed.into_iter().filter(|(_, role)| !is_there(role)).collect();
    if missing.is_empty() {
        return Ok(vec![]);
    }
    match refused(context, &missing).await {
        Ok(refused) => Ok(refused.into_iter().map(|(address, role)| finding(address, role)).collect()),
        Err(error) => {
            tracing::debug!(error = error.chain(), "permissions for service-linked roles could not be simulated");
            Ok(vec![])
        }
    }
}

/// Returns the roles that the caller's policies refuse to create.
async fn refused<'a>(context: &Context<'_>, missing: &[Needed<'a>]) -> Result<Vec<Needed<'a>>> {
    let identity = context.aws.identity().await?;
    let Some(principal) = principal(context).await? else { return Ok(vec![]) };
    let checks = missing.iter().map(|(_, role)| is_refused(context, &identity, principal, role));
    let refused = try_join_all(checks).await?;
    Ok(missing.iter().zip(refused).filter(|(_, refused)| *refused).map(|(needed, _)| *needed).collect())
}

/// Simulates the creation of a role. The role's ARN and the service are known, so that the simulation covers policies
/// that are limited to them.
async fn is_refused(context: &Context<'_>, identity: &Identity, principal: &str, role: &ServiceRole) -> Result<bool> {
    let ServiceRole { service, name, .. } = role;
    let Identity { account, arn } = identity;
    let partition = Partition::of_arn(arn).map_or("aws", |partition| partition.id);
    let entry = ContextEntry::builder().context_key_name("iam:AWSServiceName").context_key_values(*service);
    let request = context.reader.iam().simulate_principal_policy().policy_source_arn(principal);
    let answer = request
        .action_names("iam:CreateServiceLinkedRole")
        .resource_arns(format!("arn:{partition}:iam::{account}:role{PATH}{service}/{name}"))
        .context_entries(entry.context_key_type(ContextKeyTypeEnum::String).build())
        .send()
        .await
        .map_err(api("iam:SimulatePrincipalPolicy"))?;
    let allowed = PolicyEvaluationDecisionType::Allowed;
    Ok(answer.evaluation_results().iter().any(|result| *result.eval_decision() != allowed))
}

fn finding(address: &str, role: &ServiceRole) -> Diagnostic {
    let ServiceRole { service, name, .. } = role;
    let what = format!("the account lacks the service-linked role `{name}`, which these credentials may not create");
    Diagnostic::resource_warning(address, what).hint(format!(
        "an administrator can create it: aws iam create-service-linked-role --aws-service-name {service}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_role_is_created_by_an_administrator() {
        let finding = finding("database/instance/main", &ROLES[3]);
        let expected = "the account lacks the service-linked role `AWSServiceRoleForRDS`, which these credentials may \
                        not create";
        assert_eq!(finding.summary, expected);
        assert!(finding.hint.unwrap().ends_with("--aws-service-name rds.amazonaws.com"));
    }
}
