//! The recorded state of one environment: read by every command, changed by `state` and `import`. An apply goes through
//! the engine instead, which needs the [`Disk`] alone.

use provisioner_model::state::Snapshot;
use provisioner_store::{Disk, Holder, StateReader, Store, StoreError};

use crate::{
    environment::{EnvironmentError, Folder},
    error::{Failure, StateError},
    terminal,
};

/// The stored state of an environment. It keeps the environment's name, so that every error about it has one.
pub(crate) struct StateStore {
    environment: String,
    disk: Disk,
}

impl StateStore {
    /// The state of `environment` in `folder`. The environment's file is not read.
    pub(crate) fn new(folder: &Folder, environment: &str) -> Self {
        let disk = Disk::new(&folder.path().join("state"), environment);
        Self { environment: environment.to_owned(), disk }
    }

    /// As [`Self::new`]; fails unless the environment has a state already, and returns that as well.
    pub(crate) async fn open(folder: &Folder, environment: &str) -> Result<(Self, Snapshot), Failure> {
        let store = Self::new(folder, environment);
        if let Some(snapshot) = store.load().await? {
            return Ok((store, snapshot));
        }
        let known = folder.names()?;
        if known.contains(&store.environment) {
            return Err(store.missing().into());
        }
        // A mistyped name: the existing names help more than the missing state.
        let path = folder.path().join("environments").join(format!("{environment}.toml"));
        Err(EnvironmentError::Unknown { name: store.environment, path, known }.into())
    }

    /// The recorded state, with the journal of an interrupted apply folded in; none before the first apply.
    pub(crate) async fn load(&self) -> Result<Option<Snapshot>, StoreError> {
        self.disk.load().await
    }

    /// Fails while another run holds the lock.
    pub(crate) fn check_lock(&self) -> Result<(), StoreError> {
        self.disk.check_lock()
    }

    /// Returns who holds the lock, in words, if anybody does.
    pub(crate) fn current_run(&self) -> Result<Option<String>, StoreError> {
        match self.disk.check_lock() {
            Ok(()) => Ok(None),
            Err(StoreError::Locked { holder, .. }) => {
                Ok(Some(holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the first state of an environment; does nothing if a state exists.
    pub(crate) async fn create(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        match self.load().await? {
            Some(_) => Ok(()),
            None => self.disk.commit(snapshot).await,
        }
    }

    /// Changes the state under its lock. The load folds in the journal of an interrupted apply, and the commit clears it.
    pub(crate) async fn change(
        &self,
        command: &str,
        change: impl FnOnce(&mut Snapshot) -> Result<(), StateError> + Send,
    ) -> Result<(), Failure> {
        let lock = self.disk.lock(holder(command)).await?;
        let changed = async {
            let mut snapshot = self.load().await?.ok_or_else(|| self.missing())?;
            change(&mut snapshot)?;
            snapshot.serial += 1;
            self.disk.commit(&snapshot).await?;
            Ok::<(), Failure>(())
        }
        .await;
        lock.release().await?;
        changed
    }

    /// The error for a state that does not exist.
    pub(crate) fn missing(&self) -> StateError {
        StateError::None(self.environment.clone())
    }

    /// The store as the engine takes it.
    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }
}

/// Describes this process as a lock holder.
pub(crate) fn holder(command: &str) -> Holder {
    let (owner, host) = terminal::whoami();
    Holder { owner, host, pid: std::process::id(), command: command.to_owned(), since: terminal::now() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn missing_state_error_names_the_environment() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("environments")).unwrap();
        let folder = Folder::find(Some(root.path()), root.path()).unwrap();
        // The state vanishes between the command's first read and its change.
        let error = StateStore::new(&folder, "dev").change("state mv", |_| Ok(())).await.unwrap_err();
        assert_eq!(error.to_string(), "`dev` has no state yet");
    }
}
