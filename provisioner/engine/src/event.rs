//! What an apply tells while it runs. Whoever shows it decides how.

use std::time::Duration;

/// One thing that happened. Steps are numbered as in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its calls begin.
    Started {
        /// Which step.
        step: usize,
    },
    /// The object exists under this id; it may not be ready yet.
    Made {
        /// Which step.
        step: usize,
        /// The object's id.
        id: String,
    },
    /// It waits until the object is ready, or gone.
    Waiting {
        /// Which step.
        step: usize,
    },
    /// It is ready; its proof has begun.
    Verifying {
        /// Which step.
        step: usize,
    },
    /// It failed, and what the plan says for that case has begun.
    RollingBack {
        /// Which step.
        step: usize,
        /// What and why.
        why: String,
    },
    /// A call is sent again.
    Retry {
        /// Which step.
        step: usize,
        /// What the call answered.
        why: String,
        /// After how long.
        pause: Duration,
    },
    /// It is done.
    Done {
        /// Which step.
        step: usize,
        /// The object's id, where there is one.
        id: Option<String>,
    },
    /// It failed; what depends on it is skipped, everything else goes on.
    Failed {
        /// Which step.
        step: usize,
        /// What and why, the whole chain.
        why: String,
        /// More of it, for a person: what stopped, and its last words.
        details: Vec<String>,
        /// What AWS support asks for, where an answer came.
        request_id: Option<String>,
        /// What to do.
        hint: Option<String>,
    },
    /// It was not tried, since something before it failed or was skipped.
    Skipped {
        /// Which step.
        step: usize,
        /// The step that failed.
        because: usize,
    },
    /// It was not begun, since the run was cancelled.
    Cancelled {
        /// Which step.
        step: usize,
    },
}

/// What somebody wants while a run is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cancel {
    /// It goes on.
    #[default]
    No,
    /// Nothing new begins, and what is waited for is left: the next apply goes on from there.
    Leave,
    /// Nothing new begins, and rollouts that are waited for are undone, as the plan says.
    RollBack,
}

/// How a run ended.
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
