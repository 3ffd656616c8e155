//! `aws:ecs:service` — keeps so many tasks running, behind a load balancer, and rolls out new revisions.
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
mod sdk;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use provisioner_model::{
    error::Result,
    resource::{Actions, Created, Field, Id, Name, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource},
};
use serde_json::{Value, json};

use self::{
    calls::{describe, live},
    observed::{id_of, to_observed},
    phase::DeploymentReceipt,
};
pub use self::{
    inputs::{CircuitBreaker, Deployment, DeploymentAlarms, Placement, Service, ServiceRegistry, ServiceTarget},
    observed::{Rollout, ServiceOutputs},
};
use super::{is_name, our_tags};
use crate::{
    cloud::{Aws, Reader, Writer},
    tags::made_for,
};

impl Resource for Service {
    const TYPE: &'static str = "aws:ecs:service";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("cluster").replaces(),
        Field::new("task_definition"),
        Field::new("desired_count").initial(),
        Field::new("launch_type").replaces(),
        Field::new("capacity").set(),
        Field::new("platform_version"),
        Field::new("subnets").set(),
        Field::new("security_groups").set(),
        Field::new("public_ip"),
        Field::new("load_balancers").set(),
        Field::new("listeners").write_only().may_dangle(),
        Field::new("service_registries").set(),
        Field::new("deployment"),
        Field::new("deployment_controller").replaces(),
        Field::new("health_check_grace_seconds"),
        Field::new("az_rebalancing"),
        Field::new("execute_command"),
        Field::new("scheduling_strategy").replaces(),
        Field::new("placement_constraints").set(),
        Field::new("placement_strategy"),
        Field::new("propagate_tags"),
        Field::new("managed_tags"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["cluster", "name"]];
    const NAME: Option<Name> = Some(Name::new("name", 255));
    const TAGGED: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["rollouts"];
    const ACTIONS: Actions = Actions {
        read: &["ecs:DescribeServices"],
        create: &["ecs:CreateService", "ecs:TagResource", "iam:CreateServiceLinkedRole"],
        // With what follows and explains a rollout: whoever only plans needs none of that, and no logs least of all.
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
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("clientToken", "the engine's token"),
        ("role", "the service-linked role: `awsvpc` needs it"),
        ("loadBalancers.advancedConfiguration", "for blue and green, not so far; so too lifecycle hooks and canaries"),
        ("loadBalancers.loadBalancerName", "classic load balancers, which are of the past"),
        ("serviceConnectConfiguration", "not so far"),
        ("volumeConfigurations", "not so far"),
        ("vpcLatticeConfigurations", "not so far"),
        ("monitoring", "not so far"),
        ("gatewayConnectors", "new, not so far"),
    ];
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
        // Without a receipt, as where the answer to its create was lost, it is the one that is there.
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
        let mut before = match recorded {
            Some(recorded) => json!(recorded),
            None => return Some(json!({ "desired_count": 0 })),
        };
        // How many is autoscaling's, but for none.
        if let Some(fields) =
            before.as_object_mut().filter(|_| recorded.is_some_and(|recorded| recorded.desired_count != Some(0)))
        {
            fields.remove("desired_count");
        }
        Some(before)
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
        let there = live(self, c).await?;
        there.iter().filter(|one| made_for(&our_tags(one.tags()), owner)).map(id_of).collect()
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        live(self, c).await?.iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        self.send_create(c, owner).await
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        self.send_update(c, recorded, observed).await
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        Self::send_delete(c, recorded).await
    }
}
