//! Generated names: AWS reserves some names after a delete, so no name is generated twice.

use provisioner_model::{journal::JournalEntry, plan::StepAction, stack::Desired, state::ObjectRole};

use crate::support::*;

fn unnamed_db() -> Desired {
    stack(|stack| drop(stack.add("db", unnamed(1))))
}

fn generated_name(fixture: &Fixture, desired: &Desired, address: &str) -> String {
    let plan = fixture.try_plan(desired).unwrap();
    let creates = plan.steps.iter().filter(|step| step.address == address);
    let mut names = creates.filter_map(|step| match &step.action {
        StepAction::Create(write) => write.planned["name"].as_str(),
        _ => None,
    });
    names.next().unwrap().to_owned()
}

fn remove(fixture: &mut Fixture, address: &str) {
    let token = fixture.object(address).token.clone();
    fixture.snapshot.fold(JournalEntry::Removed { address: address.to_owned(), token });
}

#[test]
fn name_differs_after_each_destroy() {
    let mut fixture = Fixture::empty();
    let mut names = vec![];
    for _ in 0..3 {
        names.push(generated_name(&fixture, &unnamed_db(), "named/db"));
        fixture.apply(|stack| drop(stack.add("db", unnamed(1))));
        remove(&mut fixture, "named/db");
    }
    names.push(generated_name(&fixture, &unnamed_db(), "named/db"));
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn name_differs_from_that_of_an_abandoned_successor() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("db", unnamed(1))));
    let replaced = stack(|stack| drop(stack.add("db", unnamed(2))));
    let name = generated_name(&fixture, &replaced, "named/db");
    fixture.add_object("named/db", ObjectRole::Successor, |_| {});
    remove(&mut fixture, "named/db");
    assert_ne!(generated_name(&fixture, &replaced, "named/db"), name);
}

#[test]
fn new_resource_at_the_previous_address_of_a_renamed_one_has_another_name() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("db", unnamed(1))));
    let name = fixture.object("named/db").inputs["name"].clone();
    fixture.snapshot.fold(JournalEntry::Renamed { from: "named/db".into(), to: "named/old".into() });
    let both = stack(|stack| {
        stack.add("db", unnamed(1));
        stack.add("old", unnamed(1));
    });
    assert_ne!(generated_name(&fixture, &both, "named/db"), name);
}

#[test]
fn other_addresses_keep_their_first_names() {
    let mut fixture = Fixture::applied(|stack| drop(stack.add("db", unnamed(1))));
    remove(&mut fixture, "named/db");
    let other = stack(|stack| drop(stack.add("main", unnamed(1))));
    assert_eq!(generated_name(&fixture, &other, "named/main"), generated_name(&Fixture::empty(), &other, "named/main"));
}
