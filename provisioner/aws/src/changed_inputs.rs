//! The inputs that an update must write, by the comparison rule of the plan.

use std::collections::BTreeSet;

use provisioner_model::resource::Resource;
use serde_json::Value;

/// The fields whose observed values do not match the desired ones.
#[derive(Debug, Default)]
pub struct ChangedInputs(BTreeSet<&'static str>);

impl ChangedInputs {
    /// Compares as the plan does; what the API never tells is compared with what was written last.
    pub fn between<R: Resource>(desired: &R, recorded: &R, observed: &R) -> Self {
        let [desired, recorded, observed] =
            [desired, recorded, observed].map(|inputs| serde_json::to_value(inputs).unwrap_or_default());
        let at = |inputs: &Value, name: &str| inputs.get(name).cloned().unwrap_or_default();
        let differs = R::FIELDS.iter().filter(|field| {
            let (desired, recorded, observed) =
                (at(&desired, field.name), at(&recorded, field.name), at(&observed, field.name));
            let there = if field.write_only { recorded } else { observed };
            !desired.is_null() && !field.initial && !R::is_equivalent(field, &desired, &there)
        });
        Self(differs.map(|field| field.name).collect())
    }
    /// Returns whether `field` differs.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains(field)
    }
    /// Returns whether one of these differs.
    pub fn any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.has(field))
    }
    /// Returns whether nothing but these differs.
    pub fn only(&self, fields: &[&str]) -> bool {
        self.0.iter().all(|field| fields.contains(field))
    }
    /// The value, if it differs: requests take it as it is.
    pub fn pick<T: Clone>(&self, field: &str, value: &Option<T>) -> Option<T> {
        if self.has(field) { value.clone() } else { None }
    }
}
