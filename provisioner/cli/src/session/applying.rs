//! Carrying out a plan: the engine works, its events are shown, and a signal ends it early.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use provisioner_engine::{Apply, Cancel, Outcome, Tuning};
use provisioner_model::{Environment, SourceLocation, plan::Plan};
use tokio::sync::{mpsc::unbounded_channel, watch};

use super::{
    Session,
    interrupts::{Interrupts, PendingRollouts},
    planning::tuning,
    recording::Record,
};
use crate::{
    error::Failure,
    live::Live,
    options::{Pace, RolloutOptions, SchemaOptions},
    render::progress::Progress,
    runs::Recorder,
    signals::Signals,
    state_store::holder,
    terminal::{self, Terminal},
    verification::verifier,
};

/// The command that carries a plan out, and its options.
pub(crate) struct Execution<'a> {
    /// The command's name, which the lock shows to others.
    pub(crate) command: &'a str,
    /// The maximum of writing calls in flight.
    pub(crate) parallel: u16,
    pub(crate) pace: &'a Pace,
    pub(crate) rollout: &'a RolloutOptions,
    pub(crate) schemas: SchemaOptions,
    /// The declarations of the resources in the program, by address.
    pub(crate) places: &'a BTreeMap<String, SourceLocation>,
}

impl<E: Environment> Session<'_, E> {
    /// Carries a plan out. `consent` lists the protected resources that it may delete or replace.
    pub(crate) async fn apply(
        &self,
        plan: &Plan,
        consent: &BTreeSet<String>,
        execution: &Execution<'_>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        self.check_own_role(plan).await?;
        let started = Instant::now();
        let holder = holder(&format!("{} {}", execution.command, self.environment.name));
        let mut record = Record::new(self, Recorder::new(plan, holder.clone(), &terminal::token()));
        let (events, mut inbox) = unbounded_channel();
        let (cancel_sender, cancel) = watch::channel(Cancel::No);
        let verifier = verifier(&self.clouds, plan, execution.rollout, terminal);
        let work = provisioner_engine::apply(Apply {
            plan,
            registry: self.program.registry(),
            clouds: &self.clouds,
            store: self.store.store(),
            holder,
            consent,
            events,
            cancel,
            verifier: verifier.as_deref(),
            wait: !execution.rollout.no_wait,
            checks_inputs: !execution.schemas.no_schemas,
            tuning: Tuning { parallel: execution.parallel.into(), ..tuning(execution.pace) },
        });
        tokio::pin!(work);

        let mut signals = Signals::new().map_err(Failure::Start)?;
        let mut interrupts = Interrupts::new(cancel_sender, terminal);
        let mut rollouts = PendingRollouts::new(plan);
        let mut progress = Progress::new(plan, execution.command, execution.places, *terminal.err());
        let mut live = Live::new(terminal, plan.steps.len());
        // `work` is polled until it ends: dropping it would lose track of the calls in flight. A signal tells the engine to
        // start no more steps, and another one to end without the answers. The journal is on disk at every moment.
        let expired = interrupts.expired();
        tokio::pin!(expired);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                Some(event) = inbox.recv() => {
                    rollouts.update(&event);
                    record.event(&event);
                    let line = progress.take(event, Instant::now());
                    live.show(&progress, line.as_deref());
                }
                () = &mut expired => {
                    live.end();
                    return Err(Failure::Interrupted);
                }
                () = signals.next() => interrupts.handle(&rollouts, &mut live),
                () = record.write() => {}
                () = tokio::time::sleep(Live::HEARTBEAT) => live.still_at_it(&progress),
            }
        };
        // The engine has dropped its end of the channel. This loop shows the last events.
        while let Some(event) = inbox.recv().await {
            record.event(&event);
            let line = progress.take(event, Instant::now());
            live.show(&progress, line.as_deref());
        }
        live.end();
        record.end(&result, terminal).await;

        let outcome = result?;
        terminal.say(&progress.sum_up(&outcome, started.elapsed()));
        exit_of(&outcome)
    }
}

/// The command's result after an apply that began. The progress and its summary have told the user the rest.
fn exit_of(outcome: &Outcome) -> Result<(), Failure> {
    if outcome.is_complete() {
        return Ok(());
    }
    if !outcome.failed.is_empty() {
        return Err(Failure::Incomplete);
    }
    if outcome.left > 0 {
        return Err(Failure::Left);
    }
    if outcome.cancelled { Err(Failure::Interrupted) } else { Err(Failure::Incomplete) }
}
