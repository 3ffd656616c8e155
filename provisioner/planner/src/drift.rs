//! The changes made outside Provisioner: recorded against observed state, independent of the declarations.

use provisioner_model::{Diagnostic, erased::ResourceType, plan::Drift, state::Row};

use crate::{
    diff,
    facts::{ObservedObject, Sources},
};

/// Returns the drift of a resource whose current object is `current`.
pub(crate) fn of_row(
    resource_type: &dyn ResourceType,
    address: &str,
    row: &Row,
    current: Option<ObservedObject<'_>>,
) -> Option<Drift> {
    let recorded = row.current()?;
    // An interrupted operation is no drift: nobody else caused it.
    if recorded.pending.is_some() {
        return None;
    }
    // A successor that stands for a resource is no observation of the object that it replaces.
    let current = current.filter(|current| current.object.token == recorded.token);
    let changes = current
        .map(|current| diff::drift(resource_type, recorded, &current.observation.observed, &row.options.ignore))
        .unwrap_or_default();
    let gone = current.is_none();
    (gone || !changes.is_empty()).then(|| Drift {
        address: address.to_owned(),
        type_name: resource_type.info().type_name.to_owned(),
        id: recorded.id.clone().unwrap_or_default(),
        gone,
        changes,
    })
}

/// Returns the drift of all resources.
pub(crate) fn of_state(sources: &Sources<'_>) -> Result<Vec<Drift>, Vec<Diagnostic>> {
    let (mut drift, mut problems) = (vec![], vec![]);
    for (address, row) in &sources.state.rows {
        match sources.recorded(address, row) {
            Ok(facts) => drift.extend(facts.drift),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(drift) } else { Err(problems) }
}
