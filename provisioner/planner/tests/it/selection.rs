//! `--target`, `--exclude`: a plan about a part of the stack.

use insta::assert_snapshot;
use provisioner_model::Stack;
use provisioner_planner::Selection;
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

/// A network with an application in it, and a document apart from both.
fn declare(range: u8) -> impl FnOnce(&mut Stack) {
    move |stack| {
        let net = stack.component("network", |stack| stack.add("main", net(range)));
        stack.add("app", Named { net: Some(net.id()), ..named("app", range) });
        stack.add("main", doc("a"));
    }
}

fn select(mut fixture: Fixture, targets: &[&str], excludes: &[&str]) -> Fixture {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    fixture.selection = Selection { targets: owned(targets), excludes: owned(excludes), replace: vec![] };
    fixture
}

#[test]
fn target_includes_what_it_needs() {
    assert_snapshot!(select(Fixture::empty(), &["named/app"], &[]).plan(declare(1)), @"");
}

#[test]
fn component_is_a_target() {
    assert_snapshot!(select(Fixture::empty(), &["network/"], &[]).plan(declare(1)), @"");
}

#[test]
fn exclude_includes_dependents() {
    assert_snapshot!(select(Fixture::empty(), &[], &["network"]).plan(declare(1)), @"");
}

#[test]
fn target_that_is_destroyed_includes_its_dependents() {
    let fixture = Fixture::applied(declare(1));
    assert_snapshot!(select(fixture, &["network"], &[]).destroy(), @"");
}

#[test]
fn excluded_object_keeps_what_it_needs_on_destroy() {
    let fixture = Fixture::applied(declare(1));
    assert_snapshot!(select(fixture, &[], &["named"]).destroy(), @"");
}

#[test]
fn dependent_that_the_plan_leaves_out_stops_a_replacement() {
    let fixture = Fixture::applied(declare(1));
    assert_snapshot!(select(fixture, &["network"], &[]).plan(declare(2)), @"");
}

#[test]
fn selection_of_unknown_addresses_is_a_problem() {
    let mut fixture = select(Fixture::applied(declare(1)), &["net/main"], &["doc/mai"]);
    fixture.selection.replace = vec!["table".to_owned()];
    assert_snapshot!(fixture.plan(declare(1)), @"");
}
