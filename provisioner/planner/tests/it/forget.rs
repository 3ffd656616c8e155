//! Objects that leave the state and stay in the cloud, or are gone from it already.

use insta::assert_snapshot;
use provisioner_testkit::cloud::types::Named;

use crate::support::*;

#[test]
fn retained_object_is_forgotten_on_destroy() {
    let fixture = Fixture::applied(|stack| drop(stack.add_with("main", net(1), retained())));
    assert_snapshot!(fixture.destroy(), @"
    forget net/main: no longer declared, and to be retained
    1. forget net/main (net/main#1)
    ");
}

#[test]
fn object_deleted_outside_provisioner_is_forgotten_on_destroy() {
    let mut fixture = Fixture::applied(|stack| {
        let net = stack.add("main", net(1));
        stack.add("app", Named { net: Some(net.id()), ..named("app", 1) });
    });
    fixture.observe_gone("net/main");
    assert_snapshot!(fixture.destroy(), @"
    drift net/main (net/main#1) is gone
    delete named/app: no longer declared
    forget net/main: gone already
    1. delete named/app (named/app#1)
    2. forget net/main (net/main#1) after 1
    ");
}
