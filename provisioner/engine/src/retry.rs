//! Retries: the errors that are temporary, for how long, and the pauses between attempts.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use provisioner_model::error::{Error, ErrorKind};

use crate::step_error::CORRECT;

/// Maximum time of one read, with all its pages and the SDK's own retries.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_mins(2);

/// The time for which an error of this kind is retried; `None` if it is final.
pub(crate) fn budget(kind: ErrorKind) -> Option<Duration> {
    match kind {
        ErrorKind::NotSent | ErrorKind::NoCredentials => Some(Duration::from_secs(30)),
        // IAM says two minutes; ECS takes another two to believe it.
        ErrorKind::NotYet => Some(Duration::from_mins(4)),
        ErrorKind::Throttled | ErrorKind::Busy => Some(Duration::from_mins(10)),
        // Network interfaces linger after what used them is gone.
        ErrorKind::InUse => Some(Duration::from_mins(20)),
        // A bug among them: the same call fails again.
        _ => None,
    }
}

/// The same for a read, which can always be sent again.
pub(crate) fn read_budget(kind: ErrorKind) -> Option<Duration> {
    match kind {
        // Longer than one timeout.
        ErrorKind::Unknown => Some(READ_TIMEOUT + Duration::from_mins(1)),
        // A list and a read of its entries that contradict each other: the list is right soon.
        ErrorKind::Gone => Some(Duration::from_secs(15)),
        kind => budget(kind),
    }
}

/// The pause before the next attempt: it grows to 15 seconds, and is random between its half and its whole. Calls that
/// were throttled together do not come back together.
pub(crate) fn pause(attempt: u32) -> Duration {
    jitter(Duration::from_millis(250 * 2u64.saturating_pow(attempt.min(6))).min(Duration::from_secs(15)), random())
}

fn jitter(pause: Duration, random: u16) -> Duration {
    pause / 2 + pause / 2 * u32::from(random) / u32::from(u16::MAX)
}

/// The standard library's random seed of hash maps is random enough to spread calls.
fn random() -> u16 {
    RandomState::new().hash_one(0).to_le_bytes().first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

/// The suggested next action after a step's failed call.
pub(crate) fn hint(error: &Error, type_name: &str) -> String {
    let text = match error.kind {
        ErrorKind::Refused => {
            "correct the value that the message names, here or in the resource that it refers to; then run the command again"
        }
        ErrorKind::QuotaExceeded => {
            "delete objects that are no longer used, or request a higher quota from AWS (Service Quotas); then run the \
             command again"
        }
        ErrorKind::Exists => {
            "an object of this name exists and is not ours: declare it with `adopt`, import it, or choose another name"
        }
        ErrorKind::Gone => {
            "an object that the call names was deleted outside Provisioner: run the command again, and the plan shows which"
        }
        ErrorKind::Expired => {
            "the credentials ended: all completed steps are saved; renew them and run the command again"
        }
        ErrorKind::Unknown => "whether it took effect is not known: run the command again, and the plan finds out",
        ErrorKind::NotYet | ErrorKind::Busy => {
            "the API still works on an object that the call names: wait until that ends, then run the command again"
        }
        ErrorKind::Unusable => {
            "check that the object that the message names exists, is ready, and may be used by this account or service; \
             then run the command again"
        }
        ErrorKind::InUse => "something still uses it: the message says what; run the command again once that is gone",
        ErrorKind::Blocked => "delete those objects, or ask their owner to; then run the command again",
        _ => return error.hint_for_type(type_name).unwrap_or_else(|| CORRECT.to_owned()),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_spreads_between_half_and_whole() {
        let pause = Duration::from_secs(8);
        assert_eq!(jitter(pause, 0), Duration::from_secs(4));
        assert_eq!(jitter(pause, u16::MAX), pause);
        let pauses: std::collections::BTreeSet<Duration> = (0..20).map(|_| super::pause(9)).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
        assert!(pauses.iter().all(|pause| (7..=15).contains(&pause.as_secs())), "{pauses:?}");
    }
}
