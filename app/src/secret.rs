//! Sources of secrets: a file, or Secrets Manager. The app reads a secret again when it turns out to be outdated.

use std::path::PathBuf;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext, operation::put_secret_value::PutSecretValueError};
use aws_smithy_http_client::{Builder, tls};
use tokio::sync::OnceCell;

/// The source of a secret.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// A file; what follows its last line break is no part of it.
    File(PathBuf),
    /// A secret of Secrets Manager, by ARN or name.
    Manager {
        /// Its ARN or name.
        id: String,
    },
}

impl Default for SecretSource {
    fn default() -> Self {
        Self::File(PathBuf::new())
    }
}

/// An error of reading or writing a secret. It never contains the secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error("cannot read the secret's file {path}: {error}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: std::io::Error,
    },
    /// Secrets Manager returned an error.
    #[error("Secrets Manager does not {what} the secret {id}: {error}")]
    Manager {
        /// Name of the operation.
        what: &'static str,
        /// Name or ARN of the secret.
        id: String,
        /// Error of the service.
        error: String,
    },
    /// The secret is binary or empty.
    #[error("the secret {0} holds no text")]
    NoText(String),
}

/// Reads secrets. It creates the AWS client at the first use: with files alone, it makes no request to AWS.
#[derive(Debug, Default)]
pub struct SecretReader {
    client: OnceCell<Client>,
}

impl SecretReader {
    /// The secret's text as it is now.
    pub async fn read(&self, source: &SecretSource) -> Result<String, Error> {
        match source {
            SecretSource::File(path) => {
                let text = tokio::fs::read_to_string(path).await;
                let text = text.map_err(|error| Error::File { path: path.clone(), error })?;
                match text.trim_end_matches(['\r', '\n']) {
                    "" => Err(Error::NoText(path.display().to_string())),
                    text => Ok(text.to_owned()),
                }
            }
            SecretSource::Manager { id } => {
                let answer = self.client(id).await.get_secret_value().secret_id(id).send().await;
                let answer = answer.map_err(|error| Error::Manager {
                    what: "give",
                    id: id.clone(),
                    error: DisplayErrorContext(&error).to_string(),
                })?;
                match answer.secret_string() {
                    Some(text) if !text.is_empty() => Ok(text.to_owned()),
                    _ => Err(Error::NoText(id.clone())),
                }
            }
        }
    }

    /// Gives a secret a new value; makes the secret where there is none of that name.
    pub async fn write(&self, id: &str, text: &str) -> Result<(), Error> {
        let client = self.client(id).await;
        let failed = |error: String| Error::Manager { what: "keep", id: id.to_owned(), error };
        match client.put_secret_value().secret_id(id).secret_string(text).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(PutSecretValueError::is_resource_not_found_exception)
                    && !id.starts_with("arn:") =>
            {
                let made = client.create_secret().name(id).secret_string(text).send().await;
                made.map(|_| ()).map_err(|error| failed(DisplayErrorContext(&error).to_string()))
            }
            Err(error) => Err(failed(DisplayErrorContext(&error).to_string())),
        }
    }

    /// Returns a client for the region in the secret's ARN, so that no other service has to supply the region.
    async fn client(&self, id: &str) -> &Client {
        let region = id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)).map(str::to_owned);
        self.client
            .get_or_init(|| async {
                let http = Builder::new()
                    .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
                    .build_https();
                let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
                if let Some(region) = region {
                    loader = loader.region(Region::new(region));
                }
                Client::new(&loader.load().await)
            })
            .await
    }
}
