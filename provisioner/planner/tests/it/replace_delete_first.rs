//! Replacements that delete the old object before they create its successor: only one object may hold a unique key.

use insta::assert_snapshot;
use provisioner_model::Stack;
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

#[test]
fn replace_deletes_first_where_the_successor_keeps_the_unique_key() {
    let fixture = Fixture::applied(|stack| drop(stack.add("db", named("db", 1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", named("db", 2)))), @"
    replace_delete_first named/db: class cannot be changed in place: only one may have this name, so the old one goes first: an outage
      class: 1 → 2, replaces
    1. delete named/db (named/db#1)
    2. create named/db unless its key exists after 1
    ");
}

#[test]
fn replace_creates_first_where_the_unique_key_changes_too() {
    let fixture = Fixture::applied(|stack| drop(stack.add("db", named("db", 1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", named("db-2", 2)))), @r#"
    replace named/db: name, class cannot be changed in place
      name: "db" → "db-2", replaces
      class: 1 → 2, replaces
    1. create named/db unless its key exists
    2. delete named/db (named/db#1) after 1
    "#);
}

#[test]
fn dependents_of_an_object_that_is_deleted_first_are_deleted_before_it() {
    let declare = |net_range| {
        move |stack: &mut Stack| {
            let (net, address) = (stack.add("main", net(net_range)), stack.add("main", address(1)));
            let gate = stack.add("main", gate(&net, &address));
            let doc = stack.add("main", doc("a"));
            let inputs = service(&net, &doc);
            stack.add("main", provisioner_testkit::cloud::types::Service { through: Some(gate.id()), ..inputs });
        }
    };
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @r#"
    replace_delete_first gate/main: net cannot be changed in place: only one may have this address, so the old one goes first: an outage
      net: "net/main#1" → "<net/main.id>", replaces
    replace net/main: range cannot be changed in place
      range: 1 → 2, replaces
    replace_delete_first service/main: net cannot be changed in place: gate/main must be deleted before it is created again: should it fail, this is written: {"count":0}
      net: "net/main#1" → "<net/main.id>", replaces
      through: "gate/main#1" → "<gate/main.id>"
    1. create net/main
    2. delete service/main (service/main#1)
    3. delete gate/main (gate/main#1) after 2
    4. create gate/main unless its key exists after 1, 3
    5. create service/main after 1, 2, 4
    6. delete net/main (net/main#1) after 1, 2, 3, 4, 5
    "#);
}

#[test]
fn dependent_that_lets_go_is_updated_before_the_delete() {
    let declare = |class, uses: bool| {
        move |stack: &mut Stack| {
            let (net, doc) = (stack.add("main", net(1)), stack.add("main", doc("a")));
            let named = stack.add("db", named("db", class));
            let uses = if uses { vec![named.get(Named::ID)] } else { vec![] };
            stack.add("main", provisioner_testkit::cloud::types::Service { uses, ..service(&net, &doc) });
        }
    };
    assert_snapshot!(Fixture::applied(declare(1, true)).plan(declare(2, false)), @r#"
    replace_delete_first named/db: class cannot be changed in place: only one may have this name, so the old one goes first: an outage
      class: 1 → 2, replaces
    update service/main: declared otherwise than before: should it fail, what is there now is put back
      uses: ["named/db#1"] → []
    1. update service/main (service/main#1)
    2. delete named/db (named/db#1) after 1
    3. create named/db unless its key exists after 2
    "#);
}
