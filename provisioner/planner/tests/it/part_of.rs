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
    assert_snapshot!(Fixture::empty().plan(declare(1, "all")), @"");
}

#[test]
fn parts_outlive_the_users_of_the_whole() {
    assert_snapshot!(Fixture::applied(declare(1, "all")).destroy(), @"");
}

#[test]
fn replaced_whole_gets_its_parts_before_its_users_move() {
    assert_snapshot!(Fixture::applied(declare(1, "all")).plan(declare(2, "all")), @"");
}

#[test]
fn updated_part_comes_before_an_update_of_a_user() {
    let fixture = Fixture::applied(declare(1, "all"));
    let plan = fixture.plan(|stack| {
        let (net, doc, role) = (stack.add("main", net(1)), stack.add("main", doc("b")), stack.add("main", role(1)));
        stack.add("main", RolePolicy { allows: "some".into(), ..policy(&role) });
        stack.add("main", Service { role: Some(role.id()), ..service(&net, &doc) });
    });
    assert_snapshot!(plan, @"");
}
