//! `state import`: makes an exported state the state of the environment.

use std::path::PathBuf;

use clap::Args;
use provisioner_model::{Environment, state::Snapshot};
use provisioner_store::{StoreError, snapshot};

use super::diff::diff;
use crate::{
    consent,
    environment::Folder,
    error::{Failure, StateError},
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
    folder: &Folder,
    arguments: ImportArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let ImportArguments { environment, file, yes } = arguments;
    let text = std::fs::read(&file).map_err(|source| StateError::Unreadable { path: file.clone(), source })?;
    // The place of a moved state is that of the machine which exported it.
    let imported = Snapshot { moved: None, ..snapshot::parse(&file, &environment, &text)? };
    let state = StateStore::named::<E>(folder, &environment).await?;
    let before = state.load().await?;
    if let Some(before) = &before {
        if before.lineage != imported.lineage {
            let [there, expected] = [&imported, before].map(|state| format!("the state of lineage {}", state.lineage));
            return Err(StoreError::Foreign { path: file, there, expected }.into());
        }
        let difference = diff(before, &imported)?;
        terminal.data(&difference);
        if !yes && !difference.is_empty() {
            let question = "Replace the state by that of the file? Nothing in the cloud changes. [y/N]";
            consent::approved(question, &mut terminal.clone())?;
        }
    }
    let resources = count(imported.rows.len(), "resource");
    let shown = before.map(|before| before.serial);
    let replace = |there: &mut Snapshot| {
        if shown.is_some_and(|shown| shown != there.serial) {
            return Err(StateError::Changed(environment.clone()));
        }
        *there = Snapshot { serial: there.serial.max(imported.serial), ..imported.clone() };
        Ok(())
    };
    state.change("state import", Some(imported.clone()), replace).await?;
    terminal.say(&format!(
        "The state of `{environment}` is that of {} now, with {resources}. `provisioner plan {environment}` shows the \
         differences from AWS.",
        file.display()
    ));
    Ok(())
}
