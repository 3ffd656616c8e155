//! Refresh and apply: the only part of Provisioner that waits.
//!
//! It knows no cloud's types, prints nothing, and makes no choice that the plan did not make.

pub mod event;
