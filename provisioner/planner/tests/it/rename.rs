//! `renamed_from`: a row of the state moves to another address.

use insta::assert_snapshot;
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

#[test]
fn rename_moves_the_row_and_changes_no_object() {
    let fixture = Fixture::applied(|stack| drop(stack.add("www", entry("www", 1))));
    let plan = fixture.plan(|stack| drop(stack.add_with("web", entry("www", 1), renamed_from("entry/www"))));
    assert_snapshot!(plan, @"
    rename entry/web (was entry/www)
    1. rename entry/web
    2. record entry/web (entry/www#1) after 1
    ");
}

#[test]
fn rename_updates_the_address_tag() {
    let fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    let plan = fixture.plan(|stack| drop(stack.add_with("core", net(1), renamed_from("net/main"))));
    assert_snapshot!(plan, @r#"
    update net/core (was net/main): declared otherwise than before
      tags: {"provisioner:address":"net/main"} → {"provisioner:address":"net/core"}
    1. rename net/core
    2. update net/core (net/main#1) after 1
    "#);
}

#[test]
fn rename_keeps_a_generated_name() {
    let fixture = Fixture::applied(|stack| drop(stack.add("main", unnamed(1))));
    let plan = fixture.plan(|stack| drop(stack.add_with("db", unnamed(1), renamed_from("named/main"))));
    assert_snapshot!(plan, @r#"
    update named/db (was named/main): declared otherwise than before
      tags: {"provisioner:address":"named/main"} → {"provisioner:address":"named/db"}
    1. rename named/db
    2. update named/db (named/main#1) after 1
    "#);
}

#[test]
fn dependents_follow_the_rename_without_a_change() {
    let fixture = Fixture::applied(|stack| {
        let www = stack.add("db", named("db", 1));
        stack.add("main", doc(www.get(Named::ID)));
    });
    let plan = fixture.plan(|stack| {
        let www = stack.add_with("data", named("db", 1), renamed_from("named/db"));
        stack.add("main", doc(www.get(Named::ID)));
    });
    assert_snapshot!(plan, @r#"
    update named/data (was named/db): declared otherwise than before
      tags: {"provisioner:address":"named/db"} → {"provisioner:address":"named/data"}
    1. rename named/data
    2. update named/data (named/db#1) after 1
    "#);
}

#[test]
fn renamed_from_is_ignored_once_the_row_has_moved() {
    let fixture = Fixture::applied(|stack| drop(stack.add("core", net(1))));
    let plan = fixture.plan(|stack| drop(stack.add_with("core", net(1), renamed_from("net/main"))));
    assert_snapshot!(plan, @"no changes");
}

#[test]
fn renamed_from_is_ignored_while_the_old_address_is_declared() {
    let fixture = Fixture::applied(|stack| drop(stack.add("a", entry("a", 1))));
    let plan = fixture.plan(|stack| {
        stack.add("a", entry("a", 1));
        stack.add_with("b", entry("b", 1), renamed_from("entry/a"));
    });
    assert_snapshot!(plan, @"
    create entry/b: not there yet
    1. create entry/b unless its key exists
    ");
}
