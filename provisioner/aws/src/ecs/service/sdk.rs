//! Inputs in the SDK's words.

use aws_sdk_ecs::types::{
    self, AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentStrategy,
    LoadBalancer, NetworkConfiguration, PlacementConstraint, PlacementConstraintType, PlacementStrategy,
    PlacementStrategyType,
};
use provisioner_model::error::Result;

use super::{Placement, Service, ServiceRegistry, ServiceTarget};
use crate::{
    ecs::{last, sdk_shares, unbuilt},
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

    pub(super) fn targets(&self) -> Vec<LoadBalancer> {
        let target = |want: &ServiceTarget| {
            let sdk = LoadBalancer::builder().set_target_group_arn(text(&want.target_group));
            sdk.container_name(&want.container).container_port(want.port).build()
        };
        self.load_balancers.iter().map(target).collect()
    }

    pub(super) fn registries(&self) -> Vec<types::ServiceRegistry> {
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

    pub(super) fn constraints(&self) -> Vec<PlacementConstraint> {
        let constraint = |want: &Placement| {
            let kind = PlacementConstraintType::from(want.kind.as_str());
            PlacementConstraint::builder().r#type(kind).set_expression(want.by.clone()).build()
        };
        self.placement_constraints.iter().map(constraint).collect()
    }

    pub(super) fn strategies(&self) -> Vec<PlacementStrategy> {
        let strategy = |want: &Placement| {
            let kind = PlacementStrategyType::from(want.kind.as_str());
            PlacementStrategy::builder().r#type(kind).set_field(want.by.clone()).build()
        };
        self.placement_strategy.iter().map(strategy).collect()
    }

    pub(super) fn shares(&self) -> Result<Option<Vec<types::CapacityProviderStrategyItem>>> {
        self.capacity.as_deref().map(sdk_shares).transpose()
    }

    pub(super) fn path(&self) -> String {
        let cluster = text(&self.cluster).unwrap_or_default();
        format!("{}/{}", last(&cluster), self.name.as_deref().unwrap_or_default())
    }
}
