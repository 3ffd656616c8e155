//! `state verify`: checks the files of the state, and whether its entries fit together.

use clap::Args;
use provisioner_model::{Diagnostic, Environment};
use provisioner_planner::verify;

use crate::{
    environment::Folder,
    error::{Failure, StateError},
    program::Program,
    render::count,
    state_store::StateStore,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: VerifyArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let VerifyArguments { environment } = arguments;
    let state = StateStore::with_files::<E>(folder, &environment).await?;
    let files = state.store().files().await?;
    let salvage = files.salvage(&environment);
    let mut problems: Vec<Diagnostic> = salvage.problems.iter().map(Diagnostic::of).collect();
    if problems.is_empty()
        && let Some(snapshot) = &salvage.snapshot
    {
        let advice = format!(
            "`provisioner state history {environment}` lists earlier versions, and `provisioner state diff` compares them"
        );
        let contradictions = verify::snapshot(snapshot, program.registry());
        problems.extend(contradictions.iter().map(|problem| Diagnostic::error(problem).hint(&advice)));
    }
    if !problems.is_empty() {
        return Err(Failure::Damaged { environment, problems });
    }
    // Fails if the state is at another place.
    let Some(snapshot) = state.load().await? else { return Err(StateError::None(environment).into()) };
    terminal.say(&format!(
        "{}: no problem found in serial {} with {}, {}, and {}.",
        state.store().address(),
        snapshot.serial,
        count(snapshot.rows.len(), "resource"),
        count(files.versions.len(), "kept version"),
        if files.journal.is_empty() { "no journal" } else { "the journal of an unfinished run" }
    ));
    Ok(())
}
