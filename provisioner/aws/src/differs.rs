//! Which inputs an update has to bring to the object.

use std::collections::BTreeSet;

use provisioner_model::{
    error::{Error, Kind, Result},
    resource::Resource,
};
use serde_json::Value;

/// The inputs that are stated and that the cloud has otherwise.
#[derive(Debug)]
pub struct Differs(BTreeSet<&'static str>);

impl Differs {
    /// By the type's own table and comparison: the same by which the plan finds changes and drift.
    pub fn between<R: Resource>(want: &R, seen: &R) -> Result<Self> {
        let (want, seen) = (json(want)?, json(seen)?);
        let differs = R::FIELDS.iter().filter(|field| !field.write_only && !field.initial).filter(|field| {
            let want = want.get(field.name).filter(|want| !want.is_null());
            want.is_some_and(|want| !R::same(field, want, seen.get(field.name).unwrap_or(&Value::Null)))
        });
        Ok(Self(differs.map(|field| field.name).collect()))
    }

    /// Whether this input differs.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains(field)
    }

    /// Whether one of these inputs differs.
    pub fn any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.has(field))
    }

    /// Whether an input other than these differs.
    pub fn besides(&self, fields: &[&str]) -> bool {
        self.0.iter().any(|field| !fields.contains(field))
    }
}

fn json<R: Resource>(inputs: &R) -> Result<Value> {
    serde_json::to_value(inputs).map_err(|e| Error { source: Some(e.into()), ..Error::new(Kind::NotSent, R::TYPE) })
}
