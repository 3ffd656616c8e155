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
    assert_snapshot!(select(Fixture::empty(), &["named/app"], &[]).plan(declare(1)), @"
    create named/app: not there yet
    create network/net/main: not there yet
    1. create network/net/main
    2. create named/app unless its key exists after 1
    ");
}

#[test]
fn component_is_a_target() {
    assert_snapshot!(select(Fixture::empty(), &["network/"], &[]).plan(declare(1)), @"
    create network/net/main: not there yet
    1. create network/net/main
    ");
}

#[test]
fn exclude_includes_dependents() {
    assert_snapshot!(select(Fixture::empty(), &[], &["network"]).plan(declare(1)), @"
    create doc/main: not there yet
    1. create doc/main
    ");
}

#[test]
fn target_that_is_destroyed_includes_its_dependents() {
    let fixture = Fixture::applied(declare(1));
    assert_snapshot!(select(fixture, &["network"], &[]).destroy(), @"
    delete named/app: no longer declared
    delete network/net/main: no longer declared
    1. delete named/app (named/app#1)
    2. delete network/net/main (network/net/main#1) after 1
    ");
}

#[test]
fn excluded_object_keeps_what_it_needs_on_destroy() {
    let fixture = Fixture::applied(declare(1));
    assert_snapshot!(select(fixture, &[], &["named"]).destroy(), @"
    delete doc/main: no longer declared
    1. delete doc/main (doc/main#1)
    ");
}

#[test]
fn dependent_that_the_plan_leaves_out_stops_a_replacement() {
    let fixture = Fixture::applied(declare(1));
    assert_snapshot!(select(fixture, &["network"], &[]).plan(declare(2)), @"
    problem named/app: needs network/net/main, which is replaced, but the plan leaves it out
      hint: add --target named/app
    ");
}

#[test]
fn selection_of_unknown_addresses_is_a_problem() {
    let mut fixture = select(Fixture::applied(declare(1)), &["net/main"], &["doc/mai"]);
    fixture.selection.replace = vec!["table".to_owned()];
    assert_snapshot!(fixture.plan(declare(1)), @"
    problem net/main: is neither declared nor in the state
      hint: `provisioner state list ENV` shows the addresses
    problem doc/mai: is neither declared nor in the state
      hint: `provisioner state list ENV` shows the addresses
    problem table: is neither declared nor in the state
      hint: `provisioner state list ENV` shows the addresses
    ");
}
