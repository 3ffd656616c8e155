//! One call, with its limit of time; reads, which are repeated until they are answered; and the attempts of one write.

use std::time::Duration;

use provisioner_model::{
    erased::{Fut, ObservedState, ResourceType},
    error::{Error, ErrorKind, Result},
};
use tokio::time::Instant;

use crate::{
    event::EventKind,
    fresh::Fresh,
    retry::{READ_TIMEOUT, budget, pause, read_budget},
    step::StepExecution,
    step_error::StepError,
    tuning::Tuning,
};

/// Number of times that a write is repeated after an attempt without an answer.
const UNKNOWN_REPEATS: u32 = 3;

/// The answer to a call, or the error of a call that took too long: its outcome is unknown.
pub(crate) async fn limited<T>(limit: Duration, action: &'static str, call: Fut<'_, T>) -> Result<T> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(Error::timeout(action, limit)))
}

/// The answer to one read.
pub(crate) async fn limited_read<T>(tuning: &Tuning, resource_type: &dyn ResourceType, call: Fut<'_, T>) -> Result<T> {
    let info = resource_type.info();
    let action = info.actions.read.first().copied().unwrap_or(info.type_name);
    limited(tuning.call_timeout(READ_TIMEOUT), action, call).await
}

/// The attempts of one call so far.
pub(crate) struct Attempts {
    started: Instant,
    count: u32,
    /// Attempts without an answer.
    pub(crate) unknown: u32,
    is_read: bool,
    /// The fresh objects that an earlier attempt's error concerned.
    fresh: Option<Fresh>,
}

impl Attempts {
    pub(crate) fn of_write() -> Self {
        Self { started: Instant::now(), count: 0, unknown: 0, is_read: false, fresh: None }
    }

    fn of_read() -> Self {
        Self { is_read: true, ..Self::of_write() }
    }

    /// Returns whether an attempt failed before.
    pub(crate) fn has_failed(&self) -> bool {
        self.count > 0
    }

    /// Returns whether an attempt without an answer would be repeated.
    pub(crate) fn may_repeat_unknown(&self) -> bool {
        self.unknown < UNKNOWN_REPEATS
    }

    /// Waits until the next attempt, and tells so; returns the error if it is final.
    pub(crate) async fn pass(&mut self, step: &StepExecution<'_, '_>, error: Error) -> Result<(), StepError> {
        if self.fresh.is_none() {
            self.fresh = step.concerns_fresh(&error);
        }
        let budget = if self.is_read { read_budget(error.kind) } else { budget(error.kind) };
        let in_budget = budget.is_some_and(|budget| self.started.elapsed() < step.run.tuning.waits(budget));
        let concerns_fresh = self.fresh.as_ref().filter(|fresh| {
            // Each error for itself: a later one may be about something else.
            Instant::now() < fresh.until && step.concerns_fresh(&error).is_some()
        });
        let repeats = !self.is_read && error.kind == ErrorKind::Unknown && self.may_repeat_unknown();
        self.unknown += u32::from(error.kind == ErrorKind::Unknown);
        if !in_budget && concerns_fresh.is_none() && !repeats {
            return Err(error.into());
        }
        let pause = pause(self.count);
        let (why, told) = (error.chain(), step.run.tuning.pause(pause));
        step.tell(match concerns_fresh {
            Some(fresh) => EventKind::WaitingFor { addresses: fresh.addresses.clone(), why, pause: told },
            None => EventKind::Retry { why, pause: told },
        });
        self.count += 1;
        match step.rest(pause).await {
            // A rollout that has not been sent is not left.
            Err(_) if !self.is_read => Err(StepError::Cancelled),
            rested => rested,
        }
    }
}

impl StepExecution<'_, '_> {
    /// Sends a write once, as soon as the limits allow.
    pub(crate) async fn attempt<T>(&self, actions: &[&'static str], call: Fut<'_, T>) -> Result<T, StepError> {
        let info = self.resource_type.info();
        let action = actions.first().copied().unwrap_or(info.type_name);
        let limit = self.run.tuning.call_timeout(info.write_timeout);
        let permit = tokio::select! {
            permit = self.run.limits.acquire(info.type_name) => permit,
            // Nothing was sent.
            () = self.run.stopped() => return Err(StepError::Cancelled),
        };
        let result = tokio::select! {
            // An answer that is there counts.
            biased;
            answer = limited(limit, action, call) => answer.map_err(StepError::from),
            () = self.run.stopped() => Err(StepError::Abandoned),
        };
        drop(permit);
        result
    }

    /// Sends a read once.
    pub(crate) async fn look<T>(&self, call: Fut<'_, T>) -> Result<T, StepError> {
        tokio::select! {
            biased;
            answer = limited_read(&self.run.tuning, self.resource_type, call) => answer.map_err(StepError::from),
            () = self.run.stopped() => Err(StepError::Abandoned),
        }
    }

    /// Sends a read until it is answered, or its error is final.
    pub(crate) async fn ask<'f, T: 'f>(&self, call: impl Fn() -> Fut<'f, T>) -> Result<T, StepError> {
        let mut attempts = Attempts::of_read();
        loop {
            match self.look(call()).await {
                Err(StepError::Call(error)) => attempts.pass(self, error).await?,
                answer => return answer,
            }
        }
    }

    /// Reads the step's object once.
    pub(crate) async fn read_once(&self, id: &str) -> Result<Option<ObservedState>, StepError> {
        tokio::select! {
            biased;
            answer = self.run.reads.read(self.resource_type, &self.step.provider, id) => answer.map_err(StepError::from),
            () = self.run.stopped() => Err(StepError::Abandoned),
        }
    }

    /// Reads the step's object until the read is answered, or its error is final.
    pub(crate) async fn read(&self, id: &str) -> Result<Option<ObservedState>, StepError> {
        let mut attempts = Attempts::of_read();
        loop {
            match self.read_once(id).await {
                Err(StepError::Call(error)) => attempts.pass(self, error).await?,
                answer => return answer,
            }
        }
    }

    /// Returns whether a read that failed with this error may succeed later.
    pub(crate) fn may_pass(&self, error: &Error) -> bool {
        read_budget(error.kind).is_some() || self.concerns_fresh(error).is_some()
    }
}
