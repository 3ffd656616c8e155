//! `rollback`: an older revision, put back.
//!
//! It is an apply like any other, of a plan in which one input of one resource is another: locked, journaled, waited for.
//! The rest is declared as the state has it, so that nothing else changes, whatever the program says by now. The state
//! then says what the service runs, and the next plan of the program shows the way forward.

use std::{collections::BTreeSet, panic::Location};

use provisioner_aws::operations::rollback::{NoWay, Revision, Way, way};
use provisioner_model::{
    Environment,
    erased::Registry,
    stack::{Declared, Desired},
    state::Snapshot,
};
use provisioner_planner::Selection;
use serde_json::Value;

use super::{aws, failed, service};
use crate::{
    arguments::{RolloutArguments, operations::RollbackArguments},
    commands::Ending,
    consent,
    environment::Folder,
    error::{Failure, OperationError, StateError},
    program::Program,
    render::{self, Page, Tone, status::ago},
    run::{Doing, Session},
    terminal::{self, Terminal},
};

pub(super) async fn rollback<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: &RollbackArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let session = Session::open(program, folder, &arguments.environment).await?;
    if session.snapshot.rows.is_empty() {
        return Err(StateError::None(session.name).into());
    }
    let service = service(&session.snapshot, arguments.service.as_deref())?;
    let way = way(aws(&session.clouds)?, &service, arguments.revision.as_deref());
    let way = way.await.map_err(|error| match error {
        NoWay::Revision(why) => Failure::from(OperationError::NoWay(why)),
        NoWay::Call(error) => failed("the revisions could not be read")(error),
    })?;
    let desired = with_revision(&session.snapshot, &session.desired, program.registry(), &service.address, &way.to.arn);
    let selection = Selection { targets: vec![service.address.clone()], ..Selection::default() };
    let plan = session.plan_of(&desired, &selection, &arguments.pace, &service.address).await?;
    terminal.data(&render::plan::plan(&plan, terminal.out()));
    terminal.data(&shown(&way, terminal.out(), terminal::now()));
    if plan.is_empty() {
        return Ok(Ending::Done);
    }
    if !arguments.yes {
        consent::approved(&format!("Put {} back? [y/N]", way.to.name), &mut terminal.clone())?;
    }
    // What an older version answers is not known here: AWS's word and its targets' health must do.
    let rollout = RolloutArguments { no_wait: arguments.no_wait, ..RolloutArguments::default() };
    let doing = Doing { command: "rollback", parallel: 1, pace: &arguments.pace, rollout: &rollout };
    session.carry_out(&plan, &BTreeSet::new(), &doing, terminal).await?;
    let text = format!(
        "{} runs {} now. The program declares another revision: `plan` shows it, and `apply` rolls forward to it.",
        service.address, way.to.name
    );
    terminal.say(&terminal.err().wrap("", "", &text));
    Ok(Ending::Done)
}

/// Everything as the state has it, but for the service's revision.
fn with_revision(state: &Snapshot, desired: &Desired, types: &Registry, service: &str, arn: &str) -> Desired {
    let declared = |(address, row): (&String, &provisioner_model::state::Row)| {
        let mut inputs = row.current()?.declared.clone();
        if address == service
            && let Some(inputs) = inputs.as_object_mut()
        {
            inputs.insert("task_definition".to_owned(), Value::String(arn.to_owned()));
        }
        let type_name = types.get(&row.type_name)?.type_name();
        let (options, provider) = (row.options.clone(), row.provider.clone());
        Some((address.clone(), Declared { type_name, inputs, options, provider, proof: None, at: Location::caller() }))
    };
    Desired {
        resources: state.rows.iter().filter_map(declared).collect(),
        outputs: state.outputs.clone(),
        ..desired.clone()
    }
}

/// What changes with the revision: the plan shows its number alone.
fn shown(way: &Way, page: &Page, now: u64) -> String {
    let about = |revision: &Revision| match revision.registered_at {
        Some(at) => format!("{}, registered {}", revision.name, ago(at, now)),
        None => revision.name.clone(),
    };
    let mut lines = vec![format!("\nFrom {} to {}.", about(&way.from), about(&way.to))];
    for (container, to) in &way.to.images {
        let from = way.from.images.iter().find(|(name, _)| name == container).map_or("none", |(_, image)| image);
        lines.push(if from == to {
            page.wrap("  ", "    ", &format!("{container}: the same image, {to}"))
        } else {
            let (from, to) = (page.paint(Tone::Gone, from), page.paint(Tone::New, to));
            format!("  {container}:\n    - {from}\n    + {to}")
        });
    }
    lines.push(match way.proven {
        Some(true) => "AWS has it among its successful deployments.".to_owned(),
        Some(false) => page.paint(Tone::Warning, "AWS does not have it among its successful deployments."),
        None => page.paint(Tone::Warning, "AWS does not say whether it was ever rolled out successfully."),
    });
    lines.join("\n") + "\n"
}
