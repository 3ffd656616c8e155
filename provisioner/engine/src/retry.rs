//! Which errors are tried again, how long, and after which pause.

use std::time::Duration;

use provisioner_model::error::{Error, ErrorKind};

/// How long an error of this kind is worth trying again; none for one that is final.
pub(crate) fn budget(kind: ErrorKind) -> Option<Duration> {
    match kind {
        ErrorKind::NotSent => Some(Duration::from_secs(30)),
        // IAM says two minutes; ECS takes another two to believe it.
        ErrorKind::NotYet => Some(Duration::from_mins(4)),
        ErrorKind::Throttled | ErrorKind::Busy => Some(Duration::from_mins(10)),
        // Network interfaces linger after what used them is gone.
        ErrorKind::InUse => Some(Duration::from_mins(20)),
        // A bug among them: the same call fails again.
        _ => None,
    }
}

/// The pause before the next attempt, growing to 15 seconds.
pub(crate) fn pause(attempt: u32) -> Duration {
    Duration::from_millis(250 * 2u64.saturating_pow(attempt.min(6))).min(Duration::from_secs(15))
}

/// What the user can do about a call of a step that failed.
pub(crate) fn hint(error: &Error, type_name: &str) -> Option<String> {
    match error.kind {
        ErrorKind::Exists => Some(
            "an object of this name is there and is not ours: declare it with `adopt`, import it, or choose another name"
                .to_owned(),
        ),
        ErrorKind::Expired => Some("the credentials ended: everything done so far is saved; renew them and apply again".to_owned()),
        ErrorKind::Unknown => Some("whether it took effect is not known: the next plan finds out".to_owned()),
        ErrorKind::InUse => Some("something still uses it: the message says what; apply again once that is gone".to_owned()),
        ErrorKind::Blocked => {
            Some("delete those objects, or ask their owner to; then run the command again".to_owned())
        }
        _ => error.hint_for_type(type_name),
    }
}
