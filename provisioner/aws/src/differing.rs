//! Which inputs an update has to touch: one rule for all types, the one that the plan uses.

use std::collections::BTreeSet;

use provisioner_model::resource::Resource;
use serde_json::Value;

/// The fields in which what is there does not mean what is wanted.
#[derive(Debug, Default)]
pub struct Differing(BTreeSet<&'static str>);

impl Differing {
    /// Compares as the plan does; what the API never tells is compared with what was written last.
    pub fn between<R: Resource>(want: &R, was: &R, seen: &R) -> Self {
        let [want, was, seen] = [want, was, seen].map(|inputs| serde_json::to_value(inputs).unwrap_or_default());
        let at = |inputs: &Value, name: &str| inputs.get(name).cloned().unwrap_or_default();
        let differs = R::FIELDS.iter().filter(|field| {
            let (want, was, seen) = (at(&want, field.name), at(&was, field.name), at(&seen, field.name));
            let there = if field.write_only { was } else { seen };
            !want.is_null() && !field.initial && !R::same(field, &want, &there)
        });
        Self(differs.map(|field| field.name).collect())
    }
    /// Whether `field` differs.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains(field)
    }
    /// Whether one of these differs.
    pub fn any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.has(field))
    }
    /// Whether nothing but these differs.
    pub fn only(&self, fields: &[&str]) -> bool {
        self.0.iter().all(|field| fields.contains(field))
    }
    /// The value, if it differs: requests take it as it is.
    pub fn pick<T: Clone>(&self, field: &str, value: &Option<T>) -> Option<T> {
        if self.has(field) { value.clone() } else { None }
    }
}
