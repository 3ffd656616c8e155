//! Route 53: records.

mod record;

use provisioner_model::erased::Registry;

pub use self::record::{Alias, Record, RecordOutputs};

/// Adds this service's types.
pub fn register(types: Registry) -> Registry {
    types.with::<Record>()
}
