//! Zones: the account must have those of the subnets that the plan creates.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_ec2::types::AvailabilityZone;
use provisioner_model::Diagnostic;

use super::{Context, or_left_out};
use crate::{
    ec2::{Subnet, filter},
    prelude::*,
};

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    or_left_out("zones", missing_zones(context).await)
}

/// Reports the subnets whose zone the account does not have in this region. Zones differ by account: many accounts have
/// no `ap-northeast-1b`.
async fn missing_zones(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let zone = |(address, inputs): (_, &Value)| Some((address, inputs["availability_zone"].as_str()?.to_owned()));
    let subnets: Vec<(&str, String)> = context.creates(Subnet::TYPE).filter_map(zone).collect();
    if subnets.is_empty() {
        return Ok(vec![]);
    }
    let zones = zones(&context.reader).await?;
    let names: BTreeSet<&str> = zones.iter().filter_map(AvailabilityZone::zone_name).collect();
    Ok(subnets.iter().filter_map(|(address, zone)| missing(address, zone, &names)).collect())
}

/// Returns the region's zones. Local zones are left out: a subnet cannot be in one without an opt-in.
pub(super) async fn zones(reader: &Reader) -> Result<Arc<Vec<AvailabilityZone>>> {
    let read = || async {
        let answer = reader.ec2().describe_availability_zones().send().await;
        let zones = answer.map_err(api("ec2:DescribeAvailabilityZones"))?.availability_zones.unwrap_or_default();
        let is_zone = |zone: &AvailabilityZone| zone.zone_type().is_none_or(|kind| kind == "availability-zone");
        Ok(zones.into_iter().filter(is_zone).collect())
    };
    reader.once("zones of the region", read).await
}

/// Returns the zones of existing subnets.
pub(super) async fn of_subnets(reader: &Reader, ids: &[&str]) -> Result<Arc<BTreeSet<String>>> {
    let read = || async {
        let request = reader.ec2().describe_subnets().filters(filter("subnet-id", ids.iter().copied()));
        let subnets = list_all!("ec2:DescribeSubnets", request)?;
        Ok(subnets.into_iter().filter_map(|subnet| subnet.availability_zone).collect())
    };
    reader.once(&format!("zones of {}", ids.join(" ")), read).await
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
