//! Comparison rules for recorded and observed values, from which each [`crate::schema::FieldSchema`] selects one.

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
    /// As [`Compare::Map`], for a list whose order means nothing: foreign items stay, and an item that we added and no
    /// longer declare is removed.
    Items,
    /// Equal to the letter.
    Exact,
    /// JSON in a string, compared as JSON. In a policy (what has a `Statement`), lists of texts have no order.
    Document,
}

impl Compare {
    /// Returns whether the rule ignores what the program leaves out inside a value.
    pub fn is_partial(self) -> bool {
        matches!(self, Self::Stated | Self::Set)
    }

    /// Returns whether the rule leaves foreign entries as they are.
    pub fn keeps_foreign(self) -> bool {
        matches!(self, Self::Map | Self::Items)
    }

    /// Returns whether `observed` is equivalent to `desired`.
    pub fn is_equivalent(self, desired: &Value, observed: &Value) -> bool {
        match self {
            Self::Stated | Self::Map => stated(desired, observed),
            Self::Set => same_set(desired, observed),
            Self::Items => items(desired).all(|item| items(observed).any(|other| other == item)),
            Self::Exact => desired == observed,
            Self::Document => same_document(desired, observed),
        }
    }
}

/// Returns whether `observed` has an entry of a map, or an item of a list, that `recorded` states and `desired` does not:
/// one that we added and no longer declare.
pub fn drops_entry(desired: &Value, recorded: &Value, observed: &Value) -> bool {
    match recorded {
        Value::Object(recorded) => recorded.keys().any(|key| desired.get(key).is_none() && observed.get(key).is_some()),
        recorded => items(recorded).any(|item| {
            let is_in = |list| items(list).any(|other| other == item);
            !is_in(desired) && is_in(observed)
        }),
    }
}

/// Returns the entries of `observed` that `desired` or `recorded` states, without foreign ones.
pub fn own_entries(desired: &Value, recorded: Option<&Value>, observed: Value) -> Value {
    match observed {
        Value::Object(map) => {
            let is_ours = |key: &String| {
                desired.get(key).is_some() || recorded.is_some_and(|recorded| recorded.get(key).is_some())
            };
            map.into_iter().filter(|(key, _)| is_ours(key)).collect()
        }
        Value::Array(list) => {
            let is_ours =
                |item: &Value| items(desired).chain(recorded.into_iter().flat_map(items)).any(|other| other == item);
            list.into_iter().filter(is_ours).collect()
        }
        other => other,
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Returns whether `recorded` states a value that `desired` leaves out and `observed` still has: what the program no longer
/// states stays in force until it is written again.
pub fn drops_stated(desired: &Value, recorded: &Value, observed: &Value) -> bool {
    match (desired, recorded, observed) {
        (Value::Object(desired), Value::Object(recorded), Value::Object(observed)) => {
            recorded.iter().filter(|(_, recorded)| !is_absent(recorded)).any(|(key, recorded)| {
                let observed = observed.get(key).unwrap_or(&Value::Null);
                match desired.get(key).filter(|desired| !desired.is_null()) {
                    Some(desired) => drops_stated(desired, recorded, observed),
                    None => !is_absent(observed),
                }
            })
        }
        (Value::Array(desired), Value::Array(recorded), Value::Array(observed)) => {
            desired.len() == recorded.len()
                && desired.len() == observed.len()
                && desired
                    .iter()
                    .zip(recorded.iter().zip(observed))
                    .any(|(desired, (recorded, observed))| drops_stated(desired, recorded, observed))
        }
        _ => false,
    }
}

/// Returns the part of `observed` that `desired` states.
pub fn stated_part(desired: &Value, observed: &Value) -> Value {
    match (desired, observed) {
        (Value::Object(desired), Value::Object(observed)) => observed
            .iter()
            .filter_map(|(key, observed)| {
                let desired = desired.get(key).filter(|desired| !desired.is_null())?;
                Some((key.clone(), stated_part(desired, observed)))
            })
            .collect(),
        (Value::Array(desired), Value::Array(observed)) if desired.len() == observed.len() => {
            desired.iter().zip(observed).map(|(desired, observed)| stated_part(desired, observed)).collect()
        }
        _ => observed.clone(),
    }
}

/// Returns whether a value equals one that the cloud omits.
fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
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

/// Normalises policies. AWS returns a list of one as its only item, the strings of a list (actions, resources,
/// principals, a condition's values) in any order, and some values in another form:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
fn loose(value: &Value, policy: bool) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => loose(&items[0], policy),
        // Conditions compare strings: `true` and `"true"` are the same.
        Value::Bool(_) | Value::Number(_) if policy => value.to_string().into(),
        Value::Object(map) if policy => map
            .iter()
            .map(|(key, value)| {
                let value = loose(value, policy);
                (key.clone(), if is_principal(key) { principal(value) } else { value })
            })
            .collect(),
        Value::Array(items) if policy && items.iter().all(Value::is_string) => {
            let texts: BTreeSet<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.into_iter().collect()
        }
        Value::Array(items) => items.iter().map(|item| loose(item, policy)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), loose(value, policy))).collect(),
        other => other.clone(),
    }
}

fn is_principal(key: &str) -> bool {
    key == "Principal" || key == "NotPrincipal"
}

/// Returns one form for everybody (`"*"`, `{"AWS": "*"}`) and for an account (its number, the ARN of its root).
fn principal(value: Value) -> Value {
    match value {
        Value::String(text) if text == "*" => serde_json::json!({ "AWS": "*" }),
        Value::Object(mut map) => {
            if let Some(aws) = map.get_mut("AWS") {
                *aws = accounts(aws.take());
            }
            Value::Object(map)
        }
        other => other,
    }
}

fn accounts(value: Value) -> Value {
    match value {
        Value::String(text) => match text.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "iam", "", account, "root"] => account.into(),
            _ => text.into(),
        },
        Value::Array(items) => {
            let texts: BTreeSet<String> =
                items.into_iter().filter_map(|item| accounts(item).as_str().map(str::to_owned)).collect();
            texts.into_iter().collect()
        }
        other => other,
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
    fn items_are_managed_one_by_one() {
        let is_equivalent = |desired: Value, observed: Value| Compare::Items.is_equivalent(&desired, &observed);
        assert!(is_equivalent(json!(["a"]), json!(["foreign", "a"])));
        assert!(!is_equivalent(json!(["a", "b"]), json!(["a"])));
        assert!(is_equivalent(json!([]), json!(["foreign"])));
        assert!(drops_entry(&json!(["a"]), &json!(["a", "b"]), &json!(["a", "b", "foreign"])));
        assert!(!drops_entry(&json!(["a"]), &json!(["a", "b"]), &json!(["a", "foreign"])), "removed already");
        assert!(!drops_entry(&json!(["a"]), &json!(["a"]), &json!(["a", "foreign"])));
        let own = own_entries(&json!(["a"]), Some(&json!(["b"])), json!(["b", "foreign", "a"]));
        assert_eq!(own, json!(["b", "a"]));
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

    #[test]
    fn equal_forms_of_a_policy_are_equal() {
        let policy = |principal: Value, condition: Value, action: Value| {
            let statement = json!({
                "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*",
                "Condition": { "Bool": { "aws:SecureTransport": condition } },
            });
            Value::from(json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string())
        };
        let same = |a: &Value, b: &Value| Compare::Document.is_equivalent(a, b);
        let root = json!({ "AWS": "arn:aws:iam::123456789012:root" });
        let desired = policy(root, json!(true), json!(["s3:Get", "s3:Put"]));
        assert!(same(&desired, &policy(json!({ "AWS": "123456789012" }), json!("true"), json!(["s3:Put", "s3:Get"]))));
        assert!(same(
            &desired,
            &policy(json!({ "AWS": ["123456789012"] }), json!(["true"]), json!(["s3:Put", "s3:Get"]))
        ));
        assert!(!same(&desired, &policy(json!({ "AWS": "123456789013" }), json!(true), json!(["s3:Put", "s3:Get"]))));
        assert!(!same(&desired, &policy(json!({ "AWS": "123456789012" }), json!(false), json!(["s3:Put", "s3:Get"]))));
        let everybody = policy(json!("*"), json!(true), json!("s3:Get"));
        assert!(same(&everybody, &policy(json!({ "AWS": "*" }), json!(true), json!(["s3:Get"]))));
        assert!(!same(&everybody, &policy(json!({ "Service": "*" }), json!(true), json!("s3:Get"))));
        let role = |name: &str| json!({ "AWS": format!("arn:aws:iam::123456789012:role/{name}") });
        assert!(!same(&policy(role("a"), json!(true), json!("x")), &policy(role("b"), json!(true), json!("x"))));
        // Outside policies, types count.
        assert!(!same(&json!(r#"{"a": true}"#), &json!(r#"{"a": "true"}"#)));
    }

    #[test]
    fn dropped_settings_are_found_at_any_depth() {
        let recorded = json!([{ "name": "app", "health": { "command": ["true"], "interval": 5 } }]);
        let observed = json!([{ "name": "app", "health": { "command": ["true"], "interval": 5 }, "cpu": 1 }]);
        assert!(drops_stated(&json!([{ "name": "app" }]), &recorded, &observed));
        assert!(drops_stated(&json!([{ "name": "app", "health": { "command": ["true"] } }]), &recorded, &observed));
        assert!(!drops_stated(&recorded, &recorded, &observed));
        // What the cloud chose was never stated, and a dropped value may be gone already.
        assert!(!drops_stated(&json!([{ "name": "app" }]), &json!([{ "name": "app" }]), &observed));
        assert!(!drops_stated(&json!([{ "name": "app" }]), &recorded, &json!([{ "name": "app" }])));
    }

    #[test]
    fn stated_part_leaves_out_what_the_cloud_chose() {
        let desired = json!({ "a": 1, "b": { "c": [{ "d": 1 }] }, "e": null, "f": [1] });
        let observed = json!({ "a": 2, "b": { "c": [{ "d": 1, "x": 2 }], "y": 3 }, "e": 4, "f": [1, 2], "g": 5 });
        assert_eq!(stated_part(&desired, &observed), json!({ "a": 2, "b": { "c": [{ "d": 1 }] }, "f": [1, 2] }));
    }
}
