//! KMS: keys and their names.

mod alias;
mod key;

use aws_sdk_kms::types::Tag;
use provisioner_model::erased::ResourceRegistry;

pub use self::{
    alias::{Alias, AliasOutputs},
    key::{Key, KeyOutputs},
};
use crate::prelude::*;

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Key>().with::<Alias>()
}

tag_conversions!(Tag, tag_key, tag_value);
