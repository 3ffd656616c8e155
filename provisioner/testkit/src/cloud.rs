//! An in-memory cloud with strict rules. It answers a violation with the error that a real cloud would return, and
//! records it: a correct engine never violates a rule, in any order of events.
//!
//! | rule | answer |
//! |---|---|
//! | what an object refers to is there, and ready | `Refused` |
//! | nothing is deleted while another object refers to it, but by a field that may dangle | `InUse` |
//! | a unique key has one holder, until that is gone | `Exists` |
//! | a name that stays reserved after its object's delete is not used again (see [`Fake::reserve_names`]) | `Exists` |
//! | a token makes one object | `Exists`, which is no violation for a type with an idempotent create |
//! | a guard that is on keeps its object | `Refused` |
//! | nothing of others is overwritten or deleted, not even by a call that the API takes for an update | none: noted only |
//! | a shared object is not deleted while another lineage uses it | none: noted only |
//! | an update leaves alone what only a replacement can change | `Refused` |
//! | an update is computed from the latest revision of its object | `Busy`, which is no violation |
//! | whoever uses a role finds its policy there | `Refused` |

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use provisioner_model::{
    Cloud, CloudFormationResource, Diagnostic, Error, ErrorKind, Id, Phase, Result, TypeInfo,
    resource::{Created, Observed, Obstacle, Owner, ReadResults, Recorded, Resource},
    schema::FieldSchema,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use self::rules::{invisible, references, revision};

mod rules;
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
    /// Reads of objects.
    reads: usize,
    read_faults: BTreeMap<usize, ReadFault>,
    /// Lag of each object that is created from now on.
    lag: Lag,
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
    lag: Lag,
}

/// The time until a new object is visible everywhere, as numbers of calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    /// Reads and look-ups that do not see the object.
    pub reads: u32,
    /// Writes of other objects that refer to the object, and updates of itself, that are refused.
    pub uses: u32,
    /// Kind of the error of a refused use; `None` is [`ErrorKind::Gone`].
    pub kind: Option<ErrorKind>,
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
    /// It succeeds, and has no effect: it was computed from an old read.
    Ineffective,
    /// The process is stopped for good before it has an effect. See [`Fake::stopped`].
    StopBefore,
    /// The process is stopped for good once it has had its effect.
    StopAfter,
    /// It has no effect, and is never answered.
    Never,
    /// It has its effect, and is never answered.
    NeverAfter,
}

/// A fault of one read of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFault {
    /// The error that it returns.
    Fails(ErrorKind),
    /// It is never answered.
    Never,
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
    fn findings(_: &TypeInfo, resources: &[CloudFormationResource], _: &str) -> Vec<Diagnostic> {
        let inputs = resources.iter().flat_map(|resource| {
            resource.properties.values().zip(resource.properties.keys().map(|key| resource.input(&format!("/{key}"))))
        });
        let refused = inputs.filter(|(value, _)| **value == REFUSED_RANGE || **value == REFUSED_TEXT);
        refused
            .map(|(value, input)| {
                let input = input.map_or("a property", |(input, _)| input);
                Diagnostic::error(format!("{input}: expected another value, found {value}"))
                    .hint("the rules of the cloud")
            })
            .collect()
    }
}

/// The range of a net that the cloud's rules refuse, offline. The cloud itself takes it.
pub const REFUSED_RANGE: u8 = 255;
/// The text of a document that the cloud's rules refuse, offline.
pub const REFUSED_TEXT: &str = "refused";

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

    /// Injects a fault into the `n`th read of objects from now, counted from 1.
    pub fn fail_read_at(&self, n: usize, fault: ReadFault) {
        let mut world = self.world();
        let at = world.reads + n;
        world.read_faults.insert(at, fault);
    }

    /// Injects a fault into the next `n` reads of objects.
    pub fn fail_reads(&self, n: usize, fault: ReadFault) {
        (1..=n).for_each(|n| self.fail_read_at(n, fault));
    }

    /// Every object that is created from now on becomes visible late.
    pub fn lag(&self, lag: Lag) {
        self.world().lag = lag;
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
        world.read_faults.clear();
        world.blind = None;
        world.lag = Lag::default();
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

    /// Makes another revision of an object out of band: an update that was computed from the one before is refused.
    pub fn revise(&self, id: &str) {
        if let Some(thing) = self.world().objects.get_mut(id) {
            thing.revision += 1;
        }
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
            lag: Lag::default(),
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
            Some(Fault::Never) => std::future::pending().await,
            Some(Fault::NeverAfter) => {
                let _ = effect(&mut self.world());
                std::future::pending().await
            }
            Some(Fault::Ineffective) => {
                let mut world = self.world();
                let before = world.objects.clone();
                let done = effect(&mut world);
                world.objects = before;
                done
            }
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
        let fault = {
            let mut world = self.world();
            world.reads += 1;
            let at = world.reads;
            *world.calls.entry((R::TYPE, Call::Read)).or_default() += 1;
            world.read_faults.remove(&at)
        };
        match fault {
            Some(ReadFault::Never) => std::future::pending::<()>().await,
            Some(ReadFault::Fails(kind)) => return Err(Error::because(kind, "test:Read", "as ordered")),
            None => {}
        }
        let mut world = self.world();
        let mut found = ReadResults::new();
        for id in ids {
            // An ID of another type, which only a damaged state has, is none of this type.
            let thing = world.objects.get_mut(id.as_str()).filter(|thing| thing.kind == R::TYPE);
            let Some(thing) = thing else { continue };
            if thing.lag.reads > 0 {
                thing.lag.reads -= 1;
                // APIs differ: some leave the object out, others return an error.
                if thing.lag.reads % 2 == 0 {
                    found.push((id.clone(), Err(invisible(ErrorKind::Gone, id.as_str()))));
                }
                continue;
            }
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
        let there = world.objects.values_mut().filter(|thing| thing.kind == R::TYPE && !thing.deleting && mine(thing));
        let visible = there.filter_map(|thing| {
            let late = thing.lag.reads > 0;
            thing.lag.reads = thing.lag.reads.saturating_sub(1);
            (!late).then(|| Id::new(&thing.id))
        });
        Ok(visible.collect())
    }

    async fn create<R: OnFake>(&self, inputs: &R, owner: &Owner) -> Result<Created<R>> {
        let inputs = map(inputs);
        self.write(R::TYPE, Call::Create, |world| world.create::<R>(inputs, owner)).await
    }

    async fn update<R: OnFake>(
        &self,
        desired: &R,
        recorded: &Recorded<R>,
        observed: &Observed<R>,
    ) -> Result<Option<Value>> {
        let (desired, before) = (map(desired), map(&recorded.inputs));
        let read = observed.outputs.revision.as_str();
        self.write(R::TYPE, Call::Update, |world| world.update(recorded.id.as_str(), desired, &before, read)).await
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
        self.write(R::TYPE, Call::Delete, |world| world.delete::<R>(recorded.id.as_str(), &recorded.owner)).await
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

fn map<R: Resource>(inputs: &R) -> Map<String, Value> {
    match serde_json::to_value(inputs) {
        Ok(Value::Object(map)) => map,
        other => panic!("inputs are a map: {other:?}"),
    }
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
            revision: revision(thing),
            name: thing.inputs.get("name").and_then(Value::as_str).map(str::to_owned),
        },
    }
}

fn phase(outputs: &Outputs) -> Phase {
    if outputs.state == "ready" { Phase::Ready } else { Phase::Pending }
}

#[cfg(test)]
mod tests;
