//! A Redis of its own.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{free_port, program, skipped};

/// A running server; ends with this value.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    pub(crate) url: String,
}

/// `None` where it is not installed, which is said by the test's name.
pub(crate) fn start(test: &str) -> Option<Redis> {
    let Some(server) = program("redis-server") else {
        skipped(test, "needs redis-server");
        return None;
    };
    Some(Redis::at(&server, free_port()))
}

impl Redis {
    fn at(server: &Path, port: u16) -> Self {
        let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new(server).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let redis = Self { child, port, url: format!("redis://127.0.0.1:{port}/") };
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return redis;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("Redis does not answer");
    }

    /// Another one where this one was, which has ended.
    pub(crate) fn again(port: u16) -> Option<Self> {
        program("redis-server").map(|server| Self::at(&server, port))
    }

    /// Ends it; gives the port.
    pub(crate) fn end(self) -> u16 {
        self.port
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
