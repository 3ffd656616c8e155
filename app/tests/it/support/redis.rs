//! A Redis of its own.

use std::process::{Child, Command, Stdio};

use super::{free_port, program, skipped};

/// A running server; ends with this value.
pub struct Redis {
    child: Child,
    pub url: String,
}

/// `None` where it is not installed, which is said by the test's name.
pub fn start(test: &str) -> Option<Redis> {
    let Some(server) = program("redis-server") else {
        skipped(test, "needs redis-server");
        return None;
    };
    let port = free_port();
    let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let child = Command::new(server).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let redis = Redis { child, url: format!("redis://127.0.0.1:{port}/") };
    for _ in 0..100 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(redis);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("Redis does not answer");
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
