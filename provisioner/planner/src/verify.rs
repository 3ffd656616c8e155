//! The contradictions of a state or a plan. There should be none: the tests ask after every step.

use std::collections::BTreeSet;

use provisioner_model::{
    erased::ResourceRegistry,
    plan::{Plan, StepAction},
    state::{ObjectRole, Snapshot},
};

use crate::graph;

/// Returns the invariants that a state violates, one line each.
pub fn snapshot(state: &Snapshot, registry: &ResourceRegistry) -> Vec<String> {
    let mut wrong = vec![];
    let mut tokens = BTreeSet::new();
    for (address, row) in &state.rows {
        if row.objects.is_empty() {
            wrong.push(format!("{address} has no object"));
        }
        for role in [ObjectRole::Current, ObjectRole::Successor] {
            if row.objects.iter().filter(|object| object.role == role).count() > 1 {
                wrong.push(format!("{address} has more than one object as {role:?}"));
            }
        }
        for object in &row.objects {
            if !tokens.insert(&object.token) {
                wrong.push(format!("{address} has a token that another object has too"));
            }
            if object.id.is_none() && object.pending.is_none() {
                wrong.push(format!("{address} has an object without id that nobody is making"));
            }
        }
        let Some(resource_type) = registry.get(&row.type_name) else {
            wrong.push(format!("{address} is of an unknown type, {}", row.type_name));
            continue;
        };
        let firm = row.objects.iter().flat_map(|object| graph::firm_needs(resource_type, &object.declared));
        let lost = firm.filter(|need| !state.rows.contains_key(need));
        wrong.extend(lost.map(|need| format!("{address} needs {need}, which is not in the state")));
    }
    wrong
}

/// Returns the invariants that a plan violates, one line each.
pub fn plan(plan: &Plan) -> Vec<String> {
    let mut wrong = vec![];
    let mut made = BTreeSet::new();
    let mut removed = BTreeSet::new();
    for (number, step) in plan.steps.iter().enumerate() {
        let name = format!("step {number} ({} {})", step.action.verb(), step.address);
        if step.after.iter().any(|need| *need >= number) {
            wrong.push(format!("{name} waits for a later one"));
        }
        match &step.action {
            StepAction::Create(_) | StepAction::Adopt { .. } if !made.insert(&step.address) => {
                wrong.push(format!("{name} makes a second object"));
            }
            StepAction::Delete { token, .. } | StepAction::Forget { token } | StepAction::Release { token }
                if !removed.insert(token) =>
            {
                wrong.push(format!("{name} removes an object twice"));
            }
            _ => {}
        }
        if !plan.resources.contains_key(&step.address) {
            wrong.push(format!("{name} is of a resource that is not in the plan"));
        }
    }
    wrong
}
