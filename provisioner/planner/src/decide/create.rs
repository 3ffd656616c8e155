//! A resource without an object.

use provisioner_model::{
    Diagnostic,
    compare::Compare,
    plan::{Action, FieldChange, Write},
    state::Origin,
};
use serde_json::Value;

use super::{Context, context::DesiredInputs, rollback};
use crate::{
    Observation,
    decision::{Decision, Effect},
    diff::Resolved,
};

/// Creates the object. `found` is an object outside the environment that has its unique key.
pub(super) fn decide<'a>(context: Context<'_, 'a>, found: Option<&Observation>) -> Decision<'a> {
    // An object without an ID is a create that had no effect.
    let existed = context.facts.gone.iter().any(|object| object.id.is_some());
    let reason = if existed { "deleted outside Provisioner" } else { "does not exist yet" };
    let desired = context.desired_of_new();
    let changes = new_fields(context, &desired.resolved);
    let (write, rollback) = rollback::to_fixed_inputs(context, write(context, desired));
    let conflict = found.and_then(|found| key_conflict(context, &write, found));
    Decision {
        changes,
        reasons: [reason.to_owned()].into_iter().chain(rollback).collect(),
        problems: invalid_name(context, &write).into_iter().chain(conflict).collect(),
        ..Decision::new(Effect::Create(write))
    }
}

/// Returns the write that creates an object, for the first time or as a replacement.
pub(super) fn write(context: Context<'_, '_>, desired: DesiredInputs) -> Write {
    let origin = if context.declared.options.share { Origin::Shared } else { Origin::Made };
    let key_may_exist = key_may_exist(context, &desired.resolved);
    Write { key_may_exist, ..context.write(desired, context.next_generation(), origin) }
}

/// Reports a name of a new object that the cloud refuses: one that the planner generates, or one that the program
/// composes from values that are known only now. [`Stack`](provisioner_model::Stack) checks the literal ones.
pub(super) fn invalid_name(context: Context<'_, '_>, write: &Write) -> Option<Diagnostic> {
    let name = context.info().name.filter(|name| !write.unknown.contains(name.field))?;
    let why = name.problem(write.planned.get(name.field)?.as_str()?)?;
    let is_stated = context.declared.inputs.get(name.field).is_some_and(|value| !value.is_null());
    let (field, page) = (name.field, name.rule.page);
    let rules = if page.is_empty() { String::new() } else { format!("; the rules: {page}") };
    let (what, hint) = if is_stated {
        (format!("{field}: {why}"), format!("state another name{rules}"))
    } else {
        let hint = format!("it begins with the environment's name: rename the environment, or state `{field}`{rules}");
        (format!("the generated name is not valid: {why}"), hint)
    };
    Some(Diagnostic::resource_error(context.facts.address, what).hint(hint))
}

/// Returns every input of the new object, for the reader.
fn new_fields(context: Context<'_, '_>, desired: &Resolved) -> Vec<FieldChange> {
    let set = context.info().fields.iter().filter_map(|field| {
        let after = desired.inputs.get(field.name).filter(|value| !value.is_null())?;
        Some(FieldChange {
            field: field.name.to_owned(),
            before: Value::Null,
            after: after.clone(),
            replaces: false,
            waits_for: desired.waits.get(field.name).cloned().unwrap_or_default(),
            drifted: false,
            cloud_default: field.cloud_default.is_some()
                && context.declared.inputs.get(field.name).is_none_or(Value::is_null),
            document: field.compare == Compare::Document,
        })
    });
    set.collect()
}

/// Returns whether an object that is not ours may hold the unique key of one to be created: not where the program
/// states none and it is generated, nor where it belongs to an object that this plan creates too. The key of a shared
/// object may come from such an object and exist nevertheless: AWS gives several certificates the same validation record.
fn key_may_exist(context: Context<'_, '_>, desired: &Resolved) -> bool {
    let generated = context.info().name.map(|name| name.field);
    let stated = |field: &str| context.declared.inputs.get(field).is_some_and(|value| !value.is_null());
    let is_created = |address: &str| {
        let effect = context.decisions.effect(address);
        effect.is_some_and(|effect| effect.action() == Action::Create || effect.is_replacement())
    };
    let waits_for_new = |field: &str| {
        let mut waits = desired.waits.get(field).into_iter().flatten();
        waits.any(|output| output.split_once('.').is_some_and(|(address, _)| is_created(address)))
    };
    context.info().unique.iter().any(|group| {
        group.iter().all(|field| stated(field) || Some(*field) != generated)
            && group.iter().any(|field| stated(field))
            && (context.declared.options.share || !group.iter().any(|field| waits_for_new(field)))
    })
}

/// Reports an object outside the environment that has the unique key of an object to create.
fn key_conflict(context: Context<'_, '_>, write: &Write, found: &Observation) -> Option<Diagnostic> {
    // Without a known key, `found` may be another object than the one with the key.
    let is_known = |group: &&&[&str]| !group.iter().any(|field| write.unknown.contains(*field));
    let any_known = context.info().unique.iter().any(|group| is_known(&group));
    if !write.key_may_exist || !any_known {
        return None;
    }
    let (address, id) = (context.facts.address, &found.id);
    let environment = &context.input.desired.facts.environment;
    let what = format!("`{id}` exists already and does not belong to this environment");
    let import = format!("`provisioner import {environment} {address} '{id}'`");
    Some(Diagnostic::resource_error(address, what).hint(format!(
        "to manage that object, run {import} or declare the resource with `adopt`; else give it another name or key"
    )))
}
