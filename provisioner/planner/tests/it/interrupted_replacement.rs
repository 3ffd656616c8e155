//! A replacement that was interrupted: the state has a successor beside the current object.

use insta::assert_snapshot;
use provisioner_model::{Stack, state::ObjectRole};
use provisioner_testkit::cloud::types::{Named, Role};
use serde_json::json;

use crate::support::{disk::disk, *};

fn declare(range: u8) -> impl FnOnce(&mut Stack) {
    move |stack| {
        let net = stack.add("main", net(range));
        stack.add("app", Named { net: Some(net.id()), ..named("app", 1) });
    }
}

/// The replacement of range 1 by range 2 was interrupted.
fn interrupted() -> Fixture {
    let mut fixture = Fixture::applied(declare(1));
    fixture.add_object("net/main", ObjectRole::Successor, |inputs| inputs["range"] = json!(2));
    fixture
}

#[test]
fn interrupted_replacement_resumes_and_deletes_the_old_object_last() {
    assert_snapshot!(interrupted().plan(declare(2)), @r#"
    update named/app: configuration changed
      net: "net/main#1" → "net/main#2"
    update net/main: it was interrupted and resumes
      deleted too: net/main#1: its interrupted replacement resumes
    1. update net/main (net/main#2)
    2. update named/app (named/app#1) after 1
    3. delete net/main (net/main#1) after 1, 2
    "#);
}

#[test]
fn successor_is_deleted_where_the_replacement_is_reverted() {
    assert_snapshot!(interrupted().plan(declare(1)), @"
    update net/main: its other objects are deleted or leave the state
      deleted too: net/main#2: created by an interrupted replacement, and no longer needed
    1. delete net/main (net/main#2)
    ");
}

#[test]
fn both_objects_are_deleted_where_neither_fits() {
    assert_snapshot!(interrupted().plan(declare(3)), @r#"
    update named/app: configuration changed
      net: "net/main#1" → "<net/main.id>"
    replace net/main: range cannot be changed in place
      range: 1 → 3, replaces
      deleted too: net/main#2: created by an interrupted replacement, and no longer needed
    1. create net/main
    2. update named/app (named/app#1) after 1
    3. delete net/main (net/main#1) after 1, 2
    4. delete net/main (net/main#2) after 1, 2
    "#);
}

#[test]
fn successor_stands_for_the_resource_where_the_old_object_is_gone() {
    let mut fixture = interrupted();
    let token = fixture.snapshot.rows["net/main"].objects[1].token.clone();
    fixture.observed.objects.insert(token, None);
    assert_snapshot!(fixture.plan(declare(2)), @r#"
    drift net/main (net/main#1) is gone
    update named/app: configuration changed
      net: "net/main#1" → "net/main#2"
    update net/main: it was interrupted and resumes
    1. update net/main (net/main#2)
    2. update named/app (named/app#1) after 1
    3. forget net/main (net/main#1) after 1, 2
    "#);
}

#[test]
fn successor_that_was_never_created_is_forgotten() {
    let mut fixture = interrupted();
    fixture.object("net/main").id = None;
    fixture.observe_gone("net/main");
    assert_snapshot!(fixture.plan(declare(1)), @"
    update net/main: its other objects are deleted or leave the state
    1. forget net/main (token of net/main#2)
    ");
}

#[test]
fn successor_whose_create_was_not_answered_is_discovered() {
    let mut fixture = interrupted();
    fixture.object("net/main").id = None;
    fixture.observe("net/main", |_| {});
    assert_snapshot!(fixture.plan(declare(2)), @r#"
    discovered net/main (net/main#2)
    update named/app: configuration changed
      net: "net/main#1" → "net/main#2"
    update net/main: it was interrupted and resumes
      deleted too: net/main#1: its interrupted replacement resumes
    1. update net/main (token of net/main#2)
    2. update named/app (named/app#1) after 1
    3. delete net/main (net/main#1) after 1, 2
    "#);
}

#[test]
fn destroy_deletes_the_successor_too() {
    assert_snapshot!(interrupted().destroy(), @"
    delete named/app: no longer declared
    delete net/main: no longer declared
      deleted too: net/main#2: created by an interrupted replacement, and no longer needed
    1. delete named/app (named/app#1)
    2. delete net/main (net/main#1) after 1
    3. delete net/main (net/main#2) after 1
    ");
}

#[test]
fn successor_that_was_given_up_is_deleted_where_its_type_retains_replaced_objects() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("data", disk("hdd", 20))));
    fixture.add_object("disk/data", ObjectRole::Successor, |inputs| inputs["kind"] = json!("ssd"));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("hdd", 20)))), @"
    update disk/data: its other objects are deleted or leave the state
      deleted too: disk/data#2: created by an interrupted replacement, and no longer needed
    1. delete disk/data (disk/data#2)
    ");
}

#[test]
fn successor_that_was_given_up_is_deleted_first_where_it_holds_the_key() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("db", named("db", 1))));
    fixture.add_object("named/db", ObjectRole::Successor, |inputs| {
        inputs["name"] = json!("db-2");
        inputs["class"] = json!(2);
    });
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", named("db-2", 3)))), @r#"
    replace named/db: name, class cannot be changed in place
      name: "db" → "db-2", replaces
      class: 1 → 3, replaces
      deleted too: named/db#2: created by an interrupted replacement, and no longer needed
    1. delete named/db (named/db#2)
    2. create named/db unless its key exists after 1
    3. delete named/db (named/db#1) after 2
    "#);
}

#[test]
fn reverted_replacement_goes_back_to_the_old_object() {
    // The role has been replaced under a new name, and its policy is still that of the old one.
    let declare = |name: &'static str| {
        move |stack: &mut Stack| {
            let role = stack.add("main", Role { name: Some(name.to_owned()), ..role(1) });
            stack.add("main", policy(&role));
        }
    };
    let mut fixture = Fixture::applied(declare("a"));
    fixture.object("role/main").role = ObjectRole::Replaced;
    fixture.add_object("role/main", ObjectRole::Current, |inputs| inputs["name"] = json!("b"));
    assert_snapshot!(fixture.plan(declare("a")), @"
    update role/main: the object from before its replacement is used again
      deleted too: role/main#2: its replacement is reverted
    1. update role/main (role/main#1)
    2. delete role/main (role/main#2) after 1
    ");
}
