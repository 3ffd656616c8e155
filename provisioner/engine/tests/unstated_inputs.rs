//! Inputs that the program leaves out, or no longer states: the state and the cloud follow the plan.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use provisioner_model::{Stack, resource::Tags, stack::Desired};
use provisioner_store::StateReader;
use provisioner_testkit::{cloud::types, generate::facts};
use serde_json::{Value, json};
use simulation::Simulation;

fn port(open: Option<bool>, rule: Option<Value>, key: Option<u8>) -> Desired {
    let mut stack = Stack::new(facts());
    let net = stack.add("main", types::Net { range: 1, label: None, tags: Tags::new() });
    stack.add("web", types::Port { net: net.id(), open, rule, key, tags: Tags::new() });
    stack.finish().expect("the stack is valid")
}

#[test]
fn dropped_inputs_return_to_their_defaults_and_leave_the_state() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let simulation = Simulation::new();
        let rule = |rule| Some(json!({ "from": 1, "log": rule }));
        let stated = port(Some(true), rule(Some("all")), Some(7));
        for desired in [stated, port(None, rule(None), None), port(None, None, None)] {
            let plan = simulation.plan(&desired).await.expect("a plan");
            let outcome = simulation.apply(&plan).await.expect("applied");
            assert!(outcome.is_complete(), "{outcome:?}");
            assert!(simulation.plan(&desired).await.expect("a plan").is_empty());
        }
        let state = simulation.store.load().await.expect("a state").expect("a state");
        let recorded = &state.rows["port/web"].objects[0].inputs;
        assert_eq!((&recorded["open"], recorded.get("rule"), recorded.get("key")), (&json!(false), None, None));
        let port = simulation.cloud.at("port/web").expect("the port").inputs;
        assert_eq!((&port["open"], port.get("rule")), (&json!(false), None));
    });
}
