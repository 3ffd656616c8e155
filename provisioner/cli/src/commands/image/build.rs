//! `image build`: builds the image if it is missing or out of date.

use clap::Args;
use provisioner_model::Environment;

use super::source;
use crate::{environment::Folder, error::Failure, image::build_if_outdated, program::Program, terminal::Terminal};

#[derive(Args, Debug)]
pub(crate) struct BuildArguments {
    /// Name of the environment, which selects the processor.
    #[arg(value_name = "ENV")]
    environment: String,
}

pub(super) fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: BuildArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let source = source(program, folder, &folder.load::<E>(&arguments.environment)?)?;
    let layout = build_if_outdated(&source, terminal)?;
    terminal.data(&format!("{}\n", layout.digest()));
    Ok(())
}
