//! The ownership tags that the plan adds to the inputs.

use provisioner_model::{
    ownership::{ADDRESS, LINEAGE, PREFIX, TOKEN, used_by},
    state::{Object, Origin},
};
use serde_json::{Map, Value};

/// Puts the ownership tags in, as far as they are known before the token is chosen.
pub(crate) fn own(
    inputs: &mut Value,
    lineage: &str,
    environment: &str,
    address: &str,
    object: Option<&Object>,
    shared: bool,
) {
    let Some(inputs) = inputs.as_object_mut() else { return };
    let tags = inputs.entry("tags").or_insert_with(|| Value::Object(Map::new()));
    let Some(tags) = tags.as_object_mut() else { return };
    if shared {
        tags.insert(used_by(lineage), environment.into());
        // What its maker put there stays: another environment may go on with it.
        for (key, value) in recorded_tags(object).filter(|(key, _)| key.starts_with(PREFIX)) {
            tags.entry(key.clone()).or_insert_with(|| value.clone());
        }
    } else {
        tags.insert(ADDRESS.to_owned(), address.into());
        tags.insert(LINEAGE.to_owned(), lineage.into());
        if let Some(object) = object.filter(|object| object.origin == Origin::Made) {
            tags.insert(TOKEN.to_owned(), object.token.clone().into());
        }
    }
}

fn recorded_tags(object: Option<&Object>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(|object| object.inputs.get("tags")).and_then(Value::as_object).into_iter().flatten()
}
