//! `aws:dynamodb:table` — a table of items.
//!
//! DynamoDB fixes a table's name, keys and local indexes at creation, so a change to one of them replaces the table.
//! It changes one thing of a table at a time: an update that has more to do sends the next call once the table is
//! active again. Reads: four calls for each (table, backups, time to live, tags).
//! API: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>

mod calls;
mod keys;

use std::time::Duration;

use aws_sdk_dynamodb::types::{IndexStatus, TableStatus};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Phase, Problem, ReadResults, Receipt, Recorded, Resource,
        Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

pub use self::keys::{GlobalIndex, KeyAttribute, LocalIndex, Projection};
use crate::{
    cloud::{Aws, Reader, Writer},
    tags::made_for,
};

/// A table of items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its name; made by the engine where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Partition key of the table.
    pub hash_key: KeyAttribute,
    /// Sort key of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_key: Option<KeyAttribute>,
    /// Billing mode of the table.
    pub billing: Billing,
    /// Other keys to find items by.
    #[serde(default)]
    pub global_indexes: Vec<GlobalIndex>,
    /// Other attributes to sort by.
    #[serde(default)]
    pub local_indexes: Vec<LocalIndex>,
    /// A key of KMS; AWS's own for DynamoDB where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// `true` if it can be restored to any moment of the last days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time_recovery: Option<bool>,
    /// Days of point-in-time recovery; the default is 35.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_days: Option<i32>,
    /// The attribute that says, in seconds since 1970, when an item goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_live: Option<String>,
    /// `true` if AWS refuses to delete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,
    /// Content of the change stream: `KEYS_ONLY`, `NEW_IMAGE`, `OLD_IMAGE`, `NEW_AND_OLD_IMAGES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Either `STANDARD` or `STANDARD_INFREQUENT_ACCESS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_class: Option<String>,
    /// The most that is read in a second, when paid for by request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_read_requests: Option<i64>,
    /// The most that is written in a second, when paid for by request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_write_requests: Option<i64>,
    /// Tags of the table, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The billing mode of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// Billing for each request.
    PayPerRequest,
    /// By what it could do.
    Provisioned {
        /// Reads in a second.
        read: i64,
        /// Writes in a second.
        write: i64,
    },
}

/// Encryption by a key of KMS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encryption {
    /// The key's ARN; AWS's key in this account where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<In<String>>,
}

/// The outputs of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableOutputs {
    /// The name of the table.
    pub id: Id<Table>,
    /// The ARN of the table.
    pub arn: String,
    /// Status, such as `CREATING` or `ACTIVE`.
    pub status: String,
    /// Those of its indexes that are not ready.
    #[serde(default)]
    pub building: Vec<String>,
    /// The ARN of its stream of changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
}

impl Table {
    /// The ARN of the table.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// Its name, as text.
    pub const TABLE_NAME: Output<Self, String> = Output::new("id");
    /// The ARN of its stream of changes.
    pub const STREAM_ARN: Output<Self, String> = Output::new("stream_arn");

    /// A table that is paid for by request.
    pub fn new(hash_key: KeyAttribute) -> Self {
        Self {
            name: None,
            hash_key,
            range_key: None,
            billing: Billing::PayPerRequest,
            global_indexes: vec![],
            local_indexes: vec![],
            encryption: None,
            point_in_time_recovery: None,
            recovery_days: None,
            time_to_live: None,
            deletion_protection: None,
            stream: None,
            table_class: None,
            max_read_requests: None,
            max_write_requests: None,
            tags: Tags::new(),
        }
    }
}

impl Resource for Table {
    const TYPE: &'static str = "aws:dynamodb:table";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("hash_key").replaces(),
        Field::new("range_key").replaces(),
        Field::new("billing"),
        Field::new("global_indexes").set(),
        Field::new("local_indexes").set().replaces(),
        Field::new("encryption"),
        Field::new("point_in_time_recovery"),
        Field::new("recovery_days"),
        Field::new("time_to_live"),
        Field::new("deletion_protection").deletion_protection(),
        Field::new("stream"),
        Field::new("table_class"),
        Field::new("max_read_requests"),
        Field::new("max_write_requests"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 255));
    const TAGGED: bool = true;
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
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("AttributeDefinitions", "follow from the keys, as does KeySchema"),
        ("WarmThroughput", "DynamoDB's to choose"),
        ("ResourcePolicy", "roles' policies say who may do what"),
        ("GlobalTableSourceArn", "one region, so no GlobalTableSettingsReplicationMode either"),
        ("VectorIndexes", "not offered"),
    ];
    const READY_TIMEOUT: Duration = Duration::from_mins(30);
    type Cloud = Aws;
    type Outputs = TableOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<_> = self.key_problems();
        if self.recovery_days.is_some() && self.point_in_time_recovery != Some(true) {
            problems.push(Problem::new("recovery_days", "needs `point_in_time_recovery`"));
        }
        let most = self.max_read_requests.is_some() || self.max_write_requests.is_some();
        if most && self.billing != Billing::PayPerRequest {
            problems.push(Problem::new("max_read_requests", "a limit on requests is for a table paid by request"));
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
        let rows = ids.iter().map(|id| async move {
            match calls::read(c, id.as_str()).await {
                Err(error) if error.kind == ErrorKind::Gone => None,
                observed => Some((id.clone(), observed)),
            }
        });
        Ok(futures::future::join_all(rows).await.into_iter().flatten().collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let Some(name) = &self.name else { return Ok(vec![]) };
        match calls::read(c, name).await {
            Ok(observed) if made_for(&observed.inputs.tags, owner) => Ok(vec![Id::new(name)]),
            Ok(_) => Ok(vec![]),
            Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(name) = &self.name else { return Ok(vec![]) };
        match calls::read(c, name).await {
            Ok(_) => Ok(vec![Id::new(name)]),
            Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        calls::create(self, c).await
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
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
