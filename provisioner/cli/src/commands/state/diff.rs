//! `state diff`: compares two versions of the state.

use std::{collections::BTreeSet, fmt::Write as _};

use clap::Args;
use provisioner_model::{
    Environment,
    state::{Row, Snapshot},
};
use similar::TextDiff;

use super::version;
use crate::{environment::Folder, error::Failure, state_store::StateStore, terminal::Terminal};

#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Serial of the older version: `state history` lists them.
    from: u64,
    /// Serial of the newer version; the current state by default.
    to: Option<u64>,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: DiffArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let DiffArguments { environment, from, to } = arguments;
    let (state, current) = StateStore::open::<E>(folder, &environment).await?;
    let from = version(&state, from).await?;
    let to = match to {
        Some(serial) => version(&state, serial).await?,
        None => current,
    };
    terminal.data(&diff(&from, &to)?);
    Ok(())
}

/// Returns the entries that differ, as unified differences of their JSON.
pub(super) fn diff(from: &Snapshot, to: &Snapshot) -> Result<String, Failure> {
    let addresses: BTreeSet<&String> = from.rows.keys().chain(to.rows.keys()).collect();
    let text =
        |row: Option<&Row>| row.map_or(Ok(String::new()), |row| serde_json::to_string_pretty(row).map(|it| it + "\n"));
    let mut out = String::new();
    for address in addresses {
        let (old, new) = (text(from.rows.get(address))?, text(to.rows.get(address))?);
        if old == new {
            continue;
        }
        let headers = (format!("{address} (serial {})", from.serial), format!("{address} (serial {})", to.serial));
        let difference = TextDiff::from_lines(&old, &new);
        let _ = write!(out, "{}", difference.unified_diff().context_radius(2).header(&headers.0, &headers.1));
    }
    Ok(out)
}
