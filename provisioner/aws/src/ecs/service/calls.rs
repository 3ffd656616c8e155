//! The calls: what is sent, and what errors mean.

use aws_sdk_ecs::types::{
    self, AvailabilityZoneRebalancing, DeploymentController, DeploymentControllerType, LaunchType, PropagateTags,
    SchedulingStrategy, ServiceField,
};
use provisioner_model::{
    error::{ErrorKind, Result},
    resource::{Created, Id, Observed, Owner, Receipt, Recorded},
};

use super::{Service, phase::receipt};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Clients, Writer},
    ecs::{container::full, sdk_tags, sync_tags, unbuilt},
    error::{api, api_with, gone_ok, need},
    value::text,
};

pub(super) const READ: &str = "ecs:DescribeServices";
const CREATE: &str = "ecs:CreateService";

/// ECS has few codes: what is fresh elsewhere shows in the message.
fn special(code: &str, message: &str) -> Option<ErrorKind> {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    let not_yet = [
        "Unable to assume the service linked role",
        "does not have an associated load balancer",
        "verify that the ECS service role",
        "still Draining",
    ];
    match code {
        "ClusterNotFoundException" => Some(ErrorKind::NotYet),
        "ServiceNotActiveException" => Some(ErrorKind::Gone),
        _ if says(&not_yet) => Some(ErrorKind::NotYet),
        _ if says(&["was not idempotent"]) => Some(ErrorKind::Exists),
        _ => None,
    }
}

/// At most ten. One that is not there is named among the failures; a cluster that is gone has none.
pub(super) async fn describe(c: &Clients, cluster: &str, names: &[&str]) -> Result<Vec<types::Service>> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let request = c.ecs().describe_services().cluster(cluster).set_services(Some(names)).include(ServiceField::Tags);
    match request.send().await.map_err(api(READ)) {
        Ok(answer) => Ok(answer.services.unwrap_or_default()),
        Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
        Err(error) => Err(error),
    }
}

/// The one of this name, unless it is gone or going.
pub(super) async fn live(desired: &Service, c: &Clients) -> Result<Vec<types::Service>> {
    let (path, name) = (desired.path(), desired.name.as_deref().unwrap_or_default());
    let mut there = describe(c, path.split('/').next().unwrap_or_default(), &[name]).await?;
    there.retain(|one| one.status() == Some("ACTIVE"));
    Ok(there)
}

impl Service {
    pub(super) async fn send_create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
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

    pub(super) async fn send_update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let differs = ChangedInputs::between(self, &recorded.inputs, &observed.inputs);
        let mut handed_out = None;
        let count = self.count(observed.inputs.desired_count);
        if count.is_some() || !differs.only(&["tags", "listeners"]) {
            let network = differs.any(&["subnets", "security_groups", "public_ip"]);
            let rebalancing = differs.pick("az_rebalancing", &self.az_rebalancing);
            let propagate = differs.pick("propagate_tags", &self.propagate_tags);
            let answer = c
                .ecs()
                .update_service()
                .cluster(&observed.outputs.cluster)
                .service(&observed.outputs.name)
                .set_task_definition(text(&self.task_definition).filter(|_| differs.has("task_definition")))
                .set_desired_count(count)
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
        sync_tags(c, &observed.outputs.arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(handed_out)
    }

    /// Returns the task count for an update: it changes only from or to zero. Autoscaling controls all other values.
    fn count(&self, there: Option<i32>) -> Option<i32> {
        self.desired_count.filter(|desired| there.is_some_and(|there| (*desired == 0) != (there == 0)))
    }

    pub(super) async fn send_delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((cluster, name)) = recorded.id.as_str().split_once('/') else { return Ok(()) };
        // By force: its tasks end with it, so that nobody has to scale it down first.
        let answer = c.ecs().delete_service().cluster(cluster).service(name).force(true).send().await;
        gone_ok(answer.map(drop).map_err(api_with("ecs:DeleteService", |code, _| {
            (code == "ServiceNotActiveException").then_some(ErrorKind::Gone)
        })))
    }
}
