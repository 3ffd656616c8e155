//! The outputs of a stack, for people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use super::{columns, value};

/// All outputs, a line for each.
pub fn all(outputs: &BTreeMap<String, Value>) -> String {
    let pad = outputs.keys().map(|name| columns(name)).max().unwrap_or(0);
    let mut out = String::new();
    for (name, output) in outputs {
        let _ = writeln!(out, "{name:pad$} = {}", value::line(output, &BTreeSet::new()));
    }
    out
}

/// One output alone, for scripts: text without quotes, anything else as JSON.
pub fn one(output: &Value) -> String {
    output.as_str().map_or_else(|| output.to_string(), str::to_owned)
}
