//! The outputs of a stack, for people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use super::{cell, columns, value};

/// All outputs, a line for each.
pub fn all(outputs: &BTreeMap<String, Value>) -> String {
    let width = outputs.keys().map(|name| columns(name)).max().unwrap_or(0);
    let mut out = String::new();
    for (name, output) in outputs {
        let _ = writeln!(out, "{} = {}", cell(name, width), value::line(output, &BTreeSet::new()));
    }
    out
}

/// One output alone, for scripts: text without quotes, anything else as JSON.
pub fn one(output: &Value) -> String {
    output.as_str().map_or_else(|| output.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_name_neither_panics_nor_widens_the_table() {
        let outputs = BTreeMap::from([("a".to_owned(), Value::from(1)), ("x".repeat(70_000), Value::from(2))]);
        let text = all(&outputs);
        assert_eq!(text.lines().next().map(str::len), Some(100 + " = 1".len()));
    }
}
