//! A resource that keeps its object.

use provisioner_model::{
    plan::FieldChange,
    resource::Change,
    stack::Options,
    state::{Object, ObjectRole},
};

use super::{
    Context,
    comparison::{self, Comparison},
    rollback,
};
use crate::{
    decision::{Decision, Effect},
    diff, graph,
    shift::Shift,
};

/// Updates the object, or only its row. `has_others`: further objects of the resource are deleted or forgotten.
pub(super) fn decide<'a>(context: Context<'_, 'a>, comparison: Comparison<'a>, has_others: bool) -> Decision<'a> {
    let also_refused: &[Change] = if comparison.is_shared() { &[Change::Replace] } else { &[] };
    let (object, field_diffs) = (comparison.observed.object, &comparison.field_diffs);
    let (refusals, notices) = comparison::reviewed(context, &comparison);
    let mut problems = if object.is_used_as_is(context.info().tagged) {
        comparison::differing(context, object.id.as_deref().unwrap_or_default(), field_diffs)
    } else {
        comparison::refused(context, field_diffs, also_refused)
    };
    problems.extend(refusals);
    let is_recorded = is_recorded(context, &comparison);
    let resource_type = context.facts.resource_type;
    let released = diff::released(resource_type, &comparison.desired.resolved, &comparison.migrated);
    let without_effect = diff::without_effect(resource_type, &comparison.desired.resolved, &comparison.migrated);
    let without_effect = (!without_effect.is_empty())
        .then(|| format!("counts only for a create, so this object stays as it is: {}", without_effect.join(", ")));
    let Comparison { observed, migrated, desired, field_diffs, .. } = comparison;
    let is_unfinished = object.pending.is_some() || object.role != ObjectRole::Current;
    let write = || context.write(desired, object.generation, object.origin);

    if !field_diffs.is_empty() || is_unfinished {
        let (write, rollback) = rollback::to_recorded_inputs(context, object, migrated, write());
        let shift = shift(context);
        let is_shift = |change: &FieldChange| shift.is_some() && Shift::of_change(context.info(), change).is_some();
        let changes = || field_diffs.iter().map(|field_diff| &field_diff.change);
        let is_drifted = |drifted: bool| changes().any(|change| !is_shift(change) && change.drifted == drifted);
        let reasons = [
            is_unfinished.then(|| unfinished(context, object).to_owned()),
            shift.filter(|_| changes().any(is_shift)).map(str::to_owned),
            is_drifted(false).then(|| "configuration changed".to_owned()),
            is_drifted(true).then(|| "changed outside Provisioner".to_owned()),
            rollback,
            without_effect,
        ];
        return Decision {
            changes: field_diffs.into_iter().map(|field_diff| field_diff.change).collect(),
            reasons: reasons.into_iter().flatten().collect(),
            notices,
            problems,
            ..Decision::new(Effect::Update(observed, write))
        };
    }
    if context.facts.renamed_from.is_some() {
        return Decision { problems, ..Decision::new(Effect::Rename(observed, write())) };
    }
    if !is_recorded {
        let released = match &*released.join(", ") {
            "" => "nothing changes in AWS: recorded only".to_owned(),
            names => format!("no longer managed, and left as it is: {names}"),
        };
        let reasons = without_effect.into_iter().chain([released]).collect();
        return Decision { reasons, problems, ..Decision::new(Effect::Record(observed, write())) };
    }
    if has_others {
        let reasons = vec!["its other objects are deleted or leave the state".to_owned()];
        return Decision { reasons, problems, ..Decision::new(Effect::CleanUp(observed)) };
    }
    Decision { problems, ..Decision::new(Effect::NoChange(Some(observed))) }
}

/// Describes what the plan does with the environment, if it stops or starts it.
fn shift(context: Context<'_, '_>) -> Option<&'static str> {
    match (context.state.stopped, context.input.desired.facts.stopped) {
        (false, true) => Some("it stops with the environment"),
        (true, false) => Some("it starts with the environment"),
        _ => None,
    }
}

fn unfinished(context: Context<'_, '_>, object: &Object) -> &'static str {
    if object.role == ObjectRole::Replaced {
        "the object from before its replacement is used again"
    } else if context.input.observed.run_in_progress {
        "another run is working on it"
    } else {
        "it was interrupted and resumes"
    }
}

/// Returns whether the state has the resource as declared.
fn is_recorded(context: Context<'_, '_>, comparison: &Comparison<'_>) -> bool {
    let options = &context.declared.options;
    let (desired, object) = (&comparison.desired.resolved, &comparison.migrated);
    diff::recorded_as(context.facts.resource_type, desired, object, &options.ignore)
        && context.facts.row.is_none_or(|row| {
            is_same(&row.options, options)
                && row.version >= context.info().version
                && row.needs.iter().eq(&graph::needs(&context.declared.inputs))
        })
}

/// Compares options, except for previous addresses, which do not matter once the row has moved.
fn is_same(recorded: &Options, declared: &Options) -> bool {
    let without_renames = |options: &Options| Options { renamed_from: vec![], ..options.clone() };
    without_renames(recorded) == without_renames(declared)
}
