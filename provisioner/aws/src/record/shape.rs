//! The shape of a body: the path and the type of each member, and the values of some. No secret can be in it:
//!
//! - A path consists of names from `members.txt`, which has the members of the calls in AWS's models. The path has the name
//!   from that list, not the one from the body. Every other name, and each name in a map, such as the key of a tag, is `{}`.
//! - A value is kept if AWS's models give its member no other type than a boolean, a number or an enumeration, and no model
//!   calls it sensitive; or if `disclosed.txt` names the member, which holds states and codes.
//! - A text that is kept is short and has the characters of an identifier.
//!
//! `tests/tools/member_names.py` writes the list, and `tests/tests/it/members.rs` compares it with the models.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

use serde::Serialize;

/// The segment of a path for the items of a list.
pub(super) const ITEM: &str = "[]";

/// The segment for a name that is not in AWS's models.
const UNKNOWN: &str = "{}";

/// Maximum number of different values that are kept of a member.
const MAX_VALUES: usize = 8;

/// Maximum length of a text that is kept.
const MAX_LENGTH: usize = 64;

/// The members of a body, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Shape(BTreeMap<String, BodyMember>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct BodyMember {
    types: BTreeSet<&'static str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    values: BTreeSet<String>,
}

/// The kind of values that may be kept of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disclosure {
    Nothing,
    Boolean,
    Number,
    Text,
    /// Nothing, and its members have names of the user's own.
    Map,
}

/// The members of AWS's calls, with what may be kept of each.
static MEMBERS: LazyLock<HashMap<&'static str, Disclosure>> = LazyLock::new(|| {
    let mut members: HashMap<_, _> = include_str!("members.txt")
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((name, "boolean")) => (name, Disclosure::Boolean),
            Some((name, "number")) => (name, Disclosure::Number),
            Some((name, "enum")) => (name, Disclosure::Text),
            Some((name, "map")) => (name, Disclosure::Map),
            _ => (line, Disclosure::Nothing),
        })
        .collect();
    members.extend(include_str!("disclosed.txt").lines().map(|name| (name, Disclosure::Text)));
    members
});

/// Builds a shape along the nesting of a body.
#[derive(Default)]
pub(super) struct ShapeBuilder {
    shape: Shape,
    /// Static texts only: nothing that was read from a body can become a part of a path.
    path: Vec<&'static str>,
}

impl ShapeBuilder {
    pub(super) fn finish(self) -> Shape {
        self.shape
    }

    /// Enters a member by its name in the body.
    pub(super) fn enter(&mut self, name: &str) {
        self.path.push(MEMBERS.get_key_value(name).map_or(UNKNOWN, |(name, _)| name));
    }

    /// Enters a member in a protocol that writes a map as an object: there, its name may be the user's own.
    pub(super) fn enter_key(&mut self, name: &str) {
        let parent = self.path.last().and_then(|parent| MEMBERS.get(parent));
        self.enter(if parent == Some(&Disclosure::Map) { "" } else { name });
    }

    /// Enters the items of a list.
    pub(super) fn enter_item(&mut self) {
        self.path.push(ITEM);
    }

    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    /// Adds a member whose value is never kept.
    pub(super) fn add(&mut self, type_name: &'static str) {
        self.member(type_name, None);
    }

    pub(super) fn add_boolean(&mut self, value: bool) {
        let is_kept = self.disclosure() == Disclosure::Boolean;
        self.member("boolean", is_kept.then(|| value.to_string()));
    }

    /// Adds a number, as a protocol with types writes it.
    pub(super) fn add_number(&mut self, value: &str) {
        let is_kept = self.disclosure() == Disclosure::Number && value.len() <= MAX_LENGTH;
        self.member("number", is_kept.then(|| value.to_owned()));
    }

    /// Adds a text, as a protocol with types writes it.
    pub(super) fn add_text(&mut self, value: &str) {
        let is_kept = self.disclosure() == Disclosure::Text && is_identifier(value);
        self.member("text", is_kept.then(|| value.to_owned()));
    }

    /// Adds a value of a protocol that writes every type as text.
    pub(super) fn add_untyped(&mut self, value: &str) {
        match (self.disclosure(), value) {
            (Disclosure::Boolean, "true" | "false") => self.add_boolean(value == "true"),
            (Disclosure::Number, _) if value.parse::<f64>().is_ok() => self.add_number(value),
            _ => self.add_text(value),
        }
    }

    fn member(&mut self, type_name: &'static str, value: Option<String>) {
        let member = self.shape.0.entry(self.path.join(".")).or_default();
        member.types.insert(type_name);
        if member.values.len() < MAX_VALUES {
            member.values.extend(value);
        }
    }

    /// Returns what may be kept of the current member; items of a list are as the list.
    fn disclosure(&self) -> Disclosure {
        let name = self.path.iter().rev().find(|segment| **segment != ITEM);
        name.and_then(|name| MEMBERS.get(name)).copied().unwrap_or(Disclosure::Nothing)
    }
}

/// Returns whether a text looks like a state, a code or a value of an enumeration.
pub(super) fn is_identifier(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    text.len() <= MAX_LENGTH
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_models_include_the_disclosed_ones() {
        let names: Vec<&str> = include_str!("members.txt").lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(names.len() > 1000 && names.is_sorted(), "{}", names.len());
        for name in include_str!("disclosed.txt").lines() {
            assert!(names.contains(&name), "{name}");
        }
        for name in ["SecretString", "MasterUserPassword", "PrivateKey", "RandomPassword", "authorizationToken", "Key"]
        {
            assert!(matches!(MEMBERS[name], Disclosure::Nothing | Disclosure::Map), "{name}");
        }
    }

    #[test]
    fn texts_other_than_identifiers_are_not_kept() {
        for text in ["available", "configuring-enhanced-monitoring", "aws:kms", "db.t3.micro", "X86_64"] {
            assert!(is_identifier(text), "{text}");
        }
        let long = "a".repeat(65);
        for text in ["", "-1", "123456789012", "a b", "a/b", "a=b", "ünkn", &long] {
            assert!(!is_identifier(text), "{text}");
        }
    }
}
