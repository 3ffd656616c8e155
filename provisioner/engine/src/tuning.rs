//! Parameters that a run takes from outside: clock, tokens, timeouts and concurrency.

use std::time::Duration;

/// Parameters that a run takes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Seconds since 1970, now.
    pub now: fn() -> u64,
    /// A new token: at most 36 characters of `[0-9a-f-]`, never the same twice.
    pub token: fn() -> String,
    /// Maximum time to wait for a new object to become visible. `None`: the type's limit applies.
    pub consistency_window: Option<Duration>,
    /// Maximum time for which a new or changed object may be unusable. `None`: `consistency_window` applies.
    pub propagation_window: Option<Duration>,
    /// Maximum time to wait for any operation. `None`: the type's limit applies.
    pub patience: Option<Duration>,
    /// Maximum time of one call. `None`: the limit of the type and of the kind of call applies.
    pub call_timeout: Option<Duration>,
    /// Maximum pause between two polls. `None`: the type's limit applies.
    pub poll: Option<Duration>,
    /// Maximum number of concurrent writes; half of it for one service.
    pub parallel: usize,
}

impl Tuning {
    /// With AWS in mind.
    pub fn new(now: fn() -> u64, token: fn() -> String) -> Self {
        Self {
            now,
            token,
            consistency_window: None,
            propagation_window: None,
            patience: None,
            call_timeout: None,
            poll: None,
            parallel: 16,
        }
    }

    pub(crate) fn consistency_window(&self, of_type: Duration) -> Duration {
        self.consistency_window.map_or(of_type, |cap| cap.min(of_type))
    }

    pub(crate) fn propagation_window(&self, of_type: Duration) -> Duration {
        self.propagation_window.or(self.consistency_window).map_or(of_type, |cap| cap.min(of_type))
    }

    pub(crate) fn waits(&self, of_type: Duration) -> Duration {
        self.patience.map_or(of_type, |cap| cap.min(of_type))
    }

    pub(crate) fn call_timeout(&self, of_type: Duration) -> Duration {
        self.call_timeout.map_or(of_type, |cap| cap.min(of_type))
    }

    pub(crate) fn pause(&self, of_type: Duration) -> Duration {
        self.poll.map_or(of_type, |cap| cap.min(of_type))
    }
}
