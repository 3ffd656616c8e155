//! CloudWatch: alarms and dashboards.

mod alarm;
mod dashboard;

use aws_sdk_cloudwatch::types::Tag;
use provisioner_model::erased::ResourceRegistry;

pub use self::{
    alarm::{Alarm, AlarmOutputs, MetricQuery, MetricStat},
    dashboard::{Dashboard, DashboardOutputs},
};
use crate::prelude::*;

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Alarm>().with::<Dashboard>()
}

crate::tags::tag_conversions!(Tag, key, value);

async fn tags_of(c: &Reader, arn: &str) -> Result<Tags> {
    let answer = c.cloudwatch().list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.map_err(api("cloudwatch:ListTagsForResource"))?;
    Ok(our_tags(answer.tags()))
}
