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
    assert_snapshot!(changes.join("\n"), @r#"
    name: null → "github"
    class: null → 1
    size: null → 1
    tags: null → {"provisioner:made":"true","provisioner:used-by:0123456789abcdef":"dev"}
    "#);
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
    assert_snapshot!(fixture.plan(declare), @r#"
    adopt named/github: there already: shared with whoever made it
      tags: {} → {"provisioner:used-by:0123456789abcdef":"dev"}
    1. adopt named/github (foreign)
    "#);
}

#[test]
fn unchanged_shared_object_plans_nothing() {
    let mut fixture = created();
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.plan(declare), @"no changes");
}

#[test]
fn last_environment_deletes_the_shared_object() {
    let mut fixture = created();
    fixture.observe("named/github", |_| {});
    assert_snapshot!(fixture.destroy(), @"
    delete named/github: no longer declared, and nobody else uses it
    1. delete named/github (named/github#1)
    ");
}

#[test]
fn shared_object_is_released_while_another_environment_uses_it() {
    let mut fixture = created();
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.destroy(), @"
    release named/github: no longer declared, and others use it or made it
    1. release named/github (named/github#1)
    ");
}

#[test]
fn shared_object_is_not_replaced() {
    let plan = created().plan(|stack| drop(stack.add_with("github", named("github", 2), shared())));
    assert_snapshot!(plan, @"
    problem named/github: class differs from the object that is there, and cannot be changed in place
      hint: an object that others made is not replaced: declare it as it is, or under another key
    ");
}

#[test]
fn shared_object_stays_where_its_interrupted_delete_had_no_effect() {
    let mut fixture = created();
    fixture.interrupt("named/github", Operation::Delete);
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.plan(declare), @"
    update named/github: it was cut off: goes on where it stopped
    1. update named/github (named/github#1)
    ");
}

#[test]
fn release_comes_after_the_users_of_the_shared_object() {
    let mut fixture = Fixture::applied(|stack| {
        let github = stack.add_with("github", named("github", 1), shared());
        stack.add("main", doc(github.get(Named::ID)));
    });
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.destroy(), @"
    delete doc/main: no longer declared
    release named/github: no longer declared, and others use it or made it
    1. delete doc/main (doc/main#1)
    2. release named/github (named/github#1) after 1
    ");
}
