//! `drift`: shows what was changed outside Provisioner.

use clap::Args;
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    environment::Folder,
    error::Failure,
    options::Pace,
    program::Program,
    render,
    session::{RefreshScope, Session},
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct DriftArguments {
    /// Name of the environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Print the drift as JSON.
    #[arg(long)]
    json: bool,
    /// Exit with 2 if there is drift.
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    pace: Pace,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: DriftArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let DriftArguments { environment, json, detailed_exitcode, pace } = arguments;
    let mut session = Session::open(program, folder, folder.load::<E>(&environment)?).await?;
    let declaration = session.declare()?;
    // Drift is about recorded objects: without declared resources, the refresh looks for none to adopt.
    let recorded_only = declaration.clone().emptied();
    let observed = session.refresh(&recorded_only.desired, RefreshScope::All, &pace).await?;
    let drift = session.drift(&declaration, &observed)?;

    if json {
        let format = render::plan::JSON_FORMAT;
        terminal.json(&serde_json::json!({ "format": format, "environment": environment, "drift": drift }))?;
    } else if drift.is_empty() {
        terminal.data("No drift. Nothing changed outside Provisioner.\n");
    } else {
        terminal.data(&render::plan::drift(&drift, terminal.out()));
    }
    Ok(ExitStatus::detailed(detailed_exitcode, !drift.is_empty()))
}
