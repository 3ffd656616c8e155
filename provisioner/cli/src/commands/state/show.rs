//! `state show`: shows one entry of the state.

use clap::Args;
use provisioner_model::Environment;

use super::row;
use crate::{environment::Folder, error::Failure, state_store::StateStore, terminal::Terminal};

#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Address of the resource.
    address: String,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: ShowArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let (_, snapshot) = StateStore::open::<E>(folder, &arguments.environment).await?;
    terminal.json(row(&snapshot, &arguments.address)?)?;
    Ok(())
}
