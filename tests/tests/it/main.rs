//! One test binary: linking the SDK once is enough.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::items_after_statements,
    reason = "tests: what goes wrong is said by the panic"
)]

mod compose;
mod dangling;
mod docker;
mod emulators;
mod engine;
mod facts;
mod image;
mod members;
mod network;
mod ops;
mod proof;
mod reference;
mod rollouts;
mod rooms;
mod sandbox;
mod sweep;
mod taken;
mod types;
mod verdicts;
mod wiring;
