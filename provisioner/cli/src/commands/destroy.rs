//! `destroy`: deletes all objects of an environment.

use clap::Args;
use provisioner_model::Environment;
use provisioner_planner::protected;

use super::ExitStatus;
use crate::{
    consent::{self, ConsentFlags},
    declaration::places,
    environment::Folder,
    error::Failure,
    options::{ApplyOptions, RolloutOptions, SchemaOptions, Scope},
    program::Program,
    render,
    session::{Execution, Session},
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct DestroyArguments {
    /// Name of the environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    environment: String,
    /// The environment's name again: consent to the deletion of all resources, including protected ones.
    #[arg(long, value_name = "ENV")]
    confirm: Option<String>,
    #[command(flatten)]
    options: ApplyOptions,
    #[command(flatten)]
    scope: Scope,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: DestroyArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let DestroyArguments { environment, confirm, options, scope } = arguments;
    let mut session = Session::open(program, folder, folder.load::<E>(&environment)?).await?;
    // The engine takes the lock when it starts. A run in progress is reported before any work.
    session.store.check_lock().await?;
    let declaration = session.declare()?;
    let places = places(&declaration.desired);
    let declaration = declaration.emptied();
    let observed = session.refresh(&declaration.desired, scope.refresh(), &scope.pace).await?;
    let plan = session.plan(&declaration, &observed, &scope.selection(&[]))?;
    if plan.is_empty() {
        terminal.data(&format!("Nothing to destroy: {environment} has no resources.\n"));
        return Ok(ExitStatus::Success);
    }
    terminal.data(&render::plan::plan(&plan, terminal.out()));

    let flags = ConsentFlags { yes: options.yes, confirm, ..ConsentFlags::default() };
    let consent = consent::destroy(&environment, &protected(&plan, &session.snapshot), &flags, &mut terminal.clone())?;
    let rollout = RolloutOptions::default();
    let execution = Execution {
        command: "destroy",
        parallel: options.parallel,
        pace: &scope.pace,
        rollout: &rollout,
        schemas: SchemaOptions::default(),
        places: &places,
    };
    session.apply(&plan, &consent, &execution, terminal).await?;
    Ok(ExitStatus::Success)
}
