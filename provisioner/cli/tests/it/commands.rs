//! Whole commands, on a cloud in memory.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use provisioner_cli::{Program, terminal::Terminal};
use provisioner_model::{
    Environment, ErrorKind, Stack, Tags,
    journal::JournalEntry,
    stack::Options,
    state::{Operation, Pending, ProviderTarget},
};
use provisioner_store::{Disk, Holder, StateReader, Store};
use provisioner_testkit::cloud::{
    Fake,
    types::{Named, Net, Service, registry},
};
use serde_json::{Value, json};

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

struct Workspace {
    folder: tempfile::TempDir,
    cloud: Fake,
    account: &'static str,
}

struct Ended {
    code: u8,
    out: String,
    err: String,
}

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("environments")).unwrap();
        let workspace = Self { folder, cloud: Fake::default(), account: "1" };
        workspace.says("services = 2");
        workspace
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
    fn ends(&self, code: u8, line: &str) -> Ended {
        let ended = self.run(line);
        assert_eq!(ended.code, code, "{line}\n--- out\n{}\n--- err\n{}", ended.out, ended.err);
        ended
    }
}

#[test]
fn credentials_of_another_account_are_refused_before_the_first_apply() {
    let workspace = Workspace::new();
    workspace.says("services = 2\naccount = \"2\"");
    for line in ["plan dev", "apply dev --yes", "drift dev"] {
        let refused = workspace.ends(1, line);
        let expected = "the environment belongs to account 2, and these credentials are for account 1";
        assert!(refused.err.contains(expected), "{line}: {}", refused.err);
        assert!(refused.err.contains("correct `account` in the environment file"), "{}", refused.err);
    }
    assert!(!workspace.path().join("state").exists());
    workspace.ends(0, "validate dev");
    workspace.says("services = 2\naccount = \"1\"");
    workspace.ends(0, "apply dev --yes");
}

#[test]
fn create_and_destroy() {
    let workspace = Workspace::new();
    let plan = workspace.ends(2, "plan dev --detailed-exitcode");
    assert!(plan.out.contains("+ create network/net/main (test:net)"), "{}", plan.out);
    assert!(plan.out.contains("<network/net/main.id>  (known after apply)"), "{}", plan.out);
    assert!(plan.out.contains("Plan: 4 to create."), "{}", plan.out);
    assert!(!workspace.path().join("state").exists(), "a plan writes nothing");
    let refused = workspace.ends(1, "apply dev");
    assert!(refused.err.contains("hint: `--yes` approves"), "{}", refused.err);
    let applied = workspace.ends(0, "apply dev --yes");
    assert!(applied.err.contains("network/net/main: created net#"), "{}", applied.err);
    assert!(applied.err.contains("Done: 4 steps, in "), "{}", applied.err);
    assert!(applied.out.contains("Outputs\nnet = \"net#"), "{}", applied.out);
    let again = workspace.ends(0, "plan dev --detailed-exitcode");
    assert!(again.out.contains("No changes. Your infrastructure matches the stack."), "{}", again.out);
    assert!(workspace.ends(0, "outputs dev net").out.starts_with("net#"));
    assert!(workspace.ends(0, "outputs dev --json").out.contains("\"net\": \"net#"));
    assert!(workspace.ends(1, "outputs dev nat").err.contains("these exist: net"));
    workspace.ends(0, "destroy dev --yes");
    assert!(workspace.cloud.objects().is_empty());
    assert!(workspace.ends(0, "destroy dev --yes").out.contains("Nothing to destroy"));
}

#[test]
fn saved_plan_is_applied_exactly_or_refused() {
    let workspace = Workspace::new();
    let file = workspace.path().join("the.plan");
    let file = file.to_str().unwrap();
    workspace.ends(0, &format!("plan dev --out {file}"));
    workspace.ends(0, &format!("apply dev {file} --yes"));
    let stale = workspace.ends(1, &format!("apply dev {file} --yes"));
    assert!(stale.err.contains("the state has changed since the plan was made"), "{}", stale.err);
    assert!(stale.err.contains("hint: run `provisioner plan` again"), "{}", stale.err);

    workspace.says("services = 3");
    workspace.ends(0, &format!("plan dev --out {file}"));
    let elsewhere = Workspace { account: "2", ..workspace };
    let refused = elsewhere.ends(1, &format!("apply dev {file} --yes"));
    assert!(refused.err.contains("account 1 in nowhere"), "{}", refused.err);
    assert!(elsewhere.ends(1, "plan dev").err.contains("account 2"));

    let mut plan: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let after = std::mem::replace(&mut plan["steps"][0]["after"], json!([999]));
    provisioner_files::write_atomically(Path::new(file), plan.to_string().as_bytes()).unwrap();
    let damaged = elsewhere.ends(1, &format!("apply dev {file} --yes"));
    assert!(damaged.err.contains("contradicts itself") && damaged.err.contains("plan again"), "{}", damaged.err);
    plan["steps"][0]["after"] = after;
    plan["format"] = json!(99);
    provisioner_files::write_atomically(Path::new(file), plan.to_string().as_bytes()).unwrap();
    let newer = elsewhere.ends(1, &format!("apply dev {file} --yes"));
    assert!(newer.err.contains("has format 99"), "{}", newer.err);
    assert!(elsewhere.ends(1, "apply dev no-such-file --yes").err.contains("could not read the plan"));
    elsewhere.ends(64, &format!("apply dev {file} --target a/b"));
}

#[test]
fn drift_is_told_apart_and_repaired() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    assert!(workspace.ends(0, "drift dev --detailed-exitcode").out.starts_with("No drift"));
    let id = workspace.cloud.at("service/s0").unwrap().id;
    workspace.cloud.tamper(&id, |inputs| {
        inputs.insert("note".to_owned(), json!(9));
    });
    let drift = workspace.ends(2, "drift dev --detailed-exitcode");
    assert!(drift.out.contains("! changed service/s0") && drift.out.contains("~ note: 0 -> 9"), "{}", drift.out);
    let json: Value = serde_json::from_str(&workspace.ends(0, "drift dev --json").out).unwrap();
    assert_eq!(json["drift"][0]["address"], "service/s0");
    let plan = workspace.ends(0, "plan dev");
    assert!(plan.out.contains("note: 9 -> 0  [somebody else changed it]"), "{}", plan.out);
    assert!(plan.out.contains("1 to update; 1 drifted"), "{}", plan.out);
    let json: Value = serde_json::from_str(&workspace.ends(0, "plan dev --json").out).unwrap();
    assert_eq!(json["summary"]["update"], 1);
    workspace.ends(0, "apply dev --yes");
    workspace.ends(0, "plan dev --detailed-exitcode");
}

#[test]
fn yes_flag_does_not_allow_protected_delete() {
    let workspace = Workspace::new();
    workspace.says("services = 1\nkeep = true");
    workspace.ends(0, "apply dev --yes");
    let refused = workspace.ends(1, "destroy dev --yes");
    assert!(refused.err.contains("hint: to destroy it anyway: --confirm dev"), "{}", refused.err);
    assert!(refused.out.contains("protected: deleting it needs --allow-delete"), "{}", refused.out);
    workspace.ends(1, "destroy dev --confirm prod");
    let refused = workspace.ends(1, "apply dev --yes --replace named/db");
    assert!(refused.err.contains("--allow-delete named/db"), "{}", refused.err);
    workspace.ends(0, "apply dev --yes --replace named/db --allow-delete named/db");
    workspace.ends(0, "destroy dev --confirm dev");
    assert!(workspace.cloud.objects().is_empty());
}

#[test]
fn failure_is_reported_with_skipped_steps() {
    let workspace = Workspace::new();
    workspace.cloud.fail_next(1, ErrorKind::Denied);
    let failed = workspace.ends(1, "apply dev --yes");
    assert!(failed.err.contains("network/net/main: create failed"), "{}", failed.err);
    assert!(failed.err.contains("service/s0: skipped, since network/net/main failed"), "{}", failed.err);
    assert!(failed.err.contains("Not complete: 0 of 4 steps done, 1 failed, 3 skipped"), "{}", failed.err);
    workspace.ends(0, "apply dev --yes");
    workspace.ends(0, "plan dev --detailed-exitcode");
}

#[test]
fn the_state_is_listed_shown_and_changed() {
    let workspace = Workspace::new();
    assert!(workspace.ends(1, "state list dev").err.contains("`dev` has no state yet"));
    workspace.ends(0, "apply dev --yes");
    let list = workspace.ends(0, "state list dev").out;
    assert_eq!(list.lines().count(), 4, "{list}");
    let row: Value = serde_json::from_str(&workspace.ends(0, "state show dev network/net/main").out).unwrap();
    assert_eq!(row["type"], "test:net");
    assert!(workspace.ends(1, "state show dev network/net/man").err.contains("did you mean network/net/main?"));
    let needed = workspace.ends(1, "state rm dev network/net/main --yes");
    assert!(needed.err.contains("still refer to it"), "{}", needed.err);
    workspace.ends(1, "state rm dev service/s1");
    let id = workspace.cloud.at("service/s1").unwrap().id;
    workspace.ends(0, "state rm dev service/s1 --yes");
    let lost = workspace.ends(0, "plan dev");
    assert!(lost.out.contains("1 to create"), "{}", lost.out);
    workspace.ends(0, &format!("import dev service/s1 {id}"));
    assert!(workspace.ends(0, "state list dev").out.contains("[adopted]"));
    assert!(workspace.ends(1, &format!("import dev service/s1 {id}")).err.contains("in the state already"));
    assert!(workspace.ends(1, "import dev service/s9 x").err.contains("does not declare"));
    assert!(workspace.ends(1, "state mv dev network/net/main network/named/main").err.contains("another type"));
    workspace.ends(0, "state mv dev network/net/main network/net/other");
    assert!(workspace.ends(0, "state list dev").out.contains("network/net/other"));
    workspace.ends(0, "state mv dev network/net/other network/net/main");
    let plan = workspace.ends(0, "plan dev");
    assert!(!plan.out.contains("create") && !plan.out.contains("replace"), "{}", plan.out);
}

#[test]
fn many_entries_are_forgotten_at_once() {
    let workspace = Workspace::new();
    workspace.says("services = 2\nkeep = true");
    workspace.ends(0, "apply dev --yes");
    let missing = workspace.ends(1, "state rm dev service/s7 network/net/man service/s1 --yes").err;
    assert!(
        missing.contains("2 addresses are not in the state") && missing.contains("did you mean network/net/main?"),
        "{missing}"
    );
    let protected = workspace.ends(1, "state rm dev service/s1 named/db --yes").err;
    assert!(protected.contains("--confirm named/db"), "{protected}");
    // What refers to it leaves the state as well.
    workspace.ends(0, "state rm dev network service named --yes --confirm named/db");
    assert_eq!(workspace.ends(0, "state list dev").out, "");
}

#[test]
fn list_of_objects_is_imported_at_once() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let addresses = ["network/net/main", "service/s0", "service/s1"];
    let ids = addresses.map(|address| workspace.cloud.at(address).unwrap().id);
    let file = workspace.path().join("list.csv");
    let write = |text: String| provisioner_files::write_atomically(&file, text.as_bytes()).unwrap();
    let import = format!("import dev --list {}", file.display());
    workspace.ends(0, "state rm dev network service named --yes");
    write(format!("network/net/man,{}\nservice/s0,nothing\nservice/s1 {}\n", ids[0], ids[2]));
    let refused = workspace.ends(1, &import).err;
    for part in
        ["2 objects cannot be", "list.csv:1:1", "did you mean network/net/main?", "list.csv:2:1", "with the id nothing"]
    {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    assert_eq!(workspace.ends(0, "state list dev").out, "", "nothing was imported");
    let before = workspace.cloud.calls().len();
    write(format!("network/net/main,{}\nservice/s0,{}\nservice/s1 {}\n", ids[0], ids[1], ids[2]));
    let imported = workspace.ends(0, &import).err;
    assert!(imported.contains("A destroy forgets them and leaves them in AWS."), "{imported}");
    assert!(workspace.cloud.calls().len() - before <= 2, "a read for each type: {:?}", workspace.cloud.calls());
    let plan = workspace.ends(0, "plan dev").out;
    assert!(plan.contains("1 to create"), "{plan}");
    workspace.ends(64, "import dev network/net/main");
    workspace.ends(64, "import dev");
}

#[test]
fn component_is_moved_as_a_whole() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    assert!(workspace.ends(1, "state mv dev networks base").err.contains("is not in the state"));
    assert!(workspace.ends(1, "state mv dev network Base").err.contains("is not an address"));
    let moved = workspace.ends(0, "state mv dev network base").err;
    assert!(moved.contains("network/net/main is now base/net/main."), "{moved}");
    let service = workspace.ends(0, "state show dev service/s0").out;
    assert!(service.contains("\"$ref\": \"base/net/main\"") && !service.contains("network/net/main"), "{service}");
    workspace.ends(0, "state mv dev base network");
    workspace.ends(0, "plan dev --detailed-exitcode");
}

#[test]
fn damaged_state_is_named_and_repaired() {
    let workspace = Workspace::new();
    assert!(workspace.ends(1, "state verify dev").err.contains("`dev` has no state yet"));
    assert!(workspace.ends(1, "state repair prod").err.contains("these exist: dev"));
    workspace.ends(0, "apply dev --yes");
    let good = workspace.ends(0, "state verify dev").err;
    assert!(good.contains("no problem found in serial") && good.contains("with 4 resources"), "{good}");
    assert!(workspace.ends(0, "state repair dev --yes").err.contains("is not damaged"));

    let file = workspace.path().join("state/dev/state.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let write = |text: &str| provisioner_files::write_atomically(&file, text.as_bytes()).unwrap();
    write(&text[..text.len() / 2]);
    let damaged = workspace.ends(1, "plan dev").err;
    assert!(damaged.contains("is damaged at line") && damaged.contains("state repair ENV"), "{damaged}");
    let damaged = workspace.ends(1, "state verify dev").err;
    assert!(damaged.contains("the state of `dev` has 1 problem") && damaged.contains("state.json"), "{damaged}");
    assert!(workspace.ends(1, "state repair dev").err.contains("nothing was done"));
    let nothing = workspace.ends(1, "state repair dev --keep-edits --yes").err;
    assert!(nothing.contains("cannot be kept as it is"), "{nothing}");
    let repaired = workspace.ends(0, "state repair dev --yes").err;
    assert!(repaired.contains("history"), "{repaired}");
    workspace.ends(0, "plan dev --detailed-exitcode");
    workspace.ends(0, "state verify dev");

    // An edit by hand.
    let id = workspace.cloud.at("service/s1").unwrap().id;
    let edited = std::fs::read_to_string(&file).unwrap().replace(&id, "another");
    write(&edited);
    let changed = workspace.ends(1, "plan dev").err;
    assert!(changed.contains("is not as Provisioner wrote it"), "{changed}");
    let kept = workspace.ends(0, "state repair dev --keep-edits --yes");
    assert!(kept.err.contains("the state as edited"), "{}", kept.err);
    assert!(workspace.ends(0, "state show dev service/s1").out.contains("another"));
    write(&std::fs::read_to_string(&file).unwrap().replace("another", &id));
    let shown = workspace.ends(0, "state repair dev --yes");
    assert!(shown.out.contains(&format!("\"id\": \"{id}\"")), "the edit is shown: {}", shown.out);
    assert!(workspace.ends(0, "state show dev service/s1").out.contains("another"));
}

#[test]
fn exported_state_is_imported() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let file = workspace.path().join("exported.json");
    let import = format!("state import dev {}", file.display());
    let missing = workspace.ends(1, &format!("{import} --yes")).err;
    assert!(missing.contains("could not read"), "{missing}");
    let exported = workspace.ends(0, "state export dev").out;
    provisioner_files::write_atomically(&file, exported.as_bytes()).unwrap();
    workspace.ends(0, "state rm dev service/s1 --yes");
    let shown = workspace.ends(1, &import);
    assert!(shown.out.contains("service/s1") && shown.err.contains("no terminal"), "{} {}", shown.out, shown.err);
    workspace.ends(0, &format!("{import} --yes"));
    workspace.ends(0, "plan dev --detailed-exitcode");
    // A machine without the state.
    std::fs::remove_dir_all(workspace.path().join("state")).unwrap();
    workspace.ends(0, &import);
    workspace.ends(0, "plan dev --detailed-exitcode");
    // The state of another life.
    std::fs::remove_dir_all(workspace.path().join("state")).unwrap();
    let other = exported.replacen("\"lineage\": \"", "\"lineage\": \"x", 1);
    provisioner_files::write_atomically(&file, other.as_bytes()).unwrap();
    assert!(workspace.ends(1, &import).err.contains("is not as Provisioner wrote it"));
    let plain = format!("{{{}", other.split_once(',').unwrap().1);
    provisioner_files::write_atomically(&file, plain.as_bytes()).unwrap();
    workspace.ends(0, &import);
    provisioner_files::write_atomically(&file, exported.as_bytes()).unwrap();
    assert!(workspace.ends(1, &import).err.contains("lineage"));
}

#[test]
fn lost_state_is_no_new_environment() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let exported = workspace.ends(0, "state export dev").out;
    let file = workspace.path().join("exported.json");
    provisioner_files::write_atomically(&file, exported.as_bytes()).unwrap();
    std::fs::remove_file(workspace.path().join("state/dev/state.json")).unwrap();
    for command in ["plan dev", "apply dev --yes", "state list dev", "state verify dev"] {
        let lost = workspace.ends(1, command).err;
        assert!(lost.contains("is missing") && lost.contains("state repair ENV"), "{command}: {lost}");
    }
    workspace.ends(0, "state repair dev --yes");
    workspace.ends(0, "plan dev --detailed-exitcode");
    // Every version is damaged: an exported state takes their place.
    let folder = workspace.path().join("state/dev");
    let versions = std::fs::read_dir(folder.join("history")).unwrap().map(|entry| entry.unwrap().path());
    let newest = versions.filter_map(|path| path.file_stem()?.to_str()?.parse::<u64>().ok()).max().unwrap();
    for entry in std::fs::read_dir(folder.join("history")).unwrap() {
        provisioner_files::write_atomically(&entry.unwrap().path(), b"damaged").unwrap();
    }
    provisioner_files::write_atomically(&folder.join("state.json"), b"damaged").unwrap();
    let nothing = workspace.ends(1, "state repair dev --yes").err;
    assert!(
        nothing.contains("no version of the state of `dev` can be read") && nothing.contains("state import"),
        "{nothing}"
    );
    workspace.ends(0, &format!("state import dev {} --yes", file.display()));
    assert_eq!(std::fs::read(folder.join(format!("damaged/{}/state.json", newest + 1))).unwrap(), b"damaged");
    workspace.ends(0, "plan dev --detailed-exitcode");
    // The backups are still damaged, and that is no reason to write the state again.
    let backups = workspace.ends(1, "state repair dev --yes").err;
    assert!(backups.contains("no run needs this earlier version: remove it"), "{backups}");
}

#[test]
fn older_state_is_imported_above_the_kept_versions() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let exported = workspace.ends(0, "state export dev").out;
    let file = workspace.path().join("exported.json");
    provisioner_files::write_atomically(&file, exported.as_bytes()).unwrap();
    for (from, to) in [("s1", "s8"), ("s8", "s9"), ("s9", "s1")] {
        workspace.ends(0, &format!("state mv dev service/{from} service/{to}"));
    }
    let serials = |history: &str| {
        history.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).collect::<Vec<_>>()
    };
    let before = serials(&workspace.ends(0, "state history dev").out);
    workspace.ends(0, &format!("state import dev {} --yes", file.display()));
    let after = serials(&workspace.ends(0, "state history dev").out);
    assert_eq!(after, [&before[..], &[before.last().unwrap() + 1]].concat());
    // An older version that somebody copied over the state.
    let folder = workspace.path().join("state/dev");
    std::fs::copy(folder.join(format!("history/{}.json", before[0])), folder.join("state.json")).unwrap();
    let outdated = workspace.ends(1, "state verify dev").err;
    assert!(outdated.contains("and a version with serial"), "{outdated}");
}

#[test]
fn names_that_no_environment_has_are_refused() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let exported =
        workspace.ends(0, "state export dev").out.replace("\"environment\": \"dev\"", "\"environment\": \"../../out\"");
    let file = workspace.path().join("exported.json");
    let plain = format!("{{{}", exported.split_once(',').unwrap().1);
    provisioner_files::write_atomically(&file, plain.as_bytes()).unwrap();
    let import = format!("state import ../../out {} --yes", file.display());
    for command in ["unlock prdo", "unlock ..", "runs dev/", "runs dev/../dev", "state list dev/", import.as_str()] {
        let refused = workspace.ends(1, command).err;
        assert!(refused.contains("there is no environment"), "{command}: {refused}");
    }
    assert!(!workspace.path().join("../out").exists());
}

#[test]
fn consent_names_protected_resources_only() {
    let workspace = Workspace::new();
    workspace.says("services = 2\nkeep = true");
    workspace.ends(0, "apply dev --yes");
    let refused = workspace.ends(1, "state rm dev named service --yes --confirm service").err;
    assert!(
        refused.contains("is no protected resource") && refused.contains("anyway: --confirm named/db\n"),
        "{refused}"
    );
    let refused = workspace.ends(1, "state rm dev service --yes --confirm service/s0").err;
    assert!(refused.contains("leave --confirm out"), "{refused}");
}

#[test]
fn runs_are_recorded_and_shown() {
    let workspace = Workspace::new();
    assert!(workspace.ends(1, "runs dev").err.contains("`dev` has no state yet"));
    workspace.cloud.fail_next(1, ErrorKind::Denied);
    workspace.ends(1, "apply dev --yes");
    workspace.ends(0, "apply dev --yes");
    let list = workspace.ends(0, "runs dev").out;
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    let of =
        |outcome: &str| lines.iter().find(|line| line.contains(outcome)).unwrap().split_whitespace().next().unwrap();
    assert!(lines.iter().all(|line| line.contains("apply dev") && line.contains(": 4 to create")), "{list}");
    let (failed, complete) = (of("incomplete after"), of(" complete after"));
    let shown = workspace.ends(0, &format!("runs dev {failed}")).out;
    assert!(
        shown.contains("create network/net/main failed: ") && shown.contains("0 done, 1 failed, 3 skipped"),
        "{shown}"
    );
    assert!(shown.contains("service/s0 skipped: network/net/main failed"), "{shown}");
    let json: Value = serde_json::from_str(&workspace.ends(0, &format!("runs dev {complete} --json")).out).unwrap();
    assert_eq!((&json[0]["record"], &json[0]["command"]), (&"run".into(), &"apply dev".into()));
    assert_eq!(json.as_array().unwrap().last().unwrap()["outcome"], "complete");
    assert_eq!(workspace.ends(0, "runs dev latest").code, 0);
    assert!(workspace.ends(1, "runs dev 1999").err.contains("no recorded run `1999`"));

    // A killed run has no last line.
    let file = workspace.path().join("state/dev/runs").join(format!("{complete}.jsonl"));
    let text = std::fs::read_to_string(&file).unwrap();
    provisioner_files::write_atomically(&file, &text.as_bytes()[..text.len() - 40]).unwrap();
    assert!(workspace.ends(0, "runs dev").out.contains("killed, or still running: 4 to create"));
}

#[test]
fn versions_of_the_state_are_listed_and_compared() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let history = workspace.ends(0, "state history dev").out;
    let serial: u64 = history.lines().last().unwrap().split_whitespace().next().unwrap().parse().unwrap();
    workspace.ends(0, "state mv dev network/net/main network/net/other");
    let history = workspace.ends(0, "state history dev").out;
    let last = history.lines().last().unwrap();
    assert!(last.starts_with(&(serial + 1).to_string()) && last.contains("1 added"), "{history}");
    let diff = workspace.ends(0, &format!("state diff dev {serial}")).out;
    assert!(diff.contains("network/net/other (serial") && diff.contains("-    \"network/net/main\""), "{diff}");
    assert_eq!(workspace.ends(0, &format!("state diff dev {serial} {serial}")).out, "");
    let missing = workspace.ends(1, "state diff dev 99").err;
    assert!(missing.contains("there is no version 99") && missing.contains("these are kept: "), "{missing}");
}

#[test]
fn offline_commands() {
    let workspace = Workspace::new();
    assert_eq!(workspace.ends(0, "validate").out, "dev: good, 4 resources\n");
    assert!(workspace.ends(0, "graph dev").out.contains("\"service/s0\" -> \"network/net/main\""));
    assert!(workspace.ends(0, "graph dev --format svg").out.starts_with("<svg"));
    let template = workspace.ends(0, "template dev").out;
    assert!(template.contains("\"Type\": \"Test::Cloud::Net\""), "{template}");
    assert!(workspace.ends(0, "schema").out.contains("Number of services in the stack."));
    assert!(workspace.ends(0, "completions bash").out.contains("provisioner"));
    assert_eq!(workspace.cloud.calls().len(), 0, "no call was made");
    workspace.says("services = 2\nservises = 3");
    let wrong = workspace.ends(1, "validate dev");
    assert!(
        wrong.err.contains("environments/dev.toml:4:1") && wrong.err.contains("did you mean `services`?"),
        "{}",
        wrong.err
    );
    assert!(workspace.ends(1, "plan prod").err.contains("these exist: dev"));
}

#[test]
fn a_value_that_the_cloud_would_refuse_is_refused_offline_with_its_line() {
    let workspace = Workspace::new();
    workspace.says("services = 1\nrange = 255");
    for command in ["validate", "plan dev", "apply dev --yes"] {
        let refused = workspace.ends(1, command);
        assert!(refused.err.contains("the provider would refuse 1 input"), "{}", refused.err);
        assert!(refused.err.contains("network/net/main"), "{}", refused.err);
        assert!(refused.err.contains("range: expected another value, found 255"), "{}", refused.err);
        assert!(refused.err.contains("commands.rs:"), "{}", refused.err);
    }
    assert_eq!(workspace.cloud.calls().len(), 0, "no call was made");
    workspace.ends(0, "validate --no-schemas");
    workspace.ends(0, "apply dev --yes --no-schemas");
    workspace.ends(0, "destroy dev --yes --confirm dev");
}

#[test]
fn usage_errors_and_help() {
    let workspace = Workspace::new();
    assert!(workspace.ends(64, "plan").err.contains("ENV"));
    workspace.ends(64, "plann dev");
    workspace.ends(64, "plan dev --no-such-flag");
    assert!(workspace.ends(0, "--help").out.contains("64   invalid command line"));
    assert!(workspace.ends(0, "--version").out.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn protection_of_the_state_outlives_an_edited_plan() {
    let workspace = Workspace::new();
    workspace.says("services = 1\nkeep = true");
    workspace.ends(0, "apply dev --yes");
    let row = workspace.ends(1, "state rm dev named/db --yes").err;
    assert!(row.contains("named/db is protected") && row.contains("--confirm named/db"), "{row}");
    assert_eq!(workspace.ends(0, "state list dev").out.lines().count(), 3);

    workspace.says("services = 1");
    let file = workspace.path().join("plan.json");
    let file = file.to_str().unwrap();
    workspace.ends(0, &format!("plan dev --replace named/db --out {file}"));
    let edited = std::fs::read_to_string(file).unwrap().replace("\"protected\": true", "\"protected\": false");
    provisioner_files::write_atomically(Path::new(file), edited.as_bytes()).unwrap();
    let refused = workspace.ends(1, &format!("apply dev {file} --yes")).err;
    assert!(refused.contains("the plan deletes protected resources: named/db"), "{refused}");
    workspace.ends(0, &format!("apply dev {file} --yes --allow-delete named/db"));
}

#[test]
fn plan_beside_a_running_apply_names_it_and_does_not_wait() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    // Another process has the lock, and is creating a third service.
    let disk = Disk::new(&workspace.path().join("state"), "dev");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (lock, state) = runtime.block_on(async {
        let (owner, host, command) = ("ada".to_owned(), "ci".to_owned(), "apply dev".to_owned());
        let lock = disk.lock(Holder { owner, host, pid: 7, command, since: 0 }).await.unwrap();
        (lock, disk.load().await.unwrap().unwrap())
    });
    let mut row = state.rows["service/s1"].clone();
    let mut object = row.objects.remove(0);
    (object.id, object.outputs, object.token) = (None, None, "0-1".to_owned());
    object.made_at = u64::MAX / 2;
    object.pending = Some(Pending { operation: Operation::Create, receipt: None, inputs: None });
    let started = [
        JournalEntry::RunStarted { lineage: state.lineage.clone(), serial: state.serial },
        JournalEntry::CreateStarted { address: "service/s2".to_owned(), row: Box::new(row), object: Box::new(object) },
    ];
    for entry in started {
        runtime.block_on(disk.append(entry)).unwrap();
    }

    workspace.says("services = 3");
    let begun = Instant::now();
    let plan = workspace.ends(0, "plan dev");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let run = "another run is in progress: ada on ci (process 7) with `apply dev` since 1970-01-01";
    assert!(plan.out.contains(run) && plan.out.contains("create service/s2"), "{}", plan.out);
    let save = format!("plan dev --out {}", workspace.path().join("plan.json").display());
    for refused in ["apply dev --yes", "destroy dev --yes", &save] {
        let ended = workspace.ends(1, refused);
        assert!(ended.err.contains("is locked by ada on ci"), "{refused}: {}", ended.err);
    }
    drop(lock);
    workspace.ends(0, &save);
}
