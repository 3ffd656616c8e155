//! RDS: database instances and their groups.

mod instance;
mod parameter_group;
mod subnet_group;

use aws_sdk_rds::types::Tag;
use provisioner_model::{
    erased::ResourceRegistry,
    error::Result,
    resource::{Owner, Tags},
};

pub use self::{
    instance::{Endpoint, Instance, InstanceOutputs, ManagedSecret},
    parameter_group::{ParameterGroup, ParameterGroupOutputs},
    subnet_group::{SubnetGroup, SubnetGroupOutputs},
};
use crate::{
    cloud::{Clients, Writer},
    error::api,
    tags::{TagChange, made_for, observed_tags},
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<SubnetGroup>().with::<ParameterGroup>().with::<Instance>()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn our_tags(tags: &[Tag]) -> Tags {
    observed_tags(tags.iter().map(|tag| (tag.key(), tag.value())))
}

async fn tags_of(c: &Clients, arn: &str) -> Result<Tags> {
    let answer = c.rds().list_tags_for_resource().resource_name(arn).send().await;
    Ok(our_tags(answer.map_err(api("rds:ListTagsForResource"))?.tag_list()))
}

/// Returns whether the object is the one made for `owner`. One that is gone by now is not.
async fn is_of(c: &Clients, arn: &str, owner: &Owner) -> Result<bool> {
    match tags_of(c, arn).await {
        Ok(tags) => Ok(made_for(&tags, owner)),
        Err(error) if error.kind == provisioner_model::error::ErrorKind::Gone => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sets what differs, and drops what we set once and no longer want. Others' tags stay.
async fn sync_tags(c: &Writer, arn: &str, desired: &Tags, recorded: &Tags, observed: &Tags) -> Result<()> {
    let change = TagChange::between(desired, recorded, observed);
    if !change.set.is_empty() {
        let request = c.rds().add_tags_to_resource().resource_name(arn).set_tags(Some(sdk_tags(&change.set)));
        request.send().await.map_err(api("rds:AddTagsToResource"))?;
    }
    if !change.drop.is_empty() {
        let request = c.rds().remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(change.drop));
        request.send().await.map_err(api("rds:RemoveTagsFromResource"))?;
    }
    Ok(())
}
