//! The judge of requests: its own tests, its list of exceptions, and that a finding fails the test that caused it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
};

use provisioner_tests::{Emulator, skipped};
use serde::Deserialize;
use serde_json::json;

use crate::sandbox::{Sandbox, ran};

/// A finding that is accepted, as `tests/tools/judge/exceptions.json` has it.
#[derive(Deserialize)]
struct Exception {
    operation: String,
    member: String,
    rule: String,
    reason: String,
}

#[test]
fn judge_passes_its_own_tests() {
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where moto is")]
    let Ok(python) = std::env::var("PROVISIONER_MOTO") else {
        return skipped("judge_passes_its_own_tests", "moto is not installed");
    };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/judge/tests.py");
    ran(Command::new(python).arg(tests).output().unwrap()).ok();
}

#[test]
fn finding_fails_the_test_that_caused_it() {
    let Some(moto) = Emulator::moto() else {
        return skipped("finding_fails_the_test_that_caused_it", "moto is not installed");
    };
    let sandbox = Sandbox::on(moto);
    let group = json!({ "GroupName": "sg-app", "Description": "app", "VpcId": "vpc-1" });
    let user = json!({ "UserName": "app" });
    sandbox.ask(&[json!(["ec2", "create_security_group", group]), json!(["iam", "create_user", user])]);
    let panic = catch_unwind(AssertUnwindSafe(|| drop(sandbox))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    let expected = "ec2:CreateSecurityGroup GroupName is \"sg-app\"";
    assert!(text.contains(expected) && text.contains("API_CreateSecurityGroup.html"), "{text}");
    assert!(!text.contains("CreateUser"), "{text}");
}

/// Returns the rows of the table of exceptions in a section of EMULATORS.md.
pub(crate) fn documented_exceptions(heading: &str) -> Vec<String> {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("EMULATORS.md")).unwrap();
    let (_, section) = document.split_once(heading).expect("a section about the judge");
    let (_, section) = section.split_once("### Exceptions").expect("a section about exceptions");
    let lines = section.lines().take_while(|line| !line.starts_with("## "));
    lines.filter(|line| line.starts_with("| `")).map(str::to_owned).collect()
}

#[test]
fn exceptions_are_listed_in_emulators_md() {
    let exceptions: Vec<Exception> = serde_json::from_str(include_str!("../../tools/judge/exceptions.json")).unwrap();
    let rows = documented_exceptions("## The judge of requests");
    let expected = exceptions.iter().map(|one| {
        let (operation, member, rule, reason) = (&one.operation, &one.member, &one.rule, &one.reason);
        format!("| `{operation}` | `{member}` | {rule} | {reason} |")
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
}
