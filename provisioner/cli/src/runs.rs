//! The record of a run: who changed an environment, when and how, for people and their programs. It is written while the
//! run goes on, so that a killed run leaves one too.

use std::time::{Duration, Instant};

use provisioner_engine::{Event, EventKind, Outcome};
use provisioner_model::{plan::Plan, printable};
use provisioner_store::Holder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// A line of a record. Times are in milliseconds since the start of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(crate) enum RunLine {
    /// The first line.
    Run {
        /// Version of Provisioner.
        version: String,
        /// The person or job, the machine, the command and the time of the start.
        #[serde(flatten)]
        holder: Holder,
        /// Number of steps, by action.
        steps: Vec<(String, usize)>,
    },
    /// A change of state of one step.
    Step {
        at: u64,
        address: String,
        action: String,
        event: String,
        /// ID of the object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The error or the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A call to an API.
    Call {
        at: u64,
        /// Such as `ec2:CreateVpc`.
        operation: String,
        milliseconds: u64,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Status of the response; none without a response.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// The last line, unless the run was killed.
    End {
        at: u64,
        /// `complete`, `incomplete` or `interrupted`, or the error that ended the run.
        outcome: String,
        done: usize,
        failed: usize,
        skipped: usize,
    },
}

/// Writes the record of a run.
pub(crate) struct Recorder<'a> {
    name: String,
    plan: &'a Plan,
    started: Instant,
    lines: Vec<u8>,
}

impl<'a> Recorder<'a> {
    /// The record of a run that begins now. `token` is a random text.
    pub(crate) fn new(plan: &'a Plan, holder: Holder, token: &str) -> Self {
        let name = format!("{}-{}", stamp(holder.since), token.get(..8).unwrap_or(token));
        let mut recorder = Self { name, plan, started: Instant::now(), lines: vec![] };
        let mut steps: Vec<(String, usize)> = vec![];
        for step in &plan.steps {
            match steps.iter_mut().find(|(action, _)| action == step.action.name()) {
                Some((_, number)) => *number += 1,
                None => steps.push((step.action.name().to_owned(), 1)),
            }
        }
        recorder.add(&RunLine::Run { version: env!("CARGO_PKG_VERSION").to_owned(), holder, steps });
        recorder
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the lines since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.lines)
    }

    pub(crate) fn event(&mut self, event: &Event) {
        let Some(step) = self.plan.steps.get(event.step) else { return };
        let (name, id, why) = match &event.kind {
            EventKind::Started => ("started", None, None),
            EventKind::Created { id } => ("created", Some(id.clone()), None),
            EventKind::Waiting => ("waiting", None, None),
            EventKind::Verifying => ("verifying", None, None),
            EventKind::Unverified { warning } => ("not_verified", None, Some(warning.summary.clone())),
            EventKind::RollingBack { failure } => ("rolling_back", None, Some(failure.summary.clone())),
            EventKind::Retry { why, .. } => ("retried", None, Some(why.clone())),
            EventKind::WaitingFor { why, .. } => ("waiting_for_others", None, Some(why.clone())),
            EventKind::Released { id } => ("released", Some(id.clone()), None),
            EventKind::Done { id } => ("done", id.clone(), None),
            EventKind::Failed(failure) => ("failed", None, Some(failure.summary.clone())),
            EventKind::Skipped { because } => {
                let because = self.plan.steps.get(*because).map(|step| format!("{} failed", step.address));
                ("skipped", None, because)
            }
            EventKind::Cancelled => ("cancelled", None, None),
        };
        let line = RunLine::Step {
            at: milliseconds(self.started.elapsed()),
            address: step.address.clone(),
            action: step.action.name().to_owned(),
            event: name.to_owned(),
            id,
            why,
        };
        self.add(&line);
    }

    /// Records calls of AWS.
    #[cfg(feature = "aws-types")]
    pub(crate) fn calls(&mut self, calls: Vec<provisioner_aws::calls::ApiCall>) {
        for call in calls {
            let at = call.sent.saturating_duration_since(self.started);
            self.add(&RunLine::Call {
                at: milliseconds(at),
                operation: call.operation,
                milliseconds: milliseconds(call.time),
                attempt: call.attempt,
                status: call.status,
                request_id: call.request_id,
            });
        }
    }

    pub(crate) fn end<E: std::fmt::Display>(&mut self, result: &Result<Outcome, E>) {
        let at = milliseconds(self.started.elapsed());
        let line = match result {
            Ok(outcome) => {
                let word = match outcome {
                    outcome if outcome.is_complete() => "complete",
                    outcome if outcome.failed.is_empty() && outcome.cancelled => "interrupted",
                    _ => "incomplete",
                };
                let Outcome { done, failed, skipped, .. } = outcome;
                let (done, failed, skipped) = (*done, failed.len(), *skipped);
                RunLine::End { at, outcome: word.to_owned(), done, failed, skipped }
            }
            Err(error) => RunLine::End { at, outcome: error.to_string(), done: 0, failed: 0, skipped: 0 },
        };
        self.add(&line);
    }

    fn add(&mut self, line: &RunLine) {
        // Every member is a text or a number.
        if let Ok(text) = serde_json::to_vec(line) {
            self.lines.extend(text);
            self.lines.push(b'\n');
        }
    }
}

/// Parses a record. Lines that a kill has cut off, or that a newer version has added, are left out.
pub(crate) fn parse(text: &[u8]) -> Vec<RunLine> {
    let line = |line: &[u8]| {
        let mut value = serde_json::from_slice(line).ok()?;
        escape(&mut value);
        serde_json::from_value(value).ok()
    };
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// Whoever may write to the bucket could write to the terminals of others.
fn escape(value: &mut Value) {
    match value {
        Value::String(text) => *text = printable(text),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(members) => members.values_mut().for_each(escape),
        _ => {}
    }
}

/// Seconds since 1970 as a part of a file's name that sorts by time: `20261128T144700Z`.
fn stamp(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time() {
        assert_eq!(stamp(0), "19700101T000000Z");
        assert_eq!(stamp(1_795_266_596), "20261121T130956Z");
        assert!(stamp(1_795_266_596) < stamp(1_795_270_000));
    }

    #[test]
    fn lines_that_cannot_be_read_are_left_out() {
        let end = "{\"record\":\"end\",\"at\":5,\"outcome\":\"complete\",\"done\":1,\"failed\":0,\"skipped\":0}";
        let text = format!("{{\"record\":\"later\"}}\n{end}\n{{\"record\":\"end\",\"at\"");
        assert_eq!(parse(text.as_bytes()).len(), 1);
        let forged = end.replace("complete", "complete\\n\\u001b[2J");
        let RunLine::End { outcome, .. } = &parse(forged.as_bytes())[0] else { panic!("another line") };
        assert_eq!(outcome, "complete\\n\\u{1b}[2J");
    }
}
