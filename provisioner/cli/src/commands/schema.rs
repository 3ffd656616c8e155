//! `schema`: prints the JSON Schema of environment files.

use provisioner_model::Environment;

use super::ExitStatus;
use crate::{environment::schema, error::Failure, terminal::Terminal};

pub(super) fn run<E: Environment>(terminal: &Terminal) -> Result<ExitStatus, Failure> {
    terminal.json(&schema::of::<E>())?;
    Ok(ExitStatus::Success)
}
