//! A folder with environment files, an emulator, and the command line run against it as a user would.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use provisioner_aws::{Aws, s3::BucketStorage};
use provisioner_model::{plan::Plan, resource::Cloud as _, state::Snapshot};
use provisioner_store::{Disk, Remote, StateReader};
use provisioner_tests::{Emulator, Templates, faults::Faults, registry::LocalRegistry, skipped};
use serde_json::Value;

/// An emulator has no delays of its own, and a poll of one takes milliseconds.
const FAST: &[&str] = &["--consistency-window", "0", "--poll", "0.2"];

pub(crate) struct Sandbox {
    pub(crate) moto: Emulator,
    /// Build folder of an app, separate from those of other tests; `None` without an app.
    pub(crate) build: Option<PathBuf>,
    /// The engine's timing, as options of the command line.
    pub(crate) pace: &'static [&'static str],
    /// Access key, secret key and session token of a role, in place of the account's own.
    pub(crate) session: Option<[String; 3]>,
    /// The bucket that has dev's state, which otherwise is in the folder.
    state_bucket: Option<String>,
    /// The templates of the plans. They are judged at the end, before the folder goes.
    templates: Templates,
    folder: tempfile::TempDir,
}

/// The exit code and output of a command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.ended(0)
    }

    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        // What went wrong first: whoever reads of it may see the first lines only.
        assert!(self.code == code, "ended with {}, not {code}\n── err\n{}\n── out\n{}", self.code, self.err, self.out);
        self
    }
}

impl Sandbox {
    /// None, said loudly, where moto is not there.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::with(test, None)
    }

    /// The same, with a registry that images are pushed to.
    pub(crate) fn with(test: &str, registry: Option<&LocalRegistry>) -> Option<Self> {
        let Some(moto) = Emulator::moto_with(registry) else {
            skipped(test, "moto is not installed");
            return None;
        };
        Some(Self::on(moto))
    }

    /// Returns a sandbox on this emulator.
    pub(crate) fn on(moto: Emulator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("environments");
        std::fs::create_dir(&to).unwrap();
        for name in ["dev.toml", "prod.toml"] {
            std::fs::copy(environments().join(name), to.join(name)).unwrap();
        }
        let templates = Templates::in_folder(folder.path().join("templates")).unwrap();
        Self {
            moto,
            build: Some(folder.path().join("target")),
            pace: FAST,
            session: None,
            state_bucket: None,
            templates,
            folder,
        }
    }

    /// Creates a bucket, and names it in the environment file as the place of dev's state.
    pub(crate) fn keep_state_in(&mut self, bucket: &str) {
        self.aws(&format!("s3api create-bucket --bucket {bucket}"));
        let table = format!("[state]\nbackend = \"s3\"\nbucket = \"{bucket}\"\n\n[network]");
        self.edit("dev", "[network]", &table);
        self.state_bucket = Some(bucket.to_owned());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program that users run.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_as("", arguments)
    }

    /// Runs the program as somebody changed it: see [`provisioner_tests::variant::Variant`].
    pub(crate) fn run_as(&self, variant: &str, arguments: &[&str]) -> Ran {
        let ran = ran(self.command(variant, arguments).output().unwrap());
        // A failure leaves the user to act, whatever the test is about: it says how, or shows the place in a file.
        let helps = ["hint: ", "help: ", ",-["].iter().any(|mark| ran.err.contains(mark));
        assert!(ran.code != 1 || helps, "no hint after {arguments:?}\n{}", ran.err);
        ran
    }

    /// Runs the program through a proxy that injects faults, for at most `limit`.
    pub(crate) fn run_through(&self, faults: &Faults, variant: &str, arguments: &[&str], limit: Duration) -> Ran {
        self.move_state(&faults.url);
        ran(faults.run(&mut self.command(variant, arguments), limit).unwrap())
    }

    /// Returns a sandbox with a copy of moto's objects and of the environment and state files.
    pub(crate) fn copy(&self) -> Self {
        let mut copy = Self::on(self.moto.copy().unwrap());
        copy.state_bucket.clone_from(&self.state_bucket);
        for name in ["environments", "state"] {
            // With the state in a bucket, the folder has none.
            if self.path(name).exists() {
                copy_folder(&self.path(name), &copy.path(name));
            }
        }
        copy
    }

    /// Changes the endpoint that the state of dev belongs to: a copy of moto and each proxy have their own port.
    fn move_state(&self, endpoint: &str) {
        let Some(text) = self.state_text("dev") else { return };
        let text = with_endpoint(&text, endpoint);
        if let Some(bucket) = &self.state_bucket {
            let client = self.client().reader().s3();
            let put = client.put_object().bucket(bucket).key(STATE_KEY).body(text.into()).send();
            block_on(put).unwrap();
        } else {
            #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
            std::fs::write(self.path("state/dev/state.json"), text).unwrap();
        }
    }

    /// The recorded state of dev, with the journal of an interrupted command; an empty one before the first apply.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let loaded = match &self.state_bucket {
            Some(bucket) => {
                let storage = BucketStorage::new(&self.client(), bucket, None);
                let store = Remote::new(storage, "provisioner/", "dev", "the test", || 0);
                block_on(store.load())
            }
            None => block_on(Disk::new(&self.path("state"), "dev").load()),
        };
        loaded.unwrap().unwrap_or_else(|| Snapshot::new("none", "dev"))
    }

    fn client(&self) -> Aws {
        Aws::at(&self.moto.url, "us-east-1", "test", "test")
    }

    pub(crate) fn command(&self, variant: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner-under-test"));
        if !variant.is_empty() {
            command.env("PROVISIONER_TESTS_VARIANT", variant);
        }
        command.arg("-C").arg(self.folder.path()).args(arguments);
        if ["plan", "apply", "destroy", "drift", "rollback", "bootstrap", "stop", "start"].contains(&arguments[0]) {
            command.args(self.pace);
        }
        if self.declares(arguments) {
            command.arg("--template").arg(self.template());
        }
        if let Some(build) = &self.build {
            command.env("CARGO_TARGET_DIR", build);
        }
        // moto has no load balancer that could be asked.
        if arguments[0] == "apply" && !arguments.iter().any(|one| ["--reach", "--no-wait"].contains(one)) {
            command.arg("--no-verification");
        }
        self.credentials(&mut command);
        command
    }

    /// Returns whether a command makes a plan of the declared resources: neither a destroy nor a saved plan.
    fn declares(&self, arguments: &[&str]) -> bool {
        match arguments[0] {
            "plan" => !arguments.contains(&"--destroy") && !arguments.contains(&"--template"),
            "apply" => !arguments[1..].iter().any(|one| self.path(one).is_file()),
            _ => false,
        }
    }

    /// A file for the template of a plan, which the sandbox's end judges.
    pub(crate) fn template(&self) -> PathBuf {
        self.templates.file()
    }

    /// An independent client: the AWS CLI. Its answer as JSON, null where there is none.
    pub(crate) fn aws(&self, arguments: &str) -> Value {
        #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
        let program = std::env::var("PROVISIONER_AWS_CLI").unwrap_or_else(|_| "aws".to_owned());
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace()).args(["--output", "json", "--endpoint-url", &self.moto.url]);
        let ran = ran(self.credentials(&mut command).output().unwrap());
        assert_eq!(ran.code, 0, "aws {arguments}: {}", ran.err);
        serde_json::from_str(&ran.out).unwrap_or(Value::Null)
    }

    /// An independent client for many calls at once: `[service, operation, members]` each. A failed one answers
    /// `{"error": …}`.
    pub(crate) fn ask(&self, calls: &[Value]) -> Vec<Value> {
        #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
        let client = std::env::var("PROVISIONER_AWS_CLI").unwrap_or_else(|_| "aws".to_owned());
        let mut command = Command::new(Path::new(&client).with_file_name("python"));
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/ask.py")).arg(&self.moto.url);
        let piped = self.credentials(&mut command).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdin.take().unwrap().write_all(Value::from(calls).to_string().as_bytes()).unwrap();
        let ran = ran(child.wait_with_output().unwrap()).ok();
        serde_json::from_str(&ran.out).unwrap()
    }

    /// The number of the emulator's account.
    pub(crate) fn account(&self) -> String {
        self.state("dev")["targets"]["main"]["account"].as_str().unwrap().to_owned()
    }

    fn credentials<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("AWS_ENDPOINT_URL", &self.moto.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        if let Some([key, secret, token]) = &self.session {
            command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret).env("AWS_SESSION_TOKEN", token);
        }
        command
    }

    fn state(&self, environment: &str) -> Value {
        serde_json::from_slice(&self.state_text(environment).unwrap()).unwrap()
    }

    /// The state file of an environment, if there is one.
    fn state_text(&self, environment: &str) -> Option<Vec<u8>> {
        match &self.state_bucket {
            Some(bucket) if environment == "dev" => block_on(async {
                let client = self.client().reader().s3();
                let state = client.get_object().bucket(bucket).key(STATE_KEY).send().await.ok()?;
                Some(state.body.collect().await.unwrap().to_vec())
            }),
            _ => std::fs::read(self.path("state").join(environment).join("state.json")).ok(),
        }
    }

    /// The id of the object that stands for an address.
    pub(crate) fn id(&self, environment: &str, address: &str) -> String {
        let state = self.state(environment);
        state["rows"][address]["objects"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{address} in {state:#}"))
            .to_owned()
    }

    /// The inputs of an address as they were written last.
    pub(crate) fn recorded(&self, environment: &str, address: &str) -> Value {
        self.state(environment)["rows"][address]["objects"][0]["inputs"].clone()
    }

    /// Returns address, type and ID of each entry in the state.
    pub(crate) fn rows(&self, environment: &str) -> Vec<(String, String, String)> {
        let state = self.state(environment);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row =
            |(address, row): (&String, &Value)| (address.clone(), text(&row["type"]), text(&row["objects"][0]["id"]));
        state["rows"].as_object().unwrap().iter().map(row).collect()
    }

    /// An output of the last apply of dev.
    pub(crate) fn output(&self, name: &str) -> String {
        let state = self.state("dev");
        state["outputs"][name].as_str().unwrap_or_else(|| panic!("{name} in {state:#}")).to_owned()
    }

    /// Returns the revision of the task definition that dev's service runs, as `family:revision`, and its number of tasks.
    pub(crate) fn running(&self) -> (String, i64) {
        let (cluster, name) = (self.output("cluster"), self.output("service"));
        let told = self.aws(&format!("ecs describe-services --cluster {cluster} --services {name}"));
        let service = &told["services"][0];
        let revision = service["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (revision, service["desiredCount"].as_i64().unwrap())
    }

    /// The plan as data.
    pub(crate) fn plan(&self, environment: &str) -> Plan {
        let file = self.path("plan.json");
        self.run(&["plan", environment, "--out", file.to_str().unwrap()]).ok();
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    /// Changes the text of an environment file.
    pub(crate) fn edit(&self, environment: &str, from: &str, to: &str) {
        let file = self.path("environments").join(format!("{environment}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    }

    /// A plan that finds nothing to do, said by the exit code.
    #[track_caller]
    pub(crate) fn unchanged(&self, environment: &str) {
        self.run(&["plan", environment, "--detailed-exitcode"]).ok();
    }
}

/// Key of the state in its bucket.
const STATE_KEY: &str = "provisioner/dev/state.json";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn with_endpoint(state: &[u8], endpoint: &str) -> Vec<u8> {
    let mut state: Value = serde_json::from_slice(state).unwrap();
    for target in state["targets"].as_object_mut().into_iter().flat_map(|targets| targets.values_mut()) {
        target["endpoint"] = endpoint.into();
    }
    state_file(state)
}

/// The text of a state file that a test has changed.
pub(crate) fn state_file(mut state: Value) -> Vec<u8> {
    state.as_object_mut().unwrap().remove("checksum");
    provisioner_store::checksum::add(state.to_string().as_bytes())
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn environments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../environments")
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
