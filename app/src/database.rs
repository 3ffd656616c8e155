//! PostgreSQL: TLS always and verified, migrations, and a password that is read again when it is refused.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde::Deserialize;
use sqlx::{
    ConnectOptions, Connection, PgPool, Postgres, SqlSafeStr, Transaction,
    migrate::{Migration, MigrationSource, MigrationType, Migrator},
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use std::sync::Arc;
use tokio::sync::Mutex;

use crate::{
    config::{self, Credentials},
    secret::{self, SecretReader, SecretSource},
};

/// Amazon RDS's own certificate authorities: they are in no usual trust store.
const RDS_CA: &[u8] = include_bytes!("../rds-global-bundle.pem");
/// A connection that was used so lately is taken to be good.
const IDLE: Duration = Duration::from_millis(2);
/// For a free connection, or a new one.
const ACQUIRE: Duration = Duration::from_secs(5);

/// The reason for which the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It, or the way there.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A migration of the schema failed.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The password could not be read.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// The managed secret is not what Amazon RDS writes.
    #[error("the database's secret {0} is not JSON with username and password")]
    Shape(String),
}

/// A secret in the format of Amazon RDS.
#[derive(Deserialize)]
struct Managed {
    username: String,
    password: String,
}

/// The connection pool, with the credentials for new connections.
pub struct Database {
    pool: PgPool,
    config: config::Database,
    secrets: Arc<SecretReader>,
    /// Number of password reads: a caller that was refused with an older password only retries.
    reads: AtomicU64,
    reading: Mutex<()>,
}

impl Database {
    /// Reads the password; connects when the first connection is wanted.
    pub async fn open(config: config::Database, secrets: Arc<SecretReader>) -> Result<Self, Error> {
        let options = connect_options(&config, &secrets).await?;
        let pool = PgPoolOptions::new()
            .max_connections(config.connections)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(Duration::from_mins(5))
            .max_lifetime(Duration::from_mins(30))
            // Only idle connections are tested before use: under load the tests would be a third of all
            // queries.
            .test_before_acquire(false)
            .before_acquire(|connection, state| {
                Box::pin(async move {
                    if state.idle_for > IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, config, secrets, reads: AtomicU64::new(1), reading: Mutex::new(()) })
    }

    /// Acquires a connection from the pool.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, Error> {
        let reads = self.reads.load(Ordering::Acquire);
        match self.pool.acquire().await {
            Err(error) if is_refused(&error) => {
                self.read_again(reads).await?;
                Ok(self.pool.acquire().await?)
            }
            other => Ok(other?),
        }
    }

    /// A transaction.
    ///
    /// It begins in a task of its own, which goes on when the request is dropped meanwhile (its client went away, or
    /// it took too long). The driver knows that there is something to roll back only when the server has answered: a
    /// connection that is given back before that would keep the transaction open, with all that others do in it.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, Error> {
        let connection = self.acquire().await?;
        let begun = tokio::spawn(Transaction::begin(connection, None)).await;
        Ok(begun.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }

    /// Brings the schema up to this version. Two tasks that start at once do it one after the other.
    pub async fn migrate(&self) -> Result<(), Error> {
        // Reads the password again if necessary, and waits for another task's migration.
        drop(self.acquire().await?);
        let mut migrator = Migrator::new(Embedded).await?;
        // During a rollout or a rollback, the old version runs on the new schema.
        migrator.set_ignore_missing(true);
        Ok(migrator.run(&self.pool).await?)
    }

    /// Returns whether it answers.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        sqlx::query("SELECT 1").execute(&mut *connection).await?;
        Ok(())
    }

    /// Connections in use, idle ones, and how many there may be.
    pub fn usage(&self) -> (i64, i64, i64) {
        let (all, idle) = (i64::from(self.pool.size()), i64::try_from(self.pool.num_idle()).unwrap_or_default());
        ((all - idle).max(0), idle, i64::from(self.config.connections))
    }

    /// Returns the number of password reads.
    pub fn password_reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Closes all connections of the pool.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn read_again(&self, generation: u64) -> Result<(), Error> {
        let _one = self.reading.lock().await;
        if self.reads.load(Ordering::Acquire) == generation {
            tracing::warn!("the database refuses the password: reading it again");
            self.pool.set_connect_options(connect_options(&self.config, &self.secrets).await?);
            self.reads.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }
}

/// SQLSTATE 28P01 and 28000: wrong password, or no such user.
fn is_refused(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("28")))
}

async fn connect_options(config: &config::Database, secrets: &SecretReader) -> Result<PgConnectOptions, Error> {
    let (user, password) = match &config.credentials {
        Credentials::Given { user, password } => (user.clone(), secrets.read(password).await?),
        Credentials::Managed(source) => {
            let text = secrets.read(source).await?;
            let SecretSource::Manager { id } = source else { return Err(Error::Shape(String::new())) };
            let managed: Managed = serde_json::from_str(&text).map_err(|_| Error::Shape(id.clone()))?;
            (managed.username, managed.password)
        }
    };
    let mut trusted = RDS_CA.to_vec();
    if let Some(more) = &config.extra_ca {
        trusted.push(b'\n');
        trusted.extend_from_slice(more);
    }
    let options = PgConnectOptions::new_without_pgpass()
        .host(&config.host)
        .port(config.port)
        .database(&config.name)
        .username(&user)
        .password(&password)
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert_from_pem(trusted)
        .application_name("app")
        .options([
            ("statement_timeout", "10000"),
            ("lock_timeout", "5000"),
            ("idle_in_transaction_session_timeout", "15000"),
        ])
        .disable_statement_logging();
    Ok(options)
}

/// The embedded migrations. A migration that takes longer than a request sets `statement_timeout` itself.
#[derive(Debug)]
struct Embedded;

impl MigrationSource<'static> for Embedded {
    fn resolve(self) -> BoxFuture<'static, Result<Vec<Migration>, sqlx::error::BoxDynError>> {
        let all = [(1, "start", include_str!("../migrations/0001_start.sql"))];
        let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        };
        Box::pin(async move { Ok(all.into_iter().map(migration).collect()) })
    }
}
