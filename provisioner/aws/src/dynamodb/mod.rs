//! DynamoDB: tables.

mod table;

use provisioner_model::erased::Registry;

pub use self::table::{Billing, Encryption, GlobalIndex, Key, LocalIndex, Projection, Table, TableOutputs};

/// Adds this service's types.
pub fn register(types: Registry) -> Registry {
    types.with::<Table>()
}
