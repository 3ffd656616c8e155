//! The journal as small objects: `journal/<epoch>/<number>.jsonl`, each written once.
//!
//! Several writes may be in flight. A writer starts number *n* only when all numbers up to *n* - [`WINDOW`] are written,
//! and entries that come while the window is full share an object. The next holder of the lease seals the journal of a
//! holder that did not release it: it fills every number up to [`WINDOW`] after the first one that it could fill. From then on
//! that writer can write nothing, because each write requires that no object has the key.
//!
//! Seals stay for a day, so that a request that was delayed is refused as well.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use provisioner_model::journal::JournalEntry;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use super::requests::{PutOutcome, Requests};
use crate::{
    error::{Result, StoreError},
    journal as lines,
    objects::Condition,
};

/// Maximum number of writes in flight.
const WINDOW: u64 = 16;

/// Number of seals that are written at a time: more than the writer can have in flight, so that they overtake it.
const SEALS_IN_FLIGHT: usize = 64;

/// The time for which a seal stays.
const SEAL_AGE: Duration = Duration::from_hours(24);

const PREFIX: &str = "journal/";

/// The content of an object that seals a number.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    sealed_by_epoch: u64,
}

fn key(epoch: u64, number: u64) -> String {
    format!("{PREFIX}{epoch:012}/{number:012}.jsonl")
}

/// The epoch and number of a key.
fn place(key: &str) -> Option<(u64, u64)> {
    let (epoch, number) = key.strip_prefix(PREFIX)?.strip_suffix(".jsonl")?.split_once('/')?;
    Some((epoch.parse().ok()?, number.parse().ok()?))
}

/// Reads all entries, in the order of their keys.
pub(super) async fn read(requests: &Requests) -> Result<Vec<JournalEntry>> {
    let mut entries = vec![];
    for (key, body) in objects(requests).await? {
        entries.extend(lines::parse(&PathBuf::from(requests.address(&key)), &body)?);
    }
    Ok(entries)
}

/// Reads the keys and contents of all objects that have entries, in the order of their keys.
pub(super) async fn objects(requests: &Requests) -> Result<Vec<(String, Vec<u8>)>> {
    // A commit beside this may remove some of the objects: then all are, and the state is newer.
    for _ in 0..3 {
        let keys: Vec<String> = requests.list(PREFIX).await?.into_iter().map(|object| object.key).collect();
        let objects = stream::iter(keys.clone()).map(|key| async move { requests.get(&key).await });
        let objects: Vec<_> = objects.buffered(usize::try_from(WINDOW).unwrap_or(1)).try_collect().await?;
        if objects.iter().any(Option::is_none) {
            continue;
        }
        // An object is written as a whole: without its end, it was cut off.
        let whole = |mut body: Vec<u8>| {
            if !body.ends_with(b"\n") {
                body.push(b'\n');
            }
            body
        };
        let read = keys.into_iter().zip(objects.into_iter().flatten().map(|object| whole(object.body)));
        return Ok(read.filter(|(_, body)| serde_json::from_slice::<Sealed>(body).is_err()).collect());
    }
    Ok(vec![])
}

/// Returns the highest epoch that has a journal; 0 if none has.
pub(super) async fn last_epoch(requests: &Requests) -> Result<u64> {
    let listed = requests.list(PREFIX).await?;
    Ok(listed.iter().filter_map(|object| Some(place(&object.key)?.0)).max().unwrap_or(0))
}

/// The sealed journal of an epoch.
pub(super) struct Seal {
    epoch: u64,
    /// The keys without an entry.
    empty: BTreeSet<String>,
}

/// Seals the journal of `epoch` for the holder of the epoch `by`.
pub(super) async fn seal(requests: &Requests, epoch: u64, by: u64) -> Result<Seal> {
    let mut body = serde_json::to_vec(&Sealed { sealed_by_epoch: by })
        .map_err(|source| StoreError::Encode { what: "a seal", source })?;
    body.push(b'\n');
    let listed = requests.list(&format!("{PREFIX}{epoch:012}/")).await?;
    let mut written: BTreeSet<u64> = listed.iter().filter_map(|object| Some(place(&object.key)?.1)).collect();
    let mut sealed = BTreeSet::new();
    let mut end = written.last().map_or(0, |last| last + 1) + WINDOW;
    loop {
        let missing: Vec<u64> = (0..end).filter(|n| !written.contains(n) && !sealed.contains(n)).collect();
        let puts =
            stream::iter(missing).map(|number| {
                let body = &body;
                async move {
                    Ok::<_, StoreError>((number, requests.put(&key(epoch, number), body, Condition::Absent).await?))
                }
            });
        let puts: Vec<(u64, PutOutcome)> = puts.buffered(SEALS_IN_FLIGHT).try_collect().await?;
        for (number, outcome) in puts {
            match outcome {
                PutOutcome::Written(_) => sealed.insert(number),
                PutOutcome::Refused(_) => written.insert(number),
            };
        }
        // The writer cannot get past its first sealed number by more than the window.
        end = match sealed.first() {
            Some(first) if first + WINDOW <= end => break,
            Some(first) => first + WINDOW,
            // The writer is alive, and ahead of the seals: overtake it.
            None => end * 2,
        };
    }
    Ok(Seal { epoch, empty: sealed.into_iter().map(|number| key(epoch, number)).collect() })
}

/// Writes the journal of one epoch.
pub(super) struct JournalWriter {
    epoch: u64,
    queue: Mutex<Queue>,
    /// A write has ended.
    ended: Notify,
}

#[derive(Default)]
struct Queue {
    /// Entries that no write has taken yet, each with the task that waits to hear whether it is written.
    waiting: Vec<(Vec<u8>, oneshot::Sender<bool>)>,
    next: u64,
    in_flight: BTreeSet<u64>,
    /// The reason for which nothing more can be written. A gap that is never filled would break the window's rule.
    failed: Option<String>,
}

/// A write that has taken its entries.
struct Batch<'w> {
    writer: &'w JournalWriter,
    number: u64,
    body: Vec<u8>,
    tasks: Vec<oneshot::Sender<bool>>,
    failure: Option<String>,
}

impl JournalWriter {
    pub(super) fn new(epoch: u64) -> Self {
        Self { epoch, queue: Mutex::default(), ended: Notify::new() }
    }

    /// Appends an entry. It is durable when this returns.
    pub(super) async fn append(&self, requests: &Requests, entry: &JournalEntry) -> Result<()> {
        let (task, mut done) = oneshot::channel();
        self.queue().waiting.push((lines::line(entry)?, task));
        loop {
            // Registered before the look at the queue, so that no end is missed.
            let ended = self.ended.notified();
            if let Some(batch) = self.batch() {
                batch.write(requests).await?;
            }
            if done.try_recv() == Ok(true) {
                return Ok(());
            }
            if let Some(why) = self.queue().failed.clone() {
                return Err(self.failure(requests, why));
            }
            tokio::select! {
                () = ended => {}
                Ok(true) = &mut done => return Ok(()),
            }
        }
    }

    /// Removes what a state that was just written contains: the entries of this epoch and of those that it sealed, and
    /// whatever is left of older ones after a day.
    pub(super) async fn clear(&self, requests: &Requests, seals: &[Seal]) -> Result<()> {
        let is_old = |key: &str, age: Duration| {
            let Some((epoch, _)) = place(key) else { return false };
            match seals.iter().find(|seal| seal.epoch == epoch) {
                Some(seal) => !seal.empty.contains(key),
                None => epoch == self.epoch || (epoch < self.epoch && age >= SEAL_AGE),
            }
        };
        let listed = requests.list(PREFIX).await?;
        let old = listed.into_iter().filter(|object| is_old(&object.key, object.age));
        requests.delete(old.map(|object| object.key).collect()).await
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all waiting entries for one write, if the window has room for it.
    fn batch(&self) -> Option<Batch<'_>> {
        let mut queue = self.queue();
        let first = queue.in_flight.first().copied().unwrap_or(queue.next);
        if queue.waiting.is_empty() || queue.failed.is_some() || queue.next >= first + WINDOW {
            return None;
        }
        let number = queue.next;
        queue.next += 1;
        queue.in_flight.insert(number);
        let (lines, tasks): (Vec<_>, Vec<_>) = queue.waiting.drain(..).unzip();
        let failure = Some("the write was given up".to_owned());
        Some(Batch { writer: self, number, body: lines.concat(), tasks, failure })
    }

    fn failure(&self, requests: &Requests, why: String) -> StoreError {
        StoreError::LeaseLost { path: PathBuf::from(requests.address(&format!("{PREFIX}{:012}", self.epoch))), why }
    }
}

impl Batch<'_> {
    async fn write(mut self, requests: &Requests) -> Result<()> {
        let key = key(self.writer.epoch, self.number);
        match requests.put(&key, &self.body, Condition::Absent).await {
            Ok(PutOutcome::Written(_)) => {
                self.failure = None;
                Ok(())
            }
            Ok(PutOutcome::Refused(_)) => {
                let why = "another process has taken the lease and sealed this journal".to_owned();
                self.failure = Some(why.clone());
                Err(self.writer.failure(requests, why))
            }
            Err(error) => {
                self.failure = Some(error.to_string());
                Err(error)
            }
        }
    }
}

/// The end of a write, also of one whose task was cancelled.
impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let is_written = self.failure.is_none();
        let mut queue = self.writer.queue();
        match self.failure.take() {
            None => {
                queue.in_flight.remove(&self.number);
            }
            Some(why) => queue.failed = Some(why),
        }
        drop(queue);
        for task in self.tasks.drain(..) {
            // A task that has gone does not need the answer.
            let _ = task.send(is_written);
        }
        self.writer.ended.notify_waiters();
    }
}
