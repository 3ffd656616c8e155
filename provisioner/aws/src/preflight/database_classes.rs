//! Database classes: RDS must offer the class for the engine's version in this region, with the storage type, with a
//! standby if one is declared, and in the zones of the subnet group.
//!
//! API: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html>

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_rds::types::OrderableDbInstanceOption;
use provisioner_model::Diagnostic;

use super::{Context, list, or_left_out};
use crate::{
    prelude::*,
    rds::{Instance, fits},
};

/// The inputs on which an offer depends.
const FIELDS: &[&str] = &["db_instance_class", "engine_version", "multi_az", "storage_type"];

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let mut findings = vec![];
    for (address, inputs) in context.changes(Instance::TYPE, FIELDS) {
        findings.push(or_left_out("database class", of_instance(context, address, inputs).await)?);
    }
    Ok(findings.concat())
}

async fn of_instance(context: &Context<'_>, address: &str, inputs: &Value) -> Result<Vec<Diagnostic>> {
    let text = |field: &str| inputs[field].as_str().unwrap_or_default();
    let group = context.referenced(&inputs["db_subnet_group_name"]);
    let (offers, zones) = futures::try_join!(
        offers(&context.reader, text("engine"), text("db_instance_class")),
        context.zones_of(group.map_or(&Value::Null, |group| &group["subnet_ids"]))
    )?;
    Ok(judge(address, inputs, &offers, &zones))
}

/// Returns the offers of a class for all versions of an engine: one page. The versions that have the class are the hint
/// where the declared one has not, and a declared version may be the beginning of one, as `17`.
async fn offers(reader: &Reader, engine: &str, class: &str) -> Result<Arc<Vec<OrderableDbInstanceOption>>> {
    let read = || async {
        let request = reader.rds().describe_orderable_db_instance_options().engine(engine).db_instance_class(class);
        list_all!("rds:DescribeOrderableDBInstanceOptions", request.vpc(true).max_records(1000))
    };
    reader.once(&format!("offers of {engine} {class}"), read).await
}

/// Compares the declared inputs with the offers. `zones` are those of the subnet group; none if they are not known.
fn judge(
    address: &str,
    inputs: &Value,
    offers: &[OrderableDbInstanceOption],
    zones: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let text = |field: &str| inputs[field].as_str().unwrap_or_default();
    let (engine, version, class) = (text("engine"), text("engine_version"), text("db_instance_class"));
    let error = |what: String, hint: String| vec![Diagnostic::resource_error(address, what).hint(hint)];

    let is_of_version =
        |offer: &&OrderableDbInstanceOption| offer.engine_version().is_some_and(|offered| fits(version, offered));
    let offered: Vec<&OrderableDbInstanceOption> = offers.iter().filter(is_of_version).collect();
    if offered.is_empty() {
        let versions: BTreeSet<&str> = offers.iter().filter_map(OrderableDbInstanceOption::engine_version).collect();
        let versions: Vec<&str> = versions.into_iter().collect();
        let hint = if versions.is_empty() {
            format!(
                "this lists the classes: aws rds describe-orderable-db-instance-options --engine {engine} --vpc \
                 --query 'OrderableDBInstanceOptions[].DBInstanceClass'"
            )
        } else {
            format!("the region offers it for {engine} {}", versions.join(", "))
        };
        let what = format!("db_instance_class: this region does not offer `{class}` for {engine} {version}");
        return error(what, hint);
    }

    let storage = inputs["storage_type"].as_str();
    let has_storage = |offer: &&OrderableDbInstanceOption| storage.is_none() || offer.storage_type() == storage;
    let types: BTreeSet<String> = offered.iter().filter_map(|offer| offer.storage_type().map(str::to_owned)).collect();
    let offered: Vec<&OrderableDbInstanceOption> = offered.into_iter().filter(has_storage).collect();
    if offered.is_empty() {
        let storage = storage.unwrap_or_default();
        let what =
            format!("storage_type: this region does not offer `{storage}` for `{class}` with {engine} {version}");
        return error(what, format!("it offers {}", list(&types)));
    }

    let has_standby = inputs["multi_az"] == true;
    let is_capable = |offer: &&OrderableDbInstanceOption| !has_standby || offer.multi_az_capable() == Some(true);
    let offered: Vec<&OrderableDbInstanceOption> = offered.into_iter().filter(is_capable).collect();
    if offered.is_empty() {
        let what = format!("multi_az: `{class}` with {engine} {version} cannot have a standby in this region");
        return error(what, "another class, or no standby".to_owned());
    }

    let names = offered.iter().flat_map(|offer| offer.availability_zones()).filter_map(|zone| zone.name());
    let offered: BTreeSet<String> = names.map(str::to_owned).collect();
    in_zones(address, inputs, &offered, zones)
}

/// Compares the zones that have the class with those of the subnet group. RDS places an instance in a zone of the group
/// that has the class, and a standby in another one: <https://github.com/hashicorp/terraform-provider-aws/issues/20712>
fn in_zones(address: &str, inputs: &Value, offered: &BTreeSet<String>, zones: &BTreeSet<String>) -> Vec<Diagnostic> {
    let class = inputs["db_instance_class"].as_str().unwrap_or_default();
    let hint = format!("the zones with `{class}` are {}", list(offered));
    let error = |what: String| vec![Diagnostic::resource_error(address, what).hint(&hint)];
    if let Some(zone) = inputs["availability_zone"].as_str() {
        let what = || format!("availability_zone: RDS does not offer `{class}` in `{zone}`");
        return if offered.contains(zone) { vec![] } else { error(what()) };
    }
    let without: BTreeSet<String> = zones.difference(offered).cloned().collect();
    let count = zones.len() - without.len();
    if without.is_empty() {
        return vec![];
    }
    if count == 0 {
        let what = format!("db_instance_class: no zone of the subnet group has `{class}`: {}", list(zones));
        return error(what);
    }
    if count == 1 && inputs["multi_az"] == true {
        let what = format!(
            "multi_az: a standby needs `{class}` in two zones of the subnet group, which lacks it in {}",
            list(&without)
        );
        return error(what);
    }
    let what = format!("RDS has no `{class}` in {}: the database cannot be there", list(&without));
    vec![Diagnostic::resource_warning(address, what).hint(hint)]
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::AvailabilityZone;
    use provisioner_model::Severity;

    use super::*;

    fn offer(version: &str, storage: &str, multi_az: bool, zones: &[&str]) -> OrderableDbInstanceOption {
        let zone = |name: &&str| AvailabilityZone::builder().name(*name).build();
        OrderableDbInstanceOption::builder()
            .engine_version(version)
            .storage_type(storage)
            .multi_az_capable(multi_az)
            .set_availability_zones(Some(zones.iter().map(zone).collect()))
            .build()
    }

    /// The findings about a `db.m7g.large` of this version with `gp3` storage.
    fn judged(version: &str, multi_az: bool, offers: &[OrderableDbInstanceOption], zones: &[&str]) -> Vec<Diagnostic> {
        let instance = Instance::new("postgres", version, "db.m7g.large", 20, "app");
        let inputs = serde_json::to_value(instance.storage_type("gp3").multi_az(multi_az)).unwrap();
        judge("database/instance/main", &inputs, offers, &zones.iter().map(|zone| (*zone).to_owned()).collect())
    }

    fn texts(findings: Vec<Diagnostic>) -> Vec<(Severity, String, String)> {
        findings.into_iter().map(|one| (one.severity, one.summary, one.hint.unwrap_or_default())).collect()
    }

    fn errors(what: &str, hint: &str) -> Vec<(Severity, String, String)> {
        vec![(Severity::Error, what.to_owned(), hint.to_owned())]
    }

    #[test]
    fn class_must_be_offered_for_the_version() {
        let offers = [offer("15.4", "gp3", true, &["a", "b"]), offer("16.3", "gp3", true, &["a", "b"])];
        for version in ["15", "15.4", "16"] {
            assert_eq!(judged(version, true, &offers, &["a", "b"]), [], "{version}");
        }
        assert_eq!(
            texts(judged("17", false, &offers, &["a", "b"])),
            errors(
                "db_instance_class: this region does not offer `db.m7g.large` for postgres 17",
                "the region offers it for postgres 15.4, 16.3"
            )
        );
        let none = texts(judged("17", false, &[], &["a", "b"]));
        assert!(none[0].2.contains("describe-orderable-db-instance-options --engine postgres"), "{none:?}");
    }

    #[test]
    fn storage_and_standby_must_be_offered_for_the_class() {
        let offers = [offer("17.2", "gp2", true, &["a"]), offer("17.2", "io1", true, &["a"])];
        assert_eq!(
            texts(judged("17", false, &offers, &["a"])),
            errors(
                "storage_type: this region does not offer `gp3` for `db.m7g.large` with postgres 17",
                "it offers gp2, io1"
            )
        );
        let single = [offer("17.2", "gp3", false, &["a", "b"])];
        assert_eq!(judged("17", false, &single, &["a", "b"]), []);
        assert_eq!(
            texts(judged("17", true, &single, &["a", "b"])),
            errors(
                "multi_az: `db.m7g.large` with postgres 17 cannot have a standby in this region",
                "another class, or no standby"
            )
        );
    }

    #[test]
    fn subnet_group_needs_zones_with_the_class() {
        let offers = [offer("17.2", "gp3", true, &["a", "b"])];
        assert_eq!(judged("17", true, &offers, &[]), [], "zones that are not known");
        let hint = "the zones with `db.m7g.large` are a, b";
        let warning = "RDS has no `db.m7g.large` in e: the database cannot be there";
        assert_eq!(
            texts(judged("17", true, &offers, &["a", "b", "e"])),
            [(Severity::Warning, warning.to_owned(), hint.to_owned())]
        );
        assert_eq!(judged("17", false, &offers, &["a", "e"])[0].severity, Severity::Warning);
        assert_eq!(
            texts(judged("17", true, &offers, &["a", "e"])),
            errors(
                "multi_az: a standby needs `db.m7g.large` in two zones of the subnet group, which lacks it in e",
                hint
            )
        );
        assert_eq!(
            texts(judged("17", false, &offers, &["e", "f"])),
            errors("db_instance_class: no zone of the subnet group has `db.m7g.large`: e, f", hint)
        );
    }
}
