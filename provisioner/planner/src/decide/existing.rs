//! A declared resource with an object: it is replaced, updated or left as it is.

use provisioner_model::{
    Diagnostic,
    resource::{Change, Phase},
    state::ObjectRole,
};

use super::{Context, comparison::Comparison, replace, update};
use crate::{
    Observation,
    decision::{Decision, Leftover},
    facts::{ObservedObject, ResourceFacts},
};

pub(super) fn decide<'a>(context: Context<'_, 'a>, current: ObservedObject<'a>) -> Decision<'a> {
    let (comparison, leftovers) = after_interruption(context, current);
    let failure = failure(comparison.observed.observation);
    let failure = failure.map(|failure| Diagnostic::resource_warning(context.facts.address, failure));
    let mut decision = if comparison.requires_replacement(context.info().tagged) {
        replace::decide(context, comparison)
    } else {
        let has_others = !(leftovers.is_empty() && context.facts.gone.is_empty());
        update::decide(context, comparison, has_others)
    };
    decision.notices.extend(failure);
    Decision { leftovers, ..decision }
}

/// Returns the object to continue with after an interrupted replacement, and the others, which the plan deletes. If the
/// current object must be replaced, an object that need not be stands for the resource instead: the successor, or a
/// replaced object, which is what a reverted program declares. A new object beside the replaced one may be impossible: the
/// replaced one still holds its unique key, and its dependents keep it from being deleted first.
fn after_interruption<'a>(
    context: Context<'_, 'a>,
    current: ObservedObject<'a>,
) -> (Comparison<'a>, Vec<Leftover<'a>>) {
    let ResourceFacts { successor, replaced, .. } = context.facts;
    let comparison = Comparison::new(context, current);
    let mut others: Vec<_> = replaced.iter().copied().map(Leftover::replaced).collect();
    others.extend(successor.map(Leftover::abandoned));
    if comparison.replace_reasons.is_empty() {
        return (comparison, others);
    }
    // The successor first, then the newest of the replaced objects.
    let candidates = successor.iter().chain(replaced).map(|candidate| Comparison::new(context, *candidate));
    let Some(fitting) = candidates.into_iter().find(|candidate| candidate.replace_reasons.is_empty()) else {
        return (comparison, others);
    };
    let token = &fitting.observed.object.token;
    let resumes = fitting.observed.object.role == ObjectRole::Successor;
    others.retain(|other| other.observed.object.token != *token);
    others.push(if resumes { Leftover::superseded(current) } else { Leftover::reverted(current) });
    (fitting, others)
}

/// Describes a failed state that a replacement does not remedy.
fn failure(observation: &Observation) -> Option<String> {
    match &observation.phase {
        Phase::Failed { why, remedy } if *remedy != Some(Change::Replace) => {
            Some(format!("it is in a failed state: {why}"))
        }
        _ => None,
    }
}
