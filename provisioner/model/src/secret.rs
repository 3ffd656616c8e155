//! Secret inputs: a name and a version in every file, the value only in memory and only on its way to a write call.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A secret input. It serialises as `{"$secret": slot, "version": n}`; two versions are compared, never two values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    #[serde(rename = "$secret")]
    slot: String,
    version: u32,
    #[serde(default, rename = "$value", skip_serializing)]
    value: Option<String>,
}

impl Secret {
    /// The secret in `slot` of the run's table. A new value needs a higher `version`: that is how a change is seen.
    pub fn new(slot: impl Into<String>, version: u32) -> Self {
        Self { slot: slot.into(), version, value: None }
    }

    /// The value. There is one only inside a write call.
    pub fn expose(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} v{})", self.slot, self.version)
    }
}

/// The values of one run, by slot. It has no `Serialize`, and its `Debug` shows the slots alone.
#[derive(Clone, Default)]
pub struct SecretValues(BTreeMap<String, String>);

impl SecretValues {
    /// Puts a value into a slot.
    pub fn set(&mut self, slot: impl Into<String>, value: impl Into<String>) {
        self.0.insert(slot.into(), value.into());
    }

    /// `inputs` with the values put in, for a write call and nothing else.
    pub(crate) fn reveal(&self, inputs: &mut Value) {
        match inputs {
            Value::Object(map) => {
                if let Some(value) = map.get("$secret").and_then(Value::as_str).and_then(|slot| self.0.get(slot)) {
                    map.insert("$value".to_owned(), Value::String(value.clone()));
                } else {
                    map.values_mut().for_each(|value| self.reveal(value));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|value| self.reveal(value)),
            _ => {}
        }
    }
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_value_reaches_a_write_call_and_no_output() {
        let mut secrets = SecretValues::default();
        secrets.set("key", "canary");
        let mut inputs = json!({ "a": [serde_json::to_value(Secret::new("key", 1)).unwrap()] });
        assert!(!inputs.to_string().contains("canary"));
        secrets.reveal(&mut inputs);
        let secret: Secret = serde_json::from_value(inputs["a"][0].clone()).unwrap();
        assert_eq!(secret.expose(), Some("canary"));
        assert!(!format!("{secret:?}{}{secrets:?}", serde_json::to_string(&secret).unwrap()).contains("canary"));
    }
}
