//! The effect of Ctrl-C and SIGTERM on a running apply.

use std::collections::BTreeSet;

use provisioner_engine::{Cancel, Event, EventKind};
use provisioner_model::plan::{Plan, StepAction};
use tokio::sync::watch;

use crate::{consent::Prompt, live::Live, terminal::Terminal};

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

    /// Asks on the first signal during a rollout, if there is a terminal. Any other signal cancels the steps that have
    /// not started, and leaves rollouts running.
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
        let before = self.cancel.send_replace(Cancel::Leave);
        self.terminal.say(if before == Cancel::No {
            "Interrupted. No new steps will start. Waiting for calls in flight…"
        } else {
            "Still waiting for calls in flight: dropping them would lose track of the objects that they create."
        });
    }
}
