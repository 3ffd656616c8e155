//! `state move`: brings the state to the place that the environment file names.

use clap::Args;
use provisioner_model::{
    Environment,
    state::{Moved, Snapshot},
};
use provisioner_store::Store;

use crate::{
    environment::Folder,
    error::{Failure, StateError},
    state_store::{Place, StateStore, holder},
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct MoveArguments {
    /// Name of the environment. Its file names the place to which the state moves.
    #[arg(value_name = "ENV")]
    environment: String,
    /// The place where the state is: `local`, or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "PLACE")]
    from: Place,
    /// Region of that bucket. Default: the environment's region.
    #[arg(long, value_name = "REGION")]
    from_region: Option<String>,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: MoveArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let MoveArguments { environment, from, from_region } = arguments;
    let file = folder.load::<E>(&environment)?;
    let destination = StateStore::new(folder, &file).await?;
    let region = from_region.as_deref().unwrap_or(file.settings.region());
    let source = StateStore::at(folder, &environment, &from, region).await?;
    relocate(source.store(), destination.store(), &environment).await?;
    terminal.say(&format!(
        "The state of `{environment}` is in {} now; the copy in {} is not used any more.",
        destination.store().address(),
        source.store().address()
    ));
    Ok(())
}

/// Moves a state. At each moment at most one of the two places has a state in force, and a move that was interrupted
/// continues when it is repeated.
pub(crate) async fn relocate(source: &dyn Store, destination: &dyn Store, environment: &str) -> Result<(), Failure> {
    let command = format!("state move {environment}");
    if source.address() == destination.address() {
        return Err(StateError::SamePlace { environment: environment.to_owned(), place: source.address() }.into());
    }
    let source_lock = source.lock(holder(&command)).await?;
    let destination_lock = match destination.lock(holder(&command)).await {
        Ok(lock) => lock,
        Err(error) => {
            source_lock.release().await?;
            return Err(error.into());
        }
    };
    let moved = relocate_locked(source, destination, environment).await;
    let released = (source_lock.release().await, destination_lock.release().await);
    moved?;
    released.0?;
    Ok(released.1?)
}

async fn relocate_locked(source: &dyn Store, destination: &dyn Store, environment: &str) -> Result<(), Failure> {
    let (from, to) = (source.address(), destination.address());
    let Some(state) = source.load().await? else { return Err(StateError::None(environment.to_owned()).into()) };
    let there = destination.load().await?;
    let begun = state.moved == Some(Moved::To(to.clone()));
    if let Some(moved) = state.moved.clone().filter(|_| !begun) {
        return Err(StateError::Moved { environment: environment.to_owned(), place: from, moved }.into());
    }
    match &there {
        None => {}
        // The last step of an earlier move was the last thing that happened.
        Some(there) if begun && there.moved.is_none() && there.lineage == state.lineage => return Ok(()),
        Some(Snapshot { moved: Some(Moved::From(place)), lineage, .. })
            if *place == from && *lineage == state.lineage => {}
        // It was there before.
        Some(Snapshot { moved: Some(Moved::To(_)), lineage, .. }) if *lineage == state.lineage => {}
        Some(_) => return Err(StateError::TwoStates { environment: environment.to_owned(), from, to }.into()),
    }
    let known = there.as_ref().map_or(0, |there| there.serial);
    let mut serial = known.max(state.serial);
    if there.as_ref().is_none_or(|there| there.moved != Some(Moved::From(from.clone()))) {
        serial += 1;
        let empty = Snapshot::new(state.lineage.clone(), environment);
        destination.commit(&Snapshot { serial, moved: Some(Moved::From(from)), ..empty }).await?;
    }
    if !begun {
        let left = Snapshot { serial: state.serial + 1, moved: Some(Moved::To(to)), ..state.clone() };
        source.commit(&left).await?;
    }
    Ok(destination.commit(&Snapshot { serial: serial + 1, moved: None, ..state }).await?)
}
