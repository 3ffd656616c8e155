//! An object storage in memory: it counts requests, loses answers, and kills processes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::super::Remote;
use crate::objects::{Condition, ListedObject, ObjectError, ObjectFut, ObjectStorage, StoredObject};

/// An object storage in memory, which several processes share.
#[derive(Clone, Default)]
pub(super) struct Memory(pub(super) Arc<Shared>);

#[derive(Default)]
pub(super) struct Shared {
    pub(super) objects: Mutex<BTreeMap<String, StoredAt>>,
    pub(super) writes: AtomicU64,
    /// Seconds by which the storage's clock has been advanced.
    pub(super) later: AtomicU64,
}

pub(super) struct StoredAt {
    pub(super) body: Vec<u8>,
    pub(super) etag: String,
    pub(super) at: Instant,
    pub(super) later: u64,
}

/// The connection of one process: it counts requests, and injects faults.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) memory: Memory,
    pub(super) requests: Arc<AtomicU64>,
    pub(super) fault: Fault,
    /// Time of a request, in milliseconds: between half of it and its whole.
    pub(super) latency: u64,
    pub(super) random: Arc<AtomicU64>,
    pub(super) killed: Arc<tokio::sync::Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    /// The request with this number has its effect, and the answer is lost.
    LostAnswer(u64),
    /// The request with this number has no effect, and may be repeated.
    Temporary(u64),
    /// The process is killed before or after the effect of the request with this number.
    KilledBefore(u64),
    KilledAfter(u64),
}

impl Memory {
    pub(super) fn connect(&self, fault: Fault, seed: u64) -> Connection {
        let random = Arc::new(AtomicU64::new(seed));
        Connection { memory: self.clone(), requests: Arc::default(), fault, latency: 8, random, killed: Arc::default() }
    }

    pub(super) fn store(&self, fault: Fault) -> (Remote, Connection) {
        let connection = self.connect(fault, 1);
        let process = format!("process-{}", self.0.writes.load(Ordering::Relaxed));
        (Remote::new(connection.clone(), "team/", "dev", &process, now), connection)
    }

    /// Advances the storage's clock.
    pub(super) fn advance(&self, time: Duration) {
        self.0.later.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    pub(super) fn age(&self, object: &StoredAt) -> Duration {
        object.at.elapsed() + Duration::from_secs(self.0.later.load(Ordering::Relaxed) - object.later)
    }

    pub(super) fn plain(&self) -> Remote {
        self.store(Fault::None).0
    }

    pub(super) fn keys(&self, part: &str) -> Vec<String> {
        self.0.objects.lock().unwrap().keys().filter(|key| key.contains(part)).cloned().collect()
    }
}

impl Connection {
    pub(super) fn sent(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Sends a request: waits, carries it out, and answers, or not.
    pub(super) async fn send<T>(
        &self,
        effect: impl FnOnce(&mut BTreeMap<String, StoredAt>) -> T + Send,
    ) -> Result<T, ObjectError> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let random =
            self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let wait = Duration::from_millis(self.latency / 2 + (random >> 33) % (self.latency / 2 + 1));
        tokio::time::sleep(wait / 2).await;
        let dead = matches!(self.fault, Fault::KilledBefore(at) if number >= at)
            || matches!(self.fault, Fault::KilledAfter(at) if number > at);
        if dead {
            self.killed.notify_one();
            return std::future::pending().await;
        }
        if self.fault == Fault::Temporary(number) {
            return Err(ObjectError::Temporary("SlowDown".into()));
        }
        let done = effect(&mut self.memory.0.objects.lock().unwrap());
        if self.fault == Fault::KilledAfter(number) {
            self.killed.notify_one();
            return std::future::pending().await;
        }
        tokio::time::sleep(wait / 2).await;
        if self.fault == Fault::LostAnswer(number) {
            return Err(ObjectError::Unknown("connection reset".into()));
        }
        Ok(done)
    }
}

impl ObjectStorage for Connection {
    fn get<'a>(&'a self, key: &'a str) -> ObjectFut<'a, Option<StoredObject>> {
        Box::pin(self.send(move |objects| {
            let object = objects.get(key)?;
            Some(StoredObject { body: object.body.clone(), etag: object.etag.clone(), age: self.memory.age(object) })
        }))
    }

    fn put<'a>(&'a self, key: &'a str, body: &'a [u8], condition: Condition<'a>) -> ObjectFut<'a, String> {
        Box::pin(async move {
            self.send(move |objects| {
                let there = objects.get(key).map(|object| object.etag.as_str());
                let holds = match condition {
                    Condition::Always => true,
                    Condition::Absent => there.is_none(),
                    Condition::Unchanged(etag) => there == Some(etag),
                };
                if !holds {
                    return Err(ObjectError::Condition);
                }
                let etag = format!("\"{}\"", self.memory.0.writes.fetch_add(1, Ordering::Relaxed));
                let object = StoredAt {
                    body: body.to_vec(),
                    etag: etag.clone(),
                    at: Instant::now(),
                    later: self.memory.0.later.load(Ordering::Relaxed),
                };
                objects.insert(key.to_owned(), object);
                Ok(etag)
            })
            .await?
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> ObjectFut<'a, Vec<ListedObject>> {
        Box::pin(self.send(move |objects| {
            let all = objects.iter().filter(|(key, _)| key.starts_with(prefix));
            all.map(|(key, object)| ListedObject { key: key.clone(), age: self.memory.age(object) }).collect()
        }))
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> ObjectFut<'a, ()> {
        Box::pin(self.send(move |objects| {
            for key in keys {
                objects.remove(key);
            }
        }))
    }

    fn address(&self, key: &str) -> String {
        format!("s3://bucket/{key}")
    }
}

pub(super) fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs())
}
