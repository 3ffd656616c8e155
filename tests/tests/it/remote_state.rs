//! The state in a bucket, as several machines use it.

use std::{
    collections::BTreeSet,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::sandbox::{Sandbox, state_file};

const BUCKET: &str = "acme-provisioner-state";

/// A sandbox with a bucket, in which dev has its state.
fn sandbox(test: &str) -> Option<Sandbox> {
    let mut sandbox = Sandbox::new(test)?;
    sandbox.keep_state_in(BUCKET);
    Some(sandbox)
}

/// Names the place of dev's state in its file.
fn state_in(sandbox: &Sandbox, bucket: &str) {
    let table = format!("[state]\nbackend = \"s3\"\nbucket = \"{bucket}\"\n\n[network]");
    sandbox.edit("dev", "[network]", &table);
}

/// The state of dev, as the bucket has it.
fn state(sandbox: &Sandbox, bucket: &str) -> Value {
    let file = sandbox.path("fetched.json");
    let file = file.to_str().unwrap();
    sandbox.aws(&format!("s3api get-object --bucket {bucket} --key provisioner/dev/state.json {file}"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn keys(sandbox: &Sandbox, bucket: &str) -> Vec<String> {
    let listed = sandbox.aws(&format!("s3api list-objects-v2 --bucket {bucket}"));
    let text = |object: &Value| object["Key"].as_str().unwrap().to_owned();
    listed["Contents"].as_array().into_iter().flatten().map(text).collect()
}

/// Every object but those of the state.
fn objects(sandbox: &Sandbox) -> BTreeSet<String> {
    let mut objects = sandbox.moto.everything();
    objects.retain(|name| !name.starts_with("s3: FakeKey provisioner/"));
    objects
}

#[test]
fn environment_lives_with_its_state_in_a_bucket() {
    let Some(sandbox) = sandbox("environment_lives_with_its_state_in_a_bucket") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert!(!sandbox.path("state").exists(), "nothing is written on this machine");
    // The next machine has the environment file, and nothing else.
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ok();
    let listed = sandbox.run(&["state", "list", "dev"]).ok();
    assert!(listed.out.contains("network/vpc/main"), "{}", listed.out);
    assert_eq!(sandbox.run(&["outputs", "dev", "region"]).ended(1).code, 1, "an output that does not exist");
    assert!(sandbox.run(&["outputs", "dev", "url"]).ok().out.starts_with("http"));
    // A changed environment, and the version before.
    let serial = state(&sandbox, BUCKET)["serial"].as_u64().unwrap();
    sandbox.edit("dev", "max_tasks = 6", "max_tasks = 5");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert!(state(&sandbox, BUCKET)["serial"].as_u64().unwrap() > serial);
    assert!(keys(&sandbox, BUCKET).contains(&format!("provisioner/dev/history/{serial:020}.json")));
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    assert_eq!(state(&sandbox, BUCKET)["rows"], serde_json::json!({}));
}

#[test]
fn plan_makes_three_calls_more_with_the_state_in_a_bucket() {
    let Some(sandbox) = Sandbox::new("plan_makes_three_calls_more_with_the_state_in_a_bucket") else { return };
    let calls = |sandbox: &Sandbox| {
        let before = sandbox.moto.calls();
        sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ok();
        sandbox.moto.calls() - before
    };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let local = calls(&sandbox);
    sandbox.aws(&format!("s3api create-bucket --bucket {BUCKET}"));
    state_in(&sandbox, BUCKET);
    sandbox.run(&["state", "move", "dev", "--from", "local"]).ok();
    assert_eq!(calls(&sandbox), local + 3);
}

#[test]
fn state_moves_between_places_and_is_in_force_at_one() {
    let Some(sandbox) = Sandbox::new("state_moves_between_places_and_is_in_force_at_one") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    for bucket in ["first-bucket", "second-bucket"] {
        sandbox.aws(&format!("s3api create-bucket --bucket {bucket}"));
    }
    // The file names a place without state, while the old one is on this machine.
    state_in(&sandbox, "first-bucket");
    let refused = sandbox.run(&["plan", "dev"]).ended(1);
    assert!(refused.err.contains("provisioner state move dev --from local"), "{}", refused.err);
    sandbox.run(&["state", "move", "dev", "--from", "local"]).ok();
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ok();
    // Again, as after a kill at the very end.
    sandbox.run(&["state", "move", "dev", "--from", "local"]).ok();

    sandbox.edit("dev", "first-bucket", "second-bucket");
    sandbox.run(&["state", "move", "dev", "--from", "s3://first-bucket/provisioner"]).ok();
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ok();
    // A colleague with the file of yesterday.
    sandbox.edit("dev", "second-bucket", "first-bucket");
    let refused = sandbox.run(&["apply", "dev", "--yes"]).ended(1);
    let told = refused.err.replace("\n  ", " ");
    assert!(told.contains("it was moved to s3://second-bucket/provisioner/dev"), "{told}");
    // The copy on this machine is older still, and stays one.
    for command in [&["bootstrap", "dev", "--yes"][..], &["state", "move", "dev", "--from", "local"]] {
        sandbox.run(command).ended(1);
    }
    assert!(state(&sandbox, "first-bucket")["moved"]["to"].is_string());

    // And back to this machine.
    let table = "[state]\nbackend = \"s3\"\nbucket = \"first-bucket\"\n";
    sandbox.edit("dev", table, "");
    let refused = sandbox.run(&["state", "list", "dev"]).ended(1);
    let told = refused.err.replace("\n  ", " ");
    assert!(told.contains("it was moved to s3://first-bucket/provisioner/dev"), "{told}");
    sandbox.run(&["state", "move", "dev", "--from", "s3://second-bucket/provisioner"]).ok();
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ok();
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

#[test]
fn bootstrap_creates_the_bucket_and_moves_the_state() {
    let Some(sandbox) = Sandbox::new("bootstrap_creates_the_bucket_and_moves_the_state") else { return };
    let refused = sandbox.run(&["bootstrap", "dev", "--yes"]).ended(1);
    assert!(refused.err.contains("has its state on this machine"), "{}", refused.err);
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    state_in(&sandbox, BUCKET);
    sandbox.edit("dev", "backend = \"s3\"", "backend = \"s3\"\nlock_table = \"acme-locks\"");
    sandbox.run(&["bootstrap", "dev"]).ended(1);
    sandbox.run(&["bootstrap", "dev", "--yes"]).ok();
    let table = sandbox.aws("dynamodb describe-table --table-name acme-locks");
    assert_eq!(table["Table"]["KeySchema"][0]["AttributeName"], "LockID", "{table}");
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ok();

    let of = |operation: &str| sandbox.aws(&format!("s3api {operation} --bucket {BUCKET}"));
    assert_eq!(of("get-bucket-versioning")["Status"], "Enabled");
    let rule = &of("get-bucket-encryption")["ServerSideEncryptionConfiguration"]["Rules"][0];
    assert_eq!(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "aws:kms");
    let block = &of("get-public-access-block")["PublicAccessBlockConfiguration"];
    assert!(block.as_object().unwrap().values().all(|on| on == true), "{block}");
    assert!(of("get-bucket-policy")["Policy"].as_str().unwrap().contains("aws:SecureTransport"));

    // As after a kill before the bucket's own state was whole in the bucket.
    let file = sandbox.path("announced.json");
    let key = ".provisioner/state-bucket/state.json";
    sandbox.aws(&format!("s3api get-object --bucket {BUCKET} --key {key} {}", file.display()));
    let mut announced: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    announced["rows"] = serde_json::json!({});
    announced["moved"] = serde_json::json!({ "from": "the machine" });
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    std::fs::write(&file, state_file(announced)).unwrap();
    sandbox.aws(&format!("s3api put-object --bucket {BUCKET} --key {key} --body {}", file.display()));
    let resumed = sandbox.run(&["bootstrap", "dev", "--yes"]).ok();
    assert!(resumed.err.contains("is up to date"), "{}", resumed.err);

    // A colleague's machine has no state, and changes nothing.
    std::fs::remove_dir_all(sandbox.path("state")).unwrap();
    let before = objects(&sandbox);
    let again = sandbox.run(&["bootstrap", "dev", "--yes"]).ok();
    assert!(again.err.contains("is up to date"), "{}", again.err);
    assert_eq!(objects(&sandbox).symmetric_difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ok();
}

#[test]
fn bootstrap_uses_the_bucket_of_somebody_else() {
    let Some(sandbox) = sandbox("bootstrap_uses_the_bucket_of_somebody_else") else { return };
    let told = sandbox.run(&["bootstrap", "dev", "--yes"]).ok();
    assert!(told.err.replace('\n', " ").contains("was not created by"), "{}", told.err);
    assert!(sandbox.aws(&format!("s3api get-bucket-versioning --bucket {BUCKET}"))["Status"].is_null());
}

#[test]
fn environments_in_one_bucket_do_not_touch_each_other() {
    let Some(sandbox) = sandbox("environments_in_one_bucket_do_not_touch_each_other") else { return };
    let table = format!("[state]\nbackend = \"s3\"\nbucket = \"{BUCKET}\"\n\n[network]");
    sandbox.edit("prod", "[network]", &table);
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.run(&["apply", "prod", "--yes"]).ok();
    let prod = |sandbox: &Sandbox| {
        let mut keys = keys(sandbox, BUCKET);
        keys.retain(|key| key.starts_with("provisioner/prod/"));
        keys
    };
    let before = prod(&sandbox);
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    assert_eq!(prod(&sandbox), before);
    sandbox.run(&["plan", "prod", "--detailed-exitcode"]).ok();
}

#[test]
fn missing_bucket_and_wrong_table_are_explained() {
    let Some(sandbox) = Sandbox::new("missing_bucket_and_wrong_table_are_explained") else { return };
    state_in(&sandbox, "acme-missing");
    for command in [&["plan", "dev"][..], &["state", "list", "dev"]] {
        let refused = sandbox.run(command).ended(1);
        assert!(refused.err.contains("s3://acme-missing/provisioner/dev"), "{}", refused.err);
        assert!(refused.err.contains("provisioner bootstrap"), "{}", refused.err);
    }
    sandbox.edit("dev", "bucket = \"acme-missing\"", "buket = \"acme-missing\"");
    let refused = sandbox.run(&["plan", "dev"]).ended(1);
    assert!(refused.err.contains("did you mean `bucket`?"), "{}", refused.err);
    assert!(refused.err.contains("environments/dev.toml:"), "{}", refused.err);
}

#[test]
fn twenty_processes_change_one_state() {
    let Some(sandbox) = sandbox("twenty_processes_change_one_state") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let before = state(&sandbox, BUCKET);
    let addresses: Vec<String> = before["rows"].as_object().unwrap().keys().take(20).cloned().collect();
    let refusals: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = addresses
            .iter()
            .map(|address| {
                let sandbox = &sandbox;
                scope.spawn(move || {
                    let mut refusals = 0;
                    loop {
                        let ran = sandbox.run(&["state", "mv", "dev", address, &format!("{address}-moved")]);
                        if ran.code == 0 {
                            return refusals;
                        }
                        assert!(ran.err.contains("is leased by"), "{}", ran.err);
                        refusals += 1;
                        std::thread::sleep(Duration::from_millis(50));
                    }
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert!(refusals > 0, "they met");
    let after = state(&sandbox, BUCKET);
    let (first, last) = (before["serial"].as_u64().unwrap(), after["serial"].as_u64().unwrap());
    assert_eq!(last, first + 20, "no change is lost");
    for address in &addresses {
        assert!(after["rows"].get(format!("{address}-moved")).is_some(), "{address}");
    }
    let keys = keys(&sandbox, BUCKET);
    for serial in first..=last {
        assert!(keys.contains(&format!("provisioner/dev/history/{serial:020}.json")), "serial {serial}: {keys:?}");
    }
}

#[test]
fn process_that_wakes_after_its_lease_changes_nothing() {
    let Some(sandbox) = sandbox("process_that_wakes_after_its_lease_changes_nothing") else { return };
    let mut stopped = Stopped::new(&sandbox);
    let refused = sandbox.run(&["apply", "dev", "--yes"]).ended(1);
    assert!(refused.err.contains("with `apply dev`"), "{}", refused.err);
    assert!(refused.err.contains("provisioner unlock"), "{}", refused.err);
    let refused = sandbox.run(&["unlock", "dev"]).ended(1);
    assert!(refused.err.contains("renewed the lease"), "{}", refused.err);
    sandbox.run(&["unlock", "dev", "--yes"]).ok();
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let state_after = state(&sandbox, BUCKET);

    let (code, told) = stopped.wake();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("no longer holds the lease"), "{told}");
    assert_eq!(state(&sandbox, BUCKET), state_after);
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ok();
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

/// An apply of dev that is stopped in the middle.
struct Stopped(Option<Child>);

impl Stopped {
    fn new(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command("", &["apply", "dev", "--yes"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stopped = Self(Some(child));
        let begun = Instant::now();
        while !keys(sandbox, BUCKET).iter().any(|key| key.contains("/journal/")) {
            assert!(begun.elapsed() < Duration::from_mins(1), "the apply does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        stopped.signal("-STOP");
        stopped
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.as_ref().unwrap().id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Lets it go on, and returns how it ended and what it told.
    fn wake(&mut self) -> (Option<i32>, String) {
        self.signal("-CONT");
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn lock_table_is_held_besides_the_lease() {
    let Some(sandbox) = sandbox("lock_table_is_held_besides_the_lease") else { return };
    let lock = "{\"LockID\":{\"S\":\"acme-provisioner-state/provisioner/dev/state.json\"}";
    sandbox.edit("dev", "backend = \"s3\"", "backend = \"s3\"\nlock_table = \"acme-locks\"");
    sandbox.aws(
        "dynamodb create-table --table-name acme-locks --attribute-definitions AttributeName=LockID,AttributeType=S \
         --key-schema AttributeName=LockID,KeyType=HASH --billing-mode PAY_PER_REQUEST",
    );
    let info = "\"Info\":{\"S\":\"OperationTypeApply-by-ada\"}";
    sandbox.aws(&format!("dynamodb put-item --table-name acme-locks --item {lock},{info}}}"));
    let refused = sandbox.run(&["apply", "dev", "--yes", "--target", "secrets"]).ended(1).err;
    let refused = refused.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(refused.contains("has a lock of another program: OperationTypeApply-by-ada"), "{refused}");
    sandbox.aws(&format!("dynamodb delete-item --table-name acme-locks --key {lock}}}"));
    sandbox.run(&["apply", "dev", "--yes", "--target", "secrets"]).ok();
    assert_eq!(sandbox.aws("dynamodb scan --table-name acme-locks")["Count"], 0);
    // A killed run has left its item.
    let process = "\"ProvisionerProcess\":{\"S\":\"killed\"}";
    sandbox.aws(&format!("dynamodb put-item --table-name acme-locks --item {lock},{info},{process}}}"));
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    assert_eq!(sandbox.aws("dynamodb scan --table-name acme-locks")["Count"], 0);
}

#[test]
fn damaged_lease_is_replaced_by_unlock() {
    let Some(sandbox) = sandbox("damaged_lease_is_replaced_by_unlock") else { return };
    sandbox.run(&["apply", "dev", "--yes", "--target", "secrets"]).ok();
    let file = sandbox.path("lease.json");
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    std::fs::write(&file, "damaged").unwrap();
    sandbox
        .aws(&format!("s3api put-object --bucket {BUCKET} --key provisioner/dev/lease.json --body {}", file.display()));
    for command in [&["state", "verify", "dev"][..], &["destroy", "dev", "--yes"]] {
        let refused = sandbox.run(command).ended(1).err;
        assert!(refused.contains("lease.json cannot be read") && refused.contains("unlock ENV"), "{refused}");
    }
    sandbox.run(&["unlock", "dev"]).ended(1);
    sandbox.run(&["unlock", "dev", "--yes"]).ok();
    sandbox.run(&["state", "verify", "dev"]).ok();
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}
