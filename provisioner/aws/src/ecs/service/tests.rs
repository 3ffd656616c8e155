//! The phases and rollback inputs of a service.

use aws_sdk_ecs::types::{self, DeploymentRolloutState};
use provisioner_model::{
    ChangedFields, Id,
    resource::{Observed, Phase, Resource},
};
use serde_json::json;

use super::{CircuitBreaker, Deployment, Service, observed::to_observed, poll_rollout::settled};

fn observed(status: &str, state: DeploymentRolloutState, running: i32) -> Observed<Service> {
    let ours = types::Deployment::builder().id("ours").status(status).rollout_state(state);
    let service = types::Service::builder().service_name("web").cluster_arn("arn:cluster/c").service_arn("arn");
    let ours = ours.desired_count(2).running_count(running).build();
    to_observed(&service.status("ACTIVE").deployments(ours).build()).unwrap()
}

#[test]
fn only_our_own_deployment_is_ready() {
    use DeploymentRolloutState::{Completed, Failed, InProgress};
    let phase = |observed: &Observed<Service>, receipt: &str| {
        Service::phase(None, observed, Some(&json!({"deployment": receipt, "task_definition": "t:1"})))
    };
    assert_eq!(phase(&observed("PRIMARY", Completed, 2), "ours"), Phase::Ready);
    assert_eq!(phase(&observed("PRIMARY", Completed, 1), "ours"), Phase::Pending);
    assert_eq!(phase(&observed("PRIMARY", InProgress, 2), "ours"), Phase::Pending);
    assert_eq!(phase(&observed("ACTIVE", Completed, 2), "ours"), Phase::Pending);
    assert!(matches!(phase(&observed("ACTIVE", Failed, 0), "ours"), Phase::Failed { .. }));
    let superseded = phase(&observed("PRIMARY", Completed, 2), "another");
    assert!(matches!(superseded, Phase::Failed { .. }));
    // A read that is older than the deployment looks the same.
    assert_eq!(settled(superseded.clone(), false), Phase::Pending);
    assert_eq!(settled(superseded.clone(), true), superseded);
    assert_eq!(observed("PRIMARY", Completed, 2).outputs.id.as_str(), "c/web");
}
#[test]
fn rollback_inputs_keep_the_desired_count() {
    let mut recorded = observed("PRIMARY", DeploymentRolloutState::Completed, 2).inputs;
    recorded.desired_count = Some(2);
    let rollback_inputs = Service::rollback_inputs(Some(&recorded)).unwrap();
    assert_eq!((rollback_inputs["task_definition"].as_str(), rollback_inputs.get("desired_count")), (Some(""), None));
    recorded.desired_count = Some(0);
    assert_eq!(Service::rollback_inputs(Some(&recorded)).unwrap()["desired_count"], 0);
    assert_eq!(Service::rollback_inputs(None), Some(json!({ "desired_count": 0 })));
}

#[test]
fn settings_that_are_no_longer_stated_return_to_the_defaults_of_ecs() {
    let stated = Service::new(Id::new("c").into(), "t:1")
        .health_check_grace_period_seconds(60)
        .enable_execute_command(true)
        .deployment_configuration(
            Deployment::new()
                .deployment_circuit_breaker(CircuitBreaker::new(true, true))
                .maximum_percent(150)
                .minimum_healthy_percent(50),
        );
    let desired = Service::new(Id::new("c").into(), "t:1")
        .enable_execute_command(false)
        .deployment_configuration(Deployment::new().minimum_healthy_percent(75));
    let changed = ChangedFields::between(&desired, &stated, &stated);
    let written = desired.with_ends(&changed, &stated);
    let deployment = Deployment::new()
        .deployment_circuit_breaker(CircuitBreaker::new(false, false))
        .maximum_percent(200)
        .minimum_healthy_percent(75);
    assert_eq!(written, desired.clone().health_check_grace_period_seconds(0).deployment_configuration(deployment));
    // What nobody stated stays.
    let changed = ChangedFields::between(&desired, &desired, &stated);
    assert_eq!(desired.with_ends(&changed, &desired), desired);
}
