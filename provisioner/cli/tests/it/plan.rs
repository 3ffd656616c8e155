//! Plans as text and as JSON. The planner makes each of them.

use std::collections::BTreeSet;

use provisioner_cli::{
    error::Failure,
    render::{PageFormat, plan as render},
};
use provisioner_model::{
    Diagnostic, In, Phase, Stack,
    diagnostic::SourceLocation,
    document,
    plan::{Action, Plan},
    state::ObjectRole,
};
use provisioner_testkit::{
    cloud::types::{Named, Net},
    fixture::{
        Fixture, address, adopted, disk::disk, entry, gate, named, net, protected, renamed_from, retained, role, shared,
    },
};
use serde_json::{Value, json};

use crate::support::{Function, environment, function, try_plan};

/// A policy for a bucket, which may be an output.
fn policy(bucket: Value, action: &str) -> In<String> {
    document(json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": [action, "s3:ListBucket"], "Resource": bucket }],
    }))
}

fn locked(class: u8) -> Named {
    Named { locked: Some(true), ..named("db", class) }
}

/// The stack that has been applied.
fn before(stack: &mut Stack) {
    stack.default_tag("project", "shop");
    stack.default_tag("environment", "dev");
    stack.component("net", |stack| {
        stack.add("main", net(1));
        stack.add("www", entry("www", 1));
    });
    stack.component("network", |stack| {
        stack.add("a", address(1));
        stack.add("b", address(1));
    });
    stack.component("identity", |stack| {
        let policy = Some(policy(json!("arn:logs"), "s3:PutObject"));
        stack.add("deploy", Function { policy, ..function() });
    });
    stack.component("service", |stack| {
        let rules = vec![json!({ "port": 5432, "from": "app" })];
        stack.add("worker", Function { rules, ..function() });
        let key = Some(stack.secret("key", 1, "first"));
        stack.add("app", Function { description: Some("short".to_owned()), key, ..function() });
    });
    stack.component("edge", |stack| stack.add("app", address(1)));
    stack.component("database", |stack| stack.add_with("main", locked(1), protected()));
    stack.component("old", |stack| {
        stack.add_with("db", named("old", 1), protected());
        stack.add_with("audit", role(1), retained());
        stack.add_with("peer", net(9), shared());
        stack.add("app", disk("ssd", 1));
    });
}

/// The stack that is planned.
fn after(stack: &mut Stack) {
    stack.default_tag("project", "shop");
    stack.default_tag("environment", "dev");
    let (main, public) = stack.component("network", |stack| {
        stack.add("a", address(1));
        stack.add("b", address(1));
        stack.add_with("www", entry("www", 1), renamed_from("net/entry/www"));
        (stack.add_with("main", net(1), renamed_from("net/net/main")), stack.add("c", address(1)))
    });
    stack.component("identity", |stack| {
        let policy = Some(policy(json!("arn:logs"), "s3:GetObject"));
        stack.add("deploy", Function { policy, ..function() });
        stack.add_with("github", named("github", 1), adopted());
        stack.add_with("common", named("common", 1), shared());
    });
    let logs = stack.component("storage", |stack| stack.add("logs", named("logs", 1)));
    stack.component("service", |stack| {
        let rules = vec![json!({ "port": 5432, "from": "app" })];
        stack.add("worker", Function { rules, ..function() });
        let key = Some(stack.secret("key", 2, "second"));
        let description = "a text that is so long that both of them do not fit onto one line of this page".to_owned();
        let note = Some("y".repeat(400));
        stack.add("app", Function { memory: 256, description: Some(description), key, note, ..function() });
        stack.add("task", Function { policy: Some(policy(logs.id().part(), "s3:PutObject")), ..function() });
    });
    stack.component("edge", |stack| {
        stack.add("app", address(2));
        stack.add("main", gate(&main, &public));
    });
    stack.component("database", |stack| stack.add_with("main", locked(2), protected()));
    stack.output("url", In::Known("https://app.example.com"));
    stack.output("net", main.id());
    stack.output("logs", logs.id());
}

/// The environment after an apply of [`before`] and changes outside Provisioner.
fn applied() -> Fixture {
    let mut fixture = environment();
    fixture.observe_existing("old/net/peer", "net-0", json!({ "range": 9 }));
    fixture.apply(before);
    fixture.add_object("network/address/b", ObjectRole::Current, |_| {});
    fixture.snapshot.rows.get_mut("network/address/b").unwrap().objects[1].role = ObjectRole::Replaced;
    fixture.observe_gone("network/address/a");
    fixture.observe("service/function/worker", |inputs| {
        let rule = json!({ "port": 22, "from": "0.0.0.0/0", "description": "temporary access for the vendor" });
        inputs["rules"].as_array_mut().unwrap().push(rule);
    });
    let why = "its image cannot be read".to_owned();
    fixture.observe_phase("service/function/app", Phase::Failed { why, remedy: None });
    fixture.observe_existing("identity/named/github", "github-1", json!({ "name": "github", "class": 1, "size": 2 }));
    fixture.observe_existing("identity/named/common", "common-1", json!({ "name": "common", "class": 1, "size": 1 }));
    fixture
}

/// A plan with every action, and with every kind of field and remark.
fn rich() -> Plan {
    try_plan(&applied(), after).unwrap()
}

#[test]
fn every_action_is_in_the_plan() {
    let actions: BTreeSet<Action> = rich().resources.values().map(|planned| planned.action).collect();
    let all = [
        Action::Create,
        Action::Update,
        Action::Replace,
        Action::ReplaceDeleteFirst,
        Action::Delete,
        Action::Adopt,
        Action::Forget,
        Action::Release,
        Action::Rename,
    ];
    assert_eq!(actions, all.into());
}

#[test]
fn a_plan_with_one_of_each() {
    insta::assert_snapshot!("one_of_each", render::plan(&rich(), &PageFormat::plain(100)));
}

#[test]
fn a_narrow_page() {
    insta::assert_snapshot!("narrow", render::plan(&rich(), &PageFormat::plain(50)));
}

#[test]
fn an_empty_plan() {
    let mut fixture = environment();
    fixture.apply(before);
    let plan = try_plan(&fixture, before).unwrap();
    assert!(plan.is_empty());
    insta::assert_snapshot!("empty", render::plan(&plan, &PageFormat::plain(80)));
}

#[test]
fn a_plan_with_drift_alone() {
    let mut fixture = environment();
    fixture.apply(|stack| drop(stack.add("main", Net { label: Some(1), ..net(1) })));
    fixture.observe("net/main", |inputs| inputs["label"] = json!(2));
    // The plan leaves the resource out, so that no step sets the label back.
    fixture.selection.excludes = vec!["net/main".to_owned()];
    let plan = try_plan(&fixture, |stack| drop(stack.add("main", Net { label: Some(1), ..net(1) }))).unwrap();
    assert_eq!(render::summary(&plan), "No changes to make; 1 drifted.");
    insta::assert_snapshot!("drift", render::plan(&plan, &PageFormat::plain(80)));
}

#[test]
fn a_step_of_an_unchanged_resource() {
    let mut fixture = environment();
    fixture.apply(|stack| drop(stack.add("main", net(1))));
    fixture.selection.targets = vec!["net/other".to_owned()];
    let plan = try_plan(&fixture, |stack| {
        stack.add("other", net(2));
        stack.add_with("new", net(1), renamed_from("net/main"));
    });
    insta::assert_snapshot!("unchanged", render::plan(&plan.unwrap(), &PageFormat::plain(80)));
}

#[test]
fn a_refused_plan() {
    let mut fixture = environment();
    fixture.apply(|stack| drop(stack.add("app", disk("ssd", 2))));
    fixture.observe_existing("named/taken", "named-1", json!({ "name": "taken", "class": 1, "size": 1 }));
    fixture.observe_existing("named/github", "github-1", json!({ "name": "github", "class": 2, "size": 1 }));
    let problems = try_plan(&fixture, |stack| {
        stack.add("app", disk("ssd", 1));
        stack.add("taken", named("taken", 1));
        stack.add("taken-too", named("taken", 1));
        stack.add_with("github", named("github", 1), adopted());
    });
    let here = SourceLocation { file: "src/stack.rs".to_owned(), line: 12, column: 5 };
    let problems = problems.unwrap_err().into_iter();
    let problems = problems.map(|problem| Diagnostic { location: Some(Box::new(here.clone())), ..problem }).collect();
    insta::assert_snapshot!("refused", Failure::Planning(problems).report(&PageFormat::plain(80), false));
}

#[test]
fn colour_carries_no_information() {
    let coloured = render::plan(&rich(), &PageFormat { width: 100, colour: true });
    assert!(coloured.contains('\u{1b}'));
    let mut bare = String::new();
    let mut escaped = false;
    for letter in coloured.chars() {
        match letter {
            '\u{1b}' => escaped = true,
            'm' if escaped => escaped = false,
            _ if !escaped => bare.push(letter),
            _ => {}
        }
    }
    assert_eq!(bare, render::plan(&rich(), &PageFormat::plain(100)));
}

#[test]
fn the_json_form_is_versioned_and_holds_no_write() {
    let json = render::json(&rich());
    assert_eq!(json["format"], 3);
    assert_eq!(json["summary"]["replace"], 2);
    assert_eq!(json["empty"], false);
    insta::assert_snapshot!("json_steps", serde_json::to_string_pretty(&json["steps"]).unwrap());
    let resource = &json["resources"]["database/named/main"];
    insta::assert_snapshot!("json_changes", serde_json::to_string_pretty(&resource["changes"]).unwrap());
}
