//! What the tests of the public command line and crate APIs share: emulators of AWS, started and stopped.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use provisioner_aws::Aws;
use provisioner_model::{erased::Clouds, stack::MAIN};

/// A running emulator. It ends with this value.
pub struct Emulator {
    child: Child,
    /// Its base URL.
    pub url: String,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Emulator {
    /// Starts moto: the program that `PROVISIONER_MOTO` names, else `moto_server` on the path. None where there is none.
    pub fn moto() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "how the test runner says where the emulator is")]
        let program = std::env::var("PROVISIONER_MOTO").unwrap_or_else(|_| "moto_server".to_owned());
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let emulator = Self { child, url: format!("http://127.0.0.1:{port}") };
        emulator.wait(port).then_some(emulator)
    }

    fn wait(&self, port: u16) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Clients of it.
    pub fn aws(&self) -> Aws {
        aws_at(&self.url)
    }

    /// The same as the engine wants them.
    pub fn clouds(&self) -> Clouds {
        let mut clouds = Clouds::default();
        clouds.add(MAIN, self.aws());
        clouds
    }
}

/// Clients of an endpoint, with credentials that mean nothing.
pub fn aws_at(url: &str) -> Aws {
    Aws::at(url, "us-east-1", "test", "test")
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).map_or(0, |address| address.port())
}

/// Says by name what a test left out and why: the test runner names it at the end, and `.ci/run` fails on it.
pub fn skipped(what: &str, why: &str) {
    use std::io::Write;
    let line = format!("{what}: {why}\n");
    let _ = std::io::stderr().write_all(format!("SKIPPED {line}").as_bytes());
    #[expect(clippy::disallowed_methods, reason = "where the test runner collects what was skipped")]
    if let Some(file) = std::env::var_os("PROVISIONER_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}
