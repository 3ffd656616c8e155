//! `image`: builds, pushes, saves and inspects the app's image.

mod build;
mod inspect;
mod push;
mod save;

use clap::Subcommand;
use provisioner_image::ImageSource;
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    environment::{EnvironmentFile, Folder},
    error::{Failure, ImageFailure},
    program::Program,
    terminal::Terminal,
};

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Build the image if it is out of date; prints its digest.
    Build(build::BuildArguments),
    /// Push the built image to the environment's repository, which an apply has created.
    Push(push::PushArguments),
    /// Write the built image to an archive for `docker load`.
    Save(save::SaveArguments),
    /// Show layers, sizes, labels, components, and whether the image is out of date.
    Inspect(inspect::InspectArguments),
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    command: ImageCommand,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    match command {
        ImageCommand::Build(arguments) => build::run(program, folder, arguments, terminal)?,
        ImageCommand::Push(arguments) => push::run(program, folder, arguments, terminal).await?,
        ImageCommand::Save(arguments) => save::run(program, folder, arguments, terminal)?,
        ImageCommand::Inspect(arguments) => inspect::run(program, folder, arguments, terminal)?,
    }
    Ok(ExitStatus::Success)
}

/// The source of the environment's image.
fn source<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    environment: &EnvironmentFile<E>,
) -> Result<ImageSource, Failure> {
    let source = program.image_source(folder, &environment.settings);
    source.ok_or_else(|| ImageFailure::None(environment.name.clone()).into())
}
