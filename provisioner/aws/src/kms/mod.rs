//! KMS: keys and their names.

mod alias;
mod key;

use aws_sdk_kms::types::Tag;
use provisioner_model::{erased::ResourceRegistry, resource::Tags};

pub use self::{
    alias::{Alias, AliasOutputs},
    key::{Key, KeyOutputs},
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Key>().with::<Alias>()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    // Both members are set, which is all that `build` can miss.
    tags.iter().filter_map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().ok()).collect()
}

fn our_tags(tags: &[Tag]) -> Tags {
    crate::tags::observed_tags(tags.iter().map(|tag| (Some(tag.tag_key()), Some(tag.tag_value()))))
}
