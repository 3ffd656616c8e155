//! The app's own program, started as a task is.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{free_port, postgres::Database};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The environment variables of a process, with defaults for most tests.
pub(crate) struct Settings {
    pub(crate) variables: BTreeMap<String, String>,
    folder: Arc<TempDir>,
}

impl Settings {
    pub(crate) fn new(database: &Database) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let password = folder.path().join("password");
        std::fs::write(&password, format!("{}\n", database.password)).unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, "a-signing-key-of-the-tests-that-is-long-enough").unwrap();
        let settings = Self { variables: BTreeMap::new(), folder };
        settings
            .with("ENVIRONMENT", "dev")
            .with("PUBLIC_URL", "http://localhost:8080")
            .with("DATABASE_HOST", "localhost")
            .with("DATABASE_PORT", database.port)
            .with("DATABASE_NAME", &database.name)
            .with("DATABASE_USER", &database.user)
            .with("DATABASE_PASSWORD_FILE", password.display())
            .with("DATABASE_CA_FILE", database.ca.display())
            .with("SIGNING_KEY_FILE", key.display())
            .with("SHUTDOWN_DELAY_SECONDS", 0)
            .with("RATE_LIMIT_REQUESTS", 100_000)
            .with("RATE_LIMIT_SIGN_IN", 1000)
            .with("RATE_LIMIT_REGISTER", 1000)
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    pub(crate) fn all(mut self, more: Vec<(&'static str, String)>) -> Self {
        self.variables.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
        command.args(arguments).env_clear().envs(&self.variables).stdin(Stdio::null());
        #[expect(clippy::disallowed_methods, reason = "coverage of what the tests start")]
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Serves; does not wait.
    pub(crate) fn spawn(&self) -> App {
        let (port, metrics) = (free_port(), free_port());
        let log = self.folder.path().join(format!("log-{port}"));
        let file = std::fs::File::create(&log).unwrap();
        let mut command = self.command(&["serve"]);
        command.env("PORT", port.to_string()).env("METRICS_PORT", metrics.to_string());
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        App {
            child,
            url: format!("http://127.0.0.1:{port}"),
            metrics: format!("http://127.0.0.1:{metrics}/metrics"),
            log,
            _folder: Arc::clone(&self.folder),
            client: Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            address: "192.0.2.1".into(),
        }
    }

    /// Serves, and is ready.
    pub(crate) async fn start(&self) -> App {
        let app = self.spawn();
        app.wait_ready().await;
        app
    }
}

/// A running app; ends with this value.
pub(crate) struct App {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) metrics: String,
    log: PathBuf,
    /// The app reads its secrets there, again and again.
    _folder: Arc<TempDir>,
    pub(crate) client: Client,
    /// As the load balancer would report it.
    pub(crate) address: String,
}

impl Drop for App {
    fn drop(&mut self) {
        // By its signal, so that a coverage run gets its data.
        self.signal("-TERM");
        for _ in 0..100 {
            if self.child.try_wait().unwrap().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl App {
    pub(crate) async fn wait_ready(&self) {
        self.wait("/health/ready").await;
    }

    pub(crate) async fn wait_alive(&self) {
        self.wait("/health/live").await;
    }

    async fn wait(&self, path: &str) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if self.get(path).send().await.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        panic!("no 200 from {path}: {}", self.log());
    }

    pub(crate) fn signal(&self, signal: &str) {
        let _ = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).header("x-forwarded-for", &self.address)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::PUT, path).json(body)
    }

    pub(crate) async fn register(&self, name: &str) -> Value {
        answer(self.post("/api/users", &json!({ "name": name, "password": PASSWORD })), 201).await
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Tokens {
        let tokens = answer(self.post("/api/sessions", &json!({ "name": name, "password": password })), 201).await;
        Tokens::of(&tokens)
    }

    /// Registers and signs in.
    pub(crate) async fn user(&self, name: &str) -> Tokens {
        self.register(name).await;
        self.sign_in(name, PASSWORD).await
    }

    pub(crate) async fn account(&self, tokens: &Tokens, balance: i64) -> String {
        let body = json!({ "name": "Some account", "opening_balance": balance });
        let account = answer(self.post("/api/accounts", &body).bearer_auth(&tokens.access), 201).await;
        account["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn balance(&self, tokens: &Tokens, account: &str) -> i64 {
        let account = answer(self.get(&format!("/api/accounts/{account}")).bearer_auth(&tokens.access), 200).await;
        account["balance"].as_i64().unwrap()
    }

    pub(crate) fn transfer(&self, tokens: &Tokens, key: &str, from: &str, to: &str, amount: i64) -> RequestBuilder {
        let body = json!({ "from": from, "to": to, "amount": amount });
        self.post("/api/transfers", &body).bearer_auth(&tokens.access).header("idempotency-key", key)
    }
}

pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// The answer's body; fails unless the status is that one.
pub(crate) async fn answer(request: RequestBuilder, status: u16) -> Value {
    let answer = request.send().await.unwrap();
    let (found, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(found, StatusCode::from_u16(status).unwrap(), "{text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}
