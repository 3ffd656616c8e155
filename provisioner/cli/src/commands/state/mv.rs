//! `state mv`: changes an entry's address.

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
    /// Current address of the entry.
    from: String,
    /// New address of the entry.
    to: String,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: MvArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let MvArguments { environment, from, to } = arguments;
    let (store, _) = StateStore::open::<E>(folder, &environment).await?;
    store.change("state mv", None, |snapshot| rename(snapshot, &from, &to)).await?;
    terminal.say(&format!("{from} is now {to}. Rename it in the program too, if you have not yet."));
    Ok(())
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
    snapshot.fold(JournalEntry::Renamed { from: from.to_owned(), to: to.to_owned() });
    let objects = snapshot.rows.values_mut().flat_map(|row| &mut row.objects);
    objects.for_each(|object| redirect(&mut object.declared, from, to));
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
