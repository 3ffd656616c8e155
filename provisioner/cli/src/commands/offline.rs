//! `graph`, `validate`, `schema` and `completions`: no credentials, no network.

use std::collections::BTreeMap;

use clap::CommandFactory;
use provisioner_model::{
    Environment,
    expr::edges,
    stack::{Desired, MAIN},
    state::{Snapshot, Target},
};
use provisioner_planner::{Input, Observations, Selection};

use super::{Ending, changes::json};
use crate::{
    arguments::{Arguments, Drawing, GraphArguments},
    environment::{Folder, schema as schemas},
    error::Failure,
    program::Program,
    render::{count, graph as draw},
    run,
    terminal::Terminal,
};

pub(super) async fn graph<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: &GraphArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let (desired, _) = run::offline(program, folder, &arguments.environment).await?;
    let mut all = draw::Edges::new();
    for (address, declared) in &desired.resources {
        let mut needs = vec![];
        edges(&declared.inputs, &mut needs);
        all.insert(address.clone(), needs.into_iter().collect());
    }
    terminal.data(&match arguments.format {
        Drawing::Dot => draw::dot(&arguments.environment, &all),
        Drawing::Mermaid => draw::mermaid(&all),
        Drawing::Svg => draw::svg(&all),
    });
    Ok(Ending::Done)
}

pub(super) async fn validate<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    environments: Vec<String>,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let names = if environments.is_empty() { folder.names()? } else { environments };
    // Each is told as it is found; the last one found wrong ends the command.
    let mut failed = None;
    for name in &names {
        let checked = match run::offline(program, folder, name).await {
            Ok((desired, target)) => plan_from_nothing(program, &desired, &target).map(|()| desired.resources.len()),
            Err(failure) => Err(failure),
        };
        match checked {
            Ok(resources) => terminal.data(&format!("{name}: good, {}\n", count(resources, "resource"))),
            Err(failure) => {
                if let Some(earlier) = failed.replace(failure) {
                    Failure::tell(&earlier, terminal);
                }
            }
        }
    }
    failed.map_or(Ok(Ending::Done), Err)
}

/// What only a plan finds: loops, two objects with one unique key, inputs that do not have their type's shape.
fn plan_from_nothing<E: Environment>(program: &Program<E>, desired: &Desired, target: &Target) -> Result<(), Failure> {
    let snapshot = Snapshot::new("validate", desired.facts.environment.clone());
    let input = Input {
        desired,
        snapshot: &snapshot,
        observed: &Observations::default(),
        registry: program.registry(),
        selection: &Selection::default(),
        targets: &BTreeMap::from([(MAIN.to_owned(), target.clone())]),
    };
    provisioner_planner::plan(&input).map(|_| ()).map_err(Failure::Planning)
}

pub(super) fn schema<E: Environment>(terminal: &Terminal) -> Result<Ending, Failure> {
    json(&schemas::of::<E>(), terminal)?;
    Ok(Ending::Done)
}

pub(super) fn completions(shell: clap_complete::Shell, name: Option<&str>, terminal: &Terminal) {
    let mut text = vec![];
    clap_complete::generate(shell, &mut Arguments::command(), name.unwrap_or("provisioner"), &mut text);
    terminal.data(&String::from_utf8_lossy(&text));
}
