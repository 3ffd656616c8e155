//! Objects that Provisioner has not created, or that several environments use: adopting, sharing and releasing them.

use provisioner_model::{
    erased::ObservedState,
    journal::JournalEntry,
    ownership::{MADE, is_last_user, used_by},
    plan::{FieldChange, Write},
    state::{Object, ObjectRole, Operation, Origin, Pending},
};
use provisioner_planner::diff::{Resolved, differences};
use serde_json::Value;

use crate::{step::StepExecution, step_error::StepError};

impl StepExecution<'_, '_> {
    /// Returns the object outside the environment that has the unique key. An object that is used as it is may also
    /// belong to the environment: its successor may have the same key.
    pub(crate) async fn key_claimed(&self, inputs: &Value, write: &Write) -> Result<Option<String>, StepError> {
        let found = self.key_holders(inputs).await?;
        let used_as_is = write.origin == Origin::Shared && !self.resource_type.info().tagged;
        let ours = |id: &String| self.run.ours.contains(&(self.step.type_name.clone(), id.clone()));
        Ok(found.into_iter().find(|id| used_as_is || !ours(id)))
    }

    /// Shares an object that another environment created after the plan was made.
    pub(crate) async fn share(&self, id: &str, write: &Write) -> Result<String, StepError> {
        // The tag says that one of us created the object: its creator has put it there, or must not have it.
        let mut write = write.clone();
        for inputs in [&mut write.declared, &mut write.planned] {
            if let Some(tags) = inputs.get_mut("tags").and_then(Value::as_object_mut) {
                tags.remove(MADE);
            }
        }
        let inputs = self.resolved(&write)?;
        let object = self.existing_object(id, &write, inputs);
        // An adoption compares all fields of an object that is used as it is.
        if !object.is_used_as_is(self.resource_type.info().tagged)
            && let Some(field) = self.differing(id, &object, &write, |change| change.replaces).await?
        {
            return Err(StepError::outdated(format!(
                "another environment has created `{id}` with another `{field}` in the meantime, and only a replacement can \
                 change it"
            )));
        }
        self.adopt(id, &write).await
    }

    /// Returns the first field that differs between an existing object and its declaration, among those that `counts`
    /// selects.
    async fn differing(
        &self,
        id: &str,
        object: &Object,
        write: &Write,
        counts: fn(&FieldChange) -> bool,
    ) -> Result<Option<String>, StepError> {
        let observed = self.visible(id).await?;
        let resolved = Resolved::known(object.inputs.clone());
        let field_diffs = differences(self.resource_type, &resolved, object, &observed, &write.options.ignore);
        Ok(field_diffs.into_iter().map(|field_diff| field_diff.change).find(counts).map(|change| change.field))
    }

    /// The entry of an object that Provisioner has not created.
    fn existing_object(&self, id: &str, write: &Write, inputs: Value) -> Object {
        Object {
            id: Some(id.to_owned()),
            generation: write.generation,
            token: (self.run.tuning.token)(),
            made_at: (self.run.tuning.now)(),
            origin: write.origin,
            role: ObjectRole::Current,
            pending: Some(Pending { operation: Operation::Update, receipt: None, inputs: None }),
            declared: write.declared.clone(),
            inputs,
            outputs: None,
        }
    }

    pub(crate) async fn adopt(&self, id: &str, write: &Write) -> Result<String, StepError> {
        let inputs = self.resolved(write)?;
        let object = self.existing_object(id, write, inputs.clone());
        if object.is_used_as_is(self.resource_type.info().tagged)
            && let Some(field) = self.differing(id, &object, write, |_| true).await?
        {
            return Err(StepError::other(
                format!("`{id}` exists with another {field}, and others may use it; nothing was written"),
                "delete that object or change it to the declared values, or give this resource another name or key",
            ));
        }
        let begun = JournalEntry::AdoptStarted {
            address: self.address(),
            row: Box::new(self.row(write)),
            object: Box::new(object.clone()),
        };
        self.run.record(begun).await?;
        let observed = self.wait_until_consistent(&object, &inputs, None, &write.options.ignore).await?;
        self.end(self.row(write), object, inputs, observed).await?;
        Ok(id.to_owned())
    }

    pub(crate) async fn release(&self, token: &str) -> Result<(), StepError> {
        let object = match self.identified(token).await? {
            Some(object) => object,
            None => self.recorded(token)?,
        };
        let ours = used_by(&self.run.lineage);
        let untag = |inputs: &mut Value| {
            if let Some(tags) = inputs.get_mut("tags").and_then(Value::as_object_mut) {
                tags.remove(&ours);
            }
        };
        if self.resource_type.info().tagged && object.origin == Origin::Shared {
            // Only our own tag was written by us alone: the rest is left as it is.
            self.adjust(&object, untag).await?;
        }
        self.run.record(JournalEntry::Removed { address: self.address(), token: token.to_owned() }).await?;
        Ok(())
    }

    /// Returns the ID of a shared object that others use by now. The plan was made from an earlier read.
    pub(crate) async fn gained_users(&self, object: Option<&Object>) -> Result<Option<String>, StepError> {
        let shared = object.filter(|object| object.origin == Origin::Shared && self.resource_type.info().tagged);
        let Some(id) = shared.and_then(|object| object.id.clone()) else { return Ok(None) };
        let observed = self.read(&id).await?;
        let has_users = |observed: &ObservedState| !is_last_user(&observed.inputs, &self.run.lineage);
        Ok(observed.filter(has_users).map(|_| id))
    }
}
