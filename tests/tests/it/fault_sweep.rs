//! The fault sweep: interrupts `apply`, an update with replacements, and `destroy` of the bundled stack at each call that
//! changes something, continues in each of several ways, and checks that nothing is lost, doubled, left, or taken from
//! others. `make sweep` runs all points or a random sample; a plain test run has a small sample. The types of points are in
//! `fault_sweep/point.rs`, the objects of others in `fault_sweep/foreign.rs`, the checks of the account in
//! `fault_sweep/account.rs`. `fault_sweep/weather.rs` has faults by chance instead.

mod account;
mod foreign;
mod point;
mod weather;

use std::{
    collections::BTreeMap,
    io::Write,
    str::FromStr,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use provisioner_model::state::Snapshot;
use provisioner_tests::faults::{Call, Faults, is_changing};

use self::{
    account::{Account, Objects},
    point::{Continuation, Interruption, Operation, Point},
};
use crate::sandbox::{Ran, Sandbox};

/// Maximum duration of one command, which takes seconds: a busy machine is no finding.
const LIMIT: Duration = Duration::from_mins(2);

/// Edits of dev's environment file that replace two subnets and the NAT gateway, and update or replace what refers to
/// them; the service gets another task definition.
const CHANGES: [(&str, &str); 2] = [("memory = 512", "memory = 1024"), ("max_tasks = 6", "max_tasks = 8")];
const MORE_CHANGES: &str = "\n[network.public_ranges]\na = \"10.0.64.0/20\"\n\
                            [network.private_ranges]\nb = \"10.0.208.0/20\"\n\
                            [logs]\nretention_days = 7\n";
/// A change that no other resource depends on, and the only resource that it affects.
const UNRELATED_CHANGE: &str = "\n[firewall]\nrate_limit = 3000\n";
const UNRELATED: &str = "edge/web-acl/app";

/// The states of the account and of the files that points start from.
struct Sweep {
    /// Before the first apply.
    empty: Mutex<Sandbox>,
    /// After it.
    applied: Mutex<Sandbox>,
    original: String,
    changed: String,
    /// The objects before the first apply: of others, and those that AWS keeps of an earlier environment.
    before: Objects,
    /// The number of the environment's objects of each kind when it is applied.
    complete: BTreeMap<String, usize>,
    calls: BTreeMap<Operation, Vec<Call>>,
    /// The number of all calls of an apply, a change and a destroy.
    undisturbed: usize,
    place: Place,
}

/// The place of the state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Disk,
    S3,
}

/// An interrupted command, before it is continued.
struct Interrupted {
    sandbox: Sandbox,
    /// The resource whose call was interrupted.
    address: String,
}

/// The outcome of a point: what did not converge, or nothing.
type Verified = Result<(), String>;

impl Sweep {
    fn new(test: &str, place: Place) -> Option<Self> {
        let mut sandbox = Sandbox::new(test)?;
        if place == Place::S3 {
            sandbox.keep_state_in("state-of-the-sweep");
        }
        let original = std::fs::read_to_string(sandbox.path("environments/dev.toml")).unwrap();
        let mut changed = original.clone() + MORE_CHANGES;
        for (from, to) in CHANGES {
            assert!(changed.contains(from), "{from} is not in {changed}");
            changed = changed.replacen(from, to, 1);
        }
        let (mut calls, mut undisturbed) = (BTreeMap::new(), 0);
        let mut command = |operation, sandbox: &Sandbox, arguments: &[&str]| {
            let mut made = all_calls(sandbox, arguments);
            undisturbed += made.len();
            made.retain(|call| is_changing(&call.operation));
            calls.insert(operation, made);
        };
        command(Operation::Apply, &sandbox, &["apply", "dev", "--yes"]);
        let ours = sandbox.moto.everything();
        foreign::create(&sandbox);
        let applied = sandbox.copy();
        let update = sandbox.copy();
        write_program(&update, &changed);
        command(Operation::Update, &update, &["apply", "dev", "--yes"]);
        command(Operation::Destroy, &sandbox, &["destroy", "dev", "--yes"]);
        let before = Account::of(&sandbox).objects;
        let foreign = before.names().filter(|name| !ours.contains(*name)).count();
        assert!(foreign >= 30, "expected objects of others, found {foreign}");
        let complete = Account::of(&applied).objects.without(&before).kinds();
        Some(Self {
            empty: Mutex::new(sandbox),
            applied: Mutex::new(applied),
            original,
            changed,
            before,
            complete,
            calls,
            undisturbed,
            place,
        })
    }

    /// Returns every point.
    fn points(&self) -> Vec<Point> {
        let mut points = vec![];
        for (operation, calls) in &self.calls {
            for call in calls {
                for interruption in Interruption::ALL {
                    points.extend(Continuation::ALL.map(|continuation| Point {
                        operation: *operation,
                        call: call.to_string(),
                        interruption,
                        continuation,
                    }));
                }
            }
        }
        points
    }

    /// Runs a point's command up to its interruption. None if the command made no such call.
    fn interrupt(&self, point: &Point) -> Result<Option<Interrupted>, String> {
        let base = match point.operation {
            Operation::Apply => &self.empty,
            Operation::Update | Operation::Destroy => &self.applied,
        };
        // Moto copies itself for one at a time.
        let sandbox = base.lock().unwrap_or_else(PoisonError::into_inner).copy();
        // The first apply has the changed program, so that it can be reverted.
        if point.operation != Operation::Destroy {
            write_program(&sandbox, &self.changed);
        }
        let command = if point.operation == Operation::Destroy { "destroy" } else { "apply" };
        let rule = format!("{}={}", point.call, point.interruption.fault()).parse().unwrap();
        let faults = Faults::before(&sandbox.moto.url, vec![rule], 0).unwrap();
        let ran = sandbox.run_through(&faults, "", &[command, "dev", "--yes"], LIMIT);
        if !faults.calls().iter().any(|call| call.fault.is_some()) {
            return Ok(None);
        }
        let is_killed = point.interruption != Interruption::Withhold;
        if is_killed != (ran.code == -1) || (!is_killed && ran.code != 0) {
            return Err(failed("the interrupted command", &ran));
        }
        let address = resource_of(&point.call, &sandbox.snapshot());
        if is_killed && self.place == Place::S3 {
            // The lease of a killed command would end by itself after a minute.
            run(&sandbox, "", &["unlock", "dev", "--yes"])?;
        }
        Ok(Some(Interrupted { sandbox, address }))
    }

    /// Continues an interrupted command, and checks what comes of it.
    fn resume(&self, interrupted: &Interrupted, point: &Point) -> Verified {
        let sandbox = &interrupted.sandbox;
        let reverted = if point.operation == Operation::Destroy { &self.changed } else { &self.original };
        let without = format!("prune {}", interrupted.address);
        match point.continuation {
            Continuation::Apply => self.converge(sandbox, "", true)?,
            Continuation::Revert => {
                write_program(sandbox, reverted);
                self.converge(sandbox, "", true)?;
            }
            Continuation::Remove => self.converge(sandbox, &without, false)?,
            Continuation::Destroy => {}
            Continuation::DestroyLater => {
                let program = std::fs::read_to_string(sandbox.path("environments/dev.toml")).unwrap();
                write_program(sandbox, &(program + UNRELATED_CHANGE));
                run(sandbox, "", &["apply", "dev", "--yes", "--target", UNRELATED])?;
            }
        }
        let variant = if point.continuation == Continuation::Remove { &without } else { "" };
        run(sandbox, variant, &["destroy", "dev", "--yes"])?;
        let account = Account::of(sandbox);
        account.has_unchanged(&self.before)?;
        account.has_nothing_but(&self.before)
    }

    /// Applies the program as it is now, and expects an empty plan and no object twice.
    fn converge(&self, sandbox: &Sandbox, variant: &str, is_whole: bool) -> Verified {
        run(sandbox, variant, &["apply", "dev", "--yes"])?;
        run(sandbox, variant, &["plan", "dev", "--detailed-exitcode"])?;
        let kinds = Account::of(sandbox).objects.without(&self.before).kinds();
        if is_whole && kinds != self.complete {
            return Err(format!("objects by kind: {}", account::compare(&self.complete, &kinds)));
        }
        Ok(())
    }

    /// Runs points, those of one interruption together, and reports each of them. Returns the points that failed.
    fn run(&self, points: Vec<Point>, seed: u64) -> Vec<Point> {
        let started = Instant::now();
        let mut groups: Vec<Vec<Point>> = vec![];
        for point in points {
            match groups.last_mut() {
                Some(group) if group[0].is_same_interruption(&point) => group.push(point),
                _ => groups.push(vec![point]),
            }
        }
        let groups = Mutex::new(groups.into_iter());
        let (failed, counts) = (Mutex::new(vec![]), Mutex::new(BTreeMap::<&str, usize>::new()));
        let report = |point: &Point, began: Instant, outcome: Option<Verified>| {
            let word = match &outcome {
                None => "not reached",
                Some(Ok(())) => "converged",
                Some(Err(_)) => "FAILED",
            };
            *counts.lock().unwrap().entry(word).or_default() += 1;
            say(&format!("{point}: {word} ({:.1} s)", began.elapsed().as_secs_f64()));
            if let Some(Err(why)) = outcome {
                say(&format!("{why}\n    again: make sweep SWEEP='{point}'"));
                failed.lock().unwrap().push(point.clone());
            }
        };
        let worker = || {
            while let Some(group) = { groups.lock().unwrap().next() } {
                let began = Instant::now();
                match self.interrupt(&group[0]) {
                    Ok(None) => group.iter().for_each(|point| report(point, began, None)),
                    Err(why) => {
                        for (at, point) in group.iter().enumerate() {
                            let why = if at == 0 { why.clone() } else { "    as above".to_owned() };
                            report(point, began, Some(Err(why)));
                        }
                    }
                    Ok(Some(interrupted)) => {
                        for (at, point) in group.iter().enumerate() {
                            let began = Instant::now();
                            // The last point of the group needs no copy.
                            let copy = at + 1 < group.len();
                            let of = |sandbox| Interrupted { sandbox, address: interrupted.address.clone() };
                            let outcome = if copy {
                                self.resume(&of(interrupted.sandbox.copy()), point)
                            } else {
                                self.resume(&interrupted, point)
                            };
                            report(point, began, Some(outcome));
                        }
                    }
                }
            }
        };
        let workers = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(worker);
            }
        });
        let counts: Vec<String> = counts.into_inner().unwrap().iter().map(|(word, n)| format!("{n} {word}")).collect();
        say(&format!("fault sweep: {}; seed {seed}; {} s", counts.join(", "), started.elapsed().as_secs()));
        failed.into_inner().unwrap()
    }
}

fn write_program(sandbox: &Sandbox, text: &str) {
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    std::fs::write(sandbox.path("environments/dev.toml"), text).unwrap();
}

fn failed(what: &str, ran: &Ran) -> String {
    let end = |text: &str| {
        text.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n    ")
    };
    format!("    {what} ended with {}\n    {}\n    ── stdout\n    {}", ran.code, end(&ran.err), end(&ran.out))
}

/// Runs a command, and expects that it succeeds.
fn run(sandbox: &Sandbox, variant: &str, arguments: &[&str]) -> Verified {
    let faults = Faults::before(&sandbox.moto.url, vec![], 0).unwrap();
    let ran = sandbox.run_through(&faults, variant, arguments, LIMIT);
    if ran.code == 0 { Ok(()) } else { Err(failed(&format!("`{}`", arguments.join(" ")), &ran)) }
}

/// Runs a command, and returns its calls.
fn all_calls(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Call> {
    let faults = Faults::before(&sandbox.moto.url, vec![], 0).unwrap();
    sandbox.run_through(&faults, "", arguments, LIMIT).ok();
    faults.calls()
}

/// Returns the resource that a call is most likely about: one with a pending operation, of the type that the call names.
fn resource_of(call: &str, snapshot: &Snapshot) -> String {
    let named = |type_name: &str| {
        let words = type_name.rsplit(':').next().unwrap_or_default().split('-');
        let name: String = words.map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        if call.contains(&name) { name.len() } else { 0 }
    };
    let best = snapshot
        .rows
        .iter()
        .max_by_key(|(_, row)| (row.objects.iter().any(|object| object.pending.is_some()), named(&row.type_name)));
    best.map_or_else(|| UNRELATED.to_owned(), |(address, _)| address.clone())
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Pseudo-random order of points, by the seed: those of one interruption stay together.
fn shuffled(points: Vec<Point>, seed: u64) -> Vec<Point> {
    let key = |point: &Point| {
        let text = format!("{seed} {} {} {:?}", point.operation, point.call, point.interruption);
        provisioner_model::digest::sha256(text)
    };
    let mut points: Vec<(String, Point)> = points.into_iter().map(|point| (key(&point), point)).collect();
    points.sort_by(|(one, _), (two, _)| one.cmp(two));
    points.into_iter().map(|(_, point)| point).collect()
}

/// The value of a variable, if it is set and not empty.
fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "parameters of `make sweep`")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn seed() -> u64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    setting("SEED").map_or(now, |seed| seed.parse().expect("SEED is a number"))
}

#[test]
fn a_sample_of_interruptions_converges() {
    // One interruption of each operation, with two of its continuations.
    sample("a_sample_of_interruptions_converges", Place::Disk, 2);
}

#[test]
fn a_sample_of_interruptions_converges_with_the_state_in_s3() {
    sample("a_sample_of_interruptions_converges_with_the_state_in_s3", Place::S3, 1);
}

/// Runs one interruption of each operation, with so many of its continuations.
fn sample(test: &str, place: Place, continuations: u64) {
    let Some(sweep) = Sweep::new(test, place) else { return };
    let seed = seed();
    say(&format!("SEED={seed}"));
    let all = shuffled(sweep.points(), seed);
    let mut sample = vec![];
    for operation in sweep.calls.keys() {
        let of: Vec<&Point> = all.iter().filter(|point| point.operation == *operation).collect();
        let numbers = (0..continuations).map(|number| usize::try_from((seed + 2 * number) % 5).unwrap());
        sample.extend(numbers.map(|number| of[number].clone()));
    }
    let failed = sweep.run(sample, seed);
    assert!(failed.is_empty(), "SEED={seed}: {failed:#?}");
}

#[test]
#[ignore = "`make sweep` runs it: all points take hours"]
fn every_interruption_converges() {
    let place = if setting("STATE").as_deref() == Some("s3") { Place::S3 } else { Place::Disk };
    let Some(sweep) = Sweep::new("every_interruption_converges", place) else { return };
    let seed = seed();
    let all = sweep.points();
    let sizes = sweep.calls.iter().map(|(operation, calls)| format!("{} of {operation}", calls.len()));
    say(&format!("{} points: {} calls; SEED={seed}", all.len(), sizes.collect::<Vec<_>>().join(", ")));
    let points = match setting("SWEEP").as_deref().unwrap_or("50") {
        "all" => shuffled(all, seed),
        number if number.parse::<usize>().is_ok() => {
            shuffled(all, seed).into_iter().take(number.parse().unwrap()).collect()
        }
        point => vec![Point::from_str(point).unwrap()],
    };
    let failed = sweep.run(points, seed);
    let failed: Vec<String> = failed.iter().map(Point::to_string).collect();
    assert!(failed.is_empty(), "SEED={seed}: {} points did not converge:\n{}", failed.len(), failed.join("\n"));
}
