//! The calls to RDS.

use std::sync::Arc;

use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DatabaseInsightsMode, DbInstance};
use provisioner_model::{
    Secret,
    error::{ErrorKind, Result},
    resource::{Created, Id, Observed, Receipt, Recorded},
};

use super::{Instance, observed};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Clients, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    rds::{sdk_tags, sync_tags},
    value::{text, texts},
};

pub(super) async fn all(c: &Reader) -> Result<Arc<Vec<DbInstance>>> {
    c.once("rds:instances", || list(c)).await
}

async fn list(c: &Clients) -> Result<Vec<DbInstance>> {
    let mut pages = c.rds().describe_db_instances().into_paginator().items().send();
    let mut all = vec![];
    while let Some(one) = pages.try_next().await.map_err(api(observed::READ))? {
        all.push(one);
    }
    Ok(all)
}

fn password(secret: Option<&Secret>) -> Option<String> {
    secret.and_then(Secret::expose).map(str::to_owned)
}

pub(super) async fn create(new: &Instance, c: &Writer) -> Result<Created<Instance>> {
    let answer = c
        .rds()
        .create_db_instance()
        .set_db_instance_identifier(new.identifier.clone())
        .engine(&new.engine)
        .engine_version(&new.engine_version)
        .db_instance_class(&new.instance_class)
        .allocated_storage(new.allocated_storage)
        .set_max_allocated_storage(new.max_allocated_storage)
        .set_storage_type(new.storage_type.clone())
        .set_iops(new.iops)
        .set_storage_throughput(new.storage_throughput)
        .set_dedicated_log_volume(new.dedicated_log_volume)
        .set_storage_encrypted(new.storage_encrypted)
        .set_kms_key_id(new.kms_key.as_ref().and_then(text))
        .set_db_name(new.db_name.clone())
        .set_port(new.port)
        .master_username(&new.master_username)
        .set_manage_master_user_password(new.manage_master_user_password)
        .set_master_user_secret_kms_key_id(new.master_user_secret_kms_key.as_ref().and_then(text))
        .set_master_user_password(password(new.master_user_password.as_ref()))
        .set_multi_az(new.multi_az)
        .set_availability_zone(new.availability_zone.clone())
        .set_db_subnet_group_name(new.subnet_group.as_ref().and_then(text))
        .set_vpc_security_group_ids(new.security_groups.as_deref().map(texts))
        .set_publicly_accessible(new.publicly_accessible)
        .set_network_type(new.network_type.clone())
        .set_db_parameter_group_name(new.parameter_group.as_ref().and_then(text))
        .set_option_group_name(new.option_group.as_ref().and_then(text))
        .set_backup_retention_period(new.backup_retention_period)
        .set_preferred_backup_window(new.backup_window.clone())
        .set_copy_tags_to_snapshot(new.copy_tags_to_snapshot)
        .set_preferred_maintenance_window(new.maintenance_window.clone())
        .set_auto_minor_version_upgrade(new.auto_minor_version_upgrade)
        .set_deletion_protection(new.deletion_protection)
        .set_enable_performance_insights(new.performance_insights)
        .set_performance_insights_kms_key_id(new.performance_insights_kms_key.as_ref().and_then(text))
        .set_performance_insights_retention_period(new.performance_insights_retention_period)
        .set_database_insights_mode(new.database_insights_mode.as_deref().map(DatabaseInsightsMode::from))
        .set_monitoring_interval(new.monitoring_interval)
        .set_monitoring_role_arn(new.monitoring_role.as_ref().and_then(text))
        .set_ca_certificate_identifier(new.ca_certificate_identifier.clone())
        .set_enable_iam_database_authentication(new.iam_database_authentication)
        .set_enable_cloudwatch_logs_exports(new.cloudwatch_logs_exports.clone())
        .set_license_model(new.license_model.clone())
        .set_character_set_name(new.character_set_name.clone())
        .set_timezone(new.timezone.clone())
        .set_engine_lifecycle_support(new.engine_lifecycle_support.clone())
        .set_tags(Some(sdk_tags(&new.tags)))
        .send()
        .await
        .map_err(api_with("rds:CreateDBInstance", special))?;
    let name = answer.db_instance().and_then(DbInstance::db_instance_identifier);
    Ok((Id::new(need("rds:CreateDBInstance", name, "DBInstanceIdentifier")?), None))
}

/// Classifies RDS's errors for transitional states.
fn special(code: &str, message: &str) -> Option<ErrorKind> {
    match code.trim_end_matches("Fault") {
        "InvalidDBInstanceState" => Some(ErrorKind::Busy),
        // A role that is not there yet, or whose policies are not.
        "InvalidParameterValue" if message.contains("IAM role ARN value is invalid") => Some(ErrorKind::NotYet),
        "DBInstanceRoleNotFound" => Some(ErrorKind::NotYet),
        _ => None,
    }
}

pub(super) async fn update(
    desired: &Instance,
    c: &Writer,
    recorded: &Recorded<Instance>,
    observed: &Observed<Instance>,
) -> Result<Option<Receipt>> {
    let differs = ChangedInputs::between(desired, &recorded.inputs, &observed.inputs);
    // These are about later calls, not about the object.
    let ours =
        ["allow_major_version_upgrade", "final_snapshot", "delete_automated_backups", "apply_in_maintenance_window"];
    let waits = desired.apply_in_maintenance_window == Some(true);
    if !differs.only(&[&ours[..], &["tags"]].concat()) {
        modify(desired, c, recorded.id.as_str(), &differs, observed, waits).await?;
    }
    sync_tags(c, &observed.outputs.arn, &desired.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
    Ok((!waits).then(|| observed::AT_ONCE.into()))
}

async fn modify(
    desired: &Instance,
    c: &Writer,
    id: &str,
    differs: &ChangedInputs,
    observed: &Observed<Instance>,
    waits: bool,
) -> Result<()> {
    // RDS wants a disk's figures together.
    let disk = differs.any(&["allocated_storage", "storage_type", "iops", "storage_throughput"]);
    // Never less than there is: it may have grown by itself.
    let storage = desired.allocated_storage.max(observed.inputs.allocated_storage);
    let insights = differs.any(&["performance_insights", "performance_insights_kms_key", "database_insights_mode"])
        || differs.has("performance_insights_retention_period");
    let logs = differs.pick("cloudwatch_logs_exports", &desired.cloudwatch_logs_exports).map(|logs| {
        let there = observed.inputs.cloudwatch_logs_exports.clone().unwrap_or_default();
        let on = logs.iter().filter(|log| !there.contains(log)).cloned().collect();
        let off = there.iter().filter(|log| !logs.contains(log)).cloned().collect();
        let change = CloudwatchLogsExportConfiguration::builder();
        change.set_enable_log_types(Some(on)).set_disable_log_types(Some(off)).build()
    });
    c.rds()
        .modify_db_instance()
        .db_instance_identifier(id)
        .apply_immediately(!waits)
        .set_engine_version(differs.pick("engine_version", &Some(desired.engine_version.clone())))
        .set_allow_major_version_upgrade(desired.allow_major_version_upgrade.filter(|_| differs.has("engine_version")))
        .set_db_instance_class(differs.pick("instance_class", &Some(desired.instance_class.clone())))
        .set_allocated_storage(disk.then_some(storage))
        .set_storage_type(desired.storage_type.clone().filter(|_| disk))
        .set_iops(desired.iops.filter(|_| disk))
        .set_storage_throughput(desired.storage_throughput.filter(|_| disk))
        .set_max_allocated_storage(differs.pick("max_allocated_storage", &desired.max_allocated_storage))
        .set_dedicated_log_volume(differs.pick("dedicated_log_volume", &desired.dedicated_log_volume))
        .set_db_port_number(differs.pick("port", &desired.port))
        .set_manage_master_user_password(
            differs.pick("manage_master_user_password", &desired.manage_master_user_password),
        )
        .set_master_user_secret_kms_key_id(
            differs.pick("master_user_secret_kms_key", &desired.master_user_secret_kms_key).as_ref().and_then(text),
        )
        .set_master_user_password(password(
            differs.pick("master_user_password", &desired.master_user_password).as_ref(),
        ))
        .set_multi_az(differs.pick("multi_az", &desired.multi_az))
        .set_vpc_security_group_ids(differs.pick("security_groups", &desired.security_groups).as_deref().map(texts))
        .set_publicly_accessible(differs.pick("publicly_accessible", &desired.publicly_accessible))
        .set_network_type(differs.pick("network_type", &desired.network_type))
        .set_db_parameter_group_name(differs.pick("parameter_group", &desired.parameter_group).as_ref().and_then(text))
        .set_option_group_name(differs.pick("option_group", &desired.option_group).as_ref().and_then(text))
        .set_backup_retention_period(differs.pick("backup_retention_period", &desired.backup_retention_period))
        .set_preferred_backup_window(differs.pick("backup_window", &desired.backup_window))
        .set_copy_tags_to_snapshot(differs.pick("copy_tags_to_snapshot", &desired.copy_tags_to_snapshot))
        .set_preferred_maintenance_window(differs.pick("maintenance_window", &desired.maintenance_window))
        .set_auto_minor_version_upgrade(differs.pick("auto_minor_version_upgrade", &desired.auto_minor_version_upgrade))
        .set_deletion_protection(differs.pick("deletion_protection", &desired.deletion_protection))
        .set_enable_performance_insights(desired.performance_insights.filter(|_| insights))
        .set_performance_insights_kms_key_id(
            desired.performance_insights_kms_key.as_ref().filter(|_| insights).and_then(text),
        )
        .set_performance_insights_retention_period(desired.performance_insights_retention_period.filter(|_| insights))
        .set_database_insights_mode(
            desired.database_insights_mode.as_deref().filter(|_| insights).map(DatabaseInsightsMode::from),
        )
        .set_monitoring_interval(
            desired.monitoring_interval.filter(|_| differs.any(&["monitoring_interval", "monitoring_role"])),
        )
        .set_monitoring_role_arn(
            desired
                .monitoring_role
                .as_ref()
                .filter(|_| differs.any(&["monitoring_interval", "monitoring_role"]))
                .and_then(text),
        )
        .set_ca_certificate_identifier(differs.pick("ca_certificate_identifier", &desired.ca_certificate_identifier))
        .set_enable_iam_database_authentication(
            differs.pick("iam_database_authentication", &desired.iam_database_authentication),
        )
        .set_cloudwatch_logs_export_configuration(logs)
        .set_license_model(differs.pick("license_model", &desired.license_model))
        .set_engine_lifecycle_support(differs.pick("engine_lifecycle_support", &desired.engine_lifecycle_support))
        .send()
        .await
        .map_err(api_with("rds:ModifyDBInstance", special))?;
    Ok(())
}

pub(super) async fn delete(c: &Writer, recorded: &Recorded<Instance>) -> Result<()> {
    // The same name when it is sent again, another one for the next database at this address.
    let own: String = recorded.owner.token.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let snapshot = recorded.inputs.final_snapshot.as_ref().map(|name| format!("{name}-{own}"));
    let request = c
        .rds()
        .delete_db_instance()
        .db_instance_identifier(recorded.id.as_str())
        .skip_final_snapshot(snapshot.is_none())
        .set_final_db_snapshot_identifier(snapshot)
        .set_delete_automated_backups(recorded.inputs.delete_automated_backups);
    let answer = request.send().await.map(drop).map_err(api_with("rds:DeleteDBInstance", |code, message| {
        match code.trim_end_matches("Fault") {
            // On its way already.
            "InvalidDBInstanceState" if message.contains("already being deleted") => Some(ErrorKind::Gone),
            "InvalidDBInstanceState" => Some(ErrorKind::Busy),
            _ => None,
        }
    }));
    gone_ok(answer)
}
