//! Sends calls, retries errors that a retry may resolve, and determines unknown outcomes.

use std::time::Duration;

use provisioner_model::{
    erased::{Fut, ObservedState, RecordedState},
    error::{Error, ErrorKind},
    resource::{Owner, Receipt},
    state::Object,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    event::EventKind,
    retry::{budget, pause},
    step::StepExecution,
    step_error::StepError,
};

impl StepExecution<'_, '_> {
    /// Sends a create until its outcome is known.
    pub(crate) async fn make(
        &self,
        inputs: &Value,
        owner: &Owner,
        needs: &[String],
    ) -> Result<(String, Option<Receipt>), StepError> {
        let mut unknown = 0;
        loop {
            let attempt = || self.resource_type.create(self.run.clouds, &self.step.provider, inputs.clone(), owner);
            match self.again(needs, attempt).await {
                Ok(made) => return Ok(made),
                // No answer, or an object that an attempt before may have created: the token tells. Without one, what
                // exists at the first attempt is not ours.
                Err(StepError::Call(error))
                    if error.kind == ErrorKind::Unknown
                        || (error.kind == ErrorKind::Exists && (self.resource_type.info().tagged || unknown > 0)) =>
                {
                    let fresh = error.kind == ErrorKind::Unknown;
                    let found = match self.found(inputs, owner, fresh || unknown > 0).await {
                        // Not every endpoint keeps the tags of a create.
                        Ok(None) if !fresh && unknown > 0 => self.by_unique_key(inputs).await,
                        found => found,
                    };
                    match found {
                        Ok(Some(id)) => return Ok((id, None)),
                        Ok(None) if fresh && unknown < 3 => {
                            unknown += 1;
                            self.tell_retry(&error, pause(unknown));
                        }
                        Ok(None) => return Err(error.into()),
                        // Until a look-up has succeeded, the attempt may have had its effect.
                        Err(second) if unknown > 0 || fresh => {
                            let why = format!("and the look-up after it failed: {}", second.chain());
                            return Err(Error::because(ErrorKind::Unknown, error.action, why).into());
                        }
                        Err(second) => return Err(second.into()),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Finds the only object with the unique key, for a create with an unknown outcome. No object had the key before.
    async fn by_unique_key(&self, inputs: &Value) -> Result<Option<String>, Error> {
        let round = self.run.clouds.round();
        let mut ids = self.resource_type.find_by_unique_key(&round, &self.step.provider, inputs.clone()).await?;
        Ok(ids.pop().filter(|_| ids.is_empty()))
    }

    /// Finds the object that was created for this owner, and waits until it would be visible.
    pub(crate) async fn found(&self, inputs: &Value, owner: &Owner, patiently: bool) -> Result<Option<String>, Error> {
        let until = Instant::now() + self.run.tuning.consistency_window(self.resource_type.info().consistency_window);
        loop {
            let round = self.run.clouds.round();
            let mut ids = self.resource_type.find_by_token(&round, &self.step.provider, inputs.clone(), owner).await?;
            match ids.len() {
                0 if patiently && Instant::now() < until => tokio::time::sleep(Duration::from_secs(1)).await,
                0 => return Ok(None),
                1 => return Ok(ids.pop()),
                _ => {
                    let why = format!("{} objects answer to its token: {}", ids.len(), ids.join(", "));
                    return Err(Error::because(ErrorKind::Refused, "find", why));
                }
            }
        }
    }

    pub(crate) async fn write(
        &self,
        desired: &Value,
        recorded: RecordedState,
        observed: ObservedState,
    ) -> Result<Option<Receipt>, StepError> {
        let call = || {
            self.resource_type.update(
                self.run.clouds,
                &self.step.provider,
                desired.clone(),
                recorded.clone(),
                observed.clone(),
            )
        };
        let mut unknown = 0;
        loop {
            match self.again(&[], call).await {
                // An update names the state that it brings about: sent twice, it does no harm.
                Err(StepError::Call(error)) if error.kind == ErrorKind::Unknown && unknown < 3 => {
                    self.tell_retry(&error, pause(unknown));
                    tokio::time::sleep(self.run.tuning.pause(pause(unknown))).await;
                    unknown += 1;
                }
                result => return result,
            }
        }
    }

    pub(crate) async fn take_down(&self, recorded: &RecordedState) -> Result<(), StepError> {
        let mut unknown = 0;
        let first = Instant::now();
        loop {
            match self.again(&[], || Box::pin(self.delete_once(recorded, first))).await {
                Ok(()) => return Ok(()),
                Err(StepError::Call(error)) if error.kind == ErrorKind::Gone => return Ok(()),
                // A delete can be sent twice: the second finds nothing.
                Err(StepError::Call(error)) if error.kind == ErrorKind::Unknown && unknown < 3 => {
                    self.tell_retry(&error, pause(unknown));
                    tokio::time::sleep(self.run.tuning.pause(pause(unknown))).await;
                    unknown += 1;
                }
                Err(step_error) => return Err(step_error),
            }
        }
    }

    /// Retries a call while its error may be temporary.
    pub(crate) async fn again<'f, T>(&self, needs: &[String], call: impl Fn() -> Fut<'f, T>) -> Result<T, StepError>
    where
        T: 'f,
    {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            let result = {
                let _one = self.run.calls.acquire().await;
                call().await
            };
            let error = match result {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // What it refers to may be too fresh to be seen everywhere.
            let kind =
                if error.kind == ErrorKind::Gone && self.any_fresh(needs) { ErrorKind::NotYet } else { error.kind };
            let Some(budget) = budget(kind) else { return Err(error.into()) };
            if started.elapsed() >= self.run.tuning.waits(budget) {
                return Err(error.into());
            }
            let pause = pause(attempt);
            self.tell_retry(&error, self.run.tuning.pause(pause));
            // Nothing has taken effect: whoever cancels now finds it as it was.
            self.rest(pause).await.map_err(|_| StepError::Cancelled)?;
            attempt += 1;
        }
    }

    fn tell_retry(&self, error: &Error, pause: Duration) {
        self.tell(EventKind::Retry { why: error.chain(), pause });
    }

    fn any_fresh(&self, needs: &[String]) -> bool {
        let now = (self.run.tuning.now)();
        let state = self.run.state();
        let fresh = |object: &Object| now.saturating_sub(object.made_at) < 120;
        needs.iter().filter_map(|need| state.rows.get(need)?.current()).any(fresh)
    }
}
