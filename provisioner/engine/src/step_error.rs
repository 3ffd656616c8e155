//! Reasons for which a step does not succeed.

use provisioner_model::{
    Diagnostic, Hint,
    error::{Error, ErrorKind},
    plan::Step,
};
use provisioner_store::StoreError;

use crate::retry::hint;

/// The hint where the next plan finds out what is left to do.
pub(crate) const PLAN_AGAIN: &str = "run the command again: its plan shows what is left to do";
/// The hint for a failure that repeats until somebody removes its cause.
pub(crate) const CORRECT: &str = "correct the cause, then run the command again";

/// A reason for which a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Call(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The step cannot continue, and its object stays as it is.
    #[error("{why}")]
    Other { why: String, hint: String },
    /// The write failed: AWS reported a failure, it timed out, or its verification failed.
    #[error("{}", .0.summary)]
    Failed(Box<Diagnostic>),
    /// The same, and what became of it then.
    #[error("{failed}; {then}")]
    RolledBack { failed: Box<Self>, then: String, hint: String, fatal: bool },
    /// An object outside the environment has the unique key of the object to create.
    #[error("`{id}` exists already and does not belong to this environment; nothing was written")]
    Taken { id: String, address: String, environment: String },
    #[error("left during its rollout, which continues in AWS; the next apply resumes it")]
    Left,
    /// The run was stopped during a call.
    #[error("stopped before the answer; the next plan finds out whether the call took effect")]
    Abandoned,
    #[error("cancelled while waiting; the next apply resumes it")]
    Cancelled,
}

impl StepError {
    pub(crate) fn failed(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed(Box::new(Diagnostic::error(why).hint(hint)))
    }

    pub(crate) fn other(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Other { why: why.into(), hint: hint.into() }
    }

    /// The object no longer is as the plan knows it.
    pub(crate) fn outdated(why: impl Into<String>) -> Self {
        Self::other(why, PLAN_AGAIN)
    }

    /// Returns the failure with its complete chain of causes.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Call(error) => error.chain(),
            Self::Store(error) => {
                let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
                format!("{error}{source}")
            }
            other => other.to_string(),
        }
    }

    /// Returns the failure of a step for the user, with what to do before the next apply.
    pub(crate) fn diagnostic(&self, step: &Step) -> Diagnostic {
        let diagnostic = Diagnostic::resource_error(&step.address, self.why());
        match self {
            Self::Call(error) => {
                let id = error.request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default();
                let summary = diagnostic.summary + &id;
                Diagnostic { summary, ..diagnostic }.hint(hint(error, &step.type_name))
            }
            Self::Store(error) => diagnostic.hint(error.hint().unwrap_or_else(|| PLAN_AGAIN.to_owned())),
            Self::Other { hint, .. } => diagnostic.hint(hint),
            Self::Failed(failure) => {
                let hint = failure.hint.clone().unwrap_or_else(|| CORRECT.to_owned());
                Diagnostic { address: diagnostic.address, ..(**failure).clone() }.hint(hint)
            }
            // The event of the rollback has reported the failure itself.
            Self::RolledBack { then, hint, .. } => Diagnostic { summary: then.clone(), ..diagnostic }.hint(hint),
            Self::Taken { id, address, environment } => diagnostic.hint(format!(
                "to manage that object, run `provisioner import {environment} {address} '{id}'` or declare the resource with \
                 `adopt`; else give it another name or key"
            )),
            Self::Left | Self::Abandoned | Self::Cancelled => diagnostic.hint(PLAN_AGAIN),
        }
    }

    /// Returns whether the call that it is about may have had its effect.
    pub(crate) fn may_have_effect(&self) -> bool {
        match self {
            Self::Call(error) => error.kind == ErrorKind::Unknown,
            Self::Abandoned => true,
            _ => false,
        }
    }

    /// Returns whether another object has the unique key.
    pub(crate) fn is_exists(&self) -> bool {
        matches!(self, Self::Call(error) if error.kind == ErrorKind::Exists)
    }

    /// Nothing more may be begun: the journal cannot be written, or no call can be signed.
    pub(crate) fn is_fatal(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::Call(error) => {
                matches!(error.kind, ErrorKind::Expired | ErrorKind::NoCredentials | ErrorKind::Clock)
            }
            Self::RolledBack { fatal, .. } => *fatal,
            _ => false,
        }
    }
}
