//! A resource whose object is replaced.

use std::collections::BTreeSet;

use provisioner_model::{plan::Write, state::Object};

use super::{Context, comparison::Comparison, create, rollback};
use crate::{
    decision::{Decision, Effect},
    unique_key,
};

/// Creates the new object first, unless the old one is in its way.
pub(super) fn decide<'a>(context: Context<'_, 'a>, comparison: Comparison<'a>) -> Decision<'a> {
    let Comparison { observed, field_diffs, is_deleting, outage, replace_reasons, .. } = comparison;
    let write = create::write(context, context.desired_of_new());
    let common_key = common_key(context, &write, observed.object);
    let delete_first = is_deleting || outage.is_some() || common_key.is_some();
    let common_key = common_key
        .map(|key| format!("only one object may have this {key}, so the old one is deleted first: an outage"));
    let problems = create::invalid_name(context, &write).into_iter().collect();
    let (write, rollback) = rollback::to_fixed_inputs(context, write);
    let effect =
        if delete_first { Effect::ReplaceDeleteFirst(observed, write) } else { Effect::Replace(observed, write) };
    Decision {
        changes: field_diffs.into_iter().map(|field_diff| field_diff.change).collect(),
        reasons: replace_reasons.into_iter().chain(common_key).chain(rollback).collect(),
        problems,
        ..Decision::new(effect)
    }
}

/// Returns the fields of the unique key that a new object has in common with the one that it replaces.
fn common_key(context: Context<'_, '_>, write: &Write, object: &Object) -> Option<String> {
    context.info().unique.iter().find_map(|group| {
        let key = unique_key::values(group, &write.planned, &write.unknown)?;
        (Some(key) == unique_key::values(group, &object.inputs, &BTreeSet::new())).then(|| group.join(" and "))
    })
}
