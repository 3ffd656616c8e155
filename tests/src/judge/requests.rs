//! The judge of requests: every request to an emulator is checked against AWS's models and documented limits, and a
//! finding fails the test that caused it. `tests/tools/judge` is the judge itself, a process that starts with the first
//! emulator; this module passes requests to it. It judges no answers.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    thread,
};

use serde_json::json;

use crate::{
    front::{CLOUDWATCH, cbor},
    program,
    proxy::Message,
};

/// The requests of one emulator. The value's end panics if the judge has findings.
pub(crate) struct Case {
    connection: Connection,
}

/// The connection on which the judge gets the requests, until the case is closed.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Mutex<Option<TcpStream>>>);

impl Case {
    /// Opens a case with the judge, which needs the Python that has moto. Fails where there is none.
    pub(crate) fn open() -> io::Result<Self> {
        static JUDGE: LazyLock<io::Result<(Child, u16)>> = LazyLock::new(start);
        let (_, port) = JUDGE.as_ref().map_err(io::Error::kind)?;
        let stream = TcpStream::connect(("127.0.0.1", *port))?;
        Ok(Self { connection: Connection(Arc::new(Mutex::new(Some(stream)))) })
    }

    /// Returns the connection for requests.
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
    /// Passes a request to the judge. Requests after the end of the case are those of a program that the test has left
    /// running.
    pub(crate) fn judge(&self, request: &Message) {
        let body = String::from_utf8_lossy(request.body());
        let mut line = json!({
            "method": request.method(),
            "path": request.path(),
            "headers": request.headers().map(|(name, value)| (name.to_lowercase(), value)).collect::<BTreeMap<_, _>>(),
            "body": body,
        });
        if request.path().starts_with(CLOUDWATCH) {
            line["members"] = cbor::decoded(request.body());
            line["body"] = "".into();
        }
        // The judge knows requests again that it has judged: nothing that differs without a meaning.
        if let Some(headers) = line["headers"].as_object_mut() {
            headers.retain(|name, _| !name.starts_with("amz-sdk-") && !IRRELEVANT.contains(&name.as_str()));
            headers.insert("authorization".to_owned(), scope(request).into());
        }
        if let Some(stream) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // Where the judge has ended, the case's end says so.
            let _ = stream.write_all(format!("{line}\n").as_bytes());
        }
    }
}

/// Headers that no operation has as a member, and that differ between equal requests.
const IRRELEVANT: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "user-agent",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-user-agent",
];

/// The part of a signature that names region and service.
fn scope(request: &Message) -> String {
    let authorization = request.header("authorization").unwrap_or_default();
    authorization.split(',').next().unwrap_or_default().to_owned()
}

impl Drop for Case {
    fn drop(&mut self) {
        let findings = self.close().unwrap_or_else(|error| vec![format!("the judge of requests ended: {error}")]);
        if findings.is_empty() {
            return;
        }
        let text = format!("AWS would refuse these requests:\n  {}", findings.join("\n  "));
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

/// Starts the judge, which ends with its standard input, and that with this process.
fn start() -> io::Result<(Child, u16)> {
    let mut command = Command::new(program("PROVISIONER_MOTO", "python3"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/judge"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
    let port = line.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
    Ok((child, port))
}
