//! Sends calls, retries errors that a retry may resolve, and determines unknown outcomes.

use std::time::Duration;

use provisioner_model::{
    erased::{ObservedState, RecordedState},
    error::{Error, ErrorKind},
    resource::{Owner, Phase, Receipt},
};
use serde_json::Value;
use tokio::time::Instant;

use crate::{call::Attempts, retry::budget, step::StepExecution, step_error::StepError};

impl StepExecution<'_, '_> {
    /// Sends a create until its outcome is known.
    pub(crate) async fn make(&self, inputs: &Value, owner: &Owner) -> Result<(String, Option<Receipt>), StepError> {
        let info = self.resource_type.info();
        let mut attempts = Attempts::of_write();
        // An attempt without an answer may have created an object that no look-up has found yet.
        let mut is_unproven = false;
        loop {
            let call = self.resource_type.create(self.run.clouds, &self.step.provider, inputs.clone(), owner);
            let error = match self.attempt(info.actions.create, call).await {
                Ok(made) => {
                    self.note_write(false);
                    return Ok(made);
                }
                Err(StepError::Call(error)) => error,
                Err(step_error) => return Err(step_error),
            };
            // No answer, or an object that an attempt before may have created: the token tells. Without one, what
            // exists at the first attempt is not ours.
            let unanswered = error.kind == ErrorKind::Unknown;
            let earlier = attempts.unknown > 0;
            // A repeat that cannot create a second object need not wait until the first one would be visible. Its error
            // may be due to that object.
            let repeats_at_once = unanswered && info.idempotent_create && attempts.may_repeat_unknown();
            let is_final = budget(error.kind).is_none();
            if unanswered || (error.kind == ErrorKind::Exists && (info.tagged || earlier)) || (is_unproven && is_final)
            {
                let found = match self.found(inputs, owner, (unanswered || earlier) && !repeats_at_once).await {
                    // Not every endpoint keeps the tags of a create.
                    Ok(None) if !unanswered && earlier => self.by_unique_key(inputs).await,
                    found => found,
                };
                match found {
                    Ok(Some(id)) => {
                        self.note_write(false);
                        return Ok((id, None));
                    }
                    Ok(None) => is_unproven = repeats_at_once,
                    Err(StepError::Abandoned) => return Err(StepError::Abandoned),
                    // Until a look-up has succeeded, the attempt may have had its effect.
                    Err(second) if earlier || unanswered => {
                        let why = format!("and the look-up after it failed: {}", second.why());
                        return Err(Error::because(ErrorKind::Unknown, error.action, why).into());
                    }
                    Err(second) => return Err(second),
                }
            }
            match attempts.pass(self, error).await {
                // A request that was given up may still take effect.
                Err(StepError::Cancelled) if attempts.unknown > 0 => return Err(StepError::Abandoned),
                Err(StepError::Call(error)) if is_unproven && error.kind != ErrorKind::Unknown => {
                    return Err(Error::because(ErrorKind::Unknown, error.action, error.chain()).into());
                }
                passed => passed?,
            }
        }
    }

    /// Finds the only object with the unique key, for a create with an unknown outcome. No object had the key before.
    async fn by_unique_key(&self, inputs: &Value) -> Result<Option<String>, StepError> {
        let mut ids = self.key_holders(inputs).await?;
        Ok(ids.pop().filter(|_| ids.is_empty()))
    }

    /// Finds the objects with the unique key.
    pub(crate) async fn key_holders(&self, inputs: &Value) -> Result<Vec<String>, StepError> {
        let round = self.run.clouds.round();
        self.ask(|| self.resource_type.find_by_unique_key(&round, &self.step.provider, inputs.clone())).await
    }

    /// Finds the object that was created for this owner, and waits until it would be visible.
    pub(crate) async fn found(
        &self,
        inputs: &Value,
        owner: &Owner,
        patiently: bool,
    ) -> Result<Option<String>, StepError> {
        let until = Instant::now() + self.run.tuning.consistency_window(self.resource_type.info().consistency_window);
        loop {
            let round = self.run.clouds.round();
            let find = || self.resource_type.find_by_token(&round, &self.step.provider, inputs.clone(), owner);
            let mut ids = self.ask(find).await?;
            match ids.len() {
                0 if patiently && Instant::now() < until => {
                    tokio::select! {
                        () = tokio::time::sleep(self.run.tuning.pause(Duration::from_secs(1))) => {}
                        () = self.run.stopped() => return Err(StepError::Abandoned),
                    }
                }
                0 => return Ok(None),
                1 => return Ok(ids.pop()),
                _ => {
                    let why = format!("{} objects answer to its token: {}", ids.len(), ids.join(", "));
                    return Err(Error::because(ErrorKind::Refused, "find", why).into());
                }
            }
        }
    }

    /// Sends an update until its outcome is known. Each repetition begins with a read: the attempt before may have changed
    /// the object, and so may others. `matches` tells whether an observed object is as desired.
    pub(crate) async fn write(
        &self,
        desired: &Value,
        recorded: RecordedState,
        observed: ObservedState,
        matches: &(dyn Fn(&ObservedState) -> bool + Sync),
    ) -> Result<Option<Receipt>, StepError> {
        let info = self.resource_type.info();
        let mut attempts = Attempts::of_write();
        let first = observed;
        let mut observed = first.clone();
        loop {
            let (clouds, provider) = (self.run.clouds, &self.step.provider);
            let call = self.resource_type.update(clouds, provider, desired.clone(), recorded.clone(), observed.clone());
            let mut error = match self.attempt(info.actions.update, call).await {
                Ok(receipt) => {
                    self.note_write(false);
                    return Ok(receipt);
                }
                Err(StepError::Call(error)) => error,
                Err(step_error) => return Err(step_error),
            };
            // A part of the update that an earlier attempt made.
            if error.kind == ErrorKind::Exists && attempts.has_failed() {
                error.kind = ErrorKind::Busy;
            }
            let kind = error.kind;
            attempts.pass(self, error).await?;
            if matches!(kind, ErrorKind::NotSent | ErrorKind::NoCredentials) {
                continue;
            }
            let now = self.visible(&recorded.id).await?;
            let is_done = matches(&now) && (attempts.unknown > 0 || kind == ErrorKind::Busy);
            if is_done && !self.can_roll_back() {
                self.note_write(false);
                return Ok(None);
            }
            // A rollout needs the receipt that was lost: it is written once more as it was.
            observed = if is_done && kind == ErrorKind::Unknown { first.clone() } else { now };
        }
    }

    /// Sends a delete until its outcome is known. `is_young`: that the API does not find the object proves nothing yet.
    pub(crate) async fn take_down(&self, recorded: &RecordedState, is_young: bool) -> Result<(), StepError> {
        let mut attempts = Attempts::of_write();
        let mut recorded = recorded.clone();
        let first = Instant::now();
        loop {
            let kind = match self.delete_once(&recorded, first).await {
                Ok(()) => break,
                Err(StepError::Call(error)) if error.kind == ErrorKind::Gone => {
                    if !is_young {
                        break;
                    }
                    match attempts.pass(self, error).await {
                        Ok(()) => continue,
                        Err(StepError::Call(_)) => break,
                        Err(step_error) => return Err(step_error),
                    }
                }
                Err(StepError::Call(error)) => {
                    let kind = error.kind;
                    attempts.pass(self, error).await?;
                    kind
                }
                Err(step_error) => return Err(step_error),
            };
            if !matches!(kind, ErrorKind::Unknown | ErrorKind::Busy) {
                continue;
            }
            match self.read(&recorded.id).await {
                Ok(Some(observed)) if self.resource_type.phase(None, &observed, None)? == Phase::Gone => break,
                Ok(Some(observed)) => recorded.outputs = Some(observed.outputs),
                Ok(None) if !is_young => break,
                Ok(None) => {}
                Err(StepError::Call(error)) if error.kind == ErrorKind::Gone => {}
                Err(step_error) => return Err(step_error),
            }
        }
        self.note_write(true);
        Ok(())
    }

    fn note_write(&self, deleted: bool) {
        self.run.writes.note(&self.step.address, deleted);
    }
}
