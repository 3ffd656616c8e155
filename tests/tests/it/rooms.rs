//! The rooms of ARCHITECTURE.md: a crate uses what the table lists, and nothing else.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

/// Who may use whom. Development dependencies may add the testkit anywhere.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("planner", &["model"]),
    ("store", &["model"]),
    ("engine", &["model", "planner", "store"]),
    ("image", &["store"]),
    ("aws", &["model", "store", "image"]),
    ("stacks", &["model", "aws"]),
    ("cli", &["model", "planner", "store", "engine", "aws", "stacks", "image"]),
    ("testkit", &["model", "store", "engine", "planner"]),
    ("tests", &["model", "planner", "store", "engine", "aws", "stacks", "cli", "image", "testkit"]),
];

/// What a crate must never learn: crates that it may not use, however indirectly they are offered.
const NEVER: &[(&str, &[&str])] = &[
    ("model", &["tokio", "futures", "time", "rand", "uuid"]),
    ("planner", &["tokio", "futures", "time", "rand", "uuid"]),
    ("engine", &["clap", "toml", "indicatif", "miette"]),
    ("stacks", &["tokio", "aws-config"]),
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
        check(package["name"].as_str().unwrap(), path.contains("/examples/"), package["dependencies"].as_array().unwrap());
    }
}

#[test]
fn crates_use_only_what_their_room_allows() {
    let mut seen = BTreeSet::new();
    packages(|name, example, dependencies| {
        let short = name.strip_prefix("provisioner-").unwrap_or(name);
        let allowed: &[&str] = match ROOMS.iter().find(|(room, _)| *room == short) {
            Some((_, allowed)) => allowed,
            // A stranger's stack sees the command line, the model and the resource types.
            None if example => &["cli", "model", "aws"],
            None => panic!("{name} has no room: add it to ARCHITECTURE.md and here"),
        };
        seen.insert(short.to_owned());
        let never = NEVER.iter().find(|(room, _)| *room == short).map_or(&[][..], |(_, never)| never);
        for dependency in dependencies {
            let testing = dependency["kind"] == "dev";
            let dependency = dependency["name"].as_str().unwrap();
            if let Some(used) = dependency.strip_prefix("provisioner-") {
                let fine = allowed.contains(&used) || (testing && used == "testkit");
                assert!(fine, "{name} may not use {dependency}");
            }
            assert!(testing || !never.contains(&dependency), "{name} must never know {dependency}");
        }
    });
    assert!(ROOMS.iter().all(|(room, _)| seen.contains(*room)), "a room without a crate");
}
