//! `rollback`: rolls a service back to an older revision.
//!
//! A rollback is an apply of a plan in which one input of one resource changes: locked, journaled, waited for. The other
//! resources are declared as the state records them, so that nothing else changes, whatever the program declares by now.
//! The state then records the revision that runs, and the next plan of the program shows the way forward.

use std::collections::BTreeSet;

use clap::Args;
use provisioner_aws::operations::rollback::{Revision, RollbackError, RollbackTarget, way};
use provisioner_model::Environment;
use provisioner_planner::Selection;
use serde_json::Value;

use super::ExitStatus;
use crate::{
    consent,
    declaration::places,
    environment::Folder,
    error::{Failure, OperationError},
    options::{Pace, RolloutOptions, SchemaOptions},
    program::Program,
    render::{self, PageFormat, Tone, status::ago},
    session::{Execution, RefreshScope, Session},
    terminal::{self, Terminal},
};

#[derive(Args, Debug)]
#[command(after_help = "Without REVISION: the newest older revision with a successful deployment. Only the \
revision changes:\na rollback reverts no data or migrations. The next `plan` shows that the program declares another \
revision, and\nthe next `apply` rolls forward to it.")]
pub(crate) struct RollbackArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// The revision: a number, or `family:number`.
    #[arg(value_name = "REVISION")]
    revision: Option<String>,
    /// Address of the service, if there are several.
    #[arg(long, value_name = "ADDRESS")]
    service: Option<String>,
    /// Skip the approval prompt.
    #[arg(long, short)]
    yes: bool,
    /// Do not wait for the rollout: the next apply resumes it.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    pace: Pace,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: RollbackArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let mut session = Session::open(program, folder, folder.load::<E>(&arguments.environment)?).await?;
    let declaration = session.declare()?;
    if session.snapshot.rows.is_empty() {
        return Err(session.store.missing().into());
    }
    let service = session.service(arguments.service.as_deref())?;
    let way = way(session.aws()?, &service, arguments.revision.as_deref()).await.map_err(|error| match error {
        RollbackError::Revision(why) => Failure::from(OperationError::NoWay(why)),
        RollbackError::Call(error) => OperationError::call("could not read the revisions")(error),
    })?;

    let places = places(&declaration.desired);
    let mut declaration = declaration.into_recorded(&session.snapshot, program.registry());
    if let Some(declared) = declaration.desired.resources.get_mut(&service.address) {
        declared.inputs["task_definition"] = Value::String(way.to.arn.clone());
    }
    let scope = RefreshScope::Resources(vec![service.address.clone()]);
    let observed = session.refresh(&declaration.desired, scope, &arguments.pace).await?;
    let selection = Selection { targets: vec![service.address.clone()], ..Selection::default() };
    let plan = session.plan(&declaration, &observed, &selection)?;
    terminal.data(&render::plan::plan(&plan, terminal.out()));
    terminal.data(&summary(&way, terminal.out(), terminal::now()));
    if plan.is_empty() {
        return Ok(ExitStatus::Success);
    }

    if !arguments.yes {
        consent::approved(&format!("Put {} back? [y/N]", way.to.name), &mut terminal.clone())?;
    }
    // `Declared::verification` is empty: the program declares what its own revision answers, not what an older one does. AWS's
    // view of the deployment and the targets' health decide.
    let rollout = RolloutOptions { no_wait: arguments.no_wait, ..RolloutOptions::default() };
    let execution = Execution {
        command: "rollback",
        parallel: 1,
        pace: &arguments.pace,
        rollout: &rollout,
        // The version ran before: no rule keeps it from being restored.
        schemas: SchemaOptions { no_schemas: true },
        places: &places,
    };
    session.apply(&plan, &BTreeSet::new(), &execution, terminal).await?;
    let text = format!(
        "{} now runs {}. The program declares another revision: `plan` shows it, and `apply` rolls forward to it.",
        service.address, way.to.name
    );
    terminal.say(&terminal.err().wrap("", "", &text));
    Ok(ExitStatus::Success)
}

/// The images that change with the revision: the plan shows the revision's number only.
fn summary(way: &RollbackTarget, page: &PageFormat, now: u64) -> String {
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
    lines.push(match way.succeeded {
        Some(true) => "AWS lists it as a successful deployment.".to_owned(),
        Some(false) => page.paint(Tone::Warning, "AWS does not list it as a successful deployment."),
        None => page.paint(Tone::Warning, "AWS does not say whether it was ever rolled out successfully."),
    });
    lines.join("\n") + "\n"
}
