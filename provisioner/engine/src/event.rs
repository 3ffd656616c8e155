//! Events that an apply sends while it runs. The receiver decides how to show them.

use std::time::Duration;

use provisioner_model::Diagnostic;

/// A change of state of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The step's number in the plan.
    pub step: usize,
    /// The change.
    pub kind: EventKind,
}

/// The change that an event reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The step's calls begin.
    Started,
    /// The object exists under this ID. It may not be ready yet.
    Created {
        /// The object's ID.
        id: String,
    },
    /// The step waits until the object is ready, or gone.
    Waiting,
    /// The object is ready, and its verification has begun.
    Verifying,
    /// The rollout counts although it was not verified.
    Unverified {
        /// The reason.
        warning: Diagnostic,
    },
    /// The object failed, and the rollback that the plan states has begun.
    RollingBack {
        /// The failure. The event [`EventKind::Failed`] that follows does not repeat it.
        failure: Diagnostic,
    },
    /// A call is sent again.
    Retry {
        /// The error that the call returned.
        why: String,
        /// The time until the next attempt.
        pause: Duration,
    },
    /// The call failed because an object that was just written is not usable yet. It is sent again.
    WaitingFor {
        /// The resources that were just written, and that the error may concern.
        addresses: Vec<String>,
        /// The error that the call returned.
        why: String,
        /// The time until the next attempt.
        pause: Duration,
    },
    /// A shared object was not deleted, since another environment has begun to use it after the plan was made. It lost
    /// our tag.
    Released {
        /// The object's ID.
        id: String,
    },
    /// The step succeeded.
    Done {
        /// The object's ID, where the object still exists.
        id: Option<String>,
    },
    /// The step failed. Steps that depend on it are skipped, all others continue.
    ///
    /// The summary is the failure with its whole chain of errors and AWS's request ID. The detail is for a person:
    /// stopped tasks and their last log lines. After [`EventKind::RollingBack`], it is only the result of the rollback.
    Failed(Diagnostic),
    /// The step was not tried, since a step before it failed or was skipped.
    Skipped {
        /// The step that failed.
        because: usize,
    },
    /// The step was not started, since the run was cancelled.
    Cancelled,
}

/// A request to a run in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cancel {
    /// It goes on.
    #[default]
    No,
    /// No new steps start, and waits end: the next apply resumes them.
    Leave,
    /// No new steps start, and rollouts in progress are rolled back as planned.
    RollBack,
    /// The run ends at once. Calls in flight are abandoned: their outcome stays unknown until the next refresh.
    Stop,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Steps that are done.
    pub done: usize,
    /// Steps that failed: the step and why.
    pub failed: Vec<(usize, String)>,
    /// Steps skipped because of those.
    pub skipped: usize,
    /// Rollouts that were waited for, and were left to go on by themselves.
    pub left: usize,
    /// Steps whose call was in flight when the run was stopped. The next plan finds out what became of them.
    pub abandoned: usize,
    /// The run was cancelled before everything had begun.
    pub cancelled: bool,
    /// Credentials expired on the way.
    pub expired: bool,
}

impl Outcome {
    /// Returns whether every step is done.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped == 0 && !self.cancelled
    }
}
