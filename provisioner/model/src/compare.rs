//! When a value in the cloud means what was asked for: the rules that [`crate::Field`]s choose from.

use std::collections::BTreeSet;

use serde_json::Value;

/// How two values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// What is stated must be there; what the program leaves out (`null` or a missing key) is the cloud's to choose.
    /// Lists must have the same length and order.
    Stated,
    /// As [`Compare::Stated`], for a list whose order means nothing.
    Set,
    /// Entry by entry: entries of others stay, and one that we set and dropped goes.
    Map,
    /// Equal to the letter.
    Exact,
    /// JSON in a string, compared as JSON. In a policy (what has a `Statement`), lists of texts have no order.
    Document,
}

impl Compare {
    /// Whether `seen` means `want`.
    pub fn same(self, want: &Value, seen: &Value) -> bool {
        match self {
            Self::Stated | Self::Map => stated(want, seen),
            Self::Set => same_set(want, seen),
            Self::Exact => want == seen,
            Self::Document => same_document(want, seen),
        }
    }
}

fn stated(want: &Value, seen: &Value) -> bool {
    match (want, seen) {
        (Value::Object(want), Value::Object(seen)) => {
            want.iter().all(|(key, want)| want.is_null() || seen.get(key).is_some_and(|seen| stated(want, seen)))
        }
        (Value::Array(want), Value::Array(seen)) => {
            want.len() == seen.len() && want.iter().zip(seen).all(|(want, seen)| stated(want, seen))
        }
        (Value::Number(want), Value::Number(seen)) => want == seen || want.as_f64() == seen.as_f64(),
        _ => want == seen,
    }
}

fn same_set(want: &Value, seen: &Value) -> bool {
    let (Some(want), Some(seen)) = (want.as_array(), seen.as_array()) else { return stated(want, seen) };
    if want.len() != seen.len() {
        return false;
    }
    // Each wanted item takes one of what is there: quadratic, on lists of a few dozen.
    let mut left: Vec<&Value> = seen.iter().collect();
    want.iter().all(|want| match left.iter().position(|seen| stated(want, seen)) {
        Some(at) => {
            left.swap_remove(at);
            true
        }
        None => false,
    })
}

fn same_document(want: &Value, seen: &Value) -> bool {
    let parse = |value: &Value| value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    match (parse(want), parse(seen)) {
        (Some(want), Some(seen)) => {
            let policy = want.get("Statement").is_some();
            loose(&want, policy) == loose(&seen, policy)
        }
        _ => want == seen,
    }
}

/// Policies: AWS gives back a list of one as its only item, and the texts of a list (actions, resources, principals,
/// a condition's values) in an order of its own.
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
    fn what_is_not_stated_is_the_clouds_to_choose() {
        assert!(Compare::Stated.same(&json!({"a": 1, "b": null}), &json!({"a": 1.0, "b": 2, "c": 3})));
        assert!(!Compare::Stated.same(&json!({"a": 1}), &json!({"b": 1})));
        assert!(!Compare::Stated.same(&json!([1]), &json!([1, 2])));
    }

    #[test]
    fn a_set_has_no_order_but_a_count() {
        assert!(Compare::Set.same(&json!(["a", "b"]), &json!(["b", "a"])));
        assert!(!Compare::Set.same(&json!(["a", "a"]), &json!(["a", "b"])));
        assert!(!Compare::Set.same(&json!(["a"]), &json!(["a", "b"])));
    }

    #[test]
    fn documents_are_compared_as_json() {
        assert!(Compare::Document.same(&json!(r#"{"a": ["x"], "b": 1}"#), &json!(r#"{"b":1,"a":"x"}"#)));
        assert!(!Compare::Document.same(&json!(r#"{"a": 1}"#), &json!(r#"{"a": 2}"#)));
        assert!(!Compare::Document.same(&json!(r#"{"a": ["x", "y"]}"#), &json!(r#"{"a": ["y", "x"]}"#)));
    }

    #[test]
    fn in_a_policy_a_list_of_texts_is_a_set() {
        let policy = |actions: &[&str], principals: &[&str], first: &str, second: &str| {
            let statement = json!({
                "Sid": first, "Effect": "Allow", "Principal": { "AWS": principals }, "Action": actions,
                "Condition": { "StringEquals": { "aws:SourceAccount": principals } },
            });
            let policy = json!({ "Version": "2012-10-17", "Statement": [statement, { "Sid": second }] });
            Value::from(policy.to_string())
        };
        let want = policy(&["a:One", "a:Two"], &["1", "2"], "a", "b");
        assert!(Compare::Document.same(&want, &policy(&["a:Two", "a:One"], &["2", "1"], "a", "b")));
        assert!(!Compare::Document.same(&want, &policy(&["a:Two"], &["2", "1"], "a", "b")));
        assert!(!Compare::Document.same(&want, &policy(&["a:Two", "a:Three"], &["2", "1"], "a", "b")));
        assert!(!Compare::Document.same(&want, &policy(&["a:One", "a:Two"], &["1", "2"], "b", "a")), "statements");
    }
}
