//! CloudWatch Logs: log groups.

mod log_group;

use provisioner_model::erased::ResourceRegistry;

pub use self::log_group::{LogGroup, LogGroupOutputs, RETENTIONS};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<LogGroup>()
}
