//! Fargate's zones: tasks run in the zones that Fargate has for their processor architecture.
//!
//! No API tells these zones. The tables here come from copies of AWS's developer guide that were read in November 2026 and
//! are older than that, so that all findings are warnings. The zones have IDs: names such as `us-east-1a` stand for another
//! zone in each account.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::Diagnostic;

use super::{Context, list, or_left_out, zones};
use crate::{
    ecs::{Service, TaskDefinition},
    prelude::*,
};

/// Regions in which Fargate has some zones only.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html>
const ZONES: &[(&str, &[&str])] = &[
    ("ap-northeast-1", &["apne1-az1", "apne1-az2", "apne1-az4"]),
    ("cn-north-1", &["cnn1-az1", "cnn1-az2"]),
    ("us-west-1", &["usw1-az1", "usw1-az3"]),
];

/// Zones in which Fargate has no 64-bit ARM processors.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-arm64.html>
const WITHOUT_ARM: &[(&str, &[&str])] = &[("us-east-1", &["use1-az3"])];

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let mut findings = vec![];
    for (address, inputs) in services(context) {
        findings.push(or_left_out("zones of Fargate", of_service(context, address, inputs).await)?);
    }
    Ok(findings.concat())
}

/// Returns the services on Fargate whose zones or architecture the plan sets.
fn services<'a>(context: &'a Context<'_>) -> Vec<(&'a str, &'a Value)> {
    let addresses = |type_name, fields: &'static [&str]| -> BTreeSet<&str> {
        context.changes(type_name, fields).map(|(address, _)| address).collect()
    };
    let in_other_subnets = addresses(Service::TYPE, &["subnets"]);
    let on_other_platform = addresses(TaskDefinition::TYPE, &["runtime_platform"]);
    let is_on_other_platform = |inputs: &Value| {
        inputs["task_definition"]["$ref"].as_str().is_some_and(|definition| on_other_platform.contains(definition))
    };
    let services = context.changes(Service::TYPE, &["subnets", "task_definition"]);
    services
        .filter(|(address, inputs)| in_other_subnets.contains(address) || is_on_other_platform(inputs))
        .filter(|(_, inputs)| is_on_fargate(inputs))
        .collect()
}

fn is_on_fargate(inputs: &Value) -> bool {
    let shares = inputs["capacity_provider_strategy"].as_array().into_iter().flatten();
    let mut providers = shares.filter_map(|share| share["capacity_provider"].as_str());
    inputs["launch_type"] == "FARGATE" || providers.any(|provider| provider.starts_with("FARGATE"))
}

async fn of_service(context: &Context<'_>, address: &str, inputs: &Value) -> Result<Vec<Diagnostic>> {
    let definition = context.referenced(&inputs["task_definition"]);
    let is_arm = definition.is_some_and(|definition| definition["runtime_platform"]["cpu_architecture"] == "ARM64");
    let region = context.reader.region();
    if !is_restricted(region, is_arm) {
        return Ok(vec![]);
    }
    let (all, zones) = futures::try_join!(zones::zones(&context.reader), context.zones_of(&inputs["subnets"]))?;
    let ids = all.iter().filter_map(|zone| Some((zone.zone_name()?, zone.zone_id()?))).collect();
    Ok(judge(address, region, is_arm, &zones, &ids).into_iter().collect())
}

fn is_restricted(region: &str, is_arm: bool) -> bool {
    ZONES.iter().any(|(name, _)| *name == region) || is_arm && WITHOUT_ARM.iter().any(|(name, _)| *name == region)
}

/// Returns whether Fargate runs tasks in a zone.
fn has_fargate(region: &str, is_arm: bool, id: &str) -> bool {
    let lists = |table: &[(&str, &[&str])]| {
        table.iter().find(|(name, _)| *name == region).map(|(_, zones)| zones.contains(&id))
    };
    lists(ZONES).unwrap_or(true) && !(is_arm && lists(WITHOUT_ARM).unwrap_or(false))
}

/// Compares a service's zones with Fargate's. `ids` are the IDs of the account's zones, by name.
fn judge(
    address: &str,
    region: &str,
    is_arm: bool,
    zones: &BTreeSet<String>,
    ids: &BTreeMap<&str, &str>,
) -> Option<Diagnostic> {
    let is_without = |zone: &&String| ids.get(zone.as_str()).is_some_and(|id| !has_fargate(region, is_arm, id));
    let without: BTreeSet<&String> = zones.iter().filter(is_without).collect();
    if without.is_empty() {
        return None;
    }
    let tasks = if is_arm { "tasks for ARM64" } else { "tasks" };
    let with: Vec<&str> = ids.iter().filter(|(_, id)| has_fargate(region, is_arm, id)).map(|(name, _)| *name).collect();
    let hint = format!(
        "Fargate has {}, unless AWS has added a zone: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html",
        with.join(", ")
    );
    let names = list(without.iter().copied());
    let what = if without.len() == zones.len() {
        format!("Fargate runs no {tasks} in {names}, the only zones of the service")
    } else {
        format!("Fargate runs no {tasks} in {names}: the service's tasks start in its other zones only")
    };
    Some(Diagnostic::resource_warning(address, what).hint(hint))
}

#[cfg(test)]
mod tests {
    use provisioner_model::Severity;

    use super::*;

    fn judged(is_arm: bool, zones: &[&str]) -> Option<(Severity, String)> {
        let ids = BTreeMap::from([("us-east-1a", "use1-az6"), ("us-east-1e", "use1-az3")]);
        let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        judge("service/service/app", "us-east-1", is_arm, &zones, &ids).map(|one| (one.severity, one.summary))
    }

    #[test]
    fn zone_without_arm_is_a_warning_beside_others() {
        assert_eq!(judged(false, &["us-east-1a", "us-east-1e"]), None);
        assert_eq!(judged(true, &["us-east-1a"]), None);
        let some = "Fargate runs no tasks for ARM64 in us-east-1e: the service's tasks start in its other zones only";
        assert_eq!(judged(true, &["us-east-1a", "us-east-1e"]), Some((Severity::Warning, some.to_owned())));
        let all = "Fargate runs no tasks for ARM64 in us-east-1e, the only zones of the service";
        assert_eq!(judged(true, &["us-east-1e"]), Some((Severity::Warning, all.to_owned())));
    }

    #[test]
    fn regions_with_some_zones_of_fargate() {
        assert!(is_restricted("us-west-1", false) && !is_restricted("us-east-1", false));
        assert!(has_fargate("us-west-1", true, "usw1-az3") && !has_fargate("us-west-1", false, "usw1-az2"));
        assert!(has_fargate("eu-central-1", true, "euc1-az1"));
    }
}
