//! Renames: rows move to the address that the program gives their resource now.

use std::collections::BTreeMap;

use provisioner_model::{journal::JournalEntry, state::Snapshot};

use crate::Input;

/// The state with its rows under the addresses that the program gives them now.
pub(crate) struct Renames {
    pub(crate) state: Snapshot,
    /// New address → the one before.
    pub(crate) from: BTreeMap<String, String>,
}

/// Moves the entries of resources that declare a previous address.
pub(crate) fn renamed(input: &Input<'_>) -> Renames {
    let mut state = input.snapshot.clone();
    let mut from = BTreeMap::new();
    for (address, declared) in &input.desired.resources {
        let old = declared.options.renamed_from.iter().find(|old| {
            input.snapshot.rows.get(*old).is_some_and(|row| row.type_name == declared.type_name)
                && !input.desired.resources.contains_key(*old)
        });
        if let (Some(old), false) = (old, state.rows.contains_key(address)) {
            state.fold(JournalEntry::Renamed { from: old.clone(), to: address.clone() });
            from.insert(address.clone(), old.clone());
        }
    }
    Renames { state, from }
}
