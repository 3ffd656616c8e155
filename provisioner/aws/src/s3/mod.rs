//! Resource types of S3: buckets. Also the storage of the state in one.

mod bucket;
mod state;

use provisioner_model::erased::ResourceRegistry;

pub use self::bucket::{
    Bucket, BucketOutputs, Encryption, LifecycleRule, Logging, PublicAccessBlock, Retention, Transition,
};
pub use self::state::BucketStorage;

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Bucket>()
}
