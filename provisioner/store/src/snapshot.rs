//! The state file's text format, for any store.

use std::path::Path;

use provisioner_model::state::{FORMAT, MAX_SERIAL, Snapshot};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    checksum,
    error::{Result, StoreError},
};

/// The format before checksums, which is otherwise the same.
const WITHOUT_CHECKSUM: u64 = 3;

/// The members that every format has.
#[derive(Deserialize)]
struct Head {
    format: u64,
    checksum: Option<IgnoredAny>,
}

/// Returns the text of a state file.
pub fn text(snapshot: &Snapshot) -> Result<Vec<u8>> {
    if snapshot.serial > MAX_SERIAL {
        return Err(StoreError::Serial(snapshot.serial));
    }
    let mut text =
        serde_json::to_vec_pretty(snapshot).map_err(|source| StoreError::Encode { what: "the state", source })?;
    text.push(b'\n');
    Ok(checksum::add(&text))
}

/// The snapshot of a state file. A file of an older format is migrated. `path` is for the errors.
pub fn parse(path: &Path, environment: &str, text: &[u8]) -> Result<Snapshot> {
    // Its format first: a newer one may look different.
    let head: Head = serde_json::from_slice(text).map_err(|source| damaged(path, 0, source))?;
    if head.format != u64::from(FORMAT) && head.format != WITHOUT_CHECKSUM {
        return Err(StoreError::Format { path: path.to_owned(), found: head.format, known: FORMAT });
    }
    let plain = checksum::remove(text).ok();
    // Another program that wrote the file has kept the checksum, and not its place.
    let plain = plain.filter(|plain| head.checksum.is_none() || plain.len() < text.len());
    let Some(plain) = plain else {
        return Err(StoreError::Checksum { path: path.to_owned(), line: None, good: None });
    };
    let removed = text.len() - plain.len();
    let snapshot = serde_json::from_slice(&plain).map_err(|source| damaged(path, removed, source))?;
    expected(path, environment, snapshot)
}

/// The snapshot of a state file that was edited by hand, so that its checksum does not match.
pub(crate) fn parse_edited(path: &Path, environment: &str, text: &[u8]) -> Result<Snapshot> {
    let edited = || {
        let mut value: Value = serde_json::from_slice(text)?;
        value.as_object_mut().and_then(|members| members.remove("checksum"));
        serde_json::from_value(value)
    };
    expected(path, environment, edited().map_err(|source| damaged(path, 0, source))?)
}

/// Returns the format of a file that [`parse`] migrates.
pub(crate) fn older_format(text: &[u8]) -> Option<u64> {
    let head: Head = serde_json::from_slice(text).ok()?;
    Some(head.format).filter(|format| *format < u64::from(FORMAT))
}

/// The snapshot in today's format, if it is that of the environment.
fn expected(path: &Path, environment: &str, snapshot: Snapshot) -> Result<Snapshot> {
    if snapshot.environment == environment {
        return Ok(Snapshot { format: FORMAT, ..snapshot });
    }
    let [there, expected] =
        [&snapshot.environment, environment].map(|name| format!("the state of environment `{name}`"));
    Err(StoreError::Foreign { path: path.to_owned(), there, expected })
}

/// The error of a text from whose first line `removed` bytes were removed.
fn damaged(path: &Path, removed: usize, source: serde_json::Error) -> StoreError {
    let line = source.line().max(1);
    let column = source.column().max(1) + if line == 1 { removed } else { 0 };
    StoreError::Damaged { path: path.to_owned(), line, column, good: None, source }
}
