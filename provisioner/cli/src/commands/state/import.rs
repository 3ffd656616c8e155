//! `state import`: makes an exported state the state of the environment.

use std::path::PathBuf;

use clap::Args;
use provisioner_model::{Diagnostic, Environment, state::Snapshot};
use provisioner_store::snapshot;

use super::{diff::diff, verify::contradictions};
use crate::{
    consent,
    environment::Folder,
    error::{Failure, StateError},
    program::Program,
    render::count,
    state_store::StateStore,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct ImportArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// The file that `state export` wrote.
    file: PathBuf,
    /// Skip the approval prompt.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: ImportArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let ImportArguments { environment, file, yes } = arguments;
    let text = std::fs::read(&file).map_err(|source| StateError::Unreadable { path: file.clone(), source })?;
    let parsed = snapshot::parse(&file, &environment, &text).map_err(StateError::NotExported)?;
    let problems: Vec<Diagnostic> = contradictions(&parsed, program.registry(), &environment).collect();
    if !problems.is_empty() {
        return Err(Failure::Damaged { subject: file.display().to_string(), problems });
    }
    // The place of a moved state is that of the machine which exported it.
    let imported = Snapshot { moved: None, ..parsed };
    let state = StateStore::known::<E>(folder, &environment).await?;
    state.locked("state import", replace(&state, &imported, yes, terminal)).await?;
    terminal.say(&format!(
        "The state of `{environment}` is that of {} now, with {}. `provisioner plan {environment}` shows the differences from \
         AWS.",
        file.display(),
        count(imported.rows.len(), "resource")
    ));
    Ok(())
}

/// Replaces the state, also one that cannot be read, after it has shown the differences.
async fn replace(state: &StateStore, imported: &Snapshot, yes: bool, terminal: &Terminal) -> Result<(), Failure> {
    let before = match state.load().await {
        Err(Failure::Store(error)) if error.is_damage() => Err(error),
        before => Ok(before?),
    };
    let salvage = state.store().files().await?.salvage(&imported.environment);
    let there = before.as_ref().map_or(salvage.snapshot.as_ref(), Option::as_ref);
    if let Some(there) = there.filter(|there| there.lineage != imported.lineage) {
        return Err(
            StateError::OtherLineage { there: there.lineage.clone(), imported: imported.lineage.clone() }.into()
        );
    }
    let question = match &before {
        Ok(None) => None,
        Ok(Some(before)) => {
            let difference = diff(before, imported)?;
            terminal.data(&difference);
            let question = "Replace the state by that of the file? Nothing in the cloud changes. [y/N]";
            Some(question.to_owned()).filter(|_| !difference.is_empty())
        }
        Err(damage) => {
            terminal.say(&damage.to_string());
            Some(
                "Replace that state by the one of the file? The files that are there are kept in `damaged`. [y/N]"
                    .to_owned(),
            )
        }
    };
    if let Some(question) = question.filter(|_| !yes) {
        consent::approved(&question, &mut terminal.clone())?;
    }
    // Above every version that is kept, so that none of them is written over or counts as newer.
    let imported = Snapshot { serial: salvage.serial.max(imported.serial) + 1, ..imported.clone() };
    match before {
        Ok(_) => state.store().commit(&imported).await?,
        Err(_) => state.store().replace(&imported).await?,
    }
    Ok(())
}
