//! CloudWatch Logs: log groups.

mod log_group;

use provisioner_model::erased::Registry;

pub use self::log_group::{LogGroup, LogGroupOutputs};

/// Adds this service's types.
pub fn register(types: Registry) -> Registry {
    types.with::<LogGroup>()
}
