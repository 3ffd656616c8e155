//! A declared resource with an object: it is replaced, updated or left as it is.

use provisioner_model::{
    Diagnostic,
    resource::{Change, Phase},
};

use super::{Context, comparison::Comparison, replace, update};
use crate::{
    Observation,
    decision::{Decision, Leftover},
    facts::ObservedObject,
};

pub(super) fn decide<'a>(context: Context<'_, 'a>, current: ObservedObject<'a>) -> Decision<'a> {
    let (comparison, unused) = after_interruption(context, current);
    let failure = failure(comparison.observed.observation);
    let notices =
        failure.map(|failure| Diagnostic::resource_warning(context.facts.address, failure)).into_iter().collect();
    let replaced = context.facts.replaced.iter().copied().map(Leftover::replaced);
    let leftovers: Vec<Leftover<'a>> = replaced.chain(unused).collect();
    let decision = if comparison.requires_replacement(context.info().tagged) {
        replace::decide(context, comparison)
    } else {
        let has_others = !(leftovers.is_empty() && context.facts.gone.is_empty());
        update::decide(context, comparison, has_others)
    };
    Decision { notices, leftovers, ..decision }
}

/// Returns the object to continue with after an interrupted replacement: the new one, if the current object must be
/// replaced and the new one need not be. The plan deletes the other.
fn after_interruption<'a>(
    context: Context<'_, 'a>,
    current: ObservedObject<'a>,
) -> (Comparison<'a>, Option<Leftover<'a>>) {
    let of_current = Comparison::new(context, current);
    let Some(successor) = context.facts.successor else { return (of_current, None) };
    if of_current.replace_reasons.is_empty() {
        return (of_current, Some(Leftover::abandoned(successor)));
    }
    let of_successor = Comparison::new(context, successor);
    if !of_successor.replace_reasons.is_empty() {
        return (of_current, Some(Leftover::abandoned(successor)));
    }
    (of_successor, Some(Leftover::superseded(current)))
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
