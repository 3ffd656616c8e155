//! The state of one environment in an object storage that several machines share, such as Amazon S3.
//!
//! | key | content |
//! |---|---|
//! | `state.json` | the snapshot, written only over the version that the writer has read |
//! | `journal/<epoch>/<number>.jsonl` | journal entries of the lease with that epoch, each object written once |
//! | `history/<serial>.json` | the last versions of `state.json`, the newest included |
//! | `state.format-<format>.json` | the last state of an older format |
//! | `runs/<name>/<number>.jsonl` | the records of the last runs |
//! | `damaged/<serial>/` | objects that a repair replaced |
//! | `lease.json` | who may write, and since when: see [`lease`] |
//!
//! Two rules keep a process that lost its lease from doing harm. It cannot replace the state, because the write requires
//! the version that it has read. And it cannot announce a call: the next holder [seals](journal) its part of the journal,
//! so that the write of the entry is refused.

mod journal;
mod lease;
mod requests;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use provisioner_model::{journal::JournalEntry, state::Snapshot};

use self::{
    journal::JournalWriter,
    lease::{HeldLease, Lease},
    requests::{PutOutcome, Requests},
};
use crate::{
    Fut, Holder, Lock, SecondLock, StateFile, StateFiles, StateReader, Store,
    error::{Result, StoreError},
    journal as lines,
    objects::{Condition, ObjectStorage, StoredObject},
    snapshot,
};

/// Number of versions to keep, including the newest: storage costs little, and a team changes more than one person.
const KEPT: usize = 100;

/// Number of runs whose records are kept.
const KEPT_RUNS: usize = 100;

/// The time after which a lease that its holder does not renew ends.
pub const LEASE_TIME: Duration = Duration::from_mins(1);

/// Time between two renewals of a lease.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(LEASE_TIME.as_secs() / 4);

/// The state of one environment in an object storage.
///
/// It needs a Tokio runtime: a task renews the lease while it is held.
pub struct Remote {
    requests: Arc<Requests>,
    environment: String,
    lease_time: Duration,
    second: Option<Arc<dyn SecondLock>>,
    /// Names this process in the lease: no other has the same.
    process: String,
    /// Seconds since 1970.
    now: fn() -> u64,
    /// The state that was read or written last.
    known: Mutex<KnownState>,
    session: Arc<Mutex<Option<Arc<Session>>>>,
    /// Number of the objects that this process has written of the records of runs.
    recorded: AtomicU64,
}

/// The state object as this process knows it.
#[derive(Clone, Default)]
struct KnownState {
    /// Its entity tag; `None` if nothing was read, or no state exists.
    etag: Option<String>,
    /// Its format and content, if the format is an older one.
    older: Option<(u64, Vec<u8>)>,
}

impl KnownState {
    fn of(object: &StoredObject) -> Self {
        let older = snapshot::older_format(&object.body).map(|format| (format, object.body.clone()));
        Self { etag: Some(object.etag.clone()), older }
    }
}

/// The lease that this process holds, and its part of the journal.
struct Session {
    lease: Arc<HeldLease>,
    journal: JournalWriter,
}

impl Remote {
    /// The state of `environment` under `prefix`, which ends with `/` unless it is empty. `process` is a random text that
    /// no other process has, and `now` the time in seconds since 1970. Nothing is sent yet.
    pub fn new(
        storage: impl ObjectStorage + 'static,
        prefix: &str,
        environment: &str,
        process: &str,
        now: fn() -> u64,
    ) -> Self {
        Self {
            requests: Arc::new(Requests::new(Box::new(storage), format!("{prefix}{environment}/"))),
            environment: environment.to_owned(),
            lease_time: LEASE_TIME,
            second: None,
            process: process.to_owned(),
            now,
            known: Mutex::default(),
            session: Arc::default(),
            recorded: AtomicU64::new(0),
        }
    }

    /// With another time after which a lease ends.
    #[must_use]
    pub fn lease_time(self, lease_time: Duration) -> Self {
        Self { lease_time, ..self }
    }

    /// With a second lock, which is held as long as the lease.
    #[must_use]
    pub fn second_lock(self, lock: impl SecondLock + 'static) -> Self {
        Self { second: Some(Arc::new(lock)), ..self }
    }

    async fn serials(&self) -> Result<Vec<u64>> {
        let listed = self.requests.list("history/").await?;
        let serial = |key: &str| key.strip_prefix("history/")?.strip_suffix(".json")?.parse().ok();
        Ok(listed.iter().filter_map(|object| serial(&object.key)).collect())
    }

    async fn read_version(&self, serial: u64) -> Result<Option<Snapshot>> {
        let key = version_key(serial);
        let object = self.requests.get(&key).await?;
        object.map(|object| snapshot::parse(&self.path(&key), &self.environment, &object.body)).transpose()
    }

    /// Returns the holder of a lease that has not ended, and the time since its last renewal.
    async fn holder(&self) -> Result<Option<(Holder, Duration)>> {
        let lease = Lease::read(&self.requests).await?;
        Ok(lease.filter(|(lease, object)| lease.is_held(object.age)).map(|(lease, object)| (lease.holder, object.age)))
    }

    /// Takes the lease from another process, which seals its journal, and releases it.
    async fn break_lease(&self, who: Holder) -> Result<Option<Holder>> {
        let before = match self.holder().await {
            // Nobody knows whose it is. It is replaced.
            Err(StoreError::LeaseDamaged { .. }) => None,
            Ok(None) => return Ok(None),
            before => before?,
        };
        let lease = lease::take(&self.requests, self.claim(who.clone()), true).await?;
        if let Some(second) = &self.second {
            // What the other process has left in it is taken over, and removed.
            second.take(&who).await?;
            second.release().await?;
        }
        lease.release().await?;
        Ok(before.map(|(holder, _)| holder))
    }

    fn claim(&self, holder: Holder) -> lease::Claim {
        lease::Claim { process: self.process.clone(), holder, time: self.lease_time, now: self.now }
    }

    fn path(&self, key: &str) -> PathBuf {
        PathBuf::from(self.requests.address(key))
    }

    async fn load_now(&self) -> Result<Option<Snapshot>> {
        // The journal first: should a commit come between, its runs are older than the state, and do not count.
        let entries = journal::read(&self.requests).await?;
        let state = self.read_state().await?;
        if state.is_none() && !self.serials().await?.is_empty() {
            return Err(StoreError::Missing { path: self.path(STATE) });
        }
        lines::replay(&self.path("journal"), &self.environment, state, entries)
    }

    async fn read_state(&self) -> Result<Option<Snapshot>> {
        let object = self.requests.get(STATE).await?;
        self.set_known(object.as_ref().map_or_else(KnownState::default, KnownState::of));
        let Some(StoredObject { body, .. }) = object else { return Ok(None) };
        match snapshot::parse(&self.path(STATE), &self.environment, &body) {
            Err(error) if error.is_damage() => {
                let kept = self.serials().await?.last().map(|serial| self.path(&version_key(*serial)));
                Err(error.with_kept_version(kept))
            }
            parsed => parsed.map(Some),
        }
    }

    fn known(&self) -> KnownState {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_known(&self, known: KnownState) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn session(&self) -> Result<Arc<Session>> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        session.ok_or_else(|| StoreError::LeaseLost {
            path: self.path(lease::KEY),
            why: "this process holds no lease".to_owned(),
        })
    }

    async fn commit_now(&self, snapshot: &Snapshot) -> Result<()> {
        let session = self.session()?;
        let KnownState { etag, older } = self.known();
        if let Some((format, body)) = older {
            self.requests.put(&format!("state.format-{format}.json"), &body, Condition::Always).await?;
        }
        let body = snapshot::text(snapshot)?;
        // The copy first: a crash before the state itself is written leaves one that the next commit writes over. There is
        // no copy before the first state: a version without a state means that the state is lost.
        if etag.is_some() {
            self.write_version(snapshot, &body).await?;
        }
        let condition = etag.as_deref().map_or(Condition::Absent, Condition::Unchanged);
        match self.requests.put(STATE, &body, condition).await? {
            PutOutcome::Written(etag) => self.set_known(KnownState { etag: Some(etag), older: None }),
            PutOutcome::Refused(there) => return Err(self.overtaken(snapshot, there)),
        }
        if etag.is_none() {
            self.write_version(snapshot, &body).await?;
        }
        // From here on the journal is of an older state, and does not count, should a part of it stay behind.
        session.journal.clear(&self.requests, session.lease.seals()).await?;
        let serials = self.serials().await?;
        let old = &serials[..serials.len().saturating_sub(KEPT)];
        self.requests.delete(old.iter().map(|serial| version_key(*serial)).collect()).await
    }

    async fn write_version(&self, snapshot: &Snapshot, body: &[u8]) -> Result<()> {
        self.requests.put(&version_key(snapshot.serial), body, Condition::Always).await.map(drop)
    }

    async fn files_now(&self) -> Result<StateFiles> {
        let file = |key: &str, object: Option<StoredObject>| {
            object.map(|object| StateFile { path: self.path(key), text: object.body })
        };
        let journal = journal::objects(&self.requests).await?;
        let journal = journal.into_iter().map(|(key, text)| StateFile { path: self.path(&key), text }).collect();
        let object = self.requests.get(STATE).await?;
        self.set_known(object.as_ref().map_or_else(KnownState::default, KnownState::of));
        let state = file(STATE, object);
        let serials = self.serials().await?.into_iter().rev();
        let read = serials.map(|serial| async move {
            let key = version_key(serial);
            let object = self.requests.get(&key).await?;
            Ok::<_, StoreError>(file(&key, object).map(|file| (serial, file)))
        });
        let versions: Vec<_> = stream::iter(read).buffered(READS_IN_FLIGHT).try_collect().await?;
        let versions = versions.into_iter().flatten().collect();
        Ok(StateFiles { path: self.path(STATE), state, journal, versions, unreadable: vec![] })
    }

    async fn replace_now(&self, snapshot: &Snapshot) -> Result<()> {
        let StateFiles { state, journal, .. } = self.files_now().await?;
        let folder = format!("damaged/{}/", snapshot.serial);
        if let Some(StateFile { text, .. }) = state {
            self.requests.put(&format!("{folder}{STATE}"), &text, Condition::Always).await?;
        }
        let journal: Vec<u8> = journal.into_iter().flat_map(|file| file.text).collect();
        if !journal.is_empty() {
            self.requests.put(&format!("{folder}journal.jsonl"), &journal, Condition::Always).await?;
        }
        self.commit_now(snapshot).await
    }

    /// Returns the keys of the records of runs.
    async fn record_keys(&self) -> Result<Vec<String>> {
        Ok(self.requests.list("runs/").await?.into_iter().map(|object| object.key).collect())
    }

    async fn read_run(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let keys = self.requests.list(&format!("runs/{name}/")).await?.into_iter().map(|object| object.key);
        let read = keys.map(|key| async move { self.requests.get(&key).await });
        let parts: Vec<_> = stream::iter(read).buffered(READS_IN_FLIGHT).try_collect().await?;
        let parts: Vec<Vec<u8>> = parts.into_iter().flatten().map(|object| object.body).collect();
        Ok(if parts.is_empty() { None } else { Some(parts.concat()) })
    }

    async fn record_now(&self, run: &str, lines: &[u8]) -> Result<()> {
        let number = self.recorded.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            let keys = self.record_keys().await?;
            let names = run_names(&keys);
            let old = &names[..(names.len() + 1).saturating_sub(KEPT_RUNS)];
            let is_old = |key: &String| run_name(key).is_some_and(|name| old.iter().any(|old| old == name));
            self.requests.delete(keys.iter().filter(|key| is_old(key)).cloned().collect()).await?;
        }
        self.requests.put(&format!("runs/{run}/{number:06}.jsonl"), lines, Condition::Always).await.map(drop)
    }

    /// The error of a commit onto another state than the one that was read.
    fn overtaken(&self, ours: &Snapshot, there: Option<StoredObject>) -> StoreError {
        let path = self.path(STATE);
        let parsed = there.map(|there| snapshot::parse(&path, &self.environment, &there.body));
        match parsed {
            Some(Ok(there)) if there.lineage != ours.lineage => {
                let [there, expected] = [&there, ours].map(|state| format!("the state of lineage {}", state.lineage));
                StoreError::Foreign { path, there, expected }
            }
            Some(Ok(there)) => StoreError::Overtaken { path, there: there.serial, ours: ours.serial },
            Some(Err(error)) => error,
            None => {
                StoreError::Foreign { path, there: "gone".to_owned(), expected: "the state that was read".to_owned() }
            }
        }
    }
}

const STATE: &str = "state.json";

/// Maximum number of versions that are read at the same time.
const READS_IN_FLIGHT: usize = 16;

/// With leading zeros, so that the order of the keys is that of the serials.
fn version_key(serial: u64) -> String {
    format!("history/{serial:020}.json")
}

/// Returns the name of the run that a key belongs to.
fn run_name(key: &str) -> Option<&str> {
    Some(key.strip_prefix("runs/")?.split_once('/')?.0)
}

/// Returns the names of the runs, the oldest first.
fn run_names(keys: &[String]) -> Vec<String> {
    let mut names: Vec<String> = keys.iter().filter_map(|key| run_name(key)).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl StateReader for Remote {
    fn load(&self) -> Fut<'_, Option<Snapshot>> {
        Box::pin(self.load_now())
    }

    fn check_lock(&self) -> Fut<'_, ()> {
        Box::pin(async {
            match self.holder().await? {
                None => Ok(()),
                Some((holder, silent)) => {
                    let (path, holder) = (self.path(lease::KEY), Box::new(holder));
                    Err(StoreError::Leased { path, holder, silent })
                }
            }
        })
    }

    fn history(&self) -> Fut<'_, Vec<u64>> {
        Box::pin(self.serials())
    }

    fn version(&self, serial: u64) -> Fut<'_, Option<Snapshot>> {
        Box::pin(self.read_version(serial))
    }

    fn files(&self) -> Fut<'_, StateFiles> {
        Box::pin(self.files_now())
    }

    fn runs(&self) -> Fut<'_, Vec<String>> {
        Box::pin(async { Ok(run_names(&self.record_keys().await?)) })
    }

    fn run<'a>(&'a self, name: &'a str) -> Fut<'a, Option<Vec<u8>>> {
        Box::pin(self.read_run(name))
    }

    fn address(&self) -> String {
        self.requests.address("").trim_end_matches('/').to_owned()
    }
}

impl Store for Remote {
    fn lock(&self, who: Holder) -> Fut<'_, Box<dyn Lock>> {
        Box::pin(async move {
            let lease = lease::take(&self.requests, self.claim(who.clone()), false).await?;
            if let Some(second) = &self.second
                && let Err(refused) = second.take(&who).await
            {
                lease.release().await?;
                return Err(refused);
            }
            let journal = JournalWriter::new(lease.epoch());
            let lease = Arc::new(lease);
            #[expect(
                clippy::disallowed_methods,
                reason = "a renewal that is dropped loses nothing, and ends with the lock"
            )]
            let renewal = tokio::spawn(Arc::clone(&lease).renew());
            *self.session.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Arc::new(Session { lease: Arc::clone(&lease), journal }));
            let second = self.second.clone();
            Ok(Box::new(RemoteLock { lease, renewal, second, session: Arc::clone(&self.session) }) as Box<dyn Lock>)
        })
    }

    fn unlock(&self, who: Holder) -> Fut<'_, Option<Holder>> {
        Box::pin(self.break_lease(who))
    }

    fn append(&self, entry: JournalEntry) -> Fut<'_, ()> {
        Box::pin(async move {
            let session = self.session()?;
            // The result of a call is worth recording even if the lease has ended: the seal decides.
            let announces = entry.announces_call();
            if announces {
                session.lease.check()?;
            }
            session.journal.append(&self.requests, &entry).await?;
            // The write may have taken long, or the process may have been stopped meanwhile.
            if announces { session.lease.check() } else { Ok(()) }
        })
    }

    fn commit<'a>(&'a self, snapshot: &'a Snapshot) -> Fut<'a, ()> {
        Box::pin(self.commit_now(snapshot))
    }

    fn replace<'a>(&'a self, snapshot: &'a Snapshot) -> Fut<'a, ()> {
        Box::pin(self.replace_now(snapshot))
    }

    fn record<'a>(&'a self, run: &'a str, lines: &'a [u8]) -> Fut<'a, ()> {
        Box::pin(self.record_now(run, lines))
    }
}

/// The held lease. Without [`Lock::release`], it ends by itself after [`LEASE_TIME`].
struct RemoteLock {
    lease: Arc<HeldLease>,
    renewal: tokio::task::JoinHandle<()>,
    second: Option<Arc<dyn SecondLock>>,
    /// The session of the store, which ends with the lease.
    session: Arc<Mutex<Option<Arc<Session>>>>,
}

impl Lock for RemoteLock {
    fn release(self: Box<Self>) -> Fut<'static, ()> {
        Box::pin(async move {
            self.renewal.abort();
            *self.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
            // Before the lease: the next process takes this one first, too.
            let second = match &self.second {
                Some(second) => second.release().await,
                None => Ok(()),
            };
            self.lease.release().await.and(second)
        })
    }
}

impl Drop for RemoteLock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

#[cfg(test)]
mod tests;
