//! The reference stack on moto, from nothing and back to nothing, as a user runs it.

use std::collections::BTreeSet;

use crate::sandbox::Sandbox;

#[test]
fn dev_and_prod_coexist_and_leave_nothing() {
    let Some(sandbox) = Sandbox::new("dev_and_prod_coexist_and_leave_nothing") else { return };
    let before = sandbox.moto.everything();

    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    sandbox.run(&["apply", "prod", "--yes"]).ok();
    sandbox.unchanged("prod");
    sandbox.unchanged("dev");

    // The list that is compared at the end is a list: it has what both environments need.
    let applied = sandbox.moto.everything();
    for kind in
        ["ec2: VPC ", "ec2: NatGateway ", "ecs: Service ", "elbv2: FakeLoadBalancer ", "iam: Role ", "s3: FakeBucket "]
    {
        let of_kind = |names: &BTreeSet<String>| names.iter().filter(|name| name.starts_with(kind)).count();
        assert!(of_kind(&applied) >= of_kind(&before) + 2, "the list lacks {kind}: {applied:#?}");
    }

    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    sandbox.unchanged("prod");
    // Consent to lose what is protected is asked for by name.
    sandbox.run(&["destroy", "prod", "--yes"]).ended(1);
    sandbox.run(&["destroy", "prod", "--yes", "--confirm", "prod"]).ok();

    // What AWS keeps: keys and secrets pending deletion, revisions of task definitions, the final snapshot.
    const STAYS: &[&str] =
        &["kms", "secretsmanager", "ecs: TaskDefinition", "rds: DBInstanceSnapshot", "rds: DBSnapshot"];
    let after = sandbox.moto.everything();
    let left: Vec<&String> =
        after.difference(&before).filter(|name| !STAYS.iter().any(|stays| name.starts_with(stays))).collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
}

#[test]
fn reads_are_batched() {
    let Some(sandbox) = Sandbox::new("reads_are_batched") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let mut calls = sandbox.moto.calls();
    sandbox.unchanged("dev");
    let dev = sandbox.moto.calls() - calls;
    assert!(dev <= 80, "dev's second plan made {dev} calls");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();

    sandbox.run(&["apply", "prod", "--yes"]).ok();
    calls = sandbox.moto.calls();
    sandbox.unchanged("prod");
    let prod = sandbox.moto.calls() - calls;
    assert!(prod <= dev, "prod's second plan made {prod} calls, dev's {dev}: another zone must add none");
}

#[test]
fn out_of_band_changes_are_detected_and_repaired() {
    let Some(sandbox) = Sandbox::new("out_of_band_changes_are_detected_and_repaired") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let id = |address: &str| sandbox.id("dev", address);

    let group = id("network/security-group/task");
    sandbox.aws(&format!(
        "ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 22 --cidr 0.0.0.0/0"
    ));
    let table = id("network/route-table/public");
    sandbox.aws(&format!("ec2 delete-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0"));
    let targets = id("edge/target-group/app");
    sandbox.aws(&format!("elbv2 modify-target-group --target-group-arn {targets} --health-check-path /other"));
    let vpc = id("network/vpc/main");
    sandbox.aws(&format!("ec2 delete-tags --resources {vpc} --tags Key=project"));
    let balancer = id("edge/load-balancer/app");
    sandbox.aws(&format!("wafv2 disassociate-web-acl --resource-arn {balancer}"));
    let database = id("database/instance/main");
    sandbox.aws(&format!("rds delete-db-instance --db-instance-identifier {database} --skip-final-snapshot"));

    let plan = sandbox.plan("dev");
    let drifted: Vec<&str> = plan.drift.iter().map(|drift| drift.address.as_str()).collect();
    let changed = [
        "database/instance/main",
        "edge/target-group/app",
        "edge/web-acl-association/app",
        "network/route-table/public",
        "network/security-group-rules/task",
        "network/vpc/main",
    ];
    assert_eq!(drifted, changed);
    let told = sandbox.run(&["drift", "dev", "--detailed-exitcode"]).ended(2).out;
    assert!(changed.iter().all(|address| told.contains(address)), "{told}");

    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

#[test]
fn private_subnet_that_hands_out_public_addresses_is_repaired() {
    let Some(sandbox) = Sandbox::new("private_subnet_that_hands_out_public_addresses_is_repaired") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let subnet = sandbox.id("dev", "network/subnet/private-a");
    sandbox.aws(&format!("ec2 modify-subnet-attribute --subnet-id {subnet} --map-public-ip-on-launch"));
    let hands_out = || {
        let answer = sandbox.aws(&format!("ec2 describe-subnets --subnet-ids {subnet}"));
        answer["Subnets"][0]["MapPublicIpOnLaunch"].as_bool().unwrap()
    };
    assert!(hands_out());

    let told = sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ended(2).out;
    assert!(told.contains("network/subnet/private-a") && told.contains("map_public_ip_on_launch"), "{told}");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert!(!hands_out());
    sandbox.unchanged("dev");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

#[test]
fn final_snapshot_that_is_no_longer_wanted_is_not_made() {
    let Some(sandbox) = Sandbox::new("final_snapshot_that_is_no_longer_wanted_is_not_made") else { return };
    sandbox.edit("dev", "final_snapshot = false", "final_snapshot = true");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.edit("dev", "final_snapshot = true", "final_snapshot = false");
    let told = sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ended(2).out;
    assert!(told.contains("final_db_snapshot_identifier"), "{told}");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    let snapshots = sandbox.aws("rds describe-db-snapshots");
    assert_eq!(snapshots["DBSnapshots"].as_array().map(Vec::len), Some(0), "{snapshots:#}");
}

#[test]
fn plan_of_a_new_environment_shows_no_defaults() {
    let Some(sandbox) = Sandbox::new("plan_of_a_new_environment_shows_no_defaults") else { return };
    let shown = sandbox.run(&["plan", "dev"]).ok().out;
    assert!(!shown.contains("desync_mitigation_mode"), "{shown}");
    let plan = sandbox.plan("dev");
    let changes = &plan.resources["edge/load-balancer/app"].changes;
    let mode = changes.iter().find(|change| change.field == "desync_mitigation_mode").unwrap();
    assert!(mode.cloud_default && mode.after == "defensive", "{mode:?}");
}

#[test]
fn the_schema_for_editors_is_the_programs() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/environment.schema.json");
    let Some(sandbox) = Sandbox::new("the_schema_for_editors_is_the_programs") else { return };
    let schema = sandbox.run(&["schema"]).ok().out;
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(kept, schema, "`make schema` updates it");
}

#[test]
fn unchangeable_drift_is_still_reported() {
    let Some(sandbox) = Sandbox::new("unchangeable_drift_is_still_reported") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let database = sandbox.id("dev", "database/instance/main");
    sandbox.aws(&format!("rds modify-db-instance --db-instance-identifier {database} --engine-version 18.1"));
    let vpc = sandbox.id("dev", "network/vpc/main");
    sandbox.aws(&format!("ec2 delete-tags --resources {vpc} --tags Key=project"));

    let told = sandbox.run(&["plan", "dev"]).ended(1).err;
    assert!(told.contains("never goes down"), "{told}");
    let drift = sandbox.run(&["drift", "dev", "--json", "--detailed-exitcode"]).ended(2).out;
    let drift: serde_json::Value = serde_json::from_str(&drift).unwrap();
    let drifted: Vec<_> =
        drift["drift"].as_array().unwrap().iter().map(|one| one["address"].as_str().unwrap()).collect();
    assert_eq!(drifted, ["database/instance/main", "network/vpc/main"], "{drift:#}");
}
