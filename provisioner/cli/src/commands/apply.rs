//! `apply`: applies a new plan or a saved one.

use std::path::PathBuf;

use clap::Args;
use provisioner_model::Environment;
use provisioner_planner::{deleted, protected};

use super::ExitStatus;
use crate::{
    consent::{self, ConsentFlags},
    declaration::places,
    environment::Folder,
    error::Failure,
    options::{ApplyOptions, PreflightOptions, RolloutOptions, SchemaOptions, Scope, TemplateOptions},
    program::{Program, is_looked_up},
    render, saved,
    session::{Execution, Session},
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct ApplyArguments {
    /// Name of the environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    environment: String,
    /// A plan from `plan --out`: apply exactly this plan, or refuse.
    #[arg(value_name = "FILE", conflicts_with_all = ["target", "exclude", "replace", "no_refresh", "template"])]
    plan: Option<PathBuf>,
    /// Allow the deletion or replacement of this protected resource; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    allow_delete: Vec<String>,
    /// Refuse a plan that deletes or replaces anything, for unattended runs.
    #[arg(long, conflicts_with = "allow_delete")]
    no_destroy: bool,
    /// Replace this resource even if no change requires it; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<String>,
    #[command(flatten)]
    rollout: RolloutOptions,
    #[command(flatten)]
    schemas: SchemaOptions,
    #[command(flatten)]
    template: TemplateOptions,
    #[command(flatten)]
    preflight: PreflightOptions,
    #[command(flatten)]
    options: ApplyOptions,
    #[command(flatten)]
    scope: Scope,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: ApplyArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let ApplyArguments {
        environment,
        plan,
        allow_delete,
        no_destroy,
        replace,
        rollout,
        schemas,
        template,
        preflight,
        options,
        scope,
    } = arguments;
    // A wrong file is reported before any call.
    let saved_plan = plan.map(|file| saved::read(&file, &environment)).transpose()?;
    let mut session = Session::open(program, folder, folder.load::<E>(&environment)?).await?;
    // The engine takes the lock when it starts. A run in progress is reported before any work.
    session.store.check_lock().await?;
    // The plan of a destroy was made without a look-up.
    if saved_plan.as_ref().is_none_or(|plan| is_looked_up(&plan.facts)) {
        session.look_up().await?;
    }
    let (plan, places) = if let Some(plan) = saved_plan {
        // Secrets are not in the plan: the stack program declares them.
        let declaration = session.declare()?;
        saved::check_target(&plan, &session.target)?;
        saved::check_facts(&plan, &declaration.desired.facts)?;
        (plan, places(&declaration.desired))
    } else {
        session.build_image(terminal)?;
        let mut declaration = session.declare()?;
        session.check(&declaration, schemas)?;
        session.check_for_other_stacks(&mut declaration, preflight).await?;
        let observed = session.refresh(&declaration.desired, scope.refresh(), &scope.pace).await?;
        let mut plan = session.plan(&declaration, &observed, &scope.selection(&replace))?;
        session.preflight(&declaration.desired, &mut plan, preflight).await?;
        session.write_template(&declaration.desired, &template)?;
        (plan, places(&declaration.desired))
    };
    terminal.data(&render::plan::plan(&plan, terminal.out()));
    if plan.is_empty() {
        return Ok(ExitStatus::Success);
    }

    let flags =
        ConsentFlags { yes: options.yes, allow_delete: allow_delete.into_iter().collect(), confirm: None, no_destroy };
    let (deleted, protected) = (deleted(&plan), protected(&plan, &session.snapshot));
    let consent = consent::apply(&environment, &deleted, &protected, &flags, &mut terminal.clone())?;
    let execution = Execution {
        command: "apply",
        parallel: options.parallel,
        pace: &scope.pace,
        rollout: &rollout,
        schemas,
        places: &places,
    };
    session.apply(&plan, &consent, &execution, terminal).await?;

    let outputs = session.store.load().await?.map(|state| state.outputs).unwrap_or_default();
    if !outputs.is_empty() {
        terminal.data(&format!("\nOutputs\n{}", render::outputs::all(&outputs)));
    }
    Ok(ExitStatus::Success)
}
