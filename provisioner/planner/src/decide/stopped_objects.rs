//! Objects that the cloud refuses to change until they are started, such as a stopped database.

use provisioner_model::{Diagnostic, Facts, resource::Phase};

use crate::{
    decision::{Decision, Effect},
    facts::{ObservedObject, ResourceFacts},
    order::deletion_protections,
    shift::Shift,
};

/// Adds an error to a decision that changes such an object, and a warning to another one, unless the environment is
/// stopped: then the object is as it should be.
pub(super) fn check<'a>(facts: &ResourceFacts<'a>, mut decision: Decision<'a>, stack: &Facts) -> Decision<'a> {
    let Some(ObservedObject { observation, .. }) = decision.effect.object() else { return decision };
    let Phase::Stopped { why, hint } = &observation.phase else { return decision };
    let hint = if stack.stopped { &format!("start it first: provisioner start {}", stack.environment) } else { hint };
    if let Some(change) = change(facts, &decision, stack) {
        let summary = format!("{why}, so {change}");
        decision.problems.push(Diagnostic::resource_error(facts.address, summary).hint(hint));
    } else if !stack.stopped && !starts(facts, &decision) {
        let summary = format!("{why}; a plan that changes it fails until then");
        decision.notices.push(Diagnostic::resource_warning(facts.address, summary).hint(hint));
    }
    decision
}

/// Returns whether the update is the start of the object. Further changes follow once it runs.
fn starts(facts: &ResourceFacts<'_>, decision: &Decision<'_>) -> bool {
    Shift::of_changes(facts.resource_type.info(), &decision.changes) == Some(Shift::Start)
}

/// Returns the change that is not possible.
fn change(facts: &ResourceFacts<'_>, decision: &Decision<'_>, stack: &Facts) -> Option<String> {
    match &decision.effect {
        Effect::Update(..) if starts(facts, decision) => None,
        // It was interrupted on its way to be stopped, and is.
        Effect::Update(..) if decision.changes.is_empty() && stack.stopped => None,
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
