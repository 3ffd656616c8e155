//! `PART_OF`: a part completes its whole, as a policy does its role.

use insta::assert_snapshot;
use provisioner_model::Stack;
use provisioner_testkit::cloud::types::{RolePolicy, Service};

use crate::support::*;

fn declare(path: u8, allows: &'static str) -> impl FnOnce(&mut Stack) {
    move |stack| {
        let (net, doc, role) = (stack.add("main", net(1)), stack.add("main", doc("a")), stack.add("main", role(path)));
        stack.add("main", RolePolicy { allows: allows.into(), ..policy(&role) });
        stack.add("main", Service { role: Some(role.id()), ..service(&net, &doc) });
    }
}

#[test]
fn users_of_the_whole_are_created_after_its_parts() {
    assert_snapshot!(Fixture::empty().plan(declare(1, "all")), @r#"
    create doc/main: not there yet
    create net/main: not there yet
    create role-policy/main: not there yet
    create role/main: not there yet
    create service/main: not there yet: should it fail, this is written: {"count":0}
    1. create doc/main
    2. create net/main
    3. create role/main
    4. create role-policy/main after 3
    5. create service/main after 1, 2, 3, 4
    "#);
}

#[test]
fn parts_outlive_the_users_of_the_whole() {
    assert_snapshot!(Fixture::applied(declare(1, "all")).destroy(), @"
    delete doc/main: no longer declared
    delete net/main: no longer declared
    delete role-policy/main: no longer declared
    delete role/main: no longer declared
    delete service/main: no longer declared
    1. delete service/main (service/main#1)
    2. delete doc/main (doc/main#1) after 1
    3. delete net/main (net/main#1) after 1
    4. delete role-policy/main (role-policy/main#1) after 1
    5. delete role/main (role/main#1) after 1, 4
    ");
}

#[test]
fn replaced_whole_gets_its_parts_before_its_users_move() {
    assert_snapshot!(Fixture::applied(declare(1, "all")).plan(declare(2, "all")), @r#"
    replace role-policy/main: role cannot be changed in place
      role: "role/main#1" → "<role/main.id>", replaces
    replace role/main: path cannot be changed in place
      path: 1 → 2, replaces
    update service/main: declared otherwise than before: should it fail, what is there now is put back
      role: "role/main#1" → "<role/main.id>"
    1. create role/main
    2. create role-policy/main after 1
    3. update service/main (service/main#1) after 1, 2
    4. delete role-policy/main (role-policy/main#1) after 2, 3
    5. delete role/main (role/main#1) after 1, 2, 3, 4
    "#);
}

#[test]
fn updated_part_comes_before_an_update_of_a_user() {
    let fixture = Fixture::applied(declare(1, "all"));
    let plan = fixture.plan(|stack| {
        let (net, doc, role) = (stack.add("main", net(1)), stack.add("main", doc("b")), stack.add("main", role(1)));
        stack.add("main", RolePolicy { allows: "some".into(), ..policy(&role) });
        stack.add("main", Service { role: Some(role.id()), ..service(&net, &doc) });
    });
    assert_snapshot!(plan, @r#"
    update doc/main: declared otherwise than before
      text: "a" → "b"
    update role-policy/main: declared otherwise than before
      allows: "all" → "some"
    update service/main: declared otherwise than before: should it fail, what is there now is put back
      doc: "doc/main#1@1" → "<doc/main.revision>"
    1. update doc/main (doc/main#1)
    2. update role-policy/main (role-policy/main#1)
    3. update service/main (service/main#1) after 1, 2
    "#);
}
