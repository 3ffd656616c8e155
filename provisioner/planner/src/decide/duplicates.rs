//! Resources that claim the same unique key.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::Diagnostic;

use crate::{
    decision::{Decisions, Item},
    unique_key,
};

/// Reports each resource that has a unique key in common with an earlier one.
pub(super) fn problems(decisions: &Decisions<'_>) -> Vec<Diagnostic> {
    let no_unknown = BTreeSet::new();
    let mut owners: BTreeMap<String, &Item<'_>> = BTreeMap::new();
    let mut problems = vec![];
    for item in decisions.items.values() {
        let facts = &item.facts;
        let (inputs, unknown) = match (item.decision.effect.write(), item.decision.effect.object()) {
            (Some(write), _) => (&write.planned, &write.unknown),
            (None, Some(observed)) if facts.declared.is_some() => (&observed.object.inputs, &no_unknown),
            _ => continue,
        };
        for (group, key) in unique_key::keys(facts, inputs, unknown) {
            let Some(owner) = owners.insert(key, item) else { continue };
            let summary = format!("has the same {} as {}; only one may", group.join(" and "), owner.facts.address);
            let hint = format!("give one of them another {}, or remove one", group.join(" or "));
            let problem = Diagnostic::resource_error(facts.address, summary).hint(hint);
            problems.push(match facts.declared {
                Some(declared) => problem.declared_at(declared.at),
                None => problem,
            });
        }
    }
    problems
}
