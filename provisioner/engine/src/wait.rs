//! Waits for the result of a call: an object that is ready and as declared, or deleted.

use std::{collections::BTreeSet, time::Duration};

use provisioner_model::{
    Diagnostic,
    erased::ObservedState,
    error::ErrorKind,
    plan::StepAction,
    resource::{Phase, Receipt},
    state::{Object, Operation},
};
use provisioner_planner::diff::{Resolved, differences, stops};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    event::{Cancel, EventKind},
    retry::pause,
    step::StepExecution,
    step_error::{CORRECT, PLAN_AGAIN, StepError},
};

impl StepExecution<'_, '_> {
    /// Waits until the object is ready and as declared. Otherwise it writes again: at once, and then with growing pauses,
    /// since a write that was computed from an old read may have missed a part. A rollout is written again only once.
    pub(crate) async fn wait_until_consistent(
        &self,
        object: &Object,
        desired: &Value,
        receipt: Option<Receipt>,
        ignore: &[String],
    ) -> Result<ObservedState, StepError> {
        let mut receipt = receipt;
        let mut observed = self.ready(object, desired, receipt.as_ref()).await?;
        let resolved = Resolved::known(desired.clone());
        let written = Object { inputs: desired.clone(), ..object.clone() };
        let left = |observed: &ObservedState| -> BTreeSet<String> {
            let field_diffs = differences(self.resource_type, &resolved, &written, observed, ignore);
            field_diffs.into_iter().map(|field_diff| field_diff.change.field).collect()
        };
        if left(&observed).is_empty() {
            return Ok(observed);
        }
        let recorded = written.recorded_state(&self.run.lineage, &self.step.address);
        if let Some(recorded) = recorded.clone() {
            receipt = self.write(desired, recorded, observed, &|observed| left(observed).is_empty()).await?;
        }
        let window = self.run.tuning.waits(self.resource_type.info().consistency_window);
        let until = Instant::now() + window;
        let (mut written_at, mut pause_of_writes) = (Instant::now(), window / 8);
        let mut attempt = 0;
        loop {
            observed = self.ready(object, desired, receipt.as_ref()).await?;
            let fields = left(&observed);
            if fields.is_empty() {
                return Ok(observed);
            }
            if Instant::now() >= until {
                let fields: Vec<String> = fields.into_iter().collect();
                let why = format!("{} is not as written, though the call succeeded", fields.join(", "));
                return Err(StepError::other(
                    why,
                    "another program changes the object, or the API stores the value in another form: the next plan shows \
                     both values; state the one that the API returns, or add the field to `ignore`",
                ));
            }
            if let Some(recorded) = recorded.clone()
                && written_at.elapsed() >= pause_of_writes
                && !self.can_roll_back()
            {
                receipt = self.write(desired, recorded, observed, &|observed| left(observed).is_empty()).await?;
                (written_at, pause_of_writes) = (Instant::now(), pause_of_writes * 2);
            }
            self.rest(pause(attempt)).await?;
            attempt += 1;
        }
    }

    /// Polls until the object is ready.
    pub(crate) async fn ready(
        &self,
        object: &Object,
        desired: &Value,
        receipt: Option<&Receipt>,
    ) -> Result<ObservedState, StepError> {
        let id = object.id.clone().unwrap_or_default();
        let until = Instant::now() + self.run.tuning.waits(self.resource_type.info().ready_timeout);
        let visible = Instant::now() + self.run.tuning.consistency_window(self.resource_type.info().consistency_window);
        let mut attempt = 0;
        loop {
            let why = match self.read_once(&id).await {
                Ok(Some(observed)) => {
                    match self.phase(object, desired, &observed, receipt, Instant::now() >= visible).await {
                        Ok(Phase::Ready) => return Ok(observed),
                        // It is as it should be.
                        Ok(Phase::Stopped { .. }) if stops(self.resource_type, desired) => return Ok(observed),
                        Ok(Phase::Stopped { why, hint }) => {
                            return Err(StepError::Failed(Box::new(Diagnostic::error(why).hint(hint))));
                        }
                        Ok(Phase::Failed { why, .. }) => {
                            return Err(StepError::failed(format!("it failed: {why}"), CORRECT));
                        }
                        Ok(Phase::Gone) if Instant::now() >= visible => {
                            return Err(StepError::outdated(format!("{id} was deleted in the meantime")));
                        }
                        Ok(Phase::Gone | Phase::Pending) => "is not ready",
                        Err(StepError::Call(error)) if self.may_pass(&error) => "cannot be followed",
                        Err(step_error) => return Err(step_error),
                    }
                }
                Ok(None) if Instant::now() >= visible => {
                    return Err(StepError::outdated(format!("{id} was created, but does not exist")));
                }
                Ok(None) => "is not visible yet",
                // Some APIs list a fresh object before they can describe it.
                Err(StepError::Call(error)) if error.kind == ErrorKind::Gone && Instant::now() < visible => {
                    "is not visible yet"
                }
                Err(StepError::Call(error)) if error.kind != ErrorKind::Gone && self.may_pass(&error) => {
                    "cannot be read"
                }
                Err(step_error) => return Err(step_error),
            };
            if Instant::now() >= until {
                let waited = self.run.tuning.waits(self.resource_type.info().ready_timeout).as_secs();
                let waited = format!("{id} {why} after {waited} s");
                // Without a way back, time is all that it needs.
                return Err(if self.can_roll_back() && why == "is not ready" {
                    StepError::failed(waited, CORRECT)
                } else {
                    StepError::other(waited, "look at the object's events in AWS; the next apply continues to wait")
                });
            }
            if attempt == 0 {
                self.tell(EventKind::Waiting);
            }
            // What is ready at once must not wait for the pause of what is not.
            self.rest(pause(attempt).min(self.resource_type.info().poll_interval)).await?;
            attempt += 1;
        }
    }

    /// Returns the object's lifecycle phase and the progress of its rollout.
    async fn phase(
        &self,
        object: &Object,
        desired: &Value,
        observed: &ObservedState,
        receipt: Option<&Receipt>,
        window_elapsed: bool,
    ) -> Result<Phase, StepError> {
        let phase = self.resource_type.phase(Some(desired), observed, receipt)?;
        let created = object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Create);
        if phase == Phase::Gone || !(receipt.is_some() || created || self.rolling_back) {
            return Ok(phase);
        }
        let round = self.run.clouds.round();
        let (resource_type, provider) = (self.resource_type, &self.step.provider);
        let followed =
            self.look(resource_type.poll_rollout(&round, provider, observed.clone(), receipt, window_elapsed)).await?;
        Ok(followed.unwrap_or(phase))
    }

    /// Polls until the object is deleted. Before `visible`, absence does not prove that: the object may be too fresh to be
    /// read, and its delete may have found nothing. Returns `false` if it came into view and is not being deleted.
    pub(crate) async fn gone(&self, id: &str, visible: Option<Instant>) -> Result<bool, StepError> {
        let proves = || visible.is_none_or(|visible| Instant::now() >= visible);
        let until = Instant::now() + self.run.tuning.waits(self.resource_type.info().ready_timeout);
        let mut attempt = 0;
        loop {
            match self.read_once(id).await {
                Ok(None) if proves() => return Ok(true),
                Ok(None) => {}
                Ok(Some(observed)) => match self.resource_type.phase(None, &observed, None)? {
                    Phase::Gone => return Ok(true),
                    Phase::Ready if visible.is_some() => return Ok(false),
                    _ => {}
                },
                Err(StepError::Call(error)) if error.kind == ErrorKind::Gone && proves() => return Ok(true),
                Err(StepError::Call(error)) if self.may_pass(&error) => {}
                Err(step_error) => return Err(step_error),
            }
            if Instant::now() >= until {
                return Err(StepError::other(
                    format!("{id} is being deleted, but still exists"),
                    "look at the object's events in AWS; the same command continues to wait",
                ));
            }
            if attempt == 0 {
                self.tell(EventKind::Waiting);
            }
            self.rest(pause(attempt).min(self.resource_type.info().poll_interval)).await?;
            attempt += 1;
        }
    }

    /// A pause that a cancellation ends: waiting is never worth holding up an exit.
    pub(crate) async fn rest(&self, pause: Duration) -> Result<(), StepError> {
        tokio::select! {
            () = tokio::time::sleep(self.run.tuning.pause(pause)) => Ok(()),
            step_error = self.interrupted() => Err(step_error),
        }
    }

    /// Completes when a cancellation leaves or rolls back the step.
    pub(crate) async fn interrupted(&self) -> StepError {
        let mut cancel = self.run.cancel.clone();
        let request = cancel.wait_for(|request| match request {
            Cancel::No => false,
            Cancel::Leave | Cancel::Stop => true,
            Cancel::RollBack => !self.rolling_back,
        });
        // Copied out at once: the guard may not be held while anything is awaited.
        let request = request.await.map(|request| *request);
        match request {
            Ok(Cancel::RollBack) if self.can_roll_back() => {
                StepError::failed("it is rolled back, as requested", PLAN_AGAIN)
            }
            Ok(_) if self.can_roll_back() => StepError::Left,
            Ok(_) => StepError::Cancelled,
            // Whoever could cancel has gone: nobody will.
            Err(_) => std::future::pending().await,
        }
    }

    pub(crate) fn can_roll_back(&self) -> bool {
        match &self.step.action {
            StepAction::Create(write) | StepAction::Update { write, .. } => write.rollback_inputs.is_some(),
            _ => false,
        }
    }

    /// Returns the observed state as soon as the object is visible.
    pub(crate) async fn visible(&self, id: &str) -> Result<ObservedState, StepError> {
        let until = Instant::now() + self.run.tuning.consistency_window(self.resource_type.info().consistency_window);
        let mut attempt = 0;
        loop {
            match self.read(id).await {
                Ok(Some(observed)) => return Ok(observed),
                Ok(None) if Instant::now() >= until => {
                    return Err(StepError::outdated(format!("{id} was deleted in the meantime")));
                }
                Ok(None) => {}
                Err(StepError::Call(error)) if error.kind == ErrorKind::Gone && Instant::now() < until => {}
                Err(step_error) => return Err(step_error),
            }
            self.rest(pause(attempt)).await?;
            attempt += 1;
        }
    }
}
