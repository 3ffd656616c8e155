//! EC2: networks and what is in them.

mod subnet;
mod vpc;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use provisioner_model::{
    erased::Registry,
    error::Result,
    resource::{Owner, Tags},
};

pub use self::{
    subnet::{Subnet, SubnetOutputs},
    vpc::{Vpc, VpcOutputs},
};
use crate::{
    cloud::Writer,
    error::api,
    tags::{TOKEN, TagChange},
};

/// Adds this service's types.
pub fn register(types: Registry) -> Registry {
    types.with::<Vpc>().with::<Subnet>()
}

fn filter<S: Into<String>>(name: &str, values: impl IntoIterator<Item = S>) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

fn made_for(owner: &Owner) -> Filter {
    filter(&format!("tag:{TOKEN}"), [&owner.token])
}

fn tagged(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).set_tags(Some(sdk_tags(tags))).build()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn our_tags(tags: &[Tag]) -> Tags {
    crate::tags::seen_tags(tags.iter().map(|tag| (tag.key(), tag.value())))
}

/// Sets what differs, and drops what we set once and no longer want. Others' tags stay.
async fn sync_tags(c: &Writer, id: &str, want: &Tags, was: &Tags, seen: &Tags) -> Result<()> {
    let change = TagChange::between(want, was, seen);
    if !change.set.is_empty() {
        let tags = Some(sdk_tags(&change.set));
        c.ec2().create_tags().resources(id).set_tags(tags).send().await.map_err(api("ec2:CreateTags"))?;
    }
    if !change.drop.is_empty() {
        let tags = change.drop.iter().map(|key| Tag::builder().key(key).build()).collect();
        c.ec2().delete_tags().resources(id).set_tags(Some(tags)).send().await.map_err(api("ec2:DeleteTags"))?;
    }
    Ok(())
}
