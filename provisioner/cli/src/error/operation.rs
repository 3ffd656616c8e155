//! Errors of the operations on running services.

use provisioner_model::{Error, Hint};

#[cfg(feature = "aws")]
use super::Failure;

/// The error of an operation.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The command names no service, and the stack has several or none.
    #[error("{what}")]
    Service {
        /// The reason.
        what: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// A call failed.
    #[error("{what}")]
    Call {
        /// What could not be done.
        what: String,
        /// The cause.
        source: Error,
    },
    /// A part could not be read; which one has been told.
    #[error("part of it could not be read")]
    Partly,
    /// There is no revision to go back to.
    #[error("nothing was rolled back: {0}")]
    NoWay(String),
    /// The task ended before its program began.
    #[error("the task did not start: {0}")]
    NeverStarted(String),
    /// There is no URL.
    #[error("the stack has no output `url` with a web address")]
    NoUrl,
}

impl OperationError {
    /// Turns a failed call into the command's failure; `what` could not be done.
    #[cfg(feature = "aws")]
    pub(crate) fn call(what: &str) -> impl FnOnce(Error) -> Failure {
        move |source| Self::Call { what: what.to_owned(), source }.into()
    }
}

impl Hint for OperationError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Service { known, .. } if known.is_empty() => {
                Some("declare an ECS service in the stack, and apply it".to_owned())
            }
            Self::Service { known, .. } => Some(format!("--service {}", known.join(", or --service "))),
            Self::Call { source, .. } => source.hint(),
            Self::Partly => Some("correct what the messages above name, then run the command again".to_owned()),
            Self::NoWay(_) => Some("`provisioner status ENV` shows the service and its tasks".to_owned()),
            Self::NeverStarted(_) => Some(
                "correct the cause, then run the command again; `provisioner status ENV` shows the tasks".to_owned(),
            ),
            Self::NoUrl => Some("`provisioner outputs ENV` shows those that it has".to_owned()),
        }
    }
}
