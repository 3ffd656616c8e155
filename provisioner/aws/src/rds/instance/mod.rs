//! `aws:rds:instance`: a database server.
//!
//! RDS fixes engine, name, master user, encryption, zone, subnet group and character set at creation, so a change to
//! one of them replaces the database. Storage grows and never shrinks; a version goes up and never down.
//! An instance may be restored from a snapshot, whose engine, version, encryption and master user it has; an update then
//! writes the inputs that a restore does not take. A later change of the snapshot has no effect.
//! Reads: one call for all instances, tags included. Values that wait for the maintenance window count as there.
//! API: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html> and
//! `API_RestoreDBInstanceFromDBSnapshot.html`

mod observed;
mod resource;
mod restore;

#[cfg(feature = "ec2")]
pub(crate) use self::resource::fits;
pub use self::{
    observed::{Endpoint, InstanceOutputs, ManagedSecret},
    restore::snapshot_findings,
};
use super::{ParameterGroup, SubnetGroup};
use crate::{ec2::SecurityGroup, prelude::*};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?$",
    excluded: &["--"],
    page: "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
    ..NameRule::ANY
};

/// A database server.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:rds:instance",
    cloudformation = "AWS::RDS::DBInstance",
    attributes(
        arn = "DBInstanceArn",
        resource_id = "DbiResourceId",
        "endpoint.address" = "Endpoint.Address",
        "endpoint.port" = "Endpoint.Port",
        "master_user_secret.arn" = "MasterUserSecret.SecretArn",
    ),
    create = "rds:CreateDBInstance",
    unique(db_instance_identifier),
    omitted(
        DBSecurityGroups = "EC2-Classic is gone", DBClusterIdentifier | PromotionTier = "no clusters",
        TdeCredentialArn | TdeCredentialPassword = "Oracle with CloudHSM",
        Domain | DomainFqdn | DomainOu | DomainAuthSecretArn | DomainDnsIps | DomainIAMRoleName = "no Active Directory",
        NcharCharacterSetName | DBSystemId | MultiTenant | ProcessorFeatures | AdditionalStorageVolumes = "Oracle",
        EnableCustomerOwnedIp | BackupTarget = "no Outposts", DBCapacityReservationIdentifier = "new, not so far",
        CustomIamInstanceProfile = "no RDS Custom", MasterUserAuthenticationType = "a password, managed or not",
        TagSpecifications = "tags of what RDS makes beside it; `tags` are the instance's",
    )
)]
pub struct Instance {
    /// The name; generated if absent.
    #[field(replaces, name(max = 63, rule = NAME_RULE), property = "DBInstanceIdentifier")]
    pub db_instance_identifier: Option<String>,
    /// The name of the snapshot to restore, or the ARN of a shared one; a new database if absent.
    #[field(create_only, property = "DBSnapshotIdentifier")]
    pub db_snapshot_identifier: Option<String>,
    /// `postgres`.
    #[field(replaces)]
    pub engine: String,
    /// `17` or `17.4`: the observed version must start with it.
    pub engine_version: String,
    /// Consent to an update of `engine_version` to another major version.
    #[field(write_only)]
    pub allow_major_version_upgrade: Option<bool>,
    /// `db.t3.micro`.
    #[field(property = "DBInstanceClass")]
    pub db_instance_class: String,
    /// GiB. More than this is no difference: storage grows by itself up to `max_allocated_storage`.
    #[field(convert = text_of)]
    pub allocated_storage: i32,
    /// GiB up to which AWS may grow the storage.
    #[field(cloud_default = none)]
    pub max_allocated_storage: Option<i32>,
    /// `gp3`, `gp2`, `io1`, `io2`.
    pub storage_type: Option<String>,
    /// Operations per second.
    pub iops: Option<i32>,
    /// MiB per second, with `gp3`.
    pub storage_throughput: Option<i32>,
    /// `true` if the write-ahead log has a volume of its own.
    #[field(cloud_default = none)]
    pub dedicated_log_volume: Option<bool>,
    /// `true` if storage is encrypted.
    #[field(replaces)]
    pub storage_encrypted: Option<bool>,
    /// The ARN of the storage's key; AWS's own key for RDS if absent.
    #[field(replaces)]
    pub kms_key_id: Option<In<String>>,
    /// The database created with the instance.
    #[field(replaces, property = "DBName")]
    pub db_name: Option<String>,
    /// The port of the endpoint.
    #[field(convert = text_of)]
    pub port: Option<i32>,
    /// The master user.
    #[field(replaces)]
    pub master_username: String,
    /// `true` if Secrets Manager generates, keeps and rotates the master user's password.
    #[field(default = true)]
    pub manage_master_user_password: Option<bool>,
    /// The ARN of the key for that secret.
    #[field(property = "MasterUserSecret.KmsKeyId")]
    pub master_user_secret_kms_key_id: Option<In<String>>,
    /// The master user's password, where it is not managed.
    #[field(write_only)]
    pub master_user_password: Option<Secret>,
    /// `true` if there is a standby in another zone; AWS's default is no.
    #[field(cloud_default = false, property = "MultiAZ")]
    pub multi_az: Option<bool>,
    /// `us-east-1a`; not with `multi_az`.
    #[field(replaces)]
    pub availability_zone: Option<String>,
    /// The subnets that the instance may be in.
    #[field(replaces, property = "DBSubnetGroupName")]
    pub db_subnet_group_name: Option<In<Id<SubnetGroup>>>,
    /// The instance's firewall.
    #[field(set, property = "VPCSecurityGroups")]
    pub vpc_security_group_ids: Option<Vec<In<Id<SecurityGroup>>>>,
    /// `true` if the instance gets a public address. `false` if absent, as AWS has it in a subnet group; outside of one,
    /// AWS's own default is yes.
    #[field(cloud_default = false)]
    pub publicly_accessible: Option<bool>,
    /// `IPV4` or `DUAL`.
    #[field(cloud_default = none)]
    pub network_type: Option<String>,
    /// The engine's settings.
    #[field(property = "DBParameterGroupName")]
    pub db_parameter_group_name: Option<In<Id<ParameterGroup>>>,
    /// The engine's options.
    pub option_group_name: Option<In<String>>,
    /// Days that automated backups are kept; 0 for none. A new instance's are kept for a day if absent.
    #[field(cloud_default = none)]
    pub backup_retention_period: Option<i32>,
    /// The daily window for backups, in UTC: `03:00-04:00`.
    pub preferred_backup_window: Option<String>,
    /// `true` if snapshots get the instance's tags; AWS's default is no.
    #[field(cloud_default = false)]
    pub copy_tags_to_snapshot: Option<bool>,
    /// The weekly window for maintenance, in UTC: `mon:04:00-mon:05:00`.
    pub preferred_maintenance_window: Option<String>,
    /// `true` if AWS raises the minor version in the maintenance window; AWS's default is yes.
    #[field(cloud_default = true)]
    pub auto_minor_version_upgrade: Option<bool>,
    /// `true` if AWS refuses to delete the instance; AWS's default is no.
    #[field(deletion_protection, cloud_default = false)]
    pub deletion_protection: Option<bool>,
    /// `true` if the instance is stopped. RDS starts it by itself after seven days. Not managed if absent; then what this
    /// program has stopped starts.
    #[field(cloud_default = none, stopped = true, property(none = "of the calls to stop and start it"))]
    pub stopped: Option<bool>,
    /// The name of the snapshot made at deletion, without its suffix of eight characters; no snapshot if absent.
    #[field(write_only, property(none = "of the delete call"))]
    pub final_db_snapshot_identifier: Option<String>,
    /// `true` if a delete also deletes the automated backups; AWS's default is yes.
    #[field(write_only)]
    pub delete_automated_backups: Option<bool>,
    /// `false`: changes that may interrupt the database wait for the maintenance window. `true` if absent.
    #[field(write_only)]
    pub apply_immediately: Option<bool>,
    /// `true` if Performance Insights is on.
    pub enable_performance_insights: Option<bool>,
    /// The ARN of the key for its data.
    #[field(property = "PerformanceInsightsKMSKeyId")]
    pub performance_insights_kms_key_id: Option<In<String>>,
    /// Days that its data are kept.
    pub performance_insights_retention_period: Option<i32>,
    /// `standard` or `advanced`.
    pub database_insights_mode: Option<String>,
    /// Seconds between two samples of enhanced monitoring; 0 (the default) for none.
    #[field(cloud_default = 0)]
    pub monitoring_interval: Option<i32>,
    /// The ARN of the role that delivers the samples.
    pub monitoring_role_arn: Option<In<String>>,
    /// The certificate authority of the TLS certificate: `rds-ca-rsa2048-g1`.
    #[field(property = "CACertificateIdentifier")]
    pub ca_certificate_identifier: Option<String>,
    /// `true` if IAM users may sign in to the database; AWS's default is no.
    #[field(cloud_default = false, property = "EnableIAMDatabaseAuthentication")]
    pub enable_iam_database_authentication: Option<bool>,
    /// Logs that go to CloudWatch: `postgresql`, `upgrade`.
    #[field(set, cloud_default = none)]
    pub enable_cloudwatch_logs_exports: Option<Vec<String>>,
    /// A commercial engine's license: `license-included`.
    pub license_model: Option<String>,
    /// For engines that fix it: `AL32UTF8`.
    #[field(replaces)]
    pub character_set_name: Option<String>,
    /// SQL Server only.
    #[field(replaces)]
    pub timezone: Option<String>,
    /// `open-source-rds-extended-support` or `…-disabled`.
    #[field(cloud_default = none)]
    pub engine_lifecycle_support: Option<String>,
    /// Tags.
    pub tags: Tags,
}

impl Instance {
    /// The endpoint's host name.
    pub const ADDRESS: Output<Self, String> = Output::new("endpoint.address");
    /// The endpoint's port.
    pub const PORT: Output<Self, i32> = Output::new("endpoint.port");
    /// The ARN of the managed password's secret.
    pub const MASTER_USER_SECRET_ARN: Output<Self, String> = Output::new("master_user_secret.arn");
}
