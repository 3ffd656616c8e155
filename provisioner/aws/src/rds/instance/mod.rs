//! `aws:rds:instance` — a database server.
//!
//! RDS fixes engine, name, master user, encryption, zone, subnet group and character set at creation, so a change to
//! one of them replaces the database. Storage grows and never shrinks; a version goes up and never down.
//! Reads: one call for all instances, tags included. Values that wait for the maintenance window count as there.
//! API: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>

mod calls;
mod observed;

use std::time::Duration;

use provisioner_model::{
    Secret,
    error::Result,
    expr::In,
    resource::{
        Actions, Change, Created, Field, Id, Name, Observed, Owner, Phase, Problem, ReadResults, Receipt, Recorded,
        Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ParameterGroup, SubnetGroup};
use crate::{
    cloud::{Aws, Reader, Writer},
    ec2::SecurityGroup,
    tags::made_for,
};

/// A database server of Amazon RDS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name; made by the engine where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Engine, such as `postgres`.
    pub engine: String,
    /// `17` or `17.4`: what is stated must fit, the rest is AWS's to choose.
    pub engine_version: String,
    /// Consent to an update of `engine_version` to another major one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_major_version_upgrade: Option<bool>,
    /// Instance class, such as `db.t3.micro`.
    pub instance_class: String,
    /// GiB. More than this is no difference: storage grows by itself up to `max_allocated_storage`.
    pub allocated_storage: i32,
    /// GiB up to which AWS may let storage grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_allocated_storage: Option<i32>,
    /// `gp3`, `gp2`, `io1`, `io2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<String>,
    /// Provisioned I/O operations per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<i32>,
    /// MiB a second, with `gp3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_throughput: Option<i32>,
    /// A volume of its own for the write-ahead log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedicated_log_volume: Option<bool>,
    /// `true` if storage is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_encrypted: Option<bool>,
    /// The ARN of the key for it; AWS's own for RDS where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<In<String>>,
    /// The database made in it at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_name: Option<String>,
    /// TCP port of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Name of the master user.
    pub master_username: String,
    /// `true` if Secrets Manager makes, keeps and rotates the master user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage_master_user_password: Option<bool>,
    /// The ARN of the key for that secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_user_secret_kms_key: Option<In<String>>,
    /// The master user's password, where it is not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_user_password: Option<Secret>,
    /// `true` if there is a standby in another zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_az: Option<bool>,
    /// `us-east-1a`; not with `multi_az`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// The subnets that it may be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<In<Id<SubnetGroup>>>,
    /// Security groups of the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_groups: Option<Vec<In<Id<SecurityGroup>>>>,
    /// `true` if it gets a public address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publicly_accessible: Option<bool>,
    /// Either `IPV4` or `DUAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_type: Option<String>,
    /// Parameter group with the engine's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<In<Id<ParameterGroup>>>,
    /// Its engine's options, by the group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option_group: Option<In<String>>,
    /// Days that automated backups are kept; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_retention_period: Option<i32>,
    /// Daily backup window in UTC, such as `03:00-04:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_window: Option<String>,
    /// `true` if snapshots get its tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_tags_to_snapshot: Option<bool>,
    /// Weekly maintenance window in UTC, such as `mon:04:00-mon:05:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<String>,
    /// `true` if AWS raises the minor version in the maintenance window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_minor_version_upgrade: Option<bool>,
    /// `true` if AWS refuses to delete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,
    /// Name prefix of the final snapshot; eight characters that identify this object follow. Without it, a delete makes
    /// no snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_snapshot: Option<String>,
    /// `true` if its automated backups go with it; AWS's choice is yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_automated_backups: Option<bool>,
    /// `true` if changes that may interrupt it wait for the maintenance window. At once where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_in_maintenance_window: Option<bool>,
    /// `true` if Performance Insights is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights: Option<bool>,
    /// The ARN of its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_kms_key: Option<In<String>>,
    /// Days that its data are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_retention_period: Option<i32>,
    /// Either `standard` or `advanced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_insights_mode: Option<String>,
    /// Seconds between two samples of enhanced monitoring; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_interval: Option<i32>,
    /// The ARN of the role that delivers them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_role: Option<In<String>>,
    /// The certificate authority of its TLS certificate: `rds-ca-rsa2048-g1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate_identifier: Option<String>,
    /// `true` if IAM users may sign in to the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iam_database_authentication: Option<bool>,
    /// Logs that go to CloudWatch: `postgresql`, `upgrade`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudwatch_logs_exports: Option<Vec<String>>,
    /// Of a commercial engine: `license-included`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license_model: Option<String>,
    /// Of engines that fix it: `AL32UTF8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub character_set_name: Option<String>,
    /// Time zone, for SQL Server only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Either `open-source-rds-extended-support` or `…-disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_lifecycle_support: Option<String>,
    /// Tags of the instance, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a database server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceOutputs {
    /// The name of the instance.
    pub id: Id<Instance>,
    /// The ARN of the instance.
    pub arn: String,
    /// `db-…`: what IAM policies for signing in name.
    pub resource_id: String,
    /// Status, such as `available` or `modifying`.
    pub status: String,
    /// Endpoint of the database, once it is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The managed password's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_user_secret: Option<ManagedSecret>,
    /// Complete version of the engine.
    pub engine_version: String,
    /// Changes that are in progress or wait for the maintenance window.
    #[serde(default)]
    pub pending: Vec<String>,
    /// Status of the parameters: `in-sync`, `applying`, `pending-reboot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
}

/// The endpoint of a database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// DNS name of the database.
    pub address: String,
    /// TCP port of the database.
    pub port: i32,
    /// Hosted zone ID for alias records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted_zone_id: Option<String>,
}

/// The secret that RDS made for the master user's password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedSecret {
    /// The ARN of the instance.
    pub arn: String,
    /// `creating`, `active`, `rotating`, `impaired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl Instance {
    /// The ARN of the instance.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// The name where it listens.
    pub const ADDRESS: Output<Self, String> = Output::new("endpoint.address");
    /// The port where it listens.
    pub const PORT: Output<Self, i32> = Output::new("endpoint.port");
    /// The ARN of the managed password's secret.
    pub const MASTER_USER_SECRET: Output<Self, String> = Output::new("master_user_secret.arn");
    /// `db-…`: what IAM policies for signing in name.
    pub const RESOURCE_ID: Output<Self, String> = Output::new("resource_id");
    /// Its name as text, for alarms' dimensions.
    pub const IDENTIFIER: Output<Self, String> = Output::new("id");

    /// A database whose master user's password is managed.
    pub fn new(
        engine: impl Into<String>,
        engine_version: impl Into<String>,
        instance_class: impl Into<String>,
        allocated_storage: i32,
        master_username: impl Into<String>,
    ) -> Self {
        Self {
            engine: engine.into(),
            engine_version: engine_version.into(),
            instance_class: instance_class.into(),
            allocated_storage,
            master_username: master_username.into(),
            manage_master_user_password: Some(true),
            identifier: None,
            allow_major_version_upgrade: None,
            max_allocated_storage: None,
            storage_type: None,
            iops: None,
            storage_throughput: None,
            dedicated_log_volume: None,
            storage_encrypted: None,
            kms_key: None,
            db_name: None,
            port: None,
            master_user_secret_kms_key: None,
            master_user_password: None,
            multi_az: None,
            availability_zone: None,
            subnet_group: None,
            security_groups: None,
            publicly_accessible: None,
            network_type: None,
            parameter_group: None,
            option_group: None,
            backup_retention_period: None,
            backup_window: None,
            copy_tags_to_snapshot: None,
            maintenance_window: None,
            auto_minor_version_upgrade: None,
            deletion_protection: None,
            final_snapshot: None,
            delete_automated_backups: None,
            apply_in_maintenance_window: None,
            performance_insights: None,
            performance_insights_kms_key: None,
            performance_insights_retention_period: None,
            database_insights_mode: None,
            monitoring_interval: None,
            monitoring_role: None,
            ca_certificate_identifier: None,
            iam_database_authentication: None,
            cloudwatch_logs_exports: None,
            license_model: None,
            character_set_name: None,
            timezone: None,
            engine_lifecycle_support: None,
            tags: Tags::new(),
        }
    }
}

impl Resource for Instance {
    const TYPE: &'static str = "aws:rds:instance";
    const FIELDS: &'static [Field] = &[
        Field::new("identifier").replaces(),
        Field::new("engine").replaces(),
        Field::new("engine_version"),
        Field::new("allow_major_version_upgrade").write_only(),
        Field::new("instance_class"),
        Field::new("allocated_storage"),
        Field::new("max_allocated_storage"),
        Field::new("storage_type"),
        Field::new("iops"),
        Field::new("storage_throughput"),
        Field::new("dedicated_log_volume"),
        Field::new("storage_encrypted").replaces(),
        Field::new("kms_key").replaces(),
        Field::new("db_name").replaces(),
        Field::new("port"),
        Field::new("master_username").replaces(),
        Field::new("manage_master_user_password"),
        Field::new("master_user_secret_kms_key"),
        Field::new("master_user_password").write_only(),
        Field::new("multi_az"),
        Field::new("availability_zone").replaces(),
        Field::new("subnet_group").replaces(),
        Field::new("security_groups").set(),
        Field::new("publicly_accessible"),
        Field::new("network_type"),
        Field::new("parameter_group"),
        Field::new("option_group"),
        Field::new("backup_retention_period"),
        Field::new("backup_window"),
        Field::new("copy_tags_to_snapshot"),
        Field::new("maintenance_window"),
        Field::new("auto_minor_version_upgrade"),
        Field::new("deletion_protection").deletion_protection(),
        Field::new("final_snapshot").write_only(),
        Field::new("delete_automated_backups").write_only(),
        Field::new("apply_in_maintenance_window").write_only(),
        Field::new("performance_insights"),
        Field::new("performance_insights_kms_key"),
        Field::new("performance_insights_retention_period"),
        Field::new("database_insights_mode"),
        Field::new("monitoring_interval"),
        Field::new("monitoring_role"),
        Field::new("ca_certificate_identifier"),
        Field::new("iam_database_authentication"),
        Field::new("cloudwatch_logs_exports").set(),
        Field::new("license_model"),
        Field::new("character_set_name").replaces(),
        Field::new("timezone").replaces(),
        Field::new("engine_lifecycle_support"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["identifier"]];
    const NAME: Option<Name> = Some(Name::new("identifier", 63));
    const TAGGED: bool = true;
    // Not the endpoint and not the secret, though a new port or another way to the password changes them: then the
    // dependents stop once, and the next apply goes on. Listed, every change would make them unknown in the plan.
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["engine_version", "status", "pending", "parameters"];
    // The managed password's secret and the keys are used by RDS in the caller's name.
    const ACTIONS: Actions = Actions {
        read: &["rds:DescribeDBInstances", "rds:ListTagsForResource"],
        create: &[
            "rds:CreateDBInstance",
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
            "iam:PassRole",
            "kms:CreateGrant",
            "kms:DescribeKey",
            "secretsmanager:CreateSecret",
            "secretsmanager:RotateSecret",
            "secretsmanager:TagResource",
        ],
        delete: &["rds:DeleteDBInstance", "rds:CreateDBSnapshot", "rds:AddTagsToResource"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DBSecurityGroups", "EC2-Classic is gone"),
        ("DBClusterIdentifier", "no clusters, as for PromotionTier"),
        ("TdeCredentialArn", "Oracle with CloudHSM, as for TdeCredentialPassword"),
        (
            "Domain",
            "no Active Directory, as for DomainFqdn, DomainOu, DomainAuthSecretArn, DomainDnsIps, DomainIAMRoleName",
        ),
        (
            "NcharCharacterSetName",
            "Oracle, as for DBSystemId, MultiTenant, ProcessorFeatures, AdditionalStorageVolumes",
        ),
        ("EnableCustomerOwnedIp", "no Outposts, as for BackupTarget"),
        ("CustomIamInstanceProfile", "no RDS Custom"),
        ("TagSpecifications", "tags of what RDS makes beside it; `tags` are the instance's"),
        ("MasterUserAuthenticationType", "a password, managed or not"),
        ("DBCapacityReservationIdentifier", "new, not so far"),
    ];
    const READY_TIMEOUT: Duration = Duration::from_hours(1);
    const POLL_INTERVAL: Duration = Duration::from_secs(15);
    type Cloud = Aws;
    type Outputs = InstanceOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let parts: Vec<&str> = self.instance_class.split('.').collect();
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let shaped =
            parts.len() >= 3 && parts[0] == "db" && parts.iter().all(|p| !p.is_empty() && p.chars().all(known));
        if !shaped {
            let why =
                format!("`{}` is no class: they read `db.<family>.<size>`, as in `db.t3.micro`", self.instance_class);
            problems.push(Problem::new("instance_class", why));
        }
        let managed = self.manage_master_user_password == Some(true);
        if managed == self.master_user_password.is_some() {
            let why = "a password is either managed or stated: one of the two, and not both";
            problems.push(Problem::new("master_user_password", why));
        }
        if self.multi_az == Some(true) && self.availability_zone.is_some() {
            problems.push(Problem::new("availability_zone", "with `multi_az`, AWS chooses the zones"));
        }
        if self.max_allocated_storage.is_some_and(|max| max <= self.allocated_storage) {
            problems.push(Problem::new("max_allocated_storage", "must be more than `allocated_storage`"));
        }
        if self.kms_key.is_some() && self.storage_encrypted != Some(true) {
            problems.push(Problem::new("kms_key", "needs `storage_encrypted`"));
        }
        if self.monitoring_interval.unwrap_or_default() > 0 && self.monitoring_role.is_none() {
            problems
                .push(Problem::new("monitoring_role", "`monitoring_interval` needs a role that delivers the samples"));
        }
        if self.final_snapshot.as_ref().is_some_and(|name| !snapshot_name(name)) {
            let why =
                "starts with a letter; letters, digits and single hyphens follow, at most 246, no hyphen at the end";
            problems.push(Problem::new("final_snapshot", why));
        }
        problems
    }

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        match (field.name, desired, observed) {
            ("engine_version", Value::String(desired), Value::String(observed)) => fits(desired, observed),
            // It grows by itself, and nothing can shrink it.
            ("allocated_storage", Value::Number(desired), Value::Number(observed)) => {
                observed.as_i64() >= desired.as_i64()
            }
            // AWS gives windows back in small letters.
            ("maintenance_window", Value::String(desired), Value::String(observed)) => {
                desired.eq_ignore_ascii_case(observed)
            }
            _ => field.compare.is_equivalent(desired, observed),
        }
    }

    fn change(field: &Field, recorded: &Value, desired: &Value) -> Change {
        match field.name {
            "allocated_storage" if desired.as_i64() < recorded.as_i64() => Change::Refused(format!(
                "storage never shrinks: there are {recorded} GiB; move the data to a new database for fewer"
            )),
            "engine_version" if older(desired, recorded) => {
                let (desired, recorded) = (desired.as_str().unwrap_or_default(), recorded.as_str().unwrap_or_default());
                Change::Refused(format!(
                    "a database's version never goes down: it runs {recorded}, {desired} is wanted"
                ))
            }
            _ if field.replaces => Change::Replace,
            _ => Change::Update,
        }
    }

    fn phase(desired: Option<&Self>, observed: &Observed<Self>, receipt: Option<&Receipt>) -> Phase {
        observed::phase(desired, observed, receipt)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = calls::all(c).await?;
        let rows = all.iter().filter_map(|one| Some((Id::new(one.db_instance_identifier()?), one)));
        Ok(rows.filter(|(id, _)| ids.contains(id)).map(|(id, one)| (id, observed::to_observed(one))).collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let all = calls::all(c).await?;
        let mine = all.iter().filter(|one| made_for(&super::our_tags(one.tag_list()), owner));
        Ok(mine.filter_map(|one| one.db_instance_identifier().map(Id::new)).collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = calls::all(c).await?;
        let names = all.iter().filter_map(aws_sdk_rds::types::DbInstance::db_instance_identifier);
        Ok(names.filter(|name| Some(*name) == self.identifier.as_deref()).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        calls::create(self, c).await
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        calls::update(self, c, recorded, observed).await
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        calls::delete(c, recorded).await
    }
}

/// Returns whether version `seen` is one of those that `want` stands for: `17` for `17.4`, but not for `170.1`.
fn fits(desired: &str, observed: &str) -> bool {
    observed == desired || observed.strip_prefix(desired).is_some_and(|rest| rest.starts_with('.'))
}

fn older(desired: &Value, recorded: &Value) -> bool {
    let parts = |version: &Value| -> Vec<u32> {
        version.as_str().unwrap_or_default().split('.').map_while(|part| part.parse().ok()).collect()
    };
    let (desired, recorded) = (parts(desired), parts(recorded));
    // As far as both say something: `17` is not older than `17.4`.
    desired
        .iter()
        .zip(&recorded)
        .find(|(desired, recorded)| desired != recorded)
        .is_some_and(|(desired, recorded)| desired < recorded)
}

fn snapshot_name(name: &str) -> bool {
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
    fn a_version_fits_what_it_starts_with() {
        assert!(fits("17", "17.4") && fits("17.4", "17.4"));
        assert!(!fits("17", "170.1") && !fits("17.4", "17.40") && !fits("17.4", "17"));
    }

    #[test]
    fn irreversible_changes_are_refused() {
        let field = |name| Instance::FIELDS.iter().find(|field| field.name == name).unwrap();
        let refused =
            |name, recorded, desired| matches!(Instance::change(field(name), &recorded, &desired), Change::Refused(_));
        assert!(refused("allocated_storage", json!(100), json!(20)));
        assert!(!refused("allocated_storage", json!(20), json!(100)));
        assert!(refused("engine_version", json!("17.4"), json!("16")));
        assert!(!refused("engine_version", json!("17.4"), json!("17")));
        assert!(!refused("engine_version", json!("16.9"), json!("17")));
        assert!(Instance::is_equivalent(field("allocated_storage"), &json!(20), &json!(40)));
    }

    #[test]
    fn mistakes_are_found_offline() {
        let fields = |instance: Instance| instance.problems().into_iter().map(|p| p.field).collect::<Vec<_>>();
        assert!(fields(Instance::new("postgres", "17", "db.t3.micro", 20, "app")).is_empty());
        assert_eq!(fields(Instance::new("postgres", "17", "t3.micro", 20, "app")), ["instance_class"]);
        let bare = Instance {
            manage_master_user_password: None,
            final_snapshot: Some("bad-".into()),
            ..Instance::new("postgres", "17", "db.t3.micro", 20, "app")
        };
        assert_eq!(fields(bare), ["master_user_password", "final_snapshot"]);
    }
}
