//! Apply: executes the plan's graph, with as many concurrent steps as it allows.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Mutex,
};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use provisioner_model::{
    erased::{Clouds, ResourceRegistry},
    expr::resolve,
    journal::JournalEntry,
    plan::{Discovered, Plan},
    state::Snapshot,
};
use provisioner_planner::verify;
use provisioner_store::{Holder, Store, StoreError};
use tokio::sync::{mpsc::UnboundedSender, watch};

use crate::{
    batch::Batch,
    event::{Cancel, Event, EventKind, Outcome},
    fresh::Writes,
    limits::Limits,
    step::{Run, StepExecution},
    step_error::StepError,
    tuning::Tuning,
    verification::Verifier,
};

/// Parameters of an apply.
pub struct Apply<'a> {
    /// The plan to execute.
    pub plan: &'a Plan,
    /// All registered resource types.
    pub registry: &'a ResourceRegistry,
    /// Clients of the provider instances.
    pub clouds: &'a Clouds,
    /// Store of the state and the journal.
    pub store: &'a dyn Store,
    /// Holder of the lock during the apply.
    pub holder: Holder,
    /// The protected resources that may be deleted or replaced.
    pub consent: &'a BTreeSet<String>,
    /// Channel for progress events.
    pub events: UnboundedSender<Event>,
    /// Cancellation of the apply, with the way of ending.
    pub cancel: watch::Receiver<Cancel>,
    /// Verifier of the rollouts that declare a verification; `None` skips verification.
    pub verifier: Option<&'a dyn Verifier>,
    /// `true` if rollouts are waited for. Else they stay pending, and the next apply takes them up.
    pub wait: bool,
    /// `true` if the inputs of a create or update are checked once more before its call: with the values that were not known
    /// at the plan.
    pub checks_inputs: bool,
    /// Timeouts and concurrency of the run.
    pub tuning: Tuning,
}

/// A reason for which an apply did not start, or could not be journaled.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The state could not be read or written.
    #[error("the state could not be read or written")]
    Store(#[from] StoreError),
    /// The state is not the one that the plan was made from.
    #[error("the state has changed since the plan was made: {what}")]
    Stale {
        /// Description of the difference.
        what: String,
    },
    /// The plan was not made by the planner: its steps do not belong together.
    #[error("the plan contradicts itself: {wrong}")]
    Contradiction {
        /// The first contradiction.
        wrong: String,
    },
    /// The plan deletes what is protected.
    #[error("the plan deletes protected resources: {}", addresses.join(", "))]
    Protected {
        /// Addresses of the resources concerned.
        addresses: Vec<String>,
    },
    /// A step is of a type that this program lacks.
    #[error("this program does not know the type `{type_name}` of {address}")]
    Type {
        /// Address of the resource.
        address: String,
        /// Resource type, such as `aws:ec2:subnet`.
        type_name: String,
    },
}

/// Executes a plan. On every outcome, it saves the completed steps before it releases the lock.
pub async fn apply(input: Apply<'_>) -> Result<Outcome, ApplyError> {
    // A saved plan is a file that anything may have changed.
    if let Some(wrong) = verify::plan(input.plan).into_iter().next() {
        return Err(ApplyError::Contradiction { wrong });
    }
    let lock = input.store.lock(input.holder.clone()).await?;
    let outcome = locked(&input).await;
    // In this order, and never the other: first the state is saved, then the lock is given back.
    lock.release().await?;
    outcome
}

async fn locked(input: &Apply<'_>) -> Result<Outcome, ApplyError> {
    let mut state = start(input).await?;
    let protected = provisioner_planner::protected(input.plan, &state);
    let addresses: Vec<String> = protected.difference(input.consent).cloned().collect();
    if !addresses.is_empty() {
        return Err(ApplyError::Protected { addresses });
    }
    state.serial += 1;
    state.targets.clone_from(&input.plan.targets);
    state.stopped = input.plan.facts.stopped;
    for Discovered { address, token, id } in &input.plan.discovered {
        let (address, token, id) = (address.clone(), token.clone(), id.clone());
        state.fold(JournalEntry::Answered { address, token, id, receipt: None });
    }
    // Clears away what an earlier journal told, and shows that the state can be written before anything is done.
    input.store.commit(&state).await?;
    let lineage = state.lineage.clone();
    input.store.append(JournalEntry::RunStarted { lineage, serial: state.serial }).await?;
    let run = Run {
        registry: input.registry,
        clouds: input.clouds,
        store: input.store,
        reads: Batch::new(input.clouds, input.tuning),
        lineage: state.lineage.clone(),
        ours: ids(&state),
        state: Mutex::new(state),
        tuning: input.tuning,
        events: input.events.clone(),
        cancel: input.cancel.clone(),
        verifier: input.verifier,
        wait: input.wait,
        region: input.checks_inputs.then(|| input.plan.facts.region.clone()),
        limits: Limits::new(input.tuning.parallel),
        steps: &input.plan.steps,
        writes: Writes::default(),
        stopped: input.plan.facts.stopped,
    };
    let outcome = walk(input, &run).await?;
    let mut end = run.state().clone();
    end.serial += 1;
    end.outputs = outputs(input.plan, &run);
    // What is applied after a destroy is a new environment.
    end.stopped &= !end.rows.is_empty();
    input.store.commit(&end).await?;
    Ok(outcome)
}

/// The objects that a state has: type and ID.
fn ids(state: &Snapshot) -> HashSet<(String, String)> {
    let rows = state.rows.values();
    let objects = rows.flat_map(|row| row.objects.iter().map(move |object| (row.type_name.clone(), object.id.clone())));
    objects.filter_map(|(type_name, id)| Some((type_name, id?))).collect()
}

/// The state that the plan was made from, or why it is not there.
async fn start(input: &Apply<'_>) -> Result<Snapshot, ApplyError> {
    let plan = input.plan;
    let stale = |what: String| Err(ApplyError::Stale { what });
    let Some(state) = input.store.load().await? else {
        if plan.serial == 0 {
            return Ok(Snapshot::new(plan.lineage.clone(), plan.facts.environment.clone()));
        }
        return stale(format!("the plan has serial {}, and there is no state", plan.serial));
    };
    if state.lineage != plan.lineage {
        return stale("the state has another lineage".to_owned());
    }
    if state.serial != plan.serial {
        return stale(format!("the plan has serial {}, the state has serial {}", plan.serial, state.serial));
    }
    if state.digest() != plan.digest {
        return stale("an apply was interrupted".to_owned());
    }
    Ok(state)
}

fn outputs(plan: &Plan, run: &Run<'_>) -> BTreeMap<String, serde_json::Value> {
    let resolved = plan.declared_outputs.iter().filter_map(|(name, declared)| {
        let mut unknown = vec![];
        let value = resolve(declared, &|address, path| run.output(address, path), &mut unknown);
        unknown.is_empty().then(|| (name.clone(), value))
    });
    resolved.collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Waiting,
    Done,
    /// It, or this one before it, failed.
    Failed(usize),
    Cancelled,
}

async fn walk<'a>(input: &Apply<'a>, run: &Run<'a>) -> Result<Outcome, ApplyError> {
    let steps = &input.plan.steps;
    let mut executions = vec![];
    for (number, step) in steps.iter().enumerate() {
        let resource_type = run
            .registry
            .get(&step.type_name)
            .ok_or_else(|| ApplyError::Type { address: step.address.clone(), type_name: step.type_name.clone() })?;
        executions.push(StepExecution { run, number, step, resource_type, rolling_back: false });
    }
    let mut marks = vec![Mark::Waiting; steps.len()];
    let mut left: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
    let mut dependents = vec![vec![]; steps.len()];
    for (number, step) in steps.iter().enumerate() {
        for need in &step.after {
            dependents[*need].push(number);
        }
    }
    let mut ready: Vec<usize> = (0..steps.len()).filter(|number| left[*number] == 0).collect();
    let mut running = FuturesUnordered::new();
    let mut outcome = Outcome::default();
    loop {
        for number in std::mem::take(&mut ready) {
            if run.cancelled() || outcome.expired {
                marks[number] = Mark::Cancelled;
                run.tell(number, EventKind::Cancelled);
                continue;
            }
            run.tell(number, EventKind::Started);
            let execution = &executions[number];
            running.push(async move { (number, execution.run().await) }.boxed());
        }
        // No step is ever dropped: it awaits its calls to their end, or journals that the run was stopped meanwhile, and
        // is never between an entry of the journal and its effect on the state.
        let Some((number, result)) = running.next().await else { break };
        match result {
            Ok(id) => {
                marks[number] = Mark::Done;
                outcome.done += 1;
                run.tell(number, EventKind::Done { id });
                for next in &dependents[number] {
                    left[*next] -= 1;
                    if left[*next] == 0 {
                        ready.push(*next);
                    }
                }
            }
            Err(step_error @ (StepError::Cancelled | StepError::Left | StepError::Abandoned)) => {
                outcome.left += usize::from(matches!(step_error, StepError::Left));
                outcome.abandoned += usize::from(matches!(step_error, StepError::Abandoned));
                marks[number] = Mark::Cancelled;
                run.tell(number, EventKind::Cancelled);
            }
            Err(step_error) => {
                outcome.expired |= step_error.is_fatal();
                marks[number] = Mark::Failed(number);
                run.tell(number, EventKind::Failed(step_error.diagnostic(&steps[number])));
                outcome.failed.push((number, step_error.why()));
            }
        }
    }
    // In the plan's order: each comes after those it waits for.
    for (number, step) in steps.iter().enumerate().filter(|(number, _)| left[*number] > 0) {
        let before = step.after.iter().map(|need| marks[*need]);
        let mark = before.clone().find(|mark| matches!(mark, Mark::Failed(_))).unwrap_or(Mark::Cancelled);
        marks[number] = mark;
        match mark {
            Mark::Failed(because) => {
                outcome.skipped += 1;
                run.tell(number, EventKind::Skipped { because });
            }
            _ => run.tell(number, EventKind::Cancelled),
        }
    }
    outcome.cancelled = marks.contains(&Mark::Cancelled);
    Ok(outcome)
}
