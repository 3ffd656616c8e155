//! The planner's specification by example: one file for each behaviour, with the plan as text.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::wildcard_imports, reason = "every test uses the fixture and its inputs")]

mod adopt;
mod create;
mod dangling_references;
mod deletion_protection;
mod dependents;
mod drift;
mod forget;
mod generated_names;
mod interrupted_replacement;
mod leftovers;
mod part_of;
mod pending_operations;
mod rename;
mod replace_create_first;
mod replace_delete_first;
mod selection;
mod share;
mod stopped_environment;
mod stopped_objects;
mod support;
mod unique_keys;
mod unstated_inputs;
mod update;
mod verify;
mod versions;
