//! A declaration compared with one object.

use provisioner_model::{
    Diagnostic,
    plan::FieldChange,
    resource::{Change, Phase},
    state::{Object, Operation, Origin},
};

use super::{Context, context::DesiredInputs};
use crate::{
    decision::Effect,
    diff::{self, FieldDiff},
    facts::ObservedObject,
    graph,
};

pub(super) struct Comparison<'a> {
    pub(super) observed: ObservedObject<'a>,
    /// The recorded object, in the shape of this program's version of the type.
    pub(super) migrated: Object,
    pub(super) desired: DesiredInputs,
    pub(super) field_diffs: Vec<FieldDiff>,
    /// An earlier apply has begun to delete the object.
    pub(super) is_deleting: bool,
    /// A dependency that must be deleted before the new object can be created.
    pub(super) outage: Option<String>,
    /// The reasons to replace the object; empty if it need not be replaced.
    pub(super) replace_reasons: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(context: Context<'_, 'a>, observed: ObservedObject<'a>) -> Self {
        let ObservedObject { object, observation } = observed;
        let migrated = context.migrated(object);
        let desired = context.desired(object);
        let ignore = &context.declared.options.ignore;
        let field_diffs =
            diff::differences(context.facts.resource_type, &desired.resolved, &migrated, &observation.observed, ignore);
        let is_deleting = is_deleting(observed);
        let outage = outage(context, object);
        let replace_reasons = replace_reasons(context, observed, &field_diffs, is_deleting, outage.as_deref());
        Self { observed, migrated, desired, field_diffs, is_deleting, outage, replace_reasons }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.observed.object.origin == Origin::Shared
    }

    /// Returns whether the plan replaces the object. Other environments may use a shared object, so that only an
    /// interrupted deletion replaces it. An object that is used as it is stays beside its successor.
    pub(super) fn requires_replacement(&self, tagged: bool) -> bool {
        let may_go = !self.is_shared() || self.is_deleting || self.observed.object.is_used_as_is(tagged);
        !self.replace_reasons.is_empty() && may_go
    }
}

fn is_deleting(ObservedObject { object, observation }: ObservedObject<'_>) -> bool {
    let has_begun = object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Delete);
    // A shared object whose deletion had no effect yet stays: others may use it by now.
    has_begun && (object.origin != Origin::Shared || observation.phase != Phase::Ready)
}

/// Returns the dependency that the object cannot outlive: one that is deleted before its successor is created, unless
/// the reference may dangle.
fn outage(context: Context<'_, '_>, object: &Object) -> Option<String> {
    let declared = graph::firm_needs(context.facts.resource_type, &context.declared.inputs);
    let recorded = graph::firm_needs(context.facts.resource_type, &object.declared);
    let is_deleted_first =
        |need: &&String| matches!(context.decisions.effect(need), Some(Effect::ReplaceDeleteFirst(..)));
    declared.intersection(&recorded).find(is_deleted_first).cloned()
}

fn replace_reasons(
    context: Context<'_, '_>,
    observed: ObservedObject<'_>,
    field_diffs: &[FieldDiff],
    is_deleting: bool,
    outage: Option<&str>,
) -> Vec<String> {
    let forced = field_diffs.iter().filter(|field_diff| field_diff.kind == Change::Replace);
    let forced: Vec<&str> = forced.map(|field_diff| &*field_diff.change.field).collect();
    let forced = (!forced.is_empty()).then(|| format!("{} cannot be changed in place", forced.join(", ")));
    let on_demand =
        context.input.selection.replaces(context.facts.address).then(|| "requested with --replace".to_owned());
    let failed = match &observed.observation.phase {
        Phase::Failed { why, remedy: Some(Change::Replace) } => Some(format!("it failed: {why}")),
        _ => None,
    };
    let deleting = is_deleting.then(|| "its deletion was interrupted".to_owned());
    let outage = outage.map(|need| format!("{need} must be deleted before it is created again"));
    [forced, on_demand, failed, deleting, outage].into_iter().flatten().collect()
}

/// Reports the fields of an object that is used as it is and differs from the declaration.
pub(super) fn differing(context: Context<'_, '_>, id: &str, field_diffs: &[FieldDiff]) -> Vec<Diagnostic> {
    // The apply compares the values that are not known yet.
    let known = field_diffs.iter().filter(|field_diff| field_diff.change.waits_for.is_empty());
    let problem = |field_diff: &FieldDiff| {
        let FieldChange { field, before, after, .. } = &field_diff.change;
        let what = format!("`{id}` exists with another {field}, and others may use it: {before}, not {after}");
        Diagnostic::resource_error(context.facts.address, what)
            .hint("delete that object or change it to the declared values, or give this resource another name or key")
    };
    known.map(problem).collect()
}

/// Returns the errors and the warnings of the type's review of the update.
pub(super) fn reviewed(context: Context<'_, '_>, comparison: &Comparison<'_>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    if comparison.field_diffs.is_empty() {
        return (vec![], vec![]);
    }
    let observed = &comparison.observed.observation.observed.inputs;
    let address = context.facts.address;
    let reviews = context.facts.resource_type.review_update(observed, &comparison.desired.resolved.inputs);
    let (refusals, warnings): (Vec<_>, Vec<_>) = reviews.into_iter().partition(|review| review.is_refusal);
    (
        refusals.into_iter().map(|one| Diagnostic::resource_error(address, one.what).hint(one.hint)).collect(),
        warnings.into_iter().map(|one| Diagnostic::resource_warning(address, one.what).hint(one.hint)).collect(),
    )
}

/// Reports the changes that the type refuses, and those of the kinds in `also`.
pub(super) fn refused(context: Context<'_, '_>, field_diffs: &[FieldDiff], also: &[Change]) -> Vec<Diagnostic> {
    let address = context.facts.address;
    let problem = |field_diff: &FieldDiff| {
        let field = &field_diff.change.field;
        match &field_diff.kind {
            Change::Refused(why) => {
                let hint = format!("declare the {field} that the object has");
                Some(Diagnostic::resource_error(address, format!("{field}: {why}")).hint(hint))
            }
            kind if also.contains(kind) => {
                let what = format!("{field} differs from the object that is there, and cannot be changed in place");
                let problem = Diagnostic::resource_error(address, what);
                Some(problem.hint("an adopted object is not replaced: declare it as it is, or under another key"))
            }
            _ => None,
        }
    };
    field_diffs.iter().filter_map(problem).collect()
}
