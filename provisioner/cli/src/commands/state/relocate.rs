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
    let moved_away = |place: &str, moved: &Moved| StateError::Moved {
        environment: environment.to_owned(),
        place: place.to_owned(),
        moved: moved.clone(),
    };
    let Some(state) = source.load().await? else { return Err(StateError::None(environment.to_owned()).into()) };
    let there = destination.load().await?;
    let serial = there.as_ref().map_or(0, |there| there.serial).max(state.serial);
    let arriving = |serial| Snapshot { serial, moved: None, ..state.clone() };
    match (&state.moved, &there) {
        // The state has never been there, was moved away, or an earlier move left nothing but its announcement.
        (None, None) => {}
        (None, Some(there)) if there.lineage == state.lineage && there.moved.is_some() => {}
        (None, Some(_)) => return Err(StateError::TwoStates { environment: environment.to_owned(), from, to }.into()),
        // An earlier move of the same kind has come so far.
        (Some(Moved::To(place)), Some(there)) if *place == to && there.lineage == state.lineage => {
            return match &there.moved {
                None => Ok(()),
                Some(Moved::From(_)) => Ok(destination.commit(&arriving(serial + 1)).await?),
                Some(moved) => Err(moved_away(&to, moved).into()),
            };
        }
        (Some(moved), _) => return Err(moved_away(&from, moved).into()),
    }
    let announced = Snapshot::new(state.lineage.clone(), environment);
    destination.commit(&Snapshot { serial: serial + 1, moved: Some(Moved::From(from)), ..announced }).await?;
    source.commit(&Snapshot { serial: state.serial + 1, moved: Some(Moved::To(to)), ..state.clone() }).await?;
    Ok(destination.commit(&arriving(serial + 2)).await?)
}

#[cfg(test)]
mod tests {
    use provisioner_store::{Disk, StateReader};

    use super::*;

    /// Two places, of which the first has the state.
    struct Places {
        _folder: tempfile::TempDir,
        old: Disk,
        new: Disk,
    }

    impl Places {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let [old, new] = ["old", "new"].map(|name| Disk::new(&folder.path().join(name), "dev"));
            let places = Self { _folder: folder, old, new };
            places.write(&places.old, 3, None).await;
            places
        }

        async fn write(&self, place: &Disk, serial: u64, moved: Option<Moved>) {
            place.commit(&Snapshot { serial, moved, ..Snapshot::new("line", "dev") }).await.unwrap();
        }

        async fn moved(&self) -> [Option<Moved>; 2] {
            let [old, new] = [self.old.load().await.unwrap(), self.new.load().await.unwrap()];
            [old.unwrap().moved, new.unwrap().moved]
        }

        fn to_new(&self) -> Option<Moved> {
            Some(Moved::To(self.new.address()))
        }
    }

    #[tokio::test]
    async fn interrupted_move_continues() {
        for commits in 0..=3 {
            let places = Places::new().await;
            if commits > 0 {
                places.write(&places.new, 4, Some(Moved::From(places.old.address()))).await;
            }
            if commits > 1 {
                places.write(&places.old, 4, places.to_new()).await;
            }
            if commits > 2 {
                places.write(&places.new, 5, None).await;
            }
            relocate(&places.old, &places.new, "dev").await.unwrap();
            assert_eq!(places.moved().await, [places.to_new(), None], "after {commits} writes");
        }
    }

    #[tokio::test]
    async fn state_moves_back() {
        let places = Places::new().await;
        relocate(&places.old, &places.new, "dev").await.unwrap();
        relocate(&places.new, &places.old, "dev").await.unwrap();
        assert_eq!(places.moved().await, [None, Some(Moved::To(places.old.address()))]);
    }

    #[tokio::test]
    async fn old_copy_does_not_come_back() {
        let places = Places::new().await;
        relocate(&places.old, &places.new, "dev").await.unwrap();
        let third = Some(Moved::To("s3://third/dev".to_owned()));
        places.write(&places.new, 9, third.clone()).await;
        let error = relocate(&places.old, &places.new, "dev").await.unwrap_err();
        assert!(error.to_string().contains("it was moved to s3://third/dev"), "{error}");
        assert_eq!(places.moved().await, [places.to_new(), third]);
        // The new place has lost its state.
        std::fs::remove_dir_all(places.new.address()).unwrap();
        relocate(&places.old, &places.new, "dev").await.unwrap_err();
        assert_eq!(places.new.load().await.unwrap(), None);
    }

    #[tokio::test]
    async fn another_state_is_not_overwritten() {
        let places = Places::new().await;
        places.new.commit(&Snapshot { serial: 1, ..Snapshot::new("other", "dev") }).await.unwrap();
        let error = relocate(&places.old, &places.new, "dev").await.unwrap_err();
        assert!(error.to_string().contains("another one in"), "{error}");
        assert_eq!(places.moved().await, [None, None]);
    }
}
