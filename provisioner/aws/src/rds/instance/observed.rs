//! The only place where the SDK's instance becomes ours.

use aws_sdk_rds::types::{self, DbInstance, PendingModifiedValues};
use provisioner_model::{
    error::Result,
    expr::In,
    resource::{Id, Observed, Phase, Receipt},
};

use super::{Endpoint, Instance, InstanceOutputs, ManagedSecret};
use crate::{error::need, rds::our_tags};

pub(super) const READ: &str = "rds:DescribeDBInstances";
/// An update's receipt: what is pending is on its way, not waiting for the maintenance window.
pub(super) const AT_ONCE: &str = "at-once";

pub(super) fn to_observed(one: &DbInstance) -> Result<Observed<Instance>> {
    let none = PendingModifiedValues::builder().build();
    let pending = one.pending_modified_values().unwrap_or(&none);
    let text = |value: Option<&str>| value.map(str::to_owned);
    let known = |value: Option<&str>| value.map(In::from);
    let identifier = need(READ, one.db_instance_identifier(), "DBInstanceIdentifier")?;
    let engine_version = need(READ, one.engine_version(), "EngineVersion")?;
    let group = one.db_subnet_group().and_then(types::DbSubnetGroup::db_subnet_group_name);
    let parameters = one.db_parameter_groups().first();
    let options = one.option_group_memberships().iter();
    // A group that is going is listed until it is gone.
    let firewall = one.vpc_security_groups().iter().filter(|group| group.status() != Some("removing"));
    Ok(Observed {
        inputs: Instance {
            identifier: Some(identifier.clone()),
            engine: need(READ, one.engine(), "Engine")?,
            engine_version: text(pending.engine_version()).unwrap_or_else(|| engine_version.clone()),
            allow_major_version_upgrade: None,
            instance_class: need(READ, pending.db_instance_class().or(one.db_instance_class()), "DBInstanceClass")?,
            allocated_storage: pending.allocated_storage().or(one.allocated_storage()).unwrap_or_default(),
            max_allocated_storage: one.max_allocated_storage(),
            storage_type: text(pending.storage_type().or(one.storage_type())),
            iops: pending.iops().or(one.iops()),
            storage_throughput: pending.storage_throughput().or(one.storage_throughput()),
            dedicated_log_volume: pending.dedicated_log_volume().or(one.dedicated_log_volume()),
            storage_encrypted: one.storage_encrypted(),
            kms_key: known(one.kms_key_id()),
            db_name: text(one.db_name()),
            port: pending.port().or(one.endpoint().and_then(types::Endpoint::port)),
            master_username: one.master_username().unwrap_or_default().to_owned(),
            manage_master_user_password: Some(one.master_user_secret().is_some()),
            master_user_secret_kms_key: known(one.master_user_secret().and_then(types::MasterUserSecret::kms_key_id)),
            master_user_password: None,
            multi_az: pending.multi_az().or(one.multi_az()),
            availability_zone: text(one.availability_zone()),
            subnet_group: group.map(|name| Id::new(name).into()),
            security_groups: Some(
                firewall
                    .filter_map(types::VpcSecurityGroupMembership::vpc_security_group_id)
                    .map(|id| Id::new(id).into())
                    .collect(),
            ),
            publicly_accessible: one.publicly_accessible(),
            network_type: text(one.network_type()),
            parameter_group: parameters
                .and_then(types::DbParameterGroupStatus::db_parameter_group_name)
                .map(|name| Id::new(name).into()),
            option_group: known(
                options
                    .filter(|group| group.status() != Some("removing"))
                    .find_map(types::OptionGroupMembership::option_group_name),
            ),
            backup_retention_period: pending.backup_retention_period().or(one.backup_retention_period()),
            backup_window: text(one.preferred_backup_window()),
            copy_tags_to_snapshot: one.copy_tags_to_snapshot(),
            maintenance_window: text(one.preferred_maintenance_window()),
            auto_minor_version_upgrade: one.auto_minor_version_upgrade(),
            deletion_protection: one.deletion_protection(),
            final_snapshot: None,
            delete_automated_backups: None,
            apply_in_maintenance_window: None,
            performance_insights: one.performance_insights_enabled(),
            performance_insights_kms_key: known(one.performance_insights_kms_key_id()),
            performance_insights_retention_period: one.performance_insights_retention_period(),
            database_insights_mode: text(one.database_insights_mode().map(types::DatabaseInsightsMode::as_str)),
            monitoring_interval: one.monitoring_interval(),
            monitoring_role: known(one.monitoring_role_arn()),
            ca_certificate_identifier: text(pending.ca_certificate_identifier().or(one.ca_certificate_identifier())),
            iam_database_authentication: pending
                .iam_database_authentication_enabled()
                .or(one.iam_database_authentication_enabled()),
            cloudwatch_logs_exports: Some(exports(one, pending)),
            license_model: text(pending.license_model().or(one.license_model())),
            character_set_name: text(one.character_set_name()),
            timezone: text(one.timezone()),
            engine_lifecycle_support: text(one.engine_lifecycle_support()),
            tags: our_tags(one.tag_list()),
        },
        outputs: InstanceOutputs {
            id: Id::new(identifier),
            arn: need(READ, one.db_instance_arn(), "DBInstanceArn")?,
            resource_id: one.dbi_resource_id().unwrap_or_default().to_owned(),
            status: need(READ, one.db_instance_status(), "DBInstanceStatus")?,
            endpoint: one.endpoint().and_then(|endpoint| {
                Some(Endpoint {
                    address: endpoint.address()?.to_owned(),
                    port: endpoint.port()?,
                    hosted_zone_id: endpoint.hosted_zone_id().map(str::to_owned),
                })
            }),
            master_user_secret: one.master_user_secret().and_then(|secret| {
                Some(ManagedSecret { arn: secret.secret_arn()?.to_owned(), status: text(secret.secret_status()) })
            }),
            engine_version,
            pending: waiting(pending),
            parameters: text(parameters.and_then(types::DbParameterGroupStatus::parameter_apply_status)),
        },
    })
}

fn exports(one: &DbInstance, pending: &PendingModifiedValues) -> Vec<String> {
    let mut logs = one.enabled_cloudwatch_logs_exports().to_vec();
    if let Some(pending) = pending.pending_cloudwatch_logs_exports() {
        logs.retain(|log| !pending.log_types_to_disable().contains(log));
        logs.extend(pending.log_types_to_enable().iter().cloned());
    }
    logs.sort();
    logs.dedup();
    logs
}

/// The names of what is pending: for people, and for an update to wait for.
fn waiting(pending: &PendingModifiedValues) -> Vec<String> {
    let logs = pending.pending_cloudwatch_logs_exports();
    let all = [
        ("engine_version", pending.engine_version().is_some()),
        ("instance_class", pending.db_instance_class().is_some()),
        ("allocated_storage", pending.allocated_storage().is_some()),
        ("storage_type", pending.storage_type().is_some()),
        ("iops", pending.iops().is_some()),
        ("storage_throughput", pending.storage_throughput().is_some()),
        ("dedicated_log_volume", pending.dedicated_log_volume().is_some()),
        ("port", pending.port().is_some()),
        ("master_user_password", pending.master_user_password().is_some()),
        ("multi_az", pending.multi_az().is_some()),
        ("backup_retention_period", pending.backup_retention_period().is_some()),
        ("ca_certificate_identifier", pending.ca_certificate_identifier().is_some()),
        ("iam_database_authentication", pending.iam_database_authentication_enabled().is_some()),
        ("cloudwatch_logs_exports", logs.is_some()),
        ("license_model", pending.license_model().is_some()),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(name, _)| name.to_owned()).collect()
}

pub(super) fn phase(_: Option<&Instance>, observed: &Observed<Instance>, receipt: Option<&Receipt>) -> Phase {
    let out = &observed.outputs;
    match out.status.as_str() {
        "available" | "storage-optimization" | "storage-initialization" => {
            // A certificate may wait for a restart that nobody asked for.
            let on_its_way = out.pending.iter().any(|name| name != "ca_certificate_identifier");
            let at_once = receipt.and_then(Receipt::as_str) == Some(AT_ONCE);
            let secret = out.master_user_secret.as_ref().and_then(|secret| secret.status.as_deref());
            let more = out.endpoint.is_none() || secret == Some("creating") || (at_once && on_its_way);
            if more { Phase::Pending } else { Phase::Ready }
        }
        status @ ("failed"
        | "insufficient-capacity"
        | "storage-full"
        | "restore-error"
        | "stopped"
        | "inaccessible-encryption-credentials"
        | "inaccessible-encryption-credentials-recoverable") => {
            Phase::Failed { why: format!("status is `{status}`"), remedy: None }
        }
        status if status.starts_with("incompatible-") => {
            Phase::Failed { why: format!("status is `{status}`"), remedy: None }
        }
        // creating, modifying, backing-up, rebooting, upgrading, configuring-…, deleting, …
        _ => Phase::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_modifications_are_waited_for_only_when_immediate() {
        let pending = PendingModifiedValues::builder().db_instance_class("db.t3.small").allocated_storage(40).build();
        let endpoint = types::Endpoint::builder().address("a").port(5432).build();
        let one = DbInstance::builder()
            .db_instance_identifier("db")
            .db_instance_arn("arn")
            .db_instance_class("db.t3.micro")
            .db_instance_status("available")
            .engine("postgres")
            .engine_version("17.4")
            .allocated_storage(20)
            .endpoint(endpoint)
            .pending_modified_values(pending)
            .build();
        let observed = to_observed(&one).unwrap();
        assert_eq!((observed.inputs.instance_class.as_str(), observed.inputs.allocated_storage), ("db.t3.small", 40));
        assert_eq!(observed.outputs.pending, ["instance_class", "allocated_storage"]);
        assert_eq!(phase(None, &observed, None), Phase::Ready);
        assert_eq!(phase(None, &observed, Some(&AT_ONCE.into())), Phase::Pending);
    }
}
