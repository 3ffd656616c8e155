//! Changes made outside Provisioner: recorded against observed.

use insta::assert_snapshot;
use provisioner_model::{Phase, state::Operation};
use provisioner_planner::drift;
use provisioner_testkit::cloud::types::Net;
use serde_json::json;

use crate::support::*;

fn labelled(label: u8) -> Net {
    Net { label: Some(label), ..net(1) }
}

fn drifted() -> Fixture {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", labelled(1))));
    fixture.observe("net/main", |inputs| inputs["label"] = json!(9));
    fixture
}

#[test]
fn drift_is_reverted() {
    assert_snapshot!(drifted().plan(|stack| drop(stack.add("main", labelled(1)))), @"
    drift net/main (net/main#1)
      label: 1 → 9, drifted
    update net/main: changed by another hand
      label: 9 → 1, drifted
    1. update net/main (net/main#1)
    ");
}

#[test]
fn drift_to_the_declared_value_is_only_recorded() {
    assert_snapshot!(drifted().plan(|stack| drop(stack.add("main", labelled(9)))), @"
    drift net/main (net/main#1)
      label: 1 → 9, drifted
    update net/main: nothing to change in the cloud: recorded only
    1. record net/main (net/main#1)
    ");
}

#[test]
fn drift_of_an_input_that_forces_a_replacement_replaces() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.observe("net/main", |inputs| inputs["range"] = json!(9));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    drift net/main (net/main#1)
      range: 1 → 9, drifted
    replace net/main: range cannot be changed in place
      range: 9 → 1, replaces, drifted
    1. create net/main
    2. delete net/main (net/main#1) after 1
    ");
}

#[test]
fn tags_of_others_are_no_drift() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.observe("net/main", |inputs| inputs["tags"]["cost-center"] = json!("42"));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"no changes");
}

#[test]
fn removed_ownership_tag_is_put_back() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.observe("net/main", |inputs| drop(inputs["tags"].as_object_mut().unwrap().remove("provisioner:token")));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @r#"
    drift net/main (net/main#1)
      tags: {"provisioner:token":"token of net/main#1"} → {}, drifted
    update net/main: changed by another hand
      tags: {} → {"provisioner:token":"token of net/main#1"}, drifted
    1. update net/main (net/main#1)
    "#);
}

#[test]
fn object_that_is_being_deleted_outside_provisioner_is_gone() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.observe_phase("net/main", Phase::Gone);
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    drift net/main (net/main#1) is gone
    create net/main: deleted by another hand
    1. create net/main
    2. forget net/main (net/main#1) after 1
    ");
}

#[test]
fn interrupted_update_is_no_drift() {
    let mut fixture = drifted();
    fixture.interrupt("net/main", Operation::Update);
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", labelled(9)))), @"
    update net/main: it was cut off: goes on where it stopped
    1. update net/main (net/main#1)
    ");
}

#[test]
fn drift_is_told_without_a_plan() {
    let fixture = drifted();
    let (desired, targets) = (stack(|_| {}), std::collections::BTreeMap::new());
    let drift = drift(&fixture.input(&desired, &targets)).unwrap();
    let changes: Vec<String> = drift.iter().flat_map(|drift| &drift.changes).map(change).collect();
    assert_snapshot!(changes.join("\n"), @"  label: 1 → 9, drifted");
}

#[test]
fn drift_of_an_unknown_type_is_a_problem() {
    let mut fixture = drifted();
    fixture.snapshot.rows.get_mut("net/main").unwrap().type_name = "test:other:net".to_owned();
    let (desired, targets) = (stack(|_| {}), std::collections::BTreeMap::new());
    let problems = drift(&fixture.input(&desired, &targets)).unwrap_err();
    assert_snapshot!(problems[0], @"net/main: this program does not know the type `test:other:net`");
}
