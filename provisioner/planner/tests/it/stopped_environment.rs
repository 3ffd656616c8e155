//! Environments that are stopped and started: the values of each type take the place of the declared ones.

use insta::assert_snapshot;
use provisioner_model::{Phase, Stack, state::Operation};
use provisioner_testkit::cloud::types::{Named, Service};

use crate::support::*;

/// A service with two tasks that depends on a database by way of a document.
fn app(stack: &mut Stack) {
    let (net, db) = (stack.add("main", net(1)), stack.add("db", named("db", 1)));
    let doc = stack.add("main", doc(db.get(Named::ID)));
    stack.add("web", Service { count: 2, ..service(&net, &doc) });
}

fn stopped() -> Fixture {
    let mut fixture = Fixture::empty();
    fixture.apply_desired(&stopped_stack(app));
    fixture
}

/// The refresh finds the database stopped.
fn stop_database(fixture: &mut Fixture) {
    let phase = Phase::Stopped { why: "its status is `stopped`".to_owned(), hint: "start it".to_owned() };
    fixture.observe_phase("named/db", phase);
}

#[test]
fn stop_begins_with_the_users() {
    assert_snapshot!(Fixture::applied(app).plan_desired(&stopped_stack(app)), @"
    update named/db: it stops with the environment
      off: null → true
    update service/web: it stops with the environment: if it fails, the current version is restored
      count: 2 → 0
    1. update service/web (service/web#1)
    2. update named/db (named/db#1) after 1
    ");
}

#[test]
fn start_begins_with_the_dependencies() {
    assert_snapshot!(stopped().plan(app), @"
    update named/db: it starts with the environment
      off: true → null
    update service/web: it starts with the environment: if it fails, the current version is restored
      count: 0 → 2
    1. update named/db (named/db#1)
    2. update service/web (service/web#1) after 1
    ");
}

#[test]
fn stopped_environment_stays_as_it_is() {
    let mut fixture = stopped();
    stop_database(&mut fixture);
    assert_snapshot!(fixture.plan_desired(&stopped_stack(app)), @"no changes");
}

#[test]
fn database_that_the_cloud_started_is_stopped_again() {
    let mut fixture = stopped();
    fixture.observe("named/db", |inputs| inputs["off"] = false.into());
    assert_snapshot!(fixture.plan_desired(&stopped_stack(app)), @"
    drift named/db (named/db#1)
      off: true → false, drifted
    update named/db: changed outside Provisioner
      off: false → true, drifted
    1. update named/db (named/db#1)
    ");
}

#[test]
fn start_of_a_stopped_object_is_no_error() {
    let mut fixture = stopped();
    stop_database(&mut fixture);
    assert_snapshot!(fixture.plan(app), @"
    update named/db: it starts with the environment
      off: true → null
    update service/web: it starts with the environment: if it fails, the current version is restored
      count: 0 → 2
    1. update named/db (named/db#1)
    2. update service/web (service/web#1) after 1
    ");
}

#[test]
fn change_of_a_stopped_object_asks_for_a_start() {
    let mut fixture = stopped();
    stop_database(&mut fixture);
    let larger = stopped_stack(|stack| {
        stack.add("db", Named { size: 2, ..named("db", 1) });
    });
    fixture.selection.targets = vec!["named/db".to_owned()];
    assert_snapshot!(fixture.plan_desired(&larger), @"
    problem named/db: its status is `stopped`, so size cannot be changed
      hint: start it first: provisioner start dev
    ");
}

#[test]
fn new_resources_of_a_stopped_environment_are_created_stopped() {
    let more = |stack: &mut Stack| {
        app(stack);
        let (net, doc) = (stack.add("second", net(2)), stack.add("second", doc("b")));
        stack.add("worker", Service { count: 3, ..service(&net, &doc) });
    };
    let plan = stopped().try_plan(&stopped_stack(more)).unwrap();
    let worker = &plan.resources["service/worker"];
    let count = worker.changes.iter().find(|change| change.field == "count").unwrap();
    assert_eq!(count.after, 0);
}

#[test]
fn declared_count_of_zero_stops_and_a_higher_one_starts() {
    let with = |count| {
        move |stack: &mut Stack| {
            let (net, doc) = (stack.add("main", net(1)), stack.add("main", doc("a")));
            stack.add("web", Service { count, ..service(&net, &doc) });
        }
    };
    assert_snapshot!(Fixture::applied(with(2)).plan(with(0)), @"
    update service/web: configuration changed: if it fails, the current version is restored
      count: 2 → 0
    1. update service/web (service/web#1)
    ");
    assert_snapshot!(Fixture::applied(with(0)).plan(with(3)), @"
    update service/web: configuration changed: if it fails, the current version is restored
      count: 0 → 3
    1. update service/web (service/web#1)
    ");
    assert_snapshot!(Fixture::applied(with(2)).plan(with(3)), @"no changes");
}

#[test]
fn interrupted_stop_is_complete_once_the_object_is_stopped() {
    let mut fixture = Fixture::applied(app);
    fixture.snapshot.stopped = true;
    fixture.interrupt("named/db", Operation::Update);
    let mut inputs = fixture.object("named/db").inputs.clone();
    inputs["off"] = true.into();
    fixture.object("named/db").pending.as_mut().unwrap().inputs = Some(inputs);
    stop_database(&mut fixture);
    let token = fixture.object("named/db").token.clone();
    let observation = fixture.observed.objects.get_mut(&token).unwrap().as_mut().unwrap();
    observation.observed.inputs["off"] = true.into();
    assert_snapshot!(fixture.plan_desired(&stopped_stack(app)), @"
    update named/db: it was interrupted and resumes
    update service/web: configuration changed: if it fails, the current version is restored
      count: 2 → 0
    1. update named/db (named/db#1)
    2. update service/web (service/web#1)
    ");
    // A start ends what only the interrupted stop has written.
    assert_snapshot!(fixture.plan(app), @"
    update named/db: it was interrupted and resumes: it starts with the environment
      off: true → null
    1. update named/db (named/db#1)
    ");
}

#[test]
fn tasks_that_others_stopped_or_started_are_what_they_are() {
    // Stopped by hand before the stop: only the state follows, so that a start finds out.
    let mut fixture = Fixture::applied(app);
    fixture.observe("service/web", |inputs| inputs["count"] = 0.into());
    assert_snapshot!(fixture.plan_desired(&stopped_stack(app)), @"
    update named/db: it stops with the environment
      off: null → true
    update service/web: nothing changes in AWS: recorded only
    1. update named/db (named/db#1)
    2. record service/web (service/web#1)
    ");
    // Started by hand while the environment is stopped.
    let mut fixture = stopped();
    fixture.observe("service/web", |inputs| inputs["count"] = 2.into());
    assert_snapshot!(fixture.plan_desired(&stopped_stack(app)), @"
    update service/web: changed outside Provisioner: if it fails, the current version is restored
      count: 2 → 0, drifted
    1. update service/web (service/web#1)
    ");
    // Started by hand before the start.
    assert_snapshot!(fixture.plan(app), @"
    update named/db: it starts with the environment
      off: true → null
    update service/web: nothing changes in AWS: recorded only
    1. update named/db (named/db#1)
    2. record service/web (service/web#1)
    ");
}
