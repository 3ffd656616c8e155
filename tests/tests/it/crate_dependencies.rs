//! The crates of ARCHITECTURE.md: each depends only on what the table lists.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Allowed dependencies between crates. Development dependencies may add the testkit anywhere.
const ALLOWED_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("files", &[]),
    ("planner", &["model"]),
    ("store", &["model", "files"]),
    ("engine", &["model", "planner", "store"]),
    ("image", &["files"]),
    ("aws", &["model", "image"]),
    ("reference-stack", &["model", "aws"]),
    ("cli", &["model", "files", "planner", "store", "engine", "aws", "reference-stack", "image"]),
    ("testkit", &["model", "store", "engine"]),
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

#[test]
fn crates_depend_only_on_allowed_crates() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let mut visited = BTreeMap::<String, BTreeSet<String>>::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let short = name.strip_prefix("provisioner-").unwrap_or(name);
        let example = package.manifest_path.components().any(|part| part.as_str() == "examples");
        let allowed: &[&str] = match ALLOWED_DEPENDENCIES.iter().find(|(crate_name, _)| *crate_name == short) {
            Some((_, allowed)) => allowed,
            // A stranger's stack sees the command line, the model and the resource types.
            None if example => &["cli", "model", "aws"],
            None => panic!("{name} has no room: add it to ARCHITECTURE.md and here"),
        };
        let used = visited.entry(short.to_owned()).or_default();
        let never = NEVER.iter().find(|(crate_name, _)| *crate_name == short).map_or(&[][..], |(_, never)| never);
        for dependency in &package.dependencies {
            let testing = dependency.kind == DependencyKind::Development;
            if let Some(other) = dependency.name.strip_prefix("provisioner-") {
                let fine = allowed.contains(&other) || (testing && other == "testkit");
                assert!(fine, "{name} may not use {}", dependency.name);
                used.insert(other.to_owned());
            }
            assert!(
                testing || !never.contains(&dependency.name.as_str()),
                "{name} must never know {}",
                dependency.name
            );
        }
    }
    for (crate_name, allowed) in ALLOWED_DEPENDENCIES {
        let used = visited.get(*crate_name).unwrap_or_else(|| panic!("{crate_name} has a room and no crate"));
        let unused: Vec<_> = allowed.iter().filter(|allowed| !used.contains(**allowed)).collect();
        assert!(
            unused.is_empty(),
            "{crate_name} may use {unused:?} and does not: take it out here and in ARCHITECTURE.md"
        );
    }
}
