//! `state rm`: forgets entries of the state.

use std::collections::BTreeSet;

use clap::Args;
use provisioner_model::{
    Environment,
    state::{Row, Snapshot},
};

use super::{ids, rows};
use crate::{
    consent::{self, Forgotten},
    environment::Folder,
    error::{Failure, StateError},
    state_store::StateStore,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct RmArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Addresses of the resources or components.
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Skip the approval prompt. A protected resource needs --confirm as well.
    #[arg(long, short)]
    yes: bool,
    /// Consent to forget this protected resource: its address; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    confirm: Vec<String>,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: RmArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let RmArguments { environment, addresses, yes, confirm } = arguments;
    let (store, snapshot) = StateStore::open::<E>(folder, &environment).await?;
    let rows = rows(&snapshot, &addresses)?;
    let forgotten: Vec<Forgotten> = rows
        .iter()
        .map(|(address, row)| Forgotten { address, ids: ids(row), is_protected: row.options.protect })
        .collect();
    consent::forget(&forgotten, yes, &confirm.into_iter().collect(), &mut terminal.clone())?;
    let removed: BTreeSet<&str> = rows.keys().copied().collect();
    store.change("state rm", None, |snapshot| remove(snapshot, &removed)).await?;
    for Forgotten { address, ids, .. } in forgotten {
        terminal.say(&format!("{address} ({ids}) has left the state; the object stays in the cloud."));
    }
    Ok(())
}

fn remove(snapshot: &mut Snapshot, addresses: &BTreeSet<&str>) -> Result<(), StateError> {
    for address in addresses {
        let needs = |row: &Row| row.needs.iter().any(|need| need == address);
        let needed_by = snapshot.rows.iter().filter(|(by, row)| !addresses.contains(by.as_str()) && needs(row));
        let needed_by: Vec<String> = needed_by.map(|(by, _)| by.clone()).collect();
        if !needed_by.is_empty() {
            return Err(StateError::Needed { address: (*address).to_owned(), needed_by });
        }
    }
    addresses.iter().for_each(|address| snapshot.remove_row(address));
    Ok(())
}
