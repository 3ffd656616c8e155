//! Stops and starts: updates from or to the values that inputs have while the environment is stopped.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{plan::FieldChange, type_info::TypeInfo};

use crate::{
    decision::{Decisions, Effect, Item},
    graph,
};

/// The direction of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Start,
    Stop,
}

impl Shift {
    /// Returns the direction of a changed field, if the field has a value for stopped environments.
    pub(crate) fn of_change(info: &TypeInfo, change: &FieldChange) -> Option<Self> {
        let stopped = info.fields.iter().find(|field| field.name == change.field)?.stopped_value()?;
        Some(if change.after == stopped { Self::Stop } else { Self::Start })
    }

    /// Returns the direction of an update with these changes.
    pub(crate) fn of_changes(info: &TypeInfo, changes: &[FieldChange]) -> Option<Self> {
        changes.iter().find_map(|change| Self::of_change(info, change))
    }

    /// Returns the direction of the planned update of a resource.
    pub(crate) fn planned(decisions: &Decisions<'_>, address: &str) -> Option<Self> {
        let Item { facts, decision } = decisions.items.get(address)?;
        let Effect::Update(..) = decision.effect else { return None };
        Self::of_changes(facts.resource_type.info(), &decision.changes)
    }
}

/// Returns the order of the stops and starts among these steps, as pairs of a step and one before it: a start after the
/// starts of everything that the resource depends on, also by way of resources that do not change, and a stop after the
/// stops of all of its users.
pub(crate) fn edges(decisions: &Decisions<'_>, steps: &BTreeMap<String, usize>) -> Vec<(usize, usize)> {
    let needs = |address: &str| {
        let declared = decisions.items.get(address).and_then(|item| item.facts.declared);
        declared.map_or_else(Vec::new, |declared| graph::needs(&declared.inputs).into_iter().collect())
    };
    let shifts = steps.iter().filter_map(|(address, step)| {
        let below = || graph::closure(needs(address), needs);
        Shift::planned(decisions, address).map(|shift| (address, *step, shift, below()))
    });
    let shifts: Vec<(&String, usize, Shift, BTreeSet<String>)> = shifts.collect();
    let is_needed = |address: &String| shifts.iter().any(|(.., below)| below.contains(address));
    let mut edges = vec![];
    for (address, step, shift, below) in &shifts {
        // What none of the others depends on watches them: an alarm is off before anything stops, and on after all runs.
        let watches = !is_needed(address);
        let others = shifts.iter().filter(|(_, _, of_other, _)| of_other == shift);
        for (_, other, ..) in others.filter(|(other, ..)| below.contains(*other) || (watches && is_needed(other))) {
            edges.push(match shift {
                Shift::Start => (*step, *other),
                Shift::Stop => (*other, *step),
            });
        }
    }
    edges
}
