//! `image save`: writes the image to an archive for `docker load`.

use std::path::PathBuf;

use clap::Args;
use provisioner_files::write_atomically;
use provisioner_image::ImageError;
use provisioner_model::Environment;

use super::source;
use crate::{
    environment::Folder,
    error::{Failure, ImageFailure},
    program::Program,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct SaveArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// File to write the archive to.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Name of the image in Docker.
    #[arg(long, value_name = "NAME:TAG", default_value = "app:local")]
    name: String,
}

pub(super) fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: SaveArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let SaveArguments { environment, out, name } = arguments;
    let source = source(program, folder, &folder.load::<E>(&environment)?)?;
    let build_status = source.build_status()?;
    let layout = build_status.layout().ok_or(ImageFailure::NotBuilt(environment))?;
    write_atomically(&out, &layout.archive(&name)?).map_err(ImageError::from)?;
    terminal.say(&format!("Saved as {name}. To load it: docker load --input {}", out.display()));
    Ok(())
}
