//! `state mv`: changes the address of an entry, or of all entries of a component.

use clap::Args;
use provisioner_model::{Environment, journal::JournalEntry, state::Snapshot};
use serde_json::Value;

use super::row;
use crate::{
    environment::Folder,
    error::{Failure, StateError},
    state_store::StateStore,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct MvArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Current address of the entry, or of a component.
    from: String,
    /// New address of the entry, or of the component.
    to: String,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: MvArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let MvArguments { environment, from, to } = arguments;
    let (store, snapshot) = StateStore::open::<E>(folder, &environment).await?;
    let renames = renames(&snapshot, &from, &to)?;
    store.change("state mv", None, |snapshot| rename(snapshot, &renames)).await?;
    for (from, to) in &renames {
        terminal.say(&format!("{from} is now {to}."));
    }
    terminal.say("Rename it in the program too, if you have not yet.");
    Ok(())
}

/// Returns the old and the new address of each entry that `from` names.
fn renames(snapshot: &Snapshot, from: &str, to: &str) -> Result<Vec<(String, String)>, StateError> {
    if snapshot.rows.contains_key(from) {
        return Ok(vec![(from.to_owned(), to.to_owned())]);
    }
    let component = snapshot.rows.keys().filter_map(|address| {
        let rest = address.strip_prefix(from)?.strip_prefix('/')?;
        Some((address.clone(), format!("{to}/{rest}")))
    });
    let renames: Vec<(String, String)> = component.collect();
    if renames.is_empty() {
        row(snapshot, from)?;
    }
    Ok(renames)
}

fn rename(snapshot: &mut Snapshot, renames: &[(String, String)]) -> Result<(), StateError> {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let kind = |address: &str| address.rsplit('/').nth(1).map(str::to_owned);
    for (from, to) in renames {
        row(snapshot, from)?;
        if snapshot.rows.contains_key(to) {
            return Err(StateError::Taken(to.clone()));
        }
        if to.split('/').count() < 2 || !to.split('/').all(part) {
            return Err(StateError::Form(to.clone()));
        }
        if kind(from) != kind(to) {
            return Err(StateError::OtherType { from: from.clone(), to: to.clone() });
        }
    }
    for (from, to) in renames {
        snapshot.fold(JournalEntry::Renamed { from: from.clone(), to: to.clone() });
        let objects = snapshot.rows.values_mut().flat_map(|row| &mut row.objects);
        objects.for_each(|object| redirect(&mut object.declared, from, to));
    }
    Ok(())
}

/// Turns references to `from` into references to `to`.
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
