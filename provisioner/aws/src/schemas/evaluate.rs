//! An evaluator for the JSON Schema keywords that AWS's resource schemas use, with a third result: a value that is not
//! known yet neither keeps nor breaks a rule. [Decision 16](../../../../docs/decisions/0016-schemas.md) has the reasons.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use provisioner_model::cloudformation::is_unknown;
use regex_lite::Regex;
use serde_json::{Map, Value};

use super::format;

/// A rule that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// The JSON pointer of the value, or where it is missing.
    pub(super) pointer: String,
    /// The expected value, as the object of "expected …".
    pub(super) expected: String,
    /// The value, as the object of "found …".
    pub(super) found: String,
}

/// Returns the rules of a schema that the properties of a resource break.
pub(super) fn check(schema: &Value, properties: &Value) -> Vec<Violation> {
    Evaluator { root: schema }.check(schema, properties, "").violations
}

/// Returns the rules that some properties of a resource break. What the others should be is not known.
pub(super) fn check_part(schema: &Value, properties: &Value) -> Vec<Violation> {
    let kept = ["properties", "additionalProperties"];
    let part = kept.iter().filter_map(|key| Some(((*key).to_owned(), schema.get(*key)?.clone())));
    let part = Value::Object(part.collect());
    Evaluator { root: schema }.check(&part, properties, "").violations
}

/// The result of a check.
#[derive(Default)]
struct Outcome {
    violations: Vec<Violation>,
    /// `true` if a rule depends on a value that is not known yet.
    is_uncertain: bool,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.is_uncertain |= other.is_uncertain;
    }

    fn violate(&mut self, pointer: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) {
        let (pointer, expected, found) = (pointer.into(), expected.into(), found.into());
        self.violations.push(Violation { pointer, expected, found });
    }

    fn holds(&self) -> bool {
        self.violations.is_empty() && !self.is_uncertain
    }

    fn is_open(&self) -> bool {
        self.violations.is_empty() && self.is_uncertain
    }
}

struct Evaluator<'s> {
    /// The schema with the definitions.
    root: &'s Value,
}

impl Evaluator<'_> {
    fn check(&self, schema: &Value, value: &Value, pointer: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let rules = match schema {
            Value::Bool(false) => {
                outcome.violate(pointer, "no value", found(value));
                return outcome;
            }
            Value::Object(rules) => rules,
            _ => return outcome,
        };
        if is_unknown(value) {
            outcome.is_uncertain = !rules.is_empty();
            return outcome;
        }
        if let Some(types) = rules.get("type")
            && !has_type(types, value)
        {
            outcome.violate(pointer, type_name(types), format::value(value));
        } else {
            self.combinations(rules, value, pointer, &mut outcome);
            scalar_rules(rules, value, pointer, &mut outcome);
            match value {
                Value::Array(items) => self.list_rules(rules, items, pointer, &mut outcome),
                Value::Object(members) => self.object_rules(rules, members, pointer, &mut outcome),
                _ => {}
            }
        }
        if let (Some(message), Some(first)) = (text(rules, "message"), outcome.violations.first()) {
            let violation = Violation { expected: message.to_owned(), ..first.clone() };
            outcome.violations = vec![violation];
        }
        outcome
    }

    /// `$ref`, `allOf`, `anyOf`, `oneOf`, `not` and `if`.
    fn combinations(&self, rules: &Map<String, Value>, value: &Value, pointer: &str, outcome: &mut Outcome) {
        if let Some(name) = text(rules, "$ref").and_then(|path| path.strip_prefix("#/definitions/"))
            && let Some(definition) = self.root["definitions"].get(name)
        {
            outcome.add(self.check(definition, value, pointer));
        }
        for part in list(rules, "allOf") {
            outcome.add(self.check(part, value, pointer));
        }
        for (keyword, is_exact) in [("anyOf", false), ("oneOf", true)] {
            if rules.contains_key(keyword) {
                let each = list(rules, keyword).iter().map(|part| self.check(part, value, pointer)).collect();
                outcome.add(alternatives(each, is_exact, value, pointer));
            }
        }
        if let Some(part) = rules.get("not") {
            let inner = self.check(part, value, pointer);
            outcome.is_uncertain |= inner.is_open();
            if inner.holds() {
                outcome.violate(pointer, "another value", format::value(value));
            }
        }
        if let Some(condition) = rules.get("if") {
            let condition = self.check(condition, value, pointer);
            outcome.is_uncertain |= condition.is_open();
            let branch = match (condition.holds(), condition.is_open()) {
                (true, _) => rules.get("then"),
                (false, false) => rules.get("else"),
                (false, true) => None,
            };
            if let Some(branch) = branch {
                outcome.add(self.check(branch, value, pointer));
            }
        }
    }

    fn list_rules(&self, rules: &Map<String, Value>, items: &[Value], pointer: &str, outcome: &mut Outcome) {
        let count = format::value(&Value::Array(items.to_vec()));
        if let Some(least) = number(rules, "minItems").filter(|least| as_number(items.len()) < *least) {
            outcome.violate(pointer, format!("at least {least} {}", noun(least, "item")), count.clone());
        }
        if let Some(most) = number(rules, "maxItems").filter(|most| as_number(items.len()) > *most) {
            outcome.violate(pointer, format!("at most {most} {}", noun(most, "item")), count);
        }
        let is_unique = rules.get("uniqueItems") == Some(&Value::Bool(true));
        let keys = list(rules, "uniqueKeys");
        for (number, item) in items.iter().enumerate() {
            let same = |other: &Value| other == item;
            let same_keys = |other: &Value| {
                let pair = |key: &Value| key.as_str().and_then(|key| Some((item.get(key)?, other.get(key)?)));
                keys.iter().all(|key| pair(key).is_some_and(|(one, other)| one == other))
            };
            let earlier = &items[..number];
            if (is_unique && earlier.iter().any(same)) || (!keys.is_empty() && earlier.iter().any(same_keys)) {
                outcome.violate(
                    format!("{pointer}/{number}"),
                    "each item once",
                    format!("{} again", format::value(item)),
                );
            }
            let rule = list(rules, "prefixItems").get(number).or_else(|| rules.get("items"));
            if let Some(rule) = rule {
                outcome.add(self.check(rule, item, &format!("{pointer}/{number}")));
            }
        }
        if let Some(rule) = rules.get("contains") {
            let each: Vec<Outcome> = items.iter().map(|item| self.check(rule, item, pointer)).collect();
            if !each.iter().any(Outcome::holds) {
                if each.iter().any(Outcome::is_open) {
                    outcome.is_uncertain = true;
                } else {
                    outcome.violate(pointer, "an item of another kind", format::value(&Value::Array(items.to_vec())));
                }
            }
        }
    }

    fn object_rules(
        &self,
        rules: &Map<String, Value>,
        members: &Map<String, Value>,
        pointer: &str,
        outcome: &mut Outcome,
    ) {
        let at = |name: &str| format!("{pointer}/{name}");
        for name in names(rules, "required").filter(|name| !members.contains_key(*name)) {
            outcome.violate(at(name), "a value, which AWS requires", "none");
        }
        for (name, needed) in pairs(rules, "dependentRequired").filter(|(name, _)| members.contains_key(*name)) {
            for missing in needed.iter().filter(|needed| !members.contains_key(**needed)) {
                outcome.violate(at(missing), format!("a value, which `{name}` requires"), "none");
            }
        }
        for (name, excluded) in pairs(rules, "dependentExcluded").filter(|(name, _)| members.contains_key(*name)) {
            for other in excluded.iter().filter(|other| members.contains_key(**other) && **other != name) {
                outcome.violate(at(other), format!("no value beside `{name}`"), found(&members[*other]));
            }
        }
        for (keyword, most) in [("requiredXor", 1), ("requiredOr", usize::MAX)] {
            let all: Vec<&str> = names(rules, keyword).collect();
            let stated: Vec<&str> = all.iter().copied().filter(|name| members.contains_key(*name)).collect();
            if !all.is_empty() && stated.is_empty() {
                outcome.violate(at(all[0]), format!("one of `{}`", all.join("`, `")), "none");
            } else if stated.len() > most {
                outcome.violate(at(stated[1]), format!("only one of `{}`", all.join("`, `")), stated.len().to_string());
            }
        }
        if let Some(least) = number(rules, "minProperties").filter(|least| as_number(members.len()) < *least) {
            outcome.violate(pointer, format!("at least {least} {}", noun(least, "entry")), members.len().to_string());
        }
        if let Some(most) = number(rules, "maxProperties").filter(|most| as_number(members.len()) > *most) {
            outcome.violate(pointer, format!("at most {most} {}", noun(most, "entry")), members.len().to_string());
        }
        let properties = rules.get("properties").and_then(Value::as_object);
        for (name, value) in members {
            if let Some(rule) = rules.get("propertyNames") {
                let named = self.check(rule, &name.as_str().into(), &at(name));
                outcome.add(named);
            }
            let stated = properties.and_then(|properties| properties.get(name));
            let by_pattern = rules.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
            let by_pattern = by_pattern.filter(|(pattern, _)| matches(pattern, name)).map(|(_, rule)| rule);
            let own: Vec<&Value> = stated.into_iter().chain(by_pattern).collect();
            for rule in &own {
                outcome.add(self.check(rule, value, &at(name)));
            }
            match rules.get("additionalProperties").filter(|_| own.is_empty()) {
                Some(Value::Bool(false)) => outcome.violate(at(name), "no such property", found(value)),
                Some(rule) => outcome.add(self.check(rule, value, &at(name))),
                None => {}
            }
        }
    }
}

/// The result of `anyOf`, or of `oneOf`.
fn alternatives(mut each: Vec<Outcome>, is_exact: bool, value: &Value, pointer: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let valid = each.iter().filter(|one| one.holds()).count();
    let open = each.iter().any(Outcome::is_open);
    if valid > 1 && is_exact {
        outcome.violate(pointer, "one of several forms", format!("{} that fits {valid} of them", format::value(value)));
    } else if open && (valid == 0 || is_exact) {
        outcome.is_uncertain = true;
    } else if valid == 0 {
        // The nearest alternative says most about the mistake: one that the value itself fits, but for a part of it.
        let misfits = |one: &Outcome| one.violations.iter().any(|violation| violation.pointer == pointer);
        each.sort_by_key(|one| (misfits(one), one.violations.len()));
        outcome.violations = each.into_iter().next().map(|one| one.violations).unwrap_or_default();
    }
    outcome
}

/// The rules for text, numbers and booleans, and those for any value.
fn scalar_rules(rules: &Map<String, Value>, value: &Value, pointer: &str, outcome: &mut Outcome) {
    let scalar = format::scalar(value);
    let shown = scalar.clone().unwrap_or_default();
    let is = |other: &Value| other == value || (scalar.is_some() && format::scalar(other) == scalar);
    if rules.contains_key("enum") && !list(rules, "enum").iter().any(is) {
        outcome.violate(pointer, format::choices(list(rules, "enum"), &shown), format::value(value));
    }
    if rules.contains_key("enumCaseInsensitive") {
        let is = |other: &Value| format::scalar(other).is_some_and(|other| other.eq_ignore_ascii_case(&shown));
        if !list(rules, "enumCaseInsensitive").iter().any(is) {
            outcome.violate(pointer, format::choices(list(rules, "enumCaseInsensitive"), &shown), format::value(value));
        }
    }
    if let Some(constant) = rules.get("const").filter(|constant| !is(constant)) {
        outcome.violate(pointer, format::value(constant), format::value(value));
    }
    let Some(scalar) = scalar else { return };
    let length = as_number(scalar.chars().count());
    if let Some(least) = number(rules, "minLength").filter(|least| length < *least) {
        outcome.violate(pointer, format!("at least {least} {}", noun(least, "character")), format::value(value));
    }
    if let Some(most) = number(rules, "maxLength").filter(|most| length > *most) {
        outcome.violate(pointer, format!("at most {most} {}", noun(most, "character")), length.to_string());
    }
    if let Some(pattern) = text(rules, "pattern").filter(|pattern| !matches(pattern, &scalar)) {
        outcome.violate(pointer, format!("a match of `{pattern}`"), format::value(value));
    }
    if let Some(name) = text(rules, "format").filter(|name| !format::has(name, &scalar)) {
        outcome.violate(pointer, format::name(name), format::value(value));
    }
    let Ok(amount) = scalar.parse::<f64>() else { return };
    if let Some(least) = number(rules, "minimum").filter(|least| amount < *least) {
        outcome.violate(pointer, format!("at least {least}"), format::value(value));
    }
    if let Some(most) = number(rules, "maximum").filter(|most| amount > *most) {
        outcome.violate(pointer, format!("at most {most}"), format::value(value));
    }
    // A quotient such as 0.3 / 0.1 is a little off.
    let is_multiple = |unit: f64| ((amount / unit) - (amount / unit).round()).abs() < 1e-9;
    if let Some(unit) = number(rules, "multipleOf").filter(|unit| !is_multiple(*unit)) {
        outcome.violate(pointer, format!("a multiple of {unit}"), format::value(value));
    }
}

/// Returns whether a value has one of the types. As in templates, text may stand for a number or boolean, and the reverse.
fn has_type(types: &Value, value: &Value) -> bool {
    let has = |name: &str| match (name, value) {
        ("string", Value::String(_) | Value::Number(_) | Value::Bool(_))
        | ("number", Value::Number(_))
        | ("boolean", Value::Bool(_))
        | ("object", Value::Object(_))
        | ("array", Value::Array(_))
        | ("null", Value::Null) => true,
        ("integer", Value::Number(number)) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
        ("integer", Value::String(text)) => text.parse::<i64>().is_ok(),
        ("number", Value::String(text)) => text.parse::<f64>().is_ok(),
        ("boolean", Value::String(text)) => text == "true" || text == "false",
        _ => false,
    };
    match types {
        Value::String(name) => has(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(has),
        _ => true,
    }
}

fn type_name(types: &Value) -> String {
    let name = |name: &str| match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "an object",
        _ => "nothing",
    };
    match types {
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(name).collect::<Vec<_>>().join(" or "),
        one => name(one.as_str().unwrap_or_default()).to_owned(),
    }
}

/// A value in a message. A marker for one that is not known yet is no value to show.
fn found(value: &Value) -> String {
    if is_unknown(value) { "one that is known after apply".to_owned() } else { format::value(value) }
}

/// Compiled patterns: a stack has the same few on hundreds of tags.
static PATTERNS: LazyLock<Mutex<HashMap<String, Option<Arc<Regex>>>>> = LazyLock::new(Mutex::default);

/// Returns whether a part of the text matches. A test makes sure that every pattern of the archive compiles.
fn matches(pattern: &str, text: &str) -> bool {
    let mut patterns = PATTERNS.lock().unwrap_or_else(PoisonError::into_inner);
    if !patterns.contains_key(pattern) {
        patterns.insert(pattern.to_owned(), Regex::new(pattern).ok().map(Arc::new));
    }
    let regex = patterns.get(pattern).cloned().flatten();
    drop(patterns);
    regex.is_none_or(|regex| regex.is_match(text))
}

fn text<'r>(rules: &'r Map<String, Value>, key: &str) -> Option<&'r str> {
    rules.get(key)?.as_str()
}

fn number(rules: &Map<String, Value>, key: &str) -> Option<f64> {
    rules.get(key)?.as_f64()
}

fn list<'r>(rules: &'r Map<String, Value>, key: &str) -> &'r [Value] {
    rules.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn names<'r>(rules: &'r Map<String, Value>, key: &str) -> impl Iterator<Item = &'r str> {
    list(rules, key).iter().filter_map(Value::as_str)
}

/// The members of an object of lists of names.
fn pairs<'r>(rules: &'r Map<String, Value>, key: &str) -> impl Iterator<Item = (&'r str, Vec<&'r str>)> {
    let members = rules.get(key).and_then(Value::as_object).into_iter().flatten();
    members.map(|(name, others)| {
        (name.as_str(), others.as_array().into_iter().flatten().filter_map(Value::as_str).collect())
    })
}

#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
fn as_number(count: usize) -> f64 {
    count as f64
}

fn noun(count: f64, one: &str) -> String {
    match (count.to_string() == "1", one.strip_suffix('y')) {
        (true, _) => one.to_owned(),
        (false, Some(stem)) => format!("{stem}ies"),
        (false, None) => format!("{one}s"),
    }
}

/// Returns the keywords, formats, references and patterns of a schema that the evaluator does not know.
#[cfg(test)]
pub(super) fn unknown_parts(schema: &Value) -> Vec<String> {
    const NAMED: [&str; 3] = ["properties", "patternProperties", "definitions"];
    const LISTED: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
    const NESTED: [&str; 8] =
        ["additionalProperties", "items", "not", "if", "then", "else", "contains", "propertyNames"];
    const OTHERS: [&str; 24] = [
        "type",
        "enum",
        "enumCaseInsensitive",
        "const",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "uniqueKeys",
        "required",
        "requiredXor",
        "requiredOr",
        "dependentRequired",
        "dependentExcluded",
        "minProperties",
        "maxProperties",
        "message",
        "pattern",
        "format",
        "$ref",
    ];
    fn walk(root: &Value, schema: &Value, unknown: &mut Vec<String>) {
        for (key, value) in schema.as_object().into_iter().flatten() {
            let name = value.as_str().unwrap_or_default();
            match key.as_str() {
                "pattern" if Regex::new(name).is_err() => unknown.push(name.to_owned()),
                "format" if format::name(name) == name => unknown.push(name.to_owned()),
                "$ref" if root.pointer(name.trim_start_matches('#')).is_none() => unknown.push(name.to_owned()),
                key if NAMED.contains(&key) => {
                    value.as_object().into_iter().flatten().for_each(|(_, part)| walk(root, part, unknown));
                }
                key if LISTED.contains(&key) => {
                    value.as_array().into_iter().flatten().for_each(|part| walk(root, part, unknown));
                }
                key if NESTED.contains(&key) => walk(root, value, unknown),
                key if OTHERS.contains(&key) => {}
                other => unknown.push(other.to_owned()),
            }
        }
    }
    let mut unknown = vec![];
    walk(schema, schema, &mut unknown);
    unknown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(schema: Value, value: Value) -> Vec<String> {
        let line = |one: Violation| format!("{}: expected {}, found {}", one.pointer, one.expected, one.found);
        check(&schema, &value).into_iter().map(line).collect()
    }

    fn unknown() -> Value {
        json!({ "$ref": "vpc/main", "path": "id" })
    }

    #[test]
    fn values_are_checked_with_their_place() {
        let schema = json!({
            "additionalProperties": false,
            "required": ["Name"],
            "properties": {
                "Name": { "type": "string", "maxLength": 3, "pattern": "^[a-z]+$" },
                "Size": { "type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 5 },
                "Kind": { "enum": ["a", "b"] },
                "List": { "type": "array", "minItems": 2, "uniqueItems": true, "items": { "$ref": "#/definitions/Port" } },
                "Range": { "type": "string", "format": "ipv4-network" },
            },
            "definitions": { "Port": { "type": "integer", "maximum": 65535 } },
        });
        let check = |value: Value| findings(schema.clone(), value);
        assert_eq!(check(json!({ "Name": "abc", "Size": "5", "Kind": "b", "List": [1, 2] })), [""; 0]);
        assert_eq!(check(json!({})), ["/Name: expected a value, which AWS requires, found none"]);
        assert_eq!(
            check(json!({ "Name": "ABCD", "Size": 11, "Kind": "c", "Other": 1, "Range": "10.0.0.0/99" })),
            [
                "/Kind: expected one of `a`, `b`, found `c`",
                "/Name: expected at most 3 characters, found 4",
                "/Name: expected a match of `^[a-z]+$`, found `ABCD`",
                "/Other: expected no such property, found `1`",
                "/Range: expected an IPv4 range such as `10.0.0.0/16`, found `10.0.0.0/99`",
                "/Size: expected at most 10, found `11`",
                "/Size: expected a multiple of 5, found `11`",
            ]
        );
        assert_eq!(
            check(json!({ "Name": "a", "Size": true, "List": [70000] })),
            [
                "/List: expected at least 2 items, found 1 item",
                "/List/0: expected at most 65535, found `70000`",
                "/Size: expected a whole number, found `true`",
            ]
        );
        assert_eq!(
            check(json!({ "Name": "a", "List": [1, 1] })),
            ["/List/1: expected each item once, found `1` again"]
        );
    }

    #[test]
    fn unknown_values_pass_and_leave_conditions_open() {
        let schema = json!({
            "required": ["Vpc"],
            "properties": { "Vpc": { "pattern": "^vpc-" }, "Kind": { "enum": ["a"] } },
            "if": { "properties": { "Kind": { "const": "a" } }, "required": ["Kind"] },
            "then": { "required": ["Size"] },
            "else": { "properties": { "Size": false } },
        });
        let check = |value: Value| findings(schema.clone(), value);
        assert_eq!(check(json!({ "Vpc": unknown(), "Kind": unknown() })), [""; 0]);
        assert_eq!(check(json!({ "Vpc": unknown(), "Kind": unknown(), "Size": 1 })), [""; 0]);
        assert_eq!(
            check(json!({ "Vpc": unknown(), "Kind": "a" })),
            ["/Size: expected a value, which AWS requires, found none"]
        );
        assert_eq!(
            check(json!({ "Vpc": unknown(), "Size": unknown() })),
            ["/Size: expected no value, found one that is known after apply"]
        );
        let negation = json!({ "not": { "pattern": "^x" } });
        assert_eq!(findings(negation.clone(), unknown()), [""; 0]);
        assert_eq!(findings(negation, json!("xy")), [": expected another value, found `xy`"]);
        let any = json!({ "anyOf": [{ "enum": ["a"] }, { "properties": { "A": { "const": 1 } }, "type": "object" }] });
        assert_eq!(findings(any.clone(), json!({ "A": unknown() })), [""; 0]);
        assert_eq!(findings(any, json!({ "A": 2 })), ["/A: expected `1`, found `2`"]);
        let contains = json!({ "contains": { "const": "a" } });
        assert_eq!(findings(contains.clone(), json!(["b", unknown()])), [""; 0]);
        assert_eq!(findings(contains, json!(["b"])), [": expected an item of another kind, found 1 item"]);
    }

    #[test]
    fn partners_and_rivals_are_checked() {
        let schema = json!({
            "dependentRequired": { "A": ["B"] },
            "dependentExcluded": { "B": ["C"] },
            "requiredXor": ["D", "E"],
            "requiredOr": ["F", "G"],
        });
        let check = |value: Value| findings(schema.clone(), value);
        assert_eq!(check(json!({ "A": 1, "B": 1, "D": 1, "F": 1, "G": 1 })), [""; 0]);
        assert_eq!(
            check(json!({ "A": 1 })),
            [
                "/B: expected a value, which `A` requires, found none",
                "/D: expected one of `D`, `E`, found none",
                "/F: expected one of `F`, `G`, found none",
            ]
        );
        assert_eq!(
            check(json!({ "B": 1, "C": 1, "D": 1, "E": 1, "F": 1 })),
            ["/C: expected no value beside `B`, found `1`", "/E: expected only one of `D`, `E`, found 2"]
        );
    }

    #[test]
    fn a_rule_may_word_its_own_finding() {
        let schema = json!({ "anyOf": [{ "properties": { "A": { "const": 1 } } }], "message": "a pair that fits" });
        assert_eq!(findings(schema, json!({ "A": 2 })), ["/A: expected a pair that fits, found `2`"]);
    }
}
