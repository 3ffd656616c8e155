//! The judge of templates: its own tests, its list of exceptions, and that a finding fails the test that caused it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
};

use provisioner_tests::{Templates, skipped};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    judge::documented_exceptions,
    sandbox::{Sandbox, ran},
};

/// A finding that is accepted, as `tests/tools/templates/exceptions.json` has it.
#[derive(Deserialize)]
struct Exception {
    rule: String,
    #[serde(rename = "type")]
    type_name: String,
    property: String,
    reason: String,
}

/// The Python with the judge's packages.
fn python(test: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where the judge is")]
    let python = std::env::var("PROVISIONER_TEMPLATES").ok();
    if python.is_none() {
        skipped(test, "the judge of templates is not installed");
    }
    python
}

#[test]
fn judge_of_templates_passes_its_own_tests() {
    let Some(python) = python("judge_of_templates_passes_its_own_tests") else { return };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/templates/tests.py");
    ran(Command::new(python).arg(tests).output().unwrap()).ok();
}

#[test]
fn finding_about_a_template_fails_the_test_that_caused_it() {
    if python("finding_about_a_template_fails_the_test_that_caused_it").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let templates = Templates::in_folder(folder.path().join("templates")).unwrap();
    let template = json!({
        "Metadata": { "Provisioner": {
            "Region": "us-east-1",
            "Account": "123456789012",
            "Addresses": { "A": "network/vpc/main" },
            "LeftOut": {},
        }},
        "Resources": { "A": { "Type": "AWS::EC2::VPC", "Properties": { "CidrBlock": "10.0.0.0/99" } } },
    });
    templates.add(&template).unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| drop(templates))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    let expected = "network/vpc/main AWS::EC2::VPC CidrBlock is \"10.0.0.0/99\"";
    assert!(text.starts_with("AWS would refuse these resources") && text.contains(expected), "{text}");
}

#[test]
fn template_command_prints_what_a_plan_declares() {
    let Some(sandbox) = Sandbox::new("template_command_prints_what_a_plan_declares") else { return };
    let printed: Value = serde_json::from_str(&sandbox.run(&["template", "dev"]).ok().out).unwrap();
    let file = sandbox.path("template.json");
    sandbox.run(&["plan", "dev", "--template", file.to_str().unwrap()]).ok();
    let planned: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let names =
        |template: &Value| -> Vec<String> { template["Resources"].as_object().unwrap().keys().cloned().collect() };
    assert_eq!(names(&printed), names(&planned));
    assert_eq!(planned["Metadata"]["Provisioner"]["Account"], "123456789012");
}

#[test]
fn exceptions_of_templates_are_listed_in_emulators_md() {
    let exceptions: Vec<Exception> =
        serde_json::from_str(include_str!("../../tools/templates/exceptions.json")).unwrap();
    let rows = documented_exceptions("## The judge of templates");
    let expected = exceptions.iter().map(|one| {
        let (rule, type_name, property, reason) = (&one.rule, &one.type_name, &one.property, &one.reason);
        format!("| `{rule}` | `{type_name}` | `{property}` | {reason} |")
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
}
