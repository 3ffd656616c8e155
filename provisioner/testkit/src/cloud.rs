//! An in-memory cloud with strict rules. It answers a violation with the error that a real cloud would return, and
//! records it: a correct engine never violates a rule, in any order of events.
//!
//! | rule | answer |
//! |---|---|
//! | what an object refers to is there, and ready | `Refused` |
//! | nothing is deleted while another object refers to it, but by a field that may dangle | `InUse` |
//! | a unique key has one holder, until that is gone | `Exists` |
//! | a name that stays reserved after its object's delete is not used again (see [`Fake::reserve_names`]) | `Exists` |
//! | a token makes one object | `Exists` |
//! | a guard that is on keeps its object | `Refused` |
//! | nothing of others is overwritten or deleted, not even by a call that the API takes for an update | none: noted only |
//! | an update leaves alone what only a replacement can change | `Refused` |
//! | whoever uses a role finds its policy there | `Refused` |

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use provisioner_model::{
    Cloud, Error, ErrorKind, Id, Phase, Result, Schema,
    compare::Compare,
    resource::{Created, Observed, Obstacle, Owner, ReadResults, Recorded, Resource, Tags},
    schema::FieldSchema,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Notify;

pub mod types;

/// The cloud. Clones are the same one.
#[derive(Clone)]
pub struct Fake(Arc<Shared>);

struct Shared {
    world: Mutex<CloudState>,
    stopped: Notify,
}

#[derive(Default)]
struct CloudState {
    objects: BTreeMap<String, Thing>,
    made: u64,
    /// Every call, by type and operation.
    calls: BTreeMap<(&'static str, Call), usize>,
    /// Calls that change something.
    writes: usize,
    faults: BTreeMap<usize, Fault>,
    /// Number and kind of failing look-ups.
    blind: Option<(usize, ErrorKind)>,
    violations: Vec<String>,
    /// Selects the names that stay reserved after a delete.
    reserves: Option<fn(&str) -> bool>,
    /// Type and name of deleted objects whose names stay reserved.
    reserved: BTreeSet<(&'static str, String)>,
    /// The state of a generator that spreads calls.
    spread: u64,
    /// The process that called has been stopped: nothing of it has any effect any more.
    halted: bool,
}

/// An object in the cloud.
#[derive(Clone, Debug)]
pub struct Thing {
    /// Resource type of the object.
    pub kind: &'static str,
    /// ID of the form `net#17`.
    pub id: String,
    /// Inputs that the object stores.
    pub inputs: Map<String, Value>,
    /// Owner of the object; `None` for a foreign object.
    pub owner: Option<Owner>,
    /// Grows with each update.
    pub revision: u64,
    /// It is on its way out.
    pub deleting: bool,
    fields: &'static [FieldSchema],
    unique: &'static [&'static [&'static str]],
    /// Number of reads that still return a transitional phase.
    polls: u32,
}

/// An operation on a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Reads a batch of objects.
    Read,
    /// By token or key.
    Find,
    /// Creates a single object.
    Create,
    /// Updates a single object.
    Update,
    /// Deletes a single object.
    Delete,
}

/// A fault of one write call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has no effect, and this is the answer.
    Before(ErrorKind),
    /// It has its effect, and the answer is lost: `Unknown`.
    After,
    /// The process is stopped for good before it has an effect. See [`Fake::stopped`].
    StopBefore,
    /// The process is stopped for good once it has had its effect.
    StopAfter,
}

/// The outputs of the test types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The object's ID, such as `net#17`.
    pub id: String,
    /// `pending`, `ready` or `deleting`.
    pub state: String,
    /// The id and how often it was updated: `doc#3@2`.
    pub revision: String,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Default for Fake {
    fn default() -> Self {
        Self(Arc::new(Shared { world: Mutex::default(), stopped: Notify::new() }))
    }
}

impl Cloud for Fake {
    type Reader = Self;
    type Writer = Self;
    fn reader(&self) -> Self {
        self.clone()
    }
    fn writer(&self) -> &Self {
        self
    }
}

/// For tests: orders, and what happened.
impl Fake {
    fn world(&self) -> MutexGuard<'_, CloudState> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another seed, another order of concurrent calls.
    pub fn spread(&self, seed: u64) {
        self.world().spread = seed;
    }

    /// Injects a fault into the `n`th write call from now, counted from 1.
    pub fn fail_at(&self, n: usize, fault: Fault) {
        let mut world = self.world();
        let at = world.writes + n;
        world.faults.insert(at, fault);
    }

    /// The next `n` calls that would change something are answered with `kind`, and have no effect.
    pub fn fail_next(&self, n: usize, kind: ErrorKind) {
        (1..=n).for_each(|n| self.fail_at(n, Fault::Before(kind)));
    }

    /// Answers the next `n` look-ups by token or key with `kind`.
    pub fn fail_finds(&self, n: usize, kind: ErrorKind) {
        self.world().blind = Some((n, kind));
    }

    /// Keeps the names that `reserves` selects reserved after a delete, as AWS does for secrets in their recovery window.
    pub fn reserve_names(&self, reserves: fn(&str) -> bool) {
        self.world().reserves = Some(reserves);
    }

    /// Ends all faults, so that a stopped engine can continue as another process.
    pub fn heal(&self) {
        let mut world = self.world();
        world.faults.clear();
        world.blind = None;
        world.halted = false;
    }

    /// Waits until [`Fault::StopBefore`] or [`Fault::StopAfter`] has occurred. The caller then drops the engine's
    /// future.
    pub async fn stopped(&self) {
        self.0.stopped.notified().await;
    }

    /// A cloud of its own with the same objects, in which nothing has happened yet.
    #[must_use]
    pub fn fork(&self) -> Self {
        let world = {
            let world = self.world();
            CloudState {
                objects: world.objects.clone(),
                made: world.made,
                reserves: world.reserves,
                reserved: world.reserved.clone(),
                ..CloudState::default()
            }
        };
        Self(Arc::new(Shared { world: Mutex::new(world), stopped: Notify::new() }))
    }

    /// Returns the number of write calls.
    pub fn writes(&self) -> usize {
        self.world().writes
    }

    /// All calls so far.
    pub fn calls(&self) -> BTreeMap<(&'static str, Call), usize> {
        self.world().calls.clone()
    }

    /// Returns the number of calls of one operation.
    pub fn count(&self, call: Call) -> usize {
        self.world().calls.iter().filter(|((_, made), _)| *made == call).map(|(_, count)| count).sum()
    }

    /// The rules that were broken.
    pub fn violations(&self) -> Vec<String> {
        self.world().violations.clone()
    }

    /// Returns every existing object, including those that are being deleted.
    pub fn objects(&self) -> Vec<Thing> {
        self.world().objects.values().cloned().collect()
    }

    /// Returns the object of this address, unless it is being deleted.
    pub fn at(&self, address: &str) -> Option<Thing> {
        let owned = |thing: &&Thing| thing.owner.as_ref().is_some_and(|owner| owner.address == address);
        self.world().objects.values().filter(|thing| !thing.deleting).find(owned).cloned()
    }

    /// Changes an object out of band. Returns whether the object exists.
    pub fn tamper(&self, id: &str, change: impl FnOnce(&mut Map<String, Value>)) -> bool {
        self.world().objects.get_mut(id).map(|thing| change(&mut thing.inputs)).is_some()
    }

    /// Deletes an object out of band, regardless of references.
    pub fn remove(&self, id: &str) -> bool {
        self.world().objects.remove(id).is_some()
    }

    /// Creates a foreign object, and returns its ID.
    pub fn foreign<R: Resource>(&self, inputs: &R) -> String {
        let mut world = self.world();
        let id = world.fresh::<R>();
        let thing = Thing {
            kind: R::TYPE,
            id: id.clone(),
            inputs: map(inputs),
            owner: None,
            revision: 1,
            deleting: false,
            fields: R::FIELDS,
            unique: R::UNIQUE,
            polls: 0,
        };
        world.objects.insert(id.clone(), thing);
        id
    }
}

/// The calls of the test types.
impl Fake {
    /// Yields to other tasks up to twice, in a reproducible order.
    async fn pause(&self) {
        let turns = {
            let mut world = self.world();
            world.spread = world.spread.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (world.spread >> 33) % 3
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    async fn write<T>(
        &self,
        kind: &'static str,
        call: Call,
        effect: impl FnOnce(&mut CloudState) -> Result<T> + Send,
    ) -> Result<T> {
        self.pause().await;
        let fault = {
            let mut world = self.world();
            *world.calls.entry((kind, call)).or_default() += 1;
            world.writes += 1;
            let at = world.writes;
            let fault = world.faults.remove(&at);
            if fault == Some(Fault::StopBefore) {
                world.halted = true;
            }
            if world.halted { Some(Fault::StopBefore) } else { fault }
        };
        match fault {
            None => {
                let done = effect(&mut self.world());
                self.pause().await;
                done
            }
            Some(Fault::Before(kind)) => Err(Error::because(kind, "test:Write", "as ordered")),
            Some(Fault::After) => {
                effect(&mut self.world())?;
                Err(Error::because(ErrorKind::Unknown, "test:Write", "the answer was lost, as ordered"))
            }
            Some(fault) => {
                if fault == Fault::StopAfter {
                    let mut world = self.world();
                    let _ = effect(&mut world);
                    world.halted = true;
                }
                self.0.stopped.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn read<R: OnFake>(&self, ids: &[Id<R>]) -> Result<ReadResults<R>> {
        self.pause().await;
        let mut world = self.world();
        *world.calls.entry((R::TYPE, Call::Read)).or_default() += 1;
        let mut found = ReadResults::new();
        for id in ids {
            let Some(thing) = world.objects.get_mut(id.as_str()) else { continue };
            if thing.deleting && thing.polls == 0 {
                world.objects.remove(id.as_str());
                continue;
            }
            found.push((id.clone(), Ok(to_observed(thing))));
            thing.polls = thing.polls.saturating_sub(1);
        }
        Ok(found)
    }

    async fn find<R: OnFake>(&self, mine: impl Fn(&Thing) -> bool + Send) -> Result<Vec<Id<R>>> {
        self.pause().await;
        let mut world = self.world();
        *world.calls.entry((R::TYPE, Call::Find)).or_default() += 1;
        if let Some((left, kind)) = world.blind.take() {
            world.blind = Some((left - 1, kind)).filter(|(left, _)| *left > 0);
            return Err(Error::because(kind, "test:Find", "as ordered"));
        }
        let there = world.objects.values().filter(|thing| thing.kind == R::TYPE && !thing.deleting && mine(thing));
        Ok(there.map(|thing| Id::new(&thing.id)).collect())
    }

    async fn create<R: OnFake>(&self, inputs: &R, owner: &Owner) -> Result<Created<R>> {
        let inputs = map(inputs);
        self.write(R::TYPE, Call::Create, |world| world.create::<R>(inputs, owner)).await
    }

    async fn update<R: OnFake>(&self, desired: &R, recorded: &Recorded<R>) -> Result<Option<Value>> {
        let (desired, before) = (map(desired), map(&recorded.inputs));
        self.write(R::TYPE, Call::Update, |world| world.update(recorded.id.as_str(), desired, &before)).await
    }

    /// The objects that refer to an object.
    fn obstacles(&self, id: &str) -> Vec<Obstacle> {
        let world = self.world();
        let refers = |thing: &&Thing| thing.inputs.values().any(|value| references(value).contains(id));
        let obstacles = world.objects.values().filter(refers);
        let obstacle = |thing: &Thing| Obstacle { description: thing.id.clone(), is_temporary: thing.deleting };
        obstacles.map(obstacle).collect()
    }

    async fn delete<R: OnFake>(&self, recorded: &Recorded<R>) -> Result<()> {
        self.write(R::TYPE, Call::Delete, |world| world.delete::<R>(recorded.id.as_str())).await
    }
}

/// A type whose objects are here.
trait OnFake: Resource<Cloud = Fake, Outputs = Outputs> {
    /// Number of reads that return a pending object after its create, and a deleting one after its delete.
    const SLOW: u32 = 0;
    /// Inputs that its create call does not take: they need an update.
    const LATER: &'static [&'static str] = &[];
    /// `true` if a create silently overwrites an object with the same unique key.
    const UPSERT: bool = false;
}

impl CloudState {
    fn fresh<R: Resource>(&mut self) -> String {
        self.made += 1;
        format!("{}#{}", R::TYPE.rsplit(':').next().unwrap_or_default(), self.made)
    }

    fn broken<T>(&mut self, kind: ErrorKind, why: String) -> Result<T> {
        self.violations.push(why.clone());
        Err(Error::because(kind, "test:Write", why))
    }

    fn create<R: OnFake>(&mut self, mut inputs: Map<String, Value>, owner: &Owner) -> Result<Created<R>> {
        let at = &owner.address;
        if let Some(other) = self
            .objects
            .values()
            .find(|thing| thing.kind == R::TYPE && thing.owner.as_ref().is_some_and(|other| other.token == owner.token))
        {
            let why = format!("{at} is created again with the token of {}", other.id);
            return self.broken(ErrorKind::Exists, why);
        }
        for field in R::LATER {
            inputs.remove(*field);
        }
        inputs.retain(|_, value| !value.is_null());
        self.check_references(at, R::TYPE, R::FIELDS, &inputs, None)?;
        if R::UPSERT
            && let Some(holder) = self.holder(R::TYPE, R::UNIQUE, &inputs, None)
        {
            if holder.owner.as_ref().is_none_or(|other| other.address != *at) {
                self.violations.push(format!("{at} overwrites {}", holder.id));
            }
            self.objects.insert(holder.id.clone(), Thing { inputs, owner: Some(owner.clone()), ..holder.clone() });
            return Ok((Id::new(holder.id), None));
        }
        self.check_unique(at, R::TYPE, R::UNIQUE, &inputs, None)?;
        let id = self.fresh::<R>();
        let thing = Thing {
            kind: R::TYPE,
            id: id.clone(),
            inputs,
            owner: Some(owner.clone()),
            revision: 1,
            deleting: false,
            fields: R::FIELDS,
            unique: R::UNIQUE,
            polls: R::SLOW,
        };
        self.objects.insert(id.clone(), thing);
        Ok((Id::new(id), None))
    }

    fn update(
        &mut self,
        id: &str,
        desired: Map<String, Value>,
        recorded: &Map<String, Value>,
    ) -> Result<Option<Value>> {
        let Some(thing) = self.objects.get(id).filter(|thing| !thing.deleting).cloned() else {
            let why = format!("{id} is updated, and is not there");
            return self.broken(ErrorKind::Gone, why);
        };
        if thing.polls > 0 {
            return Err(Error::because(ErrorKind::Busy, "test:Write", format!("{id} is not ready yet")));
        }
        let mut inputs = thing.inputs.clone();
        for field in thing.fields {
            let Some(value) = desired.get(field.name).filter(|value| !value.is_null()) else {
                if field.ends_when_dropped() && !field.write_only && recorded.contains_key(field.name) {
                    inputs.remove(field.name);
                }
                continue;
            };
            let there = inputs.get(field.name).unwrap_or(&Value::Null);
            // As with AWS: what is to have none is stopped, what has none is started.
            let switched = (*value == 0) != (*there == 0);
            // What is never told is written when the program states another value than it wrote last.
            let is_written = !field.write_only || recorded.get(field.name) != Some(value);
            if value == there || (field.initial && !switched) || !is_written {
                continue;
            }
            if field.replaces {
                let why = format!("{id} is updated in `{}`, which only a replacement can change", field.name);
                return self.broken(ErrorKind::Refused, why);
            }
            let value = match field.compare {
                Compare::Map => tags(value, there, recorded.get(field.name)),
                Compare::Items => items(value, there, recorded.get(field.name)),
                _ => value.clone(),
            };
            inputs.insert(field.name.to_owned(), value);
        }
        self.check_references(id, thing.kind, thing.fields, &inputs, Some(&thing.inputs))?;
        self.check_unique(id, thing.kind, thing.unique, &inputs, Some(id))?;
        let Some(thing) = self.objects.get_mut(id) else { return Ok(None) };
        thing.revision += 1;
        thing.inputs = inputs;
        Ok(Some(Value::from(thing.revision)))
    }

    fn delete<R: OnFake>(&mut self, id: &str) -> Result<()> {
        let Some(thing) = self.objects.get(id).filter(|thing| !thing.deleting).cloned() else { return Ok(()) };
        if thing.owner.is_none() {
            self.violations.push(format!("{id} is deleted, and others made it"));
        }
        if let Some(deletion_protection) = thing
            .fields
            .iter()
            .find(|field| field.deletion_protection && thing.inputs.get(field.name) == Some(&Value::Bool(true)))
        {
            let why = format!("{id} is deleted while `{}` guards it", deletion_protection.name);
            return self.broken(ErrorKind::Refused, why);
        }
        let holds = |other: &&Thing| {
            let firmly = |field: &&FieldSchema| !field.may_dangle;
            other.id != id
                && other
                    .fields
                    .iter()
                    .filter(firmly)
                    .any(|field| other.inputs.get(field.name).is_some_and(|value| references(value).contains(id)))
        };
        let foreign = self.objects.values().find(|other| other.owner.is_none() && holds(other));
        if let Some(other) = foreign {
            let why = format!("{id} is in use by {}, which others made", other.id);
            return Err(Error::because(ErrorKind::InUse, "test:Write", why));
        }
        if let Some(other) = self.objects.values().find(holds) {
            let why = format!("{} ({id}) is deleted while {} ({}) refers to it", at(&thing), at(other), other.id);
            return self.broken(ErrorKind::InUse, why);
        }
        if thing.kind == types::RolePolicy::TYPE {
            let role = thing.inputs.get("role").and_then(Value::as_str).unwrap_or_default();
            let uses = |other: &&Thing| {
                other.kind == types::Service::TYPE && other.inputs.get("role").is_some_and(|used| used == role)
            };
            if let Some(user) = self.objects.values().find(uses) {
                let why = format!("{id}, the policy of {role}, is deleted while {} uses the role", user.id);
                return self.broken(ErrorKind::InUse, why);
            }
        }
        let name = thing.inputs.get("name").and_then(Value::as_str);
        if let Some(name) = name.filter(|name| self.reserves.is_some_and(|reserves| reserves(name))) {
            self.reserved.insert((thing.kind, name.to_owned()));
        }
        if R::SLOW == 0 {
            self.objects.remove(id);
        } else if let Some(thing) = self.objects.get_mut(id) {
            (thing.deleting, thing.polls) = (true, R::SLOW);
        }
        Ok(())
    }

    fn check_references(
        &mut self,
        who: &str,
        kind: &str,
        fields: &[FieldSchema],
        inputs: &Map<String, Value>,
        before: Option<&Map<String, Value>>,
    ) -> Result<()> {
        for field in fields.iter().filter(|field| field.name != "tags") {
            let (value, before) = (inputs.get(field.name), before.and_then(|before| before.get(field.name)));
            let Some(value) = value.filter(|value| Some(*value) != before) else { continue };
            let text = value.to_string();
            if text.contains("$ref") || text.contains('<') {
                return self
                    .broken(ErrorKind::Refused, format!("{who} is written with `{}` unresolved: {text}", field.name));
            }
            // What dangles already may stay as it is.
            let known = before.filter(|_| field.may_dangle).map(references).unwrap_or_default();
            for id in references(value).difference(&known) {
                let problem = match self.objects.get(id) {
                    None => "is not there",
                    Some(thing) if thing.deleting => "is being deleted",
                    Some(thing) if thing.polls > 0 => "is not ready yet",
                    Some(_) => continue,
                };
                let why = format!("{who} is written with `{}` = {id}, which {problem}", field.name);
                return self.broken(ErrorKind::Refused, why);
            }
            if field.name == "role" && kind == types::Service::TYPE {
                let covers = |thing: &Thing| {
                    thing.kind == types::RolePolicy::TYPE && !thing.deleting && thing.inputs.get("role") == Some(value)
                };
                if !self.objects.values().any(covers) {
                    return self.broken(ErrorKind::Refused, format!("{who} uses {value} before its policy is there"));
                }
            }
        }
        Ok(())
    }

    fn check_unique(
        &mut self,
        who: &str,
        kind: &str,
        groups: &[&[&str]],
        inputs: &Map<String, Value>,
        own: Option<&str>,
    ) -> Result<()> {
        let name = inputs.get("name").and_then(Value::as_str).unwrap_or_default();
        if self.reserved.iter().any(|reserved| *reserved == (kind, name.to_owned())) {
            return self.broken(ErrorKind::Exists, format!("{who} takes the name {name}, which is reserved"));
        }
        let Some(other) = self.holder(kind, groups, inputs, own) else { return Ok(()) };
        let why = format!("{who} takes a unique key from {} ({})", at(&other), other.id);
        if other.owner.is_some() {
            return self.broken(ErrorKind::Exists, why);
        }
        Err(Error::because(ErrorKind::Exists, "test:Write", why))
    }

    /// The object that holds a unique key of these inputs.
    fn holder(&self, kind: &str, groups: &[&[&str]], inputs: &Map<String, Value>, own: Option<&str>) -> Option<Thing> {
        let holds = |thing: &&Thing| {
            let same = |group: &&[&str]| {
                group.iter().all(|field| inputs.get(*field).is_some_and(|own| thing.inputs.get(*field) == Some(own)))
            };
            thing.kind == kind && own != Some(&thing.id) && groups.iter().any(same)
        };
        self.objects.values().find(holds).cloned()
    }
}

fn at(thing: &Thing) -> &str {
    thing.owner.as_ref().map_or("a foreign object", |owner| &owner.address)
}

fn map<R: Resource>(inputs: &R) -> Map<String, Value> {
    match serde_json::to_value(inputs) {
        Ok(Value::Object(map)) => map,
        other => panic!("inputs are a map: {other:?}"),
    }
}

/// The ids in a value, also inside longer strings: `net#17`, `doc#3@2`.
fn references(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '#')) {
                    if word.split_once('#').is_some_and(|(kind, n)| !kind.is_empty() && n.parse::<u64>().is_ok()) {
                        out.insert(word.to_owned());
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
            Value::Object(map) => map.values().for_each(|item| walk(item, out)),
            _ => {}
        }
    }
    let mut out = BTreeSet::new();
    walk(value, &mut out);
    out
}

/// Merges tags: sets ours, removes those that we set before and dropped, and keeps foreign ones.
fn tags(desired: &Value, there: &Value, recorded: Option<&Value>) -> Value {
    let [desired, there, recorded] = [Some(desired), Some(there), recorded]
        .map(|tags| tags.and_then(|tags| serde_json::from_value::<Tags>(tags.clone()).ok()).unwrap_or_default());
    let mut tags = there;
    tags.retain(|key, _| desired.contains_key(key) || !recorded.contains_key(key));
    tags.extend(desired);
    serde_json::to_value(tags).unwrap_or_default()
}

/// Merges a list: adds our items, removes those that we added before and dropped, and keeps foreign ones.
fn items(desired: &Value, there: &Value, recorded: Option<&Value>) -> Value {
    let [desired, there, recorded] =
        [Some(desired), Some(there), recorded].map(|list| list.and_then(Value::as_array).cloned().unwrap_or_default());
    let kept = there.iter().filter(|item| desired.contains(item) || !recorded.contains(item));
    let added = desired.iter().filter(|item| !there.contains(item));
    kept.chain(added).cloned().collect()
}

/// The only place where a thing becomes a type's.
fn to_observed<R: OnFake>(thing: &Thing) -> Observed<R> {
    let mut inputs = thing.inputs.clone();
    for field in thing.fields.iter().filter(|field| field.write_only) {
        inputs.remove(field.name);
    }
    let state = if thing.deleting {
        "deleting"
    } else if thing.polls > 0 {
        "pending"
    } else {
        "ready"
    };
    Observed {
        inputs: serde_json::from_value(Value::Object(inputs)).expect("the stored inputs have the type's shape"),
        outputs: Outputs {
            id: thing.id.clone(),
            state: state.to_owned(),
            revision: format!("{}@{}", thing.id, thing.revision),
            name: thing.inputs.get("name").and_then(Value::as_str).map(str::to_owned),
        },
    }
}

fn phase(outputs: &Outputs) -> Phase {
    if outputs.state == "ready" { Phase::Ready } else { Phase::Pending }
}

#[cfg(test)]
mod tests;
