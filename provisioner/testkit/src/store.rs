//! A store in memory, which can die at any entry.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use provisioner_model::{journal::JournalEntry, state::Snapshot};
use provisioner_store::{Fut, Holder, Lock, Result, StateFile, StateFiles, StateReader, Store, StoreError, journal};

/// The state of one environment in memory. Clones are the same store.
#[derive(Clone)]
pub struct Memory(Arc<Mutex<Inner>>);

type Watch = Box<dyn Fn(&Snapshot) + Send>;

struct Inner {
    environment: String,
    /// As its text: what cannot be written and read again shows here too.
    state: Option<Vec<u8>>,
    journal: Vec<u8>,
    /// The snapshot with the journal replayed, updated with each entry: replaying the whole journal each time would be
    /// slow.
    known: Option<Snapshot>,
    holder: Option<Holder>,
    appends: usize,
    dies: Option<(usize, Death)>,
    dead: bool,
    watch: Option<Watch>,
}

/// The fate of the entry at which a store dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The entry is lost.
    Before,
    /// The entry is durable, but the caller gets no confirmation.
    After,
}

impl Memory {
    /// The state of an environment of this name: none yet.
    pub fn new(environment: &str) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            environment: environment.to_owned(),
            state: None,
            journal: vec![],
            known: None,
            holder: None,
            appends: 0,
            dies: None,
            dead: false,
            watch: None,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Dies at the `n`th append from now, the first being 1: from then on nothing can be written.
    pub fn die_at(&self, n: usize, how: Death) {
        let mut inner = self.inner();
        inner.dies = Some((inner.appends + n, how));
    }

    /// Reopens the store like a new process: durable entries exist, the lock is free, and writes succeed.
    pub fn revive(&self) {
        let mut inner = self.inner();
        let state = inner.reread().expect("the state is readable");
        assert_eq!(state, inner.known, "the journal replays to what was known");
        (inner.dies, inner.dead, inner.holder) = (None, false, None);
    }

    /// A store of its own with the same state.
    #[must_use]
    pub fn fork(&self) -> Self {
        let other = Self::new(&self.inner().environment);
        {
            let (inner, mut forked) = (self.inner(), other.inner());
            forked.state.clone_from(&inner.state);
            forked.journal.clone_from(&inner.journal);
            forked.known.clone_from(&inner.known);
        }
        other
    }

    /// Returns whether it has died.
    pub fn is_dead(&self) -> bool {
        self.inner().dead
    }

    /// Returns the number of entries appended, including those after a failure.
    pub fn appends(&self) -> usize {
        self.inner().appends
    }

    /// Shows every state on the way, after each append and commit.
    pub fn watch(&self, watch: impl Fn(&Snapshot) + Send + 'static) {
        self.inner().watch = Some(Box::new(watch));
    }

    /// The state as it would load now.
    pub fn state(&self) -> Option<Snapshot> {
        self.inner().known.clone()
    }

    /// The state as last committed, without what the journal adds.
    pub fn committed(&self) -> Option<Snapshot> {
        self.inner().committed()
    }
}

impl Inner {
    fn check_lock(&self) -> Result<()> {
        match &self.holder {
            None => Ok(()),
            holder => Err(StoreError::Locked { path: self.environment.clone().into(), holder: holder.clone() }),
        }
    }

    fn committed(&self) -> Option<Snapshot> {
        self.state.as_deref().map(|text| serde_json::from_slice(text).expect("what was written can be read"))
    }

    /// From the texts, as another process would.
    fn reread(&self) -> Result<Option<Snapshot>> {
        let path = Path::new("memory");
        journal::replay(path, &self.environment, self.committed(), journal::parse(path, &self.journal)?)
    }

    fn died<T>(&self) -> Result<T> {
        let source = std::io::Error::other("the process was killed here");
        Err(StoreError::Io { operation: "write", path: self.environment.clone().into(), source })
    }

    fn append(&mut self, entry: &JournalEntry) -> Result<()> {
        self.appends += 1;
        let due = self.dies.filter(|(at, _)| self.appends >= *at);
        if self.dead || due.is_some_and(|(_, how)| how == Death::Before) {
            self.dead = true;
            return self.died();
        }
        assert!(self.holder.is_some(), "appended without the lock: {entry:?}");
        let line = journal::line(entry)?;
        let read = journal::parse(Path::new("memory"), &line)?;
        assert_eq!(read, std::slice::from_ref(entry), "what was written is read");
        let entries = self.headed(read);
        self.known = journal::replay(Path::new("memory"), &self.environment, self.known.take(), entries)?;
        self.journal.extend(line);
        self.show();
        if due.is_some() {
            self.dead = true;
            return self.died();
        }
        Ok(())
    }

    fn commit(&mut self, snapshot: &Snapshot) -> Result<()> {
        if self.dead {
            return self.died();
        }
        assert!(self.holder.is_some(), "committed without the lock");
        if let Some(there) = &self.known {
            assert_eq!(there.lineage, snapshot.lineage, "a commit of another lineage");
            if there.serial >= snapshot.serial {
                let path = self.environment.clone().into();
                return Err(StoreError::Overtaken { path, there: there.serial, ours: snapshot.serial });
            }
        }
        let text = serde_json::to_vec(snapshot).expect("a snapshot is JSON");
        self.state = Some(text);
        self.journal.clear();
        self.known = self.committed();
        assert_eq!(self.known.as_ref(), Some(snapshot), "what was written is read");
        self.show();
        Ok(())
    }

    /// Entries with their run's head before them.
    fn headed(&self, mut entries: Vec<JournalEntry>) -> Vec<JournalEntry> {
        if let (Some(known), false) = (&self.known, self.journal.is_empty()) {
            entries.insert(0, JournalEntry::RunStarted { lineage: known.lineage.clone(), serial: known.serial });
        }
        entries
    }

    fn show(&self) {
        if let (Some(watch), Some(state)) = (&self.watch, &self.known) {
            watch(state);
        }
    }
}

impl StateReader for Memory {
    fn load(&self) -> Fut<'_, Option<Snapshot>> {
        Box::pin(async { Ok(self.inner().known.clone()) })
    }

    fn check_lock(&self) -> Fut<'_, ()> {
        Box::pin(async { self.inner().check_lock() })
    }

    fn history(&self) -> Fut<'_, Vec<u64>> {
        Box::pin(async { Ok(self.inner().known.iter().map(|known| known.serial).collect()) })
    }

    fn version(&self, serial: u64) -> Fut<'_, Option<Snapshot>> {
        Box::pin(async move { Ok(self.inner().known.clone().filter(|known| known.serial == serial)) })
    }

    fn files(&self) -> Fut<'_, StateFiles> {
        Box::pin(async {
            let inner = self.inner();
            let file = |text: &Vec<u8>| StateFile { path: inner.environment.clone().into(), text: text.clone() };
            Ok(StateFiles {
                path: inner.environment.clone().into(),
                state: inner.state.as_ref().map(file),
                journal: vec![file(&inner.journal)],
                versions: vec![],
                unreadable: vec![],
            })
        })
    }

    fn runs(&self) -> Fut<'_, Vec<String>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn run<'a>(&'a self, _: &'a str) -> Fut<'a, Option<Vec<u8>>> {
        Box::pin(async { Ok(None) })
    }

    fn address(&self) -> String {
        self.inner().environment.clone()
    }
}

impl Store for Memory {
    fn lock(&self, who: Holder) -> Fut<'_, Box<dyn Lock>> {
        Box::pin(async move {
            let mut inner = self.inner();
            inner.check_lock()?;
            inner.holder = Some(who);
            Ok(Box::new(MemoryLock(self.clone())) as Box<dyn Lock>)
        })
    }

    fn unlock(&self, _: Holder) -> Fut<'_, Option<Holder>> {
        Box::pin(async { Ok(self.inner().holder.take()) })
    }

    fn append(&self, entry: JournalEntry) -> Fut<'_, ()> {
        Box::pin(async move { self.inner().append(&entry) })
    }

    fn commit<'a>(&'a self, snapshot: &'a Snapshot) -> Fut<'a, ()> {
        Box::pin(async move { self.inner().commit(snapshot) })
    }

    fn replace<'a>(&'a self, snapshot: &'a Snapshot) -> Fut<'a, ()> {
        self.commit(snapshot)
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a [u8]) -> Fut<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

struct MemoryLock(Memory);

impl Lock for MemoryLock {
    fn release(self: Box<Self>) -> Fut<'static, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.inner().holder = None;
    }
}
