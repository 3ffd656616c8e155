//! The JSON Schema of an environment file, and the check of a file against it.
//!
//! The check knows the keywords that `schemars` writes, and no others. It does not use the crate `jsonschema`, which
//! adds 26 crates, changes features that the SDK is built with, and has no messages in TOML's words.

use provisioner_model::Environment;
use serde_json::{Map, Value, json};

use super::state;

/// Something in a file that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Path of the value: keys, and list indices as numbers.
    pub path: Vec<String>,
    /// Description of the error.
    pub what: String,
    /// Suggested correction, if there is one.
    pub hint: Option<String>,
    /// The key itself is what is wrong.
    pub unknown: bool,
}

/// The schema of an environment file: the program's own, and the table `[state]`. Unknown keys are always errors.
pub fn of<E: Environment>() -> Value {
    let mut schema = schemars::schema_for!(E).to_value();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(state::KEY.to_owned(), state::schema());
    }
    close(&mut schema, true);
    schema
}

/// Rejects unknown keys in every table with named keys, except in parts of a combination.
fn close(schema: &mut Value, whole: bool) {
    match schema {
        Value::Object(map) => {
            let combined = ["allOf", "anyOf", "oneOf"].iter().any(|word| map.contains_key(*word));
            if whole && !combined && map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
            for (key, inner) in map.iter_mut() {
                match (key.as_str(), inner) {
                    ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => {
                        for part in parts {
                            close(part, false);
                        }
                    }
                    ("properties" | "$defs", Value::Object(named)) => {
                        for inner in named.values_mut() {
                            close(inner, true);
                        }
                    }
                    ("items" | "additionalProperties", inner) => close(inner, true),
                    _ => {}
                }
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(|part| close(part, whole)),
        _ => {}
    }
}

/// Everything in `value` that `schema` does not allow.
pub fn check(schema: &Value, value: &Value) -> Vec<Wrong> {
    let mut check = Check { root: schema, path: vec![], wrong: vec![] };
    check.value(schema, value);
    check.wrong
}

/// Returns `value` without the unknown keys.
pub fn without_unknown(value: &Value, wrong: &[Wrong]) -> Value {
    let mut value = value.clone();
    for wrong in wrong.iter().filter(|wrong| wrong.unknown) {
        let Some((key, table)) = wrong.path.split_last() else { continue };
        let parts: Vec<String> = table.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
        let pointer = if parts.is_empty() { String::new() } else { format!("/{}", parts.join("/")) };
        if let Some(table) = value.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            table.remove(key);
        }
    }
    value
}

/// The one of `known` that `word` is probably meant to be.
pub fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let close = known.map(|known| (strsim::damerau_levenshtein(word, known), known));
    let (distance, known) = close.min_by_key(|(distance, _)| *distance)?;
    (distance <= (word.chars().count() / 3).max(1) + 1).then_some(known)
}

struct Check<'a> {
    root: &'a Value,
    path: Vec<String>,
    wrong: Vec<Wrong>,
}

impl Check<'_> {
    fn report(&mut self, what: impl Into<String>, hint: Option<String>) {
        self.wrong.push(Wrong { path: self.path.clone(), what: what.into(), hint, unknown: false });
    }

    /// Checks the value at `path` against `schema`.
    fn value(&mut self, schema: &Value, value: &Value) {
        let Value::Object(schema) = schema else { return };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            if let Some(target) = target.cloned() {
                self.value(&target, value);
            }
        }
        let Ok(()) = self.kind(schema, value) else { return };
        self.choices(schema, value);
        self.limits(schema, value);
        match value {
            Value::Object(table) => self.table(schema, table),
            Value::Array(items) => self.list(schema, items),
            _ => {}
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.value(part, value);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(parts) = schema.get(word).and_then(Value::as_array) {
                let parts: Vec<Value> = parts.iter().map(|part| described_by(part, schema)).collect();
                self.any(&parts, value);
            }
        }
    }

    fn kind(&mut self, schema: &Map<String, Value>, value: &Value) -> Result<(), ()> {
        let wanted: Vec<&str> = match schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => return Ok(()),
        };
        let fits = |wanted: &&str| match *wanted {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => false,
        };
        if wanted.iter().any(fits) {
            return Ok(());
        }
        let words: Vec<&str> = wanted.iter().filter_map(|wanted| kind_word(wanted)).collect();
        let text = value.as_str();
        let hint = match (text, wanted.as_slice()) {
            (Some(text), [one, ..])
                if (*one == "integer" && text.parse::<i64>().is_ok())
                    || (*one == "boolean" && text.parse::<bool>().is_ok()) =>
            {
                Some(format!("without quotes: `{text}`"))
            }
            (None, ["string", ..]) if !value.is_object() && !value.is_array() => {
                Some(format!("in quotes: `\"{value}\"`"))
            }
            (Some(_), ["array", ..]) => Some(format!("a list has brackets: `[{value}]`")),
            _ => None,
        };
        self.report(format!("expected {}, found {}", words.join(" or "), described(value)), hint);
        Err(())
    }

    fn choices(&mut self, schema: &Map<String, Value>, value: &Value) {
        let choices: Vec<&Value> = match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(several)), _) => several.iter().filter(|one| !one.is_null()).collect(),
            (_, Some(one)) => vec![one],
            _ => return,
        };
        if !choices.contains(&value) {
            let hint = value
                .as_str()
                .and_then(|text| closest(text, choices.iter().filter_map(|choice| choice.as_str())))
                .map(|close| format!("did you mean `\"{close}\"`?"));
            self.report(format!("expected {}, found {}", listed(&choices), described(value)), hint);
        }
    }

    fn limits(&mut self, schema: &Map<String, Value>, value: &Value) {
        let limit = |word: &str| schema.get(word).and_then(Value::as_f64);
        let shown = |word: &str| schema.get(word).map(plain).unwrap_or_default();
        let size = match value {
            Value::Number(number) => number.as_f64().map(|number| (number, "minimum", "maximum", "")),
            #[expect(clippy::cast_precision_loss, reason = "no file has 2^52 items")]
            Value::String(text) => Some((text.chars().count() as f64, "minLength", "maxLength", " characters")),
            #[expect(clippy::cast_precision_loss, reason = "no file has 2^52 items")]
            Value::Array(items) => Some((items.len() as f64, "minItems", "maxItems", " items")),
            _ => None,
        };
        if let Some((size, least, most, unit)) = size {
            let (least, most) = (
                limit(least).filter(|limit| size < *limit).map(|_| format!("at least {}{unit}", shown(least))),
                limit(most).filter(|limit| size > *limit).map(|_| format!("at most {}{unit}", shown(most))),
            );
            let verb = if unit.is_empty() { "be" } else { "have" };
            if let Some(bound) = least.or(most) {
                self.report(format!("this must {verb} {bound}"), None);
            }
            if value.is_number() {
                if limit("exclusiveMinimum").is_some_and(|limit| size <= limit) {
                    self.report(format!("expected more than {}", shown("exclusiveMinimum")), None);
                }
                if limit("exclusiveMaximum").is_some_and(|limit| size >= limit) {
                    self.report(format!("expected less than {}", shown("exclusiveMaximum")), None);
                }
            }
        }
        if let (Some(text), Some(pattern)) = (value.as_str(), schema.get("pattern").and_then(Value::as_str)) {
            match regex_lite::Regex::new(pattern) {
                Ok(regex) if regex.is_match(text) => {}
                Ok(_) => self.report(format!("{} does not match `{pattern}`", described(value)), None),
                Err(error) => self.report(format!("the schema has an invalid pattern: {error}"), None),
            }
        }
    }

    fn table(&mut self, schema: &Map<String, Value>, table: &Map<String, Value>) {
        let empty = Map::new();
        let named = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let rest = schema.get("additionalProperties");
        for (key, value) in table {
            self.path.push(key.clone());
            match (named.get(key), rest) {
                (None, Some(Value::Bool(false))) => {
                    let close = closest(key, named.keys().map(String::as_str));
                    let known = named.keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                    let hint = match close {
                        Some(close) => format!("did you mean `{close}`?"),
                        None if known.is_empty() => "no keys are known here".to_owned(),
                        None => format!("the keys here are {known}"),
                    };
                    self.report(format!("unknown key `{key}`"), Some(hint));
                    if let Some(wrong) = self.wrong.last_mut() {
                        wrong.unknown = true;
                    }
                }
                (Some(schema), _) | (None, Some(schema)) => self.value(schema, value),
                (None, None) => {}
            }
            self.path.pop();
        }
        for key in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(key) {
                let what = match self.path.last() {
                    Some(table) => format!("`{key}` is missing in `{table}`"),
                    None => format!("`{key}` is missing"),
                };
                let about = named.get(key).and_then(|schema| self.description(schema));
                self.report(what, about.map(|about| format!("`{key}`: {about}")));
            }
        }
    }

    /// Returns the first line of a key's description.
    fn description(&self, schema: &Value) -> Option<String> {
        let own = schema.get("description").and_then(Value::as_str);
        let target =
            || self.root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)?.get("description")?.as_str();
        own.or_else(target).and_then(|text| text.lines().next()).map(|line| line.trim_end_matches('.').to_owned())
    }

    fn list(&mut self, schema: &Map<String, Value>, items: &[Value]) {
        let firsts = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = firsts.get(index).or_else(|| schema.get("items")) {
                self.path.push(index.to_string());
                self.value(schema, item);
                self.path.pop();
            }
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            for (index, item) in items.iter().enumerate().filter(|(index, item)| items[..*index].contains(item)) {
                self.path.push(index.to_string());
                self.report(format!("{} is in the list already", described(item)), None);
                self.path.pop();
            }
        }
    }

    /// One of several shapes. Of those that do not fit, the one is reported that comes closest.
    fn any(&mut self, shapes: &[Value], value: &Value) {
        let mut closest: Option<Vec<Wrong>> = None;
        let shapes: Vec<&Value> = shapes.iter().filter(|shape| shape["type"] != "null").collect();
        for shape in &shapes {
            let mut check = Check { root: self.root, path: self.path.clone(), wrong: vec![] };
            check.value(shape, value);
            if check.wrong.is_empty() {
                return;
            }
            let here = |wrong: &[Wrong]| wrong.iter().filter(|wrong| wrong.path.len() <= self.path.len()).count();
            let better = |other: &Vec<Wrong>| (here(&check.wrong), check.wrong.len()) < (here(other), other.len());
            if closest.as_ref().is_none_or(better) {
                closest = Some(check.wrong);
            }
        }
        let choices: Vec<&Value> = shapes.iter().filter_map(|shape| shape.get("const")).collect();
        if !choices.is_empty() && choices.len() == shapes.len() {
            let all = json!({ "enum": choices });
            if let Some(all) = all.as_object() {
                self.choices(all, value);
            }
        } else {
            self.wrong.extend(closest.into_iter().flatten());
        }
    }
}

/// Returns a shape that only lists required keys, with the table's descriptions of these keys.
fn described_by(shape: &Value, table: &Map<String, Value>) -> Value {
    let mut shape = shape.clone();
    if let (Some(shape), Some(named)) = (shape.as_object_mut(), table.get("properties").and_then(Value::as_object)) {
        let required: Vec<&str> =
            shape.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let about =
            |key: &&str| Some(((*key).to_owned(), json!({ "description": named.get(*key)?.get("description")? })));
        let described: Map<String, Value> = required.iter().filter_map(about).collect();
        shape.entry("properties").or_insert(Value::Object(described));
    }
    shape
}

fn kind_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a table",
        _ => return None,
    })
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "no number that fits".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        other => format!("`{other}`"),
    }
}

fn listed(choices: &[&Value]) -> String {
    match choices {
        [one] => described(one),
        [firsts @ .., last] => {
            let firsts: Vec<String> = firsts.iter().map(|choice| described(choice)).collect();
            format!("{} or {}", firsts.join(", "), described(last))
        }
        [] => "nothing".to_owned(),
    }
}

fn plain(limit: &Value) -> String {
    match limit.as_f64() {
        Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        _ => limit.to_string(),
    }
}
