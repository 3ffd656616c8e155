//! Objects of others that keep an object from being deleted: the error names them, and comes soon.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use std::{future::Future, time::Duration};

use provisioner_engine::{Event, EventKind, Outcome, Tuning};
use provisioner_model::{Id, Stack, resource::Tags, stack::Desired};
use provisioner_testkit::{
    cloud::types::{Net, Port},
    generate::{Spec, facts},
    tuning::tuning,
};
use simulation::Simulation;
use tokio::time::Instant;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(test)
}

fn net() -> Desired {
    let mut stack = Stack::new(facts());
    stack.add("main", Net { range: 1, label: None, tags: Tags::new() });
    stack.finish().expect("the stack is valid")
}

/// A net with the port of somebody else in it, and a run with a tenth of a second of patience.
async fn occupied() -> (Simulation, String) {
    let patience = Some(Duration::from_millis(100));
    let simulation = Simulation { tuning: Tuning { patience, ..tuning() }, ..Simulation::new() };
    simulation.converge(&net()).await.expect("created");
    let net = simulation.cloud.objects()[0].id.clone();
    let port = Port { net: Id::new(net).into(), open: None, rule: None, key: None, tags: Tags::new() };
    let port = simulation.cloud.foreign(&port);
    (simulation, port)
}

async fn destroy(simulation: &Simulation) -> (Outcome, Vec<Event>) {
    let plan = simulation.plan(&Spec::nothing()).await.expect("a plan");
    simulation.apply_with_events(&plan).await.expect("applied")
}

#[test]
fn foreign_object_is_named_at_once_and_ends_the_wait() {
    run(async {
        let (simulation, port) = occupied().await;
        let (outcome, events) = destroy(&simulation).await;
        let (_, why) = &outcome.failed[0];
        assert!(why.contains(&port), "{why}");
        let first = events.iter().find_map(|event| match &event.kind {
            EventKind::Retry { why, .. } => Some(why),
            _ => None,
        });
        assert!(first.is_some_and(|why| why.contains(&port)), "{events:?}");
        // A refused delete is over: declared again, the net stays.
        assert!(simulation.plan(&net()).await.expect("a plan").is_empty());
    });
}

#[test]
fn foreign_object_that_goes_away_in_time_is_waited_for() {
    run(async {
        let (mut simulation, port) = occupied().await;
        simulation.tuning = tuning();
        let started = Instant::now();
        let ((outcome, _), ()) = tokio::join!(destroy(&simulation), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            simulation.cloud.remove(&port);
        });
        assert!(outcome.is_complete(), "{outcome:?}");
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(simulation.cloud.objects().is_empty());
    });
}
