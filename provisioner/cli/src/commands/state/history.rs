//! `state history`: lists the versions of the state that are kept, and the changes of each.

use std::fmt::Write as _;

use clap::Args;
use futures::future::try_join_all;
use provisioner_model::{Environment, state::Snapshot};

use super::version;
use crate::{environment::Folder, error::Failure, render::count, state_store::StateStore, terminal::Terminal};

#[derive(Args, Debug)]
pub(crate) struct HistoryArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: HistoryArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let (state, _) = StateStore::open::<E>(folder, &arguments.environment).await?;
    let serials = state.store().history().await?;
    let versions = try_join_all(serials.into_iter().map(|serial| version(&state, serial))).await?;
    terminal.data(&table(&versions));
    Ok(())
}

/// Returns a line for each version, oldest first.
fn table(versions: &[Snapshot]) -> String {
    let width = versions.last().map_or(0, |last| last.serial.to_string().len());
    let mut out = String::new();
    for (number, version) in versions.iter().enumerate() {
        let resources = count(version.rows.len(), "resource");
        let changes = match number.checked_sub(1).and_then(|before| versions.get(before)) {
            Some(before) => changes(before, version),
            None => String::new(),
        };
        let _ = writeln!(out, "{:>width$}  {resources}{changes}", version.serial);
    }
    out
}

fn changes(before: &Snapshot, after: &Snapshot) -> String {
    let added = after.rows.keys().filter(|address| !before.rows.contains_key(*address)).count();
    let removed = before.rows.keys().filter(|address| !after.rows.contains_key(*address)).count();
    let is_changed = |(address, row): &(&String, _)| before.rows.get(*address).is_some_and(|old| old != *row);
    let changed = after.rows.iter().filter(is_changed).count();
    let parts = [(added, "added"), (changed, "changed"), (removed, "removed")];
    let parts: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}
