//! Resources that are declared and have no object yet.

use insta::assert_snapshot;
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

#[test]
fn create_waits_for_the_resources_that_it_refers_to() {
    let plan = Fixture::empty().plan(|stack| {
        let main = stack.add("main", net(1));
        let address = stack.add("main", address(1));
        let gate = stack.add("main", gate(&main, &address));
        stack.add("main", table(&main, &[&gate]));
    });
    assert_snapshot!(plan, @"");
}

#[test]
fn create_shows_every_input_and_what_it_waits_for() {
    let plan = Fixture::empty().try_plan(&stack(|stack| {
        let net = stack.add("main", net(1));
        stack.add("main", Named { net: Some(net.id()), ..unnamed(1) });
    }));
    let changes: Vec<String> =
        plan.unwrap().resources["named/main"].changes.iter().map(crate::support::change).collect();
    assert_snapshot!(changes.join("\n"), @"");
}

#[test]
fn object_deleted_outside_provisioner_is_created_again() {
    let declare = |stack: &mut provisioner_model::Stack| {
        let net = stack.add("main", net(1));
        stack.add("app", Named { net: Some(net.id()), ..unnamed(1) });
    };
    let mut fixture = Fixture::applied(declare);
    fixture.observe_gone("net/main");
    assert_snapshot!(fixture.plan(declare), @"");
}

#[test]
fn failed_create_is_rolled_back_to_no_tasks() {
    let plan = Fixture::empty().plan(|stack| {
        let (net, doc) = (stack.add("main", net(1)), stack.add("main", doc("a")));
        stack.add("main", service(&net, &doc));
    });
    assert_snapshot!(plan, @"");
}

#[test]
fn output_of_a_new_resource_is_unknown() {
    let plan = Fixture::empty().plan(|stack| {
        let net = stack.add("main", net(1));
        stack.output("net", net.id());
    });
    assert_snapshot!(plan, @"");
}
