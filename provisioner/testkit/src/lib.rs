//! For tests only: what every resource type must do, an in-memory cloud, and faults to order.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

pub mod cloud;
pub mod conformance;
pub mod generate;
pub mod store;
pub mod tuning;
