//! `state export`: prints the state, for a backup or another program.

use clap::Args;
use provisioner_model::Environment;

use crate::{environment::Folder, error::Failure, state_store::StateStore, terminal::Terminal};

#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: ExportArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let (_, snapshot) = StateStore::open::<E>(folder, &arguments.environment).await?;
    terminal.data(&String::from_utf8_lossy(&provisioner_store::snapshot::text(&snapshot)?));
    Ok(())
}
