//! Objects that are changed in place.

use insta::assert_snapshot;
use provisioner_model::{Phase, resource::Change, stack::Options};
use provisioner_testkit::cloud::types::{Named, Net, Service};
use serde_json::json;

use crate::support::{disk::disk, *};

#[test]
fn unchanged_stack_plans_nothing() {
    let fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"no changes");
}

#[test]
fn update_changes_the_object_in_place() {
    let fixture = Fixture::applied(|stack| drop(stack.add("main", Net { label: Some(1), ..net(1) })));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", Net { label: Some(2), ..net(1) }))), @"
    update net/main: configuration changed
      label: 1 → 2
    1. update net/main (net/main#1)
    ");
}

#[test]
fn update_removes_a_tag_that_is_no_longer_declared() {
    let tagged = |key: &str| Net { tags: [(key.to_owned(), "x".to_owned())].into_iter().collect(), ..net(1) };
    let fixture = Fixture::applied(|stack| drop(stack.add("main", tagged("old"))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", tagged("new")))), @r#"
    update net/main: configuration changed
      tags: {"old":"x"} → {"new":"x"}
    1. update net/main (net/main#1)
    "#);
}

#[test]
fn input_that_is_left_out_stays_as_it_is() {
    let fixture = Fixture::applied(|stack| drop(stack.add("main", Net { label: Some(1), ..net(1) })));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    update net/main: no longer managed, and left as it is: label
    1. record net/main (net/main#1)
    ");
}

#[test]
fn initial_input_does_not_change_after_the_create() {
    let declare = |count| {
        move |stack: &mut provisioner_model::Stack| {
            let (net, doc) = (stack.add("main", net(1)), stack.add("main", doc("a")));
            stack.add("main", Service { count, ..service(&net, &doc) });
        }
    };
    assert_snapshot!(Fixture::applied(declare(2)).plan(declare(3)), @"no changes");
}

#[test]
fn write_only_input_is_written_when_the_declared_value_changes() {
    let fixture = Fixture::applied(|stack| drop(stack.add("db", Named { key: Some(1), ..named("db", 1) })));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", Named { key: Some(2), ..named("db", 1) }))), @"
    update named/db: configuration changed
      key: 1 → 2
    1. update named/db (named/db#1)
    ");
}

#[test]
fn changed_option_is_only_recorded() {
    let fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add_with("main", net(1), protected()))), @"
    update net/main, protected: nothing changes in AWS: recorded only
    1. record net/main (net/main#1)
    ");
}

#[test]
fn ignored_input_does_not_change() {
    let ignored = || Options { ignore: vec!["label".to_owned()], ..Options::default() };
    let declare = |label| {
        move |stack: &mut provisioner_model::Stack| {
            drop(stack.add_with("main", Net { label: Some(label), ..net(1) }, ignored()));
        }
    };
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @"no changes");
}

#[test]
fn failed_update_is_rolled_back_to_the_recorded_inputs() {
    let declare = |note| {
        move |stack: &mut provisioner_model::Stack| {
            let (net, doc) = (stack.add("main", net(1)), stack.add("main", doc("a")));
            stack.add("main", Service { note, ..service(&net, &doc) });
        }
    };
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @"
    update service/main: configuration changed: if it fails, the current version is restored
      note: 1 → 2
    1. update service/main (service/main#1)
    ");
}

#[test]
fn change_that_the_api_refuses_is_a_problem() {
    let fixture = Fixture::applied(|stack| drop(stack.add("data", disk("ssd", 20))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 10)))), @"
    problem disk/data: size: a disk does not shrink
      hint: declare the size that the object has
    ");
}

#[test]
fn inputs_of_an_older_version_are_migrated_before_they_are_compared() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("data", disk("ssd", 20))));
    fixture.snapshot.rows.get_mut("disk/data").unwrap().version = 1;
    fixture.object("disk/data").inputs = json!({ "kind": "ssd", "gigabytes": 20 });
    fixture.observe("disk/data", |inputs| *inputs = json!({ "kind": "ssd", "size": 20 }));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 20)))), @"
    update disk/data: nothing changes in AWS: recorded only
    1. record disk/data (disk/data#1)
    ");
}

#[test]
fn object_in_a_failed_state_is_a_notice() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.observe_phase("net/main", Phase::Failed { why: "no capacity".to_owned(), remedy: Some(Change::Update) });
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"notice net/main: it is in a failed state: no capacity");
}
