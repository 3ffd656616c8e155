//! Decides the action for each resource in dependency order, so that the effects on a resource's dependencies are
//! already known.
//!
//! Start with `declared` for resources of the stack, and with `removed` for resources that only the state has. Each
//! function takes the facts and returns a [`Decision`].

mod adopt;
mod comparison;
mod context;
mod create;
mod declared;
mod duplicates;
mod existing;
mod removed;
mod replace;
mod rollback;
mod stopped_objects;
mod unselected;
mod update;

use std::collections::BTreeMap;

use provisioner_model::{
    Diagnostic,
    stack::{Declared, Desired},
};

use self::context::Context;
use crate::{
    decision::{Decision, Decisions, Effect, Item},
    facts::Sources,
    graph,
};

/// Decides for every resource, or returns every error that blocks the plan.
pub(crate) fn decide<'a>(sources: &'a Sources<'a>) -> Result<Decisions<'a>, Vec<Diagnostic>> {
    let Sources { input, state, .. } = *sources;
    let selected = input.selection.chosen(input.desired, state)?;
    let mut decisions = Decisions { items: BTreeMap::new(), order: vec![] };
    let mut problems = vec![];
    for (address, declared) in dependency_order(input.desired)? {
        let facts = match sources.declared(address, declared) {
            Ok(facts) => facts,
            Err(problem) => {
                problems.push(problem.declared_at(declared.at));
                continue;
            }
        };
        let context = Context { input, state, decisions: &decisions, facts: &facts, declared };
        let decision = if selected.contains(address) {
            stopped_objects::check(&facts, declared::decide(context), &input.desired.facts)
        } else {
            unselected::decide(context)
        };
        problems.extend(decision.problems.iter().map(|problem| problem.clone().declared_at(declared.at)));
        decisions.order.push(address);
        decisions.items.insert(address, Item { facts, decision });
    }
    for (address, row) in state.rows.iter().filter(|(address, _)| !input.desired.resources.contains_key(*address)) {
        let facts = match sources.recorded(address, row) {
            Ok(facts) => facts,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let decision = if selected.contains(address) {
            stopped_objects::check(&facts, removed::decide(&facts, row, &state.lineage), &input.desired.facts)
        } else {
            Decision::new(Effect::NoChange(facts.current))
        };
        problems.extend(decision.problems.iter().cloned());
        decisions.items.insert(address, Item { facts, decision });
    }
    problems.extend(duplicates::problems(&decisions));
    if problems.is_empty() { Ok(decisions) } else { Err(problems) }
}

/// Returns the declared resources, dependencies first.
fn dependency_order(desired: &Desired) -> Result<Vec<(&str, &Declared)>, Vec<Diagnostic>> {
    let needs = desired.resources.iter().map(|(address, declared)| (address.clone(), graph::needs(&declared.inputs)));
    let order = graph::sorted(&needs.collect()).map_err(|ring| {
        let what = format!("depends on itself through {}", ring.join(" → "));
        let problem = Diagnostic::resource_error(&ring[0], what)
            .hint("declare one of the references as a resource of its own, as security groups and their rules are");
        vec![match desired.resources.get(&ring[0]) {
            Some(declared) => problem.declared_at(declared.at),
            None => problem,
        }]
    })?;
    let declared = order.iter().filter_map(|address| desired.resources.get_key_value(address));
    Ok(declared.map(|(address, declared)| (address.as_str(), declared)).collect())
}
