//! Inputs that the program leaves out, or no longer states: the state and the cloud follow the plan.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use provisioner_model::{Stack, resource::Tags, stack::Desired};
use provisioner_store::StateReader;
use provisioner_testkit::{cloud::types, generate::facts};
use serde_json::json;
use simulation::Simulation;

fn port(open: Option<bool>, key: Option<u8>) -> Desired {
    let mut stack = Stack::new(facts());
    let net = stack.add("main", types::Net { range: 1, label: None, tags: Tags::new() });
    stack.add("web", types::Port { net: net.id(), open, key, tags: Tags::new() });
    stack.finish().expect("the stack is valid")
}

#[test]
fn dropped_inputs_return_to_their_defaults_and_leave_the_state() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let simulation = Simulation::new();
        for desired in [port(Some(true), Some(7)), port(None, None)] {
            let plan = simulation.plan(&desired).await.expect("a plan");
            let outcome = simulation.apply(&plan).await.expect("applied");
            assert!(outcome.is_complete(), "{outcome:?}");
            assert!(simulation.plan(&desired).await.expect("a plan").is_empty());
        }
        let state = simulation.store.load().await.expect("a state").expect("a state");
        let recorded = &state.rows["port/web"].objects[0].inputs;
        assert_eq!((&recorded["open"], recorded.get("key")), (&json!(false), None));
        assert_eq!(simulation.cloud.at("port/web").expect("the port").inputs["open"], json!(false));
    });
}
