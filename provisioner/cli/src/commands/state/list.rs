//! `state list`: lists the addresses.

use std::fmt::Write as _;

use clap::Args;
use provisioner_model::{
    Environment,
    state::{Origin, Snapshot},
};

use super::ids;
use crate::{environment::Folder, error::Failure, render, state_store::StateStore, terminal::Terminal};

#[derive(Args, Debug)]
pub(crate) struct ListArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Print the entries as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: ListArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let (_, snapshot) = StateStore::open::<E>(folder, &arguments.environment).await?;
    if arguments.json {
        terminal.json(&snapshot.rows)?;
    } else {
        terminal.data(&table(&snapshot));
    }
    Ok(())
}

/// Returns a line for each entry: address, IDs, notes.
fn table(snapshot: &Snapshot) -> String {
    let width = snapshot.rows.keys().map(|address| render::columns(address)).max().unwrap_or(0);
    let mut out = String::new();
    for (address, row) in &snapshot.rows {
        let mut notes = vec![];
        if row.options.protect {
            notes.push("protected");
        }
        if row.objects.iter().any(|object| object.origin == Origin::Adopted) {
            notes.push("adopted");
        }
        if row.objects.iter().any(|object| object.pending.is_some()) {
            notes.push("unfinished");
        }
        let notes = if notes.is_empty() { String::new() } else { format!("  [{}]", notes.join(", ")) };
        let _ = writeln!(out, "{}  {}{notes}", render::cell(address, width), ids(row));
    }
    out
}
