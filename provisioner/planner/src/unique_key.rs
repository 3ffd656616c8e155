//! The unique keys of objects: groups of fields whose values only one object may have, such as a name.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::facts::ResourceFacts;

/// The fields of a unique key.
pub(crate) type Group = [&'static str];

/// Returns the values of a unique group, if all are known and not all are left out.
pub(crate) fn values<'v>(group: &Group, inputs: &'v Value, unknown: &BTreeSet<String>) -> Option<Vec<&'v Value>> {
    let values: Vec<&Value> = group.iter().map(|field| inputs.get(*field).unwrap_or(&Value::Null)).collect();
    let known = group.iter().all(|field| !unknown.contains(*field)) && !values.iter().all(|value| value.is_null());
    known.then_some(values)
}

/// Returns the unique keys of an object with these inputs as text, each with its group, type and provider.
pub(crate) fn keys(
    facts: &ResourceFacts<'_>,
    inputs: &Value,
    unknown: &BTreeSet<String>,
) -> impl Iterator<Item = (&'static Group, String)> {
    facts.resource_type.info().unique.iter().filter_map(move |group| {
        let key = values(group, inputs, unknown)?;
        Some((*group, format!("{} {} {group:?} {key:?}", facts.type_name, facts.provider)))
    })
}
