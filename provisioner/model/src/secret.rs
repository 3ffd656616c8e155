//! Secret inputs: a name and a version in every file, the value only in memory and only on its way to a write call.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

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

    /// Returns the error of a write call without the values, in case the cloud's message repeats one.
    pub(crate) fn hide(&self, error: Error) -> Error {
        self.0.iter().fold(error, |error, (slot, value)| error.without_secret(slot, value))
    }
}

/// Returns a text with `(secret NAME)` in place of a value, as it is or encoded as in a request body: JSON, a form, or
/// Base64.
pub(crate) fn hide(text: &str, name: &str, value: &str) -> String {
    if value.is_empty() {
        return text.to_owned();
    }
    let quoted = Value::from(value).to_string();
    let json = &quoted[1..quoted.len() - 1];
    let url = percent_encode(value.as_bytes(), UNRESERVED).to_string();
    let form = url.replace("%20", "+");
    let base64 = BASE64_STANDARD.encode(value);
    let forms = [value, json, &url, &form, &base64];
    forms.iter().fold(text.to_owned(), |text, form| text.replace(form, &format!("(secret {name})")))
}

/// All characters except for those that a form leaves as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

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

    #[test]
    fn value_is_hidden_in_every_encoding() {
        let value = "a \"b\" & c/=";
        for text in [
            value.to_owned(),
            Value::from(value).to_string(),
            "Password=a%20%22b%22%20%26%20c%2F%3D".to_owned(),
            "Password=a+%22b%22+%26+c%2F%3D&Next=1".to_owned(),
            format!("{{\"key\":\"{}\"}}", BASE64_STANDARD.encode(value)),
        ] {
            let hidden = hide(&text, "key", value);
            assert!(hidden.contains("(secret key)") && !hidden.contains("b\""), "{hidden}");
        }
        assert_eq!(hide("as it was", "key", ""), "as it was");
    }
}
