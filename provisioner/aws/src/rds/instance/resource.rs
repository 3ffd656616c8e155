//! The behaviour of an instance: what changes mean, and the calls to RDS.

use std::{sync::Arc, time::Duration};

use aws_sdk_rds::{
    operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder as Modify,
    types::{CloudwatchLogsExportConfiguration, DbInstance},
};
use serde_json::Value;

use super::{Field, Instance, InstanceOutputs, observed, restore};
use crate::{
    prelude::*,
    rds::{our_tags, sdk_tags, sync_tags},
    tags::made_for,
};

impl Resource for Instance {
    const IDEMPOTENT_CREATE: bool = true;
    // Not the endpoint and not the secret, though a new port or another way to the password changes them: then the
    // dependents stop once, and the next apply goes on. Listed, every change would make them unknown in the plan.
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["engine_version", "status", "pending", "parameters"];
    // The managed password's secret and the keys are used by RDS in the caller's name.
    const ACTIONS: Actions = Actions {
        // Attributes, orderable options and snapshots are for the checks of a plan: see `preflight` and `restore.rs`.
        read: &[
            "rds:DescribeAccountAttributes",
            "rds:DescribeDBInstances",
            "rds:DescribeDBSnapshots",
            "rds:DescribeOrderableDBInstanceOptions",
            "rds:ListTagsForResource",
        ],
        create: &[
            "rds:CreateDBInstance",
            "rds:DescribeDBSnapshots",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:AddTagsToResource",
            "iam:CreateServiceLinkedRole",
            "iam:PassRole",
            "kms:CreateGrant",
            "kms:DescribeKey",
            "secretsmanager:CreateSecret",
            "secretsmanager:TagResource",
        ],
        update: &[
            "rds:ModifyDBInstance",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
            "rds:StartDBInstance",
            "rds:StopDBInstance",
            "iam:PassRole",
            "kms:CreateGrant",
            "kms:DescribeKey",
            "secretsmanager:CreateSecret",
            "secretsmanager:RotateSecret",
            "secretsmanager:TagResource",
        ],
        delete: &["rds:DeleteDBInstance", "rds:CreateDBSnapshot", "rds:AddTagsToResource"],
    };
    const READY_TIMEOUT: Duration = Duration::from_hours(1);
    const POLL_INTERVAL: Duration = Duration::from_secs(15);
    type Cloud = Aws;
    type Outputs = InstanceOutputs;

    fn problems(&self) -> Vec<Problem> {
        let class: Vec<&str> = self.db_instance_class.split('.').collect();
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let words = class.iter().all(|part| !part.is_empty() && part.chars().all(word));
        let is_class = class.len() >= 3 && class[0] == "db" && words;
        let one_password = (self.manage_master_user_password == Some(true)) != self.master_user_password.is_some();
        let zone = self.multi_az != Some(true) || self.availability_zone.is_none();
        let storage = self.max_allocated_storage.is_none_or(|max| max > self.allocated_storage);
        let key = self.kms_key_id.is_none() || self.storage_encrypted == Some(true);
        let monitoring = self.monitoring_interval.unwrap_or_default() <= 0 || self.monitoring_role_arn.is_some();
        // A restore keeps the password of the snapshot, and no API returns it.
        let restored = self.db_snapshot_identifier.is_none() || self.manage_master_user_password == Some(true);
        let snapshot = self.final_db_snapshot_identifier.as_deref().is_none_or(is_snapshot_name);
        let rules = [
            (is_class, Field::DbInstanceClass, "expected `db.<family>.<size>`, as in `db.t3.micro`"),
            (
                one_password,
                Field::MasterUserPassword,
                "expected either `master_user_password` or `manage_master_user_password`",
            ),
            (
                restored,
                Field::DbSnapshotIdentifier,
                "requires `manage_master_user_password`: a restored database has the snapshot's password until then",
            ),
            (zone, Field::AvailabilityZone, "cannot be set with `multi_az`: AWS chooses the zones"),
            (storage, Field::MaxAllocatedStorage, "expected more than `allocated_storage`"),
            (key, Field::KmsKeyId, "requires `storage_encrypted`"),
            (monitoring, Field::MonitoringRoleArn, "expected a role: `monitoring_interval` requires one"),
            (
                snapshot,
                Field::FinalDbSnapshotIdentifier,
                "expected a letter, then at most 245 letters, digits and single hyphens",
            ),
        ];
        let broken = rules.into_iter().filter(|(kept, ..)| !kept);
        broken.map(|(_, field, why)| Problem::new(field, why)).collect()
    }

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        match (Field::of(field), desired.as_str().zip(observed.as_str())) {
            (Some(Field::EngineVersion), Some((desired, to_observed))) => fits(desired, to_observed),
            // AWS returns windows in lower case.
            (Some(Field::PreferredMaintenanceWindow), Some((desired, found))) => desired.eq_ignore_ascii_case(found),
            // It grows by itself, and nothing can shrink it.
            (Some(Field::AllocatedStorage), _) => observed.as_i64() >= desired.as_i64(),
            _ => field.compare.is_equivalent(desired, observed),
        }
    }

    fn change(field: &FieldSchema, current: &Value, desired: &Value) -> Change {
        match Field::of(field) {
            Some(Field::AllocatedStorage) if desired.as_i64() < current.as_i64() => Change::Refused(format!(
                "storage never shrinks: there are {current} GiB; move the data to a new database for fewer"
            )),
            Some(Field::EngineVersion) if older(desired, current) => {
                let (desired, current) = (desired.as_str().unwrap_or_default(), current.as_str().unwrap_or_default());
                Change::Refused(format!("a database's version never goes down: it runs {current}, {desired} is wanted"))
            }
            _ if field.replaces => Change::Replace,
            _ => Change::Update,
        }
    }

    fn review_update(observed: &Value, desired: &Value) -> Vec<UpdateReview> {
        let text = |inputs: &Value, field: Field| inputs[field.name()].as_str().unwrap_or_default().to_owned();
        let engine = text(desired, Field::Engine);
        let [from, to] = [observed, desired].map(|inputs| text(inputs, Field::EngineVersion));
        if major(&engine, &from) == major(&engine, &to) || older(&to.as_str().into(), &from.as_str().into()) {
            return vec![];
        }
        let consent = desired[Field::AllowMajorVersionUpgrade.name()] == true;
        let targets = format!(
            "aws rds describe-db-engine-versions --engine {engine} --engine-version {from} \
             --query 'DBEngineVersions[].ValidUpgradeTarget[].EngineVersion'"
        );
        let upgrade = format!("engine_version: {from} to {to} is a major version upgrade");
        let outage = "the database is offline meanwhile, usually for minutes, and no version goes back";
        vec![UpdateReview {
            is_refusal: !consent,
            what: format!("{upgrade}: {outage}"),
            hint: if consent {
                format!("take a snapshot first; this lists the valid targets: {targets}")
            } else {
                format!(
                    "`allow_major_version_upgrade` consents to it (`database.allow_major_upgrade = true` in an \
                     environment file); this lists the valid targets: {targets}"
                )
            },
        }]
    }

    fn phase(desired: Option<&Self>, observed: &Observed<Self>, receipt: Option<&Receipt>) -> Phase {
        observed::phase(desired, &observed.outputs, receipt)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = all(c).await?;
        let rows = all.iter().filter_map(|one| Some((Id::new(one.db_instance_identifier()?), one)));
        Ok(rows.filter(|(id, _)| ids.contains(id)).map(|(id, one)| (id, observed::instance(one))).collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let mine = all.iter().filter(|one| made_for(&our_tags(one.tag_list()), owner));
        Ok(mine.filter_map(|one| one.db_instance_identifier().map(Id::new)).collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let names = all.iter().filter_map(DbInstance::db_instance_identifier);
        Ok(names.filter(|name| Some(*name) == self.db_instance_identifier.as_deref()).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        if let Some(snapshot) = &self.db_snapshot_identifier {
            return restore::restore(c, self, snapshot).await;
        }
        let request = set_inputs!(c.rds().create_db_instance(), self =>
            db_instance_identifier, engine, engine_version, db_instance_class, allocated_storage, max_allocated_storage,
            storage_type, iops, storage_throughput, dedicated_log_volume, storage_encrypted, kms_key_id, db_name, port,
            master_username, manage_master_user_password, master_user_secret_kms_key_id, master_user_password, multi_az,
            availability_zone, db_subnet_group_name, vpc_security_group_ids, publicly_accessible, network_type,
            db_parameter_group_name, option_group_name, backup_retention_period, preferred_backup_window,
            copy_tags_to_snapshot, preferred_maintenance_window, auto_minor_version_upgrade, deletion_protection,
            enable_performance_insights, performance_insights_kms_key_id, performance_insights_retention_period,
            database_insights_mode, monitoring_interval, monitoring_role_arn, ca_certificate_identifier,
            enable_cloudwatch_logs_exports, license_model, character_set_name, timezone, engine_lifecycle_support,
        );
        // Not every engine knows it, and none needs to hear that it is off.
        let sign_in = self.enable_iam_database_authentication.filter(|on| *on);
        let request = request.set_enable_iam_database_authentication(sign_in);
        let answer = request.set_tags(Some(sdk_tags(&self.tags))).send().await;
        let answer = answer.map_err(api_with("rds:CreateDBInstance", special))?;
        let name = answer.db_instance().and_then(DbInstance::db_instance_identifier);
        Ok((member("rds:CreateDBInstance", "DBInstanceIdentifier", name)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let waits = self.apply_immediately == Some(false);
        if changed.contains(Field::Stopped) && self.stopped != Some(true) && observed.inputs.stopped == Some(true) {
            let started = c.rds().start_db_instance().db_instance_identifier(recorded.id.as_str()).send().await;
            started.map_err(api_with("rds:StartDBInstance", special))?;
            // The rest follows once it runs: the engine reads it again, and writes what is left.
            return Ok(Some(observed::STARTING.into()));
        }
        // The others are about later calls, not about the object, or have calls of their own.
        let no_modify = [
            Field::AllowMajorVersionUpgrade,
            Field::FinalDbSnapshotIdentifier,
            Field::DeleteAutomatedBackups,
            Field::ApplyImmediately,
            Field::Stopped,
            Field::Tags,
        ];
        if !changed.is_subset(&no_modify) {
            let request = c.rds().modify_db_instance().db_instance_identifier(recorded.id.as_str());
            let request = self.modify(request.apply_immediately(!waits), &changed, &observed.inputs);
            request.send().await.map_err(api_with("rds:ModifyDBInstance", special))?;
        }
        sync_tags(c, &observed.outputs.arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        if changed.contains(Field::Stopped) && self.stopped == Some(true) {
            let stopped = c.rds().stop_db_instance().db_instance_identifier(recorded.id.as_str()).send().await;
            stopped.map_err(api_with("rds:StopDBInstance", special))?;
        }
        Ok((!waits).then(|| observed::AT_ONCE.into()))
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        // The same name when it is sent again, another one for the next database at this address.
        let own: String = recorded.owner.token.chars().filter(char::is_ascii_hexdigit).take(8).collect();
        let snapshot = recorded.inputs.final_db_snapshot_identifier.as_ref().map(|name| format!("{name}-{own}"));
        let request = c.rds().delete_db_instance().db_instance_identifier(recorded.id.as_str());
        let request = request.skip_final_snapshot(snapshot.is_none()).set_final_db_snapshot_identifier(snapshot);
        let request = set_inputs!(request, recorded.inputs => delete_automated_backups);
        let special = |code: &str, message: &str| match code.trim_end_matches("Fault") {
            // On its way already.
            "InvalidDBInstanceState" if message.contains("already being deleted") => Some(ErrorKind::Gone),
            "InvalidDBInstanceState" => Some(ErrorKind::Busy),
            _ => None,
        };
        gone_ok(request.send().await.map(drop).map_err(api_with("rds:DeleteDBInstance", special)))
    }
}

impl Instance {
    /// The inputs with what ends the changed settings that the program no longer states: RDS keeps whatever a call leaves
    /// out.
    fn with_ends(&self, changed: &ChangedFields<Self>, observed: &Self) -> Self {
        let mut desired = self.clone();
        if changed.contains(Field::MaxAllocatedStorage) {
            // Storage no longer grows once the limit is its size.
            let size = self.allocated_storage.max(observed.allocated_storage);
            desired.max_allocated_storage.get_or_insert(size);
        }
        if changed.contains(Field::DedicatedLogVolume) {
            desired.dedicated_log_volume.get_or_insert(false);
        }
        if changed.contains(Field::NetworkType) {
            desired.network_type.get_or_insert_with(|| "IPV4".to_owned());
        }
        if changed.contains(Field::BackupRetentionPeriod) {
            desired.backup_retention_period.get_or_insert(1);
        }
        if changed.contains(Field::EnableCloudwatchLogsExports) {
            desired.enable_cloudwatch_logs_exports.get_or_insert_default();
        }
        if changed.contains(Field::EngineLifecycleSupport) {
            let default = || "open-source-rds-extended-support".to_owned();
            desired.engine_lifecycle_support.get_or_insert_with(default);
        }
        desired
    }

    fn modify(&self, request: Modify, changed: &ChangedFields<Self>, observed: &Self) -> Modify {
        let desired = &self.with_ends(changed, observed);
        let mut request = set_changed!(request, desired, changed =>
            engine_version, db_instance_class, max_allocated_storage, dedicated_log_volume, manage_master_user_password,
            master_user_secret_kms_key_id, master_user_password, multi_az, vpc_security_group_ids, publicly_accessible,
            network_type, db_parameter_group_name, option_group_name, backup_retention_period, preferred_backup_window,
            copy_tags_to_snapshot, preferred_maintenance_window, auto_minor_version_upgrade, deletion_protection,
            ca_certificate_identifier, enable_iam_database_authentication, license_model, engine_lifecycle_support,
        )
        .set_db_port_number(changed.pick(Field::Port, &self.port));
        if changed.contains(Field::EngineVersion) {
            request = set_inputs!(request, self => allow_major_version_upgrade);
        }
        // RDS takes the figures of a disk, of Performance Insights and of monitoring together. The disk is never smaller
        // than it is: it may have grown by itself.
        let disk = Self { allocated_storage: self.allocated_storage.max(observed.allocated_storage), ..self.clone() };
        request = set_together!(request, disk, changed => allocated_storage, storage_type, iops, storage_throughput);
        request = set_together!(request, self, changed => enable_performance_insights, database_insights_mode,
            performance_insights_kms_key_id, performance_insights_retention_period);
        request = set_together!(request, self, changed => monitoring_interval, monitoring_role_arn);
        if let Some(logs) = changed.pick(Field::EnableCloudwatchLogsExports, &desired.enable_cloudwatch_logs_exports) {
            let current = observed.enable_cloudwatch_logs_exports.clone().unwrap_or_default();
            let on = logs.iter().filter(|log| !current.contains(log)).cloned().collect();
            let off = current.iter().filter(|log| !logs.contains(log)).cloned().collect();
            let change = CloudwatchLogsExportConfiguration::builder();
            let change = change.set_enable_log_types(Some(on)).set_disable_log_types(Some(off)).build();
            request = request.cloudwatch_logs_export_configuration(change);
        }
        request
    }
}

async fn all(c: &Reader) -> Result<Arc<Vec<DbInstance>>> {
    c.once("rds:instances", || async {
        let pages = c.rds().describe_db_instances().into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api(observed::READ))
    })
    .await
}

/// Errors that pass by themselves.
pub(super) fn special(code: &str, message: &str) -> Option<ErrorKind> {
    match code.trim_end_matches("Fault") {
        "InvalidDBInstanceState" => Some(ErrorKind::Busy),
        // A role that is not there yet, or whose policies are not.
        "InvalidParameterValue" if message.contains("IAM role ARN value is invalid") => Some(ErrorKind::NotYet),
        "DBInstanceRoleNotFound" => Some(ErrorKind::NotYet),
        _ => None,
    }
}

/// Returns whether `desired` stands for version `observed`: `17` for `17.4`, but not for `170.1`.
pub(crate) fn fits(desired: &str, observed: &str) -> bool {
    observed == desired || observed.strip_prefix(desired).is_some_and(|rest| rest.starts_with('.'))
}

/// Returns the part of a version that only a major version upgrade changes: `17` of `17.4` for PostgreSQL, and two parts for
/// other engines, `8.0` of `8.0.36`.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html>
pub(super) fn major<'a>(engine: &str, version: &'a str) -> Vec<&'a str> {
    let parts = if engine == "postgres" { 1 } else { 2 };
    version.split('.').take(parts).collect()
}

pub(super) fn older(desired: &Value, current: &Value) -> bool {
    let parts = |version: &Value| -> Vec<u32> {
        version.as_str().unwrap_or_default().split('.').map_while(|part| part.parse().ok()).collect()
    };
    let (desired, current) = (parts(desired), parts(current));
    // Up to the parts that both have: `17` is not older than `17.4`.
    desired.iter().zip(&current).find(|(desired, current)| desired != current).is_some_and(|(a, b)| a < b)
}

fn is_snapshot_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 246
        && !name.ends_with('-')
        && !name.contains("--")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn major_version_upgrade_needs_consent() {
        let inputs = |engine: &str, version: &str, consent: Option<bool>| {
            let consent = consent.map_or(Value::Null, Value::from);
            json!({ "engine": engine, "engine_version": version, "allow_major_version_upgrade": consent })
        };
        let review = |engine: &str, from: &str, to: &str, consent| {
            Instance::review_update(&inputs(engine, from, None), &inputs(engine, to, consent))
        };
        let refused = review("postgres", "16.4", "17", None);
        assert!(refused[0].is_refusal, "{refused:?}");
        assert!(refused[0].what.contains("16.4 to 17 is a major version upgrade"), "{refused:?}");
        assert!(refused[0].hint.contains("database.allow_major_upgrade = true"), "{refused:?}");
        assert!(refused[0].hint.contains("--engine-version 16.4"), "{refused:?}");
        let warned = review("postgres", "16.4", "17.2", Some(true));
        assert!(!warned[0].is_refusal && warned[0].what.contains("offline"), "{warned:?}");
        for (engine, from, to) in [
            ("postgres", "17.2", "17"),
            ("postgres", "17.2", "17.4"),
            ("postgres", "17", "16"),
            ("mysql", "8.0.35", "8.0.36"),
        ] {
            assert_eq!(review(engine, from, to, None), [], "{engine} {from} {to}");
        }
        assert!(review("mysql", "8.0.36", "8.4", None)[0].is_refusal);
    }

    #[test]
    fn a_version_fits_what_it_starts_with() {
        assert!(fits("17", "17.4") && fits("17.4", "17.4"));
        assert!(!fits("17", "170.1") && !fits("17.4", "17.40") && !fits("17.4", "17"));
    }

    #[test]
    fn smaller_disk_and_older_version_are_refused() {
        let field = |name: Field| Instance::FIELDS.iter().find(|field| field.name == name.name()).unwrap();
        let refused =
            |name, recorded, desired| matches!(Instance::change(field(name), &recorded, &desired), Change::Refused(_));
        assert!(refused(Field::AllocatedStorage, json!(100), json!(20)));
        assert!(!refused(Field::AllocatedStorage, json!(20), json!(100)));
        assert!(refused(Field::EngineVersion, json!("17.4"), json!("16")));
        assert!(!refused(Field::EngineVersion, json!("17.4"), json!("17")));
        assert!(!refused(Field::EngineVersion, json!("16.9"), json!("17")));
        assert!(Instance::is_equivalent(field(Field::AllocatedStorage), &json!(20), &json!(40)));
    }

    #[test]
    fn settings_that_are_no_longer_stated_end() {
        let desired = Instance::new("postgres", "17", "db.t3.micro", 20, "app");
        let stated = desired.clone().max_allocated_storage(100).backup_retention_period(30);
        let stated = stated.enable_cloudwatch_logs_exports(["postgresql"]);
        let changed = ChangedFields::between(&desired, &stated, &stated);
        let written = desired.with_ends(&changed, &stated);
        let ends = desired.clone().max_allocated_storage(20).backup_retention_period(1);
        assert_eq!(written, ends.enable_cloudwatch_logs_exports(Vec::<String>::new()));
        // What nobody stated stays.
        let changed = ChangedFields::between(&desired, &desired, &stated);
        assert_eq!(desired.with_ends(&changed, &stated), desired);
    }

    #[test]
    fn invalid_inputs_are_reported_before_any_call() {
        let fields = |instance: Instance| instance.problems().into_iter().map(|p| p.field).collect::<Vec<_>>();
        let new = |class: &str| Instance::new("postgres", "17", class, 20, "app");
        assert!(fields(new("db.t3.micro")).is_empty());
        assert_eq!(fields(new("t3.micro")), ["db_instance_class"]);
        let bare = new("db.t3.micro").manage_master_user_password(false).final_db_snapshot_identifier("bad-");
        assert_eq!(fields(bare), ["master_user_password", "final_db_snapshot_identifier"]);
        let restored = new("db.t3.micro").db_snapshot_identifier("before");
        assert!(fields(restored.clone()).is_empty());
        assert_eq!(fields(restored.manage_master_user_password(false))[1], "db_snapshot_identifier");
    }
}
