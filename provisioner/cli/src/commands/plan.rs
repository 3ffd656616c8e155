//! `plan`: shows the changes that an apply would make.

use std::path::PathBuf;

use clap::Args;
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    environment::Folder,
    error::Failure,
    options::{PreflightOptions, SchemaOptions, Scope, TemplateOptions},
    program::Program,
    render, saved,
    session::Session,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    /// Name of the environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Save the plan, for `apply ENV FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the plan as JSON (docs/plan-json.md).
    #[arg(long)]
    json: bool,
    /// Exit with 2 if there are changes.
    #[arg(long)]
    detailed_exitcode: bool,
    /// Plan the deletion of all objects.
    #[arg(long, conflicts_with_all = ["replace", "template"])]
    destroy: bool,
    /// Replace this resource even if no change requires it; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<String>,
    #[command(flatten)]
    schemas: SchemaOptions,
    #[command(flatten)]
    template: TemplateOptions,
    #[command(flatten)]
    preflight: PreflightOptions,
    #[command(flatten)]
    scope: Scope,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: PlanArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let PlanArguments {
        environment,
        out,
        json,
        detailed_exitcode,
        destroy,
        replace,
        schemas,
        template,
        preflight,
        scope,
    } = arguments;
    let mut session = Session::open(program, folder, folder.load::<E>(&environment)?).await?;
    if !destroy {
        session.look_up().await?;
    }
    let mut declaration = session.declare()?;
    if destroy {
        declaration = declaration.emptied();
    }
    session.check(&declaration, schemas)?;
    session.check_for_other_stacks(&mut declaration, preflight).await?;
    let observed = session.refresh(&declaration.desired, scope.refresh(), &scope.pace).await?;
    let mut plan = session.plan(&declaration, &observed, &scope.selection(&replace))?;
    session.preflight(&declaration.desired, &mut plan, preflight).await?;
    session.write_template(&declaration.desired, &template)?;

    if json {
        terminal.json(&render::plan::json(&plan))?;
    } else {
        terminal.data(&render::plan::plan(&plan, terminal.out()));
    }
    if let Some(file) = &out {
        session.store.check_lock().await?;
        saved::write(file, &plan)?;
        terminal.say(&format!("Saved. To apply it: provisioner apply {environment} {}", file.display()));
    }
    Ok(ExitStatus::detailed(detailed_exitcode, !plan.is_empty()))
}
