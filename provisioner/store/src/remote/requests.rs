//! Requests with repetitions, and with an answer to what became of a write whose own answer was lost.

use std::time::Duration;

use crate::{
    error::{Result, StoreError},
    objects::{Condition, ListedObject, ObjectError, ObjectStorage, StoredObject},
};

/// Maximum number of attempts of one request: about 25 seconds.
const ATTEMPTS: u32 = 8;

/// An object storage, below the prefix of one environment.
pub(super) struct Requests {
    storage: Box<dyn ObjectStorage>,
    prefix: String,
}

/// The end of a conditional write.
#[derive(Debug)]
pub(super) enum PutOutcome {
    /// The object has the content, and this entity tag.
    Written(String),
    /// The condition does not hold: another object is there, or none.
    Refused(Option<StoredObject>),
}

impl Requests {
    pub(super) fn new(storage: Box<dyn ObjectStorage>, prefix: String) -> Self {
        Self { storage, prefix }
    }

    pub(super) fn address(&self, key: &str) -> String {
        self.storage.address(&format!("{}{key}", self.prefix))
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<StoredObject>> {
        let path = format!("{}{key}", self.prefix);
        let mut attempt = 0;
        loop {
            match self.storage.get(&path).await {
                Ok(object) => return Ok(object),
                Err(error) => self.pause("read", key, error, &mut attempt).await?,
            }
        }
    }

    /// Returns the objects below `prefix`, without the environment's own prefix.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<ListedObject>> {
        let path = format!("{}{prefix}", self.prefix);
        let mut attempt = 0;
        let listed = loop {
            match self.storage.list(&path).await {
                Ok(listed) => break listed,
                Err(error) => self.pause("list", prefix, error, &mut attempt).await?,
            }
        };
        let own = |object: ListedObject| {
            let key = object.key.strip_prefix(&self.prefix)?.to_owned();
            Some(ListedObject { key, ..object })
        };
        Ok(listed.into_iter().filter_map(own).collect())
    }

    /// Writes an object. A refused condition is compared with the object that is there: an attempt without an answer may
    /// have written it. The content must therefore be one that nobody else writes to this key.
    pub(super) async fn put(&self, key: &str, body: &[u8], condition: Condition<'_>) -> Result<PutOutcome> {
        let path = format!("{}{key}", self.prefix);
        let mut attempt = 0;
        loop {
            match self.storage.put(&path, body, condition).await {
                Ok(etag) => return Ok(PutOutcome::Written(etag)),
                Err(ObjectError::Condition) => {
                    return Ok(match self.get(key).await? {
                        Some(there) if there.body == body => PutOutcome::Written(there.etag),
                        there => PutOutcome::Refused(there),
                    });
                }
                Err(error) => self.pause("write", key, error, &mut attempt).await?,
            }
        }
    }

    pub(super) async fn delete(&self, keys: Vec<String>) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let paths: Vec<String> = keys.iter().map(|key| format!("{}{key}", self.prefix)).collect();
        let mut attempt = 0;
        loop {
            match self.storage.delete(&paths).await {
                Ok(()) => return Ok(()),
                Err(error) => self.pause("remove", &keys[0], error, &mut attempt).await?,
            }
        }
    }

    /// Waits before the next attempt, or returns the error if it is final.
    async fn pause(&self, operation: &'static str, key: &str, error: ObjectError, attempt: &mut u32) -> Result<()> {
        *attempt += 1;
        if *attempt == ATTEMPTS || matches!(error, ObjectError::Final(_) | ObjectError::Condition) {
            return Err(StoreError::Object { operation, address: self.address(key), source: error });
        }
        tokio::time::sleep(Duration::from_millis(100 * 2u64.pow(*attempt))).await;
        Ok(())
    }
}
