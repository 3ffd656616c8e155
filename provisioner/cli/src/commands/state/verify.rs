//! `state verify`: checks the files of the state, and whether its entries fit together.

use clap::Args;
use provisioner_model::{Diagnostic, Environment, erased::ResourceRegistry, state::Snapshot};
use provisioner_planner::verify;
use provisioner_store::StoreError;

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
    let state = StateStore::known::<E>(folder, &environment).await?;
    let files = state.store().files().await?;
    if files.is_empty() {
        return Err(state.unknown(folder)?);
    }
    let (versions, has_journal) = (files.versions.len(), !files.journal.is_empty());
    let salvage = files.salvage(&environment);
    let mut problems: Vec<Diagnostic> = salvage.problems.iter().map(Diagnostic::of).collect();
    problems.extend(salvage.backup_problems.iter().map(backup_problem));
    if salvage.problems.is_empty()
        && let Some(snapshot) = &salvage.snapshot
    {
        problems.extend(contradictions(snapshot, program.registry(), &environment));
    }
    // A lease that cannot be read keeps every run out.
    if let Err(error) = state.current_run().await {
        problems.push(Diagnostic::of(&error));
    }
    if !problems.is_empty() {
        return Err(Failure::Damaged { subject: format!("the state of `{environment}`"), problems });
    }
    // Fails if the state is at another place.
    let Some(snapshot) = state.load().await? else { return Err(StateError::None(environment).into()) };
    terminal.say(&format!(
        "{}: no problem found in serial {} with {}, {}, and {}.",
        state.store().address(),
        snapshot.serial,
        count(snapshot.rows.len(), "resource"),
        count(versions, "kept version"),
        if has_journal { "the journal of an unfinished run" } else { "no journal" }
    ));
    Ok(())
}

/// Returns the contradictions between the entries of a state.
pub(super) fn contradictions(
    snapshot: &Snapshot,
    registry: &ResourceRegistry,
    environment: &str,
) -> impl Iterator<Item = Diagnostic> {
    let advice = format!(
        "`provisioner state history {environment}` lists earlier versions, and `provisioner state diff` compares them"
    );
    verify::snapshot(snapshot, registry).into_iter().map(move |problem| Diagnostic::error(problem).hint(&advice))
}

/// A version that is kept is a backup: nothing else depends on it.
pub(super) fn backup_problem(problem: &StoreError) -> Diagnostic {
    Diagnostic::of(problem).hint("no run needs this earlier version: remove it")
}
