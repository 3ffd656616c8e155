//! The images that a service's tasks run.

use aws_sdk_ecs::types::{DesiredStatus, Task};
use provisioner_model::error::Result;

use crate::{
    cloud::Clients,
    ecs::{last_segment, tasks},
};

/// The running tasks of a service, `cluster/name`, in which no container has this digest: each in words. Tasks whose
/// digests AWS does not tell are left out.
pub async fn of_another_image(c: &Clients, service: &str, digest: &str) -> Result<Vec<String>> {
    let Some((cluster, name)) = service.split_once('/') else { return Ok(vec![]) };
    let arns = tasks::list(c, cluster, name, DesiredStatus::Running).await?;
    let tasks = tasks::describe(c, cluster, &arns).await?;
    Ok(tasks.iter().filter_map(|task| another(task, digest)).collect())
}

fn another(task: &Task, digest: &str) -> Option<String> {
    let digests: Vec<&str> = task.containers().iter().filter_map(|one| one.image_digest()).collect();
    let differs = !digests.is_empty() && !digests.contains(&digest);
    differs.then(|| format!("task {} runs {}", last_segment(task.task_arn().unwrap_or_default()), digests.join(", ")))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Container;

    use super::*;

    fn task(digests: &[&str]) -> Task {
        let containers = digests.iter().map(|digest| Container::builder().image_digest(*digest).build()).collect();
        Task::builder().task_arn("arn:aws:ecs:us-east-1:1:task/c/0123").set_containers(Some(containers)).build()
    }

    #[test]
    fn task_of_another_image_is_reported() {
        assert_eq!(another(&task(&["sha256:1", "sha256:2"]), "sha256:2"), None);
        assert_eq!(another(&task(&[]), "sha256:2"), None);
        assert_eq!(another(&task(&["sha256:1"]), "sha256:2"), Some("task 0123 runs sha256:1".to_owned()));
    }
}
