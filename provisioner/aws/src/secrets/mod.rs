//! Secrets Manager: secrets and their policies. Nothing here keeps a secret's value.

mod secret;
mod secret_policy;

use aws_sdk_secretsmanager::types::Tag;
use provisioner_model::erased::ResourceRegistry;

pub use self::{
    secret::{Generated, ManagedSecret, ManagedSecretOutputs, SecretValue},
    secret_policy::{SecretPolicy, SecretPolicyOutputs},
};
use crate::prelude::*;

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<ManagedSecret>().with::<SecretPolicy>()
}

tag_conversions!(Tag, key, value);
