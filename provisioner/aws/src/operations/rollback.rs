//! The revision for a rollback, and its differences.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{ServiceDeploymentStatus, SortOrder, TaskDefinition, TaskDefinitionStatus};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    resource::Cloud,
};

use super::{
    logs::{describe, missing},
    objects::{At, parts, short},
};
use crate::{
    cloud::{Aws, Clients},
    error::{api, need},
};

/// The revisions of a rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackTarget {
    /// Current revision of the service.
    pub from: Revision,
    /// Revision after the rollback.
    pub to: Revision,
    /// `true` if AWS says that `to` was rolled out successfully; none where it does not tell.
    pub succeeded: Option<bool>,
}

/// A revision of a task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// ARN of the revision.
    pub arn: String,
    /// Name such as `app:5`.
    pub name: String,
    /// Each container with its image.
    pub images: Vec<(String, String)>,
    /// Registration time in seconds since 1970.
    pub registered_at: Option<i64>,
}

/// A reason for which a rollback is impossible.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// There is no such revision.
    #[error("{0}")]
    Revision(String),
    /// A call to AWS failed.
    #[error(transparent)]
    Call(#[from] Error),
}

/// The way back: to `wanted`, a number or `family:number`, or else to the newest older revision that AWS says was rolled
/// out successfully. Where AWS lists no deployments, to the newest older one.
pub async fn way(aws: &Aws, service: &At, wanted: Option<&str>) -> Result<RollbackTarget, RollbackError> {
    let reader = aws.reader();
    let (cluster, name) = parts(&service.id);
    let answer = reader.ecs().describe_services().cluster(cluster).services(name).send().await;
    let answer = answer.map_err(api("ecs:DescribeServices"))?;
    let Some(observed) = answer.services().first() else { return Err(missing(service).into()) };
    let running = need("ecs:DescribeServices", observed.task_definition(), "taskDefinition")?;
    let name = short(&running);
    let (family, now) = name
        .rsplit_once(':')
        .and_then(|(family, number)| Some((family, number.parse().ok()?)))
        .ok_or_else(|| RollbackError::Revision(format!("{running} is no revision")))?;
    let (active, good) = futures::join!(active(&reader, family), good(&reader, cluster, service));
    let (active, good) = (active?, good?);
    let number = choose(family, now, &active, good.as_ref(), wanted).map_err(RollbackError::Revision)?;
    let to = format!("{}:{number}", running.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(':'));
    let succeeded = good.map(|good| good.contains(&number));
    Ok(RollbackTarget { from: revision(&reader, &running).await?, to: revision(&reader, &to).await?, succeeded })
}

/// The revision to go to, or why there is none.
fn choose(
    family: &str,
    now: u32,
    active: &BTreeSet<u32>,
    good: Option<&BTreeSet<u32>>,
    wanted: Option<&str>,
) -> Result<u32, String> {
    let list =
        || match active.iter().filter(|number| **number != now).map(u32::to_string).collect::<Vec<_>>().join(", ") {
            list if list.is_empty() => "there is no other".to_owned(),
            list => format!("these can be run: {list}"),
        };
    let Some(wanted) = wanted else {
        let older = |number: &&u32| **number < now && good.is_none_or(|good| good.contains(number));
        return active.iter().rev().find(older).copied().ok_or_else(|| {
            let which = if good.is_some() { "that was rolled out successfully" } else { "that is active" };
            format!("{family} has no revision before {now} {which}; {}", list())
        });
    };
    let number = match wanted.rsplit_once(':') {
        Some((other, _)) if other != family => {
            return Err(format!("the service runs {family}; {wanted} belongs to another family"));
        }
        Some((_, number)) => number,
        None => wanted,
    };
    let number = number.parse().map_err(|_| format!("{wanted} is no revision: a number, or {family}:NUMBER"))?;
    if number == now {
        return Err(format!("the service already runs {family}:{number}"));
    }
    active.get(&number).copied().ok_or_else(|| format!("{family}:{number} is not active; {}", list()))
}

/// The revisions of a family that can be run.
async fn active(c: &Clients, family: &str) -> Result<BTreeSet<u32>> {
    let request = c.ecs().list_task_definitions().family_prefix(family).sort(SortOrder::Desc);
    let mut pages = request.status(TaskDefinitionStatus::Active).into_paginator().items().send();
    let mut all = BTreeSet::new();
    while let Some(arn) = pages.try_next().await.map_err(api("ecs:ListTaskDefinitions"))? {
        // The API calls it a prefix.
        all.extend(
            short(&arn).rsplit_once(':').filter(|(name, _)| *name == family).and_then(|(_, n)| n.parse::<u32>().ok()),
        );
    }
    Ok(all)
}

/// The revisions that were rolled out successfully; none where AWS does not tell: it keeps deployments for 90 days, and
/// began to list them late in 2024.
async fn good(c: &Clients, cluster: &str, service: &At) -> Result<Option<BTreeSet<u32>>> {
    const LIST: &str = "ecs:ListServiceDeployments";
    let request = c.ecs().list_service_deployments().cluster(cluster).service(parts(&service.id).1);
    let answer = request.status(ServiceDeploymentStatus::Successful).send().await.map_err(api(LIST));
    let deployments = match answer {
        Ok(answer) => answer.service_deployments.unwrap_or_default(),
        // An endpoint that does not know the call.
        Err(error) if matches!(error.kind, ErrorKind::Unknown | ErrorKind::Gone) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut arns: Vec<String> = deployments.into_iter().filter_map(|one| one.target_service_revision_arn).collect();
    arns.dedup();
    if arns.is_empty() {
        return Ok(None);
    }
    let mut all = BTreeSet::new();
    // The newest twenty deployments are enough.
    arns.truncate(20);
    let answer = c.ecs().describe_service_revisions().set_service_revision_arns(Some(arns)).send().await;
    for revision in answer.map_err(api("ecs:DescribeServiceRevisions"))?.service_revisions() {
        let name = revision.task_definition().map(short).unwrap_or_default();
        all.extend(name.rsplit_once(':').and_then(|(_, number)| number.parse::<u32>().ok()));
    }
    Ok(Some(all))
}

async fn revision(c: &Clients, arn: &str) -> Result<Revision> {
    let observed: TaskDefinition = describe(c, arn).await?;
    let image = |one: &aws_sdk_ecs::types::ContainerDefinition| {
        (one.name().unwrap_or_default().to_owned(), one.image().unwrap_or_default().to_owned())
    };
    Ok(Revision {
        arn: arn.to_owned(),
        name: short(arn),
        images: observed.container_definitions().iter().map(image).collect(),
        registered_at: observed.registered_at().map(aws_smithy_types::DateTime::secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_successful_revision_before_the_current_one() {
        let active = BTreeSet::from([2, 3, 4, 5, 7]);
        let pick = |good: Option<&[u32]>, wanted| {
            let good: Option<BTreeSet<u32>> = good.map(|good| good.iter().copied().collect());
            choose("app", 5, &active, good.as_ref(), wanted)
        };
        assert_eq!(pick(None, None), Ok(4));
        // 4 was rolled out and failed.
        assert_eq!(pick(Some(&[2, 3, 5]), None), Ok(3));
        assert!(pick(Some(&[5]), None).unwrap_err().contains("these can be run: 2, 3, 4, 7"));
        // What is asked for by name is taken, good or not, older or newer.
        assert_eq!(pick(Some(&[2]), Some("4")), Ok(4));
        assert_eq!(pick(None, Some("app:7")), Ok(7));
        assert!(pick(None, Some("6")).unwrap_err().contains("app:6 is not active"));
        assert!(pick(None, Some("5")).unwrap_err().contains("already"));
        assert!(pick(None, Some("web:4")).unwrap_err().contains("another family"));
        assert!(pick(None, Some("x")).unwrap_err().contains("no revision"));
        assert!(choose("app", 1, &BTreeSet::from([1]), None, None).unwrap_err().contains("there is no other"));
    }
}
