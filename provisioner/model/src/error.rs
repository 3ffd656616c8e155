//! One error for every call to a cloud. Its kind is all that the engine decides by.

use std::{error::Error as StdError, sync::Arc};

use crate::{diagnostic::Hint, secret};

/// The conclusion for the engine. The provider maps API codes to these; nothing else knows a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request never left: send it again.
    NotSent,
    /// The API said no for good: an error for the user.
    Refused,
    /// A limit of the account: an error for the user, who frees objects or asks for a higher limit.
    QuotaExceeded,
    /// Send again, slower.
    Throttled,
    /// Something it needs is not visible yet (a fresh role, a fresh group): send again for a while.
    NotYet,
    /// The API cannot use something that the call refers to: not found, not assumable, not accessible, not ready. Final,
    /// unless the run has just written that object: then the engine waits until the API sees the change.
    Unusable,
    /// The object is changing, or changed since it was read: read again, then try again.
    Busy,
    /// Something still hangs on it: try again while that goes away.
    InUse,
    /// Objects that do not go away by themselves hang on it: an error for the user.
    Blocked,
    /// An object with this unique key is there: find out whose it is.
    Exists,
    /// The object is not there. A delete takes it as success.
    Gone,
    /// No permission: names the action.
    Denied,
    /// The credentials ended: save, stop, say so.
    Expired,
    /// The credentials could not be loaded or renewed, so the request was not sent. The engine repeats the call for a
    /// short time, and then ends the run.
    NoCredentials,
    /// The API refused the signature because of its time: the machine's clock is wrong. No later call can succeed.
    Clock,
    /// No answer: the effect may have happened. Only `find` tells.
    Unknown,
    /// A bug in the program, in a resource type or in Provisioner: a value that does not fit its shape, a request that
    /// lacks a required member, a secret or a provider that the program did not set. Nothing was sent. The same input
    /// fails again, so the engine never retries it.
    Bug,
}

/// The error of one call to a cloud. Clones share the source, so one failed read of many can be given to each
/// step that asked for it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{action} failed{}", code.as_deref().map(|code| format!(" with {code}")).unwrap_or_default())]
pub struct Error {
    /// The conclusion for the engine.
    pub kind: ErrorKind,
    /// `ec2:CreateSubnet`, as IAM writes it.
    pub action: &'static str,
    /// The API's own code, as in its documentation.
    pub code: Option<String>,
    /// AWS's request ID, for support cases.
    pub request_id: Option<String>,
    /// The rest of the chain; printed once, at the edge.
    #[source]
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Returns the error of a call without an answer within `limit`.
    pub fn timeout(action: &'static str, limit: std::time::Duration) -> Self {
        Self::because(ErrorKind::Unknown, action, format!("there was no answer within {} s", limit.as_secs_f32()))
    }

    /// An error of ours, without an answer behind it.
    pub fn new(kind: ErrorKind, action: &'static str) -> Self {
        Self { kind, action, code: None, request_id: None, source: None }
    }

    /// The same with its reason: a text or another error.
    pub fn because(kind: ErrorKind, action: &'static str, why: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(Arc::from(why.into())), ..Self::new(kind, action) }
    }

    /// Returns the error without a secret, in case the API's message repeats the value that it refused.
    #[must_use]
    pub fn without_secret(self, name: &str, value: &str) -> Self {
        let source = self.source.as_deref().map(|source| causes(source)).unwrap_or_default();
        let hidden = secret::hide(&source, name, value);
        let changed = hidden != source;
        Self {
            code: self.code.map(|code| secret::hide(&code, name, value)),
            request_id: self.request_id.map(|id| secret::hide(&id, name, value)),
            source: if changed {
                Some(Arc::from(Box::<dyn StdError + Send + Sync>::from(hidden)))
            } else {
                self.source
            },
            ..self
        }
    }

    /// A bug: see [`ErrorKind::Bug`].
    pub fn bug(action: &'static str, why: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::because(ErrorKind::Bug, action, why)
    }

    /// The whole chain on one line: what, and why.
    pub fn chain(&self) -> String {
        causes(self)
    }

    /// Returns the user's next action, if the kind tells one, for a call about a resource type.
    pub fn hint_for_type(&self, type_name: &str) -> Option<String> {
        match self.kind {
            ErrorKind::Bug => {
                Some(self.bug_report(&format!("in Provisioner, in this program or in the resource type `{type_name}`")))
            }
            _ => self.hint(),
        }
    }

    fn bug_report(&self, place: &str) -> String {
        format!(
            "this is a bug {place}: report it to the maintainers of the program, with this message and the action {}",
            self.action
        )
    }

    /// The answer lacked what the API documents.
    pub fn missing(action: &'static str, field: &'static str) -> Self {
        Self::because(ErrorKind::Refused, action, format!("the answer has no `{field}`"))
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self.kind {
            ErrorKind::Denied => Some(format!("the credentials need the permission {}", self.action)),
            ErrorKind::Expired => Some("the credentials have expired: sign in again".to_owned()),
            ErrorKind::NoCredentials => Some(
                "the credentials could not be loaded or renewed: sign in again, or check the profile and the \
                 environment variables"
                    .to_owned(),
            ),
            ErrorKind::Clock => {
                Some("the clock of this machine is wrong: set the time, for example with NTP, and try again".to_owned())
            }
            ErrorKind::Throttled => Some("the API asks for fewer calls: try again in a while".to_owned()),
            ErrorKind::Unknown | ErrorKind::NotSent => {
                Some("no answer: check the network connection and the endpoint".to_owned())
            }
            ErrorKind::Bug => Some(self.bug_report("in Provisioner or in this program")),
            _ => None,
        }
    }
}

/// Returns an error and its causes on one line. A cause that repeats another one is left out.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// The result of a call to a cloud.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bug_hint_names_type_and_action() {
        let error = Error::bug("ec2:CreateSubnet", "`cidr` is not set");
        let hint = error.hint_for_type("aws:ec2:subnet").unwrap();
        assert!(hint.contains("this is a bug"), "{hint}");
        assert!(hint.contains("`aws:ec2:subnet`") && hint.contains("ec2:CreateSubnet"), "{hint}");
        assert!(!hint.contains("network"), "{hint}");
    }

    #[test]
    fn clone_keeps_the_whole_chain() {
        let inner = Error::because(ErrorKind::Refused, "ec2:CreateSubnet", "no room");
        let error = Error::because(ErrorKind::Unknown, "ec2:DescribeSubnets", inner);
        assert_eq!(error.clone().chain(), "ec2:DescribeSubnets failed: ec2:CreateSubnet failed: no room");
    }

    #[test]
    fn error_without_secret_keeps_the_rest_of_the_message() {
        let inner = Error::because(ErrorKind::Refused, "rds:CreateDBInstance", "`hunter 2` is too short");
        let error = Error { code: Some("hunter 2".to_owned()), ..Error::because(ErrorKind::Denied, "a:B", inner) };
        let error = error.without_secret("password", "hunter 2");
        let expected =
            "a:B failed with (secret password): rds:CreateDBInstance failed: `(secret password)` is too short";
        assert_eq!((error.chain().as_str(), error.kind), (expected, ErrorKind::Denied));
    }
}
