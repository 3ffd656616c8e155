//! Objects that a replacement left behind: they await deletion beside the current object.

use insta::assert_snapshot;
use provisioner_model::{Stack, state::ObjectRole};
use provisioner_testkit::cloud::types::Named;

use crate::support::{disk::disk, *};

/// The object at an address has been replaced, and the old one is not deleted yet.
fn replaced(address: &str, declare: impl FnOnce(&mut Stack)) -> Fixture {
    let mut fixture = Fixture::applied(declare);
    fixture.object(address).role = ObjectRole::Replaced;
    fixture.add_object(address, ObjectRole::Current, |_| {});
    fixture
}

fn old<'a>(fixture: &'a mut Fixture, address: &str) -> &'a mut provisioner_model::state::Object {
    &mut fixture.snapshot.rows.get_mut(address).unwrap().objects[1]
}

#[test]
fn leftover_is_deleted_where_nothing_else_changes() {
    let fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    update net/main: its other objects are deleted or leave the state
      deleted too: net/main#1: it has been replaced
    1. delete net/main (net/main#1)
    ");
}

#[test]
fn leftover_is_deleted_after_the_next_successor_is_there() {
    let fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(2)))), @"
    replace net/main: range cannot be changed in place
      range: 1 → 2, replaces
      deleted too: net/main#1: it has been replaced
    1. create net/main
    2. delete net/main (net/main#2) after 1
    3. delete net/main (net/main#1) after 1
    ");
}

#[test]
fn leftover_is_deleted_first_where_it_holds_the_key_of_the_successor() {
    let mut fixture = replaced("named/db", |stack| drop(stack.add("db", named("db", 1))));
    fixture.object("named/db").inputs["name"] = "db-2".into();
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", named("db", 2)))), @r#"
    replace named/db: name, class cannot be changed in place
      name: "db-2" → "db", replaces
      class: 1 → 2, replaces
      deleted too: named/db#1: it has been replaced
    1. delete named/db (named/db#1)
    2. create named/db unless its key exists after 1
    3. delete named/db (named/db#2) after 2
    "#);
}

/// A replacement was interrupted before it deleted the old object, whose key the program wants back. What refers to the
/// current object does not hold up the old one.
#[test]
fn leftover_that_holds_the_key_does_not_wait_for_users_of_the_current_object() {
    let declare = |class| {
        move |stack: &mut Stack| {
            let db = stack.add("db", named("db", class));
            stack.add("text", doc(db.get(Named::ID)));
        }
    };
    let mut fixture = replaced("named/db", declare(1));
    fixture.object("named/db").inputs["name"] = "db-2".into();
    fixture.object("doc/text").inputs["text"] = "named/db#2".into();
    fixture.selection.replace = vec!["doc/text".to_owned()];
    assert_snapshot!(fixture.plan(declare(2)), @r#"
    replace doc/text: requested with --replace
      text: "named/db#2" → "<named/db.id>"
    replace named/db: name, class cannot be changed in place
      name: "db-2" → "db", replaces
      class: 1 → 2, replaces
      deleted too: named/db#1: it has been replaced
    1. delete named/db (named/db#1)
    2. create named/db unless its key exists after 1
    3. create doc/text after 2
    4. delete doc/text (doc/text#1) after 3
    5. delete named/db (named/db#2) after 2, 3, 4
    "#);
}

#[test]
fn leftover_is_deleted_on_destroy() {
    let fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    assert_snapshot!(fixture.destroy(), @"
    delete net/main: no longer declared
      deleted too: net/main#1: it has been replaced
    1. delete net/main (net/main#2)
    2. delete net/main (net/main#1)
    ");
}

#[test]
fn leftover_is_deleted_on_destroy_where_the_current_object_is_gone() {
    let mut fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    fixture.observe_gone("net/main");
    assert_snapshot!(fixture.destroy(), @"
    drift net/main (net/main#2) is gone
    delete net/main: the replaced object is deleted
      deleted too: net/main#1: it has been replaced
    1. delete net/main (net/main#1)
    2. forget net/main (net/main#2)
    ");
}

#[test]
fn leftover_that_is_gone_is_forgotten() {
    let mut fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    let token = old(&mut fixture, "net/main").token.clone();
    fixture.observed.objects.insert(token, None);
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"
    update net/main: its other objects are deleted or leave the state
    1. forget net/main (net/main#1)
    ");
}

#[test]
fn leftover_is_forgotten_where_its_type_retains_it() {
    let fixture = replaced("disk/data", |stack| drop(stack.add("data", disk("ssd", 20))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 20)))), @"
    update disk/data: its other objects are deleted or leave the state
      retained too: disk/data#1: it has been replaced
    1. forget disk/data (disk/data#1)
    ");
}

#[test]
fn leftover_loses_its_deletion_protection() {
    let mut fixture = replaced("named/db", |stack| drop(stack.add("db", unnamed(1))));
    old(&mut fixture, "named/db").inputs["locked"] = true.into();
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", unnamed(1)))), @"
    update named/db: its other objects are deleted or leave the state
      deleted too: named/db#1: it has been replaced
    1. disable_deletion_protection named/db (named/db#1: locked)
    2. delete named/db (named/db#1) after 1
    ");
}

#[test]
fn leftover_stays_where_the_plan_leaves_its_resource_out() {
    let mut fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    fixture.selection.excludes = vec!["net/main".to_owned()];
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"no changes");
}
