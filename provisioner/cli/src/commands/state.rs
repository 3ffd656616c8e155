//! `state` and `outputs`: the state, looked into and changed. Nothing in the cloud changes.

use std::fmt::Write as _;

use provisioner_model::{
    journal::Entry,
    state::{Origin, Row, Snapshot},
};
use provisioner_store::{Disk, StateReader, Store};
use serde_json::Value;

use super::{Ending, changes::json};
use crate::{
    arguments::{OutputsArguments, StateCommand},
    consent,
    environment::{Folder, schema::closest},
    error::{Failure, StateError},
    render, run,
    terminal::Terminal,
};

pub(super) async fn load(folder: &Folder, name: &str) -> Result<(Disk, Snapshot), Failure> {
    let store = run::store(folder, name);
    match store.load().await? {
        Some(snapshot) => Ok((store, snapshot)),
        // A name that is no environment at all deserves the better message.
        None if folder.names()?.iter().any(|known| known == name) => Err(StateError::None(name.to_owned()).into()),
        None => {
            let path = folder.path().join("environments").join(format!("{name}.toml"));
            let known = folder.names()?;
            Err(crate::environment::EnvironmentError::Unknown { name: name.to_owned(), path, known }.into())
        }
    }
}

pub(super) async fn outputs(
    folder: &Folder,
    arguments: &OutputsArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let (_, snapshot) = load(folder, &arguments.environment).await?;
    let outputs = snapshot.outputs;
    match &arguments.name {
        Some(name) => match outputs.get(name) {
            Some(output) if arguments.json => json(output, terminal)?,
            Some(output) => terminal.data(&(render::outputs::one(output) + "\n")),
            None => {
                let (name, known) = (name.clone(), outputs.into_keys().collect());
                return Err(StateError::NoOutput { name, known }.into());
            }
        },
        None if arguments.json => json(&outputs, terminal)?,
        None => terminal.data(&render::outputs::all(&outputs)),
    }
    Ok(Ending::Done)
}

pub(super) async fn state(folder: &Folder, command: StateCommand, terminal: &Terminal) -> Result<Ending, Failure> {
    match command {
        StateCommand::List { environment, json: as_json } => {
            let (_, snapshot) = load(folder, &environment).await?;
            if as_json {
                json(&snapshot.rows, terminal)?;
            } else {
                terminal.data(&list(&snapshot));
            }
        }
        StateCommand::Show { environment, address } => {
            let (_, snapshot) = load(folder, &environment).await?;
            json(row(&snapshot, &address)?, terminal)?;
        }
        StateCommand::Mv { environment, from, to } => {
            let (store, _) = load(folder, &environment).await?;
            change(&store, "state mv", |snapshot| rename(snapshot, &from, &to)).await?;
            terminal.say(&format!("{from} is {to} now. Rename it in the program too, if you have not."));
        }
        StateCommand::Rm { environment, address, yes } => {
            let (store, snapshot) = load(folder, &environment).await?;
            let ids = ids(row(&snapshot, &address)?);
            if !yes {
                let question = format!("Forget {address} ({ids})? The object stays in the cloud. [y/N]");
                consent::approved(&question, &mut terminal.clone())?;
            }
            change(&store, "state rm", |snapshot| remove(snapshot, &address)).await?;
            terminal.say(&format!("{address} ({ids}) has left the state; the object stays in the cloud."));
        }
    }
    Ok(Ending::Done)
}

/// Changes the state under its lock. A journal that an apply left over is folded in by the load, and cleared by the
/// commit.
pub(super) async fn change(
    store: &Disk,
    command: &str,
    change: impl FnOnce(&mut Snapshot) -> Result<(), StateError> + Send,
) -> Result<(), Failure> {
    let lock = store.lock(run::holder(command)).await?;
    let changed = async {
        let mut snapshot = store.load().await?.ok_or_else(|| StateError::None(String::new()))?;
        change(&mut snapshot)?;
        snapshot.serial += 1;
        store.commit(&snapshot).await?;
        Ok::<(), Failure>(())
    }
    .await;
    lock.release().await?;
    changed
}

fn row<'a>(snapshot: &'a Snapshot, address: &str) -> Result<&'a Row, StateError> {
    snapshot.rows.get(address).ok_or_else(|| {
        let close = closest(address, snapshot.rows.keys().map(String::as_str)).map(str::to_owned);
        StateError::NoRow { address: address.to_owned(), close }
    })
}

fn ids(row: &Row) -> String {
    let ids: Vec<&str> = row.objects.iter().map(|object| object.id.as_deref().unwrap_or("no id yet")).collect();
    ids.join(", ")
}

fn list(snapshot: &Snapshot) -> String {
    let width = snapshot.rows.keys().map(|address| render::columns(address)).max().unwrap_or(0);
    let mut out = String::new();
    for (address, row) in &snapshot.rows {
        let mut notes = vec![];
        if row.options.protect {
            notes.push("protected");
        }
        if row.objects.iter().any(|object| object.origin == Origin::Adopted) {
            notes.push("adopted");
        }
        if row.objects.iter().any(|object| object.pending.is_some()) {
            notes.push("unfinished");
        }
        let notes = if notes.is_empty() { String::new() } else { format!("  [{}]", notes.join(", ")) };
        let _ = writeln!(out, "{address:width$}  {}{notes}", ids(row));
    }
    out
}

fn rename(snapshot: &mut Snapshot, from: &str, to: &str) -> Result<(), StateError> {
    row(snapshot, from)?;
    if snapshot.rows.contains_key(to) {
        return Err(StateError::Taken(to.to_owned()));
    }
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if to.split('/').count() < 2 || !to.split('/').all(part) {
        return Err(StateError::Form(to.to_owned()));
    }
    let kind = |address: &str| address.rsplit('/').nth(1).map(str::to_owned);
    if kind(from) != kind(to) {
        return Err(StateError::OtherType { from: from.to_owned(), to: to.to_owned() });
    }
    snapshot.fold(Entry::Renamed { from: from.to_owned(), to: to.to_owned() });
    let objects = snapshot.rows.values_mut().flat_map(|row| &mut row.objects);
    objects.for_each(|object| redirect(&mut object.declared, from, to));
    Ok(())
}

/// References to `from` become references to `to`.
fn redirect(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Object(map) => {
            if map.get("$ref").and_then(Value::as_str) == Some(from) {
                map.insert("$ref".to_owned(), to.into());
            }
            map.values_mut().for_each(|value| redirect(value, from, to));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| redirect(value, from, to)),
        _ => {}
    }
}

fn remove(snapshot: &mut Snapshot, address: &str) -> Result<(), StateError> {
    row(snapshot, address)?;
    let needs = |row: &Row| row.needs.iter().any(|need| need == address);
    let needed_by: Vec<String> =
        snapshot.rows.iter().filter(|(_, row)| needs(row)).map(|(address, _)| address.clone()).collect();
    if !needed_by.is_empty() {
        return Err(StateError::Needed { address: address.to_owned(), needed_by });
    }
    snapshot.rows.remove(address);
    Ok(())
}
