//! The calls: what is sent, and what errors mean.

use aws_sdk_ecs::types::{
    self, AwsVpcConfiguration, DeploymentController, DeploymentControllerType, NetworkConfiguration, ServiceField,
};

use super::{Field, Service, phase::receipt};
use crate::{
    cloud::Clients,
    ecs::{last_segment, sdk_tags, switch, sync_tags},
    prelude::*,
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

/// Describes up to ten services. AWS lists a missing one among the failures; a missing cluster has no services.
pub(super) async fn describe(c: &Clients, cluster: &str, names: &[&str]) -> Result<Vec<types::Service>> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let request = c.ecs().describe_services().cluster(cluster).set_services(Some(names)).include(ServiceField::Tags);
    gone_ok(request.send().await.map(|answer| answer.services.unwrap_or_default()).map_err(api(READ)))
}

/// Describes the active service of this name, if there is one.
pub(super) async fn live(desired: &Service, c: &Clients) -> Result<Vec<types::Service>> {
    let (path, name) = (desired.path(), desired.service_name.as_deref().unwrap_or_default());
    let mut services = describe(c, path.split('/').next().unwrap_or_default(), &[name]).await?;
    services.retain(|one| one.status() == Some("ACTIVE"));
    Ok(services)
}

impl Service {
    pub(super) async fn send_create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let controller = self.deployment_controller.as_deref().map(DeploymentControllerType::from);
        let controller = controller.and_then(|kind| DeploymentController::builder().r#type(kind).build().ok());
        let request = set_inputs!(c.ecs().create_service(), self =>
            service_name, cluster, task_definition, desired_count, launch_type, capacity_provider_strategy,
            platform_version, deployment_configuration, health_check_grace_period_seconds,
            availability_zone_rebalancing, enable_execute_command, scheduling_strategy, propagate_tags,
            enable_ecs_managed_tags);
        let request = set_filled!(request, self =>
            load_balancers, service_registries, placement_constraints, placement_strategy);
        let answer = request
            .client_token(&owner.token)
            .set_network_configuration(self.network())
            .set_deployment_controller(controller)
            .set_tags(filled(Some(sdk_tags(&self.tags))))
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
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let mut started = None;
        let count = self.count(observed.inputs.desired_count);
        if count.is_some() || !changed.is_subset(&[Field::Tags, Field::Listeners]) {
            let network = changed.contains_any(&[Field::Subnets, Field::SecurityGroups, Field::AssignPublicIp]);
            let request = c.ecs().update_service().cluster(&observed.outputs.cluster).service(&observed.outputs.name);
            let desired = self.with_ends(&changed, &recorded.inputs);
            let answer = set_changed!(request, desired, changed =>
                task_definition, capacity_provider_strategy, platform_version, load_balancers, service_registries,
                deployment_configuration, health_check_grace_period_seconds, availability_zone_rebalancing,
                enable_execute_command, placement_constraints, placement_strategy, propagate_tags,
                enable_ecs_managed_tags)
            .set_desired_count(count)
            // Without it, the API refuses another capacity.
            .set_force_new_deployment(changed.contains(Field::CapacityProviderStrategy).then_some(true))
            .set_network_configuration(self.network().filter(|_| network))
            .send()
            .await
            .map_err(api_with("ecs:UpdateService", special))?;
            started = receipt(&need("ecs:UpdateService", answer.service(), "service")?);
        }
        sync_tags(c, &observed.outputs.arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(started)
    }

    fn network(&self) -> Option<NetworkConfiguration> {
        let vpc = set_inputs!(AwsVpcConfiguration::builder(), self => subnets, security_groups);
        let vpc = vpc.set_assign_public_ip(self.assign_public_ip.map(switch)).build().ok()?;
        (!self.subnets.is_empty()).then(|| NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
    }

    /// The service's ID: `cluster/name`.
    fn path(&self) -> String {
        let cluster = text(&self.cluster).unwrap_or_default();
        format!("{}/{}", last_segment(&cluster), self.service_name.as_deref().unwrap_or_default())
    }

    /// Returns the task count for an update: it changes only from or to zero. Autoscaling controls all other values.
    fn count(&self, observed: Option<i32>) -> Option<i32> {
        self.desired_count.filter(|desired| observed.is_some_and(|observed| (*desired == 0) != (observed == 0)))
    }

    pub(super) async fn send_delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((cluster, name)) = recorded.id.as_str().split_once('/') else { return Ok(()) };
        // With force, the tasks end with the service: it need not be scaled down first.
        let answer = c.ecs().delete_service().cluster(cluster).service(name).force(true).send().await;
        gone_ok(answer.map(drop).map_err(api_with("ecs:DeleteService", |code, _| {
            (code == "ServiceNotActiveException").then_some(ErrorKind::Gone)
        })))
    }
}
