//! `unlock`: ends the lease of a run that is gone.

use clap::Args;
use provisioner_model::Environment;
use provisioner_store::{LEASE_RENEWAL, StoreError};

use super::ExitStatus;
use crate::{
    consent,
    environment::Folder,
    error::Failure,
    state_store::{StateStore, holder},
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct UnlockArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Skip the approval prompt.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: UnlockArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let UnlockArguments { environment, yes } = arguments;
    let state = StateStore::known::<E>(folder, &environment).await?;
    match state.check_lock().await {
        Ok(()) => {
            terminal.say(&format!("No run holds the state of `{environment}`."));
            return Ok(ExitStatus::Success);
        }
        Err(StoreError::Leased { holder, silent, .. }) => {
            terminal.say(&format!(
                "{holder} holds the state of `{environment}`, and renewed the lease {} s ago. A run that works renews it \
                 every {} s.",
                silent.as_secs(),
                LEASE_RENEWAL.as_secs()
            ));
        }
        Err(damaged @ StoreError::LeaseDamaged { .. }) => {
            terminal.say(&format!("{damaged}: nobody knows who holds it."));
        }
        // A lock on this machine ends with its process.
        Err(error) => return Err(error.into()),
    }
    if !yes {
        let question =
            "End the lease? That run can write nothing afterwards, and the calls that it has sent stay. [y/N]";
        consent::approved(question, &mut terminal.clone())?;
    }
    match state.store().unlock(holder(&format!("unlock {environment}"))).await? {
        Some(holder) => terminal.say(&format!(
            "The lease of {holder} has ended. `provisioner apply {environment}` continues what it left."
        )),
        None => terminal.say("The lease is free."),
    }
    Ok(ExitStatus::Success)
}
