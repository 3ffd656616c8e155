//! `UNIQUE`: keys that only one object may hold.

use insta::assert_snapshot;
use provisioner_model::Stack;
use serde_json::json;

use crate::support::*;

#[test]
fn key_of_an_object_outside_the_state_is_a_problem() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("entry/www", "foreign", json!({ "zone": 1, "name": "www", "value": 9 }));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("www", entry("www", 1)))), @"
    problem entry/www: `foreign` exists already and does not belong to this environment
      hint: to manage that object, run `provisioner import dev entry/www 'foreign'` or declare the resource with `adopt`; else give it another name or key
    ");
}

#[test]
fn problem_names_the_place_in_the_program() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("entry/www", "foreign", json!({ "zone": 1, "name": "www", "value": 9 }));
    let problems = fixture.try_plan(&stack(|stack| drop(stack.add("www", entry("www", 1))))).unwrap_err();
    let text = problems[0].to_string();
    assert!(text.contains("unique_keys.rs:") && text.contains(": entry/www: "), "{text}");
}

#[test]
fn generated_name_cannot_exist() {
    assert_snapshot!(Fixture::empty().plan(|stack| drop(stack.add("db", unnamed(1)))), @"
    create named/db: does not exist yet
    1. create named/db
    ");
}

#[test]
fn key_with_an_id_of_a_new_object_cannot_exist() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("role-policy/main", "foreign", json!({ "role": "other", "allows": "all" }));
    let plan = fixture.plan(|stack| {
        let role = stack.add("main", role(1));
        stack.add("main", policy(&role));
    });
    assert_snapshot!(plan, @"
    create role-policy/main: does not exist yet
    create role/main: does not exist yet
    1. create role/main
    2. create role-policy/main after 1
    ");
}

#[test]
fn two_resources_with_one_key_are_a_problem() {
    let plan = Fixture::empty().plan(|stack| {
        stack.add("a", entry("www", 1));
        stack.add("b", entry("www", 2));
    });
    assert_snapshot!(plan, @"
    problem entry/b: has the same zone and name as entry/a; only one may
      hint: give one of them another zone or name, or remove one
    ");
}

#[test]
fn declared_key_of_an_unchanged_object_is_a_problem() {
    let fixture = Fixture::applied(|stack| drop(stack.add("a", entry("www", 1))));
    let plan = fixture.plan(|stack| {
        stack.add("a", entry("www", 1));
        stack.add("b", entry("www", 2));
    });
    assert_snapshot!(plan, @"
    problem entry/b: has the same zone and name as entry/a; only one may
      hint: give one of them another zone or name, or remove one
    ");
}

#[test]
fn key_is_taken_after_its_holder_is_deleted() {
    let fixture = Fixture::applied(|stack| drop(stack.add("old", entry("www", 1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("new", entry("www", 1)))), @"
    create entry/new: does not exist yet
    delete entry/old: no longer declared
    1. delete entry/old (entry/old#1)
    2. create entry/new unless its key exists after 1
    ");
}

#[test]
fn resources_that_swap_their_keys_have_no_order() {
    let declare = |a: &'static str, b: &'static str| {
        move |stack: &mut Stack| {
            stack.add("a", named(a, 1));
            stack.add("b", named(b, 1));
        }
    };
    assert_snapshot!(Fixture::applied(declare("x", "y")).plan(declare("y", "x")), @"
    problem named/a: the steps have no possible order: create named/a, after delete named/b, after create named/b, after delete named/a, after create named/a
      hint: two resources exchange a unique key: change one first, or declare renamed_from
    ");
}
