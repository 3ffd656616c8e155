//! Decides the action for each resource in dependency order, so that the effects on a resource's dependencies are
//! already known.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{
    Diagnostic,
    erased::ResourceType,
    ownership,
    plan::{Action, FieldChange, Write},
    resource::{Change, Phase},
    stack::{Declared, Options},
    state::{Object, ObjectRole, Operation, Origin},
};
use serde_json::Value;

use crate::{
    Input, Observation, diff,
    diff::{FieldDiff, Resolved},
    graph,
    item::{Decisions, Item, Leftover, item},
    name,
    rename::Renames,
    tags,
};

const GIVEN_UP: &str = "created by an interrupted replacement, and no longer needed";

/// Decides for every resource.
pub(crate) fn decide<'a>(input: &'a Input<'a>, renamed: &'a Renames) -> Result<Decisions<'a>, Vec<Diagnostic>> {
    let state = &renamed.state;
    let chosen = input.selection.chosen(input.desired, state)?;
    let needs = input.desired.resources.iter().map(|(a, d)| (a.clone(), graph::needs(&d.inputs))).collect();
    let order = graph::sorted(&needs).map_err(|ring| {
        vec![Diagnostic::resource_error(&ring[0], format!("depends on itself through {}", ring.join(" → ")))]
    })?;
    let mut problems = vec![];
    let mut decisions = Decisions { items: BTreeMap::new(), order: vec![], lineage: &state.lineage };
    for address in &order {
        let Some(declared) = input.desired.resources.get(address) else { continue };
        let row = state.rows.get(address);
        match item(input, address, declared.type_name, Some(declared), row) {
            Ok(mut item) => {
                item.renamed_from = renamed.from.get(address).cloned();
                let found = if chosen.contains(address) {
                    declare(input, &decisions, &mut item, declared)
                } else {
                    leave(&decisions, &mut item, declared)
                };
                if chosen.contains(address) {
                    clean_up(&mut item);
                    rollback(&mut item);
                }
                problems.extend(found.into_iter().map(|p| p.declared_at(declared.at)));
                decisions.items.insert(address.clone(), item);
            }
            Err(problem) => problems.push(problem.declared_at(declared.at)),
        }
    }
    decisions.order = order;
    for (address, row) in state.rows.iter().filter(|(address, _)| !input.desired.resources.contains_key(*address)) {
        match item(input, address, &row.type_name, None, Some(row)) {
            Ok(mut item) => {
                if chosen.contains(address) {
                    remove(&state.lineage, &mut item);
                }
                decisions.items.insert(address.clone(), item);
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(duplicates(&decisions));
    if problems.is_empty() { Ok(decisions) } else { Err(problems) }
}

/// Deletes the objects that earlier replacements left behind, even if nothing else changes.
fn clean_up(item: &mut Item<'_>) {
    if item.action == Action::NoChange && !(item.leftovers.is_empty() && item.gone.is_empty()) {
        item.action = Action::Update;
        item.record_only = true;
        item.reasons.push("its other objects are deleted or leave the state".to_owned());
    }
}

/// Keeps a resource outside the selection unchanged, and reports dependencies that the plan would replace.
fn leave(decisions: &Decisions<'_>, item: &mut Item<'_>, declared: &Declared) -> Vec<Diagnostic> {
    item.notices.clear();
    if item.object.is_none() {
        return vec![];
    }
    graph::needs(&declared.inputs)
        .iter()
        .filter(|need| decisions.items.get(*need).is_some_and(Item::is_replaced))
        .map(|need| {
            Diagnostic::resource_error(
                &item.address,
                format!("needs {need}, which is replaced, but the plan leaves it out"),
            )
            .hint(format!("add --target {}", item.address))
        })
        .collect()
}

fn declare(input: &Input<'_>, decisions: &Decisions<'_>, item: &mut Item<'_>, declared: &Declared) -> Vec<Diagnostic> {
    match (item.object, input.observed.existing.get(&item.address)) {
        (Some(object), _) => {
            let object = choose(input, decisions, item, declared, object);
            keep(input, decisions, item, declared, object)
        }
        (None, Some(found)) if declared.options.adopt || declared.options.share => {
            adopt(input, decisions, item, declared, found)
        }
        (None, found) => {
            let generation = next_generation(item);
            // An object without an ID is a create that had no effect.
            let existed = item.gone.iter().any(|object| object.id.is_some());
            let why = if existed { "deleted outside Provisioner" } else { "does not exist yet" };
            make(input, decisions, item, declared, generation);
            item.action = Action::Create;
            item.reasons.push(why.to_owned());
            found.and_then(|found| taken(input, item, found)).into_iter().collect()
        }
    }
}

/// Reports an object outside the environment that has the unique key of an object to create.
fn taken(input: &Input<'_>, item: &Item<'_>, found: &Observation) -> Option<Diagnostic> {
    // Without a known key, what was found may be another object than the one that would stand in the way.
    let write = item.write.as_ref().filter(|write| write.key_may_exist)?;
    let known = |group: &&&[&str]| !group.iter().any(|field| write.unknown.contains(*field));
    item.resource_type.info().unique.iter().find(known)?;
    let id = &found.id;
    let environment = &input.desired.facts.environment;
    let what = format!("`{id}` exists already and does not belong to this environment");
    let import = format!("`provisioner import {environment} {} '{id}'`", item.address);
    Some(Diagnostic::resource_error(&item.address, what).hint(format!(
        "to manage that object, run {import} or declare the resource with `adopt`; else give it another name or key"
    )))
}

/// Returns the object to continue with after an interrupted replacement: the new one, if the current object must be
/// replaced and the new one need not be. The plan deletes the other.
fn choose<'a>(
    input: &Input<'_>,
    decisions: &Decisions<'_>,
    item: &mut Item<'a>,
    declared: &Declared,
    current: &'a Object,
) -> &'a Object {
    let Some((successor, successor_observation)) = item.successor.take() else { return current };
    let replaced = |item: &Item<'_>, object: &Object, observation: &Observation| {
        !compared(input, decisions, item, declared, object, observation).replaces().is_empty()
    };
    let resumes = item.observation.as_ref().is_some_and(|observation| replaced(item, current, observation))
        && !replaced(item, successor, &successor_observation);
    if !resumes {
        item.leftovers.push(Leftover { object: successor, observation: successor_observation, why: GIVEN_UP });
        return current;
    }
    if let Some(observation) = item.observation.replace(successor_observation) {
        item.leftovers.push(Leftover { object: current, observation, why: "its interrupted replacement resumes" });
    }
    item.object = Some(successor);
    successor
}

fn next_generation(item: &Item<'_>) -> u32 {
    item.row
        .into_iter()
        .flat_map(|row| &row.objects)
        .map(|object| object.generation)
        .max()
        .map_or(1, |newest| newest + 1)
}

/// The inputs of an object of this generation: with a generated name and our tags.
fn filled(
    input: &Input<'_>,
    decisions: &Decisions<'_>,
    item: &Item<'_>,
    declared: &Declared,
    generation: u32,
    object: Option<&Object>,
) -> Value {
    let mut inputs = declared.inputs.clone();
    let environment = &input.desired.facts.environment;
    if let (Some(rule), Some(map)) = (item.resource_type.info().name, inputs.as_object_mut())
        && map.get(rule.field).is_none_or(Value::is_null)
    {
        // A name once given stays: what it was made from may change.
        let kept = object.and_then(|object| object.inputs.get(rule.field)).filter(|name| name.is_string()).cloned();
        let name = kept
            .unwrap_or_else(|| name::generated(rule, environment, decisions.lineage, &item.address, generation).into());
        map.insert(rule.field.to_owned(), name);
    }
    if item.resource_type.info().tagged {
        tags::own(&mut inputs, decisions.lineage, environment, &item.address, object, declared.options.share);
    }
    inputs
}

/// Returns whether an object that is not ours may hold the unique key of one to be created: not where the program states
/// none and it is generated, nor where it belongs to an object that this plan creates too.
fn key_may_exist(decisions: &Decisions<'_>, item: &Item<'_>, declared: &Declared, desired: &Resolved) -> bool {
    let generated = item.resource_type.info().name.map(|name| name.field);
    let stated = |field: &str| declared.inputs.get(field).is_some_and(|value| !value.is_null());
    let new = |address: &str| {
        decisions.items.get(address).is_some_and(|item| item.action == Action::Create || item.is_replaced())
    };
    let waits_for_new = |field: &str| {
        let mut waits = desired.waits.get(field).into_iter().flatten();
        waits.any(|output| output.split_once('.').is_some_and(|(address, _)| new(address)))
    };
    item.resource_type.info().unique.iter().any(|group| {
        group.iter().all(|field| stated(field) || Some(*field) != generated)
            && group.iter().any(|field| stated(field))
            && !group.iter().any(|field| waits_for_new(field))
    })
}

fn write(
    item: &Item<'_>,
    declared: &Declared,
    filled: Value,
    desired: Resolved,
    generation: u32,
    origin: Origin,
) -> Write {
    Write {
        declared: filled,
        planned: desired.inputs,
        unknown: desired.waits.into_keys().collect(),
        generation,
        version: item.resource_type.info().version,
        options: declared.options.clone(),
        needs: graph::needs(&declared.inputs).into_iter().collect(),
        origin,
        key_may_exist: false,
        rollback_inputs: None,
        verification: None,
    }
}

/// Sets the verification and the rollback inputs of a write. The planner decides both, because the engine makes no
/// decisions.
fn rollback(item: &mut Item<'_>) {
    let mut recorded = None;
    match (item.action, item.object) {
        (Action::Update, Some(object)) if !item.record_only => {
            // What never was ready is nothing to go back to.
            let new = object.outputs.is_none()
                || object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Create);
            recorded = Some(migrated(item, object).inputs).filter(|_| !new);
        }
        (Action::Create | Action::Replace | Action::ReplaceDeleteFirst, _) => {}
        _ => return,
    }
    // What is recorded in a shape that this program cannot read is not put back.
    let rollback_inputs = item.resource_type.rollback_inputs(recorded.as_ref()).ok().flatten();
    if let Some(rollback_inputs) = &rollback_inputs {
        item.reasons.push(match recorded {
            Some(_) => "if it fails, the current version is restored".to_owned(),
            None => format!("if it fails, these inputs are written: {rollback_inputs}"),
        });
    }
    if let Some(write) = &mut item.write {
        write.rollback_inputs = rollback_inputs;
        write.verification = item.declared.and_then(|declared| declared.verification.clone());
    }
}

/// As recorded, in the shape that this program knows.
fn migrated(item: &Item<'_>, object: &Object) -> Object {
    let mut migrated = object.clone();
    if let Some(row) = item.row.filter(|row| row.version < item.resource_type.info().version) {
        item.resource_type.migrate(row.version, &mut migrated.inputs);
    }
    migrated
}

fn make(input: &Input<'_>, decisions: &Decisions<'_>, item: &mut Item<'_>, declared: &Declared, generation: u32) {
    let mut inputs = filled(input, decisions, item, declared, generation, None);
    let origin = if declared.options.share { Origin::Shared } else { Origin::Made };
    if declared.options.share && item.resource_type.info().tagged {
        inputs["tags"][ownership::MADE] = "true".into();
    }
    let desired = decisions.resolved(&inputs);
    item.changes.extend(new_fields(item.resource_type, &desired));
    let key_may_exist = key_may_exist(decisions, item, declared, &desired);
    item.write = Some(Write { key_may_exist, ..write(item, declared, inputs, desired, generation, origin) });
}

/// Every input of an object to be, for a reader.
fn new_fields(resource_type: &dyn ResourceType, desired: &Resolved) -> Vec<FieldChange> {
    let set = resource_type.info().fields.iter().filter_map(|field| {
        let after = desired.inputs.get(field.name).filter(|value| !value.is_null())?;
        Some(FieldChange {
            field: field.name.to_owned(),
            before: Value::Null,
            after: after.clone(),
            replaces: false,
            waits_for: desired.waits.get(field.name).cloned().unwrap_or_default(),
            drifted: false,
            document: field.compare == provisioner_model::compare::Compare::Document,
        })
    });
    set.collect()
}

/// Adopts an existing object, or shares it.
fn adopt(
    input: &Input<'_>,
    decisions: &Decisions<'_>,
    item: &mut Item<'_>,
    declared: &Declared,
    found: &Observation,
) -> Vec<Diagnostic> {
    let inputs = filled(input, decisions, item, declared, 1, None);
    let desired = decisions.resolved(&inputs);
    let origin = if declared.options.share { Origin::Shared } else { Origin::Adopted };
    let unwritten = Object {
        id: Some(found.id.clone()),
        generation: 1,
        token: String::new(),
        made_at: 0,
        origin,
        role: ObjectRole::Current,
        pending: None,
        declared: Value::Null,
        inputs: Value::Object(diff::unreadable(item.resource_type, &desired)),
        outputs: None,
    };
    let field_diffs =
        diff::differences(item.resource_type, &desired, &unwritten, &found.observed, &declared.options.ignore);
    let problems = refused(item, &field_diffs, &[Change::Replace]);
    item.action = Action::Adopt;
    item.existing = Some(found.id.clone());
    item.observation = Some(found.clone());
    item.changes = field_diffs.into_iter().map(|field_diff| field_diff.change).collect();
    item.reasons.push(if declared.options.share {
        "exists already: shared with its creator".to_owned()
    } else {
        "exists already: adopted, and forgotten on destroy".to_owned()
    });
    item.write = Some(write(item, declared, inputs, desired, 1, origin));
    problems
}

fn refused(item: &Item<'_>, field_diffs: &[FieldDiff], also: &[Change]) -> Vec<Diagnostic> {
    field_diffs
        .iter()
        .filter_map(|field_diff| match &field_diff.kind {
            Change::Refused(why) => {
                Some(Diagnostic::resource_error(&item.address, format!("{}: {why}", field_diff.change.field)))
            }
            change if also.contains(change) => Some(
                Diagnostic::resource_error(
                    &item.address,
                    format!(
                        "{} differs from the object that is there, and cannot be changed in place",
                        field_diff.change.field
                    ),
                )
                .hint("an adopted object is not replaced: declare it as it is, or under another key"),
            ),
            _ => None,
        })
        .collect()
}

/// A declaration compared with one object.
struct Compared {
    migrated: Object,
    inputs: Value,
    desired: Resolved,
    field_diffs: Vec<FieldDiff>,
    /// Requested with `--replace`.
    on_demand: bool,
    /// It failed for good.
    failed: Option<String>,
    deleting: bool,
    /// A dependency that must be deleted before the new object can be created.
    outage: Option<String>,
}

fn compared(
    input: &Input<'_>,
    decisions: &Decisions<'_>,
    item: &Item<'_>,
    declared: &Declared,
    object: &Object,
    observation: &Observation,
) -> Compared {
    let migrated = migrated(item, object);
    let inputs = filled(input, decisions, item, declared, object.generation, Some(object));
    let desired = decisions.resolved(&inputs);
    let field_diffs =
        diff::differences(item.resource_type, &desired, &migrated, &observation.observed, &declared.options.ignore);
    // What stands on something that must go before its successor is made goes with it, unless it may dangle.
    let outage = graph::firm_needs(item.resource_type, &declared.inputs)
        .intersection(&graph::firm_needs(item.resource_type, &object.declared))
        .find(|need| decisions.items.get(*need).is_some_and(|need| need.action == Action::ReplaceDeleteFirst))
        .cloned();
    let failed = match &observation.phase {
        Phase::Failed { why, remedy: Some(Change::Replace) } => Some(why.clone()),
        _ => None,
    };
    let on_demand = input.selection.replaces(&item.address);
    let begun = object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Delete);
    // A shared object whose deletion had no effect yet stays: others may use it by now.
    let deleting = begun && (object.origin != Origin::Shared || observation.phase != Phase::Ready);
    Compared { migrated, inputs, desired, field_diffs, on_demand, failed, deleting, outage }
}

impl Compared {
    /// Returns the reasons to replace the object; empty if it need not be replaced.
    fn replaces(&self) -> Vec<String> {
        let forced = self.field_diffs.iter().filter(|field_diff| field_diff.kind == Change::Replace);
        let forced: Vec<&str> = forced.map(|field_diff| &*field_diff.change.field).collect();
        let forced = (!forced.is_empty()).then(|| format!("{} cannot be changed in place", forced.join(", ")));
        let on_demand = self.on_demand.then(|| "requested with --replace".to_owned());
        let failed = self.failed.as_ref().map(|why| format!("it failed: {why}"));
        let deleting = self.deleting.then(|| "its deletion was interrupted".to_owned());
        let outage = self.outage.as_ref().map(|need| format!("{need} must be deleted before it is created again"));
        [forced, on_demand, failed, deleting, outage].into_iter().flatten().collect()
    }
}

fn keep(
    input: &Input<'_>,
    decisions: &Decisions<'_>,
    item: &mut Item<'_>,
    declared: &Declared,
    object: &Object,
) -> Vec<Diagnostic> {
    let Some(observation) = item.observation.clone() else { return vec![] };
    let compared = compared(input, decisions, item, declared, object, &observation);
    let why = compared.replaces();
    let Compared { migrated, inputs, desired, field_diffs, deleting, outage, .. } = compared;
    let share = object.origin == Origin::Shared;
    let problems = refused(item, &field_diffs, if share { &[Change::Replace] } else { &[] });
    if let Phase::Failed { why: reason, remedy } = &observation.phase
        && *remedy != Some(Change::Replace)
    {
        item.notices.push(format!("it is in a failed state: {reason}"));
    }

    item.changes = field_diffs.into_iter().map(|field_diff| field_diff.change).collect();
    if !why.is_empty() && (!share || deleting) {
        return replace(input, decisions, item, declared, object, why, deleting || outage.is_some());
    }
    let options = item.row.map(|row| &row.options);
    let unrecorded = !diff::recorded_as(item.resource_type, &desired, &migrated, &declared.options.ignore)
        || options.is_some_and(|options| !same_options(options, &declared.options))
        || item.row.is_some_and(|row| {
            row.version < item.resource_type.info().version || row.needs.iter().ne(&graph::needs(&declared.inputs))
        });
    let unfinished = object.pending.is_some() || object.role == ObjectRole::Successor;
    if !item.changes.is_empty() || unfinished {
        item.action = Action::Update;
        let ours = item.changes.iter().any(|change| !change.drifted);
        let theirs = item.changes.iter().any(|change| change.drifted);
        if unfinished {
            item.reasons.push("it was interrupted and resumes".to_owned());
        }
        if ours {
            item.reasons.push("configuration changed".to_owned());
        }
        if theirs {
            item.reasons.push("changed outside Provisioner".to_owned());
        }
    } else if item.renamed_from.is_some() {
        item.action = Action::Rename;
        item.record_only = true;
    } else if unrecorded {
        item.action = Action::Update;
        item.record_only = true;
        item.reasons.push("nothing changes in AWS: recorded only".to_owned());
    } else {
        return problems;
    }
    item.write = Some(write(item, declared, inputs, desired, object.generation, object.origin));
    problems
}

fn same_options(recorded: &Options, now: &Options) -> bool {
    // Where it came from is of no interest once it is there.
    let plain = |options: &Options| Options { renamed_from: vec![], ..options.clone() };
    plain(recorded) == plain(now)
}

fn replace(
    input: &Input<'_>,
    decisions: &Decisions<'_>,
    item: &mut Item<'_>,
    declared: &Declared,
    object: &Object,
    why: Vec<String>,
    delete_first: bool,
) -> Vec<Diagnostic> {
    let changes = std::mem::take(&mut item.changes);
    make(input, decisions, item, declared, next_generation(item));
    let keeps = item.write.as_ref().and_then(|write| kept_key(item.resource_type, write, object));
    item.reasons = why;
    item.action = if delete_first || keeps.is_some() { Action::ReplaceDeleteFirst } else { Action::Replace };
    if let Some(keeps) = keeps {
        item.reasons.push(format!("only one object may have this {keeps}, so the old one is deleted first: an outage"));
    }
    item.changes = changes;
    vec![]
}

/// The unique group that a successor has in common with what it replaces.
fn kept_key(resource_type: &dyn ResourceType, write: &Write, object: &Object) -> Option<String> {
    resource_type.info().unique.iter().find_map(|group| {
        let key = key(group, &write.planned, &write.unknown)?;
        (Some(key) == self::key(group, &object.inputs, &BTreeSet::new())).then(|| group.join(" and "))
    })
}

/// The values of a unique group, if all are known and not all are left out.
pub(crate) fn key<'a>(group: &[&str], inputs: &'a Value, unknown: &BTreeSet<String>) -> Option<Vec<&'a Value>> {
    let values: Vec<&Value> = group.iter().map(|field| inputs.get(*field).unwrap_or(&Value::Null)).collect();
    let known = group.iter().all(|field| !unknown.contains(*field)) && !values.iter().all(|value| value.is_null());
    known.then_some(values)
}

/// A resource that the program no longer declares.
fn remove(lineage: &str, item: &mut Item<'_>) {
    let Some(row) = item.row else { return };
    if let Some((object, observation)) = item.successor.take() {
        item.leftovers.push(Leftover { object, observation, why: GIVEN_UP });
    }
    let Some(object) = item.object else {
        item.action = if item.leftovers.is_empty() { Action::Forget } else { Action::Delete };
        item.reasons
            .push(if item.leftovers.is_empty() { "gone already" } else { "the replaced object is deleted" }.to_owned());
        return;
    };
    let (action, why) = match object.origin {
        _ if row.options.retain => (Action::Forget, "no longer declared, and retained"),
        Origin::Adopted => (Action::Forget, "no longer declared, and not created by Provisioner"),
        Origin::Shared => {
            let last_user = item
                .observation
                .as_ref()
                .is_some_and(|observation| ownership::is_last_user(&observation.observed.inputs, lineage));
            if last_user {
                (Action::Delete, "no longer declared, and not used by another environment")
            } else {
                (
                    Action::Release,
                    "no longer declared, but another environment uses it or it was created outside Provisioner",
                )
            }
        }
        Origin::Made => (Action::Delete, "no longer declared"),
    };
    item.action = action;
    item.reasons.push(why.to_owned());
}

/// Two resources that claim one unique key.
fn duplicates(decisions: &Decisions<'_>) -> Vec<Diagnostic> {
    let mut held: BTreeMap<String, &Item<'_>> = BTreeMap::new();
    let mut problems = vec![];
    for item in decisions.items.values() {
        let none = BTreeSet::new();
        let (inputs, unknown) = match (&item.write, item.object) {
            (Some(write), _) => (&write.planned, &write.unknown),
            (None, Some(object)) if item.declared.is_some() => (&object.inputs, &none),
            _ => continue,
        };
        for group in item.resource_type.info().unique {
            let Some(key) = key(group, inputs, unknown) else { continue };
            let name = format!("{} {} {group:?} {key:?}", item.type_name, item.provider);
            if let Some(first) = held.insert(name, item) {
                let summary = format!("has the same {} as {}; only one may", group.join(" and "), first.address);
                let problem = Diagnostic::resource_error(&item.address, summary);
                problems.push(match item.declared {
                    Some(declared) => problem.declared_at(declared.at),
                    None => problem,
                });
            }
        }
    }
    problems
}
