//! One test binary: linking the SDK once is enough.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::items_after_statements,
    reason = "tests: what goes wrong is said by the panic"
)]

mod actions;
mod aws_mode;
mod book;
mod canary;
mod certificates;
mod compose;
mod crate_dependencies;
mod dangling;
mod docker;
mod emulators;
mod endpoints;
mod engine;
mod escalation;
mod existing_network;
mod facts;
mod fault_sweep;
mod faults;
mod first_run;
mod foreign_dependents;
mod foreign_objects;
mod generated_names;
mod guides;
mod identity_settings;
mod image;
mod judge;
mod major_upgrade;
mod members;
mod network;
mod ops;
mod own_tags;
mod partitions;
mod passing_errors;
mod permissions;
mod preflight;
mod prose;
mod proxies;
mod reference;
mod remote_state;
mod restored_database;
mod rollouts;
mod sandbox;
mod schemas;
mod shared_records;
mod stopped_database;
mod stopped_environment;
mod sweep;
mod template_conversion;
mod templates;

mod types;
mod verification;
mod vocabulary;
mod wiring;
