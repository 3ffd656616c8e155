//! The state that all requests share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::{
    config::Config,
    database::Database,
    keys::Keys,
    limit::{Flood, Shared},
    metrics::Metrics,
    password::Passwords,
    problem::Problem,
    session::Sessions,
    version::Lookup,
};

/// For all that it stands on to answer: load balancers do not wait for longer.
const LONGEST: Duration = Duration::from_secs(3);

/// That it answered is believed for so long.
const OFTEN: Duration = Duration::from_millis(100);

/// Handed to every handler.
pub type App = Arc<State>;

/// The parts of the running app.
pub struct State {
    /// Configuration of the app.
    pub config: Config,
    /// The PostgreSQL database.
    pub database: Arc<Database>,
    /// Storage of the sessions.
    pub sessions: Sessions,
    /// Counts that tasks share.
    pub limits: Shared,
    /// Requests of each address.
    pub flood: Flood,
    /// Signs and verifies tokens.
    pub keys: Keys,
    /// Hashing of the passwords.
    pub passwords: Passwords,
    /// Metrics for the Prometheus endpoint.
    pub metrics: Metrics,
    /// Version of the image and the task definition.
    pub version: Lookup,
    /// The database has this version's schema.
    pub migrated: AtomicBool,
    /// Time of the last readiness check that the database answered.
    pub answered: Mutex<Option<Instant>>,
    /// `true` once a signal has stopped the process.
    pub ending: AtomicBool,
}

impl State {
    /// Returns whether it can serve: it has migrated, is not about to end, and what it stands on answers.
    pub async fn ready(&self) -> Result<(), Problem> {
        if self.ending.load(Ordering::Acquire) || !self.migrated.load(Ordering::Acquire) {
            return Err(Problem::unavailable());
        }
        let answered =
            tokio::time::timeout(LONGEST, async { tokio::try_join!(self.ping_database(), self.ping_redis()) });
        answered.await.map_err(|_| Problem::unavailable())?.map(|_| ())
    }

    /// One at a time, and not more than ten a second: nothing else limits who asks.
    async fn ping_database(&self) -> Result<(), Problem> {
        let mut answered = self.answered.lock().await;
        if answered.is_none_or(|at| at.elapsed() >= OFTEN) {
            *answered = None;
            self.database.ping().await?;
            *answered = Some(Instant::now());
        }
        Ok(())
    }

    async fn ping_redis(&self) -> Result<(), Problem> {
        if let Shared::Redis(connection) = &self.limits {
            redis::cmd("PING").exec_async(&mut connection.clone()).await?;
        }
        Ok(())
    }
}
