//! The command line as its users see it: files with mistakes, plans and progress as text, whole commands on a cloud
//! in memory.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

mod commands;
mod environment;
mod graph;
mod plan;
mod progress;
mod state;
#[cfg(feature = "aws")]
mod status;
mod support;
mod workspace;
