//! `state rm`: forgets an entry of the state.

use clap::Args;
use provisioner_model::state::{Row, Snapshot};

use super::{ids, row};
use crate::{
    consent,
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
    /// Skip the approval prompt.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(folder: &Folder, arguments: RmArguments, terminal: &Terminal) -> Result<(), Failure> {
    let RmArguments { environment, address, yes } = arguments;
    let (store, snapshot) = StateStore::open(folder, &environment).await?;
    let ids = ids(row(&snapshot, &address)?);
    if !yes {
        let question = format!("Forget {address} ({ids})? The object stays in the cloud. [y/N]");
        consent::approved(&question, &mut terminal.clone())?;
    }
    store.change("state rm", |snapshot| remove(snapshot, &address)).await?;
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
    snapshot.rows.remove(address);
    Ok(())
}
