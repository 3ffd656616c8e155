//! `plan`, `apply`, `destroy` and `drift`.

use provisioner_model::Environment;
use provisioner_planner::protected;
use provisioner_store::StateReader;

use super::Ending;
use crate::{
    arguments::{ApplyArguments, DestroyArguments, DriftArguments, PlanArguments, RolloutArguments},
    consent::{self, Said},
    environment::Folder,
    error::Failure,
    program::Program,
    render,
    run::{Doing, Session},
    saved,
    terminal::Terminal,
};

fn ending(detailed: bool, changes: bool) -> Ending {
    if detailed && changes { Ending::Changes } else { Ending::Done }
}

pub(super) async fn plan<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: PlanArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let session = Session::open(program, folder, &arguments.environment).await?;
    let plan = session.plan(&arguments.scope, &arguments.replace, arguments.destroy).await?;
    if arguments.json {
        json(&render::plan::json(&plan), terminal)?;
    } else {
        terminal.data(&render::plan::plan(&plan, terminal.out()));
    }
    if let Some(file) = &arguments.out {
        saved::write(file, &plan)?;
        terminal.say(&format!("Saved. To carry it out: provisioner apply {} {}", session.name, file.display()));
    }
    Ok(ending(arguments.detailed_exitcode, !plan.is_empty()))
}

pub(super) async fn apply<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: ApplyArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let ApplyArguments { environment, plan, allow_delete, replace, rollout, consent, scope } = arguments;
    // A saved plan first: a wrong one is found without a call.
    let saved_plan = plan.map(|file| saved::read(&file, &environment)).transpose()?;
    let (session, plan) = if let Some(plan) = saved_plan {
        let session = Session::open(program, folder, &environment).await?;
        saved::is_here(&plan, &session.target)?;
        saved::is_of(&plan, &session.desired.facts)?;
        (session, plan)
    } else {
        let session = Session::open_building(program, folder, &environment, terminal).await?;
        let plan = session.plan(&scope, &replace, false).await?;
        (session, plan)
    };
    terminal.data(&render::plan::plan(&plan, terminal.out()));
    if !plan.is_empty() {
        let said = Said { yes: consent.yes, allow_delete: allow_delete.into_iter().collect(), confirm: None };
        let consented = consent::apply(&session.name, &protected(&plan), &said, &mut terminal.clone())?;
        let doing = Doing { command: "apply", parallel: consent.parallel, pace: &scope.pace, rollout: &rollout };
        session.carry_out(&plan, &consented, &doing, terminal).await?;
    }
    let outputs = session.store.load().await?.map(|state| state.outputs).unwrap_or_default();
    if !outputs.is_empty() && !plan.is_empty() {
        terminal.data(&format!("\nOutputs\n{}", render::outputs::all(&outputs)));
    }
    Ok(Ending::Done)
}

pub(super) async fn destroy<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: DestroyArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let DestroyArguments { environment, confirm, consent, scope } = arguments;
    let session = Session::open(program, folder, &environment).await?;
    let plan = session.plan(&scope, &[], true).await?;
    if plan.is_empty() {
        terminal.data(&format!("Nothing to destroy: {} has nothing.\n", session.name));
        return Ok(Ending::Done);
    }
    terminal.data(&render::plan::plan(&plan, terminal.out()));
    let said = Said { yes: consent.yes, confirm, ..Said::default() };
    let consented = consent::destroy(&session.name, &protected(&plan), &said, &mut terminal.clone())?;
    let rollout = RolloutArguments::default();
    let doing = Doing { command: "destroy", parallel: consent.parallel, pace: &scope.pace, rollout: &rollout };
    session.carry_out(&plan, &consented, &doing, terminal).await?;
    Ok(Ending::Done)
}

pub(super) async fn drift<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: DriftArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let session = Session::open(program, folder, &arguments.environment).await?;
    let drift = session.drift(&arguments.pace).await?;
    if arguments.json {
        let environment = &session.desired.facts.environment;
        json(
            &serde_json::json!({ "format": render::plan::JSON_FORMAT, "environment": environment, "drift": drift }),
            terminal,
        )?;
    } else if drift.is_empty() {
        terminal.data("No drift: nobody else has changed anything.\n");
    } else {
        terminal.data(&render::plan::drift(&drift, terminal.out()));
    }
    Ok(ending(arguments.detailed_exitcode, !drift.is_empty()))
}

pub(super) fn json(value: &impl serde::Serialize, terminal: &Terminal) -> Result<(), Failure> {
    terminal.data(&(serde_json::to_string_pretty(value)? + "\n"));
    Ok(())
}
