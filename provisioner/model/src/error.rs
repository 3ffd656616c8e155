//! One error for every call to a cloud. Its kind is all that the engine decides by.

/// What the engine may conclude. The provider maps API codes to these; nothing else knows a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request never left: send it again.
    NotSent,
    /// The API said no for good: an error for the user.
    Refused,
    /// Send again, slower.
    Throttled,
    /// Something it needs is not visible yet (a fresh role, a fresh group): send again for a while.
    NotYet,
    /// The object is changing, or changed since it was read: read again, then try again.
    Busy,
    /// Something still hangs on it: try again while that goes away.
    InUse,
    /// An object with this unique key is there: find out whose it is.
    Exists,
    /// The object is not there. A delete takes it as success.
    Gone,
    /// No permission: names the action.
    Denied,
    /// The credentials ended: save, stop, say so.
    Expired,
    /// No answer: the effect may have happened. Only `find` tells.
    Unknown,
}

/// What went wrong in one call to a cloud.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed{}", code.as_deref().map(|code| format!(" with {code}")).unwrap_or_default())]
pub struct Error {
    /// What follows from it.
    pub kind: ErrorKind,
    /// `ec2:CreateSubnet`, as IAM writes it.
    pub action: &'static str,
    /// The API's own code, as in its documentation.
    pub code: Option<String>,
    /// What AWS support asks for.
    pub request_id: Option<String>,
    /// The rest of the chain; printed once, at the edge.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of ours, without an answer behind it.
    pub fn new(kind: ErrorKind, action: &'static str) -> Self {
        Self { kind, action, code: None, request_id: None, source: None }
    }

    /// The same with the reason in words.
    pub fn because(kind: ErrorKind, action: &'static str, why: impl Into<String>) -> Self {
        Self { source: Some(why.into().into()), ..Self::new(kind, action) }
    }

    /// The whole chain on one line: what, and why.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            next = cause.source();
        }
        text
    }

    /// The answer lacked what the API documents.
    pub fn missing(action: &'static str, field: &'static str) -> Self {
        Self { source: Some(format!("the answer has no `{field}`").into()), ..Self::new(ErrorKind::Refused, action) }
    }
}

/// The result of a call to a cloud.
pub type Result<T, E = Error> = std::result::Result<T, E>;
