//! Fresh objects: AWS accepts a write before each of its services sees it. An error that concerns an object which the run
//! has just written passes; the same error about an older object is final.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use provisioner_model::{
    error::{Error, ErrorKind},
    plan::StepAction,
    state::{Object, Row},
    type_info::TypeInfo,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::step::{Run, StepExecution};

/// The writes of one run, by address.
#[derive(Default)]
pub(crate) struct Writes(Mutex<HashMap<String, LastWrite>>);

#[derive(Clone, Copy)]
struct LastWrite {
    at: Instant,
    deleted: bool,
}

/// Objects that a step refers to and that are fresh.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub(crate) addresses: Vec<String>,
    /// After this moment, none of them is.
    pub(crate) until: Instant,
}

impl Writes {
    pub(crate) fn note(&self, address: &str, deleted: bool) {
        let write = LastWrite { at: Instant::now(), deleted };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned(), write);
    }

    fn get(&self, address: &str) -> Option<LastWrite> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(address).copied()
    }
}

impl Run<'_> {
    /// The time since the resource's last write: in this run, or its create in an earlier one.
    fn age(&self, address: &str) -> Option<Duration> {
        if let Some(write) = self.writes.get(address) {
            return Some(write.at.elapsed());
        }
        let now = (self.tuning.now)();
        let state = self.state();
        let objects = state.rows.get(address)?.objects.iter().filter(|object| object.id.is_some());
        objects.map(|object| Duration::from_secs(now.saturating_sub(object.made_at))).min()
    }

    fn window(&self, type_name: &str) -> Duration {
        let window = self.registry.get(type_name).map_or(Duration::ZERO, |found| found.info().propagation_window);
        self.tuning.propagation_window(window)
    }
}

impl StepExecution<'_, '_> {
    /// Returns the fresh objects that the error may concern; none if the error is final.
    pub(crate) fn concerns_fresh(&self, error: &Error) -> Option<Fresh> {
        let fresh = match error.kind {
            ErrorKind::Gone | ErrorKind::Denied | ErrorKind::Unusable | ErrorKind::NotYet => self.fresh(|_| true),
            // A refusal of the call's own parameters is final, also while its dependencies are fresh.
            ErrorKind::Refused => {
                let text = error.chain();
                self.fresh(|address| self.is_named(address, &text))
            }
            // A unique key whose holder the run has just deleted.
            ErrorKind::Exists => self.fresh(|address| self.run.writes.get(address).is_some_and(|write| write.deleted)),
            _ => return None,
        };
        (!fresh.addresses.is_empty()).then_some(fresh)
    }

    fn fresh(&self, counts: impl Fn(&str) -> bool) -> Fresh {
        let mut fresh = Fresh { addresses: vec![], until: Instant::now() };
        for (address, type_name) in self.concerned() {
            let window = self.run.window(&type_name);
            let Some(left) = self.run.age(&address).and_then(|age| window.checked_sub(age)) else { continue };
            if left > Duration::ZERO && counts(&address) {
                fresh.until = fresh.until.max(Instant::now() + left);
                fresh.addresses.push(address);
            }
        }
        fresh
    }

    /// The resource itself, and each that it needs, directly or not: by the plan's order, which includes grants (the
    /// policies of a role), and by the recorded references. Each with its type.
    fn concerned(&self) -> BTreeSet<(String, String)> {
        let own = (self.step.address.clone(), self.step.type_name.clone());
        let mut concerned = BTreeSet::from([own]);
        let mut numbers = vec![self.number];
        let mut visited = BTreeSet::from([self.number]);
        while let Some(step) = numbers.pop().and_then(|number| self.run.steps.get(number)) {
            for number in step.after.iter().filter(|number| visited.insert(**number)).collect::<Vec<_>>() {
                numbers.push(*number);
                let step = self.run.steps.get(*number);
                concerned.extend(step.map(|step| (step.address.clone(), step.type_name.clone())));
            }
        }
        let state = self.run.state();
        let mut needs: Vec<&str> = concerned.iter().map(|(address, _)| address.as_str()).collect();
        if let StepAction::Create(write) | StepAction::Update { write, .. } = &self.step.action {
            needs.extend(write.needs.iter().map(String::as_str));
        }
        let mut rows: HashMap<&str, &Row> = HashMap::new();
        while let Some(address) = needs.pop() {
            let Some(row) = state.rows.get(address) else { continue };
            if rows.insert(address, row).is_none() {
                needs.extend(row.needs.iter().map(String::as_str));
            }
        }
        let rows =
            rows.into_iter().map(|(address, row)| (address.to_owned(), row.type_name.clone())).collect::<Vec<_>>();
        drop(state);
        concerned.extend(rows);
        concerned
    }

    /// Returns whether an error's text has the ID, the name or an ARN of a resource's object.
    fn is_named(&self, address: &str, text: &str) -> bool {
        let state = self.run.state();
        let Some(row) = state.rows.get(address) else { return false };
        let name = self.run.registry.get(&row.type_name).and_then(|found| name_of(found.info()));
        row.objects.iter().any(|object| names(object, name).any(|name| text.contains(name)))
    }
}

fn name_of(info: &TypeInfo) -> Option<&'static str> {
    info.name.map(|name| name.field)
}

fn names<'o>(object: &'o Object, field: Option<&str>) -> impl Iterator<Item = &'o str> {
    let name = field.and_then(|field| object.inputs.get(field)).and_then(Value::as_str);
    let outputs = object.outputs.as_ref().and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values);
    let arns = outputs.filter_map(Value::as_str).filter(|text| text.starts_with("arn:"));
    object.id.as_deref().into_iter().chain(name).chain(arns).filter(|name| !name.is_empty())
}
