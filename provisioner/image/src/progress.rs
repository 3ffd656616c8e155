//! Progress of the app's build: how many of its crates Cargo has compiled.
//!
//! Cargo draws a progress bar on terminals only. Elsewhere its messages are counted: each names a crate that is done,
//! and `cargo tree` says beforehand how many there are.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use serde::Deserialize;

/// Pause between two reports of a build in which nothing happens.
const INTERVAL: Duration = Duration::from_secs(1);

/// The state of a running build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Crates that are compiled.
    pub compiled: usize,
    /// All crates of the build, the app included.
    pub total: usize,
    /// The time since Cargo started.
    pub elapsed: Duration,
}

/// A line of Cargo's JSON messages, as far as it is read here:
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>.
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// Counts the crates in the output of `cargo tree --prefix none --format {p}`, which repeats a crate wherever another
/// one depends on it.
pub(crate) fn crates(tree: &str) -> usize {
    let name_and_version = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.next()?))
    };
    tree.lines().filter_map(name_and_version).collect::<BTreeSet<_>>().len()
}

/// Returns the crate that a line of Cargo's says is compiled. A build script is not the crate yet.
fn compiled(line: &str) -> Option<String> {
    let message: Message = serde_json::from_str(line).ok()?;
    let script = message.target?.kind.iter().any(|kind| kind == "custom-build");
    message.package_id.filter(|_| message.reason == "compiler-artifact" && !script)
}

/// Runs `cargo build --message-format=json…` to its end and reports its progress, at least once in each interval.
pub(crate) fn watch(command: &mut Command, total: usize, report: &mut dyn FnMut(Progress)) -> io::Result<ExitStatus> {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let result = count(&mut child, |compiled| {
        report(Progress { compiled: compiled.min(total), total, elapsed: started.elapsed() });
    });
    // Cargo would fail without a reader, and its own error is the better one.
    let status = child.wait()?;
    result.map(|()| status)
}

fn count(child: &mut Child, mut report: impl FnMut(usize)) -> io::Result<()> {
    let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (send, lines) = channel();
    let reader = std::thread::spawn(move || read(output, |line| drop(send.send(line))));
    let mut done = BTreeSet::new();
    report(0);
    loop {
        match lines.recv_timeout(INTERVAL) {
            Ok(line) => {
                if compiled(&line).is_some_and(|name| done.insert(name)) {
                    report(done.len());
                }
            }
            Err(RecvTimeoutError::Timeout) => report(done.len()),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    reader.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

fn read(output: impl Read, mut each: impl FnMut(String)) -> io::Result<()> {
    BufReader::new(output).lines().try_for_each(|line| line.map(&mut each))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_crates_of_a_tree_count_once() {
        let tree = "app v0.1.0 (/app)\nserde v1.0.229\nserde_derive v1.0.229 (proc-macro)\nserde v1.0.229 (*)\n\
                    syn v2.0.1\nsyn v1.0.9\n";
        assert_eq!(crates(tree), 5);
    }

    #[test]
    fn build_scripts_are_not_counted() {
        let line = |reason: &str, kind: &str| {
            format!(r#"{{"reason":"{reason}","package_id":"one#1.0.0","target":{{"kind":["{kind}"],"name":"one"}}}}"#)
        };
        assert_eq!(compiled(&line("compiler-artifact", "lib")).as_deref(), Some("one#1.0.0"));
        assert_eq!(compiled(&line("compiler-artifact", "custom-build")), None);
        assert_eq!(compiled(&line("compiler-message", "lib")), None);
        assert_eq!(compiled(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(compiled("no JSON"), None);
    }
}
