//! The observed state of an instance. The only place where the SDK's type becomes ours.

use aws_sdk_rds::types::{self, DbInstance, PendingModifiedValues};

use super::{Field, Instance};
use crate::{prelude::*, rds::our_tags};

pub(super) const READ: &str = "rds:DescribeDBInstances";
/// An update's receipt: what is pending is on its way, not waiting for the maintenance window.
pub(super) const AT_ONCE: &str = "at-once";
/// The receipt of a start.
pub(super) const STARTING: &str = "starting";

/// The outputs of a database server.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct InstanceOutputs {
    /// The name.
    #[output(constant = "IDENTIFIER")]
    pub id: Id<Instance>,
    /// The ARN.
    pub arn: String,
    /// `db-…`: the name of the instance in IAM policies for signing in.
    pub resource_id: String,
    /// `available`, `modifying`, …
    pub status: String,
    /// The endpoint, once there is one.
    pub endpoint: Option<Endpoint>,
    /// The managed password's secret.
    pub master_user_secret: Option<ManagedSecret>,
    /// The full version.
    pub engine_version: String,
    /// Inputs whose change waits for the maintenance window or is under way.
    pub pending: Vec<String>,
    /// `in-sync`, `applying`, `pending-reboot`.
    pub parameters: Option<String>,
}

/// The endpoint of a database.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct Endpoint {
    /// The host name.
    pub address: String,
    /// The port.
    pub port: i32,
    /// For alias records.
    pub hosted_zone_id: Option<String>,
}

/// The secret that RDS made for the master user's password.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ManagedSecret {
    /// The ARN.
    pub arn: String,
    /// `creating`, `active`, `rotating`, `impaired`.
    pub status: Option<String>,
}

/// The inputs. A pending value counts as there.
fn inputs(one: &DbInstance, pending: &PendingModifiedValues) -> Result<Instance> {
    let mut one = one.clone();
    macro_rules! prefer {
        ($pending:ident => $($name:ident),*) => { $(one.$name = $pending.$name.clone().or(one.$name);)* };
    }
    prefer!(pending => engine_version, db_instance_class, allocated_storage, storage_type, iops, storage_throughput,
        dedicated_log_volume, multi_az, backup_retention_period, ca_certificate_identifier, license_model,
        iam_database_authentication_enabled);
    // A group that is going is listed until it is gone.
    let firewall = one.vpc_security_groups().iter().filter(|group| group.status() != Some("removing"));
    let firewall = firewall.filter_map(|group| Some(Id::new(group.vpc_security_group_id()?).into()));
    let mut options = one.option_group_memberships().iter().filter(|group| group.status() != Some("removing"));
    let parameters = one.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name());
    let group = one.db_subnet_group().and_then(types::DbSubnetGroup::db_subnet_group_name);
    Ok(from_sdk!(READ, one => Instance {
        db_instance_identifier, engine, engine_version, db_instance_class, max_allocated_storage, storage_type, iops,
        storage_throughput, dedicated_log_volume, storage_encrypted, kms_key_id, db_name, multi_az, availability_zone,
        publicly_accessible, network_type, backup_retention_period, preferred_backup_window,
        preferred_maintenance_window, auto_minor_version_upgrade,
        enable_performance_insights = performance_insights_enabled, performance_insights_kms_key_id,
        performance_insights_retention_period, database_insights_mode, monitoring_role_arn,
        ca_certificate_identifier,
        license_model, character_set_name, timezone, engine_lifecycle_support;
        copy_tags_to_snapshot: Some(one.copy_tags_to_snapshot() == Some(true)),
        deletion_protection: Some(one.deletion_protection() == Some(true)),
        monitoring_interval: Some(one.monitoring_interval().unwrap_or_default()),
        // Not every engine knows it.
        enable_iam_database_authentication: Some(one.iam_database_authentication_enabled() == Some(true)),
        db_snapshot_identifier: None, allow_major_version_upgrade: None, master_user_password: None, final_db_snapshot_identifier: None,
        delete_automated_backups: None, apply_immediately: None,
        stopped: Some(matches!(one.db_instance_status(), Some("stopped" | "stopping"))),
        allocated_storage: one.allocated_storage().unwrap_or_default(),
        port: pending.port().or(one.endpoint().and_then(types::Endpoint::port)),
        master_username: one.master_username().unwrap_or_default().to_owned(),
        manage_master_user_password: Some(one.master_user_secret().is_some()),
        master_user_secret_kms_key_id: one.master_user_secret().and_then(|secret| secret.kms_key_id()).map(In::from),
        db_subnet_group_name: group.map(|name| Id::new(name).into()),
        vpc_security_group_ids: Some(firewall.collect()),
        db_parameter_group_name: parameters.map(|name| Id::new(name).into()),
        option_group_name: options.find_map(|group| group.option_group_name()).map(In::from),
        enable_cloudwatch_logs_exports: Some(exports(&one, pending.pending_cloudwatch_logs_exports())),
        tags: our_tags(one.tag_list()),
    }))
}

pub(super) fn instance(one: &DbInstance) -> Result<Observed<Instance>> {
    let none = PendingModifiedValues::builder().build();
    let pending = one.pending_modified_values().unwrap_or(&none);
    let endpoint = one.endpoint().and_then(|endpoint| {
        let (address, port) = (endpoint.address()?.to_owned(), endpoint.port()?);
        Some(Endpoint { address, port, hosted_zone_id: endpoint.hosted_zone_id().map(str::to_owned) })
    });
    let secret = one.master_user_secret().and_then(|secret| {
        Some(ManagedSecret { arn: secret.secret_arn()?.to_owned(), status: secret.secret_status().map(str::to_owned) })
    });
    let outputs = from_sdk!(READ, one => InstanceOutputs {
        id = db_instance_identifier, arn = db_instance_arn, status = db_instance_status, engine_version;
        resource_id: one.dbi_resource_id().unwrap_or_default().to_owned(),
        endpoint,
        master_user_secret: secret,
        pending: waiting(pending),
        parameters: one.db_parameter_groups().first().and_then(|group| group.parameter_apply_status()).map(str::to_owned),
    });
    Ok(Observed { inputs: inputs(one, pending)?, outputs })
}

fn exports(one: &DbInstance, pending: Option<&types::PendingCloudwatchLogsExports>) -> Vec<String> {
    let mut logs = one.enabled_cloudwatch_logs_exports().to_vec();
    if let Some(pending) = pending {
        logs.retain(|log| !pending.log_types_to_disable().contains(log));
        logs.extend(pending.log_types_to_enable().iter().cloned());
    }
    logs.sort();
    logs.dedup();
    logs
}

/// The names of what is pending: for people, and for an update to wait for.
fn waiting(pending: &PendingModifiedValues) -> Vec<String> {
    macro_rules! pending {
        ($($field:ident $getter:ident),* $(,)?) => {
            [$(pending.$getter().is_some().then(|| Field::$field.name().to_owned())),*]
        };
    }
    let all = pending![
        EngineVersion engine_version, DbInstanceClass db_instance_class, AllocatedStorage allocated_storage,
        StorageType storage_type, Iops iops, StorageThroughput storage_throughput, Port port, MultiAz multi_az,
        DedicatedLogVolume dedicated_log_volume, MasterUserPassword master_user_password,
        BackupRetentionPeriod backup_retention_period, CaCertificateIdentifier ca_certificate_identifier,
        EnableIamDatabaseAuthentication iam_database_authentication_enabled, LicenseModel license_model,
        EnableCloudwatchLogsExports pending_cloudwatch_logs_exports,
    ];
    all.into_iter().flatten().collect()
}

pub(super) fn phase(desired: Option<&Instance>, out: &InstanceOutputs, receipt: Option<&Receipt>) -> Phase {
    let failed = || Phase::Failed { why: format!("status is `{}`", out.status), remedy: None };
    let stops = desired.is_some_and(|desired| desired.stopped == Some(true));
    match out.status.as_str() {
        "stopping" if stops => Phase::Pending,
        "stopped" if receipt.and_then(Receipt::as_str) == Some(STARTING) => Phase::Pending,
        "available" | "storage-optimization" | "storage-initialization" => {
            // A certificate may wait for a restart that nobody asked for.
            let on_its_way = out.pending.iter().any(|name| name != Field::CaCertificateIdentifier.name());
            let at_once = receipt.and_then(Receipt::as_str) == Some(AT_ONCE);
            let secret = out.master_user_secret.as_ref().and_then(|secret| secret.status.as_deref());
            // RDS lists the secret of a restored database some time after the update that asks for it.
            let manages_password = desired.is_some_and(|desired| desired.manage_master_user_password == Some(true));
            let lacks_secret = manages_password && out.master_user_secret.is_none();
            let more =
                out.endpoint.is_none() || secret == Some("creating") || (at_once && (on_its_way || lacks_secret));
            if more { Phase::Pending } else { Phase::Ready }
        }
        // RDS starts a stopped instance by itself after a week:
        // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html>
        "stopped" | "stopping" => stopped(out, ""),
        "inaccessible-encryption-credentials-recoverable" => {
            stopped(out, "make its KMS key usable again, for example with `aws kms enable-key`; then ")
        }
        "failed" | "insufficient-capacity" | "storage-full" | "restore-error" => failed(),
        status if status.starts_with("incompatible-") || status.starts_with("inaccessible-encryption-") => failed(),
        // creating, modifying, backing-up, rebooting, upgrading, configuring-…, deleting, …
        _ => Phase::Pending,
    }
}

/// An instance that RDS changes only once the user has started it. `first` goes before the hint.
fn stopped(out: &InstanceOutputs, first: &str) -> Phase {
    let region = out.arn.split(':').nth(3).filter(|region| !region.is_empty());
    let region = region.map(|region| format!(" --region {region}")).unwrap_or_default();
    let start = format!("aws rds start-db-instance --db-instance-identifier {}{region}", out.id);
    Phase::Stopped {
        why: format!("its status is `{}`", out.status),
        hint: format!("{first}start it with `{start}`, wait until its status is `available`, and plan again"),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::builders::DbInstanceBuilder;

    use super::*;

    fn available() -> DbInstanceBuilder {
        let endpoint = types::Endpoint::builder().address("a").port(5432).build();
        DbInstance::builder()
            .db_instance_identifier("db")
            .db_instance_arn("arn")
            .db_instance_class("db.t3.micro")
            .db_instance_status("available")
            .engine("postgres")
            .engine_version("17.4")
            .endpoint(endpoint)
    }

    #[test]
    fn pending_values_are_observed_and_awaited_only_when_applied_immediately() {
        let pending = PendingModifiedValues::builder().db_instance_class("db.t3.small").allocated_storage(40).build();
        let one = available().allocated_storage(20).pending_modified_values(pending).build();
        let observed = instance(&one).unwrap();
        assert_eq!(
            (observed.inputs.db_instance_class.as_str(), observed.inputs.allocated_storage),
            ("db.t3.small", 40)
        );
        assert_eq!(observed.outputs.pending, ["db_instance_class", "allocated_storage"]);
        assert_eq!(phase(None, &observed.outputs, None), Phase::Ready);
        assert_eq!(phase(None, &observed.outputs, Some(&AT_ONCE.into())), Phase::Pending);
    }

    #[test]
    fn update_that_asks_for_a_managed_password_waits_for_its_secret() {
        let one = available();
        let restored = instance(&one.clone().build()).unwrap().outputs;
        let desired = Instance::new("postgres", "17", "db.t3.micro", 20, "app").manage_master_user_password(true);
        // After the restore, the instance is ready for the update.
        assert_eq!(phase(Some(&desired), &restored, None), Phase::Ready);
        assert_eq!(phase(Some(&desired), &restored, Some(&AT_ONCE.into())), Phase::Pending);
        let secret = types::MasterUserSecret::builder().secret_arn("arn").secret_status("active").build();
        let updated = instance(&one.master_user_secret(secret).build()).unwrap().outputs;
        assert_eq!(phase(Some(&desired), &updated, Some(&AT_ONCE.into())), Phase::Ready);
    }
}
