//! Progress events of an apply. The receiver decides how to show them.

use std::time::Duration;

/// One thing that happened. Steps are numbered as in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The step's calls start.
    Started {
        /// Index of the step in the plan.
        step: usize,
    },
    /// The object exists under this id; it may not be ready yet.
    Made {
        /// Index of the step in the plan.
        step: usize,
        /// The object's ID in AWS.
        id: String,
    },
    /// It waits until the object is ready, or gone.
    Waiting {
        /// Index of the step in the plan.
        step: usize,
    },
    /// It is ready; its proof has begun.
    Verifying {
        /// Index of the step in the plan.
        step: usize,
    },
    /// The step failed, and its planned rollback has started.
    RollingBack {
        /// Index of the step in the plan.
        step: usize,
        /// The failure and its reason.
        why: String,
    },
    /// A call is sent again.
    Retry {
        /// Index of the step in the plan.
        step: usize,
        /// Error that the call returned.
        why: String,
        /// Pause before the next attempt.
        pause: Duration,
    },
    /// The step has succeeded.
    Done {
        /// Index of the step in the plan.
        step: usize,
        /// The object's id, where there is one.
        id: Option<String>,
    },
    /// The step failed; its dependents are skipped, and all other steps continue.
    Failed {
        /// Index of the step in the plan.
        step: usize,
        /// The failure and its complete chain of causes.
        why: String,
        /// More of it, for a person: what stopped, and its last words.
        details: Vec<String>,
        /// AWS's request ID for support cases, if there was a response.
        request_id: Option<String>,
        /// Suggested next action, if there is one.
        hint: Option<String>,
    },
    /// It was not tried, since something before it failed or was skipped.
    Skipped {
        /// Index of the step in the plan.
        step: usize,
        /// The step that failed.
        because: usize,
    },
    /// It was not begun, since the run was cancelled.
    Cancelled {
        /// Index of the step in the plan.
        step: usize,
    },
}

/// A cancellation request during a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cancel {
    /// The run continues normally.
    #[default]
    No,
    /// No new steps start, and waits end: the next apply resumes them.
    Leave,
    /// No new steps start, and rollouts in progress are rolled back as planned.
    RollBack,
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
    /// The run was cancelled before everything had begun.
    pub cancelled: bool,
    /// Credentials expired on the way.
    pub expired: bool,
}

impl Outcome {
    /// Returns whether everything that was planned is done.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped == 0 && !self.cancelled
    }
}
