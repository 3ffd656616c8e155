//! Parameters that a run takes from outside: clock, tokens, timeouts and concurrency.

use std::time::Duration;

/// Parameters that a run takes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Seconds since 1970, now.
    pub now: fn() -> u64,
    /// A new token: at most 36 characters of `[0-9a-f-]`, never the same twice.
    pub token: fn() -> String,
    /// At most this long is waited for a fresh object to be visible. None: as long as its type says.
    pub consistency_window: Option<Duration>,
    /// At most this long is waited for anything. None: as long as its type says.
    pub patience: Option<Duration>,
    /// At most this long is paused between two looks. None: as long as its type says.
    pub poll: Option<Duration>,
    /// Maximum number of concurrent writes.
    pub parallel: usize,
}

impl Tuning {
    /// With AWS in mind.
    pub fn new(now: fn() -> u64, token: fn() -> String) -> Self {
        Self { now, token, consistency_window: None, patience: None, poll: None, parallel: 16 }
    }

    pub(crate) fn consistency_window(&self, of_type: Duration) -> Duration {
        self.consistency_window.map_or(of_type, |cap| cap.min(of_type))
    }

    pub(crate) fn waits(&self, of_type: Duration) -> Duration {
        self.patience.map_or(of_type, |cap| cap.min(of_type))
    }

    pub(crate) fn pause(&self, of_type: Duration) -> Duration {
        self.poll.map_or(of_type, |cap| cap.min(of_type))
    }
}
