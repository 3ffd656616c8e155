//! `import`: adds an existing object to the state. Nothing in AWS changes.

use clap::Args;
use provisioner_model::{
    Environment,
    compare::stated_part,
    expr::edges,
    journal::JournalEntry,
    resource::Phase,
    stack::MAIN,
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
    address: String,
    /// ID of the object, in the form of its API.
    id: String,
    /// Manage the object as if Provisioner had created it: a destroy deletes it instead of forgetting it.
    #[arg(long)]
    own: bool,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: ImportArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let ImportArguments { environment, address, id, own } = &arguments;
    let mut session = Session::open(program, folder, folder.load::<E>(environment)?).await?;
    session.look_up().await?;
    let desired = session.declare()?.desired;
    let Some(declared) = desired.resources.get(address) else {
        let close = closest(address, desired.resources.keys().map(String::as_str)).map(str::to_owned);
        return Err(StateError::Undeclared { address: address.clone(), close }.into());
    };
    if session.snapshot.rows.contains_key(address) {
        return Err(StateError::Taken(address.clone()).into());
    }
    let has = |row: &Row| {
        row.type_name == declared.type_name && row.objects.iter().any(|object| object.id.as_ref() == Some(id))
    };
    if let Some((other, _)) = session.snapshot.rows.iter().find(|(_, row)| has(row)) {
        return Err(StateError::Known { id: id.clone(), address: other.clone() }.into());
    }
    let type_name = declared.type_name.to_owned();
    let kind = program.registry().get(&type_name).ok_or_else(|| StateError::Type(type_name.clone()))?;
    let unread = |source| StateError::Read { id: id.clone(), source };
    let round = session.clouds.round();
    let mut found = kind.read_many(&round, &declared.provider, vec![id.clone()]).await.map_err(unread)?;
    let observed = found.remove(id).transpose().map_err(unread)?;
    let gone = match &observed {
        Some(observed) => kind.phase(None, observed, None).map_err(unread)? == Phase::Gone,
        None => true,
    };
    let Some(observed) = observed.filter(|_| !gone) else {
        return Err(StateError::NoObject { type_name, id: id.clone() }.into());
    };
    let mut needs = vec![];
    edges(&declared.inputs, &mut needs);
    needs.sort_unstable();
    needs.dedup();
    let row = Row {
        type_name,
        version: kind.info().version,
        provider: declared.provider.clone(),
        options: declared.options.clone(),
        needs,
        objects: vec![],
    };
    // The state records the object as observed, as far as the program states its inputs, and the next plan shows the
    // differences. Inputs that AWS does not return count as declared, so that no apply overwrites a secret that this program
    // did not write.
    let known = Resolved::of(&declared.inputs, &|address, path| session.snapshot.output(address, path));
    let mut inputs = stated_part(&known.inputs, &observed.inputs);
    let unreadable = unreadable(kind, &known);
    let kept: Vec<String> = unreadable.keys().cloned().collect();
    if let Some(inputs) = inputs.as_object_mut() {
        // The object keeps its name where the program states none.
        if let Some(name) = kind.info().name.map(|name| name.field) {
            inputs.insert(name.to_owned(), observed.inputs[name].clone());
        }
        inputs.extend(unreadable);
    }
    let object = Object {
        id: Some(id.clone()),
        generation: 0,
        token: terminal::token(),
        made_at: terminal::now(),
        origin: if *own { Origin::Made } else { Origin::Adopted },
        role: ObjectRole::Current,
        pending: None,
        declared: declared.inputs.clone(),
        inputs,
        outputs: Some(observed.outputs),
    };
    let target = session.target.clone();
    let record = |snapshot: &mut Snapshot| {
        // Another run may have recorded it meanwhile.
        if snapshot.rows.contains_key(address) {
            return Err(StateError::Taken(address.clone()));
        }
        snapshot.targets.insert(MAIN.to_owned(), target);
        snapshot.fold(JournalEntry::Completed {
            address: address.clone(),
            row: Box::new(row),
            object: Box::new(object),
        });
        Ok(())
    };
    session.store.change("import", Some(session.snapshot.clone()), record).await?;
    let fate = if *own { "a destroy deletes it" } else { "a destroy forgets it and leaves it in AWS" };
    terminal.say(&format!("{address} is now {id}; {fate}. `provisioner plan {environment}` shows the differences."));
    if !kept.is_empty() {
        terminal.say(&format!(
            "AWS does not return {}. They are recorded as declared, and not written until the stack states another value \
             or version.",
            kept.join(", ")
        ));
    }
    Ok(ExitStatus::Success)
}
