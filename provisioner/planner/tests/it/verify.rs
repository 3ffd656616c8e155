//! Contradictions in a state or a plan.

use insta::assert_snapshot;
use provisioner_model::state::ObjectRole;
use provisioner_planner::verify;
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

fn applied() -> Fixture {
    Fixture::applied(|stack| {
        let net = stack.add("main", net(1));
        stack.add("app", Named { net: Some(net.id()), ..named("app", 1) });
    })
}

fn contradictions(fixture: &Fixture) -> String {
    verify::snapshot(&fixture.snapshot, &fixture.registry).join("\n")
}

#[test]
fn applied_state_has_no_contradictions() {
    assert_snapshot!(contradictions(&applied()), @"");
}

#[test]
fn row_without_an_object_is_a_contradiction() {
    let mut fixture = applied();
    fixture.snapshot.rows.get_mut("net/main").unwrap().objects.clear();
    assert_snapshot!(contradictions(&fixture), @"net/main has no object");
}

#[test]
fn two_objects_in_one_role_are_a_contradiction() {
    let mut fixture = applied();
    fixture.add_object("net/main", ObjectRole::Current, |_| {});
    assert_snapshot!(contradictions(&fixture), @"net/main has more than one object as Current");
}

#[test]
fn two_objects_with_one_token_are_a_contradiction() {
    let mut fixture = applied();
    let object = fixture.object("net/main").clone();
    fixture.object("named/app").token = object.token;
    assert_snapshot!(contradictions(&fixture), @"net/main has a token that another object has too");
}

#[test]
fn object_without_an_id_is_a_contradiction_unless_its_create_is_pending() {
    let mut fixture = applied();
    fixture.object("net/main").id = None;
    assert_snapshot!(contradictions(&fixture), @"net/main has an object without id that nobody is making");
}

#[test]
fn unknown_type_is_a_contradiction() {
    let mut fixture = applied();
    fixture.snapshot.rows.get_mut("net/main").unwrap().type_name = "test:other".to_owned();
    assert_snapshot!(contradictions(&fixture), @"net/main is of an unknown type, test:other");
}

#[test]
fn reference_without_a_row_is_a_contradiction() {
    let mut fixture = applied();
    fixture.snapshot.rows.remove("net/main");
    assert_snapshot!(contradictions(&fixture), @"named/app needs net/main, which is not in the state");
}

#[test]
fn plan_that_waits_for_a_later_step_is_a_contradiction() {
    let mut plan = applied().try_plan(&stack(|_| {})).unwrap();
    plan.steps[0].after.insert(1);
    assert_snapshot!(verify::plan(&plan).join("\n"), @"step 0 (delete named/app) waits for a later one");
}

#[test]
fn plan_that_removes_an_object_twice_is_a_contradiction() {
    let mut plan = applied().try_plan(&stack(|_| {})).unwrap();
    let again = plan.steps[0].clone();
    plan.steps.push(again);
    assert_snapshot!(verify::plan(&plan).join("\n"), @"step 2 (delete named/app) removes an object twice");
}

#[test]
fn plan_that_creates_two_objects_at_one_address_is_a_contradiction() {
    let mut plan = Fixture::empty().try_plan(&stack(|stack| drop(stack.add("main", net(1))))).unwrap();
    let again = plan.steps[0].clone();
    plan.steps.push(again);
    assert_snapshot!(verify::plan(&plan).join("\n"), @"step 1 (create net/main) makes a second object");
}

#[test]
fn step_of_a_resource_outside_the_plan_is_a_contradiction() {
    let mut plan = applied().try_plan(&stack(|_| {})).unwrap();
    plan.resources.remove("net/main");
    assert_snapshot!(verify::plan(&plan).join("\n"), @"step 1 (delete net/main) is of a resource that is not in the plan");
}
