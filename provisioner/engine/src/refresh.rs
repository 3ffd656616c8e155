//! Refresh: reads the observed state in batches by type. It writes nothing.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures::future::{join_all, try_join_all};
use provisioner_model::{
    Diagnostic,
    erased::{Clouds, Fut, ObservedState, ResourceRegistry, ResourceType, Round},
    error::{Error, ErrorKind},
    expr::resolve,
    ownership::TOKEN,
    resource::Phase,
    stack::{Declared, Desired},
    state::{Object, Snapshot},
};
use provisioner_planner::{Observation, Observations};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    batch::many,
    call::limited_read,
    retry::{pause, read_budget},
    tuning::Tuning,
};

/// The input of a refresh.
pub struct Refresh<'a> {
    /// The types.
    pub registry: &'a ResourceRegistry,
    /// The providers of the objects.
    pub clouds: &'a Clouds,
    /// The recorded state.
    pub snapshot: &'a Snapshot,
    /// The declared resources: the refresh looks for objects to adopt.
    pub desired: &'a Desired,
    /// Time limits.
    pub tuning: Tuning,
    /// Trust the record, but for what an apply left unfinished.
    pub pending_only: bool,
}

/// One object to be looked at.
struct Look<'a> {
    address: &'a str,
    resource_type: &'a dyn ResourceType,
    provider: &'a str,
    object: &'a Object,
    id: Option<String>,
}

/// Reads everything that the state knows, and what might be adopted.
pub async fn refresh(input: &Refresh<'_>) -> Result<Observations, Vec<Diagnostic>> {
    let mut looks = vec![];
    for (address, row) in &input.snapshot.rows {
        // A type that this program lacks is the planner's to report, with its hint.
        let Some(resource_type) = input.registry.get(&row.type_name) else { continue };
        for object in row.objects.iter().filter(|object| !input.pending_only || object.pending.is_some()) {
            looks.push(Look { address, resource_type, provider: &row.provider, object, id: object.id.clone() });
        }
    }
    let round = input.clouds.round();
    let (observations, existing) = futures::join!(observations(input, &round, looks), key_holders(input, &round));
    match (observations, existing) {
        (Ok(objects), Ok(existing)) => Ok(Observations { objects, existing, ..Observations::default() }),
        (observations, existing) => Err(observations.err().into_iter().chain(existing.err()).flatten().collect()),
    }
}

async fn observations<'a>(
    input: &Refresh<'a>,
    round: &Round<'_>,
    mut looks: Vec<Look<'a>>,
) -> Result<HashMap<String, Option<Observation>>, Vec<Diagnostic>> {
    find_unnamed(input, round, &mut looks).await?;
    let mut observed = HashMap::new();
    let mut left: Vec<&Look<'_>> = looks.iter().collect();
    let mut found = read(input, round, &left).await?;
    let started = Instant::now();
    let mut pause = Duration::from_millis(500);
    loop {
        left.retain(|look| match look.id.as_ref().and_then(|id| found.remove(&key(look, id))) {
            Some(observation) => {
                observed.insert(look.object.token.clone(), Some(observation));
                false
            }
            None => true,
        });
        // Absence proves nothing while an object is fresh.
        let now = (input.tuning.now)();
        let (fresh, gone): (Vec<&Look<'_>>, Vec<&Look<'_>>) = left.into_iter().partition(|look| {
            let consistency_window = input.tuning.consistency_window(look.resource_type.info().consistency_window);
            let age = Duration::from_secs(now.saturating_sub(look.object.made_at));
            look.id.is_some() && age + started.elapsed() < consistency_window
        });
        observed.extend(gone.into_iter().map(|look| (look.object.token.clone(), None)));
        if fresh.is_empty() {
            return Ok(observed);
        }
        tokio::time::sleep(input.tuning.pause(pause)).await;
        pause = (pause * 2).min(Duration::from_secs(5));
        let again = input.clouds.round();
        left = fresh;
        found = read(input, &again, &left).await?;
    }
}

/// A create that was cut off before its answer: the token tells what came of it.
async fn find_unnamed(input: &Refresh<'_>, round: &Round<'_>, looks: &mut [Look<'_>]) -> Result<(), Vec<Diagnostic>> {
    for look in looks.iter_mut().filter(|look| look.id.is_none()) {
        let owner = look.object.owner(&input.snapshot.lineage, look.address);
        let unread = |error| vec![unread(look.address, look.resource_type, &error)];
        let consistency_window = input.tuning.consistency_window(look.resource_type.info().consistency_window);
        let started = Instant::now();
        let age = Duration::from_secs((input.tuning.now)().saturating_sub(look.object.made_at));
        let find = async |round: &Round<'_>| {
            let inputs = &look.object.inputs;
            let call = || look.resource_type.find_by_token(round, look.provider, inputs.clone(), &owner);
            patiently(&input.tuning, look.resource_type, fresh_for(input, look), call).await.map_err(unread)
        };
        let mut found = find(round).await?;
        while found.is_empty() && age + started.elapsed() < consistency_window {
            tokio::time::sleep(input.tuning.pause(Duration::from_secs(1))).await;
            found = find(&input.clouds.round()).await?;
        }
        if found.is_empty() {
            found = untagged(look, input).await.map_err(unread)?;
        }
        look.id = one(found).map_err(unread)?;
    }
    Ok(())
}

/// The object that holds the unique key of one in the making and has no token: not every endpoint keeps the tags of a
/// create, and nobody held the key before the create began.
async fn untagged(look: &Look<'_>, input: &Refresh<'_>) -> Result<Vec<String>, Error> {
    let round = input.clouds.round();
    if !look.resource_type.info().tagged {
        return Ok(vec![]);
    }
    let call = || look.resource_type.find_by_unique_key(&round, look.provider, look.object.inputs.clone());
    let ids = patiently(&input.tuning, look.resource_type, fresh_for(input, look), call).await?;
    let found =
        patiently_many(&input.tuning, look.resource_type, &round, look.provider, ids, |_| Duration::ZERO).await?;
    let without = |observed: &ObservedState| observed.inputs.get("tags").is_none_or(|tags| tags.get(TOKEN).is_none());
    Ok(found.into_iter().filter(|(_, observed)| observed.as_ref().is_ok_and(without)).map(|(id, _)| id).collect())
}

/// Two objects under one token or key are never guessed between.
fn one(mut ids: Vec<String>) -> Result<Option<String>, Error> {
    if ids.len() > 1 {
        let why = format!("{} objects answer to it: {}", ids.len(), ids.join(", "));
        return Err(Error::because(ErrorKind::Refused, "find", why));
    }
    Ok(ids.pop())
}

type Place = (&'static str, String, String);

fn key(look: &Look<'_>, id: &str) -> Place {
    (look.resource_type.info().type_name, look.provider.to_owned(), id.to_owned())
}

/// The time for which an error about the object may be due to its freshness.
fn fresh_for(input: &Refresh<'_>, look: &Look<'_>) -> Duration {
    let window = input.tuning.propagation_window(look.resource_type.info().propagation_window);
    window.saturating_sub(Duration::from_secs((input.tuning.now)().saturating_sub(look.object.made_at)))
}

/// Sends a read until it is answered, or its error is final.
async fn patiently<'f, T: 'f>(
    tuning: &Tuning,
    resource_type: &dyn ResourceType,
    fresh_for: Duration,
    call: impl Fn() -> Fut<'f, T>,
) -> Result<T, Error> {
    let started = Instant::now();
    for attempt in 0.. {
        match limited_read(tuning, resource_type, call()).await {
            Err(error) if may_pass(tuning, &error, started, fresh_for) => rest(tuning, attempt).await,
            answer => return answer,
        }
    }
    unreachable!("the attempts do not end")
}

/// Reads many objects until each is answered, or its error is final.
async fn patiently_many(
    tuning: &Tuning,
    resource_type: &dyn ResourceType,
    round: &Round<'_>,
    provider: &str,
    mut ids: Vec<String>,
    fresh_for: impl Fn(&str) -> Duration,
) -> Result<HashMap<String, Result<ObservedState, Error>>, Error> {
    let (started, mut found, mut attempt) = (Instant::now(), HashMap::new(), 0);
    loop {
        match many(tuning, resource_type, round, provider, ids.clone()).await {
            Ok(answers) => {
                let passes = |id: &String| match answers.get(id) {
                    Some(Err(error)) => may_pass(tuning, error, started, fresh_for(id)),
                    _ => false,
                };
                ids.retain(passes);
                found.extend(answers);
            }
            Err(error) => {
                let longest = ids.iter().map(|id| fresh_for(id)).max().unwrap_or_default();
                if !may_pass(tuning, &error, started, longest) {
                    return Err(error);
                }
            }
        }
        if ids.is_empty() {
            return Ok(found);
        }
        // What was found before does not count any more: a later answer may leave it out.
        ids.iter().for_each(|id| drop(found.remove(id)));
        rest(tuning, attempt).await;
        attempt += 1;
    }
}

fn may_pass(tuning: &Tuning, error: &Error, started: Instant, fresh_for: Duration) -> bool {
    let budget = read_budget(error.kind).map(|budget| tuning.waits(budget)).unwrap_or_default();
    let concerns_fresh =
        matches!(error.kind, ErrorKind::Gone | ErrorKind::Denied | ErrorKind::Unusable | ErrorKind::NotYet);
    started.elapsed() < if concerns_fresh { budget.max(fresh_for) } else { budget }
}

async fn rest(tuning: &Tuning, attempt: u32) {
    tokio::time::sleep(tuning.pause(pause(attempt))).await;
}

async fn read(
    input: &Refresh<'_>,
    round: &Round<'_>,
    looks: &[&Look<'_>],
) -> Result<HashMap<Place, Observation>, Vec<Diagnostic>> {
    let mut groups: HashMap<(&str, &str), Vec<&Look<'_>>> = HashMap::new();
    for look in looks.iter().filter(|look| look.id.is_some()) {
        groups.entry((look.resource_type.info().type_name, look.provider)).or_default().push(look);
    }
    let calls = groups.into_values().map(|group| async move {
        let (resource_type, provider) = (group[0].resource_type, group[0].provider);
        let ids = group.iter().filter_map(|look| look.id.clone()).collect();
        let fresh = |id: &str| {
            let of_id = group.iter().filter(|look| look.id.as_deref() == Some(id));
            of_id.map(|look| fresh_for(input, look)).max().unwrap_or_default()
        };
        (patiently_many(&input.tuning, resource_type, round, provider, ids, fresh).await, group)
    });
    let (mut observations, mut problems) = (HashMap::new(), vec![]);
    for (answer, group) in join_all(calls).await {
        match answer {
            Err(error) => problems.push(all_unread(&group, &error)),
            Ok(mut found) => {
                for look in group {
                    let Some((id, observed)) = look.id.as_ref().and_then(|id| found.remove_entry(id)) else { continue };
                    match observed.and_then(|observed| observation(look, id.clone(), observed)) {
                        Ok(observation) => drop(observations.insert(key(look, &id), observation)),
                        Err(error) => problems.push(unread(look.address, look.resource_type, &error)),
                    }
                }
            }
        }
    }
    if problems.is_empty() { Ok(observations) } else { Err(problems) }
}

/// The error of a read that brought nothing for a resource.
fn unread(address: &str, resource_type: &dyn ResourceType, error: &Error) -> Diagnostic {
    Diagnostic::resource_error(address, "could not be read").caused_by(error, resource_type.info().type_name)
}

/// One error for a read of many, so that a missing permission is not reported for each of a hundred resources.
fn all_unread(group: &[&Look<'_>], error: &Error) -> Diagnostic {
    let first = unread(group[0].address, group[0].resource_type, error);
    match group.len() - 1 {
        0 => first,
        more => Diagnostic { summary: format!("could not be read, nor could {more} more of its type"), ..first },
    }
}

fn observation(look: &Look<'_>, id: String, observed: ObservedState) -> Result<Observation, Error> {
    let receipt = look.object.pending.as_ref().and_then(|pending| pending.receipt.as_ref());
    let phase = look.resource_type.phase(Some(&look.object.inputs), &observed, receipt)?;
    Ok(Observation { id, observed, phase })
}

/// Objects that hold the key of a declared resource which the state does not have: to adopt or share, or in its way.
async fn key_holders(input: &Refresh<'_>, round: &Round<'_>) -> Result<HashMap<String, Observation>, Vec<Diagnostic>> {
    let open = |address: &str, declared: &Declared| {
        let known = input.snapshot.rows.contains_key(address)
            || declared.options.renamed_from.iter().any(|old| input.snapshot.rows.contains_key(old));
        !known && !input.pending_only
    };
    let looks = input.desired.resources.iter().filter(|(address, declared)| open(address, declared));
    let found = try_join_all(looks.map(|(address, declared)| async move {
        match look_for(input, round, declared).await {
            Ok(observation) => Ok(observation.map(|observation| (address.clone(), observation))),
            // Who may not look there learns from the create that the key is taken.
            Err(error) if error.kind == ErrorKind::Denied && !declared.options.adopt && !declared.options.share => {
                Ok(None)
            }
            Err(error) => {
                Err(Diagnostic::resource_error(address, "could not be read").caused_by(&error, declared.type_name))
            }
        }
    }));
    Ok(found.await.map_err(|problem| vec![problem])?.into_iter().flatten().collect())
}

/// Returns whether the program states a unique key, and all of it is known now. A type that names no unique key is
/// looked for by all of its inputs.
fn states_key(
    resource_type: &dyn ResourceType,
    declared: &Value,
    output: &dyn Fn(&str, &str) -> Option<Value>,
) -> bool {
    let generated = resource_type.info().name.map(|name| name.field);
    let value = |field: &str| declared.get(field).filter(|value| !value.is_null());
    let known = |value: &Value| {
        let mut unknown = vec![];
        resolve(value, output, &mut unknown);
        unknown.is_empty()
    };
    let groups = resource_type.info().unique;
    if groups.is_empty() {
        return known(declared);
    }
    groups.iter().any(|group| {
        let usable = |field: &&str| value(field).map_or(Some(*field) != generated, known);
        group.iter().all(usable) && group.iter().any(|field| value(field).is_some())
    })
}

async fn look_for(input: &Refresh<'_>, round: &Round<'_>, declared: &Declared) -> Result<Option<Observation>, Error> {
    let Some(resource_type) = input.registry.get(declared.type_name) else { return Ok(None) };
    let output = |address: &str, path: &str| input.snapshot.output(address, path);
    let inputs = resolve(&declared.inputs, &output, &mut vec![]);
    // A key that is generated is free, and what refers to something not created yet cannot be there.
    if !states_key(resource_type, &declared.inputs, &output) || resource_type.check(&inputs).is_err() {
        return Ok(None);
    }
    let (tuning, provider) = (&input.tuning, &declared.provider);
    let call = || resource_type.find_by_unique_key(round, provider, inputs.clone());
    let mut ids = patiently(tuning, resource_type, Duration::ZERO, call).await?;
    // One that another resource of this state has is ours: it may be about to hand the key over.
    let rows = input.snapshot.rows.values().filter(|row| row.type_name == declared.type_name);
    let ours: HashSet<&str> = rows.flat_map(|row| row.objects.iter().filter_map(|o| o.id.as_deref())).collect();
    ids.retain(|id| !ours.contains(id.as_str()));
    let Some(id) = one(ids)? else { return Ok(None) };
    let mut found =
        patiently_many(tuning, resource_type, round, provider, vec![id.clone()], |_| Duration::ZERO).await?;
    let Some(observed) = found.remove(&id) else { return Ok(None) };
    let observed = observed?;
    let phase = resource_type.phase(None, &observed, None)?;
    Ok((phase != Phase::Gone).then_some(Observation { id, observed, phase }))
}
