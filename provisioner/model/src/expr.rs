//! Inputs that are known only later, as data: a plan can be saved, shown and compared, and the graph's
//! edges are read off the inputs.
//!
//! | JSON | meaning |
//! |---|---|
//! | `{"$ref": ADDRESS, "path": "endpoint.port"}` | one output of another resource |
//! | `{"$join": ["arn:aws:s3:::", {"$ref": …}]}` | a string with outputs inside |
//! | `{"$json": {…}}` | a document: resolved inside, then printed as one string |
//!
//! These three keys are reserved: a literal map that has one is refused at declaration.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _, ser::Error as _};
use serde_json::{Map, Value, json};

/// A value now, or an expression over the outputs of other resources.
#[derive(Clone, Debug, PartialEq)]
pub enum In<T> {
    /// Known when the program runs.
    Known(T),
    /// A value that is known once another resource exists.
    Later(Expr),
}

/// An expression over the outputs of other resources.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// One output of the resource at `address`.
    Ref {
        /// The resource's address in this stack.
        address: String,
        /// Path in the resource's outputs, such as `endpoint.port`.
        path: String,
    },
    /// A string made of parts.
    Join(Vec<Value>),
    /// A document, resolved inside and then printed as one string.
    Json(Value),
}

impl Expr {
    /// Returns the value in the form that inputs contain.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Ref { address, path } => json!({ "$ref": address, "path": path }),
            Self::Join(parts) => json!({ "$join": parts }),
            Self::Json(document) => json!({ "$json": document }),
        }
    }

    /// Parses a map of inputs as an expression, if it has one of the reserved forms.
    pub fn from_map(map: &Map<String, Value>) -> Option<Self> {
        if let (Some(Value::String(address)), Some(Value::String(path))) = (map.get("$ref"), map.get("path")) {
            return Some(Self::Ref { address: address.clone(), path: path.clone() });
        }
        if let Some(Value::Array(parts)) = map.get("$join") {
            return Some(Self::Join(parts.clone()));
        }
        map.get("$json").cloned().map(Expr::Json)
    }
}

impl<T> In<T> {
    /// The value. The engine resolves every expression before it calls a resource.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Later(_) => None,
        }
    }
}

/// A string with outputs inside: `join(["arn:aws:s3:::".into(), bucket.get(Bucket::NAME).part()])`.
pub fn join(parts: impl IntoIterator<Item = Value>) -> In<String> {
    In::Later(Expr::Join(parts.into_iter().collect()))
}

/// A JSON document with outputs inside, given to the API as one string: `document(json!({ "Resource": arn }))`.
pub fn document(value: Value) -> In<String> {
    In::Later(Expr::Json(value))
}

impl<T: Serialize> In<T> {
    /// As a part of a [`join`] or a [`document`].
    pub fn part(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

impl<T> In<T> {
    /// Converts the reference to another type, for values that the API treats as strings: an ID as text, for example.
    pub fn later<U>(self) -> In<U>
    where
        T: Into<U>,
    {
        match self {
            Self::Known(value) => In::Known(value.into()),
            Self::Later(expr) => In::Later(expr),
        }
    }
}

impl From<&str> for In<String> {
    fn from(value: &str) -> Self {
        Self::Known(value.to_owned())
    }
}

impl<T> From<T> for In<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: Serialize> Serialize for In<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(s),
            Self::Later(expr) => expr.to_value().serialize(s).map_err(S::Error::custom),
        }
    }
}

// By hand, not `untagged`: that would answer every mistake with "did not match any variant".
impl<'de, T: DeserializeOwned> Deserialize<'de> for In<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(d)?;
        match value.as_object().and_then(Expr::from_map) {
            Some(expr) => Ok(Self::Later(expr)),
            None => serde_json::from_value(value).map(In::Known).map_err(D::Error::custom),
        }
    }
}

/// Every address that `inputs` refers to: the edges of the graph.
pub fn edges(inputs: &Value, out: &mut Vec<String>) {
    match inputs {
        Value::Object(map) => match Expr::from_map(map) {
            Some(Expr::Ref { address, .. }) => out.push(address),
            Some(Expr::Join(parts)) => parts.iter().for_each(|part| edges(part, out)),
            Some(Expr::Json(document)) => edges(&document, out),
            None => map.values().for_each(|value| edges(value, out)),
        },
        Value::Array(items) => items.iter().for_each(|value| edges(value, out)),
        _ => {}
    }
}

/// `inputs` with every expression replaced by its value. Where `output` answers `None`, the value shows
/// `<ADDRESS.PATH>`, so that a plan can still print the document around it, and `unknown` gets that name.
pub fn resolve(inputs: &Value, output: &dyn Fn(&str, &str) -> Option<Value>, unknown: &mut Vec<String>) -> Value {
    match inputs {
        Value::Object(map) => match Expr::from_map(map) {
            Some(Expr::Ref { address, path }) => output(&address, &path).unwrap_or_else(|| {
                unknown.push(format!("{address}.{path}"));
                format!("<{address}.{path}>").into()
            }),
            Some(Expr::Join(parts)) => {
                parts.iter().map(|part| text(&resolve(part, output, unknown))).collect::<String>().into()
            }
            Some(Expr::Json(document)) => resolve(&document, output, unknown).to_string().into(),
            None => map.iter().map(|(key, value)| (key.clone(), resolve(value, output, unknown))).collect(),
        },
        Value::Array(items) => items.iter().map(|value| resolve(value, output, unknown)).collect(),
        other => other.clone(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
