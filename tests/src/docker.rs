//! The PostgreSQL image that tests on Docker run: pulled where that is possible, else built from Debian's packages.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use crate::skipped;

/// The PostgreSQL image of ministack and `compose/compose.yaml`.
pub const POSTGRES: &str = "postgres:17-alpine";

/// Host port of a database container: the stack uses PostgreSQL's default port.
pub(crate) const DATABASE_PORT: u16 = 5432;

/// The containers that an emulator starts, by the label that it gives them, and the images that came from its registry.
/// They are removed with this value.
pub(crate) struct Containers {
    label: String,
    registry: String,
}

impl Containers {
    /// Value of the containers' owner label, by which the test runner removes the remains of an interrupted test.
    pub(crate) const OWNER: &str = "provisioner-test";

    /// Returns the label that identifies the containers.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Those of the emulator on this port.
    pub(crate) fn of(port: u16) -> Self {
        let label = format!("label=ministack.instance={}:{port}", Self::OWNER);
        Self { label, registry: format!("127.0.0.1:{port}/") }
    }

    /// The names of its images: by tag and by digest, since the same image may have others' names.
    fn images(&self) -> Vec<String> {
        let listed = docker(&["images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}"]);
        let names = |line: &str| -> Option<[Option<String>; 2]> {
            let (repository, rest) = line.split_once(' ')?;
            let (tag, digest) = rest.split_once(' ')?;
            let named = |mark: char, what: &str| (what != "<none>").then(|| format!("{repository}{mark}{what}"));
            repository.starts_with(&self.registry).then(|| [named(':', tag), named('@', digest)])
        };
        let mut all: Vec<String> = listed.lines().filter_map(names).flatten().flatten().collect();
        all.sort();
        all.dedup();
        all
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let containers = docker(&["ps", "--all", "--quiet", "--filter", &self.label]);
        let containers: Vec<&str> = containers.split_whitespace().collect();
        if !containers.is_empty() {
            docker(&[&["rm", "--force", "--volumes"], &containers[..]].concat());
        }
        for image in self.images() {
            docker(&["rmi", &image]);
        }
    }
}

/// Returns Docker's output; empty if Docker is not available.
fn docker(arguments: &[&str]) -> String {
    let answer = Command::new("docker").args(arguments).stdin(Stdio::null()).output();
    answer.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default()
}

/// Returns whether a database's container can listen. What is left of a database's ended connections keeps the port
/// from ministack, which takes another one then, for a minute: that is waited for.
pub fn database_port_is_free() -> bool {
    let left = || {
        let sockets = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
        sockets.iter().flat_map(|table| table.lines()).any(|line| ended_at(line, DATABASE_PORT))
    };
    for _ in 0..90 {
        if !left() {
            break;
        }
        thread::sleep(Duration::from_secs(1));
    }
    TcpListener::bind(("0.0.0.0", DATABASE_PORT)).is_ok()
}

/// Returns whether a line of the kernel's table is an ended connection (`TIME_WAIT`, 6) at this port here.
fn ended_at(line: &str, port: u16) -> bool {
    let mut columns = line.split_whitespace().skip(1);
    let here = columns.next().unwrap_or_default();
    here.ends_with(&format!(":{port:04X}")) && columns.nth(1) == Some("06")
}

/// Returns whether a Docker engine answers.
pub fn engine() -> bool {
    succeeds(Command::new("docker").arg("info"))
}

/// One builds, the others wait for it.
static BUILDING: Mutex<()> = Mutex::new(());

/// Sees to it that the image is there. None, said loudly, where it cannot be had.
pub fn postgres_image(test: &str) -> Option<()> {
    let _one = BUILDING.lock();
    if succeeds(Command::new("docker").args(["image", "inspect", POSTGRES])) {
        return Some(());
    }
    if succeeds(Command::new("timeout").args(["20", "docker", "pull", "--quiet", POSTGRES])) {
        return Some(());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/postgres-image.sh");
    if succeeds(Command::new("debootstrap").arg("--version")) && succeeds(&mut Command::new(script)) {
        return Some(());
    }
    skipped(test, "there is no image of PostgreSQL 17, and building one takes root and debootstrap");
    None
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
