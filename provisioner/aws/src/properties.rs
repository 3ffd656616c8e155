//! Inputs in CloudFormation's form, where that is not their own: for `convert = …` of the derive.

#![allow(dead_code, reason = "a build with few features uses few of them")]

use std::collections::BTreeMap;

use provisioner_model::{
    In, ToProperty,
    cloudformation::{is_unknown, pairs, unless_empty},
};
use serde_json::Value;

/// Returns one of two texts for a boolean.
pub(crate) fn choice(on: &impl ToProperty, yes: &str, no: &str) -> Value {
    match on.to_property() {
        Value::Bool(true) => yes.into(),
        Value::Bool(false) => no.into(),
        other => other,
    }
}

/// Returns `ENABLED` or `DISABLED`.
pub(crate) fn enabled(on: &impl ToProperty) -> Value {
    choice(on, "ENABLED", "DISABLED")
}

/// Returns a number or a boolean as text.
pub(crate) fn text_of(value: &impl ToProperty) -> Value {
    match value.to_property() {
        value @ (Value::Number(_) | Value::Bool(_)) => value.to_string().into(),
        value => value,
    }
}

/// Returns a text, and nothing for an empty one, by which the program says that there is to be none.
pub(crate) fn filled_text(value: &In<String>) -> Value {
    match value.to_property() {
        Value::String(text) if text.is_empty() => Value::Null,
        value => value,
    }
}

pub(crate) fn names_and_values(map: &BTreeMap<String, In<String>>) -> Value {
    pairs(map, "Name", "Value")
}

pub(crate) fn names_and_sources(map: &BTreeMap<String, In<String>>) -> Value {
    pairs(map, "Name", "ValueFrom")
}

pub(crate) fn keys_and_values(map: &BTreeMap<String, String>) -> Value {
    pairs(map, "Key", "Value")
}

/// Returns the object with those of the members that have a value.
pub(crate) fn members<const N: usize>(members: [(&str, Value); N]) -> Value {
    provisioner_model::cloudformation::object(
        members.into_iter().map(|(name, value)| (name, unless_empty(value))).collect(),
    )
}

/// Returns the name of the resource type that an ID has: the beginning of a known one (`vpc-0123`), or the type in the
/// address of the resource that will have it (`network/vpc/main`).
pub(crate) fn kind_of_id(id: &Value) -> Option<&str> {
    if is_unknown(id) {
        return id["$ref"].as_str()?.rsplit('/').nth(1);
    }
    id.as_str()?.rsplit_once('-').map(|(kind, _)| kind)
}
