//! Inputs that the program leaves out, or no longer states.

use insta::assert_snapshot;
use provisioner_model::{
    Stack,
    plan::{Plan, StepAction},
    resource::Tags,
};
use provisioner_testkit::cloud::types::Port;
use serde_json::{Value, json};

use crate::support::*;

fn port(open: Option<bool>, key: Option<u8>) -> impl FnOnce(&mut Stack) {
    move |stack| {
        let net = stack.add("main", net(1));
        stack.add("web", Port { net: net.id(), open, rule: None, key, tags: Tags::new() });
    }
}

#[test]
fn cloud_default_is_part_of_the_plan() {
    let plan = Fixture::empty().try_plan(&stack(port(None, None))).unwrap();
    let StepAction::Create(write) = &plan.steps[1].action else { panic!("{:?}", plan.steps) };
    assert_eq!(write.planned["open"], json!(false));
    let open = |plan: &Plan| plan.resources["port/web"].changes.iter().find(|change| change.field == "open").cloned();
    assert!(open(&plan).unwrap().cloud_default);
    let stated = Fixture::empty().try_plan(&stack(port(Some(false), None))).unwrap();
    assert!(!open(&stated).unwrap().cloud_default);
    assert_snapshot!(Fixture::applied(port(None, None)).plan(port(None, None)), @"no changes");
}

#[test]
fn change_of_an_unstated_input_outside_provisioner_is_reverted() {
    let mut fixture = Fixture::applied(port(None, None));
    fixture.observe("port/web", |inputs| inputs["open"] = json!(true));
    assert_snapshot!(fixture.plan(port(None, None)), @"
    drift port/web (port/web#1)
      open: false → true, drifted
    update port/web: changed outside Provisioner
      open: true → false, drifted
    1. update port/web (port/web#1)
    ");
}

#[test]
fn input_that_is_no_longer_stated_returns_to_the_cloud_default() {
    let fixture = Fixture::applied(port(Some(true), None));
    assert_snapshot!(fixture.plan(port(None, None)), @"
    update port/web: configuration changed
      open: true → false
    1. update port/web (port/web#1)
    ");
}

#[test]
fn write_only_input_that_is_no_longer_stated_leaves_the_state() {
    let fixture = Fixture::applied(port(None, Some(7)));
    assert_snapshot!(fixture.plan(port(None, None)), @"
    update port/web: configuration changed
      key: 7 → null
    1. update port/web (port/web#1)
    ");
}

#[test]
fn setting_that_is_no_longer_stated_ends() {
    let rule = |rule: Option<Value>| {
        move |stack: &mut Stack| {
            let net = stack.add("main", net(1));
            stack.add("web", Port { net: net.id(), open: None, rule, key: None, tags: Tags::new() });
        }
    };
    let stated = || Some(json!({ "from": 1, "log": "all" }));
    assert_snapshot!(Fixture::applied(rule(stated())).plan(rule(Some(json!({ "from": 1 })))), @r#"
    update port/web: configuration changed
      rule: {"log":"all"} → {}
    1. update port/web (port/web#1)
    "#);
    assert_snapshot!(Fixture::applied(rule(stated())).plan(rule(None)), @r#"
    update port/web: configuration changed
      rule: {"from":1,"log":"all"} → null
    1. update port/web (port/web#1)
    "#);
    // Nobody stated this one: it stays.
    let mut fixture = Fixture::applied(rule(None));
    fixture.observe("port/web", |inputs| inputs["rule"] = stated().unwrap());
    assert_snapshot!(fixture.plan(rule(None)), @"no changes");
}
