//! Resource types of S3: buckets.

mod bucket;

use provisioner_model::erased::ResourceRegistry;

pub use self::bucket::{
    Bucket, BucketOutputs, Encryption, LifecycleRule, Logging, PublicAccessBlock, Retention, Transition,
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Bucket>()
}
