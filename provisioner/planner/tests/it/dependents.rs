//! Resources whose inputs are outputs of others.

use insta::assert_snapshot;
use provisioner_model::Stack;
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

#[test]
fn dependents_follow_an_output_that_an_update_changes() {
    let declare = |text: &'static str| {
        move |stack: &mut Stack| {
            let (net, doc) = (stack.add("main", net(1)), stack.add("main", doc(text)));
            stack.add("main", service(&net, &doc));
        }
    };
    assert_snapshot!(Fixture::applied(declare("a")).plan(declare("b")), @r#"
    update doc/main: declared otherwise than before
      text: "a" → "b"
    update service/main: declared otherwise than before: should it fail, what is there now is put back
      doc: "doc/main#1@1" → "<doc/main.revision>"
    1. update doc/main (doc/main#1)
    2. update service/main (service/main#1) after 1
    "#);
}

#[test]
fn dependents_stay_where_an_update_keeps_the_output() {
    let declare = |size| {
        move |stack: &mut Stack| {
            let named = stack.add("db", Named { size, ..named("db", 1) });
            stack.add("main", doc(named.get(Named::ID)));
        }
    };
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @"
    update named/db: declared otherwise than before
      size: 1 → 2
    1. update named/db (named/db#1)
    ");
}

#[test]
fn destroy_deletes_dependents_first() {
    let fixture = Fixture::applied(|stack| {
        let main = stack.add("main", net(1));
        let address = stack.add("main", address(1));
        let gate = stack.add("main", gate(&main, &address));
        stack.add("main", table(&main, &[&gate]));
    });
    assert_snapshot!(fixture.destroy(), @"
    delete address/main: no longer declared
    delete gate/main: no longer declared
    delete net/main: no longer declared
    delete table/main: no longer declared
    1. delete table/main (table/main#1)
    2. delete gate/main (gate/main#1) after 1
    3. delete address/main (address/main#1) after 2
    4. delete net/main (net/main#1) after 1, 2
    ");
}

#[test]
fn removed_resource_is_deleted_after_its_last_user_lets_go() {
    let fixture = Fixture::applied(|stack| {
        let net = stack.add("main", net(1));
        stack.add("app", Named { net: Some(net.id()), ..named("app", 1) });
    });
    let plan = fixture.plan(|stack| {
        let net = stack.add("other", net(2));
        stack.add("app", Named { net: Some(net.id()), ..named("app", 1) });
    });
    assert_snapshot!(plan, @r#"
    update named/app: declared otherwise than before
      net: "net/main#1" → "<net/other.id>"
    delete net/main: no longer declared
    create net/other: not there yet
    1. create net/other
    2. update named/app (named/app#1) after 1
    3. delete net/main (net/main#1) after 2
    "#);
}

#[test]
fn reference_that_only_the_cloud_has_is_respected_by_deletes() {
    // The program once stated the network, then left it out: the input keeps its value.
    let mut fixture = Fixture::applied(|stack| {
        stack.add("main", net(1));
        stack.add("app", named("app", 1));
    });
    fixture.observe("named/app", |inputs| inputs["net"] = "net/main#1".into());
    assert_snapshot!(fixture.destroy(), @"
    delete named/app: no longer declared
    delete net/main: no longer declared
    1. delete named/app (named/app#1)
    2. delete net/main (net/main#1) after 1
    ");
}

#[test]
fn resources_that_need_each_other_are_a_problem() {
    let mut desired = stack(|stack| {
        stack.add("a", net(1));
        stack.add("b", net(2));
    });
    for (from, to) in [("net/a", "net/b"), ("net/b", "net/a")] {
        let reference = serde_json::json!({ "$ref": to, "path": "id" });
        desired.resources.get_mut(from).unwrap().inputs["label"] = reference;
    }
    let problems = Fixture::empty().try_plan(&desired).unwrap_err();
    assert_snapshot!(problems[0].what, @"needs itself, by way of net/a → net/b → net/a");
}
