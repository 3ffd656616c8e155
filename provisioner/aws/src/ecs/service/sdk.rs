//! Inputs in the SDK's words.

use aws_sdk_ecs::types::{
    self, AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentStrategy,
    LoadBalancer, NetworkConfiguration, PlacementConstraint, PlacementConstraintType, PlacementStrategy,
    PlacementStrategyType,
};
use provisioner_model::error::Result;

use super::{Placement, Service, ServiceRegistry, ServiceTarget};
use crate::{
    ecs::{last_segment, sdk_shares, unbuilt},
    value::{text, texts},
};

impl Service {
    pub(super) fn network(&self) -> Result<Option<NetworkConfiguration>> {
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

    pub(super) fn sdk_deployment(&self) -> Result<Option<DeploymentConfiguration>> {
        let Some(desired) = &self.deployment else { return Ok(None) };
        let breaker = desired.circuit_breaker.as_ref().map(|desired| {
            DeploymentCircuitBreaker::builder().enable(desired.enable).rollback(desired.rollback).build()
        });
        let alarms = desired.alarms.as_ref().map(|desired| {
            types::DeploymentAlarms::builder()
                .set_alarm_names(Some(texts(&desired.names)))
                .enable(desired.enable)
                .rollback(desired.rollback)
                .build()
                .map_err(unbuilt)
        });
        let sdk = DeploymentConfiguration::builder()
            .set_deployment_circuit_breaker(breaker)
            .set_maximum_percent(desired.maximum_percent)
            .set_minimum_healthy_percent(desired.minimum_healthy_percent)
            .set_alarms(alarms.transpose()?)
            .set_strategy(desired.strategy.as_deref().map(DeploymentStrategy::from))
            .set_bake_time_in_minutes(desired.bake_minutes);
        Ok(Some(sdk.build()))
    }

    pub(super) fn targets(&self) -> Vec<LoadBalancer> {
        let target = |desired: &ServiceTarget| {
            let sdk = LoadBalancer::builder().set_target_group_arn(text(&desired.target_group));
            sdk.container_name(&desired.container).container_port(desired.port).build()
        };
        self.load_balancers.iter().map(target).collect()
    }

    pub(super) fn registries(&self) -> Vec<types::ServiceRegistry> {
        let registry = |desired: &ServiceRegistry| {
            types::ServiceRegistry::builder()
                .set_registry_arn(text(&desired.registry))
                .set_port(desired.port)
                .set_container_name(desired.container.clone())
                .set_container_port(desired.container_port)
                .build()
        };
        self.service_registries.iter().map(registry).collect()
    }

    pub(super) fn constraints(&self) -> Vec<PlacementConstraint> {
        let constraint = |desired: &Placement| {
            let kind = PlacementConstraintType::from(desired.kind.as_str());
            PlacementConstraint::builder().r#type(kind).set_expression(desired.by.clone()).build()
        };
        self.placement_constraints.iter().map(constraint).collect()
    }

    pub(super) fn strategies(&self) -> Vec<PlacementStrategy> {
        let strategy = |desired: &Placement| {
            let kind = PlacementStrategyType::from(desired.kind.as_str());
            PlacementStrategy::builder().r#type(kind).set_field(desired.by.clone()).build()
        };
        self.placement_strategy.iter().map(strategy).collect()
    }

    pub(super) fn shares(&self) -> Result<Option<Vec<types::CapacityProviderStrategyItem>>> {
        self.capacity.as_deref().map(sdk_shares).transpose()
    }

    pub(super) fn path(&self) -> String {
        let cluster = text(&self.cluster).unwrap_or_default();
        format!("{}/{}", last_segment(&cluster), self.name.as_deref().unwrap_or_default())
    }
}
