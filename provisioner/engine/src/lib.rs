//! Refresh and apply: the asynchronous part of Provisioner.
//!
//! The engine uses no cloud's types, prints nothing, and makes no planning decisions. [`refresh()`] reads the observed
//! state in batches. [`apply()`] executes a plan, with the concurrency that its graph allows, and journals each step
//! before and after its call. [`event`] defines its progress events. Start reading at `step`.

mod apply;
mod batch;
mod call;
pub mod event;
mod fresh;
mod limits;
mod obstacles;
mod refresh;
mod retry;
mod rollout;
mod send;
mod sharing;
mod step;
mod step_error;
mod tuning;
mod verification;
mod wait;

pub use self::{
    apply::{Apply, ApplyError, apply},
    event::{Cancel, Event, EventKind, Outcome},
    refresh::{Refresh, refresh},
    tuning::Tuning,
    verification::{VerificationRequest, Verifier},
};
