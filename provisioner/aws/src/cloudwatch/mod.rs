//! CloudWatch: alarms and dashboards.

mod alarm;
mod dashboard;

use aws_sdk_cloudwatch::types::Tag;
use provisioner_model::{erased::ResourceRegistry, error::Result, resource::Tags};

pub use self::{
    alarm::{Alarm, AlarmOutputs, MetricQuery, MetricStat},
    dashboard::{Dashboard, DashboardOutputs},
};
use crate::{
    cloud::{Reader, Writer},
    error::api,
    tags::TagChange,
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Alarm>().with::<Dashboard>()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

async fn tags_of(c: &Reader, arn: &str) -> Result<Tags> {
    let answer = c.cloudwatch().list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.map_err(api("cloudwatch:ListTagsForResource"))?;
    Ok(crate::tags::observed_tags(answer.tags().iter().map(|tag| (tag.key(), tag.value()))))
}

async fn sync_tags(c: &Writer, arn: &str, change: TagChange) -> Result<()> {
    if !change.set.is_empty() {
        let request = c.cloudwatch().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&change.set)));
        request.send().await.map_err(api("cloudwatch:TagResource"))?;
    }
    if !change.drop.is_empty() {
        let request = c.cloudwatch().untag_resource().resource_arn(arn).set_tag_keys(Some(change.drop));
        request.send().await.map_err(api("cloudwatch:UntagResource"))?;
    }
    Ok(())
}
