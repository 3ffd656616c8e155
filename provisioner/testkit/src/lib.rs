//! For tests only: what every resource type must do, an in-memory cloud, and faults to order.

pub mod conformance;
