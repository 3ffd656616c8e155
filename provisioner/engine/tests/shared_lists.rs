//! Shared objects: an apply adds what the environment declares to their lists, and takes nothing of others away. An
//! object without tags is used as it is.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use std::future::Future;

use provisioner_model::{
    Stack,
    resource::Tags,
    stack::{Desired, Options},
};
use provisioner_testkit::{
    cloud::{
        Call,
        types::{Issuer, ZoneRecord},
    },
    generate::{Spec, facts},
};
use serde_json::json;
use simulation::Simulation;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(test)
}

fn issuer(audiences: &[&str]) -> Issuer {
    let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
    Issuer { url: "https://issuer".to_owned(), audiences, tags: Tags::new() }
}

fn shared(audiences: &[&str]) -> Desired {
    let mut stack = Stack::new(facts());
    stack.add_with("github", issuer(audiences), Options { share: true, ..Options::default() });
    stack.finish().expect("the stack is valid")
}

fn audiences(simulation: &Simulation) -> serde_json::Value {
    simulation.cloud.objects()[0].inputs["audiences"].clone()
}

#[test]
fn audiences_of_others_outlive_adoption_and_release() {
    run(async {
        let simulation = Simulation::new();
        simulation.cloud.foreign(&issuer(&["theirs"]));
        simulation.converge(&shared(&["ours"])).await.expect("shared");
        assert_eq!(audiences(&simulation), json!(["theirs", "ours"]));
        simulation.converge(&shared(&["ours", "more"])).await.expect("added");
        // Nobody knows who else uses an audience of an object that others created.
        simulation.converge(&shared(&["more"])).await.expect("dropped");
        assert_eq!(audiences(&simulation), json!(["theirs", "ours", "more"]));
        simulation.converge(&Spec::nothing()).await.expect("released");
        assert_eq!(audiences(&simulation), json!(["theirs", "ours", "more"]));
    });
}

#[test]
fn audiences_that_others_add_stay_and_dropped_ones_go() {
    run(async {
        let simulation = Simulation::new();
        simulation.converge(&shared(&["ours", "old"])).await.expect("created");
        let id = simulation.cloud.objects()[0].id.clone();
        simulation.cloud.tamper(&id, |inputs| inputs["audiences"] = json!(["theirs", "ours", "old"]));
        simulation.converge(&shared(&["ours"])).await.expect("changed");
        assert_eq!(audiences(&simulation), json!(["theirs", "ours"]));
    });
}

fn entry(value: u8) -> Desired {
    let mut stack = Stack::new(facts());
    let entry = ZoneRecord { zone: 1, name: "www".into(), value };
    stack.add_with("www", entry, Options { share: true, ..Options::default() });
    stack.finish().expect("the stack is valid")
}

#[test]
fn entry_that_appears_after_the_plan_is_used_if_it_is_the_same() {
    run(async {
        let simulation = Simulation::new();
        let plan = simulation.plan(&entry(1)).await.expect("a plan");
        simulation.cloud.foreign(&ZoneRecord { zone: 1, name: "www".into(), value: 1 });
        assert!(simulation.apply(&plan).await.expect("applied").is_complete());
        assert_eq!(simulation.cloud.writes(), 0);
        assert!(simulation.plan(&entry(1)).await.expect("a plan").is_empty());
        simulation.converge(&Spec::nothing()).await.expect("released");
        assert_eq!(simulation.cloud.objects().len(), 1);
    });
}

#[test]
fn entry_of_another_value_that_appears_after_the_plan_is_an_error() {
    run(async {
        let simulation = Simulation::new();
        let plan = simulation.plan(&entry(1)).await.expect("a plan");
        let id = simulation.cloud.foreign(&ZoneRecord { zone: 1, name: "www".into(), value: 9 });
        let outcome = simulation.apply(&plan).await.expect("applied");
        assert_eq!(outcome.failed.len(), 1);
        let (step, why) = &outcome.failed[0];
        assert_eq!(plan.steps[*step].address, "entry/www");
        assert!(why.contains(&id) && why.contains("value"), "{why}");
        assert_eq!(simulation.cloud.count(Call::Create) + simulation.cloud.count(Call::Update), 0);
        assert!(simulation.plan(&Spec::nothing()).await.expect("a plan").is_empty(), "it is not ours");
    });
}

/// An entry that we created, and that another environment may use by now.
#[test]
fn created_entry_outlives_its_environment() {
    run(async {
        let simulation = Simulation::new();
        simulation.converge(&entry(1)).await.expect("created");
        simulation.converge(&Spec::nothing()).await.expect("released");
        assert_eq!(simulation.cloud.objects().len(), 1);
        let writes = simulation.cloud.writes();
        simulation.converge(&entry(1)).await.expect("used again");
        assert_eq!(simulation.cloud.writes(), writes);
    });
}
