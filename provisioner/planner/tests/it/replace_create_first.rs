//! Replacements that create the successor before they delete the old object.

use insta::assert_snapshot;
use provisioner_model::{Phase, Stack, resource::Change};
use provisioner_testkit::cloud::types::Named;

use crate::support::{disk::disk, *};

#[test]
fn replace_creates_the_successor_before_it_deletes() {
    let fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(2)))), @"
    replace net/main: range cannot be changed in place
      range: 1 → 2, replaces
    1. create net/main
    2. delete net/main (net/main#1) after 1
    ");
}

#[test]
fn dependents_move_to_the_successor_before_the_old_object_is_deleted() {
    let declare = |range| {
        move |stack: &mut Stack| {
            let net = stack.add("main", net(range));
            stack.add("app", Named { net: Some(net.id()), ..named("app", 1) });
        }
    };
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @r#"
    update named/app: declared otherwise than before
      net: "net/main#1" → "<net/main.id>"
    replace net/main: range cannot be changed in place
      range: 1 → 2, replaces
    1. create net/main
    2. update named/app (named/app#1) after 1
    3. delete net/main (net/main#1) after 1, 2
    "#);
}

#[test]
fn dependents_that_cannot_move_are_replaced_and_deleted_first() {
    let declare = |range| {
        move |stack: &mut Stack| {
            let net = stack.add("main", net(range));
            stack.add("main", table(&net, &[]));
        }
    };
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @r#"
    replace net/main: range cannot be changed in place
      range: 1 → 2, replaces
    replace table/main: net cannot be changed in place
      net: "net/main#1" → "<net/main.id>", replaces
    1. create net/main
    2. create table/main after 1
    3. delete table/main (table/main#1) after 2
    4. delete net/main (net/main#1) after 1, 2, 3
    "#);
}

#[test]
fn generated_name_lets_the_successor_come_first() {
    let fixture = Fixture::applied(|stack| drop(stack.add("db", unnamed(1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", unnamed(2)))), @"
    replace named/db: class cannot be changed in place
      class: 1 → 2, replaces
    1. create named/db
    2. delete named/db (named/db#1) after 1
    ");
}

#[test]
fn replace_flag_replaces_an_unchanged_resource() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.selection.replace = vec!["net/main".to_owned()];
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    replace net/main: asked for with --replace
    1. create net/main
    2. delete net/main (net/main#1) after 1
    ");
}

#[test]
fn object_that_failed_for_good_is_replaced() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.observe_phase("net/main", Phase::Failed { why: "no route".to_owned(), remedy: Some(Change::Replace) });
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    replace net/main: it failed: no route
    1. create net/main
    2. delete net/main (net/main#1) after 1
    ");
}

#[test]
fn replaced_object_is_forgotten_where_its_type_retains_it() {
    let fixture = Fixture::applied(|stack| drop(stack.add("data", disk("hdd", 20))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 20)))), @r#"
    replace disk/data: kind cannot be changed in place
      kind: "hdd" → "ssd", replaces
    1. create disk/data
    2. forget disk/data (disk/data#1) after 1
    "#);
}

#[test]
fn adopted_object_is_forgotten_after_its_replacement() {
    let mut fixture = Fixture::empty();
    let inputs = serde_json::json!({ "name": "db", "class": 1, "size": 1 });
    fixture.observe_existing("named/db", "foreign", inputs);
    fixture.apply(|stack| drop(stack.add_with("db", named("db", 1), adopted())));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add_with("db", named("other", 1), adopted()))), @r#"
    replace named/db: name cannot be changed in place
      name: "db" → "other", replaces
    1. create named/db unless its key exists
    2. forget named/db (foreign) after 1
    "#);
}
