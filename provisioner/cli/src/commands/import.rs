//! `import`: adds existing objects to the state. Nothing in AWS changes.

mod list;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
};

use clap::Args;
use provisioner_model::{
    Diagnostic, Environment, SourceLocation,
    compare::stated_part,
    erased::{ObservedState, ResourceType},
    expr::edges,
    journal::JournalEntry,
    resource::Phase,
    stack::{Declared, Desired, MAIN},
    state::{Object, ObjectRole, Origin, Row, Snapshot},
};
use provisioner_planner::diff::{Resolved, unreadable};

use super::ExitStatus;
use crate::{
    environment::{Folder, schema::closest},
    error::{Failure, StateError},
    program::Program,
    session::Session,
    terminal::{self, Terminal},
};

#[derive(Args, Debug)]
pub(crate) struct ImportArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Address of the declared resource.
    #[arg(required_unless_present = "list", requires = "id")]
    address: Option<String>,
    /// ID of the object, in the form of its API.
    id: Option<String>,
    /// Import the objects that this file lists: an address and an ID on each line, separated by a comma or by spaces.
    #[arg(long, value_name = "FILE", conflicts_with = "address")]
    list: Option<PathBuf>,
    /// Manage the object as if Provisioner had created it: a destroy deletes it instead of forgetting it.
    #[arg(long)]
    own: bool,
}

/// An object to import.
#[derive(Debug, PartialEq)]
struct Import {
    address: String,
    id: String,
    /// The place in the list.
    location: Option<SourceLocation>,
}

/// An object that was read, and the resource that it becomes.
struct ReadObject<'a> {
    import: &'a Import,
    declared: &'a Declared,
    resource_type: &'a dyn ResourceType,
    observed: ObservedState,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: ImportArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let ImportArguments { environment, address, id, list, own } = arguments;
    let imports = match (address, id, list) {
        (Some(address), Some(id), _) => vec![Import { address, id, location: None }],
        (_, _, Some(file)) => list::read(&file)?,
        _ => vec![],
    };
    let mut session = Session::open(program, folder, folder.load::<E>(&environment)?).await?;
    session.look_up().await?;
    let desired = session.declare()?.desired;
    let found = find(program, &session, &desired, &imports).await?;
    let (entries, kept) = entries(&session.snapshot, &found, own);
    let target = session.target.clone();
    let record = |snapshot: &mut Snapshot| {
        // Another run may have recorded it meanwhile.
        if let Some(taken) = imports.iter().find(|import| snapshot.rows.contains_key(&import.address)) {
            return Err(StateError::Taken(taken.address.clone()));
        }
        snapshot.targets.insert(MAIN.to_owned(), target);
        entries.into_iter().for_each(|entry| snapshot.fold(entry));
        Ok(())
    };
    session.store.change("import", Some(session.snapshot.clone()), record).await?;
    for Import { address, id, .. } in &imports {
        terminal.say(&format!("{address} is now {id}."));
    }
    let them = if imports.len() == 1 { "it" } else { "them" };
    let fate = if own { format!("deletes {them}") } else { format!("forgets {them} and leaves {them} in AWS") };
    terminal.say(&format!("A destroy {fate}. `provisioner plan {environment}` shows the differences."));
    if !kept.is_empty() {
        terminal.say(&format!(
            "AWS does not return {}. They are recorded as declared, and not written until the stack states another value \
             or version.",
            kept.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    Ok(ExitStatus::Success)
}

/// Reads the objects, all of a type together. Fails with every mistake at once.
async fn find<'a, E: Environment>(
    program: &'a Program<E>,
    session: &Session<'_, E>,
    desired: &'a Desired,
    imports: &'a [Import],
) -> Result<Vec<ReadObject<'a>>, Failure> {
    let mut mistakes = vec![];
    let mut by_type = BTreeMap::<(&str, &str), Vec<(&Import, &Declared, &dyn ResourceType)>>::new();
    for import in imports {
        match check(program, &session.snapshot, desired, import) {
            Ok((declared, resource_type)) => {
                let of_type = by_type.entry((declared.type_name, &declared.provider)).or_default();
                of_type.push((import, declared, resource_type));
            }
            Err(error) => mistakes.push((import, error)),
        }
    }
    let round = session.clouds.round();
    let mut found = vec![];
    for ((_, provider), imports) in by_type {
        let Some((_, _, resource_type)) = imports.first() else { continue };
        let ids: BTreeSet<&String> = imports.iter().map(|(import, ..)| &import.id).collect();
        let ids = ids.into_iter().cloned().collect();
        let mut read = resource_type.read_many(&round, provider, ids).await;
        for (import, declared, resource_type) in imports {
            match observed(&mut read, resource_type, &import.id) {
                Ok(observed) => found.push(ReadObject { import, declared, resource_type, observed }),
                Err(error) => mistakes.push((import, error)),
            }
        }
    }
    match mistakes.len() {
        0 => Ok(found),
        1 if imports.len() == 1 => Err(mistakes.remove(0).1.into()),
        _ => Err(Failure::NotImported(mistakes.iter().map(|(import, error)| diagnostic(import, error)).collect())),
    }
}

fn diagnostic(import: &Import, error: &StateError) -> Diagnostic {
    let location = import.location.clone().map(Box::new);
    Diagnostic { location, ..Diagnostic::of(error) }
}

/// Returns the declaration and the type of what is imported, if the state has room for it.
fn check<'a, E: Environment>(
    program: &'a Program<E>,
    snapshot: &Snapshot,
    desired: &'a Desired,
    Import { address, id, .. }: &Import,
) -> Result<(&'a Declared, &'a dyn ResourceType), StateError> {
    let Some(declared) = desired.resources.get(address) else {
        let close = closest(address, desired.resources.keys().map(String::as_str)).map(str::to_owned);
        return Err(StateError::Undeclared { address: address.clone(), close });
    };
    if snapshot.rows.contains_key(address) {
        return Err(StateError::Taken(address.clone()));
    }
    let has = |row: &Row| {
        row.type_name == declared.type_name && row.objects.iter().any(|object| object.id.as_ref() == Some(id))
    };
    if let Some((other, _)) = snapshot.rows.iter().find(|(_, row)| has(row)) {
        return Err(StateError::Known { id: id.clone(), address: other.clone() });
    }
    let type_name = declared.type_name.to_owned();
    let resource_type = program.registry().get(&type_name).ok_or(StateError::Type(type_name))?;
    Ok((declared, resource_type))
}

/// Returns the object with this ID, if it exists.
fn observed(
    read: &mut provisioner_model::Result<HashMap<String, provisioner_model::Result<ObservedState>>>,
    resource_type: &dyn ResourceType,
    id: &str,
) -> Result<ObservedState, StateError> {
    let unread = |source| StateError::Read { id: id.to_owned(), source };
    let observed = read.as_mut().map_err(|error| unread(error.clone()))?.remove(id).transpose().map_err(unread)?;
    let gone = match &observed {
        Some(observed) => resource_type.phase(None, observed, None).map_err(unread)? == Phase::Gone,
        None => true,
    };
    let type_name = resource_type.info().type_name.to_owned();
    observed.filter(|_| !gone).ok_or_else(|| StateError::NoObject { type_name, id: id.to_owned() })
}

/// Returns what to record, and the inputs that AWS does not return.
fn entries(snapshot: &Snapshot, found: &[ReadObject<'_>], own: bool) -> (Vec<JournalEntry>, BTreeSet<String>) {
    // The resources may refer to each other.
    let mut known = snapshot.clone();
    found.iter().for_each(|found| known.fold(entry(found, own, found.observed.inputs.clone())));
    let mut kept = BTreeSet::new();
    let entries = found.iter().map(|found| {
        let ReadObject { declared, resource_type, observed, .. } = found;
        // The state records the object as observed, as far as the program states its inputs, and the next plan shows the
        // differences. Inputs that AWS does not return count as declared, so that no apply overwrites a secret that this
        // program did not write.
        let resolved = Resolved::of(&declared.inputs, &|address, path| known.output(address, path));
        let mut inputs = stated_part(&resolved.inputs, &observed.inputs);
        let unreadable = unreadable(*resource_type, &resolved);
        kept.extend(unreadable.keys().cloned());
        if let Some(inputs) = inputs.as_object_mut() {
            // The object keeps its name where the program states none.
            if let Some(name) = resource_type.info().name.map(|name| name.field) {
                inputs.insert(name.to_owned(), observed.inputs[name].clone());
            }
            inputs.extend(unreadable);
        }
        entry(found, own, inputs)
    });
    (entries.collect(), kept)
}

fn entry(found: &ReadObject<'_>, own: bool, inputs: serde_json::Value) -> JournalEntry {
    let ReadObject { import, declared, resource_type, observed } = found;
    let mut needs = vec![];
    edges(&declared.inputs, &mut needs);
    needs.sort_unstable();
    needs.dedup();
    let row = Row {
        type_name: declared.type_name.to_owned(),
        version: resource_type.info().version,
        provider: declared.provider.clone(),
        options: declared.options.clone(),
        needs,
        objects: vec![],
    };
    let object = Object {
        id: Some(import.id.clone()),
        generation: 0,
        token: terminal::token(),
        made_at: terminal::now(),
        origin: if own { Origin::Made } else { Origin::Adopted },
        role: ObjectRole::Current,
        pending: None,
        declared: declared.inputs.clone(),
        inputs,
        outputs: Some(observed.outputs.clone()),
    };
    JournalEntry::Completed { address: import.address.clone(), row: Box::new(row), object: Box::new(object) }
}
