//! Resource types of DynamoDB: tables.

mod table;

use provisioner_model::erased::ResourceRegistry;

pub use self::table::{Billing, Encryption, GlobalIndex, KeyAttribute, LocalIndex, Projection, Table, TableOutputs};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Table>()
}
