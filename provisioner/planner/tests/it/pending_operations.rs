//! Operations that began and whose end is not recorded.

use insta::assert_snapshot;
use provisioner_model::state::Operation;
use provisioner_testkit::cloud::types::Net;
use serde_json::json;

use crate::support::*;

/// The create of a network was sent and not answered.
fn unanswered() -> Fixture {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.interrupt("net/main", Operation::Create);
    fixture.object("net/main").id = None;
    fixture.object("net/main").outputs = None;
    fixture
}

#[test]
fn interrupted_create_goes_on_with_the_object_found_by_its_token() {
    let mut fixture = unanswered();
    fixture.observe("net/main", |_| {});
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    discovered net/main (net/main#1)
    update net/main: it was interrupted and resumes
    1. update net/main (token of net/main#1)
    ");
}

#[test]
fn operation_of_a_run_in_progress_is_not_called_interrupted() {
    let mut fixture = unanswered();
    fixture.observe("net/main", |_| {});
    fixture.observed.run_in_progress = true;
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    discovered net/main (net/main#1)
    update net/main: another run is working on it
    1. update net/main (token of net/main#1)
    ");
}

#[test]
fn interrupted_create_is_repeated_where_no_object_is_found() {
    let mut fixture = unanswered();
    fixture.observe_gone("net/main");
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    create net/main: does not exist yet
    1. create net/main
    2. forget net/main (token of net/main#1) after 1
    ");
}

#[test]
fn destroy_deletes_an_object_whose_create_was_not_answered() {
    let mut fixture = unanswered();
    fixture.observe("net/main", |_| {});
    assert_snapshot!(fixture.destroy(), @"
    discovered net/main (net/main#1)
    delete net/main: no longer declared
    1. delete net/main (net/main#1)
    ");
}

#[test]
fn object_whose_create_was_not_answered_is_replaced() {
    let mut fixture = unanswered();
    fixture.observe("net/main", |_| {});
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(2)))), @"
    discovered net/main (net/main#1)
    replace net/main: range cannot be changed in place
      range: 1 → 2, replaces
    1. create net/main
    2. delete net/main (net/main#1) after 1
    ");
}

#[test]
fn interrupted_create_has_nothing_to_roll_back_to() {
    let declare = |stack: &mut provisioner_model::Stack| {
        let (net, doc) = (stack.add("main", net(1)), stack.add("main", doc("a")));
        stack.add("main", service(&net, &doc));
    };
    let mut fixture = Fixture::applied(declare);
    fixture.interrupt("service/main", Operation::Create);
    assert_snapshot!(fixture.plan(declare), @r#"
    update service/main: it was interrupted and resumes: if it fails, these inputs are written: {"count":0}
    1. update service/main (service/main#1)
    "#);
}

#[test]
fn interrupted_update_is_repeated() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", Net { label: Some(1), ..net(1) })));
    fixture.interrupt("net/main", Operation::Update);
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", Net { label: Some(2), ..net(1) }))), @"
    update net/main: it was interrupted and resumes: configuration changed
      label: 1 → 2
    1. update net/main (net/main#1)
    ");
}

#[test]
fn interrupted_update_that_had_its_effect_is_finished() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", Net { label: Some(1), ..net(1) })));
    fixture.interrupt("net/main", Operation::Update);
    fixture.observe("net/main", |inputs| inputs["label"] = json!(2));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", Net { label: Some(2), ..net(1) }))), @"
    update net/main: it was interrupted and resumes
    1. update net/main (net/main#1)
    ");
}

#[test]
fn object_whose_delete_began_is_replaced_where_it_is_declared_again() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.interrupt("net/main", Operation::Delete);
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    replace_delete_first net/main: its deletion was interrupted
    1. delete net/main (net/main#1)
    2. create net/main after 1
    ");
}

#[test]
fn interrupted_delete_is_repeated() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("main", net(1))));
    fixture.interrupt("net/main", Operation::Delete);
    assert_snapshot!(fixture.destroy(), @"
    delete net/main: no longer declared
    1. delete net/main (net/main#1)
    ");
}
