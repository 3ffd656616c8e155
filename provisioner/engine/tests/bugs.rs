//! A bug of a program or of a resource type: it is reported as one, at once.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use std::future::Future;

use provisioner_engine::{Event, EventKind};
use provisioner_model::{ErrorKind, Stack, erased::Clouds, resource::Tags, stack::Desired};
use provisioner_testkit::{cloud::types, generate::facts};
use simulation::Simulation;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(test)
}

fn one_net() -> Desired {
    let mut stack = Stack::new(facts());
    stack.add("main", types::Net { range: 1, label: None, tags: Tags::new() });
    stack.finish().expect("the stack is valid")
}

/// The hint of the one step that failed; panics if anything was retried.
fn hint_without_retry(events: &[Event]) -> &str {
    assert!(!events.iter().any(|event| matches!(event.kind, EventKind::Retry { .. })), "{events:?}");
    let hint = events.iter().find_map(|event| match &event.kind {
        EventKind::Failed(failure) => failure.hint.as_deref(),
        _ => None,
    });
    hint.expect("a step failed, with a hint")
}

#[test]
fn bug_is_not_retried() {
    run(async {
        let simulation = Simulation::new();
        let plan = simulation.plan(&one_net()).await.expect("a plan");
        simulation.cloud.fail_next(3, ErrorKind::Bug);
        let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
        assert_eq!((outcome.failed.len(), simulation.cloud.writes()), (1, 1));
        let hint = hint_without_retry(&events);
        assert!(hint.contains("bug") && hint.contains("`test:net`") && hint.contains("test:Write"), "{hint}");
    });
}

#[test]
fn request_that_was_not_sent_is_retried() {
    run(async {
        let simulation = Simulation::new();
        let plan = simulation.plan(&one_net()).await.expect("a plan");
        simulation.cloud.fail_next(2, ErrorKind::NotSent);
        let (outcome, _) = simulation.apply_with_events(&plan).await.expect("applied");
        assert_eq!((outcome.failed.len(), simulation.cloud.writes()), (0, 3));
    });
}

#[test]
fn missing_provider_is_a_bug() {
    run(async {
        let mut simulation = Simulation::new();
        let plan = simulation.plan(&one_net()).await.expect("a plan");
        simulation.clouds = Clouds::default();
        let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
        assert!(outcome.failed[0].1.contains("no provider `main`"), "{:?}", outcome.failed);
        assert!(hint_without_retry(&events).contains("bug"));
        assert_eq!(simulation.cloud.writes(), 0);
    });
}

#[test]
fn plan_that_waits_for_a_missing_step_is_refused() {
    run(async {
        let simulation = Simulation::new();
        let mut plan = simulation.plan(&one_net()).await.expect("a plan");
        plan.steps[0].after.insert(999);
        let error = simulation.apply(&plan).await.expect_err("refused");
        assert!(
            error.contains("the plan contradicts itself: step 0 (create net/main) waits for a later one"),
            "{error}"
        );
        assert_eq!((simulation.cloud.writes(), simulation.store.appends()), (0, 0));
    });
}
