//! The first run on AWS (`tests/tools/first_run.py`), with moto in AWS mode in the place of AWS.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use provisioner_tests::{Emulator, faults::Faults};

use crate::sandbox::{Ran, Sandbox, ran};

const LIMIT: Duration = Duration::from_mins(10);

/// The secret key of the run's credentials, which no recording may have.
const SECRET_KEY: &str = "CanaryOfTheSecretKey0123456789";

struct FirstRun {
    /// Holds the environment files, and moto behind AWS mode.
    sandbox: Sandbox,
    faults: Faults,
    before: BTreeSet<String>,
}

impl FirstRun {
    fn new(test: &str) -> Option<Self> {
        let sandbox = Sandbox::new(test)?;
        let faults = Faults::aws_mode(&sandbox.moto.url, 0).unwrap();
        let before = sandbox.moto.everything();
        Some(Self { sandbox, faults, before })
    }

    fn run(&self, options: &[&str]) -> Ran {
        let mut command = Command::new("python3");
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/run.py"))
            .args(["first-aws-run", "dev", "--confirm", "dev"])
            .args(["--program", env!("CARGO_BIN_EXE_provisioner-under-test")])
            .arg("--folder")
            .arg(self.sandbox.path(""))
            .arg("--out")
            .arg(self.out())
            // A scaled wait is polled often.
            .args(["--pace", "--consistency-window 30 --poll 0.2"])
            .args(options)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        ran(self.faults.run(&mut command, LIMIT).unwrap())
    }

    fn out(&self) -> PathBuf {
        self.sandbox.path("first-run")
    }

    fn report(&self) -> String {
        std::fs::read_to_string(self.out().join("REPORT.md")).unwrap()
    }

    /// The recordings of one side, by the name of the step.
    fn recordings(&self, side: &str) -> Vec<(String, String)> {
        let steps = std::fs::read_dir(self.out().join(side)).unwrap().map(|entry| entry.unwrap().path());
        let recording = |step: PathBuf| {
            let text = std::fs::read_to_string(step.join("calls.jsonl")).ok()?;
            Some((step.file_name()?.to_string_lossy().into_owned(), text))
        };
        let mut recordings: Vec<_> = steps.filter_map(recording).collect();
        recordings.sort();
        recordings
    }

    fn assert_nothing_is_left(&self) {
        let left: Vec<_> = self.sandbox.moto.everything().difference(&self.before).cloned().collect();
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
}

#[test]
fn first_run_reports_how_aws_differs_from_the_emulator() {
    let Some(first) = FirstRun::new("first_run_reports_how_aws_differs_from_the_emulator") else { return };
    let emulator = Emulator::moto().unwrap();
    let told = first.run(&["--emulator", &emulator.url, "--limit", "8"]).ok().out;
    assert!(told.contains("NAT gateway") && told.contains("USD an hour"), "{told}");
    assert!(told.contains("nothing is left"), "{told}");
    first.assert_nothing_is_left();

    let report = first.report();
    let row = |start: &str, end: &str| {
        let found = report.lines().any(|line| line.starts_with(start) && line.contains(end));
        assert!(found, "{start} … {end} in\n{report}");
    };
    assert!(report.contains(&first.faults.url), "{report}");
    // What AWS mode plays, and moto does not.
    row("| `ec2:DescribeNatGateways` | `natGatewaySet.[].state` | `", "pending`");
    row("| `rds:DescribeDBInstances` | `DBInstances.DBInstance.DBInstanceStatus` | `", "creating`");
    row("| `ec2:DeleteSubnet` | `400 DependencyViolation` | AWS |", "");
    for step in ["plan", "apply", "plan-again", "drift", "stop", "start", "destroy"] {
        row(&format!("| {step} | as expected |"), "");
    }
    assert!(report.contains("Nothing is left") && !report.contains("LEFT BEHIND"), "{report}");

    for side in ["aws", "emulator"] {
        let recordings = first.recordings(side);
        assert_eq!(recordings.len(), 7, "{:?}", recordings.iter().map(|(step, _)| step).collect::<Vec<_>>());
        let (_, apply) = &recordings[1];
        assert!(apply.contains("\"operation\":\"secretsmanager:CreateSecret\""), "{apply:.2000}");
        for (step, text) in &recordings {
            // Neither values of credentials nor those of other members that are no states.
            for part in [SECRET_KEY, "AWS4-HMAC", "arn:aws", "BEGIN", "123456789012"] {
                assert!(!text.contains(part), "{part} in {side}/{step}");
            }
        }
    }
    assert!(first.out().join("hand-in.tar.gz").is_file());
}

#[test]
fn limit_of_the_first_run_destroys_what_was_made() {
    let Some(first) = FirstRun::new("limit_of_the_first_run_destroys_what_was_made") else { return };
    let told = first.run(&["--no-emulator", "--limit", "0.1"]).ended(1).out;
    assert!(told.contains("step apply was interrupted by the limit of 0.1 minutes"), "{told}");
    assert!(told.contains("nothing is left"), "{told}");
    // The interrupted apply has made something.
    let recordings = first.recordings("aws");
    assert!(recordings.iter().any(|(step, text)| step.ends_with("-apply") && text.contains("ec2:CreateVpc\"")));
    assert!(recordings.iter().any(|(step, text)| step.ends_with("-destroy") && text.contains("ec2:DeleteVpc\"")));
    first.assert_nothing_is_left();
    assert!(first.report().contains("| apply | interrupted by the limit of 0.1 minutes |"), "{}", first.report());
}

#[test]
fn first_run_makes_nothing_without_consent() {
    let Some(first) = FirstRun::new("first_run_makes_nothing_without_consent") else { return };
    let told = first.run(&["--no-emulator", "--confirm", "prod"]).ended(1);
    assert!(told.err.contains("expected dev, found 'prod'"), "{}", told.err);
    first.assert_nothing_is_left();
}
