//! The calls behind a status.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{self as ecs, DesiredStatus};
use aws_smithy_types::DateTime;
use futures::future::join_all;
use provisioner_model::{
    ErrorKind, Schema,
    error::{Error, Result},
    resource::Cloud,
    state::Snapshot,
};

use super::{
    AlarmStatus, DatabaseStatus, DeploymentStatus, ServiceEvent, ServiceStatus, Status, TargetStatus, TargetsStatus,
    TaskStatus, Unread,
};
use crate::{
    cloud::{Aws, Clients},
    cloudwatch::Alarm,
    ecs::{Service, TaskDefinition, tasks},
    elb::TargetGroup,
    error::api,
    operations::objects::{At, all, parts, short},
    rds::Instance,
};

/// So many tasks that ended are shown: AWS keeps them for an hour.
const ENDED: usize = 3;

/// Looks at everything that the state knows of. A part that cannot be read is named in [`Status::unread`].
pub async fn status(aws: &Aws, state: &Snapshot) -> Status {
    let reader = aws.reader();
    let c: &Clients = &reader;
    let mut status = Status::default();
    let mut keep = |what: &str, error: &Error| {
        status.unread.push(Unread { what: what.to_owned(), why: error.chain() });
    };
    let (services, targets, databases, alarms) =
        futures::join!(services(c, state), targets(c, state), databases(c, state), alarms(c, state));
    let (services, unread) = services;
    unread.iter().for_each(|error| keep("services and tasks", error));
    let (targets, unread): (Vec<_>, Vec<_>) = targets.into_iter().partition(Result::is_ok);
    unread.iter().filter_map(|unread| unread.as_ref().err()).for_each(|error| keep("targets", error));
    let databases = databases.inspect_err(|error| keep("databases", error)).unwrap_or_default();
    let alarms = alarms.inspect_err(|error| keep("alarms", error)).unwrap_or_default();
    let targets = targets.into_iter().flatten().collect();
    Status { services, targets, databases, alarms, ..status }
}

async fn services(c: &Clients, state: &Snapshot) -> (Vec<ServiceStatus>, Vec<Error>) {
    let mut clusters: BTreeMap<String, Vec<At>> = BTreeMap::new();
    for at in all::<Service>(state) {
        clusters.entry(parts(&at.id).0.to_owned()).or_default().push(at);
    }
    let batches = clusters.iter().flat_map(|(cluster, all)| all.chunks(10).map(move |some| (cluster, some)));
    let read = join_all(batches.map(|(cluster, some)| async move {
        let described = describe(c, cluster, some).await;
        let tasks = join_all(some.iter().map(|at| tasks(c, cluster, parts(&at.id).1))).await;
        (some, described, tasks)
    }));
    let newest = newest(state);
    let (mut services, mut unread) = (vec![], vec![]);
    for (some, described, tasks) in read.await {
        let described = described.unwrap_or_else(|error| {
            unread.push(error);
            vec![]
        });
        for (at, tasks) in some.iter().zip(tasks) {
            let tasks = tasks.unwrap_or_else(|error| {
                unread.push(error);
                vec![]
            });
            let observed = described.iter().find(|observed| observed.service_name() == Some(parts(&at.id).1));
            services.push(service(at, observed, tasks, &newest));
        }
    }
    // What was not described is not missing.
    if !unread.is_empty() {
        services.retain(|service| service.status != MISSING);
    }
    (services, unread)
}

const MISSING: &str = "MISSING";

async fn describe(c: &Clients, cluster: &str, services: &[At]) -> Result<Vec<ecs::Service>> {
    let names = services.iter().map(|at| parts(&at.id).1.to_owned()).collect();
    let answer = c.ecs().describe_services().cluster(cluster).set_services(Some(names)).send().await;
    match answer.map_err(api("ecs:DescribeServices")) {
        Ok(answer) => Ok(answer.services.unwrap_or_default()),
        Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
        Err(error) => Err(error),
    }
}

/// The newest revision that the state knows of each family.
fn newest(state: &Snapshot) -> BTreeMap<String, String> {
    let rows = state.rows.values().filter(|row| row.type_name == TaskDefinition::TYPE);
    let arns = rows.filter_map(|row| row.current()?.outputs.as_ref()?.get("arn")?.as_str().map(short));
    arns.filter_map(|arn| Some((arn.rsplit_once(':')?.0.to_owned(), arn.clone()))).collect()
}

fn service(
    at: &At,
    observed: Option<&ecs::Service>,
    tasks: Vec<TaskStatus>,
    newest: &BTreeMap<String, String>,
) -> ServiceStatus {
    let (cluster, name) = parts(&at.id);
    let known = ServiceStatus {
        address: at.address.clone(),
        cluster: cluster.to_owned(),
        name: name.to_owned(),
        tasks,
        ..ServiceStatus::default()
    };
    let Some(observed) = observed else { return ServiceStatus { status: MISSING.to_owned(), ..known } };
    let revision = observed.task_definition().map(short).unwrap_or_default();
    let family = revision.rsplit_once(':').map(|(family, _)| family).unwrap_or_default();
    ServiceStatus {
        status: observed.status().unwrap_or_default().to_owned(),
        newest: newest.get(family).filter(|newest| **newest != revision).cloned(),
        revision,
        desired: observed.desired_count(),
        running: observed.running_count(),
        pending: observed.pending_count(),
        deployments: observed.deployments().iter().map(deployment).collect(),
        event: observed.events().first().map(|event| ServiceEvent {
            at: event.created_at().map(DateTime::secs),
            message: event.message().unwrap_or_default().to_owned(),
        }),
        ..known
    }
}

fn deployment(observed: &ecs::Deployment) -> DeploymentStatus {
    DeploymentStatus {
        id: observed.id().unwrap_or_default().to_owned(),
        status: observed.status().unwrap_or_default().to_owned(),
        state: observed.rollout_state().map(|state| state.as_str().to_owned()),
        reason: observed.rollout_state_reason().map(str::to_owned),
        revision: observed.task_definition().map(short).unwrap_or_default(),
        desired: observed.desired_count(),
        running: observed.running_count(),
        failed: observed.failed_tasks(),
        started_at: observed.created_at().map(DateTime::secs),
    }
}

/// The tasks that run, and those that ended last: three calls, however many there are up to a hundred.
async fn tasks(c: &Clients, cluster: &str, service: &str) -> Result<Vec<TaskStatus>> {
    let list = |status| tasks::list(c, cluster, service, status);
    let (running, stopped) = futures::try_join!(list(DesiredStatus::Running), list(DesiredStatus::Stopped))?;
    let arns: BTreeSet<String> = running.into_iter().chain(stopped).collect();
    let arns: Vec<String> = arns.into_iter().collect();
    let all = tasks::describe(c, cluster, &arns).await?;
    let (mut ended, mut tasks): (Vec<TaskStatus>, Vec<TaskStatus>) =
        all.iter().map(task).partition(|task| task.stopped_at.is_some() || task.status == "STOPPED");
    tasks.sort_by_key(|task| task.started_at);
    ended.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
    ended.truncate(ENDED);
    tasks.append(&mut ended);
    Ok(tasks)
}

fn task(observed: &ecs::Task) -> TaskStatus {
    let health = observed.health_status().map(|health| health.as_str().to_owned());
    let ended = observed.containers().iter().find(|container| container.exit_code().is_some_and(|code| code != 0));
    let first = ended.or_else(|| observed.containers().first());
    TaskStatus {
        id: observed.task_arn().map(short).unwrap_or_default(),
        revision: observed.task_definition_arn().map(short).unwrap_or_default(),
        status: observed.last_status().unwrap_or_default().to_owned(),
        // A container without a check of its own reads UNKNOWN.
        health: health.filter(|health| health != "UNKNOWN"),
        digest: first.and_then(ecs::Container::image_digest).map(str::to_owned),
        zone: observed.availability_zone().map(str::to_owned),
        started_at: observed.started_at().map(DateTime::secs),
        stopped_at: observed.stopped_at().map(DateTime::secs),
        stopped_reason: stopped_reason(observed),
        exit_code: first.and_then(ecs::Container::exit_code),
    }
}

/// Returns the reason for a task's end, with its container's reason: a missing image, insufficient memory.
pub(in crate::operations) fn stopped_reason(observed: &ecs::Task) -> Option<String> {
    let reason = observed.stopped_reason()?;
    let of_container = observed.containers().iter().find_map(ecs::Container::reason);
    Some(match of_container.filter(|of_container| !reason.contains(of_container)) {
        Some(of_container) => format!("{reason}: {of_container}"),
        None => reason.to_owned(),
    })
}

async fn targets(c: &Clients, state: &Snapshot) -> Vec<Result<TargetsStatus>> {
    join_all(all::<TargetGroup>(state).into_iter().map(|at| async move {
        let answer = c.elb().describe_target_health().target_group_arn(&at.id).send().await;
        let answer = answer.map_err(api("elasticloadbalancing:DescribeTargetHealth"))?;
        let target = |observed: &aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription| {
            let health = observed.target_health();
            TargetStatus {
                id: observed.target().and_then(|target| target.id()).unwrap_or_default().to_owned(),
                port: observed.target().and_then(aws_sdk_elasticloadbalancingv2::types::TargetDescription::port),
                state: health.and_then(|health| health.state()).map_or("unknown", |state| state.as_str()).to_owned(),
                reason: health.and_then(|health| health.description()).map(str::to_owned),
            }
        };
        let mut targets: Vec<TargetStatus> = answer.target_health_descriptions().iter().map(target).collect();
        targets.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(TargetsStatus { address: at.address, targets })
    }))
    .await
}

async fn databases(c: &Clients, state: &Snapshot) -> Result<Vec<DatabaseStatus>> {
    let known = all::<Instance>(state);
    if known.is_empty() {
        return Ok(vec![]);
    }
    let ids = known.iter().map(|at| at.id.clone()).collect();
    let filter = aws_sdk_rds::types::Filter::builder().name("db-instance-id").set_values(Some(ids)).build();
    let mut pages = c.rds().describe_db_instances().filters(filter).into_paginator().items().send();
    let mut observed = vec![];
    while let Some(one) = pages.try_next().await.map_err(api("rds:DescribeDBInstances"))? {
        observed.push(one);
    }
    let status = |at: &At| {
        let known = DatabaseStatus { address: at.address.clone(), name: at.id.clone(), ..DatabaseStatus::default() };
        let Some(observed) = observed.iter().find(|observed| observed.db_instance_identifier() == Some(&at.id)) else {
            return DatabaseStatus { status: MISSING.to_lowercase(), ..known };
        };
        DatabaseStatus {
            status: observed.db_instance_status().unwrap_or_default().to_owned(),
            engine: format!(
                "{} {}",
                observed.engine().unwrap_or_default(),
                observed.engine_version().unwrap_or_default()
            ),
            class: observed.db_instance_class().unwrap_or_default().to_owned(),
            storage: observed.allocated_storage(),
            multi_az: observed.multi_az().unwrap_or_default(),
            ..known
        }
    };
    Ok(known.iter().map(status).collect())
}

async fn alarms(c: &Clients, state: &Snapshot) -> Result<Vec<AlarmStatus>> {
    let known = all::<Alarm>(state);
    let read = join_all(known.chunks(100).map(|some| async move {
        let names = some.iter().map(|at| at.id.clone()).collect();
        let answer = c.cloudwatch().describe_alarms().set_alarm_names(Some(names)).max_records(100).send().await;
        answer.map(|answer| answer.metric_alarms.unwrap_or_default()).map_err(api("cloudwatch:DescribeAlarms"))
    }));
    let mut observed = vec![];
    for some in read.await {
        observed.extend(some?);
    }
    let status = |at: &At| {
        let known = AlarmStatus { address: at.address.clone(), name: at.id.clone(), ..AlarmStatus::default() };
        let Some(observed) = observed.iter().find(|observed| observed.alarm_name() == Some(&at.id)) else {
            return AlarmStatus { state: MISSING.to_owned(), ..known };
        };
        AlarmStatus {
            state: observed.state_value().map(|state| state.as_str().to_owned()).unwrap_or_default(),
            reason: observed.state_reason().map(str::to_owned),
            since: observed.state_updated_timestamp().map(DateTime::secs),
            ..known
        }
    };
    Ok(known.iter().map(status).collect())
}
