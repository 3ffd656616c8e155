//! Storage of the state: the snapshot, the journal of a running apply, and the lock. The crate has a trait and its two
//! implementations: [`Disk`], and [`Remote`] for an object storage. It does not interpret resources: entries are data, and
//! [`Snapshot::fold`] replays a journal. Nothing else writes under `state/`.

use std::{fmt, future::Future, pin::Pin};

use provisioner_model::{journal::JournalEntry, printable, state::Snapshot};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub mod checksum;
mod disk;
mod error;
#[cfg(test)]
mod fixtures;
pub mod journal;
pub mod objects;
mod remote;
mod salvage;
pub mod snapshot;

pub use disk::Disk;
pub use error::{Result, StoreError};
pub use remote::{LEASE_RENEWAL, LEASE_TIME, Remote};
pub use salvage::{Salvage, StateFile, StateFiles};

/// A boxed future of one call to a store.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Reads the state, and cannot write it: all that a plan holds.
pub trait StateReader: Send + Sync {
    /// The state as far as it is known: what a cut-off apply left in its journal is folded in. None where there is
    /// no state yet.
    fn load(&self) -> Fut<'_, Option<Snapshot>>;
    /// Fails with [`StoreError::Locked`] or [`StoreError::Leased`] while another process may write. Takes no lock itself.
    fn check_lock(&self) -> Fut<'_, ()>;
    /// The serials of the versions that are kept, oldest first.
    fn history(&self) -> Fut<'_, Vec<u64>>;
    /// One of the versions that are kept.
    fn version(&self, serial: u64) -> Fut<'_, Option<Snapshot>>;
    /// Reads the files of the state as they are, also those that [`StateReader::load`] refuses.
    fn files(&self) -> Fut<'_, StateFiles>;
    /// Returns the names of the recorded runs, the oldest first.
    fn runs(&self) -> Fut<'_, Vec<String>>;
    /// Reads the record of a run.
    fn run<'a>(&'a self, name: &'a str) -> Fut<'a, Option<Vec<u8>>>;
    /// Returns the place of the state for messages, such as `state/dev` or `s3://bucket/dev`.
    fn address(&self) -> String;
}

/// Reads and writes the state of one environment.
///
/// A run takes the lock, loads, appends [`JournalEntry::RunStarted`] and then its entries, commits, and releases the lock.
/// Where there is no state yet it first commits an empty snapshot: a journal alone does not name the account.
pub trait Store: StateReader {
    /// Takes the lock, or immediately returns its holder.
    fn lock(&self, who: Holder) -> Fut<'_, Box<dyn Lock>>;
    /// Ends the lock of another process if the storage cannot know that the process is gone; that process can write nothing
    /// afterwards. Returns its holder; `None` if nobody held the lock. Fails if the process is alive.
    fn unlock(&self, who: Holder) -> Fut<'_, Option<Holder>>;
    /// Appends an entry to the journal. It is durable when this returns. Several tasks may append concurrently.
    fn append(&self, entry: JournalEntry) -> Fut<'_, ()>;
    /// Makes this snapshot the state, atomically: its serial, which the caller has set, must be higher than that of
    /// the state it replaces. Keeps the last versions and removes the journal.
    fn commit<'a>(&'a self, snapshot: &'a Snapshot) -> Fut<'a, ()>;
    /// Makes this snapshot the state in place of files that cannot be read, under the lock. The state and the journal that
    /// are there are copied to `damaged/<serial>/` first.
    fn replace<'a>(&'a self, snapshot: &'a Snapshot) -> Fut<'a, ()>;
    /// Appends whole lines to the record of a run. The names of runs sort by their time; the oldest ones are removed. One
    /// task at a time may append to a run.
    fn record<'a>(&'a self, run: &'a str, lines: &'a [u8]) -> Fut<'a, ()>;
}

/// A held lock. Dropping it releases it on a best-effort basis; [`Lock::release`] waits, and returns errors.
pub trait Lock: Send {
    /// Releases the lock.
    fn release(self: Box<Self>) -> Fut<'static, ()>;
}

/// A lock that another service holds for the state, besides the lease of [`Remote`], such as a table that the rules of a
/// team ask for. A process takes it while it holds the lease: what an earlier process has left behind is taken over.
pub trait SecondLock: Send + Sync {
    /// Takes the lock. Fails with [`StoreError::TableLocked`] if another program holds it.
    fn take<'a>(&'a self, holder: &'a Holder) -> Fut<'a, ()>;
    /// Releases the lock, if this process holds it.
    fn release(&self) -> Fut<'_, ()>;
}

/// The holder of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The person or the job.
    pub owner: String,
    /// Host name of the machine.
    pub host: String,
    /// The process on it.
    pub pid: u32,
    /// Command of the holder, such as `apply dev`.
    pub command: String,
    /// Start time of the lock, in seconds since 1970.
    pub since: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Others have written it: it must not change the terminal.
        let [owner, host, command] = [&self.owner, &self.host, &self.command].map(|text| printable(text));
        let Self { pid, since, .. } = self;
        write!(f, "{owner} on {host} (process {pid}) with `{command}` since {}", Utc(*since))
    }
}

/// Seconds since 1970 as people read them.
struct Utc(u64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = i64::try_from(self.0).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        match at {
            Some(at) => write!(f, "{} {:02}:{:02}:{:02} UTC", at.date(), at.hour(), at.minute(), at.second()),
            None => write!(f, "second {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Utc;

    #[test]
    fn times_read_as_dates() {
        assert_eq!(Utc(0).to_string(), "1970-01-01 00:00:00 UTC");
        assert_eq!(Utc(951_782_399).to_string(), "2000-02-28 23:59:59 UTC");
        assert_eq!(Utc(951_782_400).to_string(), "2000-02-29 00:00:00 UTC");
        assert_eq!(Utc(1_795_266_596).to_string(), "2026-11-21 13:09:56 UTC");
        assert_eq!(Utc(4_107_542_399).to_string(), "2100-02-28 23:59:59 UTC");
        assert_eq!(Utc(4_107_542_400).to_string(), "2100-03-01 00:00:00 UTC");
        assert_eq!(Utc(u64::MAX).to_string(), format!("second {}", u64::MAX));
    }
}
