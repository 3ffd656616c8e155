//! `adopt`: an object that exists and is not in the state is taken over.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::*;

fn existing_object() -> Fixture {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("entry/www", "foreign", json!({ "zone": 1, "name": "www", "value": 9 }));
    fixture
}

#[test]
fn adopt_takes_over_an_existing_object_and_updates_it() {
    assert_snapshot!(existing_object().plan(|stack| drop(stack.add_with("www", entry("www", 1), adopted()))), @"
    adopt entry/www: exists already: adopted, and forgotten on destroy
      value: 9 → 1
    1. adopt entry/www (foreign)
    ");
}

#[test]
fn adopt_creates_where_no_object_exists() {
    let fixture = Fixture::empty();
    assert_snapshot!(fixture.plan(|stack| drop(stack.add_with("www", entry("www", 1), adopted()))), @"
    create entry/www: does not exist yet
    1. create entry/www unless its key exists
    ");
}

#[test]
fn adopted_object_is_forgotten_on_destroy() {
    let mut fixture = existing_object();
    fixture.apply(|stack| drop(stack.add_with("www", entry("www", 1), adopted())));
    assert_snapshot!(fixture.destroy(), @"
    forget entry/www: no longer declared, and not created by Provisioner
    1. forget entry/www (foreign)
    ");
}

#[test]
fn adopt_refuses_an_object_that_would_have_to_be_replaced() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("named/db", "foreign", json!({ "name": "db", "class": 2, "size": 1 }));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add_with("db", named("db", 1), adopted()))), @"
    problem named/db: class differs from the object that is there, and cannot be changed in place
      hint: an adopted object is not replaced: declare it as it is, or under another key
    ");
}

#[test]
fn adopt_keeps_an_input_that_cannot_be_read() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("named/db", "foreign", json!({ "name": "db", "class": 1, "size": 1 }));
    let inputs = provisioner_testkit::cloud::types::Named { key: Some(1), ..named("db", 1) };
    assert_snapshot!(fixture.plan(|stack| drop(stack.add_with("db", inputs, adopted()))), @r#"
    adopt named/db: exists already: adopted, and forgotten on destroy
      tags: null → {"provisioner:address":"named/db","provisioner:lineage":"0123456789abcdef"}
    1. adopt named/db (foreign)
    "#);
}
