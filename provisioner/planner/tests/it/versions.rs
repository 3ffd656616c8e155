//! States and programs that do not fit: unknown types, newer versions, an address of another type.

use insta::assert_snapshot;

use crate::support::{disk::disk, *};

fn recorded() -> Fixture {
    Fixture::applied(|stack| drop(stack.add("data", disk("ssd", 20))))
}

#[test]
fn unknown_type_in_the_state_is_a_problem() {
    let mut fixture = recorded();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().type_name = "other:storage:disk".to_owned();
    assert_snapshot!(fixture.destroy(), @"
    problem disk/data: this program does not know the type `other:storage:disk`
      hint: build it with the crate that has the `other` types, and with its cargo feature `storage`
    ");
}

#[test]
fn unknown_type_without_a_feature_is_a_problem() {
    let mut fixture = recorded();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().type_name = "disk".to_owned();
    assert_snapshot!(fixture.destroy(), @"
    problem disk/data: this program does not know the type `disk`
      hint: build it with the crate that has the type
    ");
}

#[test]
fn newer_version_in_the_state_is_a_problem() {
    let mut fixture = recorded();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().version = 3;
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 20)))), @"
    problem disk/data: the state has version 3 of `test:disk`, newer than this program's
      hint: use the version of the program that wrote the state
    ");
}

#[test]
fn another_type_at_the_same_address_is_a_problem() {
    let mut fixture = recorded();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().type_name = "test:net".to_owned();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().version = 1;
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 20)))), @"
    problem disk/data: is a `test:net` in the state and a `test:disk` now
      hint: give the resource of the new type another name, or delete the old one with an apply before
    ");
}
