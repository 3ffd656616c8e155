//! Real files to damage: the state and a journal of an environment, saved plans, and environment files.

use std::path::Path;

use provisioner_cli::{Program, terminal::Terminal};
use provisioner_model::{
    Environment, In, Stack,
    environment::Mistake,
    journal::JournalEntry,
    stack::{Desired, Facts, Options},
    state::{Object, ObjectRole, Operation, Origin, Pending, ProviderTarget, Row, Snapshot},
};
use provisioner_store::{Disk, StateReader, journal};
use provisioner_testkit::{
    cloud::{Fake, types::registry},
    fixture::{doc, named, net, service, table, unnamed},
};
use serde_json::json;

/// The name of the environment.
pub(crate) const NAME: &str = "dev";

/// Environment files. The first two of them suit [`Settings`], the others are those of the repository.
const ENVIRONMENTS: [&str; 4] = [
    "project = \"shop\"\nregion = \"here\"\nservices = 1\n\n[network]\ncidr = \"10.0.0.0/16\"\nzones = [\"a\", \"b\"]\nnat = \"one\"\n",
    "project = \"shop\"\nregion = \"here\"\nservices = 2\nlabels = { team = \"web\", 'a b' = \"c\" }\nweights = [0.5, 1e3]\n\n\
     [network]\ncidr = \"10.0.0.0/16\"\nzones = []\n\n[[rules]]\nport = 443\n\n[[rules]]\nport = 0x50\nnote = \"\"\"\na\n  b\"\"\"\n",
    include_str!("../../../../environments/dev.toml"),
    include_str!("../../../../environments/prod.toml"),
];

/// Settings with a member of every shape that an environment file may have.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Settings {
    project: String,
    region: String,
    #[serde(default)]
    #[schemars(range(max = 4))]
    services: u8,
    network: Network,
    #[serde(default)]
    labels: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    weights: Vec<f64>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Network {
    cidr: String,
    #[schemars(inner(regex(pattern = "^[a-z]$")))]
    zones: Vec<String>,
    #[serde(default)]
    nat: Option<Nat>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Nat {
    One,
    PerZone,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Rule {
    port: u16,
    note: Option<String>,
}

impl Environment for Settings {
    fn project(&self) -> &str {
        &self.project
    }
    fn region(&self) -> &str {
        &self.region
    }
    fn problems(&self, _: &str) -> Vec<Mistake> {
        let wrong = self.rules.iter().position(|rule| rule.port == 0);
        wrong.map(|index| Mistake::new(&format!("rules.{index}.port"), "expected a port")).into_iter().collect()
    }
}

/// The stack of the corpus.
pub(crate) fn stack(settings: &Settings, stack: &mut Stack) {
    stack.default_tag("project", &settings.project);
    let network = stack.component("network", |stack| stack.add("main", net(1)));
    stack.add("main", table(&network, &[]));
    let text = stack.add("main", doc(settings.network.cidr.as_str()));
    for number in 0..settings.services {
        stack.add(&format!("s{number}"), service(&network, &text));
    }
    stack.add("first", named("first", 1));
    stack.add_with("second", unnamed(1), Options { protect: true, ..Options::default() });
    let rules = settings.rules.iter().map(|rule| json!([rule.port, rule.note])).collect::<Vec<_>>();
    let settings = format!(
        "{:?} {:?} {:?} {rules:?}",
        settings.labels,
        settings.weights,
        (&settings.network.zones, &settings.network.nat)
    );
    stack.output("settings", In::from(settings));
    stack.output("net", network.id());
}

/// Declares the stack as the command line does.
pub(crate) fn declare(settings: &Settings) -> Option<Desired> {
    let facts = Facts {
        environment: NAME.to_owned(),
        account: "1".to_owned(),
        region: settings.region.clone(),
        partition: "aws".to_owned(),
        stopped: false,
        discovered: std::collections::BTreeMap::new(),
    };
    let mut declared = Stack::new(facts);
    stack(settings, &mut declared);
    declared.finish().ok()
}

/// The account and region of the objects of the corpus.
pub(crate) fn target() -> ProviderTarget {
    ProviderTarget { account: "1".to_owned(), region: "here".to_owned(), endpoint: None }
}

/// Runs the command line on a cloud in memory, and returns its exit code.
pub(crate) fn run(folder: &Path, cloud: &Fake, arguments: &[&str]) -> u8 {
    let cloud = cloud.clone();
    let program =
        Program::new(stack).types(registry()).cloud(move |_| Ok(cloud.clone())).without_aws(|_: &Settings| target());
    let (terminal, _captured) = Terminal::captured();
    let words = [&["provisioner", "-C", folder.to_str().unwrap()], arguments].concat();
    provisioner_cli::run(&program, words.into_iter().map(Into::into).collect(), &terminal)
}

/// The files, and the cloud that they are about.
pub(crate) struct Corpus {
    pub(crate) cloud: Fake,
    pub(crate) states: Vec<Vec<u8>>,
    pub(crate) journals: Vec<Vec<u8>>,
    pub(crate) plans: Vec<Vec<u8>>,
    pub(crate) environments: Vec<Vec<u8>>,
    /// The settings of the first environment file.
    pub(crate) settings: Settings,
}

impl Corpus {
    /// Applies two environments on a cloud in memory, and collects the files.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("environments")).unwrap();
        let write =
            |text: &str| provisioner_files::write_atomically(&at("environments/dev.toml"), text.as_bytes()).unwrap();
        let cloud = Fake::default();
        let (mut states, mut plans) = (vec![], vec![]);
        let pace = ["--consistency-window", "0", "--poll", "0.001"];
        for text in &ENVIRONMENTS[..2] {
            write(text);
            let file = at("saved.json");
            let out = ["plan", NAME, "--out", file.to_str().unwrap()];
            assert_eq!(run(folder.path(), &cloud, &[&out[..], &pace[..]].concat()), 0);
            plans.push(std::fs::read(&file).unwrap());
            assert_eq!(run(folder.path(), &cloud, &[&["apply", NAME, "--yes"][..], &pace[..]].concat()), 0);
            states.push(std::fs::read(at("state/dev/state.json")).unwrap());
        }
        let disk = Disk::new(&at("state"), NAME);
        let snapshot = futures::executor::block_on(disk.load()).unwrap().unwrap();
        let journals =
            vec![entries(&snapshot, &[journal_of(&snapshot)]), entries(&snapshot, &[journal_of(&snapshot), vec![]])];
        let settings = provisioner_cli::environment::read(NAME, "dev.toml", ENVIRONMENTS[0], 0).unwrap().settings;
        let environments = ENVIRONMENTS.map(|text| text.as_bytes().to_vec()).to_vec();
        Self {
            cloud,
            states: states.into_iter().rev().collect(),
            journals,
            plans: plans.into_iter().rev().collect(),
            environments,
            settings,
        }
    }
}

fn entries(snapshot: &Snapshot, runs: &[Vec<JournalEntry>]) -> Vec<u8> {
    let mut text = vec![];
    for run in runs {
        let started = JournalEntry::RunStarted { lineage: snapshot.lineage.clone(), serial: snapshot.serial };
        for entry in std::iter::once(&started).chain(run) {
            text.extend(journal::line(entry).unwrap());
        }
    }
    text
}

/// A journal with every kind of entry.
fn journal_of(snapshot: &Snapshot) -> Vec<JournalEntry> {
    let (address, row) = snapshot.rows.iter().find(|(_, row)| row.type_name == "test:service").unwrap();
    let object = row.objects[0].clone();
    let bare = Row { objects: vec![], ..row.clone() };
    let (address, token) = (address.clone(), object.token.clone());
    let pending = Some(Pending { operation: Operation::Create, receipt: Some(json!({ "at": 1 })), inputs: None });
    let new = Object {
        id: None,
        outputs: None,
        token: "new".to_owned(),
        generation: 2,
        pending: pending.clone(),
        ..object.clone()
    };
    let adopted = Object { origin: Origin::Adopted, token: "adopted".to_owned(), ..object.clone() };
    let at = |address: &str| (address.to_owned(), Box::new(bare.clone()));
    let (made, row) = at("service/new");
    let (taken, taken_row) = at("service/taken");
    vec![
        JournalEntry::UpdateStarted { address: address.clone(), token: token.clone(), inputs: object.inputs.clone() },
        JournalEntry::Answered {
            address: address.clone(),
            token: token.clone(),
            id: "s#9".to_owned(),
            receipt: Some(json!(1)),
        },
        JournalEntry::CreateStarted { address: made.clone(), row: row.clone(), object: Box::new(new.clone()) },
        JournalEntry::Answered {
            address: made.clone(),
            token: new.token.clone(),
            id: "s#10".to_owned(),
            receipt: None,
        },
        JournalEntry::Completed {
            address: made.clone(),
            row,
            object: Box::new(Object { pending: None, role: ObjectRole::Current, ..new.clone() }),
        },
        JournalEntry::AdoptStarted { address: taken.clone(), row: taken_row, object: Box::new(adopted.clone()) },
        JournalEntry::HadNoEffect { address: taken.clone(), token: adopted.token.clone(), before: pending },
        JournalEntry::Renamed { from: taken.clone(), to: "service/other".to_owned() },
        JournalEntry::DeleteStarted { address: "service/other".to_owned(), token: adopted.token.clone() },
        JournalEntry::Removed { address: "service/other".to_owned(), token: adopted.token },
        JournalEntry::CreateStarted {
            address,
            row: Box::new(bare),
            object: Box::new(Object { token: "next".to_owned(), ..new }),
        },
    ]
}
