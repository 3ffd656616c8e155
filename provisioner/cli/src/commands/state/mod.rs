//! `state`: shows and changes the recorded state. Nothing in AWS changes.

mod diff;
mod export;
mod history;
mod import;
mod list;
mod mv;
pub(super) mod relocate;
mod repair;
mod rm;
mod show;
mod verify;

use std::collections::BTreeMap;

use clap::Subcommand;
use provisioner_model::{
    Diagnostic, Environment, printable,
    state::{Row, Snapshot},
};

use super::ExitStatus;
use crate::{
    environment::{Folder, schema::closest},
    error::{Failure, StateError},
    program::Program,
    state_store::StateStore,
    terminal::Terminal,
};

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List the addresses and IDs.
    List(list::ListArguments),
    /// Show one entry as JSON.
    Show(show::ShowArguments),
    /// List the versions of the state that are kept.
    History(history::HistoryArguments),
    /// Compare two versions of the state.
    Diff(diff::DiffArguments),
    /// Check the files of the state, and whether its entries fit together.
    Verify(verify::VerifyArguments),
    /// Replace a damaged state by what can be read of it.
    Repair(repair::RepairArguments),
    /// Print the state, for a backup.
    Export(export::ExportArguments),
    /// Make an exported state the state of the environment.
    Import(import::ImportArguments),
    /// Change the address of an entry or a component, after a rename in the program.
    Mv(mv::MvArguments),
    /// Move the state to the place that the environment file names.
    Move(relocate::MoveArguments),
    /// Forget entries; their objects stay in AWS.
    Rm(rm::RmArguments),
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    command: StateCommand,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    match command {
        StateCommand::List(arguments) => list::run::<E>(folder, arguments, terminal).await?,
        StateCommand::Show(arguments) => show::run::<E>(folder, arguments, terminal).await?,
        StateCommand::History(arguments) => history::run::<E>(folder, arguments, terminal).await?,
        StateCommand::Diff(arguments) => diff::run::<E>(folder, arguments, terminal).await?,
        StateCommand::Verify(arguments) => verify::run(program, folder, arguments, terminal).await?,
        StateCommand::Repair(arguments) => repair::run(program, folder, arguments, terminal).await?,
        StateCommand::Export(arguments) => export::run::<E>(folder, arguments, terminal).await?,
        StateCommand::Import(arguments) => import::run(program, folder, arguments, terminal).await?,
        StateCommand::Mv(arguments) => mv::run::<E>(folder, arguments, terminal).await?,
        StateCommand::Move(arguments) => relocate::run::<E>(folder, arguments, terminal).await?,
        StateCommand::Rm(arguments) => rm::run::<E>(folder, arguments, terminal).await?,
    }
    Ok(ExitStatus::Success)
}

/// Returns a version of the state that is kept; the error lists those that are.
async fn version(state: &StateStore, serial: u64) -> Result<Snapshot, Failure> {
    match state.store().version(serial).await? {
        Some(version) => Ok(version),
        None => Err(StateError::NoVersion { serial, kept: state.store().history().await? }.into()),
    }
}

/// Returns the entry at `address`; the error suggests a similar address.
fn row<'a>(snapshot: &'a Snapshot, address: &str) -> Result<&'a Row, StateError> {
    snapshot.rows.get(address).ok_or_else(|| {
        let close = closest(address, snapshot.rows.keys().map(String::as_str)).map(str::to_owned);
        StateError::NoRow { address: address.to_owned(), close }
    })
}

/// Returns the entries at these addresses, and those of the components among them; the errors suggest similar addresses.
fn rows<'a>(snapshot: &'a Snapshot, addresses: &[String]) -> Result<BTreeMap<&'a str, &'a Row>, Failure> {
    let (mut found, mut missing) = (BTreeMap::new(), vec![]);
    for address in addresses {
        let is_part =
            |of: &str| of == address || of.strip_prefix(address.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let before = found.len();
        found.extend(snapshot.rows.iter().filter(|(of, _)| is_part(of)).map(|(of, row)| (of.as_str(), row)));
        if found.len() == before
            && let Err(error) = row(snapshot, address)
        {
            missing.push(error);
        }
    }
    match missing.len() {
        0 => Ok(found),
        1 => Err(missing.remove(0).into()),
        _ => Err(Failure::NoEntries(missing.iter().map(Diagnostic::of).collect())),
    }
}

/// Returns the IDs of an entry's objects, for messages.
fn ids(row: &Row) -> String {
    let ids = row.objects.iter().map(|object| object.id.as_deref().unwrap_or("no id yet"));
    printable(&ids.collect::<Vec<_>>().join(", "))
}
