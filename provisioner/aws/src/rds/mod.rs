//! RDS: database instances and their groups.

mod instance;
mod parameter_group;
mod subnet_group;

use aws_sdk_rds::types::Tag;
use provisioner_model::erased::ResourceRegistry;

#[cfg(feature = "ec2")]
pub(crate) use self::instance::fits;
pub use self::{
    instance::{Endpoint, Instance, InstanceOutputs, ManagedSecret, snapshot_findings},
    parameter_group::{ParameterGroup, ParameterGroupOutputs},
    subnet_group::{SubnetGroup, SubnetGroupOutputs},
};
use crate::{cloud::Clients, prelude::*, tags::made_for};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<SubnetGroup>().with::<ParameterGroup>().with::<Instance>()
}

tag_conversions!(Tag, key, value);

async fn tags_of(c: &Clients, arn: &str) -> Result<Tags> {
    let answer = c.rds().list_tags_for_resource().resource_name(arn).send().await;
    Ok(our_tags(answer.map_err(api("rds:ListTagsForResource"))?.tag_list()))
}

/// Returns whether the object is the one made for `owner`. One that is gone by now is not.
async fn is_of(c: &Clients, arn: &str, owner: &Owner) -> Result<bool> {
    Ok(none_if(ErrorKind::Gone, tags_of(c, arn).await)?.is_some_and(|tags| made_for(&tags, owner)))
}

/// Sets tags that differ, and removes recorded tags that are no longer desired. Foreign tags stay.
async fn sync_tags(c: &Writer, arn: &str, desired: &Tags, recorded: &Tags, observed: &Tags) -> Result<()> {
    write_tags!(desired, recorded, observed;
        c.rds().add_tags_to_resource().resource_name(arn) => "rds:AddTagsToResource",
        c.rds().remove_tags_from_resource().resource_name(arn) => "rds:RemoveTagsFromResource");
    Ok(())
}
