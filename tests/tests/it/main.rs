//! One test binary: linking the SDK once is enough.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::items_after_statements,
    reason = "tests: what goes wrong is said by the panic"
)]

mod engine;
mod network;
mod reference;
mod rooms;
mod sandbox;
mod types;
mod wiring;
