//! The environment file: the owner and size of the stack. One file per environment, `environments/NAME.toml`; the JSON
//! Schema of these types lets editors complete it. Keys that determine size, cost or safety have no default. All other
//! keys have a default, documented with the key.

mod ranges;
mod rules;

use std::collections::BTreeMap;

use provisioner_aws::{
    ec2::{DiscoveredNetwork, ExistingNetwork, SubnetSelection},
    logs::RETENTIONS,
};
use provisioner_model::environment::Mistake;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::ranges::Zone;

/// An environment of the bundled stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Name of the project, at most 16 characters; part of every tag and of object names. Hyphens only between two
    /// letters or digits.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"), length(min = 2, max = 16))]
    pub project: String,
    /// AWS region of the environment, such as `us-east-1`.
    #[schemars(regex(pattern = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$"))]
    pub region: String,
    /// Number of the AWS account, in quotes. Credentials of another account are refused before any other call. Default:
    /// the account of the first apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account: Option<String>,
    /// E-mail address for alarms. AWS sends it a link to confirm.
    #[schemars(regex(pattern = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"))]
    pub alarm_address: String,
    /// GitHub repository that may plan and deploy this environment.
    pub github: GitHub,
    /// Domain name of the app. Without one, the app uses the load balancer's DNS name, with a self-signed certificate
    /// that browsers do not trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// Address ranges and availability zones.
    pub network: Network,
    /// Settings of the app's tasks.
    pub service: Service,
    /// Settings of the PostgreSQL database.
    pub database: Database,
    /// Settings of the web application firewall.
    #[serde(default)]
    pub firewall: Firewall,
    /// Settings of the logs.
    #[serde(default)]
    pub logs: Logs,
    /// Settings of the IAM roles.
    #[serde(default, skip_serializing_if = "Identity::is_default")]
    pub identity: Identity,
    /// Tags of every object that takes tags, besides those of Provisioner. ECS copies them to tasks and their network
    /// interfaces. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Settings of the IAM roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// ARN of the policy that limits the permissions of every role, in place of the stack's own boundaries. The deploy role
    /// can create only roles with this boundary, which applies to itself as well. Default: the stack's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]+$"), length(max = 2048))]
    pub permissions_boundary: Option<String>,
    /// Path of every role and policy, such as `/team/`. Another path replaces them. Default: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^/([A-Za-z0-9_+=,.@-]+/)*$"), length(max = 512))]
    pub path: Option<String>,
}

/// The GitHub repository that may plan and deploy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GitHub {
    /// Repository as `owner/name`, without wildcards. Only a managed user of an enterprise has an underscore in its
    /// name, before the enterprise's short code.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9-]*(_[A-Za-z0-9]+)?/[A-Za-z0-9._-]{1,100}$"))]
    pub repository: String,
    /// ID of the repository's owner. With both IDs, roles refuse a later repository of the same name, and tokens in
    /// GitHub's older format from a repository that uses the newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub owner_id: Option<u64>,
    /// ID of the repository: `gh api repos/OWNER/NAME --jq .id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub repository_id: Option<u64>,
}

/// The domain name of the app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Domain name, such as `app.example.org`, at most 64 characters: ACM accepts no longer first name of a certificate.
    #[schemars(regex(pattern = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$"), length(max = 64))]
    pub name: String,
    /// ID of the domain's Route 53 hosted zone. Without it, apply prints the DNS records that validate the domain, and
    /// a later apply continues once they exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^Z[A-Z0-9]{1,31}$"))]
    pub zone: Option<String>,
}

/// The network that the stack creates, or an existing one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = serde_json::json!([
    { "required": ["cidr", "zones", "nat"] },
    { "required": ["vpc", "public_subnets", "private_subnets"] },
])))]
pub struct Network {
    /// ID of an existing VPC, instead of a new one. The stack then creates only security groups in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^vpc-[0-9a-f]{8,17}$"))]
    pub vpc: Option<String>,
    /// Subnets of the load balancer in an existing VPC, one in each of at least two zones, with a route to an internet
    /// gateway: a list of IDs, or the tags that they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_subnets: Option<Subnets>,
    /// Subnets of tasks and database in an existing VPC, in at least two zones, with a route out: a list of IDs, or the
    /// tags that they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_subnets: Option<Subnets>,
    /// Address range of the VPC, `/16` to `/23`. Each zone gets a sixteenth for its public subnet and one for its
    /// private subnet, selected by the zone's letter alone: an added zone does not change other ranges.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(regex(pattern = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"))]
    pub cidr: String,
    /// Availability zones, by letter, in any order. The load balancer and the database need at least two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 2, max = 8), inner(regex(pattern = r"^[a-h]$")), extend("uniqueItems" = true))]
    pub zones: Vec<String>,
    /// Number of NAT gateways: each costs about 33 dollars a month; a single one fails with its zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat: Option<Nat>,
    /// Zone of the NAT gateway with `nat = "one"`, by letter. Another zone gets another gateway with another Elastic IP.
    /// Default: the first zone of the alphabet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-h]$"))]
    pub nat_zone: Option<String>,
    /// Custom ranges of public subnets, by the zone's letter. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(inner(regex(pattern = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$")))]
    pub public_ranges: BTreeMap<String, String>,
    /// Custom ranges of private subnets, by the zone's letter. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(inner(regex(pattern = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$")))]
    pub private_ranges: BTreeMap<String, String>,
}

/// Subnets of an existing VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Subnets {
    /// By ID.
    Ids(
        #[schemars(length(min = 2), inner(regex(pattern = r"^subnet-[0-9a-f]{8,17}$")), extend("uniqueItems" = true))]
        Vec<String>,
    ),
    /// Every subnet of the VPC that has all of these tags.
    Tags(#[schemars(extend("minProperties" = 1))] BTreeMap<String, String>),
}

/// The number of NAT gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// One gateway, in `nat_zone`.
    One,
    /// One gateway in each zone, so that a zone's failure does not affect the others.
    PerZone,
}

/// Settings of the app's tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Initial number of tasks, and the minimum for autoscaling.
    #[schemars(range(min = 1, max = 1000))]
    pub tasks: i32,
    /// Maximum number of tasks for autoscaling.
    #[schemars(range(min = 1, max = 1000))]
    pub max_tasks: i32,
    /// Target CPU utilisation for autoscaling, in percent.
    #[schemars(range(min = 10, max = 90))]
    pub target_cpu: i32,
    /// CPU units of a task; 1024 units are one virtual CPU.
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384]))]
    pub cpu: u32,
    /// Memory of a task in MiB. Fargate allows certain sizes for each `cpu`.
    #[schemars(range(min = 512, max = 122_880))]
    pub memory: u32,
    /// Image by digest: `repository@sha256:…`. Default: the image built from `app/` and pushed to the environment's
    /// repository; without that folder a placeholder, so that the platform can be created before the first image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[^@\s]+@sha256:[0-9a-f]{64}$"))]
    pub image: Option<String>,
    /// Maximum size of a request body in bytes, for the app and the firewall. The firewall blocks bodies of more than 8192
    /// bytes by its rule `SizeRestrictions_BODY`: with a higher limit, that rule only counts. Default: 8192.
    #[serde(default = "defaults::body_limit")]
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub body_limit: u32,
    /// Maximum number of database connections of each task. Default: 5.
    #[serde(default = "defaults::connections")]
    #[schemars(range(min = 2, max = 1000))]
    pub connections: u32,
    /// Path that responds with 200 while a task is ready. Default: `/health/ready`.
    #[serde(default = "defaults::readiness_path")]
    #[schemars(regex(pattern = r"^/[!-~]{0,1023}$"))]
    pub readiness_path: String,
    /// Processor architecture of the image. Default: `x86_64`.
    #[serde(default)]
    pub architecture: Architecture,
    /// The verification that a new version must pass for its rollout to succeed.
    #[serde(default, skip_serializing_if = "Verification::is_default")]
    pub verification: Verification,
}

/// The verification that a new version must pass for its rollout to succeed; otherwise Provisioner rolls back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Turns the verification `on` or `off`. Default: `on`.
    #[serde(default)]
    pub ask: Ask,
    /// Path that returns the running version. Default: `/version`.
    #[serde(default = "defaults::version_path")]
    #[schemars(regex(pattern = r"^/[!-~]{0,1023}$"))]
    pub path: String,
    /// Seconds until the new version must have started to answer. Default: 300.
    #[serde(default = "defaults::verification_deadline")]
    #[schemars(range(min = 1, max = 3600))]
    pub deadline: u32,
    /// Seconds for which only the new version may answer. Default: 30.
    #[serde(default = "defaults::verification_settle")]
    #[schemars(range(min = 0, max = 3600))]
    pub settle: u32,
    /// The result where the load balancer cannot be reached from the machine that applies: `fail`, or `warn` if the
    /// health of the targets counts then. Default: `fail`.
    #[serde(default)]
    pub unreachable: Unreachable,
}

/// The result of a verification where no connection to the load balancer opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unreachable {
    /// The rollout fails.
    #[default]
    Fail,
    /// The rollout counts with a warning, if AWS reports its targets as healthy for the settle time.
    Warn,
}

/// The switch of the verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// The new version is verified.
    #[default]
    On,
    /// The new version is not verified.
    Off,
}

/// The processor architecture of the tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// 64-bit x86 processors of Intel and AMD.
    #[default]
    #[serde(rename = "x86_64")]
    X8664,
    /// 64-bit ARM processors, which cost less.
    Arm64,
}

/// Settings of the PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Instance class, such as `db.t3.micro`.
    pub class: String,
    /// `true` for a standby instance in another zone.
    pub multi_az: bool,
    /// `true` for deletion protection, in AWS and in Provisioner.
    pub deletion_protection: bool,
    /// `true` for a final snapshot before the database is deleted.
    pub final_snapshot: bool,
    /// Major version of PostgreSQL. Default: `17`.
    #[serde(default = "defaults::version")]
    #[schemars(extend("enum" = ["13", "14", "15", "16", "17", "18"]))]
    pub version: String,
    /// Snapshot to create the database from, by name, or by ARN if another account shares it. It counts only for the creation
    /// of the database: a later change has no effect. Default: none, for an empty database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        regex(
            pattern = r"^(arn:[a-z-]+:rds:[a-z0-9-]+:[0-9]{12}:snapshot:)?((rds|awsbackup):)?[A-Za-z][A-Za-z0-9-]*$"
        ),
        length(max = 320)
    )]
    pub from_snapshot: Option<String>,
    /// Consent to an upgrade to another major version, during which the database is offline. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_major_upgrade: bool,
    /// `true` to keep a major version after the end of its standard support, at a price for each virtual CPU and hour.
    /// Without it, AWS upgrades the database then. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extended_support: bool,
    /// Storage in GiB, which can grow but not shrink. Default: 20.
    #[serde(default = "defaults::storage")]
    #[schemars(range(min = 20, max = 65_536))]
    pub storage: i32,
    /// Maximum storage for autoscaling, in GiB. Default: 100.
    #[serde(default = "defaults::max_storage")]
    #[schemars(range(min = 22, max = 65_536))]
    pub max_storage: i32,
    /// Number of connections that raises an alarm; a `db.t3.micro` allows about 110. Default: 80.
    #[serde(default = "defaults::connections_alarm")]
    #[schemars(range(min = 1, max = 10_000))]
    pub connections_alarm: u16,
    /// Retention of automated backups in days. Default: 7.
    #[serde(default = "defaults::backup_days")]
    #[schemars(range(min = 1, max = 35))]
    pub backup_days: i32,
    /// Additional certificates in PEM format that the app trusts for the database, besides those of Amazon RDS: for an
    /// endpoint other than AWS. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^-----BEGIN CERTIFICATE-----"))]
    pub ca: Option<String>,
}

/// Settings of the web application firewall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Firewall {
    /// Maximum number of requests per address in five minutes. Default: 2000.
    #[serde(default = "defaults::rate_limit")]
    #[schemars(range(min = 10, max = 2_000_000_000))]
    pub rate_limit: i64,
    /// Rules of AWS's common rule set that count requests instead of blocking them, by name. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("items" = serde_json::json!({ "type": "string", "enum": COMMON_RULES }), "uniqueItems" = true))]
    pub count: Vec<String>,
}

/// The rules of `AWSManagedRulesCommonRuleSet`.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html>
pub(crate) const COMMON_RULES: [&str; 22] = [
    "NoUserAgent_HEADER",
    "UserAgent_BadBots_HEADER",
    "SizeRestrictions_QUERYSTRING",
    "SizeRestrictions_Cookie_HEADER",
    "SizeRestrictions_BODY",
    "SizeRestrictions_URIPATH",
    "EC2MetaDataSSRF_BODY",
    "EC2MetaDataSSRF_COOKIE",
    "EC2MetaDataSSRF_URIPATH",
    "EC2MetaDataSSRF_QUERYARGUMENTS",
    "GenericLFI_QUERYARGUMENTS",
    "GenericLFI_URIPATH",
    "GenericLFI_BODY",
    "RestrictedExtensions_URIPATH",
    "RestrictedExtensions_QUERYARGUMENTS",
    "GenericRFI_QUERYARGUMENTS",
    "GenericRFI_BODY",
    "GenericRFI_URIPATH",
    "CrossSiteScripting_COOKIE",
    "CrossSiteScripting_QUERYARGUMENTS",
    "CrossSiteScripting_BODY",
    "CrossSiteScripting_URIPATH",
];

/// Settings of the logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// Retention of logs in days; CloudWatch accepts only these values. Default: 30.
    #[serde(default = "defaults::retention_days")]
    #[schemars(extend("enum" = RETENTIONS))]
    pub retention_days: i32,
}

impl Architecture {
    /// Returns the name in the environment file.
    pub fn name(self) -> &'static str {
        match self {
            Self::X8664 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

impl Environment {
    /// Returns the existing network of the environment, for a look-up of its subnets.
    pub fn existing_network(&self) -> Option<ExistingNetwork> {
        let Network { vpc, public_subnets, private_subnets, .. } = &self.network;
        Some(ExistingNetwork {
            vpc: vpc.clone()?,
            public_subnets: public_subnets.clone()?.into(),
            private_subnets: private_subnets.clone()?.into(),
        })
    }

    /// Returns the reasons why the stack cannot use the existing network, by what a look-up found.
    pub fn network_problems(&self, found: &DiscoveredNetwork) -> Vec<Mistake> {
        self.existing_network().map(|existing| rules::network_problems(&existing, found)).unwrap_or_default()
    }

    /// Returns whether the environment's data must survive mistakes: deleted keys and secrets then have a longer
    /// recovery period.
    pub fn keeps_data(&self) -> bool {
        self.database.deletion_protection || self.database.final_snapshot
    }
}

impl From<Subnets> for SubnetSelection {
    fn from(subnets: Subnets) -> Self {
        match subnets {
            Subnets::Ids(ids) => Self::Ids(ids),
            Subnets::Tags(tags) => Self::Tags(tags),
        }
    }
}

impl Identity {
    /// Returns the path of roles and policies, which begins and ends with a slash.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/")
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Verification {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            ask: Ask::On,
            path: defaults::version_path(),
            deadline: defaults::verification_deadline(),
            settle: defaults::verification_settle(),
            unreachable: Unreachable::Fail,
        }
    }
}

impl Default for Firewall {
    fn default() -> Self {
        Self { rate_limit: defaults::rate_limit(), count: vec![] }
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self { retention_days: defaults::retention_days() }
    }
}

/// The default values of all optional keys.
mod defaults {
    pub(super) fn body_limit() -> u32 {
        8192
    }
    pub(super) fn connections() -> u32 {
        5
    }
    pub(super) fn readiness_path() -> String {
        "/health/ready".to_owned()
    }
    pub(super) fn version_path() -> String {
        "/version".to_owned()
    }
    pub(super) fn verification_deadline() -> u32 {
        300
    }
    pub(super) fn verification_settle() -> u32 {
        30
    }
    pub(super) fn version() -> String {
        "17".to_owned()
    }
    pub(super) fn storage() -> i32 {
        20
    }
    pub(super) fn max_storage() -> i32 {
        100
    }
    pub(super) fn connections_alarm() -> u16 {
        80
    }
    pub(super) fn backup_days() -> i32 {
        7
    }
    pub(super) fn rate_limit() -> i64 {
        2000
    }
    pub(super) fn retention_days() -> i32 {
        30
    }
}

impl provisioner_model::environment::Environment for Environment {
    fn project(&self) -> &str {
        &self.project
    }
    fn region(&self) -> &str {
        &self.region
    }
    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }
    fn warnings(&self, now: u64) -> Vec<Mistake> {
        rules::warnings(self, now)
    }
    fn problems(&self, name: &str) -> Vec<Mistake> {
        rules::problems(self, name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DEV: &str = include_str!("../../../../environments/dev.toml");
    const PROD: &str = include_str!("../../../../environments/prod.toml");

    pub(crate) fn dev() -> Environment {
        toml::from_str(DEV).unwrap()
    }

    pub(crate) fn prod() -> Environment {
        toml::from_str(PROD).unwrap()
    }

    #[test]
    fn the_files_say_what_the_reference_says() {
        let rows = |env: &Environment| {
            let (net, app, db) = (&env.network, &env.service, &env.database);
            let sizes = (app.tasks, app.max_tasks, app.target_cpu, app.cpu, app.memory);
            let flags = [db.multi_az, db.deletion_protection, db.final_snapshot];
            (net.cidr.clone(), net.zones.join(""), net.nat.unwrap(), sizes, db.class.clone(), flags)
        };
        let dev_rows =
            ("10.0.0.0/16".into(), "ab".into(), Nat::One, (1, 6, 70, 256, 512), "db.t3.micro".into(), [false; 3]);
        assert_eq!(rows(&dev()), dev_rows);
        let prod_rows =
            ("10.1.0.0/16".into(), "abc".into(), Nat::PerZone, (3, 6, 70, 512, 1024), "db.t3.small".into(), [true; 3]);
        assert_eq!(rows(&prod()), prod_rows);
        assert_eq!((dev().region, prod().region), ("us-east-1".to_owned(), "us-east-1".to_owned()));
    }

    #[test]
    fn the_files_say_nothing_that_a_default_says() {
        // A key with a default is not in the schema's `required` list: the files may contain required keys, and
        // of the optional ones only those that name the owner.
        let schema = serde_json::to_value(schemars::schema_for!(Environment)).unwrap();
        for file in [DEV, PROD] {
            let file: toml::Table = toml::from_str(file).unwrap();
            let optional = optional_keys(&serde_json::to_value(file).unwrap(), &schema, &schema);
            assert!(
                optional.is_subset(&BTreeSet::from(["owner_id".to_owned(), "repository_id".to_owned()])),
                "{optional:?}"
            );
        }
    }

    fn optional_keys(
        file: &serde_json::Value,
        schema: &serde_json::Value,
        root: &serde_json::Value,
    ) -> BTreeSet<String> {
        let schema = match schema["$ref"].as_str() {
            Some(path) => root.pointer(path.trim_start_matches('#')).unwrap(),
            None => schema,
        };
        // The network is created by the stack, the first of two shapes.
        let required = schema["required"].as_array().or(schema["anyOf"][0]["required"].as_array()).unwrap();
        let mut found = BTreeSet::new();
        for (key, value) in file.as_object().unwrap() {
            if !required.contains(&key.as_str().into()) {
                found.insert(key.clone());
            }
            if value.is_object() {
                found.extend(optional_keys(value, &schema["properties"][key], root));
            }
        }
        found
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let mistyped = DEV.replace("multi_az", "multi_zone");
        let error = toml::from_str::<Environment>(&mistyped).unwrap_err();
        assert!(error.to_string().contains("multi_zone"), "{error}");
    }

    #[test]
    fn the_schema_describes_every_key() {
        let schema = serde_json::to_value(schemars::schema_for!(Environment)).unwrap();
        let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
        let mut keys = 0;
        for table in tables.filter(|table| table["properties"].is_object()) {
            assert_eq!(table["additionalProperties"], false, "{table}");
            for (key, value) in table["properties"].as_object().unwrap() {
                keys += 1;
                assert!(value["description"].is_string(), "{key}");
            }
        }
        assert!(keys > 30, "{keys}");
    }
}
