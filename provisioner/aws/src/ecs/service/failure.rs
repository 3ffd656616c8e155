//! The explanation of a failed rollout: stopped tasks and their reasons, the containers' last log lines, and unhealthy
//! targets. It accompanies an error, so it never fails: it omits information that cannot be read.

use aws_sdk_ecs::types::{self, Container, ContainerDefinition, DesiredStatus, Task};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};
use provisioner_model::resource::Id;

use super::Service;
use crate::{
    cloud::Clients,
    ecs::{last_segment, tasks},
};

/// So many of a container's last lines are shown.
const LINES: i32 = 10;
/// So many targets and events are.
const FEW: usize = 3;

/// Describes the tasks of a deployment, given by its ID and the ARN of its revision.
pub(super) async fn service(c: &Clients, id: &Id<Service>, ours: Option<(&str, &str)>) -> Vec<String> {
    let Some((cluster, name)) = id.as_str().split_once('/') else { return vec![] };
    let mut lines = vec![];
    let stopped = newest(c, cluster, name, DesiredStatus::Stopped, ours).await;
    // One that runs and is of no use has last words as well.
    let task = match stopped {
        Some(task) => Some(task),
        None => newest(c, cluster, name, DesiredStatus::Running, ours).await,
    };
    if let Some(task) = &task {
        lines.push(end_of(task));
        lines.extend(task.containers().iter().filter_map(end_of_container));
        lines.extend(last_words(c, task).await);
    }
    let service = described(c, cluster, name).await;
    for target in service.iter().flat_map(types::Service::load_balancers) {
        lines.extend(unhealthy(c, target.target_group_arn()).await);
    }
    if task.is_none() {
        // What could not even be started has no task: the service's own events say why.
        let events = service.iter().flat_map(types::Service::events).take(FEW);
        lines.extend(events.filter_map(|event| event.message()).map(|message| format!("ECS: {message}")));
    }
    lines
}

async fn described(c: &Clients, cluster: &str, name: &str) -> Option<types::Service> {
    let answer = c.ecs().describe_services().cluster(cluster).services(name).send().await.ok()?;
    answer.services?.into_iter().next()
}

/// The deployment's task that stopped, or began, last.
async fn newest(
    c: &Clients,
    cluster: &str,
    service: &str,
    status: DesiredStatus,
    ours: Option<(&str, &str)>,
) -> Option<Task> {
    let arns = tasks::list(c, cluster, service, status).await.ok()?;
    let tasks = tasks::describe(c, cluster, &arns).await.ok()?;
    let is_ours = |task: &Task| {
        ours.is_none_or(|(deployment, revision)| {
            task.started_by() == Some(deployment) || task.task_definition_arn() == Some(revision)
        })
    };
    let at = |task: &Task| task.stopped_at().or_else(|| task.created_at()).map(aws_smithy_types::DateTime::secs);
    tasks.into_iter().filter(is_ours).max_by_key(at)
}

fn end_of(task: &Task) -> String {
    let id = last_segment(task.task_arn().unwrap_or_default());
    let reason = task.stopped_reason().filter(|reason| !reason.is_empty());
    if task.last_status() != Some("STOPPED") && reason.is_none() {
        return format!("task {id} is {}", task.last_status().unwrap_or("there").to_lowercase());
    }
    let code = task.stop_code().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("task {id} stopped: {}{code}", reason.unwrap_or("ECS gives no reason"))
}

fn end_of_container(container: &Container) -> Option<String> {
    let code = container.exit_code().map(|code| format!("exit code {code}"));
    let reason = container.reason().map(str::to_owned);
    let what: Vec<String> = code.into_iter().chain(reason).collect();
    (!what.is_empty()).then(|| format!("container {}: {}", container.name().unwrap_or("?"), what.join(", ")))
}

/// The last lines of each of its containers that logs to CloudWatch.
async fn last_words(c: &Clients, task: &Task) -> Vec<String> {
    let Some(revision) = task.task_definition_arn() else { return vec![] };
    let Ok(answer) = c.ecs().describe_task_definition().task_definition(revision).send().await else { return vec![] };
    let id = last_segment(task.task_arn().unwrap_or_default());
    let mut lines = vec![];
    let containers = answer.task_definition().map(types::TaskDefinition::container_definitions);
    for (group, stream) in containers.into_iter().flatten().filter_map(|one| stream(one, id)) {
        let request = c.logs().get_log_events().log_group_name(&group).log_stream_name(&stream).limit(LINES);
        let Ok(answer) = request.start_from_head(false).send().await else { continue };
        let events = answer.events().iter().filter_map(|event| event.message());
        let mut said = events.map(|message| format!("  | {}", message.trim_end())).peekable();
        if said.peek().is_some() {
            lines.push(format!("the last of {group}, {stream}:"));
            lines.extend(said);
        }
    }
    lines
}

/// Returns the log group and stream of a task's container.
fn stream(container: &ContainerDefinition, task: &str) -> Option<(String, String)> {
    let options = container.log_configuration()?.options()?;
    let prefix = options.get("awslogs-stream-prefix")?;
    Some((options.get("awslogs-group")?.clone(), format!("{prefix}/{}/{task}", container.name()?)))
}

async fn unhealthy(c: &Clients, group: Option<&str>) -> Vec<String> {
    let Some(group) = group else { return vec![] };
    let Ok(answer) = c.elb().describe_target_health().target_group_arn(group).send().await else { return vec![] };
    let line = |one: &TargetHealthDescription| {
        let (target, health) = (one.target()?, one.target_health()?);
        let state = health.state().filter(|state| **state != TargetHealthStateEnum::Healthy)?;
        let port = target.port().map(|port| format!(":{port}")).unwrap_or_default();
        let why = health.description().map(|why| format!(": {why}")).unwrap_or_default();
        Some(format!("target {}{port} is {state}{why}", target.id().unwrap_or("?")))
    };
    answer.target_health_descriptions().iter().filter_map(line).take(FEW).collect()
}
