//! Writing the record of a run beside the state, while the run goes on.

use std::time::Duration;

use futures::future::BoxFuture;
use provisioner_engine::{ApplyError, Event, Outcome};
use provisioner_model::Environment;
use provisioner_store::StoreError;
use tokio::time::Instant;

use super::Session;
use crate::{runs::Recorder, terminal::Terminal};

/// Time between two writes: a killed run lacks at most so much of its record.
const PAUSE: Duration = Duration::from_secs(2);

/// A record that is being written. A failure is reported at the end, and does not end the run.
pub(super) struct Record<'a, E> {
    session: &'a Session<'a, E>,
    recorder: Recorder<'a>,
    /// Time of the next write: the first one is at once.
    due: Instant,
    writing: Option<BoxFuture<'a, Result<(), StoreError>>>,
    failure: Option<StoreError>,
}

impl<'a, E: Environment> Record<'a, E> {
    pub(super) fn new(session: &'a Session<'a, E>, recorder: Recorder<'a>) -> Self {
        // The calls of the plan are not the run's.
        session.take_calls();
        Self { session, recorder, due: Instant::now(), writing: None, failure: None }
    }

    pub(super) fn event(&mut self, event: &Event) {
        self.recorder.event(event);
    }

    /// Writes what is new, when it is time. A caller that drops the future loses nothing.
    pub(super) async fn write(&mut self) {
        if self.writing.is_none() {
            tokio::time::sleep_until(self.due).await;
            self.due = Instant::now() + PAUSE;
            self.begin();
        }
        if let Some(writing) = &mut self.writing {
            let written = writing.await;
            self.writing = None;
            self.failure = written.err().or(self.failure.take());
        }
    }

    /// Writes the rest.
    pub(super) async fn end(&mut self, result: &Result<Outcome, ApplyError>, terminal: &Terminal) {
        if let Some(writing) = self.writing.take() {
            self.failure = writing.await.err().or(self.failure.take());
        }
        self.recorder.end(result);
        self.begin();
        if let Some(writing) = self.writing.take() {
            self.failure = writing.await.err().or(self.failure.take());
        }
        if let Some(failure) = &self.failure {
            terminal.say(&format!("The record of this run is not complete: {failure}"));
        }
    }

    fn begin(&mut self) {
        #[cfg(feature = "aws-types")]
        self.recorder.calls(self.session.take_calls());
        let lines = self.recorder.take();
        if lines.is_empty() {
            return;
        }
        let (store, name) = (self.session.store.clone(), self.recorder.name().to_owned());
        self.writing = Some(Box::pin(async move { store.store().record(&name, &lines).await }));
    }
}

impl<E: Environment> Session<'_, E> {
    /// Returns the calls of AWS since the last time.
    #[cfg(feature = "aws-types")]
    fn take_calls(&self) -> Vec<provisioner_aws::calls::ApiCall> {
        use provisioner_model::stack::MAIN;
        self.clouds.get::<provisioner_aws::Aws>(MAIN).map(provisioner_aws::Aws::take_calls).unwrap_or_default()
    }

    #[cfg(not(feature = "aws-types"))]
    #[expect(clippy::unused_self, reason = "as the one with AWS")]
    fn take_calls(&self) {}
}
