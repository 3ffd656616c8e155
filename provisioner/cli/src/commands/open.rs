//! `open`: opens the stack's URL in a browser.

use clap::Args;
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    environment::Folder,
    error::{Failure, OperationError},
    state_store::StateStore,
    terminal::{self, Terminal},
};

#[derive(Args, Debug)]
pub(crate) struct OpenArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Only print the URL.
    #[arg(long)]
    print: bool,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: OpenArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let (_, snapshot) = StateStore::open::<E>(folder, &arguments.environment).await?;
    let url = snapshot.outputs.get("url").and_then(|url| url.as_str());
    // Web addresses only: with another scheme, the state could make the browser open a file or start a program.
    let url =
        url.filter(|url| url.starts_with("https://") || url.starts_with("http://")).ok_or(OperationError::NoUrl)?;
    terminal.data(&format!("{url}\n"));
    if !arguments.print
        && let Err(why) = terminal::browse(url)
    {
        terminal.say(&format!("Could not open a browser: {why}."));
    }
    Ok(ExitStatus::Success)
}
