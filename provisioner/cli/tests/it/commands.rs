//! Whole commands, on a cloud in memory.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use provisioner_model::{
    ErrorKind,
    journal::JournalEntry,
    state::{Operation, Pending},
};
use provisioner_store::{Disk, Holder, StateReader, Store};
use serde_json::{Value, json};

use crate::workspace::Workspace;

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
        assert!(refused.err.contains("workspace.rs:"), "{}", refused.err);
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
