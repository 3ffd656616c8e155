//! Comparison rules for recorded and observed values, from which each [`crate::Field`] selects one.

use std::collections::BTreeSet;

use serde_json::Value;

/// The comparison rule for two values of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Compares only the stated values; the cloud chooses values that the program leaves out (`null` or a missing key).
    /// Lists must have the same length and order.
    Stated,
    /// As [`Compare::Stated`], for a list whose order means nothing.
    Set,
    /// Compares entry by entry: foreign entries stay, and an entry that we set and no longer declare is removed.
    Map,
    /// Equal to the letter.
    Exact,
    /// JSON in a string, compared as JSON. In a policy (what has a `Statement`), lists of texts have no order.
    Document,
}

impl Compare {
    /// Returns whether `observed` is equivalent to `desired`.
    pub fn is_equivalent(self, desired: &Value, observed: &Value) -> bool {
        match self {
            Self::Stated | Self::Map => stated(desired, observed),
            Self::Set => same_set(desired, observed),
            Self::Exact => desired == observed,
            Self::Document => same_document(desired, observed),
        }
    }
}

fn stated(desired: &Value, observed: &Value) -> bool {
    match (desired, observed) {
        (Value::Object(desired), Value::Object(observed)) => desired.iter().all(|(key, desired)| {
            desired.is_null() || observed.get(key).is_some_and(|observed| stated(desired, observed))
        }),
        (Value::Array(desired), Value::Array(observed)) => {
            desired.len() == observed.len()
                && desired.iter().zip(observed).all(|(desired, observed)| stated(desired, observed))
        }
        (Value::Number(desired), Value::Number(observed)) => {
            desired == observed || desired.as_f64() == observed.as_f64()
        }
        _ => desired == observed,
    }
}

fn same_set(desired: &Value, observed: &Value) -> bool {
    let (Some(desired), Some(observed)) = (desired.as_array(), observed.as_array()) else {
        return stated(desired, observed);
    };
    if desired.len() != observed.len() {
        return false;
    }
    // Each wanted item takes one of what is there: quadratic, on lists of a few dozen.
    let mut left: Vec<&Value> = observed.iter().collect();
    desired.iter().all(|desired| match left.iter().position(|observed| stated(desired, observed)) {
        Some(at) => {
            left.swap_remove(at);
            true
        }
        None => false,
    })
}

fn same_document(desired: &Value, observed: &Value) -> bool {
    let parse = |value: &Value| value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    match (parse(desired), parse(observed)) {
        (Some(desired), Some(observed)) => {
            let policy = desired.get("Statement").is_some();
            loose(&desired, policy) == loose(&observed, policy)
        }
        _ => desired == observed,
    }
}

/// Normalises policies: AWS returns a list of one as its only item, and the strings of a list (actions, resources,
/// principals, a condition's values) in an order of its own.
fn loose(value: &Value, policy: bool) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => loose(&items[0], policy),
        Value::Array(items) if policy && items.iter().all(Value::is_string) => {
            let texts: BTreeSet<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.into_iter().collect()
        }
        Value::Array(items) => items.iter().map(|item| loose(item, policy)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), loose(value, policy))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn omitted_inputs_are_chosen_by_the_cloud() {
        assert!(Compare::Stated.is_equivalent(&json!({"a": 1, "b": null}), &json!({"a": 1.0, "b": 2, "c": 3})));
        assert!(!Compare::Stated.is_equivalent(&json!({"a": 1}), &json!({"b": 1})));
        assert!(!Compare::Stated.is_equivalent(&json!([1]), &json!([1, 2])));
    }

    #[test]
    fn set_ignores_order_and_counts_duplicates() {
        assert!(Compare::Set.is_equivalent(&json!(["a", "b"]), &json!(["b", "a"])));
        assert!(!Compare::Set.is_equivalent(&json!(["a", "a"]), &json!(["a", "b"])));
        assert!(!Compare::Set.is_equivalent(&json!(["a"]), &json!(["a", "b"])));
    }

    #[test]
    fn documents_are_compared_as_json() {
        assert!(Compare::Document.is_equivalent(&json!(r#"{"a": ["x"], "b": 1}"#), &json!(r#"{"b":1,"a":"x"}"#)));
        assert!(!Compare::Document.is_equivalent(&json!(r#"{"a": 1}"#), &json!(r#"{"a": 2}"#)));
        assert!(!Compare::Document.is_equivalent(&json!(r#"{"a": ["x", "y"]}"#), &json!(r#"{"a": ["y", "x"]}"#)));
    }

    #[test]
    fn string_lists_in_policies_are_sets() {
        let policy = |actions: &[&str], principals: &[&str], first: &str, second: &str| {
            let statement = json!({
                "Sid": first, "Effect": "Allow", "Principal": { "AWS": principals }, "Action": actions,
                "Condition": { "StringEquals": { "aws:SourceAccount": principals } },
            });
            let policy = json!({ "Version": "2012-10-17", "Statement": [statement, { "Sid": second }] });
            Value::from(policy.to_string())
        };
        let desired = policy(&["a:One", "a:Two"], &["1", "2"], "a", "b");
        assert!(Compare::Document.is_equivalent(&desired, &policy(&["a:Two", "a:One"], &["2", "1"], "a", "b")));
        assert!(!Compare::Document.is_equivalent(&desired, &policy(&["a:Two"], &["2", "1"], "a", "b")));
        assert!(!Compare::Document.is_equivalent(&desired, &policy(&["a:Two", "a:Three"], &["2", "1"], "a", "b")));
        assert!(
            !Compare::Document.is_equivalent(&desired, &policy(&["a:One", "a:Two"], &["1", "2"], "b", "a")),
            "statements"
        );
    }
}
