//! The fields that an update must write.

use std::{collections::BTreeSet, marker::PhantomData};

use serde_json::Value;

use crate::{compare::drops_stated, resource::Resource, schema::FieldName};

/// The fields whose observed value does not mean the desired one, by the same rule as in the plan.
#[derive(Debug)]
pub struct ChangedFields<R>(BTreeSet<&'static str>, PhantomData<fn() -> R>);

impl<R: Resource> ChangedFields<R> {
    /// Compares the desired inputs with the observed ones. A write-only field is compared with the recorded one. A value that
    /// the program no longer states counts as changed where the cloud would keep it.
    pub fn between(desired: &R, recorded: &R, observed: &R) -> Self {
        let [desired, recorded, observed] =
            [desired, recorded, observed].map(|inputs| serde_json::to_value(inputs).unwrap_or_default());
        let at = |inputs: &Value, name: &str| inputs.get(name).cloned().unwrap_or_default();
        let changed = R::FIELDS.iter().filter(|field| {
            let [desired, recorded, observed] = [&desired, &recorded, &observed].map(|inputs| at(inputs, field.name));
            let current = if field.write_only { &recorded } else { &observed };
            if field.initial {
                return false;
            }
            if desired.is_null() {
                return field.ends_when_dropped() && !recorded.is_null() && !current.is_null();
            }
            !R::is_equivalent(field, &desired, current)
                || (field.compare.is_partial() && drops_stated(&desired, &recorded, current))
        });
        Self(changed.map(|field| field.name).collect(), PhantomData)
    }
    /// Returns whether the field changed.
    pub fn contains(&self, field: R::Field) -> bool {
        self.0.contains(field.name())
    }
    /// Returns whether at least one of the fields changed.
    pub fn contains_any(&self, fields: &[R::Field]) -> bool {
        fields.iter().any(|field| self.contains(*field))
    }
    /// Returns whether every changed field is one of these.
    pub fn is_subset(&self, fields: &[R::Field]) -> bool {
        self.0.iter().all(|changed| fields.iter().any(|field| field.name() == *changed))
    }
    /// The field's value, if it changed.
    pub fn pick<T: Clone>(&self, field: R::Field, value: &Option<T>) -> Option<T> {
        value.clone().filter(|_| self.contains(field))
    }
}
