//! The app's configuration, from environment variables. All problems are reported together.

use std::{fmt, path::PathBuf, time::Duration};

use url::Url;

use crate::secret::SecretSource;

/// A variable's value, or none.
pub type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's own environment.
pub fn process(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var(name).ok()
}

/// All that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the configuration has {} problem(s):", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}

/// The kind of environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Sample rows are open to all, and so is CORS.
    Dev,
    /// Sample rows need a user, and CORS allows the app's own page only.
    Prod,
}

/// The configuration of the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Value of the variable `ENVIRONMENT`.
    pub environment: Environment,
    /// Value of the variable `PORT`.
    pub port: u16,
    /// `METRICS_PORT`; 0 is none.
    pub metrics_port: u16,
    /// Value of the variable `PUBLIC_URL`.
    pub public_url: Url,
    /// Value of the variable `READINESS_PATH`.
    pub readiness_path: String,
    /// `TRUSTED_PROXIES`: how many in front of the app add the address that they saw to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// Configuration of the database connection.
    pub database: Database,
    /// Source of the signing key: `SIGNING_KEY_SECRET_ARN` or `SIGNING_KEY_FILE`.
    pub signing_key: SecretSource,
    /// Value of the variable `REDIS_URL`.
    pub redis_url: Option<String>,
    /// Limits on requests and sign-ins.
    pub limits: Limits,
    /// Lifetime of access tokens: `ACCESS_TOKEN_SECONDS`.
    pub access_token: Duration,
    /// Lifetime of sessions: `SESSION_SECONDS`.
    pub session: Duration,
    /// `SHUTDOWN_DELAY_SECONDS`: between "not ready" and the last connection that is taken.
    pub shutdown_delay: Duration,
    /// Value of the variable `ECS_CONTAINER_METADATA_URI_V4`.
    pub metadata_uri: Option<String>,
}

/// Limits on the use of the app.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `RATE_LIMIT_SIGN_IN`: tries a minute for an account and address.
    pub sign_in: u32,
    /// `RATE_LIMIT_REGISTER`: new users a minute for an address.
    pub register: u32,
    /// `RATE_LIMIT_REQUESTS`: requests a second for an address, in each process.
    pub requests: u32,
    /// Maximum size of a request body: `BODY_LIMIT_BYTES`.
    pub body: usize,
}

/// The address and credentials of the database.
#[derive(Clone, Debug)]
pub struct Database {
    /// Value of the variable `DATABASE_HOST`.
    pub host: String,
    /// Value of the variable `DATABASE_PORT`.
    pub port: u16,
    /// Value of the variable `DATABASE_NAME`.
    pub name: String,
    /// Source of the user's name and password.
    pub credentials: Credentials,
    /// `DATABASE_CA` or `DATABASE_CA_FILE`: certificates to trust beside Amazon RDS's own, as PEM.
    pub extra_ca: Option<Vec<u8>>,
    /// Maximum number of connections: `DATABASE_CONNECTIONS`.
    pub connections: u32,
}

/// The source of the database's credentials.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// `DATABASE_SECRET_ARN`: a secret with both, as Amazon RDS makes it.
    Managed(SecretSource),
    /// A user and a password: `DATABASE_USER` and `DATABASE_PASSWORD_FILE`.
    Given {
        /// Name of the user.
        user: String,
        /// Source of the password.
        password: SecretSource,
    },
}

impl Config {
    /// Reads everything that serving needs.
    pub fn read(get: Get<'_>) -> Result<Self, Problems> {
        let mut reader = Reader { get, problems: Vec::new() };
        let config = Self {
            environment: reader.environment(),
            port: reader.port(),
            metrics_port: reader.number("METRICS_PORT", 9090, 0, 65_535),
            public_url: reader.url(),
            readiness_path: reader.readiness_path(),
            trusted_proxies: reader.number("TRUSTED_PROXIES", 1, 0, 16),
            database: reader.database(),
            signing_key: reader.signing_key(),
            redis_url: reader.redis(),
            limits: Limits {
                sign_in: reader.number("RATE_LIMIT_SIGN_IN", 5, 1, 1_000_000),
                register: reader.number("RATE_LIMIT_REGISTER", 20, 1, 1_000_000),
                requests: reader.number("RATE_LIMIT_REQUESTS", 100, 1, 1_000_000),
                body: reader.number("BODY_LIMIT_BYTES", 64 << 10, 1 << 10, 16 << 20),
            },
            access_token: reader.seconds("ACCESS_TOKEN_SECONDS", 900, 1, 86_400),
            session: reader.seconds("SESSION_SECONDS", 43_200, 60, 31_536_000),
            shutdown_delay: reader.seconds("SHUTDOWN_DELAY_SECONDS", 5, 0, 60),
            metadata_uri: reader.optional("ECS_CONTAINER_METADATA_URI_V4"),
        };
        reader.end(config)
    }

    /// Reads what the database alone needs.
    pub fn read_database(get: Get<'_>) -> Result<Database, Problems> {
        let mut reader = Reader { get, problems: Vec::new() };
        let database = reader.database();
        reader.end(database)
    }

    /// Reads where the app's own readiness is.
    pub fn read_readiness(get: Get<'_>) -> Result<(u16, String), Problems> {
        let mut reader = Reader { get, problems: Vec::new() };
        let found = (reader.port(), reader.readiness_path());
        reader.end(found)
    }

    /// Returns whether a browser talks to it by TLS.
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// Records an error and continues; the value that it then returns is never used.
struct Reader<'a> {
    get: Get<'a>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn end<T>(self, value: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(value) } else { Err(Problems(self.problems)) }
    }

    fn wrong(&mut self, problem: String) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// An empty value counts as none.
    fn optional(&self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.wrong(format!("{name} is not set"));
            String::new()
        })
    }

    fn number<T>(&mut self, name: &str, default: u64, least: u64, most: u64) -> T
    where
        T: TryFrom<u64> + Default,
    {
        let number = match self.optional(name) {
            None => default,
            Some(text) => match text.parse() {
                Ok(number) if (least..=most).contains(&number) => number,
                _ => {
                    self.wrong(format!("{name} is not a number from {least} to {most}"));
                    default
                }
            },
        };
        T::try_from(number).unwrap_or_default()
    }

    fn seconds(&mut self, name: &str, default: u64, least: u64, most: u64) -> Duration {
        Duration::from_secs(self.number(name, default, least, most))
    }

    fn environment(&mut self) -> Environment {
        match self.required("ENVIRONMENT").as_str() {
            "dev" => Environment::Dev,
            // Any other name counts as prod, which has the strict defaults.
            name if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
                Environment::Prod
            }
            "" => Environment::Prod,
            _ => {
                self.wrong("ENVIRONMENT is no name of an environment, such as dev or prod".into());
                Environment::Prod
            }
        }
    }

    fn port(&mut self) -> u16 {
        self.number("PORT", 8080, 1, 65_535)
    }

    fn readiness_path(&mut self) -> String {
        let path = self.optional("READINESS_PATH").unwrap_or_else(|| "/health/ready".into());
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
        if !path.starts_with('/') || path.len() < 2 || !path.chars().all(plain) {
            self.wrong("READINESS_PATH is no path of letters, digits, / - _ and ., starting with /".into());
            return "/health/ready".into();
        }
        path
    }

    fn url(&mut self) -> Url {
        let text = self.required("PUBLIC_URL");
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.unwrap_or_else(|| {
            if !text.is_empty() {
                self.wrong("PUBLIC_URL is no http:// or https:// URL with a host".into());
            }
            #[expect(clippy::unwrap_used, reason = "a constant that is a URL")]
            Url::parse("http://unset").unwrap()
        })
    }

    fn redis(&mut self) -> Option<String> {
        let url = self.optional("REDIS_URL")?;
        if !(url.starts_with("redis://") || url.starts_with("rediss://")) {
            self.wrong("REDIS_URL is no redis:// or rediss:// URL".into());
        }
        Some(url)
    }

    fn signing_key(&mut self) -> SecretSource {
        self.source("SIGNING_KEY_SECRET_ARN", "SIGNING_KEY_FILE")
    }

    /// A secret of one of two places.
    fn source(&mut self, arn: &str, file: &str) -> SecretSource {
        match (self.optional(arn), self.optional(file)) {
            (Some(id), None) => SecretSource::Manager { id },
            (None, Some(path)) => self.file(file, path),
            (Some(_), Some(_)) => {
                self.wrong(format!("{arn} and {file} are both set: set one"));
                SecretSource::default()
            }
            (None, None) => {
                self.wrong(format!("neither {arn} nor {file} is set"));
                SecretSource::default()
            }
        }
    }

    fn file(&mut self, name: &str, path: String) -> SecretSource {
        if let Err(error) = std::fs::read(&path) {
            self.wrong(format!("{name} names a file that cannot be read: {path}: {error}"));
        }
        SecretSource::File(PathBuf::from(path))
    }

    fn database(&mut self) -> Database {
        let credentials = if let Some(id) = self.optional("DATABASE_SECRET_ARN") {
            for name in ["DATABASE_USER", "DATABASE_PASSWORD_FILE"] {
                if self.optional(name).is_some() {
                    self.wrong(format!("DATABASE_SECRET_ARN and {name} are both set: set one"));
                }
            }
            Credentials::Managed(SecretSource::Manager { id })
        } else {
            let password = self.source("DATABASE_SECRET_ARN", "DATABASE_PASSWORD_FILE");
            let user = match self.optional("DATABASE_PASSWORD_FILE") {
                Some(_) => self.required("DATABASE_USER"),
                None => String::new(),
            };
            Credentials::Given { user, password }
        };
        Database {
            host: self.required("DATABASE_HOST"),
            port: self.number("DATABASE_PORT", 5432, 1, 65_535),
            name: self.required("DATABASE_NAME"),
            credentials,
            extra_ca: self.extra_ca(),
            connections: self.number("DATABASE_CONNECTIONS", 10, 2, 1000),
        }
    }

    fn extra_ca(&mut self) -> Option<Vec<u8>> {
        let pem = |bytes: &[u8]| bytes.windows(11).any(|part| part == b"-----BEGIN ");
        if let Some(stated) = self.optional("DATABASE_CA") {
            if !pem(stated.as_bytes()) {
                self.wrong("DATABASE_CA holds no certificate in PEM".into());
            }
            if self.optional("DATABASE_CA_FILE").is_some() {
                self.wrong("DATABASE_CA and DATABASE_CA_FILE are both set: set one".into());
            }
            return Some(stated.into_bytes());
        }
        let path = self.optional("DATABASE_CA_FILE")?;
        match std::fs::read(&path) {
            Ok(bytes) if pem(&bytes) => Some(bytes),
            Ok(_) => {
                self.wrong(format!("DATABASE_CA_FILE names a file without a certificate in PEM: {path}"));
                None
            }
            Err(error) => {
                self.wrong(format!("DATABASE_CA_FILE names a file that cannot be read: {path}: {error}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_at_once() {
        let get = |name: &str| match name {
            "PORT" => Some("70000".to_owned()),
            "PUBLIC_URL" => Some("ftp://example.com".to_owned()),
            "DATABASE_PASSWORD_FILE" => Some("/does/not/exist".to_owned()),
            "DATABASE_CA" => Some("no certificate".to_owned()),
            _ => None,
        };
        let text = Config::read(&get).unwrap_err().to_string();
        for name in
            ["PORT", "PUBLIC_URL", "ENVIRONMENT", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_USER", "DATABASE_CA"]
        {
            assert!(text.contains(name), "{name} is missing from: {text}");
        }
        assert!(text.contains("/does/not/exist"), "{text}");
        assert!(text.contains("neither SIGNING_KEY_SECRET_ARN nor SIGNING_KEY_FILE"), "{text}");
    }
}
