//! The progress of a deployment, according to `DescribeServices`.

use aws_sdk_ecs::types::{self, DeploymentRolloutState};
use provisioner_model::resource::{Phase, Receipt};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Rollout, ServiceOutputs};

/// The receipt of a create or update: the deployment that it started, or the running one if it started none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeploymentReceipt {
    /// ID of the form `ecs-svc/…`.
    pub(super) deployment: String,
    /// ARN of the task definition's revision.
    pub(super) task_definition: String,
    /// Creation time in AWS, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<i64>,
}

impl DeploymentReceipt {
    pub(super) fn read(receipt: Option<&Receipt>) -> Option<Self> {
        serde_json::from_value(receipt?.clone()).ok()
    }

    /// The primary deployment.
    pub(super) fn primary(observed: &ServiceOutputs) -> Option<Self> {
        let primary = observed.rollouts.iter().find(|one| one.status == "PRIMARY")?;
        Some(Self { deployment: primary.id.clone(), task_definition: primary.task_definition.clone(), at: None })
    }
}

/// The receipt in a call's answer.
pub(super) fn receipt(service: &types::Service) -> Option<Receipt> {
    let primary = service.deployments().iter().find(|one| one.status() == Some("PRIMARY"))?;
    Some(json!(DeploymentReceipt {
        deployment: primary.id()?.to_owned(),
        task_definition: primary.task_definition().unwrap_or_default().to_owned(),
        at: primary.created_at().map(aws_smithy_types::DateTime::secs),
    }))
}

/// Our deployment, as long as AWS remembers it.
pub(super) fn ours<'a>(observed: &'a ServiceOutputs, receipt: &DeploymentReceipt) -> Option<&'a Rollout> {
    observed.rollouts.iter().find(|one| one.id == receipt.deployment)
}

/// Returns the lifecycle phase of the service and the progress of its deployment.
pub(super) fn phase(observed: &ServiceOutputs, receipt: Option<&DeploymentReceipt>) -> Phase {
    match observed.status.as_str() {
        "INACTIVE" => return Phase::Gone,
        "ACTIVE" => {}
        _ => return Phase::Pending,
    }
    let Some(receipt) = receipt else { return Phase::Ready };
    let id = &receipt.deployment;
    let Some(rollout) = ours(observed, receipt) else {
        return Phase::Failed { why: format!("its deployment {id} was taken back"), remedy: None };
    };
    match rollout.state.as_deref().map(DeploymentRolloutState::from) {
        Some(DeploymentRolloutState::Failed) => {
            let why = rollout.reason.clone().unwrap_or_else(|| format!("its deployment {id} failed"));
            Phase::Failed { why, remedy: None }
        }
        None | Some(DeploymentRolloutState::Completed)
            if rollout.status == "PRIMARY" && rollout.running >= rollout.desired =>
        {
            Phase::Ready
        }
        _ => Phase::Pending,
    }
}
