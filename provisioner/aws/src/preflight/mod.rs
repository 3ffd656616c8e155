//! Checks of a plan against the account and the region that it is for, before an apply.
//!
//! Each file here is one check. A check asks AWS only if the plan creates or changes objects that it is about, so that a
//! plan without changes makes no calls, and all checks ask concurrently. An error is a value that AWS would refuse; a
//! warning is one that it may refuse. A check whose calls fail is left out, with a warning that names the missing
//! permission or the error: AWS checks again when it gets the request. Values that need no call are checked beside the
//! type, by `Resource::problems`.
#![allow(dead_code, reason = "a build with few features uses few of them")]

#[cfg(all(feature = "acm", feature = "elasticloadbalancingv2"))]
mod certificates;
#[cfg(feature = "rds")]
mod database_classes;
#[cfg(feature = "ecs")]
mod fargate;
#[cfg(feature = "kms")]
mod keys;
#[cfg(feature = "s3")]
mod names;
#[cfg(feature = "resourcegroupstagging")]
mod other_stacks;
#[cfg(feature = "iam")]
mod own_role;
#[cfg(feature = "iam")]
mod permissions;
#[cfg(feature = "iam")]
mod principal;
mod quotas;
#[cfg(feature = "iam")]
mod service_linked_roles;
mod zones;

use std::collections::BTreeSet;

use futures::future::{BoxFuture, try_join_all};
use provisioner_model::{
    Diagnostic,
    erased::Clouds,
    plan::{Plan, Step, StepAction, Write},
    resource::Cloud,
    stack::{Desired, MAIN},
};
use tokio::sync::OnceCell;

#[cfg(feature = "resourcegroupstagging")]
pub use self::other_stacks::findings as other_stacks;
#[cfg(feature = "iam")]
pub use self::own_role::own_role;
use crate::prelude::*;

/// Actions of checks that belong to no resource type. The one that simulates policies changes nothing, and shows what the
/// caller may do.
pub const ACTIONS: &[&str] = &["iam:GetRole", "iam:SimulatePrincipalPolicy", "tag:GetResources"];

/// Returns the findings about a plan, errors and warnings.
pub async fn findings(clouds: &Clouds, desired: &Desired, plan: &Plan) -> Result<Vec<Diagnostic>> {
    // A program for another cloud may have no AWS.
    if !plan.steps.iter().any(is_of_aws) {
        return Ok(vec![]);
    }
    let aws = clouds.get::<Aws>(MAIN)?;
    let context = Context { aws, reader: aws.reader(), desired, plan, principal: OnceCell::new() };
    let checks: Vec<BoxFuture<'_, Result<Vec<Diagnostic>>>> = vec![
        Box::pin(zones::findings(&context)),
        Box::pin(quotas::findings(&context)),
        #[cfg(feature = "s3")]
        Box::pin(names::findings(&context)),
        #[cfg(feature = "kms")]
        Box::pin(keys::findings(&context)),
        #[cfg(all(feature = "acm", feature = "elasticloadbalancingv2"))]
        Box::pin(certificates::findings(&context)),
        #[cfg(feature = "iam")]
        Box::pin(service_linked_roles::findings(&context)),
        #[cfg(feature = "iam")]
        Box::pin(permissions::findings(&context)),
        #[cfg(feature = "rds")]
        Box::pin(crate::rds::snapshot_findings(clouds, plan)),
        #[cfg(feature = "rds")]
        Box::pin(database_classes::findings(&context)),
        #[cfg(feature = "ecs")]
        Box::pin(fargate::findings(&context)),
    ];
    Ok(try_join_all(checks).await?.concat())
}

fn is_of_aws(step: &Step) -> bool {
    step.provider == MAIN && step.type_name.starts_with("aws:")
}

/// The plan, and the clients that the checks share.
struct Context<'a> {
    aws: &'a Aws,
    reader: Reader,
    desired: &'a Desired,
    plan: &'a Plan,
    /// See `principal.rs`.
    principal: OnceCell<Option<String>>,
}

impl Context<'_> {
    /// Returns address and inputs of the objects of a type that the plan creates.
    fn creates<'s>(&'s self, type_name: &'s str) -> impl Iterator<Item = (&'s str, &'s Value)> {
        let writes = self.steps(type_name).filter_map(|step| match &step.action {
            StepAction::Create(write) => Some((step.address.as_str(), write)),
            _ => None,
        });
        writes.map(|(address, write)| (address, &write.declared))
    }

    /// Returns the same for objects that the plan creates, or in which it changes one of these fields.
    fn changes<'s>(&'s self, type_name: &'s str, fields: &'s [&str]) -> impl Iterator<Item = (&'s str, &'s Value)> {
        let writes = self.steps(type_name).filter_map(|step| match &step.action {
            StepAction::Create(write) => Some((step.address.as_str(), write)),
            StepAction::Update { write, .. } | StepAction::Adopt { write, .. } => self.update(step, write, fields),
            _ => None,
        });
        writes.map(|(address, write)| (address, &write.declared))
    }

    /// Returns address and inputs of all objects that the plan creates or changes.
    fn writes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.plan.steps.iter().filter(|step| is_of_aws(step)).filter_map(|step| match &step.action {
            StepAction::Create(write) | StepAction::Update { write, .. } | StepAction::Adopt { write, .. } => {
                Some((step.address.as_str(), &write.declared))
            }
            _ => None,
        })
    }

    fn update<'s>(&self, step: &'s Step, write: &'s Write, fields: &[&str]) -> Option<(&'s str, &'s Write)> {
        let changes = &self.plan.resources.get(&step.address)?.changes;
        let is_changed = changes.iter().any(|change| fields.contains(&change.field.as_str()));
        is_changed.then_some((step.address.as_str(), write))
    }

    fn steps(&self, type_name: &str) -> impl Iterator<Item = &Step> {
        self.plan.steps.iter().filter(move |step| step.type_name == type_name && step.provider == MAIN)
    }

    /// Returns the declared inputs of the resource that an input refers to.
    fn referenced(&self, input: &Value) -> Option<&Value> {
        Some(&self.desired.resources.get(input["$ref"].as_str()?)?.inputs)
    }

    /// Returns the zones of subnets, which may be declared or exist outside the stack. Subnets that are neither are
    /// left out.
    async fn zones_of(&self, subnets: &Value) -> Result<BTreeSet<String>> {
        let subnets = || subnets.as_array().into_iter().flatten();
        let declared = subnets().filter_map(|subnet| self.declared_zone(subnet));
        let ids: Vec<&str> = subnets().filter_map(Value::as_str).collect();
        if ids.is_empty() {
            return Ok(declared.collect());
        }
        let found = zones::of_subnets(&self.reader, &ids).await?;
        Ok(declared.chain(found.iter().cloned()).collect())
    }

    /// Returns the zone of a declared subnet. The reference may lead through a resource of the subnet, such as its route
    /// table association.
    fn declared_zone(&self, subnet: &Value) -> Option<String> {
        let inputs = self.referenced(subnet)?;
        let zone = inputs["availability_zone"].as_str().map(str::to_owned);
        zone.or_else(|| self.declared_zone(&inputs["subnet_id"]))
    }
}

/// Returns the findings of a check, or a warning that it was left out.
fn or_left_out(subject: &str, findings: Result<Vec<Diagnostic>>) -> Result<Vec<Diagnostic>> {
    let why = match findings {
        Err(error) if error.kind == ErrorKind::Denied => format!("without {}", error.action),
        Err(error) if error.kind != ErrorKind::Bug => error.chain(),
        findings => return findings,
    };
    Ok(vec![Diagnostic::warning(format!("not checked: {subject}, {why}"))])
}

/// Returns names as text.
fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_whose_call_fails_is_left_out_with_a_warning() {
        let denied = Error::because(ErrorKind::Denied, "ec2:DescribeAvailabilityZones", "not allowed");
        let findings = or_left_out("zones", Err(denied)).unwrap();
        assert_eq!(findings[0].severity, provisioner_model::diagnostic::Severity::Warning);
        assert_eq!(findings[0].summary, "not checked: zones, without ec2:DescribeAvailabilityZones");
        let failed = Error::because(ErrorKind::Unknown, "ec2:DescribeAvailabilityZones", "no answer");
        let findings = or_left_out("zones", Err(failed)).unwrap();
        assert_eq!(findings[0].summary, "not checked: zones, ec2:DescribeAvailabilityZones failed: no answer");
        assert!(or_left_out("zones", Err(Error::bug("ec2:DescribeAvailabilityZones", "no client"))).is_err());
    }
}
