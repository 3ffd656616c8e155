//! One task of its own, from the revision that a service runs: migrations, a new administrator. Its log is followed, and
//! its exit code is what the task's first essential container ends with.

use aws_sdk_ecs::types::{self as ecs, ContainerOverride, PropagateTags, Task, TaskOverride};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    resource::Cloud,
};

use super::{
    logs::{LogSource, Tail, describe, missing, sources},
    objects::{At, parts, short},
    status::stopped_reason,
};
use crate::{
    cloud::Aws,
    error::{api, need},
};

/// The parameters of a one-off task.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// Service whose revision, network and capacity the task uses.
    pub service: &'a At,
    /// The container that gets the arguments; the first essential one if not stated.
    pub container: Option<&'a str>,
    /// The arguments, instead of the container's own.
    pub arguments: &'a [String],
    /// User that starts the task, for information; at most 128 characters.
    pub started_by: &'a str,
    /// Ours: AWS starts one task for it, however often it is asked.
    pub token: &'a str,
}

/// A task that was started.
#[derive(Clone, Debug)]
pub struct OneOff {
    cluster: String,
    arn: String,
    container: String,
    sources: Vec<LogSource>,
    /// The last part of its ARN.
    pub id: String,
    /// Revision of the task, such as `app:5`.
    pub revision: String,
}

/// The progress of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `PROVISIONING`, `PENDING`, `RUNNING`, …
    Going(String),
    /// The task has ended.
    Ended {
        /// Exit code of the container; `None` if it did not start.
        exit_code: Option<i32>,
        /// Reason, if the task was stopped.
        reason: Option<String>,
    },
}

/// Starts a one-off task.
pub async fn start(aws: &Aws, order: &Order<'_>) -> Result<OneOff> {
    let reader = aws.reader();
    let (cluster, name) = parts(&order.service.id);
    let answer = reader.ecs().describe_services().cluster(cluster).services(name).send().await;
    let answer = answer.map_err(api("ecs:DescribeServices"))?;
    let Some(service) = answer.services().first() else { return Err(missing(order.service)) };
    let definition = need("ecs:DescribeServices", service.task_definition(), "taskDefinition")?;
    let definition = describe(&reader, &definition).await?;
    let container = container(&definition, order.container)?;
    let task = run(aws, order, service, &definition, &container).await?;
    let arn = need(RUN, task.task_arn(), "taskArn")?;
    let id = short(&arn);
    let own = sources(&definition).into_iter();
    let own = own.filter_map(|source| Some(LogSource { streams: Some(source.streams? + &id), ..source }));
    Ok(OneOff {
        cluster: cluster.to_owned(),
        sources: own.collect(),
        revision: definition.task_definition_arn().map(short).unwrap_or_default(),
        arn,
        container,
        id,
    })
}

const RUN: &str = "ecs:RunTask";

async fn run(
    aws: &Aws,
    order: &Order<'_>,
    service: &ecs::Service,
    definition: &ecs::TaskDefinition,
    container: &str,
) -> Result<Task> {
    let overrides = ContainerOverride::builder().name(container).set_command(Some(order.arguments.to_vec())).build();
    let started_by: String = order.started_by.chars().take(128).collect();
    let request = aws
        .writer()
        .ecs()
        .run_task()
        .set_cluster(service.cluster_arn().map(str::to_owned))
        .set_task_definition(definition.task_definition_arn().map(str::to_owned))
        .overrides(TaskOverride::builder().container_overrides(overrides).build())
        .set_network_configuration(service.network_configuration().cloned())
        .set_launch_type(service.launch_type().cloned().filter(|_| service.capacity_provider_strategy().is_empty()))
        .set_capacity_provider_strategy(
            Some(service.capacity_provider_strategy().to_vec()).filter(|all| !all.is_empty()),
        )
        .set_platform_version(service.platform_version().map(str::to_owned))
        .propagate_tags(PropagateTags::TaskDefinition)
        .started_by(started_by)
        .client_token(order.token)
        .count(1);
    let mut answer = request.clone().send().await.map_err(api(RUN));
    // Whether an answer that was lost started it, the token tells: with it, the call may be sent again.
    if answer.as_ref().is_err_and(|error| error.kind == ErrorKind::Unknown) {
        answer = request.send().await.map_err(api(RUN));
    }
    let answer = answer?;
    match (answer.tasks().first(), answer.failures().first()) {
        (Some(task), _) => Ok(task.clone()),
        (None, Some(failure)) => {
            let why = [failure.reason(), failure.detail()].into_iter().flatten().collect::<Vec<_>>().join(": ");
            Err(Error::because(ErrorKind::Refused, RUN, format!("AWS started no task: {why}")))
        }
        (None, None) => Err(Error::missing(RUN, "tasks")),
    }
}

fn container(definition: &ecs::TaskDefinition, wanted: Option<&str>) -> Result<String> {
    let all = definition.container_definitions();
    let found = match wanted {
        Some(wanted) => all.iter().find(|one| one.name() == Some(wanted)),
        None => all.iter().find(|one| one.essential() != Some(false)),
    };
    found.and_then(|one| one.name()).map(str::to_owned).ok_or_else(|| {
        let names: Vec<&str> = all.iter().filter_map(|one| one.name()).collect();
        let why = format!("the task definition has no container {}: {}", wanted.unwrap_or("to run"), names.join(", "));
        Error::because(ErrorKind::Refused, RUN, why)
    })
}

impl OneOff {
    /// Returns a reader of the task's log.
    pub fn log<'a>(&self, aws: &'a Aws) -> Tail<'a> {
        Tail::new(aws, self.sources.clone(), 0, None)
    }

    /// Returns the task's progress. A task that AWS does not list yet is pending.
    pub async fn stage(&self, aws: &Aws) -> Result<Stage> {
        let reader = aws.reader();
        let request = reader.ecs().describe_tasks().cluster(&self.cluster).tasks(&self.arn);
        let answer = request.send().await.map_err(api("ecs:DescribeTasks"))?;
        let Some(task) = answer.tasks().first() else { return Ok(Stage::Going("PROVISIONING".to_owned())) };
        let status = task.last_status().unwrap_or_default();
        if status != "STOPPED" {
            return Ok(Stage::Going(status.to_owned()));
        }
        let container = task.containers().iter().find(|one| one.name() == Some(&self.container));
        Ok(Stage::Ended { exit_code: container.and_then(ecs::Container::exit_code), reason: stopped_reason(task) })
    }

    /// Stops the running task.
    pub async fn stop(&self, aws: &Aws, why: &str) -> Result<()> {
        let request = aws.writer().ecs().stop_task().cluster(&self.cluster).task(&self.arn).reason(why);
        request.send().await.map(drop).map_err(api("ecs:StopTask"))
    }
}
