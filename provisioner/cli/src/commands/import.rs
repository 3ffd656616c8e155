//! `import`: takes an existing object into the state. Nothing in the cloud changes.

use provisioner_model::{
    Environment,
    expr::edges,
    journal::Entry,
    resource::Phase,
    state::{Object, Origin, Row},
};
use provisioner_store::{StateReader, Store};

use super::{Ending, state::change};
use crate::{
    arguments::ImportArguments,
    environment::{Folder, schema::closest},
    error::{Failure, StateError},
    program::Program,
    run::Session,
    terminal::{self, Terminal},
};

pub(super) async fn import<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: &ImportArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let ImportArguments { environment, address, id, own } = arguments;
    let session = Session::open(program, folder, environment).await?;
    let Some(declared) = session.desired.resources.get(address) else {
        let close = closest(address, session.desired.resources.keys().map(String::as_str)).map(str::to_owned);
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
    let seen = found.remove(id).transpose().map_err(unread)?;
    let gone = match &seen {
        Some(seen) => kind.phase(None, seen, None).map_err(unread)? == Phase::Gone,
        None => true,
    };
    let Some(seen) = seen.filter(|_| !gone) else {
        return Err(StateError::NoObject { type_name, id: id.clone() }.into());
    };
    let mut needs = vec![];
    edges(&declared.inputs, &mut needs);
    needs.sort_unstable();
    needs.dedup();
    let row = Row {
        type_name,
        version: kind.version(),
        provider: declared.provider.clone(),
        options: declared.options.clone(),
        needs,
        objects: vec![],
    };
    // As it is: the next plan shows what differs from what is declared.
    let object = Object {
        id: Some(id.clone()),
        generation: 0,
        token: terminal::token(),
        made_at: terminal::now(),
        origin: if *own { Origin::Made } else { Origin::Adopted },
        replaced: false,
        pending: None,
        declared: declared.inputs.clone(),
        inputs: seen.inputs,
        outputs: Some(seen.outputs),
    };
    if session.store.load().await?.is_none() {
        session.store.commit(&session.snapshot).await?;
    }
    let target = session.target.clone();
    change(&session.store, "import", |snapshot| {
        snapshot.targets.insert(provisioner_model::stack::MAIN.to_owned(), target);
        snapshot.fold(Entry::End { address: address.clone(), row: Box::new(row), object: Box::new(object) });
        Ok(())
    })
    .await?;
    let fate = if *own { "a destroy deletes it" } else { "a destroy forgets it and leaves it there" };
    terminal.say(&format!("{address} is {id} now; {fate}. `provisioner plan {environment}` shows what differs."));
    Ok(Ending::Done)
}
