//! Environments that are stopped and started, also by runs that are interrupted.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use provisioner_model::{Facts, Stack, stack::Desired};
use provisioner_store::StateReader;
use provisioner_testkit::{
    cloud::{Fault, types},
    fixture::{doc, named, net, service},
    generate::{Spec, facts},
};
use serde_json::{Value, json};
use simulation::Simulation;

/// A service with two tasks, and a database that it uses by way of a document.
fn app(stopped: bool) -> Desired {
    let mut stack = Stack::new(Facts { stopped, ..facts() });
    let (net, db) = (stack.add("main", net(1)), stack.add("db", named("db", 1)));
    let doc = stack.add("main", doc(db.get(types::Named::ID)));
    stack.add("web", types::Service { count: 2, ..service(&net, &doc) });
    stack.finish().expect("the stack is valid")
}

/// Inputs of the database and of the service in the cloud: off, and count.
fn shape(simulation: &Simulation) -> [Value; 2] {
    let objects = simulation.cloud.objects();
    let of = |type_name: &str, field: &str| {
        let object = objects.iter().find(|object| object.kind == type_name).expect("an object");
        object.inputs.get(field).cloned().unwrap_or_default()
    };
    [of("test:named", "off"), of("test:service", "count")]
}

async fn is_stopped(simulation: &Simulation) -> bool {
    simulation.store.load().await.expect("loaded").expect("a state").stopped
}

#[tokio::test]
async fn environment_stops_and_starts_again() {
    let simulation = Simulation::new();
    simulation.converge(&app(false)).await.expect("applied");
    simulation.converge(&app(true)).await.expect("stopped");
    assert_eq!(shape(&simulation), [json!(true), json!(0)]);
    assert!(is_stopped(&simulation).await);
    simulation.converge(&app(false)).await.expect("started");
    assert_eq!(shape(&simulation), [Value::Null, json!(2)]);
    assert!(!is_stopped(&simulation).await);
}

/// A stop that is killed at a writing call, before its effect or without its answer.
async fn killed_stop(call: usize, fault: Fault) -> Simulation {
    let simulation = Simulation::new();
    simulation.converge(&app(false)).await.expect("applied");
    let plan = simulation.plan(&app(true)).await.expect("a plan");
    simulation.cloud.fail_at(call, fault);
    tokio::select! {
        _ = simulation.apply(&plan) => panic!("the process was to be killed"),
        () = simulation.cloud.stopped() => {}
    }
    simulation.cloud.heal();
    simulation.store.revive();
    simulation
}

/// The state says that the environment is stopped before the first object is: the next apply does not start it.
#[tokio::test]
async fn stop_that_is_killed_continues_or_is_taken_back() {
    for (call, fault) in [1, 2].into_iter().flat_map(|call| [(call, Fault::StopBefore), (call, Fault::StopAfter)]) {
        let simulation = killed_stop(call, fault).await;
        assert!(is_stopped(&simulation).await, "killed at call {call}");
        simulation.converge(&app(true)).await.expect("stopped");
        assert_eq!(shape(&simulation), [json!(true), json!(0)], "killed at call {call}");

        let simulation = killed_stop(call, fault).await;
        simulation.converge(&app(false)).await.expect("started");
        assert_eq!(shape(&simulation), [Value::Null, json!(2)], "killed at call {call}");
    }
}

#[tokio::test]
async fn what_is_applied_after_a_destroy_is_not_stopped() {
    let simulation = Simulation::new();
    simulation.converge(&app(true)).await.expect("applied");
    assert!(is_stopped(&simulation).await);
    let nothing = Desired { facts: Facts { stopped: true, ..facts() }, ..Spec::nothing() };
    simulation.converge(&nothing).await.expect("destroyed");
    assert!(!is_stopped(&simulation).await);
}
