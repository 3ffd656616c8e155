//! The selection of resources for a plan: `--target`, `--exclude`, `--replace`.

use std::collections::BTreeSet;

use provisioner_model::{Diagnostic, stack::Desired, state::Snapshot};

use crate::graph;

/// The selection of resources for a plan. Each entry is an address, or the beginning of an address up to a slash.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, and what they need. Empty means all.
    pub targets: Vec<String>,
    /// All but these, and what needs them.
    pub excludes: Vec<String>,
    /// Replaced even if nothing asks for it.
    pub replace: Vec<String>,
}

fn covers(pattern: &str, address: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    address == pattern || address.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/'))
}

impl Selection {
    /// Returns whether `--replace` names it.
    pub(crate) fn replaces(&self, address: &str) -> bool {
        self.replace.iter().any(|pattern| covers(pattern, address))
    }

    /// The addresses that the plan is about; names that mean nothing are problems.
    pub(crate) fn chosen(&self, desired: &Desired, state: &Snapshot) -> Result<BTreeSet<String>, Vec<Diagnostic>> {
        let all: BTreeSet<String> = desired.resources.keys().chain(state.rows.keys()).cloned().collect();
        let named = |patterns: &[String]| -> BTreeSet<String> {
            all.iter().filter(|address| patterns.iter().any(|p| covers(p, address))).cloned().collect()
        };
        let problems: Vec<Diagnostic> = [&self.targets, &self.excludes, &self.replace]
            .into_iter()
            .flatten()
            .filter(|pattern| !all.iter().any(|address| covers(pattern, address)))
            .map(|pattern| {
                Diagnostic::resource_error(pattern, "is neither declared nor in the state")
                    .hint("`provisioner state list ENV` shows the addresses")
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let needed = |address: &str| -> Vec<String> {
            match desired.resources.get(address) {
                Some(declared) => graph::needs(&declared.inputs).into_iter().collect(),
                None => vec![],
            }
        };
        // What goes takes with it what needs it.
        let dependents = |address: &str| -> Vec<String> {
            let of_rows = state.rows.iter().filter(|(_, row)| row.needs.iter().any(|need| need == address));
            of_rows.map(|(name, _)| name.clone()).filter(|name| !desired.resources.contains_key(name)).collect()
        };
        let mut chosen = if self.targets.is_empty() {
            all.clone()
        } else {
            graph::closure(named(&self.targets), |address| {
                if desired.resources.contains_key(address) { needed(address) } else { dependents(address) }
            })
        };
        let excluded = graph::closure(named(&self.excludes), |address| {
            let declared = desired.resources.iter().filter(|(_, d)| graph::needs(&d.inputs).contains(address));
            let mut out: Vec<String> = declared.map(|(name, _)| name.clone()).collect();
            // What stays keeps what it stands on.
            if !desired.resources.contains_key(address) {
                out.extend(state.rows.get(address).map(|row| row.needs.clone()).unwrap_or_default());
            }
            out
        });
        chosen.retain(|address| !excluded.contains(address));
        Ok(chosen)
    }
}
