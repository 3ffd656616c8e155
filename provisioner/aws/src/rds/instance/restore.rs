//! The restore of an instance from a snapshot, and the check of a plan against that snapshot.

use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use provisioner_model::{
    Diagnostic,
    erased::Clouds,
    plan::{Plan, Step, StepAction},
    resource::Cloud,
    stack::MAIN,
};
use serde_json::Value;

use super::{
    Field, Instance,
    resource::{fits, major, older, special},
};
use crate::{cloud::Clients, prelude::*, rds::sdk_tags};

const RESTORE: &str = "rds:RestoreDBInstanceFromDBSnapshot";
const READ: &str = "rds:DescribeDBSnapshots";

/// Restores `instance` from a snapshot. RDS takes engine, version, encryption, master user and database from it, and the
/// engine's update writes the other inputs that this call lacks, among them the managed password: RDS allows that in a
/// restore for Oracle only.
pub(super) async fn restore(c: &Writer, instance: &Instance, snapshot: &str) -> Result<Created<Instance>> {
    // RDS refuses less storage than the snapshot's, and allows more.
    let size = describe(c.read(), snapshot).await?.and_then(|found| found.allocated_storage());
    let storage = Some(instance.allocated_storage).filter(|desired| size.is_some_and(|size| *desired > size));
    let request = set_inputs!(c.rds().restore_db_instance_from_db_snapshot(), instance =>
        db_instance_identifier, db_snapshot_identifier, db_instance_class, storage_type, iops, storage_throughput,
        dedicated_log_volume, port, multi_az, availability_zone, db_subnet_group_name, vpc_security_group_ids,
        publicly_accessible, network_type, db_parameter_group_name, option_group_name, backup_retention_period,
        preferred_backup_window, copy_tags_to_snapshot, auto_minor_version_upgrade, deletion_protection,
        ca_certificate_identifier, enable_cloudwatch_logs_exports, license_model, engine_lifecycle_support,
    );
    // Not every engine knows it, and none needs to hear that it is off.
    let sign_in = instance.enable_iam_database_authentication.filter(|on| *on);
    let request = request.set_enable_iam_database_authentication(sign_in).set_allocated_storage(storage);
    let answer = request.set_tags(Some(sdk_tags(&instance.tags))).send().await;
    let answer = answer.map_err(api_with(RESTORE, |code, message| match code.trim_end_matches("Fault") {
        // Not the new instance is missing.
        "DBSnapshotNotFound" => Some(ErrorKind::Refused),
        "InvalidDBSnapshotState" => Some(ErrorKind::Busy),
        _ => special(code, message),
    }))?;
    let name = answer.db_instance().and_then(DbInstance::db_instance_identifier);
    Ok((member(RESTORE, "DBInstanceIdentifier", name)?, None))
}

/// Returns the snapshot of this name or ARN.
async fn describe(c: &Clients, snapshot: &str) -> Result<Option<DbSnapshot>> {
    let name = snapshot.rsplit(":snapshot:").next().unwrap_or(snapshot);
    // The API wants the type of snapshots that a service makes: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html>
    let kind = [("rds:", "automated"), ("awsbackup:", "awsbackup")];
    let kind = kind.into_iter().find(|(start, _)| name.starts_with(start)).map(|(_, kind)| kind.to_owned());
    let request = c.rds().describe_db_snapshots().db_snapshot_identifier(snapshot).set_snapshot_type(kind);
    let answer = request.include_shared(true).send().await.map_err(api(READ));
    Ok(none_if(ErrorKind::Gone, answer)?.and_then(|answer| answer.db_snapshots().first().cloned()))
}

/// Returns the reasons why RDS cannot restore the instances of a plan as they are declared. A plan that restores none
/// needs no call.
pub async fn snapshot_findings(clouds: &Clouds, plan: &Plan) -> Result<Vec<Diagnostic>> {
    let mut problems = vec![];
    for (address, inputs) in plan.steps.iter().filter_map(planned_restore) {
        let Some(snapshot) = inputs[Field::DbSnapshotIdentifier.name()].as_str() else { continue };
        let reader = clouds.get::<Aws>(MAIN)?.reader();
        match describe(&reader, snapshot).await {
            // RDS checks the snapshot in the restore.
            Err(error) if error.kind == ErrorKind::Denied => {}
            found => problems.extend(conflicts(address, snapshot, inputs, found?.as_ref())),
        }
    }
    Ok(problems)
}

/// Returns the address and the inputs of an instance that a step creates.
fn planned_restore(step: &Step) -> Option<(&str, &Value)> {
    let StepAction::Create(write) = &step.action else { return None };
    (step.type_name == Instance::TYPE).then_some((step.address.as_str(), &write.planned))
}

/// Compares the declared inputs with the snapshot, which determines what a restore cannot change.
fn conflicts(address: &str, name: &str, desired: &Value, snapshot: Option<&DbSnapshot>) -> Vec<Diagnostic> {
    let problem = |field: Field, what: String, hint: String| {
        Diagnostic::resource_error(address, format!("{}: {what}", field.name())).hint(hint)
    };
    let Some(snapshot) = snapshot else {
        let what = format!("this account and region have no snapshot `{name}`");
        let hint = "`aws rds describe-db-snapshots --query 'DBSnapshots[].DBSnapshotIdentifier'` lists them; a shared \
                    one needs its ARN";
        return vec![problem(Field::DbSnapshotIdentifier, what, hint.to_owned())];
    };
    let mut problems = vec![];
    let text = |field: Field| desired[field.name()].as_str().unwrap_or_default();
    if let Some(status) = snapshot.status().filter(|status| *status != "available") {
        let what = format!("the snapshot `{name}` is `{status}`");
        problems.push(problem(Field::DbSnapshotIdentifier, what, "plan again once it is `available`".to_owned()));
    }
    let (engine, found) = (text(Field::Engine), snapshot.engine().unwrap_or_default());
    if engine != found {
        let what = format!("the snapshot `{name}` is of `{found}`, and `{engine}` is declared");
        problems.push(problem(Field::Engine, what, format!("a snapshot of `{engine}`")));
        return problems;
    }
    let (version, found) = (text(Field::EngineVersion), snapshot.engine_version().unwrap_or_default());
    let same_major = major(engine, version) == major(engine, found);
    if !same_major {
        let stated = major(engine, found).join(".");
        let what = format!("the snapshot `{name}` has version {found}, and {version} is declared");
        let hint =
            format!("restore it with version {stated} (`database.version` in an environment file) and upgrade then");
        problems.push(problem(Field::EngineVersion, what, hint));
    } else if !fits(version, found) && older(&version.into(), &found.into()) {
        let what = format!("the snapshot `{name}` has version {found}, which never goes down to {version}");
        problems.push(problem(Field::EngineVersion, what, format!("version {found} or a later one")));
    }
    let (user, found) = (text(Field::MasterUsername), snapshot.master_username().unwrap_or_default());
    if user != found {
        let what = format!("the master user of the snapshot `{name}` is `{found}`, and `{user}` is declared");
        let hint = "RDS renames no master user: restore a snapshot of a database that was created with this user";
        problems.push(problem(Field::MasterUsername, what, hint.to_owned()));
    }
    let encrypted = snapshot.encrypted() == Some(true);
    if let Some(desired) = desired[Field::StorageEncrypted.name()].as_bool().filter(|desired| *desired != encrypted) {
        let (is, other) = if desired { ("not encrypted", "an encrypted") } else { ("encrypted", "an unencrypted") };
        let what = format!("the snapshot `{name}` is {is}, and {other} database is declared");
        let hint = if desired {
            format!(
                "copy it with a key, and restore the copy: aws rds copy-db-snapshot --source-db-snapshot-identifier \
                 {name} --target-db-snapshot-identifier NAME --kms-key-id alias/aws/rds"
            )
        } else {
            "RDS decrypts no snapshot: declare the storage as encrypted".to_owned()
        };
        problems.push(problem(Field::StorageEncrypted, what, hint));
    }
    let (most, size) = (desired[Field::MaxAllocatedStorage.name()].as_i64(), snapshot.allocated_storage());
    if let (Some(most), Some(size)) = (most, size.map(i64::from)) {
        // RDS requires a tenth more than the storage that is there.
        let least = size + (size + 9) / 10;
        if most < least {
            let what = format!("storage cannot grow from the {size} GiB of the snapshot `{name}` to {most} GiB");
            let hint = format!("{least} at least (`database.max_storage` in an environment file)");
            problems.push(problem(Field::MaxAllocatedStorage, what, hint));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summaries(desired: &Instance, snapshot: Option<DbSnapshot>) -> Vec<String> {
        let desired = serde_json::to_value(desired).unwrap();
        conflicts("instance/main", "before", &desired, snapshot.as_ref()).into_iter().map(|one| one.summary).collect()
    }

    #[test]
    fn conflicts_with_the_snapshot_are_explained() {
        let snapshot = DbSnapshot::builder()
            .status("available")
            .engine("postgres")
            .engine_version("16.4")
            .master_username("app")
            .encrypted(true)
            .allocated_storage(95);
        let desired = |version: &str| {
            let desired = Instance::new("postgres", version, "db.t3.micro", 20, "app");
            desired.storage_encrypted(true).max_allocated_storage(200).db_snapshot_identifier("before")
        };
        for version in ["16", "16.4", "16.9"] {
            assert_eq!(summaries(&desired(version), Some(snapshot.clone().build())), [""; 0], "{version}");
        }
        assert_eq!(
            summaries(&desired("16.3"), Some(snapshot.clone().build())),
            ["engine_version: the snapshot `before` has version 16.4, which never goes down to 16.3"]
        );
        let other = snapshot.clone().status("creating").master_username("postgres").encrypted(false);
        assert_eq!(
            summaries(&desired("17").max_allocated_storage(100), Some(other.build())),
            [
                "db_snapshot_identifier: the snapshot `before` is `creating`",
                "engine_version: the snapshot `before` has version 16.4, and 17 is declared",
                "master_username: the master user of the snapshot `before` is `postgres`, and `app` is declared",
                "storage_encrypted: the snapshot `before` is not encrypted, and an encrypted database is declared",
                "max_allocated_storage: storage cannot grow from the 95 GiB of the snapshot `before` to 100 GiB",
            ]
        );
        let mysql = snapshot.engine("mysql").build();
        assert_eq!(
            summaries(&desired("17"), Some(mysql)),
            ["engine: the snapshot `before` is of `mysql`, and `postgres` is declared"]
        );
        assert_eq!(
            summaries(&desired("17"), None),
            ["db_snapshot_identifier: this account and region have no snapshot `before`"]
        );
    }
}
