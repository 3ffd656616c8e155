//! The reference's tables, row by row, read back with an independent client from moto after an apply of both
//! environments. What moto does not keep is read from what the state recorded as written, and marked so.

mod data;
mod edge;
mod identity;
mod network;
mod observability;
mod service;
pub(crate) mod tags;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// A row of the first table: the facts of an environment.
struct Row {
    environment: &'static str,
    cidr: &'static str,
    zones: &'static [&'static str],
    gateways: usize,
    tasks: i64,
    size: (&'static str, &'static str),
    class: &'static str,
    multi_az: bool,
    protected: bool,
}

const TABLE: [Row; 2] = [
    Row {
        environment: "dev",
        cidr: "10.0.0.0/16",
        zones: &["us-east-1a", "us-east-1b"],
        gateways: 1,
        tasks: 1,
        size: ("256", "512"),
        class: "db.t3.micro",
        multi_az: false,
        protected: false,
    },
    Row {
        environment: "prod",
        cidr: "10.1.0.0/16",
        zones: &["us-east-1a", "us-east-1b", "us-east-1c"],
        gateways: 3,
        tasks: 3,
        size: ("512", "1024"),
        class: "db.t3.small",
        multi_az: true,
        protected: true,
    },
];

const ACCOUNT: &str = "123456789012";

/// One environment as it is there: what was asked, by name, and the facts that did not hold.
struct Inspection<'s> {
    sandbox: &'s Sandbox,
    row: &'s Row,
    answers: BTreeMap<&'static str, Value>,
    wrong: Vec<String>,
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}")
}

impl Inspection<'_> {
    fn id(&self, address: &str) -> String {
        self.sandbox.id(self.row.environment, address)
    }

    fn role(&self, name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/{}", self.id(&format!("identity/role/{name}")))
    }

    /// Asks all of these in one go.
    fn ask(&mut self, calls: &[(&'static str, &str, &str, Value)]) {
        let asked: Vec<Value> =
            calls.iter().map(|(_, service, what, members)| json!([service, what, members])).collect();
        for ((name, ..), answer) in calls.iter().zip(self.sandbox.ask(&asked)) {
            if let Some(error) = answer["error"].as_str() {
                self.wrong.push(format!("{}: {name}: {error}", self.row.environment));
            }
            self.answers.insert(name, answer);
        }
    }

    fn at(&self, name: &str, path: &str) -> Value {
        self.answers[name].pointer(path).cloned().unwrap_or(Value::Null)
    }

    fn list(&self, name: &str, path: &str) -> Vec<Value> {
        self.at(name, path).as_array().cloned().unwrap_or_default()
    }

    fn fact(&mut self, what: &str, got: impl Into<Value>, expected: impl Into<Value>) {
        let (got, expected) = (got.into(), expected.into());
        if got != expected {
            self.wrong.push(format!("{}: {what}: {got} is there, {expected} is right", self.row.environment));
        }
    }
}

fn sorted(values: impl IntoIterator<Item = Value>) -> Value {
    let texts: BTreeSet<String> = values.into_iter().map(|value| value.as_str().unwrap_or_default().into()).collect();
    texts.into_iter().collect()
}

fn in_vpc(id: &str) -> Value {
    json!({ "Filters": [{ "Name": "vpc-id", "Values": [id] }] })
}

#[test]
fn reference_facts_hold() {
    let Some(sandbox) = Sandbox::new("reference_facts_hold") else { return };
    let mut wrong = vec![];
    for row in &TABLE {
        sandbox.run(&["apply", row.environment, "--yes"]).ok();
    }
    for row in &TABLE {
        let mut inspection = Inspection { sandbox: &sandbox, row, answers: BTreeMap::new(), wrong: vec![] };
        network::vpc(&mut inspection);
        network::groups(&mut inspection);
        edge::load_balancer(&mut inspection);
        edge::firewall(&mut inspection);
        service::repository(&mut inspection);
        service::service(&mut inspection);
        data::database(&mut inspection);
        data::secrets(&mut inspection);
        identity::identity(&mut inspection);
        observability::observability(&mut inspection);
        tags::tags(&mut inspection);
        wrong.append(&mut inspection.wrong);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
