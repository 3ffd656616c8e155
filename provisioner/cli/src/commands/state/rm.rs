//! `state rm`: forgets an entry of the state.

use clap::Args;
use provisioner_model::{
    Environment,
    state::{Row, Snapshot},
};

use super::{ids, row};
use crate::{
    consent::{self, ConsentFlags},
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
    /// Address of the resource.
    address: String,
    /// Skip the approval prompt. A protected resource needs --confirm as well.
    #[arg(long, short)]
    yes: bool,
    /// Consent to forget this protected resource: its address.
    #[arg(long, value_name = "ADDRESS")]
    confirm: Option<String>,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: RmArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let RmArguments { environment, address, yes, confirm } = arguments;
    let (store, snapshot) = StateStore::open::<E>(folder, &environment).await?;
    let row = row(&snapshot, &address)?;
    let ids = ids(row);
    let flags = ConsentFlags { yes, confirm, ..ConsentFlags::default() };
    consent::forget(&address, &ids, row.options.protect, &flags, &mut terminal.clone())?;
    store.change("state rm", None, |snapshot| remove(snapshot, &address)).await?;
    terminal.say(&format!("{address} ({ids}) has left the state; the object stays in the cloud."));
    Ok(())
}

fn remove(snapshot: &mut Snapshot, address: &str) -> Result<(), StateError> {
    row(snapshot, address)?;
    let needs = |row: &Row| row.needs.iter().any(|need| need == address);
    let needed_by: Vec<String> =
        snapshot.rows.iter().filter(|(_, row)| needs(row)).map(|(address, _)| address.clone()).collect();
    if !needed_by.is_empty() {
        return Err(StateError::Needed { address: address.to_owned(), needed_by });
    }
    snapshot.remove_row(address);
    Ok(())
}
