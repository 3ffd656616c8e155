//! The data that the rest of Provisioner speaks of, and the contract between the engine and the resource types.
//!
//! No I/O, no clock, no AWS: everything here is data and serde. Read in this order: [`resource`] (the contract),
//! [`expr`] (values known later), [`stack`] (what a program writes), [`erased`] (what the engine sees),
//! [`state`] and [`journal`] (what is kept), [`plan`] (what is shown and carried out), [`error`], [`diagnostic`] (what
//! the user is told).

pub mod compare;
pub mod diagnostic;
pub mod digest;
pub mod environment;
pub mod erased;
pub mod error;
pub mod expr;
pub mod journal;
pub mod ownership;
pub mod plan;
pub mod resource;
pub mod secret;
pub mod stack;
pub mod state;
pub mod verification;

pub use diagnostic::{Diagnostic, Severity, SourceLocation};
pub use environment::Environment;
pub use error::{Error, ErrorKind, Result};
pub use expr::{In, document, join};
pub use resource::{
    Actions, Change, Cloud, Created, Field, Id, Name, Observed, Owner, Phase, Problem, ReadResults, Reads, Receipt,
    Recorded, Resource, Tags, Writes,
};
pub use secret::Secret;
pub use stack::{Facts, Handle, Options, Output, Stack};
