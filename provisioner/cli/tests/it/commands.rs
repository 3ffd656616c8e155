//! Whole commands, on a cloud in memory.

use std::path::Path;

use provisioner_cli::{Program, terminal::Terminal};
use provisioner_model::{Environment, Kind, Stack, Tags, stack::Options, state::Target};
use provisioner_testkit::cloud::{
    Fake,
    types::{Named, Net, Service, registry},
};
use serde_json::{Value, json};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Mine {
    project: String,
    region: String,
    /// How many services.
    services: u8,
    #[serde(default)]
    range: u8,
    #[serde(default)]
    keep: bool,
}

impl Environment for Mine {
    fn project(&self) -> &str {
        &self.project
    }
    fn region(&self) -> &str {
        &self.region
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

struct World {
    folder: tempfile::TempDir,
    cloud: Fake,
    account: &'static str,
}

struct Ended {
    code: u8,
    out: String,
    err: String,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("environments")).unwrap();
        let world = Self { folder, cloud: Fake::default(), account: "1" };
        world.says("services = 2");
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the environment file.
    fn says(&self, text: &str) {
        let text = format!("project = \"shop\"\nregion = \"nowhere\"\n{text}\n");
        let path = self.path().join("environments/dev.toml");
        provisioner_files::write_atomically(&path, text.as_bytes()).unwrap();
    }

    fn run(&self, line: &str) -> Ended {
        let (cloud, account) = (self.cloud.clone(), self.account);
        let program =
            Program::new(stack).types(registry()).cloud(move |_| Ok(cloud.clone())).without_aws(move |env: &Mine| {
                Target { account: account.into(), region: env.region.clone(), endpoint: None }
            });
        let (terminal, kept) = Terminal::kept();
        let folder = self.path().to_str().unwrap();
        let words = ["provisioner", "-C", folder].into_iter().chain(line.split_whitespace());
        let code = provisioner_cli::run(&program, words.map(Into::into).collect(), &terminal);
        let kept = kept.lock().unwrap().clone();
        Ended { code, out: kept.out, err: kept.err }
    }

    /// Runs it, and expects this exit code.
    fn ends(&self, code: u8, line: &str) -> Ended {
        let ended = self.run(line);
        assert_eq!(ended.code, code, "{line}\n--- out\n{}\n--- err\n{}", ended.out, ended.err);
        ended
    }
}

#[test]
fn from_nothing_and_back() {
    let world = World::new();
    let plan = world.ends(2, "plan dev --detailed-exitcode");
    assert!(plan.out.contains("+ create network/net/main (test:net)"), "{}", plan.out);
    assert!(plan.out.contains("<network/net/main.id>  (known after apply)"), "{}", plan.out);
    assert!(plan.out.contains("Plan: 4 to create."), "{}", plan.out);
    assert!(!world.path().join("state").exists(), "a plan writes nothing");
    let refused = world.ends(1, "apply dev");
    assert!(refused.err.contains("hint: `--yes` approves"), "{}", refused.err);
    let applied = world.ends(0, "apply dev --yes");
    assert!(applied.err.contains("network/net/main: created net#"), "{}", applied.err);
    assert!(applied.err.contains("Done: 4 steps, in "), "{}", applied.err);
    assert!(applied.out.contains("Outputs\nnet = \"net#"), "{}", applied.out);
    let again = world.ends(0, "plan dev --detailed-exitcode");
    assert!(again.out.contains("No changes: what is there is what is declared."), "{}", again.out);
    assert!(world.ends(0, "outputs dev net").out.starts_with("net#"));
    assert!(world.ends(0, "outputs dev --json").out.contains("\"net\": \"net#"));
    assert!(world.ends(1, "outputs dev nat").err.contains("these exist: net"));
    world.ends(0, "destroy dev --yes");
    assert!(world.cloud.objects().is_empty());
    assert!(world.ends(0, "destroy dev --yes").out.contains("Nothing to destroy"));
}

#[test]
fn a_saved_plan_is_carried_out_or_refused() {
    let world = World::new();
    let file = world.path().join("the.plan");
    let file = file.to_str().unwrap();
    world.ends(0, &format!("plan dev --out {file}"));
    world.ends(0, &format!("apply dev {file} --yes"));
    let stale = world.ends(1, &format!("apply dev {file} --yes"));
    assert!(stale.err.contains("the state has changed since the plan was made"), "{}", stale.err);
    assert!(stale.err.contains("hint: plan again"), "{}", stale.err);

    world.says("services = 3");
    world.ends(0, &format!("plan dev --out {file}"));
    let elsewhere = World { account: "2", ..world };
    let refused = elsewhere.ends(1, &format!("apply dev {file} --yes"));
    assert!(refused.err.contains("account 1 in nowhere"), "{}", refused.err);
    assert!(elsewhere.ends(1, "plan dev").err.contains("account 2"));

    let mut plan: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    plan["format"] = json!(99);
    provisioner_files::write_atomically(Path::new(file), plan.to_string().as_bytes()).unwrap();
    let newer = elsewhere.ends(1, &format!("apply dev {file} --yes"));
    assert!(newer.err.contains("has format 99"), "{}", newer.err);
    assert!(elsewhere.ends(1, "apply dev no-such-file --yes").err.contains("could not read the plan"));
    elsewhere.ends(64, &format!("apply dev {file} --target a/b"));
}

#[test]
fn drift_is_told_apart_and_repaired() {
    let world = World::new();
    world.ends(0, "apply dev --yes");
    assert!(world.ends(0, "drift dev --detailed-exitcode").out.starts_with("No drift"));
    let id = world.cloud.at("service/s0").unwrap().id;
    world.cloud.tamper(&id, |inputs| {
        inputs.insert("note".to_owned(), json!(9));
    });
    let drift = world.ends(2, "drift dev --detailed-exitcode");
    assert!(drift.out.contains("! changed service/s0") && drift.out.contains("~ note: 0 -> 9"), "{}", drift.out);
    let json: Value = serde_json::from_str(&world.ends(0, "drift dev --json").out).unwrap();
    assert_eq!(json["drift"][0]["address"], "service/s0");
    let plan = world.ends(0, "plan dev");
    assert!(plan.out.contains("note: 9 -> 0  [somebody else changed it]"), "{}", plan.out);
    assert!(plan.out.contains("1 to update; 1 drifted"), "{}", plan.out);
    let json: Value = serde_json::from_str(&world.ends(0, "plan dev --json").out).unwrap();
    assert_eq!(json["summary"]["update"], 1);
    world.ends(0, "apply dev --yes");
    world.ends(0, "plan dev --detailed-exitcode");
}

#[test]
fn what_is_protected_needs_more_than_a_yes() {
    let world = World::new();
    world.says("services = 1\nkeep = true");
    world.ends(0, "apply dev --yes");
    let refused = world.ends(1, "destroy dev --yes");
    assert!(refused.err.contains("hint: to destroy it all the same: --confirm dev"), "{}", refused.err);
    assert!(refused.out.contains("protected: losing it needs consent"), "{}", refused.out);
    world.ends(1, "destroy dev --confirm prod");
    let refused = world.ends(1, "apply dev --yes --replace named/db");
    assert!(refused.err.contains("--allow-delete named/db"), "{}", refused.err);
    world.ends(0, "apply dev --yes --replace named/db --allow-delete named/db");
    world.ends(0, "destroy dev --confirm dev");
    assert!(world.cloud.objects().is_empty());
}

#[test]
fn a_failure_is_told_with_what_was_skipped() {
    let world = World::new();
    world.cloud.fail_next(1, Kind::Denied);
    let failed = world.ends(1, "apply dev --yes");
    assert!(failed.err.contains("network/net/main: create failed"), "{}", failed.err);
    assert!(failed.err.contains("service/s0: skipped, since network/net/main failed"), "{}", failed.err);
    assert!(failed.err.contains("Not complete: 0 of 4 steps done, 1 failed, 3 skipped"), "{}", failed.err);
    world.ends(0, "apply dev --yes");
    world.ends(0, "plan dev --detailed-exitcode");
}

#[test]
fn the_state_is_listed_shown_and_changed() {
    let world = World::new();
    assert!(world.ends(1, "state list dev").err.contains("`dev` has no state yet"));
    world.ends(0, "apply dev --yes");
    let list = world.ends(0, "state list dev").out;
    assert_eq!(list.lines().count(), 4, "{list}");
    let row: Value = serde_json::from_str(&world.ends(0, "state show dev network/net/main").out).unwrap();
    assert_eq!(row["type"], "test:net");
    assert!(world.ends(1, "state show dev network/net/man").err.contains("did you mean network/net/main?"));
    let needed = world.ends(1, "state rm dev network/net/main --yes");
    assert!(needed.err.contains("still refer to it"), "{}", needed.err);
    world.ends(1, "state rm dev service/s1");
    let id = world.cloud.at("service/s1").unwrap().id;
    world.ends(0, "state rm dev service/s1 --yes");
    let lost = world.ends(0, "plan dev");
    assert!(lost.out.contains("1 to create"), "{}", lost.out);
    world.ends(0, &format!("import dev service/s1 {id}"));
    assert!(world.ends(0, "state list dev").out.contains("[adopted]"));
    assert!(world.ends(1, &format!("import dev service/s1 {id}")).err.contains("in the state already"));
    assert!(world.ends(1, "import dev service/s9 x").err.contains("does not declare"));
    assert!(world.ends(1, "state mv dev network/net/main network/named/main").err.contains("another type"));
    world.ends(0, "state mv dev network/net/main network/net/other");
    assert!(world.ends(0, "state list dev").out.contains("network/net/other"));
    world.ends(0, "state mv dev network/net/other network/net/main");
    let plan = world.ends(0, "plan dev");
    assert!(!plan.out.contains("create") && !plan.out.contains("replace"), "{}", plan.out);
}

#[test]
fn offline_commands() {
    let world = World::new();
    assert_eq!(world.ends(0, "validate").out, "dev: good, 4 resources\n");
    assert!(world.ends(0, "graph dev").out.contains("\"service/s0\" -> \"network/net/main\""));
    assert!(world.ends(0, "graph dev --format svg").out.starts_with("<svg"));
    assert!(world.ends(0, "schema").out.contains("How many services."));
    assert!(world.ends(0, "completions bash").out.contains("provisioner"));
    assert_eq!(world.cloud.calls().len(), 0, "no call was made");
    world.says("services = 2\nservises = 3");
    let wrong = world.ends(1, "validate dev");
    assert!(
        wrong.err.contains("environments/dev.toml:4:1") && wrong.err.contains("did you mean `services`?"),
        "{}",
        wrong.err
    );
    assert!(world.ends(1, "plan prod").err.contains("these exist: dev"));
}

#[test]
fn usage_errors_and_help() {
    let world = World::new();
    assert!(world.ends(64, "plan").err.contains("ENV"));
    world.ends(64, "plann dev");
    world.ends(64, "plan dev --no-such-flag");
    assert!(world.ends(0, "--help").out.contains("64   the command line was not understood"));
    assert!(world.ends(0, "--version").out.contains(env!("CARGO_PKG_VERSION")));
}
