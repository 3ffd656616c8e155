//! The check of inputs before a call, with values that the plan did not know.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use provisioner_model::{Stack, resource::Tags, stack::Desired};
use provisioner_testkit::{
    cloud::{
        REFUSED_TEXT,
        types::{Doc, Named},
    },
    fixture,
    generate::facts,
};
use simulation::Simulation;

/// A document with the name of another object, which is an output.
fn document_of(name: &str) -> Desired {
    let mut stack = Stack::new(facts());
    let named = Named { name: Some(name.to_owned()), ..fixture::unnamed(1) };
    let named = stack.add("main", named);
    stack.add("main", Doc { family: 1, text: named.get(Named::NAME_OF), tags: Tags::new() });
    stack.finish().expect("the stack is valid")
}

#[tokio::test]
async fn a_value_that_becomes_known_is_checked_before_the_call() {
    let simulation = Simulation::new();
    let plan = simulation.plan(&document_of(REFUSED_TEXT)).await.expect("the plan does not know the name yet");
    let outcome = simulation.apply(&plan).await.expect("applied");
    let (_, why) = &outcome.failed[0];
    assert!(why.contains("text: expected another value, found \"refused\""), "{why}");
    let types: Vec<&str> = simulation.cloud.objects().iter().map(|object| object.kind).collect();
    assert_eq!(types, ["test:named"], "nothing was sent for the document");

    let plan = simulation.plan(&document_of("accepted")).await.expect("a plan");
    assert!(simulation.apply(&plan).await.expect("applied").is_complete());
}
