//! `stop` and `start`: an idle environment costs less.
//!
//! Both are applies of a plan: locked, journaled, waited for, and resumed by the next apply. The resources are declared as
//! the state records them, so that nothing else changes, whatever the program declares by now. What is stopped, each
//! resource type says: see [`FieldSchema::stopped`](provisioner_model::resource::FieldSchema).

use std::collections::BTreeSet;

use clap::Args;
use provisioner_model::{
    Environment,
    erased::ResourceRegistry,
    stack::{Declared, Desired},
};
use provisioner_planner::Selection;
use serde_json::Value;

use super::ExitStatus;
use crate::{
    consent,
    declaration::places,
    environment::Folder,
    error::Failure,
    options::{ApplyOptions, Pace, RolloutOptions, SchemaOptions},
    program::Program,
    render,
    session::{Execution, RefreshScope, Session},
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct StopArguments {
    /// Name of the environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    environment: String,
    #[command(flatten)]
    options: ApplyOptions,
    #[command(flatten)]
    pace: Pace,
}

/// The command: to stop, or to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Stop,
    Start,
}

impl Direction {
    fn command(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
        }
    }
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: StopArguments,
    direction: Direction,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let StopArguments { environment, options, pace } = arguments;
    let mut session = Session::open(program, folder, folder.load::<E>(&environment)?).await?;
    // The engine takes the lock when it starts. A run in progress is reported before any work.
    session.store.check_lock().await?;
    if session.snapshot.rows.is_empty() {
        return Err(session.store.missing().into());
    }
    let was_stopped = session.snapshot.stopped;
    session.stopped = direction == Direction::Stop;
    let declaration = session.declare()?;
    let places = places(&declaration.desired);
    let counts = initial_values(&declaration.desired, program.registry());
    let mut declaration = declaration.into_recorded(&session.snapshot, program.registry());
    for (address, field, value) in counts {
        if let Some(recorded) = declaration.desired.resources.get_mut(&address) {
            recorded.inputs[field] = value;
        }
    }

    let stoppable = |type_name: &str| {
        let resource_type = program.registry().get(type_name);
        resource_type.is_some_and(|of| of.info().fields.iter().any(|field| field.stopped.is_some()))
    };
    let rows = session.snapshot.rows.iter().filter(|(_, row)| stoppable(&row.type_name));
    let addresses: Vec<String> = rows.map(|(address, _)| address.clone()).collect();
    if addresses.is_empty() {
        terminal.data(&format!("{environment} has nothing to {}.\n", direction.command()));
        return Ok(ExitStatus::Success);
    }
    let scope = RefreshScope::Resources(addresses.clone());
    let observed = session.refresh(&declaration.desired, scope, &pace).await?;
    let plan = session.plan(&declaration, &observed, &Selection { targets: addresses, ..Selection::default() })?;
    let state = if session.stopped { "stopped" } else { "running" };
    let is_done = plan.is_empty() && was_stopped == session.stopped;
    if is_done && plan.notices.iter().all(|notice| notice.address.is_none()) {
        terminal.data(&format!("{environment} is {state} already.\n"));
        return Ok(ExitStatus::Success);
    }
    terminal.data(&render::plan::plan(&plan, terminal.out()));
    // The notices about objects name what somebody else has stopped.
    if is_done {
        return Ok(ExitStatus::Success);
    }
    if !options.yes {
        let question = match direction {
            Direction::Stop => format!("Stop {environment}? [y/N]"),
            Direction::Start => format!("Start {environment}? [y/N]"),
        };
        consent::approved(&question, &mut terminal.clone())?;
    }
    let rollout = RolloutOptions::default();
    let execution = Execution {
        command: direction.command(),
        parallel: options.parallel,
        pace: &pace,
        rollout: &rollout,
        // The resources were applied before: no rule keeps them from being started again.
        schemas: SchemaOptions { no_schemas: true },
        places: &places,
    };
    session.apply(&plan, &BTreeSet::new(), &execution, terminal).await?;
    let next = match direction {
        Direction::Stop => format!("An apply leaves it stopped. To start it: provisioner start {environment}"),
        Direction::Start => "Its rollouts were not verified: `provisioner status` shows what runs.".to_owned(),
    };
    terminal.say(&format!("{environment} is {state}. {next}"));
    Ok(ExitStatus::Success)
}

/// Returns the program's values of inputs that it states for the beginning only, such as a number of tasks: the state does
/// not follow them.
fn initial_values(declared: &Desired, registry: &ResourceRegistry) -> Vec<(String, &'static str, Value)> {
    let of_resource = |(address, declared): (&String, &Declared)| {
        let fields = registry.get(declared.type_name).map(|of| of.info().fields).unwrap_or_default();
        let stated = fields.iter().filter(|field| field.initial && field.stopped.is_some()).filter_map(|field| {
            let value = declared.inputs.get(field.name).filter(|value| !value.is_null())?;
            Some((address.clone(), field.name, value.clone()))
        });
        stated.collect::<Vec<_>>()
    };
    declared.resources.iter().flat_map(of_resource).collect()
}
