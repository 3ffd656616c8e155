//! `outputs`: prints the stack's outputs, from the state.

use clap::Args;
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    environment::Folder,
    error::{Failure, StateError},
    render,
    state_store::StateStore,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct OutputsArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Print only this output, without quotes.
    name: Option<String>,
    /// Print the outputs as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: OutputsArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let OutputsArguments { environment, name, json } = arguments;
    let (_, snapshot) = StateStore::open::<E>(folder, &environment).await?;
    let outputs = snapshot.outputs;
    match name {
        Some(name) => match outputs.get(&name) {
            Some(output) if json => terminal.json(output)?,
            Some(output) => terminal.data(&(render::outputs::one(output) + "\n")),
            None => return Err(StateError::NoOutput { name, known: outputs.into_keys().collect() }.into()),
        },
        None if json => terminal.json(&outputs)?,
        None => terminal.data(&render::outputs::all(&outputs)),
    }
    Ok(ExitStatus::Success)
}
