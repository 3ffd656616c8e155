//! The database and the secrets.

use serde_json::{Value, json};

use super::{Inspection, arn, sorted};

pub(super) fn database(inspection: &mut Inspection<'_>) {
    let (id, group) = (inspection.id("database/instance/main"), inspection.id("database/parameter-group/main"));
    let subnets = inspection.id("database/subnet-group/main");
    inspection.ask(&[
        ("database", "rds", "describe_db_instances", json!({ "DBInstanceIdentifier": id })),
        ("parameters", "rds", "describe_db_parameters", json!({ "DBParameterGroupName": group })),
        ("subnet group", "rds", "describe_db_subnet_groups", json!({ "DBSubnetGroupName": subnets })),
    ]);
    let db = inspection.at("database", "/DBInstances/0");
    let version = db["EngineVersion"].as_str().unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
    inspection.fact("PostgreSQL 17", json!([db["Engine"], version]), json!(["postgres", "17"]));
    inspection.fact("class", db["DBInstanceClass"].clone(), inspection.row.class);
    inspection.fact("multi-AZ", db["MultiAZ"].clone(), inspection.row.multi_az);
    inspection.fact("deletion protection", db["DeletionProtection"].clone(), inspection.row.protected);
    inspection.fact("not public", db["PubliclyAccessible"].clone(), false);
    inspection.fact("storage encrypted", db["StorageEncrypted"].clone(), true);
    let managed = db["MasterUserSecret"]["SecretArn"].as_str().unwrap_or_default().to_owned();
    inspection.fact("password kept by Secrets Manager", managed.starts_with("arn:aws:secretsmanager:"), true);
    inspection.fact("automated backups", db["BackupRetentionPeriod"].clone(), 7);
    inspection.fact("own parameter group", db["DBParameterGroups"][0]["DBParameterGroupName"].clone(), group);
    inspection.fact("own subnet group", db["DBSubnetGroup"]["DBSubnetGroupName"].clone(), subnets);
    let firewall = db["VpcSecurityGroups"][0]["VpcSecurityGroupId"].clone();
    inspection.fact("database's firewall", firewall, inspection.id("network/security-group/database"));
    let forced = inspection.list("parameters", "/Parameters");
    let forced =
        forced.iter().find(|one| one["ParameterName"] == "rds.force_ssl").map(|it| it["ParameterValue"].clone());
    inspection.fact("TLS forced", forced.unwrap_or_default(), "1");
    let there = inspection
        .list("subnet group", "/DBSubnetGroups/0/Subnets")
        .into_iter()
        .map(|it| it["SubnetIdentifier"].clone());
    let private: Vec<Value> = ["a", "b", "c"][..inspection.row.zones.len()]
        .iter()
        .map(|zone| inspection.id(&format!("network/subnet/private-{zone}")).into())
        .collect();
    inspection.fact("database in private subnets only", sorted(there), sorted(private));
    // No API tells it before the database goes: from the recorded request.
    let snapshot =
        inspection.sandbox.recorded(inspection.row.environment, "database/instance/main")["final_db_snapshot_identifier"]
            .is_string();
    inspection.fact("final snapshot", snapshot, inspection.row.protected);
}

pub(super) fn secrets(inspection: &mut Inspection<'_>) {
    let (secret, key) = (inspection.id("secrets/secret/signing-key"), inspection.id("secrets/key/main"));
    inspection.ask(&[
        ("signing key", "secretsmanager", "describe_secret", json!({ "SecretId": secret })),
        ("value", "secretsmanager", "get_secret_value", json!({ "SecretId": secret })),
        ("rotation", "kms", "get_key_rotation_status", json!({ "KeyId": key })),
    ]);
    let arn = arn("kms", &format!("key/{key}"));
    inspection.fact("signing key encrypted with our key", inspection.at("signing key", "/KmsKeyId"), arn);
    inspection.fact("key rotates", inspection.at("rotation", "/KeyRotationEnabled"), true);
    let value = inspection.at("value", "/SecretString").as_str().unwrap_or_default().to_owned();
    inspection.fact("signing key's length", value.len(), 64);
    let file =
        std::fs::read_to_string(inspection.sandbox.path("state").join(inspection.row.environment).join("state.json"));
    inspection.fact("no secret in the state", file.unwrap().contains(&value), false);
}
