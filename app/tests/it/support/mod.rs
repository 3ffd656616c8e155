//! Fixtures of the tests: a private PostgreSQL, a Redis, the app's program, and a few AWS endpoints.

pub(crate) mod app;
pub(crate) mod aws;
pub(crate) mod postgres;
pub(crate) mod redis;

use std::{io::Write, net::TcpListener};

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Says by name what a test left out and why, also to the file in which the test runner collects that.
pub(crate) fn skipped(what: &str, why: &str) {
    let line = format!("{what}: {why}\n");
    // Not captured by the test harness.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {line}").as_bytes());
    #[expect(clippy::disallowed_methods, reason = "where the test runner collects what was skipped")]
    if let Some(file) = std::env::var_os("PROVISIONER_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// The program of that name, if it is installed.
pub(crate) fn program(name: &str) -> Option<std::path::PathBuf> {
    ["/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin"]
        .map(|folder| std::path::Path::new(folder).join(name))
        .into_iter()
        .find(|path| path.exists())
}
