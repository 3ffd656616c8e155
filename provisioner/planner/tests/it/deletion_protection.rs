//! Deletion protection: the API's own (a field of the type), and the option `protect`.

use insta::assert_snapshot;
use provisioner_planner::protected as protected_deletes;
use provisioner_testkit::cloud::types::Named;
use serde_json::json;

use crate::support::*;

fn locked(class: u8) -> Named {
    Named { locked: Some(true), ..named("db", class) }
}

#[test]
fn deletion_protection_is_disabled_right_before_the_delete() {
    let fixture = Fixture::applied(|stack| drop(stack.add("db", locked(1))));
    assert_snapshot!(fixture.destroy(), @"
    delete named/db: no longer declared
    1. disable_deletion_protection named/db (named/db#1: locked)
    2. delete named/db (named/db#1) after 1
    ");
}

#[test]
fn deletion_protection_that_only_the_cloud_has_is_disabled_too() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("db", named("db", 1))));
    fixture.observe("named/db", |inputs| inputs["locked"] = json!(true));
    assert_snapshot!(fixture.destroy(), @"
    delete named/db: no longer declared
    1. disable_deletion_protection named/db (named/db#1: locked)
    2. delete named/db (named/db#1) after 1
    ");
}

#[test]
fn deletion_protection_is_disabled_before_a_replacement_deletes() {
    let fixture = Fixture::applied(|stack| drop(stack.add("db", locked(1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", locked(2)))), @"
    replace_delete_first named/db: class cannot be changed in place: only one object may have this name, so the old one is deleted first: an outage
      class: 1 → 2, replaces
    1. disable_deletion_protection named/db (named/db#1: locked)
    2. delete named/db (named/db#1) after 1
    3. create named/db unless its key exists after 2
    ");
}

#[test]
fn deletion_protection_stays_until_the_users_are_deleted() {
    let fixture = Fixture::applied(|stack| {
        let named = stack.add("db", locked(1));
        stack.add("main", doc(named.get(Named::ID)));
    });
    assert_snapshot!(fixture.destroy(), @"
    delete doc/main: no longer declared
    delete named/db: no longer declared
    1. delete doc/main (doc/main#1)
    2. disable_deletion_protection named/db (named/db#1: locked) after 1
    3. delete named/db (named/db#1) after 1, 2
    ");
}

#[test]
fn protected_delete_needs_consent() {
    let fixture = Fixture::applied(|stack| {
        stack.add_with("main", net(1), protected());
        stack.add("other", net(2));
    });
    let mut plan = fixture.try_plan(&stack(|_| {})).unwrap();
    assert_eq!(protected_deletes(&plan, &fixture.snapshot).into_iter().collect::<Vec<_>>(), ["net/main"]);
    // A saved plan may have been edited: the state knows better.
    plan.resources.values_mut().for_each(|planned| planned.protected = false);
    assert_eq!(protected_deletes(&plan, &fixture.snapshot).into_iter().collect::<Vec<_>>(), ["net/main"]);
    assert_snapshot!(fixture.destroy(), @"
    delete net/main, protected: no longer declared
    delete net/other: no longer declared
    1. delete net/main (net/main#1)
    2. delete net/other (net/other#1)
    ");
}

#[test]
fn protection_counts_until_an_apply_has_removed_it() {
    let fixture = Fixture::applied(|stack| drop(stack.add_with("main", net(1), protected())));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(2)))), @"
    replace net/main, protected: range cannot be changed in place
      range: 1 → 2, replaces
    1. create net/main
    2. delete net/main (net/main#1) after 1
    ");
}
