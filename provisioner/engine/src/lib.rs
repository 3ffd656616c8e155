//! Refresh and apply: the only part of Provisioner that waits.
//!
//! It knows no cloud's types, prints nothing, and makes no choice that the plan did not make. [`refresh()`] reads what
//! is there, in batches; [`apply()`] carries a plan out, as wide as its graph allows, and writes down each step before
//! and after; [`event`] says what it tells while it runs.

mod apply;
mod batch;
pub mod event;
mod refresh;
mod retry;
mod rollout;
mod send;
mod step;
mod step_error;
mod tuning;
mod verification;
mod wait;

pub use self::{
    apply::{Apply, ApplyError, apply},
    event::{Cancel, Event, Outcome},
    refresh::{Refresh, refresh},
    tuning::Tuning,
    verification::{VerificationError, VerificationRequest, Verifier},
};
