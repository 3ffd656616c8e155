//! `aws:ecs:service`: keeps a number of tasks running, behind a load balancer, and rolls out new revisions.
//!
//! Name, cluster, launch type, scheduling and deployment controller are fixed at creation, so a change to any of them
//! replaces it. Its id is `cluster/name`: with `service/` before it, what autoscaling calls it. A read takes one call
//! for each ten services of a cluster.
//!
//! A create or update hands out its deployment, and is done when AWS says that this one succeeded and the targets are
//! healthy: `poll_rollout.rs`. That is asked only while it is waited for. A rollout that fails is undone.
//! API: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>

mod calls;
mod failure;
mod inputs;
mod observed;
mod phase;
mod poll_rollout;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use serde_json::{Value, json};

use self::{
    calls::{describe, live},
    inputs::Field,
    observed::{id_of, to_observed},
    phase::DeploymentReceipt,
};
pub use self::{
    inputs::{
        CircuitBreaker, Deployment, DeploymentAlarms, PlacementConstraint, PlacementStrategy, Service, ServiceRegistry,
        ServiceTarget,
    },
    observed::{Rollout, ServiceOutputs},
};
use super::{is_name, our_tags};
use crate::{prelude::*, tags::made_for};

impl Resource for Service {
    const IDEMPOTENT_CREATE: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["rollouts"];
    const ACTIONS: Actions = Actions {
        // Zones and subnets are for the check of a plan: see `preflight/fargate.rs`.
        read: &["ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets", "ecs:DescribeServices"],
        create: &["ecs:CreateService", "ecs:TagResource", "iam:CreateServiceLinkedRole"],
        // With the reads that follow and explain a rollout: a plan needs none of them, and must not read logs.
        update: &[
            "ecs:UpdateService",
            "ecs:TagResource",
            "ecs:UntagResource",
            "ecs:ListServiceDeployments",
            "ecs:DescribeServiceDeployments",
            "ecs:DescribeServiceRevisions",
            "elasticloadbalancing:DescribeTargetHealth",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ecs:DescribeTaskDefinition",
            "logs:GetLogEvents",
        ],
        delete: &["ecs:DeleteService"],
    };
    const READY_TIMEOUT: Duration = Duration::from_mins(20);
    type Cloud = Aws;
    type Outputs = ServiceOutputs;

    fn phase(_: Option<&Self>, observed: &Observed<Self>, receipt: Option<&Receipt>) -> Phase {
        phase::phase(&observed.outputs, DeploymentReceipt::read(receipt).as_ref())
    }

    async fn poll_rollout(
        c: &Reader,
        observed: &Observed<Self>,
        receipt: Option<&Receipt>,
        window_elapsed: bool,
    ) -> Result<Option<Phase>> {
        // Without a receipt, for instance after a lost answer, the primary deployment counts as ours.
        let Some(ours) = DeploymentReceipt::read(receipt).or_else(|| DeploymentReceipt::primary(&observed.outputs))
        else {
            return Ok(None);
        };
        poll_rollout::poll_rollout(c, observed, &ours, window_elapsed).await.map(Some)
    }

    async fn explain(c: &Reader, id: &Id<Self>, receipt: Option<&Receipt>) -> Vec<String> {
        let ours = DeploymentReceipt::read(receipt);
        failure::service(c, id, ours.as_ref().map(|ours| (&*ours.deployment, &*ours.task_definition))).await
    }

    fn rollback_inputs(recorded: Option<&Self>) -> Option<Value> {
        let count = Field::DesiredCount.name();
        let Some(recorded) = recorded else { return Some(json!({ count: 0 })) };
        let mut inputs = json!(recorded);
        // Autoscaling controls the number of tasks, except for zero.
        if let Some(fields) = inputs.as_object_mut().filter(|_| recorded.desired_count != Some(0)) {
            fields.remove(count);
        }
        Some(inputs)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let mut clusters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (cluster, name) in ids.iter().filter_map(|id| id.as_str().split_once('/')) {
            if is_name(cluster) && is_name(name) {
                clusters.entry(cluster).or_default().push(name);
            }
        }
        let calls =
            clusters.iter().flat_map(|(cluster, names)| names.chunks(10).map(|some| describe(c, cluster, some)));
        let mut found = ReadResults::new();
        for services in join_all(calls).await {
            for one in services? {
                found.push((id_of(&one)?, to_observed(&one)));
            }
        }
        Ok(found)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let live = live(self, c).await?;
        live.iter().filter(|one| made_for(&our_tags(one.tags()), owner)).map(id_of).collect()
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        live(self, c).await?.iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        self.send_create(c, owner).await
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        self.send_update(c, recorded, observed).await
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        Self::send_delete(c, recorded).await
    }
}
