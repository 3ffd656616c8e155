//! The success of a rollout. The SDK's waiter for a stable service also succeeds after a rollback, so it is not used. A
//! rollout succeeds when three conditions hold: the service deployment of our revision is SUCCESSFUL, our deployment is
//! the primary one with all its tasks running, and as many targets are healthy. For an endpoint that lists no service
//! deployments after the consistency window, the other two suffice. An error is never treated as an empty list.

use aws_sdk_ecs::types::{CreatedAt, ServiceDeploymentBrief, ServiceDeploymentStatus};
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use aws_smithy_types::DateTime;
use provisioner_model::{
    error::Result,
    resource::{Observed, Phase},
};

use super::{
    Service,
    phase::{DeploymentReceipt, ours, phase},
};
use crate::{cloud::Reader, error::api, value::text};

const LIST: &str = "ecs:ListServiceDeployments";
const DESCRIBE: &str = "ecs:DescribeServiceDeployments";
const REVISIONS: &str = "ecs:DescribeServiceRevisions";
const HEALTH: &str = "elasticloadbalancing:DescribeTargetHealth";

/// A service deployment may read as made a little before the deployment that stands for it.
const EARLIER: i64 = 5;

/// Returns the progress of the rollout. `window_elapsed`: the consistency window has passed.
pub(super) async fn poll_rollout(
    c: &Reader,
    observed: &Observed<Service>,
    receipt: &DeploymentReceipt,
    window_elapsed: bool,
) -> Result<Phase> {
    let phase = settled(phase(&observed.outputs, Some(receipt)), window_elapsed);
    if phase == Phase::Gone {
        return Ok(phase);
    }
    let listed = listed(c, observed, receipt).await?;
    let Some(deployment) = of_our_revision(c, &listed, receipt).await? else {
        return match phase {
            Phase::Ready if listed.is_empty() && window_elapsed => healthy(c, observed, receipt).await,
            Phase::Ready => Ok(Phase::Pending),
            phase => Ok(phase),
        };
    };
    match deployment.status() {
        Some(ServiceDeploymentStatus::Successful) if phase == Phase::Ready => healthy(c, observed, receipt).await,
        Some(ServiceDeploymentStatus::Successful) => Ok(phase),
        Some(
            status @ (ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed),
        ) => {
            let why = reason(c, deployment).await?;
            Ok(Phase::Failed {
                why: format!("its deployment {} ended as {status}: {why}", receipt.deployment),
                remedy: None,
            })
        }
        // Requested or under way, back or forth: how it ends is told by one of those above.
        _ => Ok(Phase::Pending),
    }
}

/// Returns the phase as far as a read within the consistency window proves it. Such a read may be older than our
/// deployment, which then seems to have been taken back.
pub(super) fn settled(phase: Phase, window_elapsed: bool) -> Phase {
    match phase {
        Phase::Failed { .. } if !window_elapsed => Phase::Pending,
        phase => phase,
    }
}

/// The service deployments that are not older than ours.
async fn listed(
    c: &Reader,
    observed: &Observed<Service>,
    receipt: &DeploymentReceipt,
) -> Result<Vec<ServiceDeploymentBrief>> {
    let since = receipt.at.map(|at| at - EARLIER);
    let created = since.map(|since| CreatedAt::builder().after(DateTime::from_secs(since)).build());
    let (mut listed, mut next) = (vec![], None);
    loop {
        let request =
            c.ecs().list_service_deployments().service(&observed.outputs.name).cluster(&observed.outputs.cluster);
        let answer = request.set_created_at(created.clone()).set_next_token(next).send().await.map_err(api(LIST))?;
        listed.extend(answer.service_deployments.unwrap_or_default());
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            break;
        }
    }
    listed.retain(|one| since.zip(one.created_at()).is_none_or(|(since, at)| at.secs() >= since));
    listed.sort_by_key(|one| std::cmp::Reverse(one.created_at().map(DateTime::secs)));
    Ok(listed)
}

/// The latest that rolls out our revision of the task definition.
async fn of_our_revision<'a>(
    c: &Reader,
    listed: &'a [ServiceDeploymentBrief],
    receipt: &DeploymentReceipt,
) -> Result<Option<&'a ServiceDeploymentBrief>> {
    // At most twenty a call: those before were superseded long ago.
    let recent = || listed.iter().filter_map(|one| Some((one, one.target_service_revision_arn()?))).take(20);
    if recent().next().is_none() {
        return Ok(None);
    }
    let arns = recent().map(|(_, arn)| arn.to_owned()).collect();
    let request = c.ecs().describe_service_revisions().set_service_revision_arns(Some(arns));
    let answer = request.send().await.map_err(api(REVISIONS))?;
    let is_ours = |arn: &str| {
        let revisions = answer.service_revisions().iter();
        let mut same = revisions.filter(|one| one.service_revision_arn() == Some(arn));
        same.any(|one| one.task_definition() == Some(&receipt.task_definition))
    };
    Ok(recent().find(|(_, arn)| is_ours(arn)).map(|(one, _)| one))
}

/// Returns AWS's reason for the end of a deployment.
async fn reason(c: &Reader, deployment: &ServiceDeploymentBrief) -> Result<String> {
    let arn = deployment.service_deployment_arn().unwrap_or_default();
    let request = c.ecs().describe_service_deployments().service_deployment_arns(arn);
    let answer = request.send().await.map_err(api(DESCRIBE))?;
    let whole = answer.service_deployments().first();
    let rollback = whole.and_then(|one| one.rollback()).and_then(|rollback| rollback.reason());
    let status = whole.and_then(|one| one.status_reason()).or_else(|| deployment.status_reason());
    let mut reasons: Vec<&str> = vec![];
    for reason in [status, rollback].into_iter().flatten().filter(|reason| !reason.is_empty()) {
        if !reasons.iter().any(|said| said.contains(reason)) {
            reasons.push(reason);
        }
    }
    Ok(if reasons.is_empty() { "AWS gives no reason".to_owned() } else { reasons.join("; ") })
}

/// Ready as soon as each target group has as many healthy targets as there are to be tasks.
async fn healthy(c: &Reader, observed: &Observed<Service>, receipt: &DeploymentReceipt) -> Result<Phase> {
    let desired = ours(&observed.outputs, receipt).map_or(0, |one| one.desired);
    for target in &observed.inputs.load_balancers {
        let request = c.elb().describe_target_health().set_target_group_arn(text(&target.target_group_arn));
        let answer = request.send().await.map_err(api(HEALTH))?;
        let states = answer.target_health_descriptions().iter().filter_map(|one| one.target_health()?.state());
        let healthy = states.filter(|state| **state == TargetHealthStateEnum::Healthy).count();
        if usize::try_from(desired).is_ok_and(|desired| healthy < desired) {
            return Ok(Phase::Pending);
        }
    }
    Ok(Phase::Ready)
}
