//! The app's commands beside serving.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration};

use crate::{
    config,
    database::{self, Database},
    http,
    input::Checked,
    password::{self, Passwords},
    problem::Problem,
    secret::{self, SecretReader},
    session::Role,
    store::users,
};

/// The destination of the administrator's password.
pub enum PasswordDestination {
    /// A new file, which only its owner may read.
    File(std::path::PathBuf),
    /// A secret of Secrets Manager, by ARN or name.
    Secret(String),
}

/// The failure of a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is not available.
    #[error(transparent)]
    Database(#[from] database::Error),
    /// The user cannot be made.
    #[error("the user cannot be made: {0}")]
    User(#[from] Problem),
    /// The file could not be written.
    #[error("cannot write the password to {0}: {1} (it must not be there yet)")]
    File(std::path::PathBuf, std::io::Error),
    /// The secret could not be written.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// The app is not ready.
    #[error("not ready")]
    NotReady,
}

/// Brings the database's schema up to this version.
pub async fn migrate(config: config::Database) -> Result<(), Error> {
    let database = Database::open(config, Arc::default()).await?;
    database.migrate().await?;
    database.close().await;
    Ok(())
}

/// Makes an administrator with a password that is to be changed at the first sign-in.
///
/// The password is written before the user is final: a user whose password nobody has would be of no use.
pub async fn create_admin(config: config::Database, name: &str, target: PasswordDestination) -> Result<(), Error> {
    Checked::default().name("name", name).end()?;
    let secrets = Arc::new(SecretReader::default());
    let database = Database::open(config, Arc::clone(&secrets)).await?;
    database.migrate().await?;
    let password = password::generate(24)?;
    let hash = Passwords::default().hash(password.clone()).await?;
    let mut transaction = database.begin().await?;
    users::add(&mut transaction, name, &hash, Role::Admin, true).await?;
    match &target {
        PasswordDestination::File(path) => write(path, &password).map_err(|error| Error::File(path.clone(), error))?,
        PasswordDestination::Secret(id) => secrets.write(id, &password).await?,
    }
    transaction.commit().await.map_err(database::Error::from)?;
    database.close().await;
    Ok(())
}

fn write(path: &Path, password: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{password}")?;
    file.sync_all()
}

/// Asks the app in the same container whether it is ready.
pub async fn health(port: u16, path: &str) -> Result<(), Error> {
    let url = format!("http://127.0.0.1:{port}{path}");
    let asked = tokio::time::timeout(Duration::from_secs(5), http::get(&url)).await;
    asked.ok().flatten().map(|_| ()).ok_or(Error::NotReady)
}
