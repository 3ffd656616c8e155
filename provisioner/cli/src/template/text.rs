//! Texts with functions inside.

use provisioner_model::{Error, Result};
use serde_json::{Map, Value, json};

/// A text with functions inside: `Fn::Join` with an empty separator.
#[derive(Default)]
pub(super) struct Text(Vec<Value>);

impl Text {
    /// Adds a literal or a function. Adjacent literals, and the parts of a `Fn::Join` like this one, become one list.
    pub(super) fn add(&mut self, part: Value) {
        if let Some(parts) = joined(&part) {
            parts.iter().for_each(|part| self.add(part.clone()));
            return;
        }
        let part = match part {
            Value::Object(_) => part,
            Value::String(text) => text.into(),
            other => other.to_string().into(),
        };
        match (self.0.last_mut(), part) {
            (Some(Value::String(last)), Value::String(text)) => last.push_str(&text),
            (_, part) => self.0.push(part),
        }
    }

    /// Adds a document as JSON text. Functions inside are values of members or items, so their place is a JSON string.
    pub(super) fn add_json(&mut self, document: &Value) -> Result<()> {
        let quoted = |text: &str| serde_json::to_string(text).map_err(|error| Error::bug("template", error));
        match document {
            Value::Object(map) if is_function(map) => {
                self.add("\"".into());
                for part in joined(document).map_or_else(|| vec![document.clone()], Clone::clone) {
                    match part {
                        // Without its quotes, but with its escapes.
                        Value::String(text) => {
                            let text = quoted(&text)?;
                            self.add(text[1..text.len() - 1].into());
                        }
                        function => self.add(function),
                    }
                }
                self.add("\"".into());
            }
            Value::Object(map) => {
                let mut start = "{";
                for (name, value) in map {
                    self.add(format!("{start}{}:", quoted(name)?).into());
                    self.add_json(value)?;
                    start = ",";
                }
                self.add(if map.is_empty() { "{}" } else { "}" }.into());
            }
            Value::Array(items) => {
                let mut start = "[";
                for item in items {
                    self.add(start.into());
                    self.add_json(item)?;
                    start = ",";
                }
                self.add(if items.is_empty() { "[]" } else { "]" }.into());
            }
            other => self.add(other.to_string().into()),
        }
        Ok(())
    }

    pub(super) fn into_value(mut self) -> Value {
        match self.0.len() {
            0 => "".into(),
            1 => self.0.remove(0),
            _ => json!({ "Fn::Join": ["", self.0] }),
        }
    }
}

/// Returns the parts of a `Fn::Join` with an empty separator.
fn joined(value: &Value) -> Option<&Vec<Value>> {
    let arguments = value.as_object().filter(|map| map.len() == 1)?.get("Fn::Join")?;
    (arguments[0] == "").then(|| arguments[1].as_array()).flatten()
}

/// Returns whether a value is a function, and not a table of the user's.
pub(super) fn is_function(map: &Map<String, Value>) -> bool {
    map.len() == 1 && ["Ref", "Fn::GetAtt", "Fn::Join"].iter().any(|function| map.contains_key(*function))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(document: &Value) -> Value {
        let mut text = Text::default();
        text.add_json(document).unwrap();
        text.into_value()
    }

    #[test]
    fn document_without_functions_is_one_text() {
        let document = json!({ "a": [1, "b\"c", true], "d": {}, "e": [] });
        assert_eq!(text(&document), Value::String(document.to_string()));
    }

    #[test]
    fn functions_in_a_document_are_parts_of_its_text() {
        let document = json!({ "a": { "Ref": "B" }, "c": { "Fn::Join": ["", ["x\"", { "Ref": "D" }]] } });
        let expected =
            json!({ "Fn::Join": ["", [r#"{"a":""#, { "Ref": "B" }, r#"","c":"x\""#, { "Ref": "D" }, "\"}"]] });
        assert_eq!(text(&document), expected);
    }
}
