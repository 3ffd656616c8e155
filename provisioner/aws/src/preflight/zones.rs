//! Checks of planned objects against what AWS offers in this account and region, before an apply.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::AvailabilityZone;
use provisioner_model::{
    Diagnostic,
    erased::Clouds,
    plan::{Plan, Step, StepAction},
    resource::Cloud,
    stack::MAIN,
};

use crate::{ec2::Subnet, prelude::*};

/// Returns the errors of a plan. Only the objects that it creates need calls.
pub async fn problems(clouds: &Clouds, plan: &Plan) -> Result<Vec<Diagnostic>> {
    let problems = zone_problems(clouds, plan).await?;
    #[cfg(feature = "rds")]
    let problems = [problems, crate::rds::snapshot_problems(clouds, plan).await?].concat();
    Ok(problems)
}

async fn zone_problems(clouds: &Clouds, plan: &Plan) -> Result<Vec<Diagnostic>> {
    let subnets: Vec<(&str, &str)> = plan.steps.iter().filter_map(planned_zone).collect();
    if subnets.is_empty() {
        return Ok(vec![]);
    }
    match zones(clouds, &subnets).await {
        // Credentials that may not list the zones may still create subnets, and EC2 checks the zones then.
        Err(error) if error.kind == ErrorKind::Denied => Ok(vec![]),
        problems => problems,
    }
}

/// Returns the address and the zone of a subnet that a step creates.
fn planned_zone(step: &Step) -> Option<(&str, &str)> {
    let StepAction::Create(write) = &step.action else { return None };
    let zone = write.planned.get("availability_zone")?.as_str()?;
    (step.type_name == Subnet::TYPE).then_some((step.address.as_str(), zone))
}

/// Reports the subnets whose zone the account does not have in this region. Zones differ by account: many accounts have
/// no `ap-northeast-1b`.
async fn zones(clouds: &Clouds, subnets: &[(&str, &str)]) -> Result<Vec<Diagnostic>> {
    let reader = clouds.get::<Aws>(MAIN)?.reader();
    let answer = reader.ec2().describe_availability_zones().send().await;
    let answer = answer.map_err(api("ec2:DescribeAvailabilityZones"))?;
    // A subnet cannot be in a local zone without an opt-in.
    let is_zone = |zone: &&AvailabilityZone| zone.zone_type().is_none_or(|kind| kind == "availability-zone");
    let zones = answer.availability_zones().iter().filter(is_zone);
    let names: BTreeSet<&str> = zones.filter_map(AvailabilityZone::zone_name).collect();
    Ok(subnets.iter().filter_map(|(address, zone)| missing(address, zone, &names)).collect())
}

fn missing(address: &str, zone: &str, names: &BTreeSet<&str>) -> Option<Diagnostic> {
    if names.contains(zone) {
        return None;
    }
    let names: Vec<&str> = names.iter().copied().collect();
    let what = format!("availability_zone: this account has no zone `{zone}`");
    Some(Diagnostic::resource_error(address, what).hint(format!("its zones are {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_zone_is_reported_with_those_that_exist() {
        let names = BTreeSet::from(["ap-northeast-1a", "ap-northeast-1c"]);
        assert!(missing("network/subnet/public-a", "ap-northeast-1a", &names).is_none());
        let problem = missing("network/subnet/public-b", "ap-northeast-1b", &names).unwrap();
        assert_eq!(problem.summary, "availability_zone: this account has no zone `ap-northeast-1b`");
        assert_eq!(problem.hint.as_deref(), Some("its zones are ap-northeast-1a, ap-northeast-1c"));
    }
}
