//! A proxy that injects faults between a program and any endpoint: lost requests and answers, errors in the form of each
//! AWS protocol, throttling, delays, and the program's end by SIGKILL at a chosen call. `faults/rules.rs` describes the
//! text form of the rules, `faults/protocol.rs` the operation names and the form of errors. `faults/program.rs` is the
//! proxy as a program.

mod aws_mode;
mod lag;
mod protocol;
mod rules;

use std::{
    collections::BTreeMap,
    io::{self, Read},
    net::{SocketAddr, ToSocketAddrs},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

pub use rules::{Rule, is_changing};

use crate::proxy::{Message, Proxy, proxy};
use aws_mode::AwsMode;
use protocol::Failure;
use rules::{Delivery, Fault};

/// A proxy that injects faults. It listens until this value is dropped.
pub struct Faults {
    shared: Arc<Shared>,
    _proxy: Proxy,
    /// Base URL of the proxy.
    pub url: String,
}

/// A request that the proxy received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Service and operation, such as `ec2:CreateSubnet`.
    pub operation: String,
    /// Number of this call among those of its operation, from 1.
    pub number: u64,
    /// The text form of the fault that was injected.
    pub fault: Option<String>,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.operation, self.number)
    }
}

struct Shared {
    upstream: SocketAddr,
    rules: Vec<Rule>,
    seed: u64,
    counts: Mutex<Counts>,
    /// Names of new objects, if a rule lets reads lag.
    names: Option<Mutex<lag::Names>>,
    /// The latest answer to each read that a rule makes stale, and its time.
    answers: Mutex<BTreeMap<ReadKey, (Instant, Message)>>,
    /// Number of requests that the endpoint is answering.
    passing: Mutex<usize>,
    passed: Condvar,
    victim: Mutex<Option<Child>>,
    aws_mode: Option<AwsMode>,
}

/// A read: operation and path, and body.
type ReadKey = (String, Vec<u8>);

#[derive(Default)]
struct Counts {
    /// Matching calls of each rule.
    by_rule: Vec<u64>,
    /// Tokens that are left of each throttled rate, and the time of that count.
    rates: BTreeMap<usize, (f64, Instant)>,
    calls: Vec<Call>,
    by_operation: BTreeMap<String, u64>,
}

impl Faults {
    /// Starts a proxy in front of an endpoint (`http://HOST:PORT`). `seed` determines the faults that occur by chance.
    pub fn before(endpoint: &str, rules: Vec<Rule>, seed: u64) -> io::Result<Self> {
        Self::start(endpoint, rules, seed, None)
    }

    /// Starts a proxy that makes an emulator as slow and as late as AWS, by a scale: `faults/aws_mode.rs` describes it.
    pub fn aws_mode(endpoint: &str, seed: u64) -> io::Result<Self> {
        let rules = aws_mode::RULES.iter().map(|rule| rule.parse().map_err(io::Error::other));
        Self::start(endpoint, rules.collect::<io::Result<_>>()?, seed, Some(AwsMode::default()))
    }

    fn start(endpoint: &str, rules: Vec<Rule>, seed: u64, aws_mode: Option<AwsMode>) -> io::Result<Self> {
        let host = endpoint.strip_prefix("http://").unwrap_or(endpoint).trim_end_matches('/');
        let upstream = host.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let counts = Counts { by_rule: vec![0; rules.len()], ..Counts::default() };
        let lags = rules.iter().any(|rule| matches!(rule.fault(), Fault::Lag(_)));
        let shared = Arc::new(Shared {
            names: lags.then(Mutex::default),
            upstream,
            rules,
            seed,
            counts: Mutex::new(counts),
            answers: Mutex::default(),
            passing: Mutex::new(0),
            passed: Condvar::new(),
            victim: Mutex::new(None),
            aws_mode,
        });
        let answering = shared.clone();
        let proxy = proxy(move |request| answering.answer(&request))?;
        let url = format!("http://127.0.0.1:{}", proxy.port);
        Ok(Self { shared, _proxy: proxy, url })
    }

    /// Returns the calls received so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.counts).calls.clone()
    }

    /// Lets the next deployment of an ECS service fail and be rolled back, in AWS mode.
    pub fn fail_next_deployment(&self) {
        if let Some(aws_mode) = &self.shared.aws_mode {
            aws_mode.fail_next_deployment();
        }
    }

    /// Runs a command with `AWS_ENDPOINT_URL` set to this proxy: the program that a rule kills. It is also killed after
    /// `limit`; its standard error then ends with a line that says so. Returns once the endpoint has answered every
    /// request that was passed on.
    pub fn run(&self, command: &mut Command, limit: Duration) -> io::Result<Output> {
        command.env("AWS_ENDPOINT_URL", &self.url);
        // Locked until the program can be killed: its first request may come before that.
        let mut victim = lock(&self.shared.victim);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (told, ended) = mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?),
            Box::new(child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?),
        ];
        *victim = Some(child);
        drop(victim);
        let readers = streams.map(|mut stream| {
            let told = told.clone();
            thread::spawn(move || {
                let mut bytes = vec![];
                let read = stream.read_to_end(&mut bytes);
                drop(told);
                read.map(|_| bytes)
            })
        });
        drop(told);
        // Nothing is ever sent: the channel closes when both streams have ended.
        let overdue = matches!(ended.recv_timeout(limit), Err::<(), _>(RecvTimeoutError::Timeout));
        if overdue {
            self.shared.kill()?;
        }
        let [stdout, mut stderr] = readers.map(|reader| reader.join().unwrap_or_else(|_| Ok(vec![])));
        let mut child = lock(&self.shared.victim).take().ok_or(io::ErrorKind::NotFound)?;
        let status = child.wait()?;
        if let (true, Ok(text)) = (overdue, &mut stderr) {
            text.extend(format!("\nkilled after {} s\n", limit.as_secs()).bytes());
        }
        self.shared.wait_until_quiet();
        Ok(Output { status, stdout: stdout?, stderr: stderr? })
    }
}

impl Shared {
    fn answer(&self, request: &Message) -> io::Result<Message> {
        let operation = protocol::operation(request);
        let (delay, fault) = self.decide(&operation, request);
        thread::sleep(delay);
        let Some(fault) = fault else { return self.pass(request) };
        if fault.delivery() == Delivery::Delivered {
            self.pass(request)?;
        }
        let failure = match fault {
            Fault::Drop(_) => return Err(io::ErrorKind::ConnectionReset.into()),
            Fault::Hang(_) => loop {
                thread::park();
            },
            Fault::Kill(_) => {
                self.kill()?;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Fault::Status(status, _) => Failure::unavailable(request, status),
            Fault::Throttle(_) => Failure::throttled(request),
            Fault::Refuse { code, message } => {
                Failure { status: 400, code, message: protocol::filled(&message, request) }
            }
            Fault::Delay(_) => return self.pass(request),
            Fault::Lag(within) => {
                let answer = self.pass(request)?;
                let Some(names) = &self.names else { return Ok(answer) };
                return Ok(lock(names).hidden(request, answer, within));
            }
            Fault::Stale(within) => return self.stale(request, within),
        };
        Ok(protocol::error(request, &failure))
    }

    /// Counts a call, and returns the delay and the fault that the rules give it.
    fn decide(&self, operation: &str, request: &Message) -> (Duration, Option<Fault>) {
        let mut counts = lock(&self.counts);
        let counts = &mut *counts;
        let (mut delay, mut first) = (Duration::ZERO, None);
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.matches(operation)) {
            let has_members = rule.members().iter().all(|member| protocol::member(request, member).is_some());
            if !has_members || (rule.is_once() && first.is_some()) {
                continue;
            }
            counts.by_rule[index] += 1;
            let number = counts.by_rule[index];
            if !rule.occurs(number, self.seed.wrapping_add(index as u64)) {
                continue;
            }
            match rule.fault() {
                Fault::Delay(by) => delay += *by,
                _ if first.is_some() => {}
                Fault::Throttle(Some(rate)) if !exceeded(&mut counts.rates, index, *rate) => {}
                fault => first = Some((rule.to_string(), fault.clone())),
            }
        }
        let number = counts.by_operation.entry(operation.to_owned()).or_default();
        *number += 1;
        let fault = first.as_ref().map(|(text, _)| text.clone());
        counts.calls.push(Call { operation: operation.to_owned(), number: *number, fault });
        (delay, first.map(|(_, fault)| fault))
    }

    fn pass(&self, request: &Message) -> io::Result<Message> {
        *lock(&self.passing) += 1;
        let answer = match &self.aws_mode {
            Some(aws_mode) => aws_mode.answer(request, self.upstream),
            None => request.send_to(self.upstream),
        };
        *lock(&self.passing) -= 1;
        self.passed.notify_all();
        if let (Some(names), Ok(answer)) = (&self.names, &answer) {
            lock(names).learn(request, answer);
        }
        answer
    }

    /// Answers a read as before, if the same read was passed on within this time.
    fn stale(&self, request: &Message, within: Duration) -> io::Result<Message> {
        let read = (format!("{} {}", protocol::operation(request), request.path()), request.body().to_vec());
        let earlier = lock(&self.answers).get(&read).filter(|(at, _)| at.elapsed() < within).cloned();
        if let Some((_, answer)) = earlier {
            return Ok(answer);
        }
        let at = Instant::now();
        let answer = self.pass(request)?;
        lock(&self.answers).insert(read, (at, answer.clone()));
        Ok(answer)
    }

    fn wait_until_quiet(&self) {
        let limit = Duration::from_mins(1);
        let waited = self.passed.wait_timeout_while(lock(&self.passing), limit, |passing| *passing > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Sends SIGKILL to the program that runs, if there is one.
    fn kill(&self) -> io::Result<()> {
        lock(&self.victim).as_mut().map_or(Ok(()), Child::kill)
    }
}

/// Takes a token from the bucket of a rule, which holds one second's worth; returns whether none is left.
fn exceeded(rates: &mut BTreeMap<usize, (f64, Instant)>, rule: usize, rate: f64) -> bool {
    let now = Instant::now();
    let (left, since) = rates.entry(rule).or_insert((rate.max(1.0), now));
    *left = (*left + now.duration_since(*since).as_secs_f64() * rate).min(rate.max(1.0));
    *since = now;
    if *left < 1.0 {
        return true;
    }
    *left -= 1.0;
    false
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
