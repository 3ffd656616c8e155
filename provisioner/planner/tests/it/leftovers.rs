//! Objects that a replacement left behind: they await deletion beside the current object.

use insta::assert_snapshot;
use provisioner_model::{Stack, state::ObjectRole};

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
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"");
}

#[test]
fn leftover_is_deleted_after_the_next_successor_is_there() {
    let fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(2)))), @"");
}

#[test]
fn leftover_is_deleted_first_where_it_holds_the_key_of_the_successor() {
    let mut fixture = replaced("named/db", |stack| drop(stack.add("db", named("db", 1))));
    fixture.object("named/db").inputs["name"] = "db-2".into();
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", named("db", 1)))), @"");
}

#[test]
fn leftover_is_deleted_on_destroy() {
    let fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    assert_snapshot!(fixture.destroy(), @"");
}

#[test]
fn leftover_is_deleted_on_destroy_where_the_current_object_is_gone() {
    let mut fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    fixture.observe_gone("net/main");
    assert_snapshot!(fixture.destroy(), @"");
}

#[test]
fn leftover_that_is_gone_is_forgotten() {
    let mut fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    let token = old(&mut fixture, "net/main").token.clone();
    fixture.observed.objects.insert(token, None);
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"");
}

#[test]
fn leftover_is_forgotten_where_its_type_retains_it() {
    let fixture = replaced("disk/data", |stack| drop(stack.add("data", disk("ssd", 20))));
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("data", disk("ssd", 20)))), @"");
}

#[test]
fn leftover_loses_its_deletion_protection() {
    let mut fixture = replaced("named/db", |stack| drop(stack.add("db", unnamed(1))));
    old(&mut fixture, "named/db").inputs["locked"] = true.into();
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("db", unnamed(1)))), @"");
}

#[test]
fn leftover_stays_where_the_plan_leaves_its_resource_out() {
    let mut fixture = replaced("net/main", |stack| drop(stack.add("main", net(1))));
    fixture.selection.excludes = vec!["net/main".to_owned()];
    assert_snapshot!(fixture.plan(|stack| drop(stack.add("main", net(1)))), @"");
}
