//! SQS: queues of messages.

mod queue;

use provisioner_model::erased::ResourceRegistry;

pub use self::queue::{Queue, QueueOutputs};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Queue>()
}
