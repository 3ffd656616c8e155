//! Secrets Manager: secrets, whose values pass through here and stay nowhere.

mod secret;
mod secret_policy;

use aws_sdk_secretsmanager::types::Tag;
use provisioner_model::{erased::ResourceRegistry, resource::Tags};

pub use self::{
    secret::{Generated, ManagedSecret, ManagedSecretOutputs, SecretValue},
    secret_policy::{SecretPolicy, SecretPolicyOutputs},
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<ManagedSecret>().with::<SecretPolicy>()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn our_tags(tags: &[Tag]) -> Tags {
    crate::tags::observed_tags(tags.iter().map(|tag| (tag.key(), tag.value())))
}
