//! `adopt`: an object that exists and is not in the state is taken over.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::*;

fn existing() -> Fixture {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("entry/www", "foreign", json!({ "zone": 1, "name": "www", "value": 9 }));
    fixture
}

#[test]
fn adopt_takes_over_an_existing_object_and_updates_it() {
    assert_snapshot!(existing().plan(|stack| drop(stack.add_with("www", entry("www", 1), adopted()))), @"");
}

#[test]
fn adopt_creates_where_no_object_exists() {
    let fixture = Fixture::empty();
    assert_snapshot!(fixture.plan(|stack| drop(stack.add_with("www", entry("www", 1), adopted()))), @"");
}

#[test]
fn adopted_object_is_forgotten_on_destroy() {
    let mut fixture = existing();
    fixture.apply(|stack| drop(stack.add_with("www", entry("www", 1), adopted())));
    assert_snapshot!(fixture.destroy(), @"");
}

#[test]
fn adopt_refuses_an_object_that_would_have_to_be_replaced() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("named/db", "foreign", json!({ "name": "db", "class": 2, "size": 1 }));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add_with("db", named("db", 1), adopted()))), @"");
}

#[test]
fn adopt_keeps_an_input_that_cannot_be_read() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("named/db", "foreign", json!({ "name": "db", "class": 1, "size": 1 }));
    let inputs = provisioner_testkit::cloud::types::Named { key: Some(1), ..named("db", 1) };
    assert_snapshot!(fixture.plan(|stack| drop(stack.add_with("db", inputs, adopted()))), @"");
}
