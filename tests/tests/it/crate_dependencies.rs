//! The crates of ARCHITECTURE.md: each depends only on what the table lists.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Allowed dependencies between crates. Development dependencies may add the testkit anywhere.
const ALLOWED_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("derive", &[]),
    ("model", &["derive"]),
    ("files", &[]),
    ("planner", &["model"]),
    ("store", &["model", "files"]),
    ("engine", &["model", "planner", "store"]),
    ("image", &["files"]),
    ("aws", &["model", "image", "store"]),
    ("reference-stack", &["model", "aws"]),
    ("cli", &["model", "files", "planner", "store", "engine", "aws", "reference-stack", "image"]),
    ("testkit", &["model", "planner", "store", "engine"]),
    ("tests", &["model", "planner", "store", "engine", "aws", "reference-stack", "cli", "image", "testkit"]),
    // It only chooses what the SDK is built with: see `.ci/features`.
    ("ci-sdk", &["image", "testkit"]),
];

/// Forbidden dependencies, even through other crates.
const NEVER: &[(&str, &[&str])] = &[
    ("model", &["tokio", "futures", "time", "rand", "uuid"]),
    ("planner", &["tokio", "futures", "time", "rand", "uuid"]),
    ("engine", &["clap", "toml", "indicatif", "miette"]),
    ("reference-stack", &["tokio", "aws-config"]),
];

/// Calls `check` with the package's name, whether it is an example, and its dependencies.
fn packages(mut check: impl FnMut(&str, bool, &[Value])) {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let path = package["manifest_path"].as_str().unwrap();
        check(
            package["name"].as_str().unwrap(),
            path.contains("/examples/"),
            package["dependencies"].as_array().unwrap(),
        );
    }
}

#[test]
fn crates_depend_only_on_allowed_crates() {
    let mut visited = BTreeMap::<String, BTreeSet<String>>::new();
    packages(|name, example, dependencies| {
        let short = name.strip_prefix("provisioner-").unwrap_or(name);
        let allowed: &[&str] = match ALLOWED_DEPENDENCIES.iter().find(|(crate_name, _)| *crate_name == short) {
            Some((_, allowed)) => allowed,
            // A stranger's stack sees the command line, the model and the resource types.
            None if example => &["cli", "model", "aws"],
            None => panic!("{name} has no room: add it to ARCHITECTURE.md and here"),
        };
        let used = visited.entry(short.to_owned()).or_default();
        let never = NEVER.iter().find(|(crate_name, _)| *crate_name == short).map_or(&[][..], |(_, never)| never);
        for dependency in dependencies {
            let testing = dependency["kind"] == "dev";
            let dependency = dependency["name"].as_str().unwrap();
            if let Some(other) = dependency.strip_prefix("provisioner-") {
                let fine = allowed.contains(&other) || (testing && other == "testkit");
                assert!(fine, "{name} may not use {dependency}");
                used.insert(other.to_owned());
            }
            assert!(testing || !never.contains(&dependency), "{name} must never know {dependency}");
        }
    });
    for (crate_name, allowed) in ALLOWED_DEPENDENCIES {
        let used = visited.get(*crate_name).unwrap_or_else(|| panic!("{crate_name} has a room and no crate"));
        let unused: Vec<_> = allowed.iter().filter(|allowed| !used.contains(**allowed)).collect();
        assert!(
            unused.is_empty(),
            "{crate_name} may use {unused:?} and does not: take it out here and in ARCHITECTURE.md"
        );
    }
}
