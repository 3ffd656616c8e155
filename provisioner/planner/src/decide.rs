//! What happens to each resource, decided in the order of what they need: by the time that one is looked at, it is
//! known which outputs of the others will hold.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{
    erased::Erased,
    ownership,
    plan::{FieldChange, Verdict, Write},
    resource::{Change, Phase},
    stack::{Declared, Options},
    state::{Object, ObjectRole, Operation, Origin},
};
use serde_json::Value;

use crate::{
    Input, Problem, Sight, diff,
    diff::{Asked, Resolved},
    graph,
    item::{Decided, Item, Leftover, item},
    name,
    rename::Renamed,
    tags,
};

const GIVEN_UP: &str = "an interrupted replacement began to create it, and it is no longer needed";

/// Decides for every resource.
pub(crate) fn decide<'a>(input: &'a Input<'a>, renamed: &'a Renamed) -> Result<Decided<'a>, Vec<Problem>> {
    let state = &renamed.state;
    let chosen = input.selection.chosen(input.desired, state)?;
    let needs = input.desired.resources.iter().map(|(a, d)| (a.clone(), graph::needs(&d.inputs))).collect();
    let order = graph::sorted(&needs)
        .map_err(|ring| vec![Problem::new(&ring[0], format!("needs itself, by way of {}", ring.join(" → ")))])?;
    let mut problems = vec![];
    let mut decided = Decided { items: BTreeMap::new(), order: vec![], lineage: &state.lineage };
    for address in &order {
        let Some(declared) = input.desired.resources.get(address) else { continue };
        let row = state.rows.get(address);
        match item(input, address, declared.type_name, Some(declared), row) {
            Ok(mut item) => {
                item.renamed_from = renamed.from.get(address).cloned();
                let found = if chosen.contains(address) {
                    declare(input, &decided, &mut item, declared)
                } else {
                    leave(&decided, &mut item, declared)
                };
                if chosen.contains(address) {
                    clean_up(&mut item);
                    way_back(&mut item);
                }
                problems.extend(found.into_iter().map(|p| Problem { at: Some(declared.at.to_string()), ..p }));
                decided.items.insert(address.clone(), item);
            }
            Err(problem) => problems.push(Problem { at: Some(declared.at.to_string()), ..problem }),
        }
    }
    decided.order = order;
    for (address, row) in state.rows.iter().filter(|(address, _)| !input.desired.resources.contains_key(*address)) {
        match item(input, address, &row.type_name, None, Some(row)) {
            Ok(mut item) => {
                if chosen.contains(address) {
                    remove(&state.lineage, &mut item);
                }
                decided.items.insert(address.clone(), item);
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(duplicates(&decided));
    if problems.is_empty() { Ok(decided) } else { Err(problems) }
}

/// What a replacement left behind goes, even where nothing else is to do.
fn clean_up(item: &mut Item<'_>) {
    if item.verdict == Verdict::NoChange && !(item.leftovers.is_empty() && item.gone.is_empty()) {
        item.verdict = Verdict::Update;
        item.record_only = true;
        item.reasons.push("what it replaced is still to be deleted".to_owned());
    }
}

/// A resource that the plan is not about: it stays as it is, and so must what it stands on.
fn leave(decided: &Decided<'_>, item: &mut Item<'_>, declared: &Declared) -> Vec<Problem> {
    item.notices.clear();
    if item.object.is_none() {
        return vec![];
    }
    graph::needs(&declared.inputs)
        .iter()
        .filter(|need| decided.items.get(*need).is_some_and(Item::is_replaced))
        .map(|need| {
            Problem::new(&item.address, format!("needs {need}, which is replaced, but the plan leaves it out"))
                .hint(format!("add --target {}", item.address))
        })
        .collect()
}

fn declare(input: &Input<'_>, decided: &Decided<'_>, item: &mut Item<'_>, declared: &Declared) -> Vec<Problem> {
    match (item.object, input.observed.existing.get(&item.address)) {
        (Some(object), _) => {
            let object = choose(input, decided, item, declared, object);
            keep(input, decided, item, declared, object)
        }
        (None, Some(found)) if declared.options.adopt || declared.options.share => {
            adopt(input, decided, item, declared, found)
        }
        (None, found) => {
            let generation = next_generation(item);
            let why = if item.gone.is_empty() { "not there yet" } else { "deleted by another hand" };
            make(input, decided, item, declared, generation);
            item.verdict = Verdict::Create;
            item.reasons.push(why.to_owned());
            found.and_then(|found| taken(input, item, found)).into_iter().collect()
        }
    }
}

/// An object of others that holds the unique key of one to be created.
fn taken(input: &Input<'_>, item: &Item<'_>, found: &Sight) -> Option<Problem> {
    // Without a known key, what was found may be another object than the one that would stand in the way.
    let write = item.write.as_ref().filter(|write| write.key_may_exist)?;
    let known = |group: &&&[&str]| !group.iter().any(|field| write.unknown.contains(*field));
    item.kind.unique().iter().find(known)?;
    let id = &found.id;
    let environment = &input.desired.facts.environment;
    let what = format!("`{id}` exists already and does not belong to this environment");
    let import = format!("`provisioner import {environment} {} '{id}'`", item.address);
    Some(Problem::new(&item.address, what).hint(format!(
        "to manage that object, run {import} or declare the resource with `adopt`; else give it another name or key"
    )))
}

/// The object to go on with, where a replacement was interrupted: its successor, if the current object has to be
/// replaced and the successor would not have to be. The other one goes.
fn choose<'a>(
    input: &Input<'_>,
    decided: &Decided<'_>,
    item: &mut Item<'a>,
    declared: &Declared,
    current: &'a Object,
) -> &'a Object {
    let Some((successor, successor_sight)) = item.successor.take() else { return current };
    let replaced = |item: &Item<'_>, object: &Object, sight: &Sight| {
        !compared(input, decided, item, declared, object, sight).replaces().is_empty()
    };
    let resumes = item.sight.as_ref().is_some_and(|sight| replaced(item, current, sight))
        && !replaced(item, successor, &successor_sight);
    if !resumes {
        item.leftovers.push(Leftover { object: successor, sight: successor_sight, why: GIVEN_UP });
        return current;
    }
    if let Some(sight) = item.sight.replace(successor_sight) {
        item.leftovers.push(Leftover { object: current, sight, why: "its replacement was interrupted, and goes on" });
    }
    item.object = Some(successor);
    successor
}

fn next_generation(item: &Item<'_>) -> u32 {
    item.row.into_iter().flat_map(|row| &row.objects).map(|object| object.generation).max().map_or(1, |last| last + 1)
}

/// The inputs of an object of this generation: with a generated name and our tags.
fn filled(
    input: &Input<'_>,
    decided: &Decided<'_>,
    item: &Item<'_>,
    declared: &Declared,
    generation: u32,
    object: Option<&Object>,
) -> Value {
    let mut inputs = declared.inputs.clone();
    let environment = &input.desired.facts.environment;
    if let (Some(rule), Some(map)) = (item.kind.name(), inputs.as_object_mut())
        && map.get(rule.field).is_none_or(Value::is_null)
    {
        // A name once given stays: what it was made from may change.
        let kept = object.and_then(|object| object.inputs.get(rule.field)).filter(|name| name.is_string()).cloned();
        let name = kept
            .unwrap_or_else(|| name::generated(rule, environment, decided.lineage, &item.address, generation).into());
        map.insert(rule.field.to_owned(), name);
    }
    if item.kind.tagged() {
        tags::own(&mut inputs, decided.lineage, environment, &item.address, object, declared.options.share);
    }
    inputs
}

/// Returns whether an object that is not ours may hold the unique key of one to be created: not where the program states
/// none and it is generated, nor where it belongs to an object that this plan creates too.
fn key_may_exist(decided: &Decided<'_>, item: &Item<'_>, declared: &Declared, want: &Resolved) -> bool {
    let generated = item.kind.name().map(|name| name.field);
    let stated = |field: &str| declared.inputs.get(field).is_some_and(|value| !value.is_null());
    let new = |address: &str| {
        decided.items.get(address).is_some_and(|item| item.verdict == Verdict::Create || item.is_replaced())
    };
    let waits_for_new = |field: &str| {
        let mut waits = want.waits.get(field).into_iter().flatten();
        waits.any(|output| output.split_once('.').is_some_and(|(address, _)| new(address)))
    };
    item.kind.unique().iter().any(|group| {
        group.iter().all(|field| stated(field) || Some(*field) != generated)
            && group.iter().any(|field| stated(field))
            && !group.iter().any(|field| waits_for_new(field))
    })
}

fn write(
    item: &Item<'_>,
    declared: &Declared,
    filled: Value,
    want: Resolved,
    generation: u32,
    origin: Origin,
) -> Write {
    Write {
        declared: filled,
        planned: want.inputs,
        unknown: want.waits.into_keys().collect(),
        generation,
        version: item.kind.version(),
        options: declared.options.clone(),
        needs: graph::needs(&declared.inputs).into_iter().collect(),
        origin,
        key_may_exist: false,
        undo: None,
        proof: None,
    }
}

/// What has to be shown of a write, and what is done should it fail: decided here, since the apply makes no choice.
fn way_back(item: &mut Item<'_>) {
    let mut last = None;
    match (item.verdict, item.object) {
        (Verdict::Update, Some(object)) if !item.record_only => {
            // What never was ready is nothing to go back to.
            let new = object.outputs.is_none()
                || object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Create);
            last = Some(migrated(item, object).inputs).filter(|_| !new);
        }
        (Verdict::Create | Verdict::Replace | Verdict::ReplaceDeleteFirst, _) => {}
        _ => return,
    }
    // What is recorded in a shape that this program cannot read is not put back.
    let undo = item.kind.undo(last.as_ref()).ok().flatten();
    if let Some(undo) = &undo {
        item.reasons.push(match last {
            Some(_) => "should it fail, what is there now is put back".to_owned(),
            None => format!("should it fail, this is written: {undo}"),
        });
    }
    if let Some(write) = &mut item.write {
        write.undo = undo;
        write.proof = item.declared.and_then(|declared| declared.proof.clone());
    }
}

/// As recorded, in the shape that this program knows.
fn migrated(item: &Item<'_>, object: &Object) -> Object {
    let mut migrated = object.clone();
    if let Some(row) = item.row.filter(|row| row.version < item.kind.version()) {
        item.kind.migrate(row.version, &mut migrated.inputs);
    }
    migrated
}

fn make(input: &Input<'_>, decided: &Decided<'_>, item: &mut Item<'_>, declared: &Declared, generation: u32) {
    let mut inputs = filled(input, decided, item, declared, generation, None);
    let origin = if declared.options.share { Origin::Shared } else { Origin::Made };
    if declared.options.share && item.kind.tagged() {
        inputs["tags"][ownership::MADE] = "true".into();
    }
    let want = decided.resolved(&inputs);
    item.changes.extend(new_fields(item.kind, &want));
    let key_may_exist = key_may_exist(decided, item, declared, &want);
    item.write = Some(Write { key_may_exist, ..write(item, declared, inputs, want, generation, origin) });
}

/// Every input of an object to be, for a reader.
fn new_fields(kind: &dyn Erased, want: &Resolved) -> Vec<FieldChange> {
    let set = kind.fields().iter().filter_map(|field| {
        let after = want.inputs.get(field.name).filter(|value| !value.is_null())?;
        Some(FieldChange {
            field: field.name.to_owned(),
            before: Value::Null,
            after: after.clone(),
            replaces: false,
            waits_for: want.waits.get(field.name).cloned().unwrap_or_default(),
            drifted: false,
            document: field.compare == provisioner_model::compare::Compare::Document,
        })
    });
    set.collect()
}

/// An object that is there already: ours from now on, or ours too.
fn adopt(
    input: &Input<'_>,
    decided: &Decided<'_>,
    item: &mut Item<'_>,
    declared: &Declared,
    found: &Sight,
) -> Vec<Problem> {
    let inputs = filled(input, decided, item, declared, 1, None);
    let want = decided.resolved(&inputs);
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
        inputs: Value::Object(diff::unreadable(item.kind, &want)),
        outputs: None,
    };
    let asked = diff::differences(item.kind, &want, &unwritten, &found.seen, &declared.options.ignore);
    let problems = refused(item, &asked, &[Change::Replace]);
    item.verdict = Verdict::Adopt;
    item.existing = Some(found.id.clone());
    item.sight = Some(found.clone());
    item.changes = asked.into_iter().map(|asked| asked.change).collect();
    item.reasons.push(if declared.options.share {
        "there already: shared with whoever made it".to_owned()
    } else {
        "there already: taken over, and forgotten on destroy".to_owned()
    });
    item.write = Some(write(item, declared, inputs, want, 1, origin));
    problems
}

fn refused(item: &Item<'_>, asked: &[Asked], also: &[Change]) -> Vec<Problem> {
    asked
        .iter()
        .filter_map(|asked| match &asked.kind {
            Change::Refused(why) => Some(Problem::new(&item.address, format!("{}: {why}", asked.change.field))),
            change if also.contains(change) => Some(
                Problem::new(
                    &item.address,
                    format!(
                        "{} differs from the object that is there, and cannot be changed in place",
                        asked.change.field
                    ),
                )
                .hint("an object that others made is not replaced: declare it as it is, or under another key"),
            ),
            _ => None,
        })
        .collect()
}

/// What is declared, side by side with one object.
struct Compared {
    migrated: Object,
    inputs: Value,
    want: Resolved,
    asked: Vec<Asked>,
    /// Asked for by whoever makes the plan.
    on_demand: bool,
    /// It failed for good.
    failed: Option<String>,
    deleting: bool,
    /// What it needs and what has to be deleted before its successor can be made.
    outage: Option<String>,
}

fn compared(
    input: &Input<'_>,
    decided: &Decided<'_>,
    item: &Item<'_>,
    declared: &Declared,
    object: &Object,
    sight: &Sight,
) -> Compared {
    let migrated = migrated(item, object);
    let inputs = filled(input, decided, item, declared, object.generation, Some(object));
    let want = decided.resolved(&inputs);
    let asked = diff::differences(item.kind, &want, &migrated, &sight.seen, &declared.options.ignore);
    // What stands on something that must go before its successor is made goes with it, unless it may dangle.
    let outage = graph::firm_needs(item.kind, &declared.inputs)
        .intersection(&graph::firm_needs(item.kind, &object.declared))
        .find(|need| decided.items.get(*need).is_some_and(|need| need.verdict == Verdict::ReplaceDeleteFirst))
        .cloned();
    let failed = match &sight.phase {
        Phase::Failed { why, cure: Some(Change::Replace) } => Some(why.clone()),
        _ => None,
    };
    let on_demand = input.selection.replaces(&item.address);
    let begun = object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Delete);
    // A shared object whose deletion had no effect yet stays: others may use it by now.
    let deleting = begun && (object.origin != Origin::Shared || sight.phase != Phase::Ready);
    Compared { migrated, inputs, want, asked, on_demand, failed, deleting, outage }
}

impl Compared {
    /// Why the object has to be replaced; empty where it has not.
    fn replaces(&self) -> Vec<String> {
        let forced = self.asked.iter().filter(|asked| asked.kind == Change::Replace);
        let forced: Vec<&str> = forced.map(|asked| &*asked.change.field).collect();
        let forced = (!forced.is_empty()).then(|| format!("{} cannot be changed in place", forced.join(", ")));
        let on_demand = self.on_demand.then(|| "asked for with --replace".to_owned());
        let failed = self.failed.as_ref().map(|why| format!("it failed: {why}"));
        let deleting = self.deleting.then(|| "its deletion had begun".to_owned());
        let outage = self.outage.as_ref().map(|need| format!("{need} must be deleted before it is created again"));
        [forced, on_demand, failed, deleting, outage].into_iter().flatten().collect()
    }
}

fn keep(
    input: &Input<'_>,
    decided: &Decided<'_>,
    item: &mut Item<'_>,
    declared: &Declared,
    object: &Object,
) -> Vec<Problem> {
    let Some(sight) = item.sight.clone() else { return vec![] };
    let compared = compared(input, decided, item, declared, object, &sight);
    let why = compared.replaces();
    let Compared { migrated, inputs, want, asked, deleting, outage, .. } = compared;
    let share = object.origin == Origin::Shared;
    let problems = refused(item, &asked, if share { &[Change::Replace] } else { &[] });
    if let Phase::Failed { why: reason, cure } = &sight.phase
        && *cure != Some(Change::Replace)
    {
        item.notices.push(format!("it is in a failed state: {reason}"));
    }

    item.changes = asked.into_iter().map(|asked| asked.change).collect();
    if !why.is_empty() && (!share || deleting) {
        return replace(input, decided, item, declared, object, why, deleting || outage.is_some());
    }
    let options = item.row.map(|row| &row.options);
    let unrecorded = !diff::recorded_as(item.kind, &want, &migrated, &declared.options.ignore)
        || options.is_some_and(|options| !same_options(options, &declared.options))
        || item.row.is_some_and(|row| {
            row.version < item.kind.version() || row.needs.iter().ne(&graph::needs(&declared.inputs))
        });
    let unfinished = object.pending.is_some() || object.role == ObjectRole::Successor;
    if !item.changes.is_empty() || unfinished {
        item.verdict = Verdict::Update;
        let ours = item.changes.iter().any(|change| !change.drifted);
        let theirs = item.changes.iter().any(|change| change.drifted);
        if unfinished {
            item.reasons.push("it was cut off: goes on where it stopped".to_owned());
        }
        if ours {
            item.reasons.push("declared otherwise than before".to_owned());
        }
        if theirs {
            item.reasons.push("changed by another hand".to_owned());
        }
    } else if item.renamed_from.is_some() {
        item.verdict = Verdict::Rename;
        item.record_only = true;
    } else if unrecorded {
        item.verdict = Verdict::Update;
        item.record_only = true;
        item.reasons.push("nothing to change in the cloud: recorded only".to_owned());
    } else {
        return problems;
    }
    item.write = Some(write(item, declared, inputs, want, object.generation, object.origin));
    problems
}

fn same_options(was: &Options, now: &Options) -> bool {
    // Where it came from is of no interest once it is there.
    let plain = |options: &Options| Options { renamed_from: vec![], ..options.clone() };
    plain(was) == plain(now)
}

fn replace(
    input: &Input<'_>,
    decided: &Decided<'_>,
    item: &mut Item<'_>,
    declared: &Declared,
    object: &Object,
    why: Vec<String>,
    delete_first: bool,
) -> Vec<Problem> {
    let changes = std::mem::take(&mut item.changes);
    make(input, decided, item, declared, next_generation(item));
    let keeps = item.write.as_ref().and_then(|write| kept_key(item.kind, write, object));
    item.reasons = why;
    item.verdict = if delete_first || keeps.is_some() { Verdict::ReplaceDeleteFirst } else { Verdict::Replace };
    if let Some(keeps) = keeps {
        item.reasons.push(format!("only one may have this {keeps}, so the old one goes first: an outage"));
    }
    item.changes = changes;
    vec![]
}

/// The unique group that a successor has in common with what it replaces.
fn kept_key(kind: &dyn Erased, write: &Write, object: &Object) -> Option<String> {
    kind.unique().iter().find_map(|group| {
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
    if let Some((object, sight)) = item.successor.take() {
        item.leftovers.push(Leftover { object, sight, why: GIVEN_UP });
    }
    let Some(object) = item.object else {
        item.verdict = if item.leftovers.is_empty() { Verdict::Forget } else { Verdict::Delete };
        item.reasons.push(if item.leftovers.is_empty() { "gone already" } else { "what it replaced goes" }.to_owned());
        return;
    };
    let (verdict, why) = match object.origin {
        _ if row.options.retain => (Verdict::Forget, "no longer declared, and to be retained"),
        Origin::Adopted => (Verdict::Forget, "no longer declared, and not made by us"),
        Origin::Shared => {
            let last = item.sight.as_ref().is_some_and(|sight| tags::last_user(&sight.seen.inputs, lineage));
            if last {
                (Verdict::Delete, "no longer declared, and nobody else uses it")
            } else {
                (Verdict::Release, "no longer declared, and others use it or made it")
            }
        }
        Origin::Made => (Verdict::Delete, "no longer declared"),
    };
    item.verdict = verdict;
    item.reasons.push(why.to_owned());
}

/// Two resources that claim one unique key.
fn duplicates(decided: &Decided<'_>) -> Vec<Problem> {
    let mut held: BTreeMap<String, &Item<'_>> = BTreeMap::new();
    let mut problems = vec![];
    for item in decided.items.values() {
        let none = BTreeSet::new();
        let (inputs, unknown) = match (&item.write, item.object) {
            (Some(write), _) => (&write.planned, &write.unknown),
            (None, Some(object)) if item.declared.is_some() => (&object.inputs, &none),
            _ => continue,
        };
        for group in item.kind.unique() {
            let Some(key) = key(group, inputs, unknown) else { continue };
            let name = format!("{} {} {group:?} {key:?}", item.type_name, item.provider);
            if let Some(first) = held.insert(name, item) {
                problems.push(Problem {
                    at: item.declared.map(|declared| declared.at.to_string()),
                    ..Problem::new(
                        &item.address,
                        format!("has the same {} as {}; only one may", group.join(" and "), first.address),
                    )
                });
            }
        }
    }
    problems
}
