//! Replacements that delete the old object before they create its successor: only one object may hold a unique key.

use insta::assert_snapshot;
use provisioner_model::Stack;
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

#[test]
fn replace_deletes_first_where_the_successor_keeps_the_unique_key() {
    let fixture = Fixture::applied(|stack| drop(stack.add("db", named("db", 1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", named("db", 2)))), @"");
}

#[test]
fn replace_creates_first_where_the_unique_key_changes_too() {
    let fixture = Fixture::applied(|stack| drop(stack.add("db", named("db", 1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", named("db-2", 2)))), @"");
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
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @"");
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
    assert_snapshot!(Fixture::applied(declare(1, true)).plan(declare(2, false)), @"");
}
