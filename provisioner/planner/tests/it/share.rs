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
    adopt named/github: exists already: shared with its creator
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
    delete named/github: no longer declared, and not used by another environment
    1. delete named/github (named/github#1)
    ");
}

#[test]
fn shared_object_is_released_while_another_environment_uses_it() {
    let mut fixture = created();
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.destroy(), @"
    release named/github: no longer declared, but another environment uses it or it was created outside Provisioner
    1. release named/github (named/github#1)
    ");
}

#[test]
fn shared_object_is_not_replaced() {
    let plan = created().plan(|stack| drop(stack.add_with("github", named("github", 2), shared())));
    assert_snapshot!(plan, @"
    problem named/github: class differs from the object that is there, and cannot be changed in place
      hint: an adopted object is not replaced: declare it as it is, or under another key
    ");
}

#[test]
fn shared_object_stays_where_its_interrupted_delete_had_no_effect() {
    let mut fixture = created();
    fixture.interrupt("named/github", Operation::Delete);
    used_by_another(&mut fixture);
    assert_snapshot!(fixture.plan(declare), @"
    update named/github: it was interrupted and resumes
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
    release named/github: no longer declared, but another environment uses it or it was created outside Provisioner
    1. delete doc/main (doc/main#1)
    2. release named/github (named/github#1) after 1
    ");
}

fn with_audiences(audiences: &'static [&'static str]) -> impl FnOnce(&mut Stack) {
    move |stack| drop(stack.add_with("github", issuer(audiences), shared()))
}

#[test]
fn audiences_of_others_stay() {
    let mut fixture = Fixture::empty();
    let inputs = json!({ "url": "https://issuer", "audiences": ["theirs"], "tags": {} });
    fixture.observe_existing("issuer/github", "foreign", inputs);
    assert_snapshot!(fixture.plan(with_audiences(&["ours"])), @r#"
    adopt issuer/github: exists already: shared with its creator
      audiences: [] → ["ours"]
      tags: {} → {"provisioner:used-by:0123456789abcdef":"dev"}
    1. adopt issuer/github (foreign)
    "#);
    let mut fixture = Fixture::applied(with_audiences(&["ours"]));
    fixture.observe("issuer/github", |inputs| inputs["audiences"] = json!(["theirs", "ours"]));
    assert_snapshot!(fixture.plan(with_audiences(&["ours"])), @"no changes");
}

#[test]
fn audience_removed_by_others_is_added_again() {
    let mut fixture = Fixture::applied(with_audiences(&["ours"]));
    fixture.observe("issuer/github", |inputs| inputs["audiences"] = json!(["theirs"]));
    assert_snapshot!(fixture.plan(with_audiences(&["ours"])), @r#"
    drift issuer/github (issuer/github#1)
      audiences: ["ours"] → [], drifted
    update issuer/github: changed outside Provisioner
      audiences: [] → ["ours"], drifted
    1. update issuer/github (issuer/github#1)
    "#);
}

#[test]
fn audience_that_the_only_environment_drops_is_removed() {
    let mut fixture = Fixture::applied(with_audiences(&["ours", "old"]));
    fixture.observe("issuer/github", |inputs| inputs["audiences"] = json!(["theirs", "ours", "old"]));
    assert_snapshot!(fixture.plan(with_audiences(&["ours"])), @r#"
    update issuer/github: configuration changed
      audiences: ["ours","old"] → ["ours"]
    1. update issuer/github (issuer/github#1)
    "#);
}

#[test]
fn audience_that_another_environment_may_need_stays() {
    let mut fixture = Fixture::applied(with_audiences(&["ours", "old"]));
    fixture.observe("issuer/github", |inputs| inputs["tags"]["provisioner:used-by:fedcba"] = json!("prod"));
    assert_snapshot!(fixture.plan(with_audiences(&["ours"])), @r#"
    update issuer/github: nothing changes in AWS: recorded only
    1. record issuer/github (issuer/github#1)
    "#);
}

fn shared_entry(stack: &mut Stack) {
    stack.add_with("www", entry("www", 1), shared());
}

#[test]
fn object_without_tags_is_used_as_it_is() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("entry/www", "theirs", json!({ "zone": 1, "name": "www", "value": 1 }));
    assert_snapshot!(fixture.plan(shared_entry), @"
    adopt entry/www: exists already: shared with its creator
    1. adopt entry/www (theirs)
    ");
}

#[test]
fn object_without_tags_of_another_value_is_an_error() {
    let mut fixture = Fixture::empty();
    fixture.observe_existing("entry/www", "theirs", json!({ "zone": 1, "name": "www", "value": 9 }));
    assert_snapshot!(fixture.plan(shared_entry), @"
    problem entry/www: `theirs` exists with another value, and others may use it: 9, not 1
      hint: delete that object or change it to the declared values, or give this resource another name or key
    ");
    let mut fixture = Fixture::applied(shared_entry);
    fixture.observe("entry/www", |inputs| inputs["value"] = json!(9));
    assert_snapshot!(fixture.plan(shared_entry), @"
    problem entry/www: `entry/www#1` exists with another value, and others may use it: 9, not 1
      hint: delete that object or change it to the declared values, or give this resource another name or key
    ");
}

#[test]
fn object_without_tags_outlives_its_users() {
    let fixture = Fixture::applied(shared_entry);
    assert_snapshot!(fixture.destroy(), @"
    release entry/www: no longer declared, and kept for other users: it takes no tags that name them
    1. release entry/www (entry/www#1)
    ");
}

#[test]
fn object_without_tags_stays_beside_its_successor() {
    let fixture = Fixture::applied(shared_entry);
    let plan = fixture.plan(|stack| drop(stack.add_with("www", entry("web", 1), shared())));
    assert_snapshot!(plan, @r#"
    replace entry/www: name cannot be changed in place
      name: "www" → "web", replaces
    1. create entry/www unless its key exists
    2. forget entry/www (entry/www#1) after 1
    "#);
}
