//! References in fields that may dangle: their targets may be gone for a while.

use insta::assert_snapshot;
use provisioner_model::Stack;
use provisioner_testkit::cloud::types::{Gate, Named};

use crate::support::*;

#[test]
fn dangling_reference_does_not_replace_the_dependent() {
    let declare = |label| {
        move |stack: &mut Stack| {
            let (main, address) = (stack.add("main", net(1)), stack.add("main", address(1)));
            let other = stack.add("other", net(label));
            let gate = stack.add("main", Gate { net: other.id(), ..gate(&main, &address) });
            stack.add("main", table(&main, &[&gate]));
        }
    };
    assert_snapshot!(Fixture::applied(declare(2)).plan(declare(3)), @r#"
    replace_delete_first gate/main: net cannot be changed in place: only one may have this address, so the old one goes first: an outage
      net: "net/other#1" → "<net/other.id>", replaces
    replace net/other: range cannot be changed in place
      range: 2 → 3, replaces
    update table/main: declared otherwise than before
      routes: ["gate/main#1"] → ["<gate/main.id>"]
    1. create net/other
    2. delete gate/main (gate/main#1)
    3. create gate/main unless its key exists after 1, 2
    4. delete net/other (net/other#1) after 1, 2, 3
    5. update table/main (table/main#1) after 3
    "#);
}

#[test]
fn part_with_a_dangling_reference_is_updated_after_the_replacement() {
    let declare = |class| {
        move |stack: &mut Stack| {
            let (role, named) = (stack.add("main", role(1)), stack.add("db", named("db", class)));
            let mut policy = policy(&role);
            policy.allows = named.get(Named::ID);
            stack.add("main", policy);
        }
    };
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @r#"
    replace_delete_first named/db: class cannot be changed in place: only one may have this name, so the old one goes first: an outage
      class: 1 → 2, replaces
    update role-policy/main: declared otherwise than before
      allows: "named/db#1" → "<named/db.id>"
    1. delete named/db (named/db#1)
    2. create named/db unless its key exists after 1
    3. update role-policy/main (role-policy/main#1) after 2
    "#);
}
