//! The state file's text format, for any store.

use std::path::Path;

use provisioner_model::state::{FORMAT, Snapshot};
use serde::Deserialize;

use crate::error::{Result, StoreError};

/// The snapshot of a state file. `path` is for the errors.
pub fn parse(path: &Path, environment: &str, text: &[u8]) -> Result<Snapshot> {
    #[derive(Deserialize)]
    struct Head {
        format: u64,
    }
    let damaged = |source: serde_json::Error| StoreError::Damaged {
        path: path.to_owned(),
        line: source.line().max(1),
        column: source.column().max(1),
        good: None,
        source,
    };
    // Its format first: a newer one may look different.
    let head: Head = serde_json::from_slice(text).map_err(damaged)?;
    if head.format != u64::from(FORMAT) {
        return Err(StoreError::Format { path: path.to_owned(), found: head.format, known: FORMAT });
    }
    let snapshot: Snapshot = serde_json::from_slice(text).map_err(damaged)?;
    if snapshot.environment != environment {
        let [there, expected] =
            [&snapshot.environment, environment].map(|name| format!("the state of environment `{name}`"));
        return Err(StoreError::Foreign { path: path.to_owned(), there, expected });
    }
    Ok(snapshot)
}
