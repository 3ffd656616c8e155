//! A table of locks beside the lease of a state in S3, for teams whose rules ask for one. It has the layout of Terraform's
//! lock tables, so that both can share a table: an item for each state, with the state's address as `LockID` and a
//! description of the holder as `Info`.
//!
//! The lease decides between processes of Provisioner. An item that one of them has left behind is therefore taken over,
//! and an item of another program is not.

use std::path::PathBuf;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use provisioner_model::{Error, ErrorKind, resource::Cloud};
use provisioner_store::{Fut, Holder, SecondLock, StoreError, objects::ObjectError};
use serde_json::json;

use crate::{Aws, error::api};

/// The partition key.
pub const LOCK_ID: &str = "LockID";
/// The description of the holder.
const INFO: &str = "Info";
/// The process of Provisioner that holds the lock. Other programs have no such attribute.
const PROCESS: &str = "ProvisionerProcess";

/// The lock of one state in a table.
pub struct LockTable {
    client: Client,
    table: String,
    /// The state's address without its scheme, as Terraform has it.
    id: String,
    process: String,
}

impl LockTable {
    /// The lock of the state at `address`, such as `s3://bucket/shop/dev`. `process` is a random text that no other process
    /// has.
    pub fn new(aws: &Aws, table: &str, address: &str, process: &str) -> Self {
        let id = format!("{}/state.json", address.strip_prefix("s3://").unwrap_or(address));
        // Each call may be sent again: it has the same effect twice.
        let client = Cloud::writer(aws).read().dynamodb().clone();
        Self { client, table: table.to_owned(), id, process: process.to_owned() }
    }

    fn address(&self) -> String {
        format!("the item {} of the table {}", self.id, self.table)
    }

    fn failed(&self, operation: &'static str, error: Error) -> StoreError {
        StoreError::Object { operation, address: self.address(), source: ObjectError::Final(Box::new(error)) }
    }

    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html>
    async fn put(&self, holder: &Holder) -> Result<(), StoreError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let request = self.client.put_item().table_name(&self.table);
        let request = request.item(LOCK_ID, text(&self.id)).item(PROCESS, text(&self.process));
        let request = request.item(INFO, text(&self.info(holder)));
        let free = format!("attribute_not_exists({LOCK_ID}) OR attribute_exists({PROCESS})");
        match request.condition_expression(free).send().await.map_err(api("dynamodb:PutItem")) {
            Ok(_) => Ok(()),
            Err(error) if is_refused(&error) => {
                Err(StoreError::TableLocked { path: PathBuf::from(self.address()), info: self.read_info().await? })
            }
            Err(error) => Err(self.failed("write", error)),
        }
    }

    /// The members of Terraform's description of a lock.
    fn info(&self, Holder { owner, host, command, since, .. }: &Holder) -> String {
        let info = json!({
            "ID": self.process,
            "Operation": command,
            "Info": "",
            "Who": format!("{owner}@{host}"),
            "Version": concat!("provisioner ", env!("CARGO_PKG_VERSION")),
            "Created": since.to_string(),
            "Path": self.id,
        });
        info.to_string()
    }

    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html>
    async fn read_info(&self) -> Result<String, StoreError> {
        let request = self.client.get_item().table_name(&self.table).key(LOCK_ID, AttributeValue::S(self.id.clone()));
        let answer = request.consistent_read(true).send().await.map_err(api("dynamodb:GetItem"));
        let answer = answer.map_err(|error| self.failed("read", error))?;
        let info = answer.item().and_then(|item| item.get(INFO)?.as_s().ok());
        Ok(info.cloned().unwrap_or_else(|| "without a description".to_owned()))
    }

    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html>
    async fn delete(&self) -> Result<(), StoreError> {
        let request =
            self.client.delete_item().table_name(&self.table).key(LOCK_ID, AttributeValue::S(self.id.clone()));
        let request = request.condition_expression(format!("{PROCESS} = :process"));
        let request = request.expression_attribute_values(":process", AttributeValue::S(self.process.clone()));
        match request.send().await.map_err(api("dynamodb:DeleteItem")) {
            // Another process has taken the lease, and the item with it.
            Err(error) if is_refused(&error) => Ok(()),
            answer => answer.map(drop).map_err(|error| self.failed("remove", error)),
        }
    }
}

fn is_refused(error: &Error) -> bool {
    error.kind != ErrorKind::Unknown && error.code.as_deref() == Some("ConditionalCheckFailedException")
}

impl SecondLock for LockTable {
    fn take<'a>(&'a self, holder: &'a Holder) -> Fut<'a, ()> {
        Box::pin(self.put(holder))
    }

    fn release(&self) -> Fut<'_, ()> {
        Box::pin(self.delete())
    }
}
