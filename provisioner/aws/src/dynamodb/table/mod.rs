//! `aws:dynamodb:table`: a table of items.
//!
//! DynamoDB fixes a table's name, keys and local indexes at creation, so a change to one of them replaces the table.
//! It changes one thing of a table at a time: an update that has more to do sends the next call once the table is
//! active again. Reads: four calls for each (table, backups, time to live, tags).
//! API: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>

mod calls;
mod keys;

use std::time::Duration;

use aws_sdk_dynamodb::types::{IndexStatus, TableStatus};
use serde::{Deserialize, Serialize};

pub use self::keys::{GlobalIndex, KeyAttribute, LocalIndex, Projection};
use crate::{each::one_by_one, prelude::*, tags::owned_reads};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_.-]{3,}$",
    page: "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html",
    ..NameRule::ANY
};

/// A table of items.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:dynamodb:table",
    cloudformation = "AWS::DynamoDB::Table",
    attributes(arn = "Arn", stream_arn = "StreamArn"),
    create = "dynamodb:CreateTable",
    unique(table_name),
    omitted(
        AttributeDefinitions | KeySchema = "follow from the keys",
        WarmThroughput = "DynamoDB's to choose",
        ResourcePolicy = "roles' policies say who may do what",
        GlobalTableSourceArn | GlobalTableSettingsReplicationMode = "one region",
        VectorIndexes = "not offered",
    )
)]
pub struct Table {
    /// The name; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE))]
    pub table_name: Option<String>,
    /// Partition key of the table.
    #[field(replaces, property = "", convert = keys::hash)]
    pub hash_key: KeyAttribute,
    /// Sort key of the table.
    #[field(replaces, property = "", convert = keys::range)]
    pub range_key: Option<KeyAttribute>,
    /// Billing mode of the table.
    #[field(
        default = Billing::PayPerRequest,
        parameter = "BillingMode",
        parameter = "ProvisionedThroughput",
        property = "",
        convert = billing
    )]
    pub billing_mode: Billing,
    /// Other keys to find items by.
    #[field(set, property = "", convert = keys::global)]
    pub global_secondary_indexes: Vec<GlobalIndex>,
    /// Other attributes to sort by.
    #[field(set, replaces, property = "", convert_resource = keys::local)]
    pub local_secondary_indexes: Vec<LocalIndex>,
    /// Encryption by a key of KMS; AWS's own key for DynamoDB if absent.
    #[field(cloud_default = none, property = "SSESpecification", convert = encryption)]
    pub sse_specification: Option<Encryption>,
    /// `true` if the table can be restored to any moment of the last days; AWS's default is no.
    #[field(cloud_default = false, property = "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled")]
    pub point_in_time_recovery_enabled: Option<bool>,
    /// Days of point-in-time recovery; the default is 35.
    #[field(cloud_default = none, property = "PointInTimeRecoverySpecification.RecoveryPeriodInDays")]
    pub recovery_period_in_days: Option<i32>,
    /// The attribute with an item's time of expiry, in seconds since 1970.
    #[field(cloud_default = none, convert = time_to_live)]
    pub time_to_live_specification: Option<String>,
    /// `true` if AWS refuses to delete the table; AWS's default is no.
    #[field(deletion_protection, cloud_default = false)]
    pub deletion_protection_enabled: Option<bool>,
    /// Content of the change stream: `KEYS_ONLY`, `NEW_IMAGE`, `OLD_IMAGE`, `NEW_AND_OLD_IMAGES`.
    #[field(parameter = "StreamSpecification", cloud_default = none, property = "StreamSpecification.StreamViewType")]
    pub stream_view_type: Option<String>,
    /// Either `STANDARD` (the default) or `STANDARD_INFREQUENT_ACCESS`.
    #[field(cloud_default = "STANDARD")]
    pub table_class: Option<String>,
    /// Limit on reads in a second, with billing for each request.
    #[field(
        parameter = "OnDemandThroughput",
        cloud_default = none,
        property = "OnDemandThroughput.MaxReadRequestUnits"
    )]
    pub max_read_request_units: Option<i64>,
    /// Limit on writes in a second, with billing for each request.
    #[field(
        parameter = "OnDemandThroughput",
        cloud_default = none,
        property = "OnDemandThroughput.MaxWriteRequestUnits"
    )]
    pub max_write_request_units: Option<i64>,
    /// Tags of the table, by key.
    pub tags: Tags,
}

/// The billing mode of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// Billing for each request.
    PayPerRequest,
    /// Billing for provisioned capacity.
    Provisioned {
        /// Reads in a second.
        read_capacity_units: i64,
        /// Writes in a second.
        write_capacity_units: i64,
    },
}

/// Encryption by a key of KMS.
#[derive(Clone, Debug, PartialEq, Nested)]
pub struct Encryption {
    /// The key's ARN; AWS's key in this account if absent.
    pub kms_master_key_id: Option<In<String>>,
}

/// The outputs of a table.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct TableOutputs {
    /// The name of the table.
    #[output(constant = "TABLE_NAME")]
    pub id: Id<Table>,
    /// The ARN of the table.
    pub arn: String,
    /// Status, such as `CREATING` or `ACTIVE`.
    pub status: String,
    /// Names of the indexes that are not ready.
    pub building: Vec<String>,
    /// The ARN of the table's stream of changes.
    pub stream_arn: Option<String>,
}

impl Resource for Table {
    const IDEMPOTENT_CREATE: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["status", "building"];
    const ACTIONS: Actions = Actions {
        read: &[
            "dynamodb:DescribeTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:ListTagsOfResource",
        ],
        create: &["dynamodb:CreateTable", "dynamodb:TagResource", "kms:CreateGrant", "kms:DescribeKey"],
        update: &[
            "dynamodb:DescribeTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:ListTagsOfResource",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTimeToLive",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
        delete: &["dynamodb:DeleteTable"],
    };
    const READY_TIMEOUT: Duration = Duration::from_mins(30);
    type Cloud = Aws;
    type Outputs = TableOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<_> = self.key_problems();
        if self.recovery_period_in_days.is_some() && self.point_in_time_recovery_enabled != Some(true) {
            problems.push(Problem::new(Field::RecoveryPeriodInDays, "requires `point_in_time_recovery_enabled`"));
        }
        let most = self.max_read_request_units.is_some() || self.max_write_request_units.is_some();
        if most && self.billing_mode != Billing::PayPerRequest {
            let why = "request limits require the billing mode `PAY_PER_REQUEST`";
            problems.push(Problem::new(Field::MaxReadRequestUnits, why));
        }
        problems
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match TableStatus::from(observed.outputs.status.as_str()) {
            TableStatus::Active if observed.outputs.building.is_empty() => Phase::Ready,
            status @ (TableStatus::Archived | TableStatus::InaccessibleEncryptionCredentials) => {
                Phase::Failed { why: format!("status is `{status}`"), remedy: None }
            }
            _ => Phase::Pending,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        Ok(one_by_one(ids, |id| calls::read(c, id.as_str())).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let ids: Vec<_> = self.table_name.iter().map(Id::new).collect();
        owned_reads(Self::read_many(c, &ids).await?, owner, |inputs| &inputs.tags)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let ids: Vec<_> = self.table_name.iter().map(Id::new).collect();
        Self::read_many(c, &ids).await?.into_iter().map(|(id, observed)| observed.map(|_| id)).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        calls::create(self, c).await
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, _: &Observed<Self>) -> Result<Updated> {
        calls::update(self, c, recorded).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        calls::delete(c, recorded.id.as_str()).await
    }
}

/// Indexes of the table that are not ready.
fn building(indexes: &[aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription]) -> Vec<String> {
    let busy = indexes.iter().filter(|index| index.index_status().is_some_and(|status| *status != IndexStatus::Active));
    busy.filter_map(|index| index.index_name().map(str::to_owned)).collect()
}

/// Returns the billing mode, with the capacity of a provisioned table.
fn billing(mode: &Billing) -> Value {
    match mode {
        Billing::PayPerRequest => members([("BillingMode", "PAY_PER_REQUEST".into())]),
        Billing::Provisioned { read_capacity_units: read, write_capacity_units: write } => members([
            ("BillingMode", "PROVISIONED".into()),
            ("ProvisionedThroughput", json!({ "ReadCapacityUnits": read, "WriteCapacityUnits": write })),
        ]),
    }
}

fn encryption(encryption: &Encryption) -> Value {
    let key = encryption.kms_master_key_id.to_property();
    members([("SSEEnabled", true.into()), ("SSEType", "KMS".into()), ("KMSMasterKeyId", key)])
}

fn time_to_live(attribute: &str) -> Value {
    json!({ "AttributeName": attribute, "Enabled": true })
}
