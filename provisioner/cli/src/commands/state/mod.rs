//! `state`: shows and changes the recorded state. Nothing in AWS changes.

mod diff;
mod history;
mod list;
mod mv;
pub(super) mod relocate;
mod rm;
mod show;

use clap::Subcommand;
use provisioner_model::{
    Environment,
    state::{Row, Snapshot},
};

use super::ExitStatus;
use crate::{
    environment::{Folder, schema::closest},
    error::{Failure, StateError},
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
    /// Change an entry's address, after a rename in the program.
    Mv(mv::MvArguments),
    /// Move the state to the place that the environment file names.
    Move(relocate::MoveArguments),
    /// Forget an entry; its object stays in AWS.
    Rm(rm::RmArguments),
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    command: StateCommand,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    match command {
        StateCommand::List(arguments) => list::run::<E>(folder, arguments, terminal).await?,
        StateCommand::Show(arguments) => show::run::<E>(folder, arguments, terminal).await?,
        StateCommand::History(arguments) => history::run::<E>(folder, arguments, terminal).await?,
        StateCommand::Diff(arguments) => diff::run::<E>(folder, arguments, terminal).await?,
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

/// Returns the IDs of an entry's objects, for messages.
fn ids(row: &Row) -> String {
    let ids: Vec<&str> = row.objects.iter().map(|object| object.id.as_deref().unwrap_or("no id yet")).collect();
    ids.join(", ")
}
