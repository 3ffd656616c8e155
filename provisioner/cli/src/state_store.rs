//! The recorded state of one environment, on this machine or in a bucket: read by every command, changed by `state` and
//! `import`. An apply goes through the engine instead, which needs the [`Store`] alone.

use std::{str::FromStr, sync::Arc};

use provisioner_model::{Environment, state::Snapshot};
use provisioner_store::{Disk, Holder, StateReader, Store, StoreError};

use crate::{
    environment::{
        EnvironmentError, EnvironmentFile, Folder,
        state::{Backend, StateSettings},
    },
    error::{Failure, StateError},
    terminal,
};

/// The stored state of an environment. It keeps the environment's name, so that every error about it has one.
#[derive(Clone)]
pub(crate) struct StateStore {
    environment: String,
    store: Arc<dyn Store>,
    /// The state on this machine, where the file names another place.
    local: Option<Arc<Disk>>,
}

/// A place of states.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// The folder `state`.
    Local,
    /// A bucket, with the beginning of the keys.
    S3 { bucket: String, prefix: String },
}

/// A bucket, and the part of it for a project.
#[cfg_attr(not(feature = "aws-types"), expect(dead_code, reason = "without AWS, no bucket is opened"))]
struct Bucket<'a> {
    name: &'a str,
    prefix: &'a str,
    region: &'a str,
    kms_key: Option<&'a str>,
    lock_table: Option<&'a str>,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "local" {
            return Ok(Self::Local);
        }
        let rest = text.strip_prefix("s3://").ok_or("expected `local` or `s3://BUCKET/PREFIX`")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err("expected the name of a bucket after `s3://`");
        }
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_end_matches('/').to_owned() })
    }
}

impl StateStore {
    /// The state of an environment, at the place that its file names. Nothing is read yet.
    pub(crate) async fn new<E: Environment>(
        folder: &Folder,
        environment: &EnvironmentFile<E>,
    ) -> Result<Self, Failure> {
        match &environment.state {
            None => Ok(Self::local(folder, &environment.name)),
            Some(settings) => {
                let StateSettings { backend: Backend::S3, bucket, prefix, region, kms_key, lock_table } = settings;
                let bucket = Bucket {
                    name: bucket,
                    prefix: prefix.as_deref().unwrap_or(environment.settings.project()),
                    region: region.as_deref().unwrap_or(environment.settings.region()),
                    kms_key: kms_key.as_deref(),
                    lock_table: lock_table.as_deref(),
                };
                let store = remote::connect(bucket, &environment.name).await?;
                let local = Some(Arc::new(Self::disk(folder, &environment.name)));
                Ok(Self { environment: environment.name.clone(), store, local })
            }
        }
    }

    /// The state of an environment on this machine.
    pub(crate) fn local(folder: &Folder, environment: &str) -> Self {
        let disk = Self::disk(folder, environment);
        Self { environment: environment.to_owned(), store: Arc::new(disk), local: None }
    }

    fn disk(folder: &Folder, environment: &str) -> Disk {
        Disk::new(&folder.path().join("state"), environment)
    }

    /// The state of a bucket for states, while it is on this machine: out of the way of the environments' states.
    #[cfg(feature = "aws")]
    pub(crate) fn bootstrap(folder: &Folder, bucket: &str, name: &str) -> Self {
        let disk = Disk::new(&folder.path().join("state").join(".bootstrap").join(bucket), name);
        Self { environment: name.to_owned(), store: Arc::new(disk), local: None }
    }

    /// The state of an environment at a stated place.
    pub(crate) async fn at(folder: &Folder, environment: &str, place: &Place, region: &str) -> Result<Self, Failure> {
        match place {
            Place::Local => Ok(Self::local(folder, environment)),
            Place::S3 { bucket, prefix } => {
                let bucket = Bucket { name: bucket, prefix, region, kms_key: None, lock_table: None };
                let store = remote::connect(bucket, environment).await?;
                Ok(Self { environment: environment.to_owned(), store, local: None })
            }
        }
    }

    /// The state of an environment, by its name. The file must be valid only if the state is not on this machine. Fails
    /// unless the environment has a state already, and returns that as well.
    pub(crate) async fn open<E: Environment>(folder: &Folder, environment: &str) -> Result<(Self, Snapshot), Failure> {
        let store = Self::named::<E>(folder, environment).await?;
        match store.load().await? {
            Some(snapshot) => Ok((store, snapshot)),
            None => Err(store.unknown(folder)?),
        }
    }

    /// The state of an environment that has a file or a state, which may be damaged.
    pub(crate) async fn known<E: Environment>(folder: &Folder, environment: &str) -> Result<Self, Failure> {
        let store = Self::named::<E>(folder, environment).await?;
        let has_file = folder.names()?.iter().any(|name| name == environment);
        if has_file || !store.store.files().await?.is_empty() { Ok(store) } else { Err(store.unknown(folder)?) }
    }

    /// The error of an environment without state.
    pub(crate) fn unknown(&self, folder: &Folder) -> Result<Failure, Failure> {
        let known = folder.names()?;
        if known.contains(&self.environment) {
            return Ok(self.missing().into());
        }
        // A mistyped name: the existing names help more than the missing state.
        let path = folder.path().join("environments").join(format!("{}.toml", self.environment));
        Ok(EnvironmentError::Unknown { name: self.environment.clone(), path, known }.into())
    }

    /// The state of an environment, by its name, which may have none yet.
    pub(crate) async fn named<E: Environment>(folder: &Folder, environment: &str) -> Result<Self, Failure> {
        folder.check_name(environment)?;
        if folder.has_remote_state(environment)? {
            Self::new(folder, &folder.load::<E>(environment)?).await
        } else {
            Ok(Self::local(folder, environment))
        }
    }

    /// The recorded state, with the journal of an interrupted apply folded in; none before the first apply. Fails if the
    /// state in force is at another place.
    pub(crate) async fn load(&self) -> Result<Option<Snapshot>, Failure> {
        let environment = || self.environment.clone();
        match self.store.load().await? {
            Some(Snapshot { moved: Some(moved), .. }) => {
                Err(StateError::Moved { environment: environment(), place: self.store.address(), moved }.into())
            }
            None if self.has_local_state().await? => {
                Err(StateError::NotMoved { environment: environment(), place: self.store.address() }.into())
            }
            state => Ok(state),
        }
    }

    async fn has_local_state(&self) -> Result<bool, StoreError> {
        match &self.local {
            None => Ok(false),
            Some(disk) => Ok(disk.load().await?.is_some_and(|state| state.moved.is_none())),
        }
    }

    /// Fails while another run may write.
    pub(crate) async fn check_lock(&self) -> Result<(), StoreError> {
        self.store.check_lock().await
    }

    /// Returns who may write, in words, if anybody does.
    pub(crate) async fn current_run(&self) -> Result<Option<String>, StoreError> {
        match self.store.check_lock().await {
            Ok(()) => Ok(None),
            Err(StoreError::Leased { holder, .. }) => Ok(Some(holder.to_string())),
            Err(StoreError::Locked { holder: Some(holder), .. }) => Ok(Some(holder.to_string())),
            Err(StoreError::Locked { holder: None, .. }) => Ok(Some("another process".to_owned())),
            Err(error) => Err(error),
        }
    }

    /// Changes the state under its lock; an environment without state begins with `first`, if there is one. The load folds
    /// in the journal of an interrupted apply, and the commit clears it.
    pub(crate) async fn change(
        &self,
        command: &str,
        first: Option<Snapshot>,
        change: impl FnOnce(&mut Snapshot) -> Result<(), StateError> + Send,
    ) -> Result<(), Failure> {
        let changed = async {
            let mut snapshot = self.load().await?.or(first).ok_or_else(|| self.missing())?;
            change(&mut snapshot)?;
            snapshot.serial += 1;
            self.store.commit(&snapshot).await?;
            Ok(())
        };
        self.locked(command, changed).await
    }

    /// Does this while no other run may write.
    pub(crate) async fn locked<T>(
        &self,
        command: &str,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let lock = self.store.lock(holder(command)).await?;
        let done = work.await;
        lock.release().await?;
        done
    }

    /// The error for a state that does not exist.
    pub(crate) fn missing(&self) -> StateError {
        StateError::None(self.environment.clone())
    }

    /// The store as the engine takes it.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }
}

/// Describes this process as a lock holder.
pub(crate) fn holder(command: &str) -> Holder {
    let (owner, host) = terminal::whoami();
    Holder { owner, host, pid: std::process::id(), command: command.to_owned(), since: terminal::now() }
}

#[cfg(feature = "aws-types")]
mod remote {
    use std::sync::Arc;

    use provisioner_aws::s3::BucketStorage;
    use provisioner_store::{Remote, Store};

    use super::Bucket;
    use crate::{error::Failure, program::load_aws, terminal};

    pub(super) async fn connect(bucket: Bucket<'_>, environment: &str) -> Result<Arc<dyn Store>, Failure> {
        let aws = load_aws(bucket.region).await?;
        let prefix = if bucket.prefix.is_empty() { String::new() } else { format!("{}/", bucket.prefix) };
        let storage = BucketStorage::new(&aws, bucket.name, bucket.kms_key);
        let process = terminal::token();
        let store = Remote::new(storage, &prefix, environment, &process, terminal::now);
        let Some(table) = bucket.lock_table else { return Ok(Arc::new(store)) };
        #[cfg(feature = "aws")]
        return Ok(Arc::new(with_lock_table(store, &aws, table, &process)));
        #[cfg(not(feature = "aws"))]
        Err(crate::error::StateError::WithoutDynamoDb(table.to_owned()).into())
    }

    #[cfg(feature = "aws")]
    fn with_lock_table(store: Remote, aws: &provisioner_aws::Aws, table: &str, process: &str) -> Remote {
        use provisioner_aws::dynamodb::LockTable;
        use provisioner_store::StateReader as _;
        let lock = LockTable::new(aws, table, &store.address(), process);
        store.second_lock(lock)
    }
}

#[cfg(not(feature = "aws-types"))]
mod remote {
    use std::sync::Arc;

    use provisioner_store::Store;

    use super::Bucket;
    use crate::error::{Failure, StateError};

    #[expect(clippy::unused_async, reason = "as the one with AWS, which loads credentials")]
    pub(super) async fn connect(_: Bucket<'_>, environment: &str) -> Result<Arc<dyn Store>, Failure> {
        Err(StateError::WithoutAws(environment.to_owned()).into())
    }
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
        let error = StateStore::local(&folder, "dev").change("state mv", None, |_| Ok(())).await.unwrap_err();
        assert_eq!(error.to_string(), "`dev` has no state yet");
    }
}
