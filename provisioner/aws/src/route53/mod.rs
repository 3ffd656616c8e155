//! Resource types of Route 53: records.

mod record;

use provisioner_model::erased::ResourceRegistry;

pub use self::record::{Alias, Record, RecordOutputs};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Record>()
}
