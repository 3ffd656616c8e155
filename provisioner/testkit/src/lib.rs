//! For tests only: what every resource type must do, an in-memory cloud, faults to order, and environments
//! as data.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

pub mod cloud;
pub mod conformance;
pub mod fixture;
pub mod generate;
pub mod store;
pub mod tuning;

pub use provisioner_planner::findings;
