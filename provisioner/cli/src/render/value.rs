//! One value, as people read it.

use std::collections::BTreeSet;

use provisioner_model::expr::Expr;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{PageFormat, Tone};

/// Texts longer than this are cut.
const LONG: usize = 300;
/// Values of more lines than this are cut.
const TALL: usize = 40;

/// A value on one line: secrets by their name, what is not known yet by where it comes from.
pub fn line(value: &Value, waits_for: &BTreeSet<String>) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => string(text, waits_for),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| line(item, waits_for)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            if let Some(secret) = secret(value) {
                return secret;
            }
            match Expr::from_map(map) {
                Some(Expr::Ref { address, path }) => format!("<{address}.{path}>"),
                Some(Expr::Join(parts)) => parts
                    .iter()
                    .map(|part| part.as_str().map_or_else(|| line(part, waits_for), str::to_owned))
                    .collect(),
                Some(Expr::Json(document)) => line(&document, waits_for),
                None if map.is_empty() => "{}".to_owned(),
                None => {
                    let entries = map.iter().filter(|(_, value)| !value.is_null());
                    let entries: Vec<String> =
                        entries.map(|(key, value)| format!("{key}: {}", line(value, waits_for))).collect();
                    format!("{{ {} }}", entries.join(", "))
                }
            }
        }
        other => other.to_string(),
    }
}

fn secret(value: &Value) -> Option<String> {
    let name = value.get("$secret")?.as_str()?;
    Some(format!("(secret {name}, version {})", value.get("version").unwrap_or(&Value::Null)))
}

fn string(text: &str, waits_for: &BTreeSet<String>) -> String {
    let is_unknown = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    if is_unknown.is_some_and(|name| waits_for.contains(name)) {
        return text.to_owned();
    }
    let length = text.chars().count();
    if length > LONG {
        let start: String = text.chars().take(LONG / 2).collect();
        return format!("{start:?}… ({length} characters)");
    }
    format!("{text:?}")
}

/// A value over several lines.
pub fn lines(value: &Value, waits_for: &BTreeSet<String>) -> Vec<String> {
    let mut out = vec![];
    push(value, waits_for, 0, "", &mut out);
    out
}

fn push(value: &Value, waits_for: &BTreeSet<String>, depth: usize, label: &str, out: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let is_expr = value.as_object().is_some_and(|map| Expr::from_map(map).is_some()) || secret(value).is_some();
    match value {
        Value::Object(map) if !map.is_empty() && !is_expr => {
            out.push(format!("{indent}{label}{{"));
            for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                push(value, waits_for, depth + 1, &format!("{key}: "), out);
            }
            out.push(format!("{indent}}}"));
        }
        Value::Array(items)
            if items.iter().any(|item| item.is_object() || item.is_array()) || line(value, waits_for).len() > 60 =>
        {
            out.push(format!("{indent}{label}["));
            for item in items {
                push(item, waits_for, depth + 1, "", out);
            }
            out.push(format!("{indent}]"));
        }
        _ => out.push(format!("{indent}{label}{}", line(value, waits_for))),
    }
}

/// The lines of a document: JSON in a string is laid out, other text is as it is.
pub fn document(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(parsed @ (Value::Object(_) | Value::Array(_))) => pretty(&parsed),
            _ => text.lines().map(str::to_owned).collect(),
        },
        Value::Object(map) => match Expr::from_map(map) {
            Some(Expr::Json(document)) => pretty(&document),
            _ => pretty(value),
        },
        Value::Null => vec![],
        other => pretty(other),
    }
}

fn pretty(value: &Value) -> Vec<String> {
    serde_json::to_string_pretty(value).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The unified diff of two lists of lines, each line with its sign.
pub fn diff(page: &PageFormat, before: &[String], after: &[String]) -> Vec<String> {
    let (before, after) = (before.join("\n") + "\n", after.join("\n") + "\n");
    let diff = TextDiff::from_lines(before.as_str(), after.as_str());
    let mut out = vec![];
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        out.push(page.paint(Tone::Quiet, hunk.header().to_string().trim_end()));
        for change in hunk.iter_changes() {
            let text = change.value().trim_end_matches('\n');
            out.push(match change.tag() {
                ChangeTag::Insert => page.paint(Tone::New, &format!("+ {text}")),
                ChangeTag::Delete => page.paint(Tone::Gone, &format!("- {text}")),
                ChangeTag::Equal => format!("  {text}"),
            });
        }
    }
    cut(page, out)
}

/// The first lines of many.
pub fn cut(page: &PageFormat, mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > TALL {
        let more = lines.len() - TALL + 1;
        lines.truncate(TALL - 1);
        lines.push(page.paint(Tone::Quiet, &format!("… {more} more lines; --json shows them all")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_show_their_name_and_what_is_unknown_its_origin() {
        let waits = BTreeSet::from(["network/vpc/main.id".to_owned()]);
        assert_eq!(line(&json!("<network/vpc/main.id>"), &waits), "<network/vpc/main.id>");
        assert_eq!(line(&json!("<b>"), &waits), "\"<b>\"");
        assert_eq!(line(&json!({"$secret": "key", "version": 2}), &waits), "(secret key, version 2)");
        assert_eq!(line(&json!({"a": [1, null], "b": null}), &waits), "{ a: [1, none] }");
        assert!(line(&json!("x".repeat(400)), &waits).ends_with("… (400 characters)"));
    }
}
