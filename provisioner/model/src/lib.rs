//! The data that the rest of Provisioner speaks of, and the contract between the engine and the resource types.
//!
//! No I/O, no clock, no calls to AWS: everything here is data and serde. Of AWS it has names alone, those of CloudFormation. Read in this order: [`resource`] (the contract),
//! [`schema`] (its inputs), [`expr`] (values known later), [`stack`] (what a program writes), [`erased`] (what the engine
//! sees), [`state`] and [`journal`] (what is kept), [`plan`] (what is shown and carried out), [`error`], [`diagnostic`]
//! (messages for the user), [`mod@cloudformation`] (inputs in the form that AWS publishes rules for).

// Derived code names this crate, also in this crate's own tests.
extern crate self as provisioner_model;

pub mod changed;
pub mod cloudformation;
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
pub mod schema;
pub mod secret;
pub mod stack;
pub mod state;
pub mod type_info;
pub mod verification;

pub use changed::ChangedFields;
pub use cloudformation::{CloudFormationResource, ToProperty};
pub use diagnostic::{Diagnostic, Hint, Severity, SourceLocation, printable};
pub use environment::Environment;
pub use error::{Error, ErrorKind, Result};
pub use expr::{In, document, join};
pub use provisioner_derive::{Nested, Outputs, Properties, Resource};
pub use resource::{
    Actions, Change, Cloud, Created, Id, Name, NameRule, Observed, Obstacle, Owner, Phase, Problem, ReadResults, Reads,
    Receipt, Recorded, Resource, Tags, UpdateReview, Updated, Writes,
};
pub use schema::{FieldName, Schema};
pub use secret::Secret;
pub use stack::{Facts, Handle, Options, Output, Stack};
pub use type_info::TypeInfo;

/// For code that the derive macros generate.
#[doc(hidden)]
pub mod __private {
    pub use serde;
    pub use serde_json;
}
