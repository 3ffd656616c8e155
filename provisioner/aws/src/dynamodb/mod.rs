//! Resource types of DynamoDB: tables.

#[cfg(feature = "s3")]
mod lock_table;
mod table;

use provisioner_model::erased::ResourceRegistry;

#[cfg(feature = "s3")]
pub use self::lock_table::{LOCK_ID, LockTable};
pub use self::table::{Billing, Encryption, GlobalIndex, KeyAttribute, LocalIndex, Projection, Table, TableOutputs};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Table>()
}
