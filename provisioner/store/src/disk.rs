//! The state of one environment in a folder: `state/<environment>/`.
//!
//! | file | what |
//! |---|---|
//! | `state.json` | the snapshot, replaced atomically |
//! | `journal.jsonl` | what a running, or cut-off, apply has done since: one [`JournalEntry`] per line |
//! | `history/<serial>.json` | the last versions of `state.json`, the newest included |
//! | `state.format-<format>.json` | the last state of an older format |
//! | `runs/<name>.jsonl` | the records of the last runs |
//! | `damaged/<serial>/` | files that a repair replaced |
//! | `lock` | locked by the operating system for as long as its holder lives; tells who that is |
//!
//! Its futures block while they read and write: files are small, and an entry must be durable before the call that
//! it announces can be sent, so that there is nothing better to do meanwhile.

mod files;
mod mounts;

use std::{
    fs::{self, File, TryLockError},
    io::{ErrorKind, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use provisioner_files::{sync_folder, write_atomically};
use provisioner_model::{journal::JournalEntry, state::Snapshot};

use self::files::{make_folder, names, read_file, refuse_link, remove};
use crate::{
    Fut, Holder, Lock, StateFile, StateFiles, StateReader, Store,
    error::{Result, StoreError},
    journal, snapshot,
};

/// Number of versions to keep, including the newest.
const KEPT: usize = 10;

/// Number of runs whose records are kept.
const KEPT_RUNS: usize = 50;

/// The state of one environment on the local disk.
#[derive(Debug)]
pub struct Disk {
    environment: String,
    folder: PathBuf,
    /// Open while a run appends: one file for all its tasks.
    journal: Mutex<Option<File>>,
    /// The lock file that this process holds, while it does.
    held: Arc<Mutex<Option<FileId>>>,
}

/// Device and number of a file, which another file of the same name does not have.
type FileId = (u64, u64);

impl Disk {
    /// The state of `environment` in `root`, the folder that is called `state`. Nothing is made until it is locked.
    pub fn new(root: &Path, environment: &str) -> Self {
        Self {
            environment: environment.to_owned(),
            folder: root.join(environment),
            journal: Mutex::default(),
            held: Arc::default(),
        }
    }

    fn serials(&self) -> Result<Vec<u64>> {
        let names = names(&self.folder.join("history"), ".json")?;
        let mut serials: Vec<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
        serials.sort_unstable();
        Ok(serials)
    }

    fn run_file(&self, name: &str) -> PathBuf {
        self.folder.join("runs").join(format!("{name}.jsonl"))
    }

    fn run_names(&self) -> Result<Vec<String>> {
        let mut names = names(&self.folder.join("runs"), ".jsonl")?;
        names.sort_unstable();
        Ok(names)
    }

    /// A record helps people, and no run depends on it: it need not be durable.
    fn record_now(&self, run: &str, lines: &[u8]) -> Result<()> {
        let path = self.run_file(run);
        let io = |source| StoreError::Io { operation: "write", path: path.clone(), source };
        make_folder(&self.folder.join("runs"))?;
        if !path.exists() {
            let names = self.run_names()?;
            for old in &names[..(names.len() + 1).saturating_sub(KEPT_RUNS)] {
                remove(&self.run_file(old))?;
            }
        }
        File::options().append(true).create(true).open(&path).and_then(|mut file| file.write_all(lines)).map_err(io)
    }

    /// Takes the lock for a moment after a holder has died.
    fn check_lock_now(&self) -> Result<()> {
        let path = self.folder.join("lock");
        let io = |source| StoreError::Io { operation: "read", path: path.clone(), source };
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            file => file.map_err(io)?,
        };
        let mut text = vec![];
        file.read_to_end(&mut text).map_err(io)?;
        // A holder empties the file before it unlocks it. The lock itself tells a living holder from a dead one.
        if text.is_empty() {
            return Ok(());
        }
        match file.try_lock_shared() {
            Ok(()) => file.unlock().map_err(io),
            Err(TryLockError::Error(source)) => Err(io(source)),
            Err(TryLockError::WouldBlock) => {
                let holder = serde_json::from_slice(&text).ok();
                Err(StoreError::Locked { path: self.folder.clone(), holder })
            }
        }
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    fn journal_file(&self) -> PathBuf {
        self.folder.join("journal.jsonl")
    }

    fn version_file(&self, serial: u64) -> PathBuf {
        self.folder.join("history").join(format!("{serial}.json"))
    }

    fn load_now(&self) -> Result<Option<Snapshot>> {
        // The journal first: should a commit come between, its runs are older than the state, and do not count.
        let path = self.journal_file();
        let entries = read_file(&path)?.map_or_else(|| Ok(vec![]), |text| journal::parse(&path, &text))?;
        let snapshot = self.read(&self.state_file())?;
        if snapshot.is_none() && !self.serials()?.is_empty() {
            return Err(StoreError::Missing { path: self.state_file() });
        }
        journal::replay(&path, &self.environment, snapshot, entries)
    }

    fn read(&self, path: &Path) -> Result<Option<Snapshot>> {
        let Some(text) = read_file(path)? else { return Ok(None) };
        let parsed = snapshot::parse(path, &self.environment, &text);
        parsed.map(Some).map_err(|error| error.with_kept_version(self.newest_other_than(path)))
    }

    fn newest_other_than(&self, damaged: &Path) -> Option<PathBuf> {
        let serials = self.serials().ok()?;
        serials.into_iter().rev().map(|serial| self.version_file(serial)).find(|path| path != damaged)
    }

    /// Fails if the lock file was removed or replaced since this process locked it: another process may hold the new one.
    fn check_held(&self) -> Result<()> {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.map_or(Ok(()), |held| self.check_lock_file(held))
    }

    /// Fails unless this file is the lock file.
    fn check_lock_file(&self, file: FileId) -> Result<()> {
        let path = self.folder.join("lock");
        let is_same = fs::metadata(&path).is_ok_and(|there| id(&there) == file);
        if is_same { Ok(()) } else { Err(StoreError::LockReplaced { path }) }
    }

    fn append_now(&self, entry: &JournalEntry) -> Result<()> {
        // What a call did is worth recording in any case.
        if entry.announces_call() {
            self.check_held()?;
        }
        let line = journal::line(entry)?;
        let io = |source| StoreError::Io { operation: "write", path: self.journal_file(), source };
        // Poison means a panic in another append: the file is opened anew below.
        let mut open = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = match open.take() {
            Some(file) => file,
            None => self.open_journal()?,
        };
        // Until it is written whole the file stays out of `open`: after a failure the next append opens it anew,
        // which cuts off what was torn.
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(io)?;
        *open = Some(file);
        Ok(())
    }

    /// Opens the journal behind its last whole line.
    fn open_journal(&self) -> Result<File> {
        let path = self.journal_file();
        make_folder(&self.folder)?;
        refuse_link(&path)?;
        let open = || {
            let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
            let mut text = vec![];
            file.read_to_end(&mut text)?;
            let whole = journal::whole(&text) as u64;
            file.set_len(whole)?;
            file.seek(std::io::SeekFrom::Start(whole))?;
            file.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(|source| StoreError::Io { operation: "write", path: path.clone(), source })?;
        sync_folder(&self.folder)?;
        Ok(file)
    }

    fn commit_now(&self, snapshot: &Snapshot) -> Result<()> {
        self.check_held()?;
        let path = self.state_file();
        if let Some(there) = self.read(&path)? {
            if there.lineage != snapshot.lineage {
                let [there, expected] =
                    [&there, snapshot].map(|snapshot| format!("the state of lineage {}", snapshot.lineage));
                return Err(StoreError::Foreign { path, there, expected });
            }
            if there.serial >= snapshot.serial {
                return Err(StoreError::Overtaken { path, there: there.serial, ours: snapshot.serial });
            }
        }
        self.back_up_older_format()?;
        self.write_state(snapshot)
    }

    /// Keeps the state of an older format, which the next write migrates.
    fn back_up_older_format(&self) -> Result<()> {
        let Some(text) = read_file(&self.state_file())? else { return Ok(()) };
        match snapshot::older_format(&text) {
            Some(format) => Ok(write_atomically(&self.folder.join(format!("state.format-{format}.json")), &text)?),
            None => Ok(()),
        }
    }

    fn write_state(&self, snapshot: &Snapshot) -> Result<()> {
        let path = self.state_file();
        let text = snapshot::text(snapshot)?;
        make_folder(&self.folder.join("history"))?;
        let version = self.version_file(snapshot.serial);
        // The copy first: a crash before the state itself is written leaves one that the next commit writes over. There is
        // no copy before the first state: a version without a state means that the state is lost.
        if path.exists() {
            write_atomically(&version, &text)?;
            write_atomically(&path, &text)?;
        } else {
            write_atomically(&path, &text)?;
            write_atomically(&version, &text)?;
        }
        // From here on the journal is of an older state, and does not count, should it stay behind.
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = None;
        remove(&self.journal_file())?;
        let serials = self.serials()?;
        for serial in &serials[..serials.len().saturating_sub(KEPT)] {
            remove(&self.version_file(*serial))?;
        }
        Ok(sync_folder(&self.folder)?)
    }

    fn files_now(&self) -> Result<StateFiles> {
        let mut files = StateFiles { path: self.state_file(), ..StateFiles::default() };
        let mut read = |path: PathBuf| match read_file(&path) {
            Ok(text) => text.map(|text| StateFile { path, text }),
            Err(error) => {
                files.unreadable.push(error);
                None
            }
        };
        // The journal first, as in a load.
        let journal = read(self.journal_file());
        let state = read(self.state_file());
        let versions = self.serials()?.into_iter().rev();
        let versions = versions.filter_map(|serial| Some((serial, read(self.version_file(serial))?))).collect();
        Ok(StateFiles { journal: journal.into_iter().collect(), state, versions, ..files })
    }

    fn replace_now(&self, snapshot: &Snapshot) -> Result<()> {
        self.check_held()?;
        let folder = self.folder.join("damaged").join(snapshot.serial.to_string());
        make_folder(&folder)?;
        for (name, path) in [("state.json", self.state_file()), ("journal.jsonl", self.journal_file())] {
            if let Some(text) = read_file(&path)? {
                write_atomically(&folder.join(name), &text)?;
            }
        }
        self.write_state(snapshot)
    }

    fn lock_now(&self, who: &Holder) -> Result<DiskLock> {
        let path = self.folder.join("lock");
        let io = |source| StoreError::Io { operation: "lock", path: path.clone(), source };
        make_folder(&self.folder)?;
        if let Some(why) = mounts::without_locks(&self.folder) {
            return Err(StoreError::WithoutLocks { path: self.folder.clone(), why });
        }
        refuse_link(&path)?;
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(io(source)),
            Err(TryLockError::WouldBlock) => {
                let mut text = vec![];
                file.read_to_end(&mut text).map_err(io)?;
                let holder = serde_json::from_slice(&text).ok();
                return Err(StoreError::Locked { path: self.folder.clone(), holder });
            }
        }
        let locked = id(&file.metadata().map_err(io)?);
        // It may have been removed between the opening and the locking.
        self.check_lock_file(locked)?;
        // The contents are for people: what counts is the operating system's lock, which ends with its process.
        let mut text =
            serde_json::to_vec_pretty(who).map_err(|source| StoreError::Encode { what: "the lock", source })?;
        text.push(b'\n');
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(io)?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(locked);
        Ok(DiskLock { file: Some(file), path, held: Arc::clone(&self.held) })
    }
}

/// Locks the file. Another process that checks whether a dead holder's lock is free holds it for a moment.
fn try_lock(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..3 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(20)),
            other => return other,
        }
    }
    file.try_lock()
}

impl StateReader for Disk {
    fn load(&self) -> Fut<'_, Option<Snapshot>> {
        Box::pin(async { self.load_now() })
    }

    fn check_lock(&self) -> Fut<'_, ()> {
        Box::pin(async { self.check_lock_now() })
    }

    fn history(&self) -> Fut<'_, Vec<u64>> {
        Box::pin(async { self.serials() })
    }

    fn version(&self, serial: u64) -> Fut<'_, Option<Snapshot>> {
        Box::pin(async move { self.read(&self.version_file(serial)) })
    }

    fn files(&self) -> Fut<'_, StateFiles> {
        Box::pin(async { self.files_now() })
    }

    fn runs(&self) -> Fut<'_, Vec<String>> {
        Box::pin(async { self.run_names() })
    }

    fn run<'a>(&'a self, name: &'a str) -> Fut<'a, Option<Vec<u8>>> {
        Box::pin(async move { read_file(&self.run_file(name)) })
    }

    fn address(&self) -> String {
        // The same from whichever folder the command is run.
        std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone()).display().to_string()
    }
}

impl Store for Disk {
    fn lock(&self, who: Holder) -> Fut<'_, Box<dyn Lock>> {
        Box::pin(async move { Ok(Box::new(self.lock_now(&who)?) as Box<dyn Lock>) })
    }

    fn unlock(&self, _: Holder) -> Fut<'_, Option<Holder>> {
        // The operating system's lock ends with its process.
        Box::pin(async { self.check_lock_now().map(|()| None) })
    }

    fn append(&self, entry: JournalEntry) -> Fut<'_, ()> {
        Box::pin(async move { self.append_now(&entry) })
    }

    fn commit<'a>(&'a self, snapshot: &'a Snapshot) -> Fut<'a, ()> {
        Box::pin(async { self.commit_now(snapshot) })
    }

    fn replace<'a>(&'a self, snapshot: &'a Snapshot) -> Fut<'a, ()> {
        Box::pin(async { self.replace_now(snapshot) })
    }

    fn record<'a>(&'a self, run: &'a str, lines: &'a [u8]) -> Fut<'a, ()> {
        Box::pin(async move { self.record_now(run, lines) })
    }
}

/// The lock on a folder. The file stays, empty: removing it would let two processes lock two files of one name.
struct DiskLock {
    /// The lock file; `None` once released.
    file: Option<File>,
    path: PathBuf,
    held: Arc<Mutex<Option<FileId>>>,
}

impl DiskLock {
    fn end(&mut self) -> Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // What it says first, while nobody else can have written there. Closing the file would release it too.
        let ended = file.set_len(0).and_then(|()| file.unlock());
        ended.map_err(|source| StoreError::Io { operation: "unlock", path: self.path.clone(), source })
    }
}

impl Lock for DiskLock {
    fn release(mut self: Box<Self>) -> Fut<'static, ()> {
        Box::pin(std::future::ready(self.end()))
    }
}

impl Drop for DiskLock {
    fn drop(&mut self) {
        // Nobody to tell, and the operating system's lock is gone with the file.
        let _ = self.end();
    }
}

#[cfg(unix)]
fn id(file: &fs::Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

/// On other systems, an open file cannot be removed.
#[cfg(not(unix))]
fn id(_: &fs::Metadata) -> FileId {
    (0, 0)
}

#[cfg(test)]
mod tests;
