//! Objects that the cloud refuses to change until the user acts.

use insta::assert_snapshot;
use provisioner_model::{Phase, Stack, state::Operation};
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

fn stopped(declare: impl FnOnce(&mut Stack)) -> Fixture {
    let mut fixture = Fixture::applied(declare);
    let phase = Phase::Stopped { why: "its status is `stopped`".to_owned(), hint: "start it".to_owned() };
    fixture.observe_phase("named/db", phase);
    fixture
}

fn db(stack: &mut Stack) {
    stack.add("db", named("db", 1));
}

fn locked(stack: &mut Stack) {
    stack.add("db", Named { locked: Some(true), ..named("db", 1) });
}

#[test]
fn unchanged_object_is_a_warning() {
    assert_snapshot!(stopped(db).plan(db), @"notice named/db: its status is `stopped`; a plan that changes it fails until then");
}

#[test]
fn change_is_an_error() {
    let plan = stopped(db).plan(|stack| drop(stack.add("db", Named { size: 2, ..named("db", 1) })));
    assert_snapshot!(plan, @"
    problem named/db: its status is `stopped`, so size cannot be changed
      hint: start it
    ");
}

#[test]
fn interrupted_update_is_an_error() {
    let mut fixture = stopped(db);
    fixture.interrupt("named/db", Operation::Update);
    assert_snapshot!(fixture.plan(db), @"
    problem named/db: its status is `stopped`, so its interrupted update cannot resume
      hint: start it
    ");
}

#[test]
fn delete_needs_no_change() {
    assert_snapshot!(stopped(db).destroy(), @"
    delete named/db: no longer declared
    notice named/db: its status is `stopped`; a plan that changes it fails until then
    1. delete named/db (named/db#1)
    ");
}

#[test]
fn deletion_protection_cannot_be_disabled() {
    assert_snapshot!(stopped(locked).destroy(), @"
    problem named/db: its status is `stopped`, so locked cannot be disabled, and it cannot be deleted
      hint: start it
    ");
}
