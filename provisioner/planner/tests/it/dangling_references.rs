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
    assert_snapshot!(Fixture::applied(declare(2)).plan(declare(3)), @"");
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
    assert_snapshot!(Fixture::applied(declare(1)).plan(declare(2)), @"");
}
