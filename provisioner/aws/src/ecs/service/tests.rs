//! What a service's phase is, and what is put back.

use aws_sdk_ecs::types::{self, DeploymentRolloutState};
use provisioner_model::resource::{Observed, Phase, Resource};
use serde_json::json;

use super::{Service, observed::observed};

fn seen(status: &str, state: DeploymentRolloutState, running: i32) -> Observed<Service> {
    let ours = types::Deployment::builder().id("ours").status(status).rollout_state(state);
    let service = types::Service::builder().service_name("web").cluster_arn("arn:cluster/c").service_arn("arn");
    let ours = ours.desired_count(2).running_count(running).build();
    observed(&service.status("ACTIVE").deployments(ours).build()).unwrap()
}

#[test]
fn ready_is_our_deployment_and_no_other() {
    use DeploymentRolloutState::{Completed, Failed, InProgress};
    let phase = |seen: &Observed<Service>, receipt: &str| {
        Service::phase(None, seen, Some(&json!({"deployment": receipt, "task_definition": "t:1"})))
    };
    assert_eq!(phase(&seen("PRIMARY", Completed, 2), "ours"), Phase::Ready);
    assert_eq!(phase(&seen("PRIMARY", Completed, 1), "ours"), Phase::Pending);
    assert_eq!(phase(&seen("PRIMARY", InProgress, 2), "ours"), Phase::Pending);
    assert_eq!(phase(&seen("ACTIVE", Completed, 2), "ours"), Phase::Pending);
    assert!(matches!(phase(&seen("ACTIVE", Failed, 0), "ours"), Phase::Failed { .. }));
    assert!(matches!(phase(&seen("PRIMARY", Completed, 2), "another"), Phase::Failed { .. }));
    assert_eq!(seen("PRIMARY", Completed, 2).outputs.id.as_str(), "c/web");
}
#[test]
fn what_is_put_back_is_how_it_was_but_for_the_count() {
    let mut was = seen("PRIMARY", DeploymentRolloutState::Completed, 2).inputs;
    was.desired_count = Some(2);
    let undo = Service::undo(Some(&was)).unwrap();
    assert_eq!((undo["task_definition"].as_str(), undo.get("desired_count")), (Some(""), None));
    was.desired_count = Some(0);
    assert_eq!(Service::undo(Some(&was)).unwrap()["desired_count"], 0);
    assert_eq!(Service::undo(None), Some(json!({ "desired_count": 0 })));
}
