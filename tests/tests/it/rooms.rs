//! The rooms of ARCHITECTURE.md: a crate uses what the table lists, and nothing else.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Who may use whom. Development dependencies may add the testkit anywhere.
const ROOMS: &[(&str, &[&str])] = &[
    ("derive", &[]),
    ("model", &["derive"]),
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

#[test]
fn crates_use_only_what_their_room_allows() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let mut seen = BTreeSet::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let short = name.strip_prefix("provisioner-").unwrap_or(name);
        let example = package.manifest_path.components().any(|part| part.as_str() == "examples");
        let allowed: &[&str] = match ROOMS.iter().find(|(room, _)| *room == short) {
            Some((_, allowed)) => allowed,
            // A stranger's stack sees the command line, the model and the resource types.
            None if example => &["cli", "model", "aws"],
            None => panic!("{name} has no room: add it to ARCHITECTURE.md and here"),
        };
        seen.insert(short.to_owned());
        let never = NEVER.iter().find(|(room, _)| *room == short).map_or(&[][..], |(_, never)| never);
        for dependency in &package.dependencies {
            let testing = dependency.kind == DependencyKind::Development;
            if let Some(used) = dependency.name.strip_prefix("provisioner-") {
                let fine = allowed.contains(&used) || (testing && used == "testkit");
                assert!(fine, "{name} may not use {}", dependency.name);
            }
            assert!(
                testing || !never.contains(&dependency.name.as_str()),
                "{name} must never know {}",
                dependency.name
            );
        }
    }
    assert!(ROOMS.iter().all(|(room, _)| seen.contains(*room)), "a room without a crate");
}
