//! The lease: one process may write, for as long as it says so again and again.
//!
//! The object `lease.json` names the holder and an *epoch*, which grows with each holder. A lease has ended when its
//! holder released it, or when its object is older than the lease's time by the storage's own clock. Every write requires
//! the version that the writer has read, so that of several processes one takes the lease.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    journal::{self, Seal},
    requests::{PutOutcome, Requests},
};
use crate::{
    Holder,
    error::{Result, StoreError},
    objects::{Condition, ObjectError, StoredObject},
};

pub(super) const KEY: &str = "lease.json";

/// The content of the object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lease {
    epoch: u64,
    /// No process can write to the journal of this epoch, or of one before it.
    sealed: u64,
    /// The random text of the process.
    process: String,
    pub(super) holder: Holder,
    /// Milliseconds without a renewal after which the lease ends.
    milliseconds: u64,
    /// With each renewal, the content is another one.
    renewals: u64,
    released: bool,
}

/// A process that takes a lease.
pub(super) struct Claim {
    pub(super) process: String,
    pub(super) holder: Holder,
    pub(super) time: Duration,
    pub(super) now: fn() -> u64,
}

impl Lease {
    pub(super) async fn read(requests: &Requests) -> Result<Option<(Self, StoredObject)>> {
        let Some(object) = requests.get(KEY).await? else { return Ok(None) };
        let path = || PathBuf::from(requests.address(KEY));
        let lease = serde_json::from_slice(&object.body);
        let lease = lease.map_err(|source| StoreError::LeaseDamaged { path: path(), source })?;
        Ok(Some((lease, object)))
    }

    /// Returns whether the lease has not ended. `age` is the object's.
    pub(super) fn is_held(&self, age: Duration) -> bool {
        !self.released && age < Duration::from_millis(self.milliseconds)
    }

    fn text(&self) -> Result<Vec<u8>> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|source| StoreError::Encode { what: "the lease", source })?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Takes the lease if it has ended, or in any case with `force`. The journals of holders that did not release it are
/// sealed when this returns.
pub(super) async fn take(requests: &Arc<Requests>, claim: Claim, force: bool) -> Result<HeldLease> {
    let leased = |lease: Lease, silent| StoreError::Leased {
        path: PathBuf::from(requests.address(KEY)),
        holder: Box::new(lease.holder),
        silent,
    };
    let Claim { process, holder, time, now: clock } = claim;
    let mut other = None;
    // Another process may take it between the read and the write. After a few such processes, one of them holds it.
    for _ in 0..4 {
        let now = Moment::now(clock);
        let before = match Lease::read(requests).await {
            // The epoch is lost with the lease. The journals tell which ones there have been.
            Err(StoreError::LeaseDamaged { .. }) if force => {
                requests.delete(vec![KEY.to_owned()]).await?;
                None
            }
            before => before?,
        };
        if let Some((before, object)) = before.as_ref().filter(|(before, object)| before.is_held(object.age) && !force)
        {
            return Err(leased(before.clone(), object.age));
        }
        let (epoch, sealed) = match &before {
            Some((before, _)) => (before.epoch + 1, if before.released { before.epoch } else { before.sealed }),
            None => match journal::last_epoch(requests).await? {
                0 => (1, 0),
                last => (last + 1, last - 1),
            },
        };
        let (process, holder) = (process.clone(), holder.clone());
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let lease = Lease { epoch, sealed, process, holder, milliseconds, renewals: 0, released: false };
        let condition = before.as_ref().map_or(Condition::Absent, |(_, object)| Condition::Unchanged(&object.etag));
        match requests.put(KEY, &lease.text()?, condition).await? {
            PutOutcome::Written(etag) => {
                let current = Mutex::new(Current { lease, etag, renewed: now, lost: None });
                let held = HeldLease { requests: Arc::clone(requests), time, clock, seals: vec![], current };
                return held.seal(sealed + 1..epoch).await;
            }
            PutOutcome::Refused(there) => {
                other = there.and_then(|there| Some((serde_json::from_slice(&there.body).ok()?, there.age)));
            }
        }
    }
    Err(other.map_or_else(
        || StoreError::Object { operation: "write", address: requests.address(KEY), source: ObjectError::Condition },
        |(other, silent)| leased(other, silent),
    ))
}

/// The lease that this process holds.
pub(super) struct HeldLease {
    requests: Arc<Requests>,
    time: Duration,
    /// Seconds since 1970.
    clock: fn() -> u64,
    seals: Vec<Seal>,
    current: Mutex<Current>,
}

struct Current {
    lease: Lease,
    etag: String,
    /// The moment before the last renewal was sent.
    renewed: Moment,
    /// The reason for which the lease is another process's.
    lost: Option<String>,
}

impl HeldLease {
    pub(super) fn epoch(&self) -> u64 {
        self.current().lease.epoch
    }

    /// The journals that were sealed for this lease.
    pub(super) fn seals(&self) -> &[Seal] {
        &self.seals
    }

    /// Fails unless the lease holds for some more time.
    pub(super) fn check(&self) -> Result<()> {
        let current = self.current();
        let why = match &current.lost {
            Some(why) => why.clone(),
            None if current.renewed.elapsed() < self.time * 3 / 4 => return Ok(()),
            None => format!("it could not be renewed for {} s", current.renewed.elapsed().as_secs()),
        };
        Err(StoreError::LeaseLost { path: PathBuf::from(self.requests.address(KEY)), why })
    }

    /// Renews the lease until another process has taken it.
    pub(super) async fn renew(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.time / 4).await;
            let now = Moment::now(self.clock);
            let (lease, etag) = {
                let Current { lease, etag, .. } = &*self.current();
                (Lease { renewals: lease.renewals + 1, ..lease.clone() }, etag.clone())
            };
            // An error of one renewal is not the end: the next one may come in time.
            match self.write(lease, &etag).await {
                Ok(true) => self.current().renewed = now,
                Ok(false) => return,
                Err(_) => {}
            }
        }
    }

    /// Releases the lease. One that another process has taken is not an error.
    pub(super) async fn release(&self) -> Result<()> {
        for _ in 0..3 {
            let (lease, etag) = {
                let Current { lease, etag, .. } = &*self.current();
                (Lease { released: true, sealed: lease.epoch, ..lease.clone() }, etag.clone())
            };
            if self.write(lease, &etag).await? {
                return Ok(());
            }
            // A renewal that was cancelled may have been written.
            match Lease::read(&self.requests).await? {
                Some((there, object)) if there.process == self.current().lease.process && !there.released => {
                    self.current().etag = object.etag;
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    async fn seal(mut self, epochs: std::ops::Range<u64>) -> Result<Self> {
        if epochs.is_empty() {
            return Ok(self);
        }
        for epoch in epochs.clone() {
            self.seals.push(journal::seal(&self.requests, epoch, self.epoch()).await?);
        }
        let now = Moment::now(self.clock);
        let (lease, etag) = {
            let Current { lease, etag, .. } = &*self.current();
            (Lease { sealed: epochs.end - 1, ..lease.clone() }, etag.clone())
        };
        if self.write(lease, &etag).await? {
            self.current().renewed = now;
        }
        self.check()?;
        Ok(self)
    }

    /// Writes the object over the version `etag`. Returns `false`, and remembers why, if another process has taken it.
    async fn write(&self, lease: Lease, etag: &str) -> Result<bool> {
        match self.requests.put(KEY, &lease.text()?, Condition::Unchanged(etag)).await? {
            PutOutcome::Written(etag) => {
                let mut current = self.current();
                (current.lease, current.etag) = (lease, etag);
                Ok(true)
            }
            PutOutcome::Refused(there) => {
                let holder = there.and_then(|there| serde_json::from_slice::<Lease>(&there.body).ok());
                let holder = holder.map_or_else(|| "another process".to_owned(), |lease| lease.holder.to_string());
                self.current().lost = Some(format!("it was taken by {holder}"));
                Ok(false)
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moment by two clocks: one does not advance while the machine sleeps, and the other may be set back.
#[derive(Clone, Copy)]
struct Moment {
    monotonic: Instant,
    /// Seconds since 1970.
    wall: u64,
    now: fn() -> u64,
}

impl Moment {
    fn now(now: fn() -> u64) -> Self {
        Self { monotonic: Instant::now(), wall: now(), now }
    }

    /// The longer of the two times since then.
    fn elapsed(self) -> Duration {
        // A second less: the moments may have been at the end and at the beginning of a second.
        let wall = Duration::from_secs((self.now)().saturating_sub(self.wall).saturating_sub(1));
        self.monotonic.elapsed().max(wall)
    }
}
