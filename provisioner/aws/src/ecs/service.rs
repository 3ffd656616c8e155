//! `aws:ecs:service` — keeps so many tasks running, behind a load balancer, and rolls out new revisions.
//!
//! Name, cluster, launch type, scheduling and deployment controller are fixed at creation, so a change to any of them
//! replaces it. Its id is `cluster/name`: with `service/` before it, what autoscaling calls it. A read takes one call
//! for each ten services of a cluster.
//!
//! A create or update hands out the id of its deployment. The service is ready once that one is the primary one,
//! reads COMPLETED, and as many tasks run as it wants. Whether those tasks serve, and what became of a deployment that
//! AWS rolled back and forgot, is not told here.
//! API: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_ecs::types::{
    self, AssignPublicIp, AvailabilityZoneRebalancing, AwsVpcConfiguration, DeploymentCircuitBreaker,
    DeploymentConfiguration, DeploymentController, DeploymentControllerType, DeploymentRolloutState,
    DeploymentStrategy, LaunchType, LoadBalancer, NetworkConfiguration, PlacementConstraint, PlacementConstraintType,
    PlacementStrategy, PlacementStrategyType, PropagateTags, SchedulingStrategy, ServiceField,
};
use futures::future::join_all;
use provisioner_model::{
    error::{Kind, Result},
    expr::In,
    resource::{Actions, Field, Found, Id, Made, Name, Observed, Owner, Phase, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    CapacityShare, Cluster, container::full, is_name, last, our_tags, sdk_shares, sdk_tags, seen_shares, sync_tags,
    unbuilt,
};
use crate::{
    cloud::{Aws, Clients, Reader, Writer},
    differing::Differing,
    ec2::{SecurityGroup, Subnet},
    elb::{Listener, TargetGroup},
    error::{api, api_with, gone_ok, need},
    tags::made_for,
    value::{text, texts},
};

/// Keeps so many tasks running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Letters, digits, `-` and `_`. Generated where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it runs.
    pub cluster: In<Id<Cluster>>,
    /// The ARN of the revision that it runs.
    pub task_definition: In<String>,
    /// With how many tasks it starts: autoscaling moves it afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<i32>,
    /// `FARGATE`, `EC2` or `EXTERNAL`; or `capacity` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<String>,
    /// On what capacity its tasks run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Vec<CapacityShare>>,
    /// Of Fargate: `LATEST` if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// Where its tasks get their addresses, with the network mode `awsvpc`.
    #[serde(default)]
    pub subnets: Vec<In<Id<Subnet>>>,
    /// Who may reach them.
    #[serde(default)]
    pub security_groups: Vec<In<Id<SecurityGroup>>>,
    /// Whether they get public addresses; no if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<bool>,
    /// The target groups that its tasks join.
    #[serde(default)]
    pub load_balancers: Vec<ServiceTarget>,
    /// Not told to AWS, for the order alone: made after these, since a target group without a listener is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<In<Id<Listener>>>,
    /// The names under which its tasks are found.
    #[serde(default)]
    pub service_registries: Vec<ServiceRegistry>,
    /// How a new revision is rolled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// Who rolls out: `ECS` (if not stated), `CODE_DEPLOY` or `EXTERNAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_controller: Option<String>,
    /// Seconds for which a fresh task may fail the load balancer's checks: 0 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_grace_seconds: Option<i32>,
    /// Whether tasks move so that zones have equal shares: `ENABLED` or `DISABLED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub az_rebalancing: Option<String>,
    /// Whether commands can be run in its containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_command: Option<bool>,
    /// `REPLICA` (if not stated) or `DAEMON`: one on each host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling_strategy: Option<String>,
    /// On which hosts; not on Fargate.
    #[serde(default)]
    pub placement_constraints: Vec<Placement>,
    /// In which order hosts are filled; not on Fargate.
    #[serde(default)]
    pub placement_strategy: Vec<Placement>,
    /// Whose tags tasks get: `SERVICE`, `TASK_DEFINITION` or `NONE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagate_tags: Option<String>,
    /// Whether tasks are tagged with cluster and service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_tags: Option<bool>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A target group that a service's tasks join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceTarget {
    /// The group. It must be in use by a listener.
    pub target_group: In<Id<TargetGroup>>,
    /// The container that answers.
    pub container: String,
    /// The port on which it does.
    pub port: i32,
}

/// A name under which tasks are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceRegistry {
    /// The ARN of a Cloud Map service.
    pub registry: In<String>,
    /// The port, for SRV records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The container's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_port: Option<i32>,
}

/// How a new revision is rolled out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// What ends a rollout whose tasks do not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
    /// So many tasks may there be, in percent of those wanted: 200 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_percent: Option<i32>,
    /// So many must there be: 100 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_healthy_percent: Option<i32>,
    /// Alarms that end a rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarms: Option<DeploymentAlarms>,
    /// `ROLLING` (if not stated); the others want a load balancer made for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// How long the old revision stays beside the new one, but for `ROLLING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_minutes: Option<i32>,
}

/// What ends a rollout whose tasks do not start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    /// Whether anything does.
    pub enable: bool,
    /// Whether the last good revision comes back.
    pub rollback: bool,
}

/// Alarms that end a rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeploymentAlarms {
    /// Their names.
    pub names: Vec<In<String>>,
    /// Whether they do.
    pub enable: bool,
    /// Whether the last good revision comes back.
    pub rollback: bool,
}

/// A rule about hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// `distinctInstance`, `memberOf`; `random`, `spread`, `binpack`.
    pub kind: String,
    /// The expression, or the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A deployment that AWS has under way, or the one that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// `ecs-svc/…`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// `COMPLETED`, `IN_PROGRESS` or `FAILED`, where AWS rolls out.
    #[serde(default)]
    pub state: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The revision's ARN.
    pub task_definition: String,
    /// How many tasks it wants.
    pub desired: i32,
    /// How many run.
    pub running: i32,
    /// How many did not start.
    pub failed: i32,
}

/// What AWS says of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceOutputs {
    /// `cluster/name`.
    pub id: Id<Service>,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its cluster's name.
    pub cluster: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// Its deployments, the primary one first.
    pub rollouts: Vec<Rollout>,
}

impl Service {
    /// Its ARN.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// Its name: an alarm's dimension `ServiceName`.
    pub const NAME: Output<Self, String> = Output::new("name");
    /// Its cluster's name: an alarm's dimension `ClusterName`.
    pub const CLUSTER: Output<Self, String> = Output::new("cluster");
    /// `cluster/name`: with `service/` before it, what autoscaling calls it.
    pub const PATH: Output<Self, String> = Output::new("id");

    /// A service in this cluster that runs this revision.
    pub fn new(cluster: In<Id<Cluster>>, task_definition: In<String>) -> Self {
        Self {
            name: None,
            cluster,
            task_definition,
            desired_count: None,
            launch_type: None,
            capacity: None,
            platform_version: None,
            subnets: vec![],
            security_groups: vec![],
            public_ip: None,
            load_balancers: vec![],
            listeners: vec![],
            service_registries: vec![],
            deployment: None,
            deployment_controller: None,
            health_check_grace_seconds: None,
            az_rebalancing: None,
            execute_command: None,
            scheduling_strategy: None,
            placement_constraints: vec![],
            placement_strategy: vec![],
            propagate_tags: None,
            managed_tags: None,
            tags: Tags::new(),
        }
    }

    fn network(&self) -> Result<Option<NetworkConfiguration>> {
        if self.subnets.is_empty() {
            return Ok(None);
        }
        let public = |on| if on { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
        let vpc = AwsVpcConfiguration::builder()
            .set_subnets(Some(texts(&self.subnets)))
            .set_security_groups(Some(texts(&self.security_groups)))
            .set_assign_public_ip(self.public_ip.map(public))
            .build()
            .map_err(unbuilt)?;
        Ok(Some(NetworkConfiguration::builder().awsvpc_configuration(vpc).build()))
    }

    fn sdk_deployment(&self) -> Result<Option<DeploymentConfiguration>> {
        let Some(want) = &self.deployment else { return Ok(None) };
        let breaker = want
            .circuit_breaker
            .as_ref()
            .map(|want| DeploymentCircuitBreaker::builder().enable(want.enable).rollback(want.rollback).build());
        let alarms = want.alarms.as_ref().map(|want| {
            types::DeploymentAlarms::builder()
                .set_alarm_names(Some(texts(&want.names)))
                .enable(want.enable)
                .rollback(want.rollback)
                .build()
                .map_err(unbuilt)
        });
        let sdk = DeploymentConfiguration::builder()
            .set_deployment_circuit_breaker(breaker)
            .set_maximum_percent(want.maximum_percent)
            .set_minimum_healthy_percent(want.minimum_healthy_percent)
            .set_alarms(alarms.transpose()?)
            .set_strategy(want.strategy.as_deref().map(DeploymentStrategy::from))
            .set_bake_time_in_minutes(want.bake_minutes);
        Ok(Some(sdk.build()))
    }

    fn targets(&self) -> Vec<LoadBalancer> {
        let target = |want: &ServiceTarget| {
            let sdk = LoadBalancer::builder().set_target_group_arn(text(&want.target_group));
            sdk.container_name(&want.container).container_port(want.port).build()
        };
        self.load_balancers.iter().map(target).collect()
    }

    fn registries(&self) -> Vec<types::ServiceRegistry> {
        let registry = |want: &ServiceRegistry| {
            types::ServiceRegistry::builder()
                .set_registry_arn(text(&want.registry))
                .set_port(want.port)
                .set_container_name(want.container.clone())
                .set_container_port(want.container_port)
                .build()
        };
        self.service_registries.iter().map(registry).collect()
    }

    fn constraints(&self) -> Vec<PlacementConstraint> {
        let constraint = |want: &Placement| {
            let kind = PlacementConstraintType::from(want.kind.as_str());
            PlacementConstraint::builder().r#type(kind).set_expression(want.by.clone()).build()
        };
        self.placement_constraints.iter().map(constraint).collect()
    }

    fn strategies(&self) -> Vec<PlacementStrategy> {
        let strategy = |want: &Placement| {
            let kind = PlacementStrategyType::from(want.kind.as_str());
            PlacementStrategy::builder().r#type(kind).set_field(want.by.clone()).build()
        };
        self.placement_strategy.iter().map(strategy).collect()
    }

    fn shares(&self) -> Result<Option<Vec<types::CapacityProviderStrategyItem>>> {
        self.capacity.as_deref().map(sdk_shares).transpose()
    }

    fn path(&self) -> String {
        let cluster = text(&self.cluster).unwrap_or_default();
        format!("{}/{}", last(&cluster), self.name.as_deref().unwrap_or_default())
    }
}

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
        update: &["ecs:UpdateService", "ecs:TagResource", "ecs:UntagResource"],
        delete: &["ecs:DeleteService"],
    };
    const NOT_INPUTS: &'static [(&'static str, &'static str)] = &[
        ("clientToken", "the engine's token"),
        ("role", "the service-linked role: `awsvpc` needs it"),
        ("loadBalancers.advancedConfiguration", "for blue and green, not so far; so too lifecycle hooks and canaries"),
        ("loadBalancers.loadBalancerName", "classic load balancers, which are of the past"),
        ("serviceConnectConfiguration", "not so far"),
        ("volumeConfigurations", "not so far"),
        ("vpcLatticeConfigurations", "not so far"),
        ("monitoring", "not so far"),
    ];
    const READY_WITHIN: Duration = Duration::from_mins(20);
    type Cloud = Aws;
    type Outputs = ServiceOutputs;

    fn phase(_: Option<&Self>, seen: &Observed<Self>, receipt: Option<&Receipt>) -> Phase {
        match seen.outputs.status.as_str() {
            "INACTIVE" => return Phase::Gone,
            "ACTIVE" => {}
            _ => return Phase::Pending,
        }
        let Some(ours) = receipt.and_then(Receipt::as_str) else { return Phase::Ready };
        let Some(rollout) = seen.outputs.rollouts.iter().find(|one| one.id == ours) else {
            return Phase::Failed { why: format!("its deployment {ours} was taken back"), cure: None };
        };
        match rollout.state.as_deref().map(DeploymentRolloutState::from) {
            Some(DeploymentRolloutState::Failed) => Phase::Failed {
                why: rollout.reason.clone().unwrap_or_else(|| format!("its deployment {ours} failed")),
                cure: None,
            },
            None | Some(DeploymentRolloutState::Completed)
                if rollout.status == "PRIMARY" && rollout.running >= rollout.desired =>
            {
                Phase::Ready
            }
            _ => Phase::Pending,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<Found<Self>> {
        let mut clusters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (cluster, name) in ids.iter().filter_map(|id| id.as_str().split_once('/')) {
            if is_name(cluster) && is_name(name) {
                clusters.entry(cluster).or_default().push(name);
            }
        }
        let calls =
            clusters.iter().flat_map(|(cluster, names)| names.chunks(10).map(|some| describe(c, cluster, some)));
        let mut found = Found::new();
        for services in join_all(calls).await {
            for one in services? {
                found.push((id_of(&one)?, observed(&one)));
            }
        }
        Ok(found)
    }

    async fn find(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let there = live(self, c).await?;
        there.iter().filter(|one| made_for(&our_tags(one.tags()), owner)).map(id_of).collect()
    }

    async fn existing(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        live(self, c).await?.iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Made<Self>> {
        let controller = self.deployment_controller.as_deref().map(|kind| {
            let kind = DeploymentControllerType::from(kind);
            DeploymentController::builder().r#type(kind).build().map_err(unbuilt)
        });
        let answer = c
            .ecs()
            .create_service()
            .client_token(&owner.token)
            .set_service_name(self.name.clone())
            .set_cluster(text(&self.cluster))
            .set_task_definition(text(&self.task_definition))
            .set_desired_count(self.desired_count)
            .set_launch_type(self.launch_type.as_deref().map(LaunchType::from))
            .set_capacity_provider_strategy(self.shares()?)
            .set_platform_version(self.platform_version.clone())
            .set_network_configuration(self.network()?)
            .set_load_balancers(full(self.targets()))
            .set_service_registries(full(self.registries()))
            .set_deployment_configuration(self.sdk_deployment()?)
            .set_deployment_controller(controller.transpose()?)
            .set_health_check_grace_period_seconds(self.health_check_grace_seconds)
            .set_availability_zone_rebalancing(self.az_rebalancing.as_deref().map(AvailabilityZoneRebalancing::from))
            .set_enable_execute_command(self.execute_command)
            .set_scheduling_strategy(self.scheduling_strategy.as_deref().map(SchedulingStrategy::from))
            .set_placement_constraints(full(self.constraints()))
            .set_placement_strategy(full(self.strategies()))
            .set_propagate_tags(self.propagate_tags.as_deref().map(PropagateTags::from))
            .set_enable_ecs_managed_tags(self.managed_tags)
            .set_tags(full(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api_with(CREATE, special))?;
        let service = need(CREATE, answer.service(), "service")?;
        Ok((Id::new(self.path()), receipt(&service)))
    }

    async fn update(&self, c: &Writer, was: &Recorded<Self>, seen: &Observed<Self>) -> Result<Option<Receipt>> {
        let differs = Differing::between(self, &was.inputs, &seen.inputs);
        let mut handed_out = None;
        if !differs.only(&["tags", "listeners"]) {
            let network = differs.any(&["subnets", "security_groups", "public_ip"]);
            let rebalancing = differs.pick("az_rebalancing", &self.az_rebalancing);
            let propagate = differs.pick("propagate_tags", &self.propagate_tags);
            let answer = c
                .ecs()
                .update_service()
                .cluster(&seen.outputs.cluster)
                .service(&seen.outputs.name)
                .set_task_definition(text(&self.task_definition).filter(|_| differs.has("task_definition")))
                .set_capacity_provider_strategy(self.shares()?.filter(|_| differs.has("capacity")))
                // Without it, the API refuses another capacity.
                .set_force_new_deployment(differs.has("capacity").then_some(true))
                .set_platform_version(differs.pick("platform_version", &self.platform_version))
                .set_network_configuration(self.network()?.filter(|_| network))
                .set_load_balancers(differs.has("load_balancers").then(|| self.targets()))
                .set_service_registries(differs.has("service_registries").then(|| self.registries()))
                .set_deployment_configuration(self.sdk_deployment()?.filter(|_| differs.has("deployment")))
                .set_health_check_grace_period_seconds(
                    differs.pick("health_check_grace_seconds", &self.health_check_grace_seconds),
                )
                .set_availability_zone_rebalancing(rebalancing.as_deref().map(AvailabilityZoneRebalancing::from))
                .set_enable_execute_command(differs.pick("execute_command", &self.execute_command))
                .set_placement_constraints(differs.has("placement_constraints").then(|| self.constraints()))
                .set_placement_strategy(differs.has("placement_strategy").then(|| self.strategies()))
                .set_propagate_tags(propagate.as_deref().map(PropagateTags::from))
                .set_enable_ecs_managed_tags(differs.pick("managed_tags", &self.managed_tags))
                .send()
                .await
                .map_err(api_with("ecs:UpdateService", special))?;
            handed_out = receipt(&need("ecs:UpdateService", answer.service(), "service")?);
        }
        sync_tags(c, &seen.outputs.arn, &self.tags, &was.inputs.tags, &seen.inputs.tags).await?;
        Ok(handed_out)
    }

    async fn delete(c: &Writer, last: &Recorded<Self>) -> Result<()> {
        let Some((cluster, name)) = last.id.as_str().split_once('/') else { return Ok(()) };
        // By force: its tasks end with it, so that nobody has to scale it down first.
        let answer = c.ecs().delete_service().cluster(cluster).service(name).force(true).send().await;
        gone_ok(answer.map(drop).map_err(api_with("ecs:DeleteService", |code, _| {
            (code == "ServiceNotActiveException").then_some(Kind::Gone)
        })))
    }
}

const READ: &str = "ecs:DescribeServices";
const CREATE: &str = "ecs:CreateService";

/// ECS has few codes: what is fresh elsewhere shows in the message.
fn special(code: &str, message: &str) -> Option<Kind> {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    let not_yet = [
        "Unable to assume the service linked role",
        "does not have an associated load balancer",
        "verify that the ECS service role",
        "still Draining",
    ];
    match code {
        "ClusterNotFoundException" => Some(Kind::NotYet),
        "ServiceNotActiveException" => Some(Kind::Gone),
        _ if says(&not_yet) => Some(Kind::NotYet),
        _ if says(&["was not idempotent"]) => Some(Kind::Exists),
        _ => None,
    }
}

/// The deployment that the call started, or the one that runs where it started none.
fn receipt(service: &types::Service) -> Option<Receipt> {
    let primary = service.deployments().iter().find(|one| one.status() == Some("PRIMARY"));
    primary.and_then(|one| one.id()).map(|id| json!(id))
}

/// At most ten. One that is not there is named among the failures; a cluster that is gone has none.
async fn describe(c: &Clients, cluster: &str, names: &[&str]) -> Result<Vec<types::Service>> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let request = c.ecs().describe_services().cluster(cluster).set_services(Some(names)).include(ServiceField::Tags);
    match request.send().await.map_err(api(READ)) {
        Ok(answer) => Ok(answer.services.unwrap_or_default()),
        Err(error) if error.kind == Kind::Gone => Ok(vec![]),
        Err(error) => Err(error),
    }
}

/// The one of this name, unless it is gone or going.
async fn live(want: &Service, c: &Clients) -> Result<Vec<types::Service>> {
    let (path, name) = (want.path(), want.name.as_deref().unwrap_or_default());
    let mut there = describe(c, path.split('/').next().unwrap_or_default(), &[name]).await?;
    there.retain(|one| one.status() == Some("ACTIVE"));
    Ok(there)
}

fn id_of(one: &types::Service) -> Result<Id<Service>> {
    let cluster = need(READ, one.cluster_arn(), "clusterArn")?;
    Ok(Id::new(format!("{}/{}", last(&cluster), need(READ, one.service_name(), "serviceName")?)))
}

/// The only place where the SDK's type becomes ours.
fn observed(one: &types::Service) -> Result<Observed<Service>> {
    let cluster = last(&need(READ, one.cluster_arn(), "clusterArn")?).to_owned();
    let vpc = one.network_configuration().and_then(NetworkConfiguration::awsvpc_configuration);
    let target = |seen: &LoadBalancer| {
        Some(ServiceTarget {
            target_group: Id::new(seen.target_group_arn()?).into(),
            container: seen.container_name()?.to_owned(),
            port: seen.container_port()?,
        })
    };
    let rollout = |seen: &types::Deployment| Rollout {
        id: seen.id().unwrap_or_default().to_owned(),
        status: seen.status().unwrap_or_default().to_owned(),
        state: seen.rollout_state().map(|state| state.as_str().to_owned()),
        reason: seen.rollout_state_reason().map(str::to_owned),
        task_definition: seen.task_definition().unwrap_or_default().to_owned(),
        desired: seen.desired_count(),
        running: seen.running_count(),
        failed: seen.failed_tasks(),
    };
    let placement = |kind: Option<&str>, by: Option<&str>| Placement {
        kind: kind.unwrap_or_default().to_owned(),
        by: by.map(str::to_owned),
    };
    Ok(Observed {
        inputs: Service {
            name: one.service_name().map(str::to_owned),
            cluster: Id::new(&cluster).into(),
            task_definition: one.task_definition().unwrap_or_default().to_owned().into(),
            desired_count: Some(one.desired_count()),
            launch_type: one.launch_type().map(|kind| kind.as_str().to_owned()),
            capacity: Some(seen_shares(one.capacity_provider_strategy())),
            platform_version: one.platform_version().map(str::to_owned),
            subnets: vpc.map(|vpc| vpc.subnets().iter().map(|id| Id::new(id).into()).collect()).unwrap_or_default(),
            security_groups: vpc
                .map(|vpc| vpc.security_groups().iter().map(|id| Id::new(id).into()).collect())
                .unwrap_or_default(),
            public_ip: vpc.and_then(|vpc| vpc.assign_public_ip()).map(|kind| *kind == AssignPublicIp::Enabled),
            load_balancers: one.load_balancers().iter().filter_map(target).collect(),
            listeners: vec![],
            service_registries: one
                .service_registries()
                .iter()
                .map(|seen| ServiceRegistry {
                    registry: seen.registry_arn().unwrap_or_default().to_owned().into(),
                    port: seen.port(),
                    container: seen.container_name().map(str::to_owned),
                    container_port: seen.container_port(),
                })
                .collect(),
            deployment: one.deployment_configuration().map(seen_deployment),
            deployment_controller: one.deployment_controller().map(|seen| seen.r#type().as_str().to_owned()),
            health_check_grace_seconds: one.health_check_grace_period_seconds(),
            az_rebalancing: one.availability_zone_rebalancing().map(|kind| kind.as_str().to_owned()),
            execute_command: Some(one.enable_execute_command()),
            scheduling_strategy: one.scheduling_strategy().map(|kind| kind.as_str().to_owned()),
            placement_constraints: one
                .placement_constraints()
                .iter()
                .map(|seen| placement(seen.r#type().map(PlacementConstraintType::as_str), seen.expression()))
                .collect(),
            placement_strategy: one
                .placement_strategy()
                .iter()
                .map(|seen| placement(seen.r#type().map(PlacementStrategyType::as_str), seen.field()))
                .collect(),
            propagate_tags: one.propagate_tags().map(|kind| kind.as_str().to_owned()),
            managed_tags: Some(one.enable_ecs_managed_tags()),
            tags: our_tags(one.tags()),
        },
        outputs: ServiceOutputs {
            id: id_of(one)?,
            arn: need(READ, one.service_arn(), "serviceArn")?,
            name: need(READ, one.service_name(), "serviceName")?,
            cluster,
            status: need(READ, one.status(), "status")?,
            rollouts: one.deployments().iter().map(rollout).collect(),
        },
    })
}

fn seen_deployment(seen: &DeploymentConfiguration) -> Deployment {
    Deployment {
        circuit_breaker: seen
            .deployment_circuit_breaker()
            .map(|seen| CircuitBreaker { enable: seen.enable(), rollback: seen.rollback() }),
        maximum_percent: seen.maximum_percent(),
        minimum_healthy_percent: seen.minimum_healthy_percent(),
        alarms: seen.alarms().map(|seen| DeploymentAlarms {
            names: seen.alarm_names().iter().map(|name| name.clone().into()).collect(),
            enable: seen.enable(),
            rollback: seen.rollback(),
        }),
        strategy: seen.strategy().map(|kind| kind.as_str().to_owned()),
        bake_minutes: seen.bake_time_in_minutes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(status: &str, state: DeploymentRolloutState, running: i32) -> Observed<Service> {
        let ours = types::Deployment::builder().id("ours").status(status).rollout_state(state);
        let service = types::Service::builder().service_name("web").cluster_arn("arn:cluster/c").service_arn("arn");
        let ours = ours.desired_count(2).running_count(running).build();
        observed(&service.status("ACTIVE").deployments(ours).build()).unwrap()
    }

    #[test]
    fn ready_is_our_deployment_and_no_other() {
        use DeploymentRolloutState::{Completed, Failed, InProgress};
        let phase = |seen: &Observed<Service>, receipt: &str| Service::phase(None, seen, Some(&json!(receipt)));
        assert_eq!(phase(&seen("PRIMARY", Completed, 2), "ours"), Phase::Ready);
        assert_eq!(phase(&seen("PRIMARY", Completed, 1), "ours"), Phase::Pending);
        assert_eq!(phase(&seen("PRIMARY", InProgress, 2), "ours"), Phase::Pending);
        assert_eq!(phase(&seen("ACTIVE", Completed, 2), "ours"), Phase::Pending);
        assert!(matches!(phase(&seen("ACTIVE", Failed, 0), "ours"), Phase::Failed { .. }));
        assert!(matches!(phase(&seen("PRIMARY", Completed, 2), "another"), Phase::Failed { .. }));
        assert_eq!(seen("PRIMARY", Completed, 2).outputs.id.as_str(), "c/web");
    }
}
