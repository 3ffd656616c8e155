//! The objects of an emulated account, compared before and after.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Kinds of which AWS keeps objects: earlier revisions of task definitions, and snapshots.
const STAYS: [&str; 3] = ["ecs: TaskDefinition", "rds: DBInstanceSnapshot", "rds: DBSnapshot"];

/// The attributes of each object, by its name; objects of different regions may have the same one.
pub(super) struct Objects(BTreeMap<String, Vec<String>>);

pub(super) struct Account {
    pub(super) objects: Objects,
}

impl Account {
    pub(super) fn of(sandbox: &Sandbox) -> Self {
        let mut objects = BTreeMap::<String, Vec<String>>::new();
        for (name, object) in sandbox.moto.objects() {
            // The objects of the state itself are as many as there were runs.
            if !STAYS.iter().any(|kind| name.starts_with(kind)) && !name.starts_with("s3: FakeKey provisioner/") {
                objects.entry(name).or_default().push(attributes(&object));
            }
        }
        objects.values_mut().for_each(|same| same.sort());
        Self { objects: Objects(objects) }
    }

    /// Checks that every object of `before` is as it was.
    pub(super) fn has_unchanged(&self, before: &Objects) -> Result<(), String> {
        let mut problems = String::new();
        for (name, there) in &before.0 {
            let now = self.objects.0.get(name).map(Vec::as_slice).unwrap_or_default();
            for one in there.iter().filter(|one| !now.contains(one)) {
                problems.push_str(&format!("\n    {name}\n      {one}\n      {}", now.join("\n      ")));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(format!("    objects of others changed: {problems}")) }
    }

    /// Checks that there is no object that `before` lacks.
    pub(super) fn has_nothing_but(&self, before: &Objects) -> Result<(), String> {
        let left = self.objects.without(before);
        if left.0.is_empty() { Ok(()) } else { Err(format!("    left behind: {:#?}", left.0)) }
    }
}

impl Objects {
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Returns the objects that `other` lacks, by name and number.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = BTreeMap::new();
        for (name, same) in &self.0 {
            let there = other.0.get(name).map_or(0, Vec::len);
            if same.len() > there {
                left.insert(name.clone(), same[there..].to_vec());
            }
        }
        Self(left)
    }

    /// Returns the number of objects of each kind.
    pub(super) fn kinds(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for (name, same) in &self.0 {
            let kind = name.split(' ').take(2).collect::<Vec<_>>().join(" ");
            *kinds.entry(kind).or_default() += same.len();
        }
        kinds
    }
}

/// Lists the kinds whose numbers differ.
pub(super) fn compare(expected: &BTreeMap<String, usize>, found: &BTreeMap<String, usize>) -> String {
    let kinds: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let count = |of: &BTreeMap<String, usize>, kind: &str| of.get(kind).copied().unwrap_or_default();
    let counted = kinds.into_iter().map(|kind| (kind, count(expected, kind), count(found, kind)));
    let differences = counted.filter(|(_, expected, found)| expected != found);
    let lines = differences.map(|(kind, expected, found)| format!("{kind}: expected {expected}, found {found}"));
    lines.collect::<Vec<_>>().join("; ")
}

/// Returns an object's attributes as text, without addresses in the emulator's memory.
fn attributes(object: &Value) -> String {
    let text = object.to_string();
    let mut parts = text.split(" at 0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}
