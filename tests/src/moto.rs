//! moto, started once for all that a process wants of it: see `tests/tools/motos.py`.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

use crate::program;

/// A moto of its own, which ends with the connection, and its port.
pub(crate) fn fork() -> io::Result<(TcpStream, u16)> {
    // It ends with its standard input, and that with this process.
    static FIRST: LazyLock<io::Result<(Child, u16)>> = LazyLock::new(start);
    let (_, port) = FIRST.as_ref().map_err(io::Error::kind)?;
    let connection = TcpStream::connect(("127.0.0.1", *port))?;
    let port = number(&connection)?;
    Ok((connection, port))
}

/// A copy of the moto at the other end of this connection, with everything that it holds: a connection with which it
/// ends, and its port. No request may be under way.
pub(crate) fn copy(mut of: &TcpStream) -> io::Result<(TcpStream, u16)> {
    of.write_all(b"f")?;
    let connection = TcpStream::connect(("127.0.0.1", number(of)?))?;
    let port = number(&connection)?;
    Ok((connection, port))
}

fn start() -> io::Result<(Child, u16)> {
    let mut command = Command::new(program("PROVISIONER_MOTO", "python3"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/motos.py"));
    // It runs no tasks: this many count as running, so that deployments of fewer read as completed.
    command.env("MOTO_ECS_SERVICE_RUNNING", "9");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let port = number(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?)?;
    Ok((child, port))
}

/// The number on the next line.
fn number(from: impl Read) -> io::Result<u16> {
    let mut line = String::new();
    BufReader::new(from).read_line(&mut line)?;
    line.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}
