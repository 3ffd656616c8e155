//! Objects that the cloud refuses to change until the user acts, such as a stopped database.

use provisioner_model::{Diagnostic, resource::Phase};

use crate::{
    decision::{Decision, Effect},
    facts::{ObservedObject, ResourceFacts},
    order::deletion_protections,
};

/// Adds an error to a decision that changes such an object, and a warning to another one.
pub(super) fn check<'a>(facts: &ResourceFacts<'a>, mut decision: Decision<'a>) -> Decision<'a> {
    let Some(ObservedObject { observation, .. }) = decision.effect.object() else { return decision };
    let Phase::Stopped { why, hint } = &observation.phase else { return decision };
    if let Some(change) = change(facts, &decision) {
        let summary = format!("{why}, so {change}");
        decision.problems.push(Diagnostic::resource_error(facts.address, summary).hint(hint));
    } else {
        let summary = format!("{why}; a plan that changes it fails until then");
        decision.notices.push(Diagnostic::resource_warning(facts.address, summary).hint(hint));
    }
    decision
}

/// Returns the change that is not possible.
fn change(facts: &ResourceFacts<'_>, decision: &Decision<'_>) -> Option<String> {
    match &decision.effect {
        Effect::Update(..) if decision.changes.is_empty() => Some("its interrupted update cannot resume".to_owned()),
        Effect::Update(..) => {
            let fields: Vec<&str> = decision.changes.iter().map(|change| &*change.field).collect();
            Some(format!("{} cannot be changed", fields.join(", ")))
        }
        Effect::Replace(observed, _) | Effect::ReplaceDeleteFirst(observed, _) | Effect::Delete(Some(observed)) => {
            let protections = deletion_protections(facts, observed.observation);
            let is_deleted = !observed.object.outlives_resource(facts.resource_type.info().tagged);
            (is_deleted && !protections.is_empty())
                .then(|| format!("{} cannot be disabled, and it cannot be deleted", protections.join(", ")))
        }
        _ => None,
    }
}
