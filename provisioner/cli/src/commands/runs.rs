//! `runs`: lists the recorded runs of an environment, and shows one.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use clap::Args;
use futures::future::join_all;
use provisioner_model::{Environment, printable};
use serde::Serialize;

use super::ExitStatus;
use crate::{
    environment::Folder,
    error::{Failure, StateError},
    render::{cell, columns, count, progress::seconds},
    runs::{self, RunLine},
    state_store::StateStore,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct RunsArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Show this run: its name, or the beginning of it; `latest` for the last one.
    run: Option<String>,
    /// Print JSON: the list, or every line of one run.
    #[arg(long)]
    json: bool,
}

/// A run in the list.
#[derive(Serialize)]
struct Listed {
    name: String,
    owner: String,
    host: String,
    command: String,
    steps: Vec<(String, usize)>,
    /// None if the run was killed, or still runs.
    outcome: Option<String>,
    milliseconds: Option<u64>,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: RunsArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let RunsArguments { environment, run, json } = arguments;
    let state = StateStore::known::<E>(folder, &environment).await?;
    let names = state.store().runs().await?;
    if names.is_empty() {
        state.load().await?.ok_or_else(|| state.missing())?;
    }
    if let Some(run) = run {
        let name = match run.as_str() {
            "latest" => names.last(),
            run => names.iter().rev().find(|name| name.starts_with(run)),
        };
        let name = name.ok_or(StateError::NoRun { environment, run })?;
        let lines = runs::parse(&state.store().run(name).await?.unwrap_or_default());
        if json {
            terminal.json(&lines)?;
        } else {
            terminal.data(&shown(name, &lines));
        }
        return Ok(ExitStatus::Success);
    }
    let read = join_all(names.iter().map(|name| state.store().run(name))).await;
    // One record that cannot be read does not hide the others.
    let listed = names.iter().zip(read).map(|(name, read)| {
        let lines = runs::parse(&read.ok().flatten().unwrap_or_default());
        listed_run(name, &lines).ok_or(name)
    });
    let (listed, unreadable): (Vec<_>, Vec<_>) = listed.partition(Result::is_ok);
    let listed: Vec<Listed> = listed.into_iter().flatten().collect();
    for name in unreadable.into_iter().filter_map(Result::err) {
        terminal.say(&format!("{}: the record cannot be read", printable(name)));
    }
    if json {
        terminal.json(&listed)?;
    } else {
        terminal.data(&table(&listed));
    }
    Ok(ExitStatus::Success)
}

fn listed_run(name: &str, lines: &[RunLine]) -> Option<Listed> {
    let RunLine::Run { holder, steps, .. } = lines.first()? else { return None };
    let end = lines.iter().rev().find_map(|line| match line {
        RunLine::End { at, outcome, .. } => Some((*at, outcome.clone())),
        _ => None,
    });
    Some(Listed {
        name: name.to_owned(),
        owner: holder.owner.clone(),
        host: holder.host.clone(),
        command: holder.command.clone(),
        steps: steps.clone(),
        milliseconds: end.as_ref().map(|(at, _)| *at),
        outcome: end.map(|(_, outcome)| outcome),
    })
}

/// Returns a line for each run, the oldest first.
fn table(runs: &[Listed]) -> String {
    let width = |of: fn(&Listed) -> &str| runs.iter().map(|run| columns(of(run))).max().unwrap_or(0);
    let (commands, owners) = (width(|run| &run.command), width(|run| &run.owner));
    let mut out = String::new();
    for run in runs {
        let (command, owner) = (cell(&run.command, commands), cell(&run.owner, owners));
        let _ = writeln!(out, "{}  {command}  {owner}  {}", run.name, ending(run));
    }
    out
}

fn ending(run: &Listed) -> String {
    let steps = run.steps.iter().map(|(action, number)| format!("{number} to {action}")).collect::<Vec<_>>().join(", ");
    match (&run.outcome, run.milliseconds) {
        (Some(outcome), Some(time)) => format!("{outcome} after {}: {steps}", seconds(Duration::from_millis(time))),
        _ => format!("killed, or still running: {steps}"),
    }
}

/// Returns the record of a run for people: its steps, and the calls that failed.
fn shown(name: &str, lines: &[RunLine]) -> String {
    let mut out = String::new();
    if let Some(RunLine::Run { version, holder, .. }) = lines.first() {
        let _ = writeln!(out, "{name}: {holder}, with Provisioner {version}\n");
    }
    let mut calls = BTreeMap::<&str, (usize, u64)>::new();
    for line in lines {
        match line {
            RunLine::Run { .. } => {}
            RunLine::Step { at, address, action, event, id, why } => {
                let id = id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
                let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                let _ = writeln!(out, "{}  {action} {address} {}{id}{why}", time(*at), event.replace('_', " "));
            }
            RunLine::Call { at, operation, milliseconds, attempt, status, request_id } => {
                let (number, total) = calls.entry(operation).or_default();
                (*number, *total) = (*number + 1, total.saturating_add(*milliseconds));
                let failed = match status {
                    Some(status) if *status < 400 => continue,
                    Some(status) => format!("status {status}"),
                    None => "no response".to_owned(),
                };
                let id = request_id.as_ref().map(|id| format!(", request ID {id}")).unwrap_or_default();
                let _ = writeln!(out, "{}  {operation}, attempt {attempt}: {failed}{id}", time(*at));
            }
            RunLine::End { at, outcome, done, failed, skipped } => {
                let _ = writeln!(out, "{}  {outcome}: {done} done, {failed} failed, {skipped} skipped", time(*at));
            }
        }
    }
    if !calls.is_empty() {
        let total = calls.values().map(|(number, _)| number).sum();
        let _ = writeln!(out, "\n{} of {}:", count(total, "API call"), count(calls.len(), "operation"));
        let mut calls: Vec<_> = calls.into_iter().collect();
        calls.sort_by_key(|(operation, (number, _))| (std::cmp::Reverse(*number), *operation));
        for (operation, (number, total)) in calls {
            let mean = Duration::from_millis(total / u64::try_from(number).unwrap_or(1).max(1));
            let _ = writeln!(out, "  {number:>5}  {operation}, {} ms on average", mean.as_millis());
        }
    }
    out
}

/// Time since the start of the run.
fn time(milliseconds: u64) -> String {
    format!("{:>6}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}
