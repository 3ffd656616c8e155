//! The end of a write: the engine waits for it, verifies it and records it, or rolls it back as planned.

use provisioner_model::{
    Diagnostic,
    erased::ObservedState,
    expr::resolve,
    journal::JournalEntry,
    plan::Write,
    resource::Receipt,
    state::{Object, ObjectRole, Operation, Pending, Row},
};
use provisioner_planner::diff::{Resolved, differences};
use serde_json::Value;

use crate::{
    event::EventKind,
    step::StepExecution,
    step_error::{CORRECT, PLAN_AGAIN, StepError},
    verification::VerificationRequest,
};

/// A create or update that was sent.
pub(crate) struct Sent<'w> {
    pub(crate) write: &'w Write,
    /// As it was recorded before.
    pub(crate) object: Object,
    /// Inputs that were written.
    pub(crate) inputs: Value,
    pub(crate) receipt: Option<Receipt>,
}

impl StepExecution<'_, '_> {
    /// Waits for what was sent, has it proven, and writes down its end.
    pub(crate) async fn finish(&self, row: Row, sent: Sent<'_>) -> Result<(), StepError> {
        if sent.write.rollback_inputs.is_some() && sent.receipt.is_some() && !self.run.wait {
            return self.leave(row, sent).await;
        }
        match self.good(&sent).await {
            Ok(observed) => {
                // What it refers to may be others than before.
                let role = ObjectRole::Current;
                let object = Object { declared: sent.write.declared.clone(), role, ..sent.object };
                self.end(row, object, sent.inputs, observed).await
            }
            Err(StepError::Failed(mut failure)) => {
                failure.detail.extend(self.explain(&sent).await);
                let failed = StepError::Failed(failure);
                match &sent.write.rollback_inputs {
                    Some(rollback_inputs) => Err(self.roll_back(row, &sent, rollback_inputs, failed).await),
                    None => Err(failed),
                }
            }
            Err(step_error) => Err(step_error),
        }
    }

    /// Returns the sent write once it is ready and verified.
    async fn good(&self, sent: &Sent<'_>) -> Result<ObservedState, StepError> {
        let ignore = &sent.write.options.ignore;
        let observed = self.wait_until_consistent(&sent.object, &sent.inputs, sent.receipt.clone(), ignore).await?;
        let started = sent.receipt.is_some() || is_new(&sent.object);
        match &sent.write.verification {
            Some(verification) if started => self.verify(verification, &sent.object, &observed).await?,
            _ => {}
        }
        Ok(observed)
    }

    async fn verify(&self, declared: &Value, object: &Object, observed: &ObservedState) -> Result<(), StepError> {
        let Some(verifier) = self.run.verifier else { return Ok(()) };
        let mut unknown = vec![];
        let own = |path: &str| path.split('.').try_fold(&observed.outputs, |value, part| value.get(part)).cloned();
        let output = |address: &str, path: &str| {
            if address == self.step.address { own(path) } else { self.run.output(address, path) }
        };
        let verification = resolve(declared, &output, &mut unknown);
        if !unknown.is_empty() {
            let why = format!("its verification needs {}, which is unknown", unknown.join(", "));
            return Err(StepError::failed(
                why,
                "correct the `verify` call of the program: the object has no such output",
            ));
        }
        self.tell(EventKind::Verifying);
        let request = VerificationRequest {
            address: &self.step.address,
            type_name: &self.step.type_name,
            provider: &self.step.provider,
            id: object.id.as_deref().unwrap_or_default(),
            verification: &verification,
        };
        let warning = tokio::select! {
            verified = verifier.verify(request) => verified.map_err(|failure| {
                let summary = format!("it is ready, but not verified: {}", failure.summary);
                StepError::Failed(Box::new(Diagnostic { summary, ..failure }))
            })?,
            step_error = self.interrupted() => return Err(step_error),
        };
        if let Some(warning) = warning {
            self.tell(EventKind::Unverified { warning });
        }
        Ok(())
    }

    async fn explain(&self, sent: &Sent<'_>) -> Vec<String> {
        let Some(id) = &sent.object.id else { return vec![] };
        let round = self.run.clouds.round();
        let explanation =
            self.look(self.resource_type.explain(&round, &self.step.provider, id, sent.receipt.as_ref())).await;
        // Why it failed is known without it.
        explanation.unwrap_or_default()
    }

    /// Ends the step with the rollout under way: the receipt stays pending, so that a later apply takes it up.
    async fn leave(&self, row: Row, sent: Sent<'_>) -> Result<(), StepError> {
        let observed = self.visible(sent.object.id.as_deref().unwrap_or_default()).await?;
        let new = is_new(&sent.object);
        let operation = if new { Operation::Create } else { Operation::Update };
        let pending = Pending { operation, receipt: sent.receipt, inputs: Some(sent.inputs.clone()) };
        let inputs = if new { sent.inputs } else { sent.object.inputs.clone() };
        let (role, outputs) = (ObjectRole::Current, Some(observed.outputs));
        self.keep(row, Object { pending: Some(pending), inputs, outputs, role, ..sent.object }).await
    }

    /// Rolls back as planned, and returns the step's error.
    async fn roll_back(&self, row: Row, sent: &Sent<'_>, rollback_inputs: &Value, failed: StepError) -> StepError {
        self.tell(EventKind::RollingBack { failure: failed.diagnostic(self.step) });
        // From here on a wish to roll back is being fulfilled.
        let rolling_back = Self { rolling_back: true, ..*self };
        let (then, hint, fatal) = match rolling_back.put_back(row, sent, rollback_inputs).await {
            Ok(true) => ("it is held back until the next apply".to_owned(), CORRECT.to_owned(), false),
            Ok(false) => ("rolled back to the previous version".to_owned(), CORRECT.to_owned(), false),
            Err(step_error) => {
                let hint = step_error.diagnostic(self.step).hint.unwrap_or_else(|| PLAN_AGAIN.to_owned());
                (format!("the rollback failed: {}", step_error.why()), hint, step_error.is_fatal())
            }
        };
        StepError::RolledBack { failed: Box::new(failed), then, hint, fatal }
    }

    /// Rolls back, and returns whether the next apply must resume work that its plan would not show.
    async fn put_back(&self, row: Row, sent: &Sent<'_>, rollback_inputs: &Value) -> Result<bool, StepError> {
        let ignore = &sent.write.options.ignore;
        let id = sent.object.id.clone().unwrap_or_default();
        let mut desired = sent.inputs.clone();
        for (field, value) in rollback_inputs.as_object().into_iter().flatten() {
            desired[field] = value.clone();
        }
        let written = Object { inputs: sent.inputs.clone(), ..sent.object.clone() };
        let observed = self.visible(sent.object.id.as_deref().unwrap_or_default()).await?;
        let mut receipt = None;
        // The cloud may have put it back by itself.
        if self.is_other(&desired, &written, &observed, ignore) || self.is_other_at_first(rollback_inputs, &observed) {
            let begun = JournalEntry::UpdateStarted {
                address: self.address(),
                token: written.token.clone(),
                inputs: desired.clone(),
            };
            self.run.record(begun).await?;
            if let Some(recorded) = written.recorded_state(&self.run.lineage, &self.step.address) {
                let matches = |observed: &ObservedState| !self.is_other(&desired, &written, observed, ignore);
                receipt = self.write(&desired, recorded, observed, &matches).await?;
                let (address, token) = (self.address(), written.token.clone());
                self.run.record(JournalEntry::Answered { address, token, id, receipt: receipt.clone() }).await?;
            }
        }
        let observed = self.ready(&sent.object, &desired, receipt.as_ref()).await?;
        // Where there was no version to return to, or a plan would see no difference, what is left to do is kept as
        // unfinished.
        let hidden = self.holds_back(rollback_inputs)
            || !self.is_other(&sent.inputs, &Object { inputs: desired.clone(), ..written }, &observed, ignore);
        let pending =
            hidden.then(|| Pending { operation: Operation::Update, receipt: None, inputs: Some(sent.inputs.clone()) });
        let object = Object { pending, inputs: desired, outputs: Some(observed.outputs), ..sent.object.clone() };
        self.keep(row, object).await?;
        Ok(hidden)
    }

    fn is_other(&self, desired: &Value, written: &Object, observed: &ObservedState, ignore: &[String]) -> bool {
        let resolved = Resolved::known(desired.clone());
        !differences(self.resource_type, &resolved, written, observed, ignore).is_empty()
    }

    /// Returns whether a create-only field differs from the rollback inputs.
    fn is_other_at_first(&self, rollback_inputs: &Value, observed: &ObservedState) -> bool {
        let initial = self.resource_type.info().fields.iter().filter(|field| field.initial);
        let mut put_back = initial.filter_map(|field| Some((field.name, rollback_inputs.get(field.name)?)));
        put_back.any(|(name, value)| observed.inputs.get(name) != Some(value))
    }

    /// Returns whether the rollback inputs stop the object, because it has no version that worked.
    fn holds_back(&self, rollback_inputs: &Value) -> bool {
        let fields = self.resource_type.info().fields.iter().filter(|field| field.initial);
        let mut stopped = fields.filter_map(|field| Some((field.name, field.stopped_value()?)));
        stopped.any(|(name, stopped)| rollback_inputs.get(name) == Some(&stopped))
    }

    /// Writes down an object whose row stays as it was before, where there was one.
    async fn keep(&self, row: Row, object: Object) -> Result<(), StepError> {
        let before = self.run.state().rows.get(&self.step.address).cloned();
        let row = Row { objects: vec![], ..before.unwrap_or(row) };
        self.run
            .record(JournalEntry::Completed { address: self.address(), row: Box::new(row), object: Box::new(object) })
            .await?;
        Ok(())
    }
}

/// It has never been ready.
fn is_new(object: &Object) -> bool {
    object.outputs.is_none() || object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Create)
}
