//! The judges: processes that check what a test sends to AWS or plans against AWS's rules. A finding fails the test that
//! caused it. The judges themselves are in `tests/tools`; this module starts each once and passes data to it.

mod requests;
mod templates;

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    thread,
};

pub(crate) use self::requests::REQUESTS;
pub use self::templates::Templates;

/// A judge: it starts with its first case.
pub(crate) struct Judge {
    process: LazyLock<io::Result<(Child, u16)>>,
    /// Heading of its findings.
    heading: &'static str,
}

/// Data of one emulator or one sandbox for a judge. The value's end panics if the judge has findings.
pub(crate) struct Case {
    connection: Connection,
    heading: &'static str,
}

/// The connection to the judge, until the case is closed.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Mutex<Option<TcpStream>>>);

impl Case {
    /// Opens a case. Fails where the judge's Python packages are not installed.
    pub(crate) fn open(judge: &'static Judge) -> io::Result<Self> {
        let (_, port) = judge.process.as_ref().map_err(io::Error::kind)?;
        let stream = TcpStream::connect(("127.0.0.1", *port))?;
        Ok(Self { connection: Connection(Arc::new(Mutex::new(Some(stream)))), heading: judge.heading })
    }

    /// Returns the connection for the data.
    pub(crate) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Closes the case and returns the findings.
    fn close(&self) -> io::Result<Vec<String>> {
        let mut connection = self.connection.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stream = connection.take().ok_or(io::ErrorKind::NotConnected)?;
        stream.shutdown(Shutdown::Write)?;
        let mut findings = String::new();
        stream.read_to_string(&mut findings)?;
        Ok(serde_json::from_str(&findings)?)
    }
}

impl Connection {
    /// Sends a line. What comes after the end of the case is that of a program that the test has left running.
    fn send(&self, line: &str) {
        if let Some(stream) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // Where the judge has ended, the case's end says so.
            let _ = stream.write_all(format!("{line}\n").as_bytes());
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let findings = self.close().unwrap_or_else(|error| vec![format!("the judge ended: {error}")]);
        if findings.is_empty() {
            return;
        }
        let text = format!("{}:\n  {}", self.heading, findings.join("\n  "));
        // The first panic is what the test is about.
        if thread::panicking() {
            let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
        } else {
            #[expect(clippy::panic, reason = "a finding fails the test that caused it")]
            {
                panic!("{text}");
            }
        }
    }
}

/// Starts a judge of this folder in `tests/tools`. It ends with its standard input, and that with this process.
fn start(python: &str, folder: &str) -> io::Result<(Child, u16)> {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(folder));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
    let port = line.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
    Ok((child, port))
}
