//! Shared support of the tests of the public command line and crate APIs: AWS emulators, and variants of the bundled
//! program.

pub mod canary;
pub mod company;
pub mod docker;
pub mod faults;
mod front;
mod judge;
mod localemu;
mod ministack;
mod moto;
pub mod proxy;
pub mod registry;
pub mod variant;

/// The code samples of the documents: each must compile.
#[cfg(doctest)]
mod samples {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/cli.md")]
    struct CommandLine;
    #[doc = include_str!("../../docs/guide/import.md")]
    struct Import;
}

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

pub use front::firewall::Firewall;
pub use judge::Templates;
use judge::{Case, REQUESTS};
use provisioner_aws::Aws;
use provisioner_model::{erased::Clouds, stack::MAIN};
use proxy::{Message, Proxy, proxy};
use serde_json::Value;

/// A running emulator. It ends with this value.
pub struct Emulator {
    /// Resources that are dropped with the emulator.
    _process: Box<dyn Send + Sync>,
    /// The connection on which moto takes requests for copies; `None` for other emulators.
    control: Option<TcpStream>,
    front: Proxy,
    port: u16,
    /// Another one, which answers for what it lacks. It ends with this one.
    beside: Option<Box<Self>>,
    /// The emulator's Docker containers, which are removed with it.
    containers: Option<docker::Containers>,
    /// Base URL of the emulator.
    pub url: String,
    firewall: Arc<Firewall>,
    /// The judge of its requests.
    _case: Case,
}

/// Keeps an emulator away from Docker: this is about what AWS is told, not about what runs.
const NO_DOCKER: &str = "unix:///nonexistent";

/// A program that ends with this value.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Emulator {
    /// Starts moto, from the Python that has it: the one that `PROVISIONER_MOTO` names, else `python3` on the path. None
    /// where there is none.
    pub fn moto() -> Option<Self> {
        Self::moto_with(None)
    }

    /// The same; with a registry, images can be pushed.
    pub fn moto_with(registry: Option<&registry::LocalRegistry>) -> Option<Self> {
        Self::before_moto(moto::fork().ok()?, registry.map(|registry| registry.port))
    }

    fn before_moto((process, port): (TcpStream, u16), registry: Option<u16>) -> Option<Self> {
        let control = process.try_clone().ok();
        let front = move |request| front::answer(request, port, registry);
        Some(Self { control, ..Self::of(Box::new(process), port, front)? })
    }

    /// Returns a copy of moto with every object that it holds, without a registry. The copy and the original change
    /// independently. No request may be under way. None for other emulators.
    pub fn copy(&self) -> Option<Self> {
        let copy = moto::copy(self.control.as_ref()?).ok()?;
        front::copy_dashboard_tags(self.port, copy.1);
        Self::before_moto(copy, None)
    }

    /// Starts an emulator that listens on this port, and a front before it.
    fn start(
        command: &mut Command,
        port: u16,
        front: impl Fn(Message) -> io::Result<Message> + Send + Sync + 'static,
    ) -> Option<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let emulator = Self::of(Box::new(Program(child)), port, front)?;
        Self::answers(port).then_some(emulator)
    }

    fn of(
        process: Box<dyn Send + Sync>,
        port: u16,
        front: impl Fn(Message) -> io::Result<Message> + Send + Sync + 'static,
    ) -> Option<Self> {
        let case = Case::open(&REQUESTS).ok()?;
        let connection = case.connection();
        let firewall = Arc::<Firewall>::default();
        let guard = firewall.clone();
        let front = proxy(move |request| {
            if request.path().starts_with(ministack::BALANCER) {
                return guard.refusal(&request).map_or_else(|| front(request), Ok);
            }
            connection.judge(&request);
            guard.learn(&request);
            front(request)
        });
        let front = front.ok()?;
        let url = format!("http://127.0.0.1:{}", front.port);
        let (control, beside, containers) = (None, None, None);
        Some(Self { _process: process, control, front, port, beside, containers, url, firewall, _case: case })
    }

    fn answers(port: u16) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(1) {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Returns the number of requests received.
    pub fn calls(&self) -> usize {
        self.front.calls.load(Ordering::SeqCst)
    }

    /// Returns the firewall before the load balancer, by the web ACL that the emulator was given.
    pub fn firewall(&self) -> Arc<Firewall> {
        self.firewall.clone()
    }

    /// Every object that the emulator holds, whatever service it is of: `ec2: VPC vpc-1`. Objects that AWS keeps for a while
    /// after they are deleted are left out.
    pub fn everything(&self) -> BTreeSet<String> {
        self.objects().into_iter().map(|(name, _)| name).collect()
    }

    /// Every object that the emulator holds, by its name as in [`Self::everything`], with its attributes. Objects of
    /// different regions may have the same name. Objects that AWS keeps for a while after they are deleted are left out.
    pub fn objects(&self) -> Vec<(String, Value)> {
        let data = self.get("/moto-api/data.json").unwrap_or_default();
        let services: Value = serde_json::from_str(&data).unwrap_or_default();
        assert!(services.is_object(), "the emulator does not list its objects: {data}");
        let mut found = vec![];
        for (service, kinds) in services.as_object().into_iter().flatten() {
            for (kind, objects) in kinds.as_object().into_iter().flatten() {
                for object in objects.as_array().into_iter().flatten() {
                    let keys = ["id", "name", "arn", "resource_id", "alias_arn"];
                    let name = keys.iter().find_map(|key| object[*key].as_str());
                    found.push((format!("{service}: {kind} {}", name.unwrap_or(&object.to_string())), object.clone()));
                }
            }
        }
        found.retain(|(name, object)| !is_deleted(object) && !name.starts_with("iam: AccountSummary"));
        // moto keeps the default group and the default ACL of a deleted VPC, and the interface of a deleted NAT gateway.
        for (parent, kind) in
            [("vpc_id", "ec2: VPC "), ("network_acl_id", "ec2: NetworkAcl "), ("group_id", "ec2: SecurityGroup ")]
        {
            let existing: BTreeSet<String> =
                found.iter().filter_map(|(name, _)| name.strip_prefix(kind).map(str::to_owned)).collect();
            found.retain(|(name, object)| {
                !name.starts_with("ec2: ") || object[parent].as_str().is_none_or(|id| existing.contains(id))
            });
        }
        found
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    /// Returns AWS clients for the emulator.
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

/// Returns whether an object is deleted, or will be after a waiting period.
fn is_deleted(object: &Value) -> bool {
    object["state"] == "deleted"
        || object["status"] == "INACTIVE"
        || object["key_state"] == "PendingDeletion"
        || object["deleted_date"].is_number()
}

/// Clients of an endpoint, with credentials that mean nothing.
pub fn aws_at(url: &str) -> Aws {
    Aws::at(url, "us-east-1", "test", "test")
}

/// The program that a variable names, else the one of this name on the path.
fn program(variable: &str, name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where an emulator is")]
    std::env::var(variable).unwrap_or_else(|_| name.to_owned())
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).map_or(0, |address| address.port())
}

/// Says by name what a test left out and why: the test runner names it at the end, and `.ci/run` fails on it.
pub fn skipped(what: &str, why: &str) {
    let line = format!("{what}: {why}\n");
    let _ = std::io::stderr().write_all(format!("SKIPPED {line}").as_bytes());
    #[expect(clippy::disallowed_methods, reason = "where the test runner collects what was skipped")]
    if let Some(file) = std::env::var_os("PROVISIONER_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}
