//! Two environments that share an object, with plans that are out of date.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use std::future::Future;

use provisioner_engine::EventKind;
use provisioner_model::{
    Stack,
    ownership::{MADE, used_by},
    plan::Action,
    resource::Tags,
    stack::{Desired, Options},
};
use provisioner_testkit::{
    cloud::{Fake, types},
    fixture,
    generate::{ENVIRONMENT, Spec, facts},
    store::Memory,
};
use serde_json::Value;
use simulation::{LINEAGE, Simulation};

const OTHER: &str = "fedcba9876543210";

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(test)
}

/// Two environments in one account.
fn pair() -> [Simulation; 2] {
    let cloud = Fake::default();
    [LINEAGE, OTHER].map(|lineage| Simulation { lineage, ..Simulation::with(cloud.clone(), Memory::new(ENVIRONMENT)) })
}

fn shared_as(class: u8) -> Desired {
    let mut stack = Stack::new(facts());
    let (name, tags) = (Some("github".to_owned()), Tags::new());
    let provider = types::Named { name, tags, ..fixture::unnamed(class) };
    stack.add_with("github", provider, Options { share: true, ..Options::default() });
    stack.finish().expect("the stack is valid")
}

fn shared() -> Desired {
    shared_as(1)
}

fn users(simulation: &Simulation) -> Vec<String> {
    let objects = simulation.cloud.objects();
    let tags = objects[0].inputs["tags"].as_object().cloned().unwrap_or_default();
    tags.into_iter().map(|(key, _)| key).filter(|key| key.starts_with("provisioner:used-by:")).collect()
}

/// The other environment's key is found before the create, or its create is refused.
#[test]
fn two_first_applies_share_one_object() {
    for looks_first in [true, false] {
        run(async {
            let [one, other] = pair();
            let first = one.plan(&shared()).await.expect("a plan");
            let mut second = other.plan(&shared()).await.expect("a plan");
            for step in &mut second.steps {
                if let provisioner_model::plan::StepAction::Create(write) = &mut step.action {
                    write.key_may_exist = looks_first;
                }
            }
            assert!(one.apply(&first).await.expect("applied").is_complete());
            let outcome = other.apply(&second).await.expect("applied");
            assert!(outcome.is_complete(), "{outcome:?}");
            assert_eq!(one.cloud.objects().len(), 1);
            assert_eq!(users(&one), [used_by(LINEAGE), used_by(OTHER)]);
            for simulation in [&one, &other] {
                simulation.check(&first).expect("no rule is broken");
                assert!(simulation.plan(&shared()).await.expect("a plan").is_empty());
            }
            // The first goes, and the object stays until the last has gone.
            one.converge(&Spec::nothing()).await.expect("released");
            assert_eq!(users(&one), [used_by(OTHER)]);
            other.converge(&Spec::nothing()).await.expect("deleted");
            assert!(one.cloud.objects().is_empty());
        });
    }
}

#[test]
fn object_that_was_created_by_hand_after_the_plan_is_shared_and_stays() {
    run(async {
        let [one, _] = pair();
        let plan = one.plan(&shared()).await.expect("a plan");
        one.cloud.foreign(&types::Named { name: Some("github".to_owned()), ..fixture::unnamed(1) });
        assert!(one.apply(&plan).await.expect("applied").is_complete());
        assert_eq!(one.cloud.objects()[0].inputs["tags"].get(MADE), None, "none of us created it");
        one.converge(&Spec::nothing()).await.expect("released");
        assert_eq!(one.cloud.objects().len(), 1);
    });
}

#[test]
fn object_that_only_a_replacement_makes_fit_is_not_shared() {
    run(async {
        let [one, other] = pair();
        let second = other.plan(&shared_as(2)).await.expect("a plan");
        one.converge(&shared()).await.expect("created");
        let outcome = other.apply(&second).await.expect("applied");
        assert!(outcome.failed[0].1.contains("with another `class`"), "{outcome:?}");
        assert_eq!(users(&one), [used_by(LINEAGE)]);
        assert!(other.store.state().expect("a state").rows.is_empty());
    });
}

/// The plan says delete; then another environment begins to use the object.
#[test]
fn last_user_is_checked_again_before_the_delete() {
    run(async {
        let [one, other] = pair();
        one.converge(&shared()).await.expect("created");
        let plan = one.plan(&Spec::nothing()).await.expect("a plan");
        assert_eq!(plan.resources["named/github"].action, Action::Delete);
        other.converge(&shared()).await.expect("shared");
        let (outcome, events) = one.apply_with_events(&plan).await.expect("applied");
        assert!(outcome.is_complete(), "{outcome:?}");
        one.check(&plan).expect("no rule is broken");
        assert!(events.iter().any(|event| matches!(event.kind, EventKind::Released { .. })), "{events:?}");
        assert_eq!(users(&other), [used_by(OTHER)]);
        assert!(one.store.state().expect("a state").rows.is_empty());
        other.converge(&Spec::nothing()).await.expect("deleted");
        let left: Vec<Value> = one.cloud.objects().into_iter().map(|thing| Value::Object(thing.inputs)).collect();
        assert!(left.is_empty(), "{left:?}");
    });
}
