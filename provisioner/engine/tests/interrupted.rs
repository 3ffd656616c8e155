//! The second operation after one that was interrupted or refused: nothing is lost, doubled, or taken from others.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use std::future::Future;

use provisioner_engine::{Event, EventKind};
use provisioner_model::{
    Diagnostic, ErrorKind, Stack,
    plan::{Action, Plan, StepAction},
    resource::Tags,
    stack::{Desired, Options},
};
use provisioner_testkit::{
    cloud::{Call, Fault, types},
    fixture::unnamed,
    generate::{Spec, facts},
};
use serde_json::json;
use simulation::Simulation;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(test)
}

fn stack(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(facts());
    declare(&mut stack);
    stack.finish().expect("the stack is valid")
}

fn nothing() -> Desired {
    Spec::nothing()
}

fn net(range: u8) -> types::Net {
    types::Net { range, label: None, tags: Tags::new() }
}

fn named(name: &str, class: u8) -> types::Named {
    types::Named { name: Some(name.to_owned()), key: Some(1), ..unnamed(class) }
}

fn entry(value: u8) -> types::ZoneRecord {
    types::ZoneRecord { zone: 1, name: "www".into(), value }
}

/// Applies until the process is killed at the `n`th writing call, with its effect and without its answer.
async fn killed(simulation: &Simulation, desired: &Desired, n: usize) {
    let plan = simulation.plan(desired).await.expect("a plan");
    simulation.cloud.fail_at(n, Fault::StopAfter);
    tokio::select! {
        _ = simulation.apply(&plan) => panic!("the process was to be killed"),
        () = simulation.cloud.stopped() => {}
    }
    simulation.cloud.heal();
    simulation.store.revive();
}

fn deletes(plan: &Plan) -> Vec<&str> {
    let deletes = plan.steps.iter().filter(|step| matches!(step.action, StepAction::Delete { .. }));
    deletes.map(|step| step.address.as_str()).collect()
}

#[test]
fn destroy_deletes_an_object_whose_create_was_not_answered() {
    run(async {
        let simulation = Simulation::new();
        killed(&simulation, &stack(|stack| drop(stack.add("main", net(1)))), 1).await;
        assert_eq!(simulation.cloud.objects().len(), 1);
        let plan = simulation.converge(&nothing()).await.expect("destroyed");
        assert_eq!(deletes(&plan), ["net/main"]);
        assert_eq!(plan.resources["net/main"].id.as_deref(), Some("net#1"), "the plan names the object");
        assert!(simulation.cloud.objects().is_empty(), "{:?}", simulation.cloud.objects());
    });
}

#[test]
fn deletion_protection_is_disabled_on_an_object_whose_create_was_not_answered() {
    run(async {
        let simulation = Simulation::new();
        let locked = types::Named { locked: Some(true), ..named("db", 1) };
        killed(&simulation, &stack(|stack| drop(stack.add("main", locked))), 1).await;
        simulation.converge(&nothing()).await.expect("destroyed");
        assert!(simulation.cloud.objects().is_empty(), "{:?}", simulation.cloud.objects());
    });
}

#[test]
fn replacing_an_object_whose_create_was_not_answered_leaves_one() {
    run(async {
        let simulation = Simulation::new();
        killed(&simulation, &stack(|stack| drop(stack.add("main", net(1)))), 1).await;
        simulation.converge(&stack(|stack| drop(stack.add("main", net(2))))).await.expect("replaced");
        let ranges: Vec<_> =
            simulation.cloud.objects().into_iter().map(|thing| thing.inputs["range"].clone()).collect();
        assert_eq!(ranges, [json!(2)]);
    });
}

#[test]
fn a_shared_object_whose_create_was_not_answered_is_released() {
    run(async {
        let simulation = Simulation::new();
        let shared = Options { share: true, ..Options::default() };
        killed(&simulation, &stack(|stack| drop(stack.add_with("github", named("github", 1), shared))), 1).await;
        let id = simulation.cloud.objects()[0].id.clone();
        simulation.cloud.tamper(&id, |inputs| inputs["tags"]["provisioner:used-by:another"] = json!("prod"));
        simulation.converge(&nothing()).await.expect("released");
        let tags = simulation.cloud.objects()[0].inputs["tags"].clone();
        assert_eq!(tags.get(format!("provisioner:used-by:{}", simulation::LINEAGE)), None, "{tags}");
    });
}

#[test]
fn refused_replacement_leaves_the_old_object_current() {
    run(async {
        let simulation = Simulation::new();
        let declared = |range| {
            stack(|stack| {
                let net = stack.add("main", net(range));
                stack.add("app", types::Named { net: Some(net.id()), ..named("app", 1) });
            })
        };
        simulation.converge(&declared(1)).await.expect("created");
        let plan = simulation.plan(&declared(2)).await.expect("a plan");
        assert_eq!(plan.resources["net/main"].action, Action::Replace);
        simulation.cloud.fail_next(1, ErrorKind::Refused);
        let outcome = simulation.apply(&plan).await.expect("applied");
        assert_eq!(outcome.failed.len(), 1);
        simulation.cloud.heal();
        // Reverted: nothing to do, and nothing is deleted.
        let plan = simulation.plan(&declared(1)).await.expect("a plan");
        assert!(plan.is_empty(), "{plan:#?}");
        // Or tried again: the same replacement as before.
        let plan = simulation.converge(&declared(2)).await.expect("replaced");
        assert_eq!(plan.resources["net/main"].action, Action::Replace);
        assert_eq!(deletes(&plan), ["net/main"]);
        assert_eq!(simulation.cloud.objects().len(), 2);
    });
}

#[test]
fn interrupted_replacement_goes_on_and_deletes_the_old_object_last() {
    run(async {
        let simulation = Simulation::new();
        let declared = |range| {
            stack(|stack| {
                let net = stack.add("main", net(range));
                stack.add("app", types::Named { net: Some(net.id()), ..named("app", 1) });
            })
        };
        simulation.converge(&declared(1)).await.expect("created");
        killed(&simulation, &declared(2), 1).await;
        let plan = simulation.plan(&declared(2)).await.expect("a plan");
        let leftovers = &plan.resources["net/main"].leftovers;
        assert_eq!(leftovers.len(), 1, "the plan shows what it deletes: {leftovers:?}");
        assert_eq!(leftovers[0].id.as_deref(), Some("net#1"));
        let steps: Vec<String> =
            plan.steps.iter().map(|step| format!("{} {}", step.action.verb(), step.address)).collect();
        assert_eq!(steps, ["update net/main", "update named/app", "delete net/main"]);
        simulation.converge(&declared(2)).await.expect("replaced");
        assert_eq!(simulation.cloud.objects().len(), 2);
    });
}

#[test]
fn reverting_an_interrupted_replacement_deletes_the_successor_alone() {
    run(async {
        let simulation = Simulation::new();
        simulation.converge(&stack(|stack| drop(stack.add("main", net(1))))).await.expect("created");
        killed(&simulation, &stack(|stack| drop(stack.add("main", net(2)))), 1).await;
        let plan = simulation.converge(&stack(|stack| drop(stack.add("main", net(1))))).await.expect("reverted");
        assert_eq!(plan.resources["net/main"].leftovers[0].id.as_deref(), Some("net#2"));
        let ids: Vec<String> = simulation.cloud.objects().into_iter().map(|thing| thing.id).collect();
        assert_eq!(ids, ["net#1"]);
    });
}

#[test]
fn a_create_stays_pending_while_its_outcome_cannot_be_looked_up() {
    run(async {
        let simulation = Simulation::new();
        let declared = stack(|stack| drop(stack.add("main", net(1))));
        let plan = simulation.plan(&declared).await.expect("a plan");
        simulation.cloud.fail_at(1, Fault::After);
        simulation.cloud.fail_finds(1, ErrorKind::Denied);
        let outcome = simulation.apply(&plan).await.expect("applied");
        assert_eq!(outcome.failed.len(), 1);
        let state = simulation.store.state().expect("a state");
        assert!(state.rows["net/main"].objects[0].is_being_created());
        simulation.cloud.heal();
        simulation.converge(&declared).await.expect("taken up");
        assert_eq!(simulation.cloud.objects().len(), 1);
    });
}

#[test]
fn a_refused_delete_is_forgotten() {
    run(async {
        let simulation = Simulation::new();
        let declared = stack(|stack| drop(stack.add("main", net(1))));
        simulation.converge(&declared).await.expect("created");
        let plan = simulation.plan(&nothing()).await.expect("a plan");
        simulation.cloud.fail_next(1, ErrorKind::Refused);
        simulation.apply(&plan).await.expect("applied");
        simulation.cloud.heal();
        assert!(simulation.plan(&declared).await.expect("a plan").is_empty(), "put back into the program, it stays");
    });
}

#[test]
fn adopting_keeps_what_is_never_told() {
    run(async {
        let simulation = Simulation::new();
        simulation.cloud.foreign(&types::Named { key: Some(77), ..named("db", 1) });
        let adopt = || Options { adopt: true, ..Options::default() };
        let declared = |key| {
            stack(|stack| drop(stack.add_with("main", types::Named { key: Some(key), ..named("db", 1) }, adopt())))
        };
        simulation.converge(&declared(1)).await.expect("adopted");
        assert_eq!(simulation.cloud.objects()[0].inputs["key"], json!(77));
        // Another version is written.
        simulation.converge(&declared(2)).await.expect("written");
        assert_eq!(simulation.cloud.objects()[0].inputs["key"], json!(2));
    });
}

#[test]
fn plan_refuses_a_key_that_others_hold() {
    run(async {
        let simulation = Simulation::new();
        let id = simulation.cloud.foreign(&entry(9));
        let why = simulation.plan(&stack(|stack| drop(stack.add("www", entry(1))))).await.expect_err("refused");
        for part in [&*id, "entry/www", "provisioner import dev entry/www", "interrupted.rs:"] {
            assert!(why.contains(part), "{part} is not in: {why}");
        }
        let adopt = Options { adopt: true, ..Options::default() };
        simulation.converge(&stack(|stack| drop(stack.add_with("www", entry(1), adopt)))).await.expect("adopted");
        simulation.converge(&nothing()).await.expect("forgotten");
        assert_eq!(simulation.cloud.objects().len(), 1, "what others made stays");
    });
}

#[test]
fn apply_overwrites_nothing_that_came_up_after_the_plan() {
    run(async {
        let simulation = Simulation::new();
        let declared = stack(|stack| drop(stack.add("www", entry(1))));
        let plan = simulation.plan(&declared).await.expect("a plan");
        let id = simulation.cloud.foreign(&entry(9));
        let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
        assert!(outcome.failed[0].1.contains(&id), "{outcome:?}");
        let import = format!("provisioner import dev entry/www '{id}'");
        let hinted = |event: &Event| matches!(&event.kind, EventKind::Failed(Diagnostic { hint: Some(hint), .. }) if hint.contains(&import));
        assert!(events.iter().any(hinted), "{events:?}");
        assert_eq!(simulation.cloud.count(Call::Create), 0, "nothing was written");
        assert_eq!(simulation.cloud.objects()[0].inputs["value"], json!(9));
        assert!(simulation.plan(&nothing()).await.expect("a plan").is_empty(), "nor is it deleted");
    });
}

#[test]
fn an_object_without_tags_is_found_after_a_lost_answer() {
    run(async {
        let simulation = Simulation::new();
        let declared = stack(|stack| drop(stack.add("www", entry(1))));
        let plan = simulation.plan(&declared).await.expect("a plan");
        simulation.cloud.fail_at(1, Fault::After);
        assert!(simulation.apply(&plan).await.expect("applied").is_complete());
        killed(&simulation, &stack(|stack| drop(stack.add("www", types::ZoneRecord { zone: 2, ..entry(1) }))), 1).await;
        simulation.converge(&nothing()).await.expect("destroyed");
        assert_eq!(simulation.cloud.objects().len(), 0);
    });
}

#[test]
fn reverting_after_a_kill_in_a_replacement_converges() {
    // The role's name is a unique key, and the policy of the old role keeps that from being deleted first.
    let role = |name: &'static str| {
        stack(move |stack| {
            let name = Some(name.to_owned());
            let role = stack.add("main", types::Role { name, path: 1, label: 1, tags: Tags::new() });
            stack.add("main", types::RolePolicy { role: role.id(), allows: "all".into() });
        })
    };
    run(async {
        for n in 1..=4 {
            let simulation = Simulation::new();
            simulation.converge(&role("a")).await.expect("created");
            killed(&simulation, &role("b"), n).await;
            simulation.converge(&role("a")).await.unwrap_or_else(|why| panic!("killed at call {n}: {why}"));
            let names: Vec<_> =
                simulation.cloud.objects().into_iter().filter_map(|thing| thing.inputs.get("name").cloned()).collect();
            assert_eq!(names, [json!("a")], "killed at call {n}");
            simulation.converge(&nothing()).await.expect("destroyed");
            assert!(simulation.cloud.objects().is_empty(), "killed at call {n}: {:?}", simulation.cloud.objects());
        }
    });
}

#[test]
fn name_of_a_destroyed_object_is_not_generated_again() {
    run(async {
        let simulation = Simulation::new();
        simulation.cloud.reserve_names(|_| true);
        let declared = stack(|stack| drop(stack.add("main", unnamed(1))));
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..3 {
            simulation.converge(&declared).await.expect("created");
            names.insert(simulation.cloud.objects()[0].inputs["name"].to_string());
            simulation.converge(&nothing()).await.expect("destroyed");
        }
        assert_eq!(names.len(), 3, "{names:?}");
    });
}

/// The process is killed during the delete, and the next apply declares the resource again.
#[test]
fn name_of_an_object_whose_delete_was_interrupted_is_not_generated_again() {
    run(async {
        let simulation = Simulation::new();
        simulation.cloud.reserve_names(|_| true);
        let declared = stack(|stack| drop(stack.add("main", unnamed(1))));
        simulation.converge(&declared).await.expect("created");
        killed(&simulation, &nothing(), 1).await;
        simulation.converge(&declared).await.expect("created again");
        simulation.check(&simulation.plan(&declared).await.expect("a plan")).expect("no reserved name is used");
    });
}
