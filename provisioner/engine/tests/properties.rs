//! What holds for every stack and every change, on a cloud that is strict about its rules.
//!
//! Each case is a random stack of at least 30 resources, made, changed and destroyed, with a crash in one of these
//! runs. What must be true after each is written down in [`World::settle`] and [`case`].
#![allow(
    clippy::expect_used,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "what fails here panics, and tells at length"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use provisioner_engine::{Apply, Outcome, Refresh, apply, refresh};
use provisioner_model::{
    Kind,
    erased::{Clouds, Registry},
    plan::{Plan, Verdict},
    stack::{Desired, Stack},
    state::Snapshot,
};
use provisioner_planner::{Input, Selection, plan, protected, verify};
use provisioner_store::{Holder, StateReader};
use provisioner_testkit::{
    cloud::{Fake, Fault, types},
    generate::{ENVIRONMENT, Edit, Node, Spec, What, edits, facts, spec},
    store::{Death, Memory},
    tuning::tuning,
};
use serde_json::{Value, json};

const LINEAGE: &str = "0123456789abcdef";
const CASES: u32 = 1024;
/// Cases spend most of their time waiting for each other's reads to be batched.
const THREADS: u32 = 16;

/// A cloud, a store, and what has been seen in them.
struct World {
    cloud: Fake,
    clouds: Clouds,
    store: Memory,
    registry: Registry,
    /// What `verify` said of states on the way.
    wrong: Arc<Mutex<Vec<String>>>,
    /// Another hand, or a run that was cut off, has deleted something: until the next run is done, the state may need what is not there.
    robbed: AtomicBool,
}

impl World {
    fn new() -> Self {
        Self::with(Fake::default(), Memory::new(ENVIRONMENT))
    }

    fn with(cloud: Fake, store: Memory) -> Self {
        let mut clouds = Clouds::default();
        clouds.add("main", cloud.clone());
        let wrong = Arc::new(Mutex::new(vec![]));
        let told = wrong.clone();
        let kinds = types::registry();
        store.watch(move |state| {
            told.lock().unwrap_or_else(PoisonError::into_inner).extend(verify::snapshot(state, &kinds));
        });
        Self { cloud, clouds, store, registry: types::registry(), wrong, robbed: false.into() }
    }

    fn fork(&self) -> Self {
        Self::with(self.cloud.fork(), self.store.fork())
    }

    async fn plan(&self, desired: &Desired) -> Result<Plan, String> {
        let snapshot = self.store.load().await.map_err(|e| e.to_string())?;
        let snapshot = snapshot.unwrap_or_else(|| Snapshot::new(LINEAGE, ENVIRONMENT));
        let input = Refresh {
            registry: &self.registry,
            clouds: &self.clouds,
            snapshot: &snapshot,
            desired,
            tuning: tuning(),
            pending_only: false,
        };
        let observed = refresh(&input).await.map_err(|unread| format!("{unread:?}"))?;
        let input = Input {
            desired,
            snapshot: &snapshot,
            observed: &observed,
            registry: &self.registry,
            selection: &Selection::default(),
            targets: &BTreeMap::new(),
        };
        let plan =
            plan(&input).map_err(|problems| problems.iter().map(|p| format!("no plan: {p}\n")).collect::<String>())?;
        let wrong = verify::plan(&plan);
        if wrong.is_empty() { Ok(plan) } else { Err(format!("{wrong:?}\n{}", told(&plan))) }
    }

    async fn apply(&self, plan: &Plan) -> Result<Outcome, String> {
        let (events, _told) = tokio::sync::mpsc::unbounded_channel();
        let (_cancel, cancel) = tokio::sync::watch::channel(provisioner_engine::Cancel::No);
        let holder = Holder { owner: "test".into(), host: "here".into(), pid: 1, command: "apply".into(), since: 0 };
        let consent: BTreeSet<String> = protected(plan);
        let input = Apply {
            plan,
            registry: &self.registry,
            clouds: &self.clouds,
            store: &self.store,
            holder,
            consent: &consent,
            events,
            cancel,
            proof: None,
            wait: true,
            tuning: tuning(),
        };
        apply(input).await.map_err(|e| format!("{e}: {:?}", std::error::Error::source(&e)))
    }

    /// Plans and applies, after which a plan must be empty. What the plan said.
    async fn settle(&self, desired: &Desired) -> Result<Plan, String> {
        let plan = self.plan(desired).await?;
        let outcome = self.apply(&plan).await?;
        if !outcome.is_complete() {
            return Err(format!("not complete: {outcome:?}\n{}", told(&plan)));
        }
        self.check(&plan)?;
        let again = self.plan(desired).await?;
        if !again.is_empty() {
            return Err(format!("the plan after is not empty:\n{}after\n{}", told(&again), told(&plan)));
        }
        Ok(plan)
    }

    fn check(&self, plan: &Plan) -> Result<(), String> {
        let violations = self.cloud.violations();
        if !violations.is_empty() {
            return Err(format!("{violations:#?}\n{}", told(plan)));
        }
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if self.robbed.swap(false, Ordering::Relaxed) {
            wrong.retain(|wrong| !wrong.ends_with("which is not in the state"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("states on the way: {wrong:#?}\n{}", told(plan))) }
    }

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
            How::Entry(death) => self.store.die_at(at(steps * 3) + 1, death),
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

fn told(plan: &Plan) -> String {
    let mut out = String::new();
    for (address, planned) in plan.resources.iter().filter(|(_, planned)| planned.verdict != Verdict::NoChange) {
        let changes: Vec<&str> = planned.changes.iter().map(|change| &*change.field).collect();
        out += &format!("  {:?} {address} {changes:?} because {:?}\n", planned.verdict, planned.reasons);
    }
    for (number, step) in plan.steps.iter().enumerate() {
        out += &format!("  {number} {} {} after {:?}\n", step.action.verb(), step.address, step.after);
    }
    out
}

/// Where a run is struck down.
#[derive(Clone, Copy, Debug)]
struct Crash {
    /// In which run: made, changed, or destroyed.
    run: u8,
    /// How far into it, of 256.
    at: u8,
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Entry(Death),
    Call(Fault),
}

/// What another hand does between two runs.
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
    spread: u64,
}

fn cases(least: usize) -> impl Strategy<Value = Case> {
    let how = prop_oneof![
        Just(How::Entry(Death::Before)),
        Just(How::Entry(Death::After)),
        Just(How::Call(Fault::StopBefore)),
        Just(How::Call(Fault::StopAfter)),
    ];
    let crash = (0..3u8, any::<u8>(), how).prop_map(|(run, at, how)| Crash { run, at, how });
    let drift = (any::<u16>(), prop::bool::weighted(0.3), any::<u8>()).prop_map(|(pick, gone, value)| Drift {
        pick,
        gone,
        value,
    });
    (spec(least), edits(1..7), edits(1..7), prop::collection::vec(drift, 0..3), crash, any::<u64>())
        .prop_map(|(spec, first, second, drifts, crash, spread)| Case { spec, first, second, drifts, crash, spread })
}

/// How often each thing has happened.
type Counts = Mutex<BTreeMap<String, usize>>;

fn count(counts: &Counts, plan: &Plan) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    for planned in plan.resources.values() {
        *counts.entry(format!("{:?}", planned.verdict)).or_default() += 1;
    }
    for step in &plan.steps {
        *counts.entry(format!("step {}", step.action.verb())).or_default() += 1;
    }
}

/// For resources that are to be adopted, and for half of those that are shared, the object that is there before.
fn lay_out(world: &World, spec: &Spec, laid: &mut BTreeSet<u32>) {
    for node in spec.nodes.iter().filter(|node| node.adopt || node.share && node.key.is_multiple_of(2)) {
        let tags: &[(&str, &str)] = if node.share {
            &[("provisioner:used-by:another", "prod"), ("provisioner:made", "true")]
        } else {
            &[("theirs", "stays")]
        };
        if laid.insert(node.key) {
            world.cloud.foreign(&types::Named {
                name: node.name(),
                class: node.b,
                size: node.a.wrapping_add(1),
                net: None,
                key: None,
                locked: None,
                tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            });
        }
    }
}

/// What is there and stays when all else goes.
fn staying(world: &World, spec: &Spec) -> BTreeSet<String> {
    let addresses: BTreeSet<String> = spec.nodes.iter().filter(|node| node.retain).map(Node::address).collect();
    let state = world.store.state().expect("a state");
    let kept = state.rows.iter().filter(|(address, _)| addresses.contains(*address));
    let theirs = foreign(world);
    let ids = kept.flat_map(|(_, row)| row.objects.iter().filter_map(|object| object.id.clone()));
    ids.filter(|id| !theirs.contains(id)).collect()
}

fn foreign(world: &World) -> BTreeSet<String> {
    world.cloud.objects().into_iter().filter(|thing| thing.owner.is_none()).map(|thing| thing.id).collect()
}

async fn case(case: &Case, counts: &Counts) -> Result<(), String> {
    let (mut spec, mut laid) = (case.spec.clone(), BTreeSet::new());
    let world = World::new();
    world.cloud.spread(case.spread);
    lay_out(&world, &spec, &mut laid);
    // Made.
    if case.crash.run == 0 {
        let undisturbed = world.fork();
        undisturbed.settle(&spec.desired()).await.map_err(|e| format!("making, undisturbed: {e}"))?;
        world.crash(&spec.desired(), &case.crash).await.map_err(|e| format!("making, struck down: {e}"))?;
        let plan = world.settle(&spec.desired()).await.map_err(|e| format!("making, again: {e}"))?;
        count(counts, &plan);
        same(&undisturbed, &world)?;
    } else {
        let plan = world.settle(&spec.desired()).await.map_err(|e| format!("making: {e}"))?;
        count(counts, &plan);
    }
    one_each(&world, &spec)?;
    // Changed.
    let mut stays = BTreeSet::new();
    for edit in &case.first {
        change(&world, &mut spec, edit, &mut stays);
    }
    lay_out(&world, &spec, &mut laid);
    drift(&world, &case.drifts);
    let plan = world.settle(&spec.desired()).await.map_err(|e| format!("changing: {e}"))?;
    count(counts, &plan);
    one_each(&world, &spec)?;
    // Changed again.
    if case.crash.run == 1 {
        for edit in &case.second {
            change(&world, &mut spec, edit, &mut stays);
        }
        lay_out(&world, &spec, &mut laid);
        let undisturbed = world.fork();
        undisturbed.settle(&spec.desired()).await.map_err(|e| format!("changing, undisturbed: {e}"))?;
        world.crash(&spec.desired(), &case.crash).await.map_err(|e| format!("changing, struck down: {e}"))?;
        let plan = world.settle(&spec.desired()).await.map_err(|e| format!("changing, again: {e}"))?;
        count(counts, &plan);
        same(&undisturbed, &world)?;
        one_each(&world, &spec)?;
    }
    // Destroyed.
    stays.extend(staying(&world, &spec));
    if case.crash.run == 2 {
        world.crash(&Spec::nothing(), &case.crash).await.map_err(|e| format!("destroying, struck down: {e}"))?;
    }
    let plan = world.settle(&Spec::nothing()).await.map_err(|e| format!("destroying: {e}"))?;
    count(counts, &plan);
    let left: BTreeSet<String> =
        world.cloud.objects().into_iter().filter(|thing| thing.owner.is_some()).map(|thing| thing.id).collect();
    if left != stays {
        return Err(format!("after the destroy there is {left:?}, and should be {stays:?}"));
    }
    let foreign = foreign(&world).len();
    if foreign != laid.len() {
        return Err(format!("{foreign} of {} objects of others are left", laid.len()));
    }
    let ours = format!("provisioner:used-by:{LINEAGE}");
    let used = world.cloud.objects().into_iter().find(|thing| thing.inputs["tags"].get(&ours).is_some());
    if let Some(used) = used {
        return Err(format!("{} still says that we use it", used.id));
    }
    let state = world.store.state().ok_or("no state")?;
    if state.rows.is_empty() { Ok(()) } else { Err(format!("the state still has {:?}", state.rows.keys())) }
}

/// What is retained stays when its resource leaves the program.
fn change(world: &World, spec: &mut Spec, edit: &Edit, stays: &mut BTreeSet<String>) {
    let before = spec.clone();
    spec.edit(edit);
    let left = before.nodes.iter().filter(|node| spec.node(node.key).is_none());
    // What the state says counts, not what the program said last.
    let state = world.store.state().expect("a state");
    for node in left {
        let names = std::iter::once(node.address()).chain(node.was.iter().cloned());
        let rows = names.filter_map(|address| state.rows.get(&address));
        for row in rows.filter(|row| row.options.retain) {
            let theirs = foreign(world);
            let ids = row.objects.iter().filter_map(|object| object.id.clone());
            stays.extend(ids.filter(|id| !theirs.contains(id)));
        }
    }
}

fn drift(world: &World, drifts: &[Drift]) {
    for drift in drifts {
        let objects = world.cloud.objects();
        let thing = &objects[usize::from(drift.pick) % objects.len()];
        if thing.owner.is_none() {
            continue;
        }
        if drift.gone {
            world.cloud.remove(&thing.id);
            world.robbed.store(true, Ordering::Relaxed);
            continue;
        }
        world.cloud.tamper(&thing.id, |inputs| {
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

fn one_each(world: &World, spec: &Spec) -> Result<(), String> {
    let state = world.store.state().ok_or("no state")?;
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

fn same(undisturbed: &World, world: &World) -> Result<(), String> {
    let [one, two] = [undisturbed, world].map(World::portrait);
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
        "step unprotect",
        "step record",
    ];
    for verdict in all {
        let times = counts.get(verdict).copied().unwrap_or_default();
        assert!(times >= 100, "{verdict} is rare: {times}");
    }
}

/// Calls that fail in ways that pass, or whose answers are lost, make no second object and lose none.
#[test]
fn bad_weather() {
    share_out(|thread| {
        let weather = prop::collection::vec(any::<u8>(), 64);
        go(thread, CASES / 4, (spec(30), edits(1..7), weather), |(spec, edits, weather)| async move {
            let world = World::new();
            let mut spec = spec;
            for run in 0..3 {
                // One call in four.
                for (number, value) in weather.iter().enumerate() {
                    let fault = match (value ^ run) % 32 {
                        0 | 1 => Fault::Before(Kind::Throttled),
                        2 => Fault::Before(Kind::NotYet),
                        3 => Fault::Before(Kind::Busy),
                        4 => Fault::Before(Kind::NotSent),
                        5 => Fault::Before(Kind::Unknown),
                        6 | 7 => Fault::After,
                        _ => continue,
                    };
                    world.cloud.fail_at(number + 1, fault);
                }
                let desired = if run == 2 { Spec::nothing() } else { spec.desired() };
                let plan = world.plan(&desired).await?;
                // A call that is never answered fails its step in the end: the next apply goes on.
                world.apply(&plan).await?;
                world.check(&plan)?;
                world.cloud.heal();
                world.settle(&desired).await?;
                let own = edits.iter().filter(|edit| !matches!(edit.what, What::Adopt | What::Share | What::Retain));
                own.for_each(|edit| drop(spec.edit(edit)));
            }
            let left = world.cloud.objects();
            if left.is_empty() { Ok(()) } else { Err(format!("after the destroy there is {left:?}")) }
        })
    });
}

/// An optional reference that the program no longer states stays in the cloud: a destroy minds it all the same.
#[test]
fn a_reference_that_is_left_out_still_counts() {
    let stack = |net: bool| {
        let mut stack = Stack::new(facts());
        let net = net.then(|| stack.add("a", types::Net { range: 1, label: None, tags: BTreeMap::new() }).id());
        let of =
            |net| types::Named { name: None, class: 1, size: 1, net, key: None, locked: None, tags: BTreeMap::new() };
        stack.add("user", of(net));
        stack.add("z", types::Net { range: 2, label: None, tags: BTreeMap::new() });
        stack.finish().expect("it is legal")
    };
    let kept = || {
        let mut stack = Stack::new(facts());
        stack.add("a", types::Net { range: 1, label: None, tags: BTreeMap::new() });
        stack.finish().expect("it is legal").resources
    };
    let without = || Desired { resources: stack(false).resources.into_iter().chain(kept()).collect(), ..stack(false) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let world = World::new();
        world.settle(&stack(true)).await.expect("made");
        world.settle(&without()).await.expect("left out");
        world.settle(&Spec::nothing()).await.expect("destroyed");
        assert!(world.cloud.objects().is_empty());
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
    let told: String = kinds.values().map(|failure| format!("{failure}\n\n")).collect();
    assert!(failures.is_empty(), "{} of {THREADS} threads failed:\n{told}", failures.len());
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
