//! The tasks of a service, page by page.

use aws_sdk_ecs::types::{DesiredStatus, Task};
use futures::future::try_join_all;
use provisioner_model::error::Result;

use crate::{cloud::Clients, error::api};

/// The ARNs of the tasks with this desired status.
pub(crate) async fn list(c: &Clients, cluster: &str, service: &str, status: DesiredStatus) -> Result<Vec<String>> {
    let request = c.ecs().list_tasks().cluster(cluster).service_name(service).desired_status(status);
    request.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(api("ecs:ListTasks"))
}

/// Describes tasks, a hundred per call.
pub(crate) async fn describe(c: &Clients, cluster: &str, arns: &[String]) -> Result<Vec<Task>> {
    let calls = arns.chunks(100).map(|some| async move {
        let answer = c.ecs().describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec())).send().await;
        answer.map(|answer| answer.tasks.unwrap_or_default()).map_err(api("ecs:DescribeTasks"))
    });
    Ok(try_join_all(calls).await?.into_iter().flatten().collect())
}
