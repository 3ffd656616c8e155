//! The effect of Ctrl-C and SIGTERM on a running apply.

use std::{collections::BTreeSet, time::Duration};

use provisioner_engine::{Cancel, Event, EventKind};
use provisioner_model::plan::{Plan, StepAction};
use tokio::sync::watch;

use crate::{consent::Prompt, live::Live, terminal::Terminal};

/// Maximum time from the signal that ends the run to its end. GitHub Actions kills the process 2.5 s after that signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The steps that wait for a rollout, from its start to its end.
pub(super) struct PendingRollouts<'a> {
    plan: &'a Plan,
    steps: BTreeSet<usize>,
}

impl<'a> PendingRollouts<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan, steps: BTreeSet::new() }
    }

    /// Takes an event of the engine in.
    pub(super) fn update(&mut self, event: &Event) {
        match event.kind {
            EventKind::Waiting | EventKind::Verifying if self.is_rollout(event.step) => {
                self.steps.insert(event.step);
            }
            EventKind::RollingBack { .. } | EventKind::Done { .. } | EventKind::Failed(_) | EventKind::Cancelled => {
                self.steps.remove(&event.step);
            }
            _ => {}
        }
    }

    /// A step is a rollout if the plan says how to roll it back.
    fn is_rollout(&self, step: usize) -> bool {
        self.plan.steps.get(step).is_some_and(|step| match &step.action {
            StepAction::Create(write) | StepAction::Update { write, .. } => write.rollback_inputs.is_some(),
            _ => false,
        })
    }
}

/// Turns signals into the engine's [`Cancel`].
pub(super) struct Interrupts<'a> {
    cancel: watch::Sender<Cancel>,
    terminal: &'a Terminal,
    asked: bool,
}

impl<'a> Interrupts<'a> {
    pub(super) fn new(cancel: watch::Sender<Cancel>, terminal: &'a Terminal) -> Self {
        Self { cancel, terminal, asked: false }
    }

    /// Asks on the first signal during a rollout, if there is a terminal. Otherwise the first signal cancels the steps that
    /// have not started, and leaves rollouts running; the next one ends the run.
    pub(super) fn handle(&mut self, rollouts: &PendingRollouts<'_>, live: &mut Live<'_>) {
        let first = !self.asked && *self.cancel.borrow() == Cancel::No;
        if first && self.terminal.is_interactive() && !rollouts.steps.is_empty() {
            self.asked = true;
            live.quiet();
            self.ask();
        } else {
            self.leave();
        }
    }

    /// Asks about the rollout in a separate thread: the rollout continues, another signal leaves it, and the program
    /// can end without an answer.
    fn ask(&self) {
        let (cancel, mut terminal) = (self.cancel.clone(), self.terminal.clone());
        std::thread::spawn(move || {
            let answer = terminal.ask("A rollout is in progress. Leave it running, or roll it back? [leave/roll back]");
            let roll_back = answer.is_some_and(|answer| answer.to_lowercase().starts_with('r'));
            let chosen = if roll_back { Cancel::RollBack } else { Cancel::Leave };
            cancel.send_if_modified(|current| {
                let undecided = *current == Cancel::No;
                if undecided {
                    *current = chosen;
                }
                undecided
            });
        });
    }

    fn leave(&self) {
        let (next, message) = match *self.cancel.borrow() {
            Cancel::No | Cancel::RollBack => {
                (Cancel::Leave, "Interrupted. No new steps will start. Waiting for calls in flight…")
            }
            Cancel::Leave | Cancel::Stop => (
                Cancel::Stop,
                "Stopped. Saving the state. The next plan finds out whether the calls in flight took effect.",
            ),
        };
        self.cancel.send_replace(next);
        self.terminal.say(message);
    }

    /// Completes some time after the signal that ends the run: the engine ends at once, unless the state cannot be written.
    pub(super) fn expired(&self) -> impl Future<Output = ()> + use<> {
        let mut cancel = self.cancel.subscribe();
        async move {
            let stopped = cancel.wait_for(|request| *request == Cancel::Stop).await.is_ok();
            if stopped {
                tokio::time::sleep(STOP_TIMEOUT).await;
            } else {
                std::future::pending::<()>().await;
            }
        }
    }
}
