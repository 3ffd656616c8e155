//! Properties of every stack and every change, on a cloud with strict rules. Each case is a random stack of at least 30
//! resources, which is created, changed and destroyed, with a crash in one of these runs. [`Simulation::converge`] and
//! [`case`] define the conditions after each run.
//!
//! Each case is a random stack of at least 30 resources, made, changed and destroyed, with a crash in one of these
//! runs. What must be true after each is written down in [`Simulation::converge`] and [`case`].
#![allow(
    clippy::expect_used,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "what fails here panics, and tells at length"
)]

mod simulation;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use provisioner_engine::Tuning;
use provisioner_model::{
    ErrorKind,
    plan::Plan,
    stack::{Desired, Stack},
    state::Row,
};
use provisioner_testkit::{
    cloud::{Fault, Lag, ReadFault, types},
    fixture,
    generate::{self, ENVIRONMENT, Edit, Node, Spec, What, edits, facts, spec},
    store::Death,
    tuning::tuning,
};
use serde_json::{Value, json};
use simulation::{LINEAGE, Simulation};

/// The value of what is never told, in objects of others.
const THEIRS: u8 = 77;
const CASES: u32 = 1024;
/// Cases spend most of their time waiting for each other's reads to be batched.
const THREADS: u32 = 16;

impl Simulation {
    /// Plans and applies until it is struck down.
    async fn crash(&self, desired: &Desired, crash: &Crash) -> Result<(), String> {
        let plan = self.plan(desired).await?;
        let steps = plan.steps.len();
        if steps == 0 {
            return Ok(());
        }
        // Three entries and one call a step, about.
        let at = |of: usize| usize::from(crash.at) * of / 256 + 1;
        match crash.how {
            How::Append(death) => self.store.die_at(at(steps * 3) + 1, death),
            How::Call(fault) => self.cloud.fail_at(at(steps), fault),
        }
        tokio::select! {
            _ = self.apply(&plan) => {}
            () = self.cloud.stopped() => {}
        }
        self.check(&plan)?;
        // Something may be gone already that the state still has.
        self.robbed.store(true, Ordering::Relaxed);
        self.cloud.heal();
        self.store.revive();
        Ok(())
    }

    /// Every object by its address, with addresses for ids: what two worlds can be compared by.
    fn portrait(&self) -> Vec<(String, String)> {
        let objects = self.cloud.objects();
        let name = |id: &str, owner: Option<&provisioner_model::resource::Owner>| {
            owner.map_or_else(|| format!("foreign {id}"), |owner| owner.address.clone())
        };
        let ids: BTreeMap<String, String> =
            objects.iter().map(|thing| (thing.id.clone(), name(&thing.id, thing.owner.as_ref()))).collect();
        let mut out: Vec<(String, String)> = objects
            .into_iter()
            .map(|thing| {
                let mut inputs = Value::Object(thing.inputs);
                if let Some(tags) = inputs.get_mut("tags").and_then(Value::as_object_mut) {
                    tags.retain(|key, _| !key.starts_with("provisioner:"));
                }
                // A generated name tells the generation, a revision the number of updates.
                if inputs.get("name").and_then(Value::as_str).is_some_and(|name| !name.starts_with("stated-")) {
                    inputs["name"] = json!("generated");
                }
                let text = swap(&inputs.to_string(), &ids);
                (ids[&thing.id].clone(), text)
            })
            .collect();
        out.sort();
        out
    }
}

/// The text with each id replaced, longest first, and without revisions and generated names in references.
fn swap(text: &str, ids: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('#') {
        let start = rest[..at].rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).map_or(0, |i| i + 1);
        let digits = rest[at + 1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - at - 1);
        let mut end = at + 1 + digits;
        let id = &rest[start..end];
        if rest[end..].starts_with('@') {
            end += 1;
            end += rest[end..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - end);
        }
        out.push_str(&rest[..start]);
        out.push_str(ids.get(id).map_or("GONE", String::as_str));
        rest = &rest[end..];
    }
    out.push_str(rest);
    // Generated names end in hex of the generation.
    let start = format!("{ENVIRONMENT}-");
    let mut parts = out.split(&start);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(part.len());
        plain = format!("{plain}generated{}", &part[end..]);
    }
    plain
}

/// The stack of the run after a crash.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    /// The same stack again.
    Same,
    /// The stack as it was before.
    Reverted,
    /// The stack with more changes.
    Changed,
    /// No stack: a destroy.
    Destroyed,
}

/// The point of a crash.
#[derive(Clone, Copy, Debug)]
struct Crash {
    /// In which run: made, changed, or destroyed.
    run: u8,
    /// Position in the run, in units of 1/256.
    at: u8,
    how: How,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Append(Death),
    Call(Fault),
}

/// A change out of band between two runs.
#[derive(Clone, Copy, Debug)]
struct Drift {
    pick: u16,
    gone: bool,
    value: u8,
}

#[derive(Clone, Debug)]
struct Case {
    spec: Spec,
    first: Vec<Edit>,
    second: Vec<Edit>,
    drifts: Vec<Drift>,
    crash: Crash,
    /// Index of the resource whose key a foreign object holds at first.
    clash: u16,
    spread: u64,
}

fn cases(least: usize) -> impl Strategy<Value = Case> {
    let how = prop_oneof![
        Just(How::Append(Death::Before)),
        Just(How::Append(Death::After)),
        Just(How::Call(Fault::StopBefore)),
        Just(How::Call(Fault::StopAfter)),
        Just(How::Call(Fault::Before(ErrorKind::Refused))),
        Just(How::Call(Fault::After)),
    ];
    let next = prop_oneof![Just(Next::Same), Just(Next::Reverted), Just(Next::Changed), Just(Next::Destroyed)];
    let crash = (0..3u8, any::<u8>(), how, next).prop_map(|(run, at, how, next)| Crash { run, at, how, next });
    let drift = (any::<u16>(), prop::bool::weighted(0.3), any::<u8>()).prop_map(|(pick, gone, value)| Drift {
        pick,
        gone,
        value,
    });
    (spec(least), edits(1..7), edits(1..7), prop::collection::vec(drift, 0..3), crash, any::<u16>(), any::<u64>())
        .prop_map(|(spec, first, second, drifts, crash, clash, spread)| {
            Case { spec, first, second, drifts, crash, clash, spread }.revertible()
        })
}

impl Case {
    /// A stack that is put back as it was is another one where an address changed, or where what left it stays.
    fn revertible(mut self) -> Self {
        if self.crash.next == Next::Reverted {
            self.first.retain(|edit| edit.what != What::Retain);
            let stays = [What::Retain, What::Rename, What::Adopt, What::Share];
            self.second.retain(|edit| !stays.contains(&edit.what));
        }
        self
    }
}

/// The number of times that each event occurred.
type Counts = Mutex<BTreeMap<String, usize>>;

fn count(counts: &Counts, plan: &Plan) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    for planned in plan.resources.values() {
        *counts.entry(format!("{:?}", planned.action)).or_default() += 1;
    }
    for step in &plan.steps {
        *counts.entry(format!("step {}", step.action.name())).or_default() += 1;
    }
}

/// For resources that are to be adopted, and for half of those that are shared, the object that is there before.
fn lay_out(simulation: &Simulation, spec: &Spec, laid: &mut BTreeSet<u32>) {
    for node in spec.nodes.iter().filter(|node| node.adopt || node.share && node.key.is_multiple_of(2)) {
        let tags: &[(&str, &str)] = if node.share {
            &[("provisioner:used-by:another", "prod"), ("provisioner:made", "true")]
        } else {
            &[("theirs", "stays")]
        };
        if laid.insert(node.key) {
            simulation.cloud.foreign(&types::Named {
                name: node.name(),
                size: node.a.wrapping_add(1),
                key: Some(THEIRS),
                tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
                ..fixture::unnamed(node.b)
            });
        }
    }
}

/// Returns the objects that survive a destroy. The recorded state decides, not the intention of a crashed run.
fn staying(simulation: &Simulation) -> BTreeSet<String> {
    let state = simulation.store.state().expect("a state");
    let retained = state.rows.values().filter(|row| row.options.retain).filter_map(Row::current);
    let theirs = foreign(simulation);
    retained.filter_map(|object| object.id.clone()).filter(|id| !theirs.contains(id)).collect()
}

fn foreign(simulation: &Simulation) -> BTreeSet<String> {
    simulation.cloud.objects().into_iter().filter(|thing| thing.owner.is_none()).map(|thing| thing.id).collect()
}

/// An object of others holds a key that the program states: the plan says so, and where it comes up after the plan, the
/// apply leaves it alone.
async fn clashes(simulation: &Simulation, spec: &Spec, pick: u16) -> Result<(), String> {
    let open: Vec<&Node> = spec.nodes.iter().filter(|node| node.states_key()).collect();
    if open.is_empty() {
        return Ok(());
    }
    let node = open[usize::from(pick) % open.len()];
    let (name, tags) = (node.name(), BTreeMap::from([("theirs".to_owned(), "stays".to_owned())]));
    let hold = || match node.kind {
        generate::NodeKind::Role => {
            simulation.cloud.foreign(&types::Role { name: name.clone(), path: 1, label: 1, tags: tags.clone() })
        }
        generate::NodeKind::Named => simulation.cloud.foreign(&types::Named {
            name: name.clone(),
            key: Some(1),
            tags: tags.clone(),
            ..fixture::unnamed(1)
        }),
        _ => {
            simulation.cloud.foreign(&types::ZoneRecord { zone: node.b, name: format!("entry-{}", node.key), value: 1 })
        }
    };
    let desired = spec.desired();
    let plan = simulation.plan(&desired).await?;
    let id = hold();
    let before = simulation.cloud.objects().into_iter().find(|thing| thing.id == id).map(|thing| thing.inputs);
    match simulation.plan(&desired).await {
        Err(why) if why.contains(&id) && why.contains(&node.address()) => {}
        Err(why) => return Err(format!("no plan, for another reason: {why}")),
        Ok(_) => return Err(format!("a plan takes {id} for {}", node.address())),
    }
    if simulation.apply(&plan).await?.is_complete() {
        return Err(format!("an apply took {id} for {}", node.address()));
    }
    simulation.check(&plan)?;
    let after = simulation.cloud.objects().into_iter().find(|thing| thing.id == id).map(|thing| thing.inputs);
    if before != after {
        return Err(format!("an apply changed {id}, which others made: {after:?}"));
    }
    simulation.cloud.remove(&id);
    Ok(())
}

/// Everything that we created and that is there, is in the state or stays on purpose.
fn no_orphans(simulation: &Simulation, stays: &BTreeSet<String>) -> Result<(), String> {
    let state = simulation.store.state().ok_or("no state")?;
    let known: BTreeSet<String> =
        state.rows.values().flat_map(|row| row.objects.iter().filter_map(|object| object.id.clone())).collect();
    let ours = simulation.cloud.objects().into_iter().filter(|thing| thing.owner.is_some() && !thing.deleting);
    let lost: Vec<String> =
        ours.map(|thing| thing.id).filter(|id| !known.contains(id) && !stays.contains(id)).collect();
    if lost.is_empty() { Ok(()) } else { Err(format!("not in the state: {lost:?}")) }
}

/// AWS reserves some names after a delete: none is generated twice.
fn is_generated(name: &str) -> bool {
    name.starts_with(&format!("{ENVIRONMENT}-"))
}

async fn case(case: &Case, counts: &Counts) -> Result<(), String> {
    let (mut spec, mut laid) = (case.spec.clone(), BTreeSet::new());
    let simulation = Simulation::new();
    simulation.cloud.reserve_names(is_generated);
    simulation.cloud.spread(case.spread);
    lay_out(&simulation, &spec, &mut laid);
    let mut stays = BTreeSet::new();
    if case.crash.run == 2 {
        clashes(&simulation, &spec, case.clash).await.map_err(|e| format!("clashing: {e}"))?;
    }
    // Made.
    if case.crash.run == 0 && case.crash.next != Next::Same {
        simulation.crash(&spec.desired(), &case.crash).await.map_err(|e| format!("making, struck down: {e}"))?;
        match case.crash.next {
            Next::Changed => {
                for edit in &case.second {
                    change(&simulation, &mut spec, edit, &mut stays);
                }
                lay_out(&simulation, &spec, &mut laid);
                simulation.converge(&spec.desired()).await.map_err(|e| format!("making, then others: {e}"))?;
            }
            _ => {
                return destroyed(&simulation, stays, &laid, counts)
                    .await
                    .map_err(|e| format!("making, then none: {e}"));
            }
        }
    } else if case.crash.run == 0 {
        let undisturbed = simulation.fork();
        undisturbed.converge(&spec.desired()).await.map_err(|e| format!("making, undisturbed: {e}"))?;
        simulation.crash(&spec.desired(), &case.crash).await.map_err(|e| format!("making, struck down: {e}"))?;
        let plan = simulation.converge(&spec.desired()).await.map_err(|e| format!("making, again: {e}"))?;
        count(counts, &plan);
        assert_same(&undisturbed, &simulation)?;
    } else {
        let plan = simulation.converge(&spec.desired()).await.map_err(|e| format!("making: {e}"))?;
        count(counts, &plan);
    }
    one_each(&simulation, &spec)?;
    no_orphans(&simulation, &stays)?;
    // Changed.
    for edit in &case.first {
        change(&simulation, &mut spec, edit, &mut stays);
    }
    lay_out(&simulation, &spec, &mut laid);
    drift(&simulation, &case.drifts);
    let plan = simulation.converge(&spec.desired()).await.map_err(|e| format!("changing: {e}"))?;
    count(counts, &plan);
    one_each(&simulation, &spec)?;
    // Changed again.
    if case.crash.run == 1 && case.crash.next != Next::Same {
        let before = spec.clone();
        for edit in &case.second {
            change(&simulation, &mut spec, edit, &mut stays);
        }
        lay_out(&simulation, &spec, &mut laid);
        simulation.crash(&spec.desired(), &case.crash).await.map_err(|e| format!("changing, struck down: {e}"))?;
        match case.crash.next {
            Next::Destroyed => {
                stays.extend(staying(&simulation));
                return destroyed(&simulation, stays, &laid, counts)
                    .await
                    .map_err(|e| format!("changing, then none: {e}"));
            }
            Next::Reverted => {
                simulation.converge(&before.desired()).await.map_err(|e| format!("changing, then back: {e}"))?;
                one_each(&simulation, &before)?;
            }
            _ => {
                for edit in &case.first {
                    change(&simulation, &mut spec, edit, &mut stays);
                }
                lay_out(&simulation, &spec, &mut laid);
            }
        }
        no_orphans(&simulation, &stays).or_else(|e| if case.crash.next == Next::Reverted { Err(e) } else { Ok(()) })?;
        simulation.converge(&spec.desired()).await.map_err(|e| format!("changing, then others: {e}"))?;
        one_each(&simulation, &spec)?;
        no_orphans(&simulation, &stays)?;
    } else if case.crash.run == 1 {
        for edit in &case.second {
            change(&simulation, &mut spec, edit, &mut stays);
        }
        lay_out(&simulation, &spec, &mut laid);
        let undisturbed = simulation.fork();
        undisturbed.converge(&spec.desired()).await.map_err(|e| format!("changing, undisturbed: {e}"))?;
        simulation.crash(&spec.desired(), &case.crash).await.map_err(|e| format!("changing, struck down: {e}"))?;
        let plan = simulation.converge(&spec.desired()).await.map_err(|e| format!("changing, again: {e}"))?;
        count(counts, &plan);
        assert_same(&undisturbed, &simulation)?;
        one_each(&simulation, &spec)?;
    }
    // Destroyed.
    stays.extend(staying(&simulation));
    if case.crash.run == 2 {
        simulation.crash(&Spec::nothing(), &case.crash).await.map_err(|e| format!("destroying, struck down: {e}"))?;
        // What stays would be in the way of another of its name.
        if case.crash.next == Next::Reverted && stays.is_empty() {
            simulation.converge(&spec.desired()).await.map_err(|e| format!("destroying, then back: {e}"))?;
            one_each(&simulation, &spec)?;
            no_orphans(&simulation, &stays)?;
        }
    }
    destroyed(&simulation, stays, &laid, counts).await
}

async fn destroyed(
    simulation: &Simulation,
    stays: BTreeSet<String>,
    laid: &BTreeSet<u32>,
    counts: &Counts,
) -> Result<(), String> {
    let plan = simulation.converge(&Spec::nothing()).await.map_err(|e| format!("destroying: {e}"))?;
    count(counts, &plan);
    let left: BTreeSet<String> =
        simulation.cloud.objects().into_iter().filter(|thing| thing.owner.is_some()).map(|thing| thing.id).collect();
    if left != stays {
        return Err(format!("after the destroy there is {left:?}, and should be {stays:?}"));
    }
    let foreign = foreign(simulation).len();
    if foreign != laid.len() {
        return Err(format!("{foreign} of {} objects of others are left", laid.len()));
    }
    let written =
        simulation.cloud.objects().into_iter().find(|thing| thing.owner.is_none() && thing.inputs["key"] != THEIRS);
    if let Some(written) = written {
        return Err(format!("{}, which others made, has another secret than before", written.id));
    }
    let ours = format!("provisioner:used-by:{LINEAGE}");
    let used = simulation.cloud.objects().into_iter().find(|thing| thing.inputs["tags"].get(&ours).is_some());
    if let Some(used) = used {
        return Err(format!("{} still says that we use it", used.id));
    }
    let state = simulation.store.state().ok_or("no state")?;
    if state.rows.is_empty() { Ok(()) } else { Err(format!("the state still has {:?}", state.rows.keys())) }
}

/// Retained objects remain when their resource leaves the program.
fn change(simulation: &Simulation, spec: &mut Spec, edit: &Edit, stays: &mut BTreeSet<String>) {
    let before = spec.clone();
    spec.edit(edit);
    let left = before.nodes.iter().filter(|node| spec.node(node.key).is_none());
    // What the state says counts, not what the program said last.
    let state = simulation.store.state().expect("a state");
    for node in left {
        let names = std::iter::once(node.address()).chain(node.former_addresses.iter().cloned());
        let rows = names.filter_map(|address| state.rows.get(&address));
        for row in rows.filter(|row| row.options.retain) {
            let theirs = foreign(simulation);
            let ids = row.objects.iter().filter_map(|object| object.id.clone());
            stays.extend(ids.filter(|id| !theirs.contains(id)));
        }
    }
}

fn drift(simulation: &Simulation, drifts: &[Drift]) {
    for drift in drifts {
        let objects = simulation.cloud.objects();
        let thing = &objects[usize::from(drift.pick) % objects.len()];
        if thing.owner.is_none() {
            continue;
        }
        if drift.gone {
            simulation.cloud.remove(&thing.id);
            simulation.robbed.store(true, Ordering::Relaxed);
            continue;
        }
        simulation.cloud.tamper(&thing.id, |inputs| {
            for field in ["label", "size", "note"] {
                if let Some(value) = inputs.get_mut(field) {
                    *value = json!(drift.value);
                }
            }
            if let Some(tags) = inputs.get_mut("tags") {
                tags["a"] = json!(format!("drifted {}", drift.value));
                tags["others"] = json!("stays");
            }
        });
    }
}

fn one_each(simulation: &Simulation, spec: &Spec) -> Result<(), String> {
    let state = simulation.store.state().ok_or("no state")?;
    let rows: BTreeSet<String> = state.rows.keys().cloned().collect();
    let nodes: BTreeSet<String> = spec.nodes.iter().map(Node::address).collect();
    if rows != nodes {
        return Err(format!("the state has {rows:?}, and should have {nodes:?}"));
    }
    if let Some((address, _)) = state.rows.iter().find(|(_, row)| row.objects.len() != 1) {
        return Err(format!("{address} has not one object"));
    }
    let ids: BTreeSet<Option<String>> =
        state.rows.values().flat_map(|row| row.objects.iter().map(|object| object.id.clone())).collect();
    if ids.len() == rows.len() { Ok(()) } else { Err("two rows have one object".to_owned()) }
}

fn assert_same(undisturbed: &Simulation, simulation: &Simulation) -> Result<(), String> {
    let [one, two] = [undisturbed, simulation].map(Simulation::portrait);
    if one == two {
        return Ok(());
    }
    let only = |of: &[(String, String)], other: &[(String, String)]| {
        of.iter().filter(|each| !other.contains(each)).map(|(a, i)| format!("  {a} {i}\n")).collect::<String>()
    };
    Err(format!("undisturbed\n{}after the crash\n{}", only(&one, &two), only(&two, &one)))
}

#[test]
fn every_stack_and_every_change() {
    let counts = run(30, CASES);
    eprintln!("{counts:#?}");
    let all = [
        "Create",
        "Update",
        "Replace",
        "ReplaceDeleteFirst",
        "Delete",
        "Adopt",
        "Forget",
        "Release",
        "Rename",
        "NoChange",
        "step disable_deletion_protection",
        "step record",
    ];
    for action in all {
        let times = counts.get(action).copied().unwrap_or_default();
        assert!(times >= 100, "{action} is rare: {times}");
    }
}

/// Calls that fail in ways that pass, that are never answered, or whose answers are lost, make no second object and lose
/// none. Fresh objects cannot be used at once.
#[test]
fn bad_weather() {
    share_out(|thread| {
        let weather = prop::collection::vec(any::<u8>(), 64);
        go(thread, CASES / 4, (spec(30), edits(1..7), weather), |(spec, edits, weather)| async move {
            let windy = Tuning {
                call_timeout: Some(Duration::from_millis(50)),
                // Longer than any case on a busy machine.
                propagation_window: Some(Duration::from_mins(1)),
                ..tuning()
            };
            let mut simulation = Simulation { tuning: windy, ..Simulation::new() };
            simulation.cloud.reserve_names(is_generated);
            let mut spec = spec;
            for run in 0..3 {
                simulation.tuning = windy;
                let kinds = [ErrorKind::Gone, ErrorKind::Denied, ErrorKind::Unusable, ErrorKind::Refused];
                let kind = Some(kinds[usize::from(weather[0]) % kinds.len()]);
                simulation.cloud.lag(Lag { reads: 0, uses: u32::from(weather[1]) % 4, kind });
                // One call in four.
                for (number, value) in weather.iter().enumerate() {
                    let fault = match (value ^ run) % 32 {
                        0 | 1 => Fault::Before(ErrorKind::Throttled),
                        2 => Fault::Before(ErrorKind::NotYet),
                        3 => Fault::Before(ErrorKind::Busy),
                        4 => Fault::Before(ErrorKind::NotSent),
                        5 => Fault::Before(ErrorKind::Unknown),
                        6 | 7 => Fault::After,
                        8 => Fault::Never,
                        9 => Fault::NeverAfter,
                        _ => continue,
                    };
                    simulation.cloud.fail_at(number + 1, fault);
                }
                for (number, value) in weather.iter().enumerate() {
                    let fault = match ((value / 8) ^ run) % 16 {
                        0 => ReadFault::Fails(ErrorKind::Throttled),
                        1 => ReadFault::Fails(ErrorKind::Unknown),
                        2 => ReadFault::Never,
                        _ => continue,
                    };
                    simulation.cloud.fail_read_at(number + 1, fault);
                }
                let desired = if run == 2 { Spec::nothing() } else { spec.desired() };
                let plan = simulation.plan(&desired).await?;
                // A call that is never answered fails its step in the end: the next apply goes on.
                simulation.apply(&plan).await?;
                simulation.check(&plan)?;
                simulation.cloud.heal();
                // A busy machine must not look like a call without an answer.
                simulation.tuning.call_timeout = None;
                simulation.converge(&desired).await?;
                let own = edits.iter().filter(|edit| !matches!(edit.what, What::Adopt | What::Share | What::Retain));
                own.for_each(|edit| drop(spec.edit(edit)));
            }
            let left = simulation.cloud.objects();
            if left.is_empty() { Ok(()) } else { Err(format!("after the destroy there is {left:?}")) }
        })
    });
}

/// An optional reference that the program no longer states stays in the cloud: a destroy minds it all the same.
#[test]
fn excluded_reference_still_counts() {
    let stack = |net: bool| {
        let mut stack = Stack::new(facts());
        let net = net.then(|| stack.add("a", types::Net { range: 1, label: None, tags: BTreeMap::new() }).id());
        let of = |net| types::Named { net, ..fixture::unnamed(1) };
        stack.add("user", of(net));
        stack.add("z", types::Net { range: 2, label: None, tags: BTreeMap::new() });
        stack.finish().expect("it is legal")
    };
    let unrelated = || {
        let mut stack = Stack::new(facts());
        stack.add("a", types::Net { range: 1, label: None, tags: BTreeMap::new() });
        stack.finish().expect("it is legal").resources
    };
    let without =
        || Desired { resources: stack(false).resources.into_iter().chain(unrelated()).collect(), ..stack(false) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let simulation = Simulation::new();
        simulation.cloud.reserve_names(is_generated);
        simulation.converge(&stack(true)).await.expect("made");
        simulation.converge(&without()).await.expect("left out");
        simulation.converge(&Spec::nothing()).await.expect("destroyed");
        assert!(simulation.cloud.objects().is_empty());
    });
}

/// The same with few resources: what fails here is short enough to read.
#[test]
fn small_stacks() {
    run(3, CASES / 2);
}

/// Random cases with at least so many resources. How often what happened.
fn run(least: usize, count: u32) -> BTreeMap<String, usize> {
    let counts = Counts::default();
    share_out(|thread| {
        go(thread, count, cases(least), |each| {
            let counts = &counts;
            async move {
                case(&each, counts).await.map_err(|why| {
                    let nodes: String = each.spec.nodes.iter().map(|node| format!("  {node:?}\n")).collect();
                    let Case { first, second, drifts, crash, .. } = &each;
                    format!("{why}\n{nodes}{first:?}\n{second:?}\n{drifts:?}\n{crash:?}")
                })
            }
        })
    });
    counts.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Many cases at once: each spends most of its time waiting for company for its reads.
fn share_out(share: impl Fn(u32) -> Option<String> + Sync) {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let share = &share;
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || share(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("the thread ends")).collect()
    });
    // One of each kind, the shortest.
    let mut kinds: BTreeMap<String, &String> = BTreeMap::new();
    for failure in &failures {
        let first: String = failure.chars().take_while(|c| *c != '\n').filter(|c| !c.is_ascii_digit()).collect();
        let known = kinds.entry(first).or_insert(failure);
        if failure.len() < known.len() {
            *known = failure;
        }
    }
    let report: String = kinds.values().map(|failure| format!("{failure}\n\n")).collect();
    assert!(failures.is_empty(), "{} of {THREADS} threads failed:\n{report}", failures.len());
}

/// One thread's share of so many cases: the same ones on every run.
fn go<S: Strategy, F: Future<Output = Result<(), String>>>(
    thread: u32,
    count: u32,
    cases: S,
    case: impl Fn(S::Value) -> F,
) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut seed = [0; 32];
    seed[0] = u8::try_from(thread).expect("few threads");
    let config = Config {
        cases: count / THREADS,
        failure_persistence: None,
        max_shrink_iters: 2000,
        max_shrink_time: 20_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    match runner.run(&cases, |each| runtime.block_on(case(each)).map_err(TestCaseError::fail)) {
        Ok(()) => None,
        Err(TestError::Fail(why, _)) => Some(why.message().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}
