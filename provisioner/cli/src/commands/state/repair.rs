//! `state repair`: replaces a damaged state by what can be read of it.

use clap::Args;
use provisioner_model::{Diagnostic, Environment, erased::ResourceRegistry, printable, state::Snapshot};
use provisioner_store::{Salvage, StoreError};

use super::{
    diff::diff,
    verify::{backup_problem, contradictions},
};
use crate::{
    consent,
    environment::Folder,
    error::{Failure, StateError},
    program::Program,
    render::{count, diagnostic},
    state_store::StateStore,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct RepairArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Keep the state as it was edited, instead of the newest version that Provisioner wrote.
    #[arg(long)]
    keep_edits: bool,
    /// Skip the approval prompt.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: RepairArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let state = StateStore::known::<E>(folder, &arguments.environment).await?;
    let work = async {
        let files = state.store().files().await?;
        if files.is_empty() {
            return Err(state.unknown(folder)?);
        }
        let salvage = files.salvage(&arguments.environment);
        repair(salvage, program.registry(), &state, &arguments, terminal).await
    };
    state.locked("state repair", work).await
}

async fn repair(
    mut salvage: Salvage,
    registry: &ResourceRegistry,
    state: &StateStore,
    arguments: &RepairArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let RepairArguments { environment, keep_edits, yes } = arguments;
    let newer = salvage.problems.iter().position(|problem| matches!(problem, StoreError::Format { .. }));
    if let Some(newer) = newer {
        return Err(salvage.problems.swap_remove(newer).into());
    }
    if salvage.problems.is_empty() {
        if salvage.backup_problems.is_empty() {
            terminal.say(&format!("The state of `{environment}` is not damaged: nothing was done."));
            return Ok(());
        }
        let problems = salvage.backup_problems.iter().map(backup_problem).collect();
        return Err(Failure::Damaged { subject: format!("the state of `{environment}`"), problems });
    }
    report(&salvage, terminal);
    let Salvage { snapshot, edited, source, serial, .. } = salvage;
    let (restored, origin) = if *keep_edits {
        let edited = edited.ok_or_else(|| StateError::NoEdits(environment.clone()))?;
        let has_other_lineage = snapshot.is_some_and(|snapshot| snapshot.lineage != edited.lineage);
        let problems: Vec<Diagnostic> = contradictions(&edited, registry, environment).collect();
        if has_other_lineage {
            return Err(StateError::NoEdits(environment.clone()).into());
        }
        if !problems.is_empty() {
            return Err(Failure::Damaged { subject: format!("the state of `{environment}`"), problems });
        }
        (edited, "the state as edited".to_owned())
    } else {
        let restored = snapshot.ok_or_else(|| StateError::NothingReadable(environment.clone()))?;
        if let Some(edited) = edited {
            terminal.say("Changed after Provisioner wrote it (--keep-edits keeps the change):");
            terminal.data(&diff(&restored, &edited)?);
        }
        (restored, source.display().to_string())
    };
    if !yes {
        let resources = count(restored.rows.len(), "resource");
        let question = format!(
            "Restore {resources} from {origin}, with what can be read of the journal? The files that are there are kept in \
             `damaged`. [y/N]"
        );
        consent::approved(&question, &mut terminal.clone())?;
    }
    let restored = Snapshot { serial: serial.max(restored.serial) + 1, ..restored };
    state.store().replace(&restored).await?;
    terminal.say(&format!(
        "The state is that of {origin} now, with serial {}. `provisioner plan {environment}` shows the differences from AWS.",
        restored.serial
    ));
    Ok(())
}

fn report(salvage: &Salvage, terminal: &Terminal) {
    for problem in &salvage.problems {
        let problem = Diagnostic { hint: None, ..Diagnostic::of(problem) };
        terminal.say(&diagnostic::diagnostic(&problem, terminal.err()));
    }
    for line in &salvage.lost {
        terminal.say(&format!("Lost, if an object of this line exists in the cloud: {}", printable(line)));
    }
}
