//! A folder with environment files, an emulator, and the command line run against it as a user would.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use provisioner_model::plan::{Plan, Verdict};
use provisioner_tests::{Emulator, skipped};
use serde_json::Value;

pub(crate) struct Sandbox {
    pub(crate) moto: Emulator,
    folder: tempfile::TempDir,
}

/// How a command ended, and what it said.
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
        assert_eq!(self.code, code, "\n── out\n{}\n── err\n{}", self.out, self.err);
        self
    }
}

impl Sandbox {
    /// None, said loudly, where moto is not there.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let Some(moto) = Emulator::moto() else {
            skipped(test, "moto is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("environments");
        std::fs::create_dir(&to).unwrap();
        for name in ["dev.toml", "prod.toml"] {
            std::fs::copy(environments().join(name), to.join(name)).unwrap();
        }
        Some(Self { moto, folder })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program that users run.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner-under-test"));
        command.arg("-C").arg(self.folder.path()).args(arguments);
        // An emulator is never behind the times, and nobody waits here for what is ready at once.
        if ["plan", "apply", "destroy", "drift"].contains(&arguments[0]) {
            command.args(["--settle", "0", "--poll", "0.2"]);
        }
        ran(self.credentials(&mut command).output().unwrap())
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

    fn credentials<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("AWS_ENDPOINT_URL", &self.moto.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// The id of the object that stands for an address.
    pub(crate) fn id(&self, environment: &str, address: &str) -> String {
        let text = std::fs::read_to_string(self.path("state").join(environment).join("state.json")).unwrap();
        let state: Value = serde_json::from_str(&text).unwrap();
        state["rows"][address]["objects"][0]["id"].as_str().unwrap_or_else(|| panic!("{address} in {text}")).to_owned()
    }

    /// The plan as data.
    pub(crate) fn plan(&self, environment: &str) -> Plan {
        let file = self.path("plan.json");
        self.run(&["plan", environment, "--out", file.to_str().unwrap()]).ok();
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    /// What happens to which address; what stays as it is is left out.
    pub(crate) fn verdicts(&self, environment: &str) -> BTreeMap<String, Verdict> {
        let changed = |(address, planned): (String, provisioner_model::plan::Planned)| {
            (planned.verdict != Verdict::NoChange).then_some((address, planned.verdict))
        };
        self.plan(environment).resources.into_iter().filter_map(changed).collect()
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

fn environments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../environments")
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
