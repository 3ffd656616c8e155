//! A folder, a cloud in memory, and the command line run on them.

use std::path::Path;

use provisioner_cli::{Program, terminal::Terminal};
use provisioner_model::{Environment, Stack, Tags, stack::Options, state::ProviderTarget};
use provisioner_testkit::cloud::{
    Fake,
    types::{Named, Net, Service, registry},
};
use serde_json::json;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Mine {
    project: String,
    region: String,
    /// Number of services in the stack.
    services: u8,
    #[serde(default)]
    range: u8,
    #[serde(default)]
    keep: bool,
    #[serde(default)]
    account: Option<String>,
}

impl Environment for Mine {
    fn project(&self) -> &str {
        &self.project
    }
    fn region(&self) -> &str {
        &self.region
    }
    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }
}

fn stack(env: &Mine, stack: &mut Stack) {
    stack.default_tag("project", &env.project);
    let net =
        stack.component("network", |stack| stack.add("main", Net { range: env.range, label: None, tags: Tags::new() }));
    for number in 0..env.services {
        let inputs = json!({ "net": net.id(), "doc": "text", "count": 1, "note": 0 });
        stack.add(&format!("s{number}"), serde_json::from_value::<Service>(inputs).unwrap());
    }
    let database = json!({ "class": 1, "size": 1, "net": net.id() });
    let options = Options { protect: env.keep, ..Options::default() };
    stack.add_with("db", serde_json::from_value::<Named>(database).unwrap(), options);
    stack.output("net", net.id());
}

pub(crate) struct Workspace {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) cloud: Fake,
    pub(crate) account: &'static str,
}

pub(crate) struct Ended {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("environments")).unwrap();
        let workspace = Self { folder, cloud: Fake::default(), account: "1" };
        workspace.says("services = 2");
        workspace
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the environment file.
    pub(crate) fn says(&self, text: &str) {
        let text = format!("project = \"shop\"\nregion = \"nowhere\"\n{text}\n");
        let path = self.path().join("environments/dev.toml");
        provisioner_files::write_atomically(&path, text.as_bytes()).unwrap();
    }

    pub(crate) fn run(&self, line: &str) -> Ended {
        let (cloud, account) = (self.cloud.clone(), self.account);
        let program =
            Program::new(stack).types(registry()).cloud(move |_| Ok(cloud.clone())).without_aws(move |env: &Mine| {
                ProviderTarget { account: account.into(), region: env.region.clone(), endpoint: None }
            });
        let (terminal, captured) = Terminal::captured();
        let folder = self.path().to_str().unwrap();
        let words = ["provisioner", "-C", folder].into_iter().chain(line.split_whitespace());
        let code = provisioner_cli::run(&program, words.map(Into::into).collect(), &terminal);
        let output = captured.lock().unwrap().clone();
        Ended { code, out: output.out, err: output.err }
    }

    /// Runs it, and expects this exit code.
    pub(crate) fn ends(&self, code: u8, line: &str) -> Ended {
        let ended = self.run(line);
        assert_eq!(ended.code, code, "{line}\n--- out\n{}\n--- err\n{}", ended.out, ended.err);
        ended
    }
}
