//! Metrics in Prometheus's format, on a port of their own: the load balancer does not publish them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::database::Database;

/// From half a millisecond to ten seconds.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Labels of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// The method; `other` where it is none of HTTP's own.
    pub method: &'static str,
    /// The route's template, never the path: that would be without end.
    pub route: String,
    /// HTTP status of the response.
    pub status: u16,
}

/// Label of an operation's result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// The result in one word.
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// All metrics of the app.
pub struct Metrics {
    registry: Registry,
    duration: Family<Request, Histogram>,
    /// Requests that are being answered.
    pub in_flight: Gauge<i64, AtomicI64>,
    /// Sign-ins, by how they ended.
    pub sign_ins: Family<Outcome, Counter>,
    /// Transfers, by how they ended.
    pub transfers: Family<Outcome, Counter>,
    connections: Family<State, Gauge<i64, AtomicI64>>,
    connections_max: Gauge<i64, AtomicI64>,
    password_reads: Gauge<i64, AtomicI64>,
    memory: Gauge<i64, AtomicI64>,
    started: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            sign_ins: Family::default(),
            transfers: Family::default(),
            connections: Family::default(),
            connections_max: Gauge::default(),
            password_reads: Gauge::default(),
            memory: Gauge::default(),
            started: Gauge::default(),
        };
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        metrics.started.set(crate::clock::now() as f64);
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("app", "Which app this is", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register_with_unit(
            "http_request_duration",
            "Time to answer, by route; its count is the number of requests",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register("http_requests_in_flight", "Requests that are being answered", self.in_flight.clone());
        registry.register("sign_ins", "Sign-ins, by how they ended", self.sign_ins.clone());
        registry.register("transfers", "Transfers, by how they ended", self.transfers.clone());
        registry.register("database_connections", "Connections of the pool, by state", self.connections.clone());
        registry.register(
            "database_connections_max",
            "Connections that the pool may have",
            self.connections_max.clone(),
        );
        registry.register(
            "database_password_reads",
            "How often the database's password was read since the start",
            self.password_reads.clone(),
        );
        registry.register_with_unit("process_resident_memory", "Memory in use", Unit::Bytes, self.memory.clone());
        registry.register_with_unit(
            "process_start_time",
            "When the process started, since 1970",
            Unit::Seconds,
            self.started.clone(),
        );
        self
    }

    /// Notes a request that was answered.
    pub fn answered(&self, request: &Request, took: Duration) {
        self.duration.get_or_create(request).observe(took.as_secs_f64());
    }

    /// As Prometheus reads it.
    pub fn text(&self, database: &Database) -> String {
        let (used, idle, max) = database.usage();
        self.connections.get_or_create(&State { state: "used" }).set(used);
        self.connections.get_or_create(&State { state: "idle" }).set(idle);
        self.connections_max.set(max);
        self.password_reads.set(i64::try_from(database.password_reads()).unwrap_or(i64::MAX));
        if let Some(bytes) = resident_memory() {
            self.memory.set(bytes);
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Counts an operation with this result.
pub fn count(family: &Family<Outcome, Counter>, outcome: &'static str) {
    family.get_or_create(&Outcome { outcome }).inc();
}

fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<i64>().ok().map(|kib| kib * 1024)
}

/// Metrics that several tasks share.
pub type Shared = Arc<Metrics>;
