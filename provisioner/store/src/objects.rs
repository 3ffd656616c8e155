//! Object storage with conditional writes: what [`Remote`](crate::Remote) needs of a service such as Amazon S3.

use std::{error::Error as StdError, future::Future, pin::Pin, time::Duration};

/// A boxed future of one request to an object storage.
pub type ObjectFut<'a, T> = Pin<Box<dyn Future<Output = Result<T, ObjectError>> + Send + 'a>>;

/// An object storage. Each method sends one request (or one for each page or batch) and repeats none: the store decides
/// what a repetition means.
///
/// Reads must see every write that was answered before, as Amazon S3's do.
pub trait ObjectStorage: Send + Sync {
    /// Returns an object; `None` if it does not exist.
    fn get<'a>(&'a self, key: &'a str) -> ObjectFut<'a, Option<StoredObject>>;
    /// Writes an object if the condition holds, and returns its new entity tag.
    fn put<'a>(&'a self, key: &'a str, body: &'a [u8], condition: Condition<'a>) -> ObjectFut<'a, String>;
    /// Returns the objects whose key begins with `prefix`, in the order of their keys.
    fn list<'a>(&'a self, prefix: &'a str) -> ObjectFut<'a, Vec<ListedObject>>;
    /// Deletes objects. Keys without an object are no error.
    fn delete<'a>(&'a self, keys: &'a [String]) -> ObjectFut<'a, ()>;
    /// Returns the address of an object for messages, such as `s3://bucket/key`.
    fn address(&self, key: &str) -> String;
}

/// An object with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The content.
    pub body: Vec<u8>,
    /// The entity tag: another one after each write.
    pub etag: String,
    /// The time since the last write, by the clock of the storage: the clocks of its users may differ.
    pub age: Duration,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The key.
    pub key: String,
    /// The time since the last write, by the clock of the storage.
    pub age: Duration,
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// None: the write replaces any object.
    Always,
    /// No object has the key (`If-None-Match: *`).
    Absent,
    /// The object still has this entity tag (`If-Match`).
    Unchanged(&'a str),
}

/// The error of a request to an object storage.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The condition does not hold (412). An earlier request without an answer may have written the object.
    #[error("the condition of the write does not hold")]
    Condition,
    /// Nothing was written, and the same request may succeed later (409, 503 `SlowDown`, no connection).
    #[error("temporary error")]
    Temporary(#[source] Box<dyn StdError + Send + Sync>),
    /// No answer, or 500: the request may have had its effect.
    #[error("no answer")]
    Unknown(#[source] Box<dyn StdError + Send + Sync>),
    /// Nothing was written, and the same request fails again.
    #[error("refused")]
    Final(#[source] Box<dyn StdError + Send + Sync>),
}

impl ObjectError {
    /// Returns the code of the storage's answer, such as `NoSuchBucket`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Condition => None,
            Self::Temporary(source) | Self::Unknown(source) | Self::Final(source) => {
                source.downcast_ref::<provisioner_model::Error>()?.code.as_deref()
            }
        }
    }
}
