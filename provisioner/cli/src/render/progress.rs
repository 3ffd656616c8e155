//! The progress of an apply: a line for each completed step, and a summary.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::{Duration, Instant},
};

use provisioner_engine::{Event, EventKind, Outcome};
use provisioner_model::{
    Diagnostic, SourceLocation,
    plan::{Plan, StepAction},
};

use super::{PageFormat, Tone, count};

/// Follows an apply.
pub struct Progress<'a> {
    plan: &'a Plan,
    /// The command that carries the plan out.
    command: &'a str,
    places: &'a BTreeMap<String, SourceLocation>,
    /// Steps whose place has been printed.
    located: BTreeSet<usize>,
    page: PageFormat,
    running: BTreeMap<usize, RunningStep>,
    skipped: Vec<(usize, usize)>,
    left: usize,
}

/// A step that runs.
#[derive(Clone, Debug)]
pub struct RunningStep {
    /// Since when.
    pub since: Instant,
    /// The current activity.
    pub now: String,
}

impl<'a> Progress<'a> {
    /// At the start of a plan's execution by `command`. `places` has the declarations of the resources, by address: a
    /// failure names its place.
    pub fn new(
        plan: &'a Plan,
        command: &'a str,
        places: &'a BTreeMap<String, SourceLocation>,
        page: PageFormat,
    ) -> Self {
        let left = plan.steps.len();
        Self { plan, command, places, located: BTreeSet::new(), page, running: BTreeMap::new(), skipped: vec![], left }
    }

    /// Steps that run, by number.
    pub fn running(&self) -> &BTreeMap<usize, RunningStep> {
        &self.running
    }

    /// The number of steps that have not ended.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The address of a step.
    pub fn address(&self, step: usize) -> &str {
        self.plan.steps.get(step).map_or("?", |step| step.address.as_str())
    }

    /// Takes one event in; what ends a step or needs attention gives a line.
    pub fn take(&mut self, event: Event, now: Instant) -> Option<String> {
        let Event { step, kind } = event;
        match kind {
            EventKind::Started => {
                self.running.insert(step, RunningStep { since: now, now: self.doing(step).to_owned() });
                None
            }
            EventKind::Created { id } => self.says(step, format!("not ready yet, {id}")),
            EventKind::Waiting => self.says(step, "waiting until it is done".to_owned()),
            EventKind::Retry { why, pause } => {
                let again = format!("again in {}: {why}", seconds(pause));
                self.says(step, again)
            }
            EventKind::WaitingFor { addresses, why, pause } => {
                let first = addresses.first().map_or("", String::as_str);
                let more = match addresses.len() {
                    0 | 1 => String::new(),
                    number => format!(" and {} more", number - 1),
                };
                let text = format!("waiting until {first}{more} can be used, again in {}: {why}", seconds(pause));
                self.says(step, text)
            }
            EventKind::Released { id } => {
                let text = format!("{id} stays, since another environment uses it by now");
                Some(format!("{}: {}", self.address(step), self.page.paint(Tone::Warning, &text)))
            }
            EventKind::Done { id } => {
                let id = id.map(|id| format!(" {id}")).unwrap_or_default();
                let text = format!("{}{id}{}", self.did(step), self.took(step, now));
                Some(self.ended(step, Tone::New, &text))
            }
            EventKind::Verifying => self.says(step, "ready; verifying".to_owned()),
            EventKind::Unverified { warning } => {
                let title = self.line(step, Tone::Warning, &format!("not verified: {}", warning.summary));
                Some(self.failure(step, &title, &warning))
            }
            EventKind::RollingBack { failure } => {
                self.says(step, "rolling back".to_owned());
                let title = self.line(step, Tone::Gone, &format!("{}; rolling back", failure.summary));
                Some(self.failure(step, &title, &failure))
            }
            EventKind::Failed(failure) => {
                let text = format!("{} failed{}: {}", self.verb(step), self.took(step, now), failure.summary);
                let title = self.ended(step, Tone::Gone, &text);
                Some(self.failure(step, &title, &failure))
            }
            EventKind::Skipped { because } => {
                self.skipped.push((step, because));
                let text = format!("skipped, since {} failed", self.address(because));
                Some(self.ended(step, Tone::Warning, &text))
            }
            EventKind::Cancelled => {
                let what = if self.running.contains_key(&step) { "left as it is, not ready yet" } else { "not begun" };
                Some(self.ended(step, Tone::Warning, what))
            }
        }
    }

    fn says(&mut self, step: usize, what: String) -> Option<String> {
        if let Some(running) = self.running.get_mut(&step) {
            running.now = what;
        }
        None
    }

    fn ended(&mut self, step: usize, tone: Tone, text: &str) -> String {
        self.running.remove(&step);
        self.left = self.left.saturating_sub(1);
        self.line(step, tone, text)
    }

    fn line(&self, step: usize, tone: Tone, text: &str) -> String {
        format!("{}: {}", self.address(step), self.page.paint(tone, text))
    }

    /// A failure with its details and its hint. The summary at the end does not repeat it: the message is on the screen
    /// as soon as it is known, even if other steps run for an hour, or the process is killed.
    fn failure(&mut self, step: usize, title: &str, failure: &Diagnostic) -> String {
        let mut lines = vec![self.page.wrap("", "    ", title)];
        if self.located.insert(step) {
            lines.extend(self.places.get(self.address(step)).map(|place| format!("    at {place}")));
        }
        lines.extend(failure.detail.iter().map(|line| format!("    {line}")));
        lines.extend(failure.hint.iter().map(|hint| self.page.wrap("    ", "    ", &format!("hint: {hint}"))));
        lines.join("\n")
    }

    fn verb(&self, step: usize) -> &'static str {
        self.plan.steps.get(step).map_or("step", |step| step.action.verb())
    }

    fn took(&self, step: usize, now: Instant) -> String {
        let took = self.running.get(&step).map(|running| now.saturating_duration_since(running.since));
        took.map(|took| format!(" ({})", seconds(took))).unwrap_or_default()
    }

    fn doing(&self, step: usize) -> &'static str {
        self.words(step).0
    }

    fn did(&self, step: usize) -> &'static str {
        self.words(step).1
    }

    fn words(&self, step: usize) -> (&'static str, &'static str) {
        match self.plan.steps.get(step).map(|step| &step.action) {
            Some(StepAction::Create(_)) => ("creating", "created"),
            Some(StepAction::Update { .. }) => ("updating", "updated"),
            Some(StepAction::Adopt { .. }) => ("adopting", "adopted"),
            Some(StepAction::DisableDeletionProtection { .. }) => {
                ("disabling deletion protection", "disabled deletion protection of")
            }
            Some(StepAction::Delete { .. }) => ("deleting", "deleted"),
            Some(StepAction::Release { .. }) => ("releasing", "released"),
            Some(StepAction::Forget { .. }) => ("forgetting", "forgotten"),
            Some(StepAction::Record { .. }) => ("recording", "recorded"),
            Some(StepAction::Rename { .. }) => ("renaming", "renamed"),
            None => ("working", "done"),
        }
    }

    /// The summary at the end: the failed steps, the steps that were skipped because of them, and the numbers.
    pub fn sum_up(&self, outcome: &Outcome, took: Duration) -> String {
        let page = &self.page;
        let mut out = String::new();
        for (step, _) in &outcome.failed {
            let lead = page.paint(Tone::Gone, "failed:");
            let _ = writeln!(out, "{lead} {} {}", self.verb(*step), self.address(*step));
            let skipped: Vec<&str> = self
                .skipped
                .iter()
                .filter(|(_, because)| because == step)
                .map(|(step, _)| self.address(*step))
                .collect();
            if !skipped.is_empty() {
                let text = format!("skipped because of it: {}", skipped.join(", "));
                let _ = writeln!(out, "{}", page.wrap("    ", "    ", &text));
            }
        }
        if outcome.expired {
            out.push_str("stopped early: no further call can be signed, or the state could not be written\n");
        }
        let all = self.plan.steps.len();
        let mut text = if outcome.is_complete() {
            format!("Done: {}", count(outcome.done, "step"))
        } else {
            format!("Not complete: {} of {} done", outcome.done, count(all, "step"))
        };
        if !outcome.failed.is_empty() {
            let _ = write!(text, ", {} failed", outcome.failed.len());
        }
        if outcome.skipped > 0 {
            let _ = write!(text, ", {} skipped", outcome.skipped);
        }
        if outcome.left > 0 {
            let _ = write!(text, ", {} left to go on", count(outcome.left, "rollout"));
        }
        if outcome.abandoned > 0 {
            let _ = write!(text, ", {} without an answer", outcome.abandoned);
        }
        let ended = outcome.done + outcome.failed.len() + outcome.skipped + outcome.left + outcome.abandoned;
        let rest = all.saturating_sub(ended);
        if rest > 0 {
            let _ = write!(text, ", {rest} not begun");
        }
        let _ = write!(text, ", in {}.", seconds(took));
        let _ = writeln!(out, "{}", page.paint(Tone::Strong, &text));
        if !outcome.is_complete() {
            let _ = writeln!(
                out,
                "Completed steps are saved. To continue, run `provisioner {} {}`.",
                self.command, self.plan.facts.environment
            );
        }
        out
    }
}

/// A time as people say it: `0.4 s`, `12.0 s`, `3 min 20 s`.
pub fn seconds(time: Duration) -> String {
    if time < Duration::from_mins(1) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
}
