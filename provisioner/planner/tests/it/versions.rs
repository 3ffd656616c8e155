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
    assert_snapshot!(fixture.destroy(), @"");
}

#[test]
fn unknown_type_without_a_feature_is_a_problem() {
    let mut fixture = recorded();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().type_name = "disk".to_owned();
    assert_snapshot!(fixture.destroy(), @"");
}

#[test]
fn newer_version_in_the_state_is_a_problem() {
    let mut fixture = recorded();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().version = 3;
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 20)))), @"");
}

#[test]
fn another_type_at_the_same_address_is_a_problem() {
    let mut fixture = recorded();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().type_name = "test:net".to_owned();
    fixture.snapshot.rows.get_mut("disk/data").unwrap().version = 1;
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 20)))), @"");
}
