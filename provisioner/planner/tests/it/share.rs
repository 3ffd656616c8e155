//! `share`: several environments use one object, and the last one deletes it.

use insta::assert_snapshot;
use provisioner_model::{Stack, state::Operation};
use provisioner_testkit::cloud::types::Named;
use serde_json::json;

use crate::support::*;

fn declare(stack: &mut Stack) {
    stack.add_with("github", named("github", 1), shared());
}

fn created() -> Fixture {
    Fixture::applied(declare)
}

fn used_by_another(fixture: &mut Fixture) {
    fixture.observe("named/github", |inputs| inputs["tags"]["provisioner:used-by:fedcba"] = json!("prod"));
}

#[test]
fn first_environment_creates_the_shared_object() {
    let plan = Fixture::empty().try_plan(&stack(declare)).unwrap();
    let changes: Vec<String> = plan.resources["named/github"].changes.iter().map(crate::support::change).collect();
    assert_snapshot!(changes.join("\n"), @"");
}

#[test]
fn second_environment_adds_its_tag() {
    let mut fixture = Fixture::empty();
    let tags = json!({ "provisioner:made": "true", "provisioner:used-by:fedcba": "prod" });
    fixture.observe_existing(
        "named/github",
        "foreign",
        json!({ "name": "github", "class": 1, "size": 1, "tags": tags }),
    );
    assert_snapshot!(fixture.plan(declare), @"");
}

#[test]
fn unchanged_shared_object_plans_nothing() {
    let mut fixture = created();
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.plan(declare), @"");
}

#[test]
fn last_environment_deletes_the_shared_object() {
    let mut fixture = created();
    fixture.observe("named/github", |_| {});
    assert_snapshot!(fixture.destroy(), @"");
}

#[test]
fn shared_object_is_released_while_another_environment_uses_it() {
    let mut fixture = created();
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.destroy(), @"");
}

#[test]
fn shared_object_is_not_replaced() {
    let plan = created().plan(|stack| drop(stack.add_with("github", named("github", 2), shared())));
    assert_snapshot!(plan, @"");
}

#[test]
fn shared_object_stays_where_its_interrupted_delete_had_no_effect() {
    let mut fixture = created();
    fixture.interrupt("named/github", Operation::Delete);
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.plan(declare), @"");
}

#[test]
fn release_comes_after_the_users_of_the_shared_object() {
    let mut fixture = Fixture::applied(|stack| {
        let github = stack.add_with("github", named("github", 1), shared());
        stack.add("main", doc(github.get(Named::ID)));
    });
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.destroy(), @"");
}
