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
    assert_snapshot!(plan, @"
    create address/main: not there yet
    create gate/main: not there yet
    create net/main: not there yet
    create table/main: not there yet
    1. create address/main
    2. create net/main
    3. create gate/main after 1, 2
    4. create table/main after 2, 3
    ");
}

#[test]
fn create_shows_every_input_and_what_it_waits_for() {
    let plan = Fixture::empty().try_plan(&stack(|stack| {
        let net = stack.add("main", net(1));
        stack.add("main", Named { net: Some(net.id()), ..unnamed(1) });
    }));
    let changes: Vec<String> =
        plan.unwrap().resources["named/main"].changes.iter().map(crate::support::change).collect();
    assert_snapshot!(changes.join("\n"), @r#"
    name: null → "dev-main-b60fce08"
    class: null → 1
    size: null → 1
    net: null → "<net/main.id>"
    tags: null → {"provisioner:address":"named/main","provisioner:lineage":"0123456789abcdef"}
    "#);
}

#[test]
fn object_deleted_outside_provisioner_is_created_again() {
    let declare = |stack: &mut provisioner_model::Stack| {
        let net = stack.add("main", net(1));
        stack.add("app", Named { net: Some(net.id()), ..unnamed(1) });
    };
    let mut fixture = Fixture::applied(declare);
    fixture.observe_gone("net/main");
    assert_snapshot!(fixture.plan(declare), @r#"
    drift net/main (net/main#1) is gone
    update named/app: declared otherwise than before
      net: "net/main#1" → "<net/main.id>"
    create net/main: deleted by another hand
    1. create net/main
    2. update named/app (named/app#1) after 1
    3. forget net/main (net/main#1) after 1, 2
    "#);
}

#[test]
fn failed_create_is_rolled_back_to_no_tasks() {
    let plan = Fixture::empty().plan(|stack| {
        let (net, doc) = (stack.add("main", net(1)), stack.add("main", doc("a")));
        stack.add("main", service(&net, &doc));
    });
    assert_snapshot!(plan, @r#"
    create doc/main: not there yet
    create net/main: not there yet
    create service/main: not there yet: should it fail, this is written: {"count":0}
    1. create doc/main
    2. create net/main
    3. create service/main after 1, 2
    "#);
}

#[test]
fn output_of_a_new_resource_is_unknown() {
    let plan = Fixture::empty().plan(|stack| {
        let net = stack.add("main", net(1));
        stack.output("net", net.id());
    });
    assert_snapshot!(plan, @r#"
    create net/main: not there yet
    1. create net/main
    output net: "<net/main.id>"
    "#);
}
