//! The database and the secrets.

use serde_json::{Value, json};

use super::{Seen, arn, sorted};

pub(super) fn database(seen: &mut Seen<'_>) {
    let (id, group) = (seen.id("database/instance/main"), seen.id("database/parameter-group/main"));
    let subnets = seen.id("database/subnet-group/main");
    seen.ask(&[
        ("database", "rds", "describe_db_instances", json!({ "DBInstanceIdentifier": id })),
        ("parameters", "rds", "describe_db_parameters", json!({ "DBParameterGroupName": group })),
        ("subnet group", "rds", "describe_db_subnet_groups", json!({ "DBSubnetGroupName": subnets })),
    ]);
    let db = seen.at("database", "/DBInstances/0");
    let version = db["EngineVersion"].as_str().unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
    seen.fact("PostgreSQL 17", json!([db["Engine"], version]), json!(["postgres", "17"]));
    seen.fact("class", db["DBInstanceClass"].clone(), seen.row.class);
    seen.fact("multi-AZ", db["MultiAZ"].clone(), seen.row.multi_az);
    seen.fact("deletion protection", db["DeletionProtection"].clone(), seen.row.protected);
    seen.fact("not public", db["PubliclyAccessible"].clone(), false);
    seen.fact("storage encrypted", db["StorageEncrypted"].clone(), true);
    let managed = db["MasterUserSecret"]["SecretArn"].as_str().unwrap_or_default().to_owned();
    seen.fact("password kept by Secrets Manager", managed.starts_with("arn:aws:secretsmanager:"), true);
    seen.fact("automated backups", db["BackupRetentionPeriod"].clone(), 7);
    seen.fact("own parameter group", db["DBParameterGroups"][0]["DBParameterGroupName"].clone(), group);
    seen.fact("own subnet group", db["DBSubnetGroup"]["DBSubnetGroupName"].clone(), subnets);
    let firewall = db["VpcSecurityGroups"][0]["VpcSecurityGroupId"].clone();
    seen.fact("database's firewall", firewall, seen.id("network/security-group/database"));
    let forced = seen.list("parameters", "/Parameters");
    let forced =
        forced.iter().find(|one| one["ParameterName"] == "rds.force_ssl").map(|it| it["ParameterValue"].clone());
    seen.fact("TLS forced", forced.unwrap_or_default(), "1");
    let there =
        seen.list("subnet group", "/DBSubnetGroups/0/Subnets").into_iter().map(|it| it["SubnetIdentifier"].clone());
    let private: Vec<Value> = ["a", "b", "c"][..seen.row.zones.len()]
        .iter()
        .map(|zone| seen.id(&format!("network/subnet/private-{zone}")).into())
        .collect();
    seen.fact("database in private subnets only", sorted(there), sorted(private));
    // No API tells it before the database goes: from the recorded request.
    let snapshot =
        seen.sandbox.recorded(seen.row.environment, "database/instance/main")["final_db_snapshot_identifier"]
            .is_string();
    seen.fact("final snapshot", snapshot, seen.row.protected);
}

pub(super) fn secrets(seen: &mut Seen<'_>) {
    let (secret, key) = (seen.id("secrets/secret/signing-key"), seen.id("secrets/key/main"));
    seen.ask(&[
        ("signing key", "secretsmanager", "describe_secret", json!({ "SecretId": secret })),
        ("value", "secretsmanager", "get_secret_value", json!({ "SecretId": secret })),
        ("rotation", "kms", "get_key_rotation_status", json!({ "KeyId": key })),
    ]);
    let arn = arn("kms", &format!("key/{key}"));
    seen.fact("signing key encrypted with our key", seen.at("signing key", "/KmsKeyId"), arn);
    seen.fact("key rotates", seen.at("rotation", "/KeyRotationEnabled"), true);
    let value = seen.at("value", "/SecretString").as_str().unwrap_or_default().to_owned();
    seen.fact("signing key's length", value.len(), 64);
    let file = std::fs::read_to_string(seen.sandbox.path("state").join(seen.row.environment).join("state.json"));
    seen.fact("no secret in the state", file.unwrap().contains(&value), false);
}
