//! Damaged state, journal, plan and environment files: each is an error, or a value that the planner and the output can
//! handle. Nothing panics, takes long, or writes.
//!
//! The inputs are mutations of real files, because random values of `proptest` pass the parsers and random bytes never do.
//! `make fuzz-files N=NUMBER` runs more inputs than the tests do, with optimisation and overflow checks.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod corpus;
mod mutate;

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use provisioner_cli::{
    environment::{self, Mistakes},
    render::{self, PageFormat},
    saved,
};
use provisioner_engine::Refresh;
use provisioner_model::{
    Hint,
    erased::{Clouds, ResourceRegistry},
    plan::Plan,
    stack::Desired,
    state::Snapshot,
};
use provisioner_planner::{Input, Observations, Selection, drift, plan, protected, verify};
use provisioner_store::{StoreError, checksum, journal, snapshot};
use provisioner_testkit::{cloud::types::registry, generate::Spec, tuning::tuning};
use serde_json::Value;

use self::{
    corpus::{Corpus, NAME, Settings, declare, target},
    mutate::Random,
};

/// Inputs of the plain test run.
const INPUTS: u64 = 1_000;
/// One of so many inputs goes through files and whole commands.
const WHOLE_COMMAND: u64 = 500;
/// The longest time for one input, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);
/// The largest memory of the process in KiB.
const MEMORY: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    State,
    Journal,
    Plan,
    Environment,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Checksum {
    None,
    Damaged,
    Matching,
}

/// A damaged file.
struct Damaged {
    kind: Kind,
    text: Vec<u8>,
}

/// The corpus as bytes and as data.
struct Seeds {
    corpus: Corpus,
    /// Without checksums.
    states: Vec<Vec<u8>>,
    journals: Vec<Vec<u8>>,
    values: BTreeMap<&'static str, Vec<Value>>,
}

impl Seeds {
    fn new() -> Self {
        let corpus = Corpus::new();
        let plain = |texts: &[Vec<u8>]| texts.iter().map(|text| by_line(text, without_checksum)).collect();
        let (states, journals): (Vec<_>, Vec<_>) = (plain(&corpus.states), plain(&corpus.journals));
        let parse = |texts: &[Vec<u8>]| texts.iter().map(|text| serde_json::from_slice(text).unwrap()).collect();
        let lines = |texts: &[Vec<u8>]| {
            let lines = texts.iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
            lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect()
        };
        let values =
            BTreeMap::from([("state", parse(&states)), ("plan", parse(&corpus.plans)), ("journal", lines(&journals))]);
        Self { corpus, states, journals, values }
    }

    /// The damaged file of a number.
    fn damage(&self, seed: u64) -> Damaged {
        let random = &mut Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let kind = [Kind::State, Kind::Journal, Kind::Plan, Kind::Environment][random.below(4)];
        let structured = random.below(2) == 0;
        // Damage below a checksum that matches goes deeper than damage that the checksum shows.
        let checksum = [Checksum::None, Checksum::Damaged, Checksum::Matching][random.below(8).min(2)];
        let texts = match kind {
            Kind::State if checksum == Checksum::Damaged => &self.corpus.states,
            Kind::State => &self.states,
            Kind::Journal if checksum == Checksum::Damaged => &self.corpus.journals,
            Kind::Journal => &self.journals,
            Kind::Plan => &self.corpus.plans,
            Kind::Environment => &self.corpus.environments,
        };
        let text = match kind {
            Kind::State if structured => self.value(random, "state"),
            Kind::Plan if structured => self.value(random, "plan"),
            Kind::Journal if structured => self.entries(random),
            _ => mutate::text(random, texts),
        };
        let text = match kind {
            Kind::State if checksum == Checksum::Matching => checksum::add(&text),
            Kind::Journal if checksum == Checksum::Matching => by_line(&text, checksum::add),
            _ => text,
        };
        Damaged { kind, text }
    }

    fn value(&self, random: &mut Random, kind: &str) -> Vec<u8> {
        serde_json::to_vec(&mutate::value(random, &self.values[kind])).unwrap()
    }

    /// A journal of which one entry is damaged.
    fn entries(&self, random: &mut Random) -> Vec<u8> {
        let entries = &self.values["journal"];
        let damaged = random.below(entries.len());
        let mut text = vec![];
        for (number, entry) in entries.iter().enumerate() {
            let entry = if number == damaged { mutate::damaged(random, entry, entries) } else { entry.clone() };
            text.extend(serde_json::to_vec(&entry).unwrap());
            text.push(b'\n');
        }
        text
    }
}

/// Changes each line of a text.
fn by_line(text: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    text.split_inclusive(|byte| *byte == b'\n').flat_map(change).collect()
}

fn without_checksum(line: &[u8]) -> Vec<u8> {
    const START: &[u8] = b"{\"checksum\":\"";
    line.strip_prefix(START).map_or_else(|| line.to_vec(), |rest| [b"{", &rest[66..]].concat())
}

/// The stages that a file goes through.
struct Stages {
    registry: ResourceRegistry,
    desired: [Desired; 2],
    state: Snapshot,
    /// Number of files that passed the parsers.
    loaded: AtomicU64,
    /// Number of plans that were made or read.
    plans: AtomicU64,
}

impl Stages {
    fn new(corpus: &Corpus) -> Self {
        let state = snapshot::parse(Path::new("state.json"), NAME, &corpus.states[0]).unwrap();
        let desired = [declare(&corpus.settings).unwrap(), Spec::nothing()];
        Self { registry: registry(), desired, state, loaded: AtomicU64::new(0), plans: AtomicU64::new(0) }
    }

    fn check(&self, file: &Damaged, seed: u64) {
        match file.kind {
            Kind::State => {
                let parsed = snapshot::parse(Path::new("state.json"), NAME, &file.text);
                self.recorded(parsed.map(Some), seed);
            }
            Kind::Journal => {
                let path = Path::new("journal.jsonl");
                let state = self.state.clone();
                let entries = journal::parse(path, &file.text);
                self.recorded(entries.and_then(|entries| journal::replay(path, NAME, Some(state), entries)), seed);
            }
            Kind::Plan => match saved::parse(Path::new("saved.json"), NAME, &file.text) {
                Ok(plan) => {
                    self.loaded.fetch_add(1, Ordering::Relaxed);
                    let _ = saved::check_target(&plan, &target());
                    let _ = saved::check_facts(&plan, &self.desired[0].facts);
                    let _ = protected(&plan, &self.state);
                    self.planned(&plan);
                }
                Err(error) => assert!(!format!("{error} {:?}", error.hint()).is_empty()),
            },
            Kind::Environment => match environment(file.text.clone()) {
                Ok(settings) => {
                    self.loaded.fetch_add(1, Ordering::Relaxed);
                    if let Some(desired) = declare(&settings) {
                        self.plan(&self.state, &desired, &Observations::default());
                    }
                }
                Err(mistakes) => {
                    assert!(!mistakes.mistakes.is_empty());
                    for mistake in &mistakes.mistakes {
                        let location = mistake.diagnostic.location.as_ref().unwrap();
                        assert!(location.line >= 1 && location.column >= 1, "{location}");
                    }
                    render::diagnostic::mistakes(&mistakes, &PageFormat::plain(80), true);
                    render::diagnostic::mistakes(&mistakes, &PageFormat { width: 80, colour: true }, false);
                }
            },
        }
    }

    fn recorded(&self, loaded: Result<Option<Snapshot>, StoreError>, seed: u64) {
        match loaded {
            Ok(Some(state)) => {
                self.loaded.fetch_add(1, Ordering::Relaxed);
                verify::snapshot(&state, &self.registry);
                assert!(state.rows.keys().all(|address| state.next_generation(address) > 0));
                render::outputs::all(&state.outputs);
                self.plan_one_way(&state, seed);
            }
            Ok(None) => {}
            Err(error) => {
                if let StoreError::Damaged { line, column, .. } = &error {
                    assert!(*line >= 1 && *column >= 1);
                }
                assert!(!format!("{error} {:?}", error.hint()).is_empty());
            }
        }
    }

    /// Plans the stack or its deletion, without a refresh or with one that finds no object.
    fn plan_one_way(&self, state: &Snapshot, seed: u64) {
        let tokens = state.rows.values().flat_map(|row| &row.objects).map(|object| (object.token.clone(), None));
        let objects = if seed & 1 == 0 { tokens.collect() } else { HashMap::new() };
        let desired = &self.desired[usize::from(seed & 2 == 0)];
        self.plan(state, desired, &Observations { objects, ..Observations::default() });
    }

    fn plan(&self, state: &Snapshot, desired: &Desired, observed: &Observations) {
        let (selection, targets) = (Selection::default(), BTreeMap::from([("main".to_owned(), target())]));
        let registry = &self.registry;
        let input = Input { desired, snapshot: state, observed, registry, selection: &selection, targets: &targets };
        let page = PageFormat::plain(100);
        if let Ok(drift) = drift(&input) {
            render::plan::drift(&drift, &page);
        }
        match plan(&input) {
            Ok(plan) => self.planned(&plan),
            Err(problems) => {
                problems.iter().for_each(|problem| drop(render::diagnostic::diagnostic(problem, &page)));
            }
        }
    }

    fn planned(&self, plan: &Plan) {
        self.plans.fetch_add(1, Ordering::Relaxed);
        verify::plan(plan);
        render::plan::plan(plan, &PageFormat::plain(100));
        render::plan::json(plan);
    }
}

fn environment(text: Vec<u8>) -> Result<Settings, Mistakes> {
    let text = environment::decode("dev.toml", text)?;
    environment::read(NAME, "dev.toml", &text, 0).map(|file| file.settings)
}

/// Puts a damaged file in its place, and runs whole commands. They leave every file as it is, unless they apply.
fn whole_commands(folder: &Path, file: &Damaged, corpus: &Corpus) {
    let at = |name: &str| folder.join(name);
    let texts = [
        (Kind::State, "state/dev/state.json", &corpus.states[0]),
        (Kind::Journal, "state/dev/journal.jsonl", &corpus.journals[0]),
        (Kind::Plan, "saved.json", &corpus.plans[0]),
        (Kind::Environment, "environments/dev.toml", &corpus.environments[0]),
    ];
    let _ = std::fs::remove_dir_all(at("state"));
    for parent in ["environments", "state/dev"] {
        std::fs::create_dir_all(at(parent)).unwrap();
    }
    for (kind, name, intact) in texts {
        let text = if kind == file.kind { &file.text } else { intact };
        if kind != Kind::Journal || file.kind == Kind::Journal {
            provisioner_files::write_atomically(&at(name), text).unwrap();
        }
    }
    let before = contents(folder);
    let cloud = corpus.cloud.fork();
    let pace = ["--consistency-window", "0", "--poll", "0.001"];
    for command in
        [&["plan", NAME][..], &["state", "list", NAME], &["outputs", NAME], &["drift", NAME], &["validate", NAME]]
    {
        let pace = if ["plan", "drift"].contains(&command[0]) { &pace[..] } else { &[] };
        let code = corpus::run(folder, &cloud, &[command, pace].concat());
        assert!(code <= 1, "{command:?} ended with {code}");
        assert!(contents(folder) == before, "{command:?} wrote a file");
    }
    let saved = at("saved.json");
    let apply = ["apply", NAME, saved.to_str().unwrap(), "--yes"];
    let code = corpus::run(folder, &cloud, &[&apply[..], &pace[..]].concat());
    assert!(code <= 1, "apply ended with {code}");
    assert_eq!(std::fs::read(&saved).unwrap(), before[Path::new("saved.json")]);
}

/// The files below a folder and their contents. The lock file is left out: its contents are for people.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("lock") {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// The value of an environment variable that is a number.
fn number(variable: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how `make fuzz-files` says how much to run")]
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn damaged_files_are_errors_or_usable_values() {
    let inputs = number("PROVISIONER_FUZZ").unwrap_or(INPUTS);
    let first = number("PROVISIONER_FUZZ_SEED").unwrap_or(0);
    let seeds = Seeds::new();
    let stages = Stages::new(&seeds.corpus);
    let next = AtomicU64::new(first);
    let start = Instant::now();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let folder = tempfile::tempdir().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + inputs {
                        break;
                    }
                    if let Err(failure) = one(seed, &seeds, &stages, folder.path()) {
                        // The other threads stop as well.
                        next.store(first + inputs, Ordering::Relaxed);
                        panic!("{failure}");
                    }
                    if seed > first && seed.is_multiple_of(1_000_000) {
                        report(&format!("{} inputs after {:?}", seed - first, start.elapsed()));
                    }
                }
            });
        }
    });
    let [loaded, plans] = [&stages.loaded, &stages.plans].map(|number| number.load(Ordering::Relaxed));
    let memory = peak_memory();
    report(&format!("{inputs} inputs from seed {first} in {:?}", start.elapsed()));
    report(&format!("{loaded} passed the parsers, {plans} plans, {memory} KiB at most"));
    assert!(loaded >= inputs / 10, "too few inputs pass the parsers: {loaded}");
    assert!(memory < MEMORY, "{memory} KiB");
}

fn one(seed: u64, seeds: &Seeds, stages: &Stages, folder: &Path) -> Result<(), String> {
    let file = seeds.damage(seed);
    let start = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        stages.check(&file, seed);
        if seed.is_multiple_of(WHOLE_COMMAND) {
            whole_commands(folder, &file, &seeds.corpus);
        }
    }));
    let took = start.elapsed();
    if ended.is_ok() && took <= LIMIT {
        return Ok(());
    }
    let kept = std::env::temp_dir().join(format!("provisioner-fuzz-{seed}"));
    provisioner_files::write_atomically(&kept, &file.text).unwrap();
    let (kind, place) = (file.kind, kept.display());
    Err(format!("seed {seed}: {kind:?} panicked, or took too long ({took:?}); the file is {place}"))
}

fn report(line: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(format!("fuzz: {line}\n").as_bytes());
}

/// The largest memory that this process has had, in KiB; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

#[test]
fn damaged_states_are_refreshed() {
    let seeds = Seeds::new();
    let stages = Stages::new(&seeds.corpus);
    let mut clouds = Clouds::default();
    clouds.add("main", seeds.corpus.cloud.fork());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let states = (0..1_000).map(|seed| seeds.damage(seed)).filter(|file| file.kind == Kind::State);
    for file in states {
        let Ok(state) = snapshot::parse(Path::new("state.json"), NAME, &file.text) else { continue };
        let (registry, desired, tuning) = (&stages.registry, &stages.desired[0], tuning());
        let refresh = Refresh { registry, clouds: &clouds, snapshot: &state, desired, tuning, pending_only: false };
        if let Ok(observed) = runtime.block_on(provisioner_engine::refresh(&refresh)) {
            stages.plan(&state, desired, &observed);
        }
    }
}

#[test]
fn deep_and_long_files_are_errors() {
    let deep = 100_000;
    for text in ["[".repeat(deep), "{\"a\":".repeat(deep), format!("{}1{}", "[".repeat(deep), "]".repeat(deep))] {
        assert!(snapshot::parse(Path::new("state.json"), NAME, text.as_bytes()).is_err());
        assert!(journal::parse(Path::new("journal.jsonl"), format!("{text}\n").as_bytes()).is_err());
        assert!(saved::parse(Path::new("saved.json"), NAME, text.as_bytes()).is_err());
    }
    for text in [
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}", "{a = ".repeat(deep)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        format!("[[{}a]]", "a.".repeat(deep)),
        "a = 1\n".repeat(deep),
    ] {
        assert!(environment(text.into_bytes()).is_err());
    }
}
