//! The contract with types erased to JSON: the only form that the engine handles.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    error::{Error, Kind, Result},
    resource::{Actions, Change, Cloud, Id, Name, Observed, Owner, Phase, Receipt, Recorded, Resource},
    schema::{CreateCall, FieldSchema, Parameter},
    secret::Secrets,
};

/// A boxed future of a call to a cloud.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

type Key = (TypeId, String);

/// The clouds of one run, by type and instance: two accounts or regions are two instances of one type.
#[derive(Default)]
pub struct Clouds {
    clouds: HashMap<Key, Box<dyn Any + Send + Sync>>,
    secrets: Secrets,
}

impl Clouds {
    /// Adds a cloud under the name of its instance.
    pub fn add<C: Cloud>(&mut self, instance: &str, cloud: C) {
        self.clouds.insert((TypeId::of::<C>(), instance.to_owned()), Box::new(cloud));
    }

    /// Sets the values of the secret inputs.
    pub fn set_secrets(&mut self, secrets: Secrets) {
        self.secrets = secrets;
    }

    /// The cloud of that instance, for what is asked of it beside its resources.
    pub fn get<C: Cloud>(&self, instance: &str) -> Result<&C> {
        self.clouds
            .get(&(TypeId::of::<C>(), instance.to_owned()))
            .and_then(|cloud| cloud.downcast_ref())
            .ok_or_else(|| Error::because(Kind::NotSent, "provider", format!("no provider `{instance}` of this type")))
    }

    /// A round of reads: within it, what several types need is read once.
    pub fn round(&self) -> Round<'_> {
        Round { clouds: self, readers: Mutex::default() }
    }
}

/// One refresh, or one look at what is pending. Its readers share their caches and end with it.
pub struct Round<'a> {
    clouds: &'a Clouds,
    readers: Mutex<HashMap<Key, Arc<dyn Any + Send + Sync>>>,
}

impl Round<'_> {
    fn reader<C: Cloud>(&self, instance: &str) -> Result<Arc<C::Reader>> {
        let cloud = self.clouds.get::<C>(instance)?;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let reader =
            readers.entry((TypeId::of::<C>(), instance.to_owned())).or_insert_with(|| Arc::new(cloud.reader())).clone();
        reader.downcast().map_err(|_| Error::new(Kind::NotSent, "provider"))
    }
}

/// What the state knows of an object, as far as a type needs it.
#[derive(Clone, Debug)]
pub struct Last {
    /// The object's id.
    pub id: String,
    /// As resolved when last written.
    pub inputs: Value,
    /// As last read.
    pub outputs: Option<Value>,
    /// Whose it is.
    pub owner: Owner,
}

/// What the cloud says of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// As if they had been declared that way.
    pub inputs: Value,
    /// What only the cloud can tell.
    pub outputs: Value,
}

/// A resource type, erased.
pub trait Erased: Send + Sync {
    /// See [`Resource::TYPE`].
    fn type_name(&self) -> &'static str;
    /// See [`Resource::VERSION`].
    fn version(&self) -> u32;
    /// See [`Resource::FIELDS`].
    fn fields(&self) -> &'static [FieldSchema];
    /// See [`Resource::UNIQUE`].
    fn unique(&self) -> &'static [&'static [&'static str]];
    /// See [`Resource::PART_OF`].
    fn part_of(&self) -> Option<&'static str>;
    /// See [`Resource::REPLACED_STAYS`].
    fn replaced_stays(&self) -> bool;
    /// See [`Resource::CHANGES_ON_UPDATE`].
    fn changes_on_update(&self) -> &'static [&'static str];
    /// See [`Resource::NAME`].
    fn name(&self) -> Option<Name>;
    /// See [`Resource::TAGGED`].
    fn tagged(&self) -> bool;
    /// See [`Resource::ACTIONS`].
    fn actions(&self) -> Actions;
    /// See [`Resource::NOT_INPUTS`].
    fn not_inputs(&self) -> &'static [(&'static str, &'static str)];
    /// See [`Schema::CREATE_CALL`](crate::Schema::CREATE_CALL).
    fn create_call(&self) -> Option<CreateCall>;
    /// See [`Schema::PARAMETERS`](crate::Schema::PARAMETERS).
    fn parameters(&self) -> &'static [Parameter];
    /// See [`Resource::READ_BATCH`].
    fn read_batch(&self) -> usize;
    /// See [`Resource::SETTLES`].
    fn settles(&self) -> Duration;
    /// See [`Resource::READY_WITHIN`].
    fn ready_within(&self) -> Duration;
    /// See [`Resource::POLL_EVERY`].
    fn poll_every(&self) -> Duration;
    /// See [`Resource::same`].
    fn same(&self, field: &FieldSchema, want: &Value, seen: &Value) -> bool;
    /// See [`Resource::change`].
    fn change(&self, field: &FieldSchema, was: &Value, want: &Value) -> Change;
    /// See [`Resource::migrate`].
    fn migrate(&self, from: u32, inputs: &mut Value);
    /// Whether the inputs have the type's shape.
    fn check(&self, inputs: &Value) -> Result<()>;
    /// See [`Resource::phase`].
    fn phase(&self, want: Option<&Value>, seen: &Seen, receipt: Option<&Receipt>) -> Result<Phase>;
    /// See [`Resource::undo`].
    fn undo(&self, last: Option<&Value>) -> Result<Option<Value>>;
    /// See [`Resource::follow`].
    fn follow<'a>(
        &'a self,
        c: &'a Round<'a>,
        on: &'a str,
        seen: Seen,
        receipt: Option<&'a Receipt>,
        settled: bool,
    ) -> Fut<'a, Option<Phase>>;
    /// See [`Resource::explain`].
    fn explain<'a>(
        &'a self,
        c: &'a Round<'a>,
        on: &'a str,
        id: &'a str,
        receipt: Option<&'a Receipt>,
    ) -> Fut<'a, Vec<String>>;
    /// See [`Resource::read_many`].
    fn read_many<'a>(
        &'a self,
        c: &'a Round<'a>,
        on: &'a str,
        ids: Vec<String>,
    ) -> Fut<'a, HashMap<String, Result<Seen>>>;
    /// See [`Resource::find`].
    fn find<'a>(&'a self, c: &'a Round<'a>, on: &'a str, inputs: Value, owner: &'a Owner) -> Fut<'a, Vec<String>>;
    /// See [`Resource::existing`].
    fn existing<'a>(&'a self, c: &'a Round<'a>, on: &'a str, inputs: Value) -> Fut<'a, Vec<String>>;
    /// See [`Resource::create`].
    fn create<'a>(
        &'a self,
        c: &'a Clouds,
        on: &'a str,
        inputs: Value,
        owner: &'a Owner,
    ) -> Fut<'a, (String, Option<Receipt>)>;
    /// See [`Resource::update`].
    fn update<'a>(
        &'a self,
        c: &'a Clouds,
        on: &'a str,
        inputs: Value,
        was: Last,
        seen: Seen,
    ) -> Fut<'a, Option<Receipt>>;
    /// See [`Resource::delete`].
    fn delete<'a>(&'a self, c: &'a Clouds, on: &'a str, last: Last) -> Fut<'a, ()>;
}

struct Of<R>(PhantomData<fn() -> R>);

impl<R: Resource> Erased for Of<R> {
    fn type_name(&self) -> &'static str {
        R::TYPE
    }
    fn version(&self) -> u32 {
        R::VERSION
    }
    fn fields(&self) -> &'static [FieldSchema] {
        R::FIELDS
    }
    fn unique(&self) -> &'static [&'static [&'static str]] {
        R::UNIQUE
    }
    fn part_of(&self) -> Option<&'static str> {
        R::PART_OF
    }
    fn replaced_stays(&self) -> bool {
        R::REPLACED_STAYS
    }
    fn changes_on_update(&self) -> &'static [&'static str] {
        R::CHANGES_ON_UPDATE
    }
    fn name(&self) -> Option<Name> {
        R::NAME
    }
    fn tagged(&self) -> bool {
        R::TAGGED
    }
    fn actions(&self) -> Actions {
        R::ACTIONS
    }
    fn not_inputs(&self) -> &'static [(&'static str, &'static str)] {
        R::NOT_INPUTS
    }
    fn create_call(&self) -> Option<CreateCall> {
        R::CREATE_CALL
    }
    fn parameters(&self) -> &'static [Parameter] {
        R::PARAMETERS
    }
    fn read_batch(&self) -> usize {
        R::READ_BATCH
    }
    fn settles(&self) -> Duration {
        R::SETTLES
    }
    fn ready_within(&self) -> Duration {
        R::READY_WITHIN
    }
    fn poll_every(&self) -> Duration {
        R::POLL_EVERY
    }
    fn same(&self, field: &FieldSchema, want: &Value, seen: &Value) -> bool {
        R::same(field, want, seen)
    }
    fn change(&self, field: &FieldSchema, was: &Value, want: &Value) -> Change {
        R::change(field, was, want)
    }
    fn migrate(&self, from: u32, inputs: &mut Value) {
        R::migrate(from, inputs);
    }
    fn check(&self, inputs: &Value) -> Result<()> {
        typed::<R, R>(inputs.clone()).map(drop)
    }

    fn phase(&self, want: Option<&Value>, seen: &Seen, receipt: Option<&Receipt>) -> Result<Phase> {
        let want = want.cloned().map(typed::<R, R>).transpose()?;
        Ok(R::phase(want.as_ref(), &observed(seen.clone())?, receipt))
    }

    fn undo(&self, last: Option<&Value>) -> Result<Option<Value>> {
        let last = last.cloned().map(typed::<R, R>).transpose()?;
        Ok(R::undo(last.as_ref()))
    }

    fn follow<'a>(
        &'a self,
        c: &'a Round<'a>,
        on: &'a str,
        seen: Seen,
        receipt: Option<&'a Receipt>,
        settled: bool,
    ) -> Fut<'a, Option<Phase>> {
        Box::pin(async move {
            let (reader, seen) = (c.reader::<R::Cloud>(on)?, observed::<R>(seen)?);
            R::follow(&reader, &seen, receipt, settled).await
        })
    }

    fn explain<'a>(
        &'a self,
        c: &'a Round<'a>,
        on: &'a str,
        id: &'a str,
        receipt: Option<&'a Receipt>,
    ) -> Fut<'a, Vec<String>> {
        Box::pin(async move {
            let reader = c.reader::<R::Cloud>(on)?;
            Ok(R::explain(&reader, &Id::new(id), receipt).await)
        })
    }

    fn read_many<'a>(
        &'a self,
        c: &'a Round<'a>,
        on: &'a str,
        ids: Vec<String>,
    ) -> Fut<'a, HashMap<String, Result<Seen>>> {
        Box::pin(async move {
            let ids: Vec<Id<R>> = ids.into_iter().map(Id::new).collect();
            let reader = c.reader::<R::Cloud>(on)?;
            let found = R::read_many(&reader, &ids).await?;
            let erase = |seen: Observed<R>| {
                Ok(Seen { inputs: json::<R, _>(&seen.inputs)?, outputs: json::<R, _>(&seen.outputs)? })
            };
            Ok(found.into_iter().map(|(id, seen)| (id.into(), seen.and_then(erase))).collect())
        })
    }

    fn find<'a>(&'a self, c: &'a Round<'a>, on: &'a str, inputs: Value, owner: &'a Owner) -> Fut<'a, Vec<String>> {
        Box::pin(async move {
            let reader = c.reader::<R::Cloud>(on)?;
            let found = typed::<R, R>(inputs)?.find(&reader, owner).await?;
            Ok(found.into_iter().map(String::from).collect())
        })
    }

    fn existing<'a>(&'a self, c: &'a Round<'a>, on: &'a str, inputs: Value) -> Fut<'a, Vec<String>> {
        Box::pin(async move {
            let reader = c.reader::<R::Cloud>(on)?;
            let found = typed::<R, R>(inputs)?.existing(&reader).await?;
            Ok(found.into_iter().map(String::from).collect())
        })
    }

    fn create<'a>(
        &'a self,
        c: &'a Clouds,
        on: &'a str,
        mut inputs: Value,
        owner: &'a Owner,
    ) -> Fut<'a, (String, Option<Receipt>)> {
        Box::pin(async move {
            c.secrets.reveal(&mut inputs);
            let (id, receipt) = typed::<R, R>(inputs)?.create(c.get::<R::Cloud>(on)?.writer(), owner).await?;
            Ok((id.into(), receipt))
        })
    }

    fn update<'a>(
        &'a self,
        c: &'a Clouds,
        on: &'a str,
        mut inputs: Value,
        was: Last,
        seen: Seen,
    ) -> Fut<'a, Option<Receipt>> {
        Box::pin(async move {
            c.secrets.reveal(&mut inputs);
            let (was, seen) = (recorded::<R>(was)?, observed::<R>(seen)?);
            typed::<R, R>(inputs)?.update(c.get::<R::Cloud>(on)?.writer(), &was, &seen).await
        })
    }

    fn delete<'a>(&'a self, c: &'a Clouds, on: &'a str, last: Last) -> Fut<'a, ()> {
        Box::pin(async move { R::delete(c.get::<R::Cloud>(on)?.writer(), &recorded::<R>(last)?).await })
    }
}

fn recorded<R: Resource>(last: Last) -> Result<Recorded<R>> {
    Ok(Recorded {
        id: Id::new(last.id),
        inputs: typed::<R, _>(last.inputs)?,
        outputs: last.outputs.map(typed::<R, _>).transpose()?,
        owner: last.owner,
    })
}

fn observed<R: Resource>(seen: Seen) -> Result<Observed<R>> {
    Ok(Observed { inputs: typed::<R, _>(seen.inputs)?, outputs: typed::<R, _>(seen.outputs)? })
}

fn json<R: Resource, T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error { source: Some(e.into()), ..Error::new(Kind::NotSent, R::TYPE) })
}

fn typed<R: Resource, T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| Error { source: Some(e.into()), ..Error::new(Kind::NotSent, R::TYPE) })
}

/// Every type that a binary knows. Listed, not discovered: a row of an unlisted type is an error that names
/// the type.
#[derive(Default)]
pub struct Registry(BTreeMap<&'static str, Box<dyn Erased>>);

impl Registry {
    /// With one more type.
    #[must_use]
    pub fn with<R: Resource>(mut self) -> Self {
        self.0.insert(R::TYPE, Box::new(Of::<R>(PhantomData)));
        self
    }
    /// The type of that name.
    pub fn get(&self, type_name: &str) -> Option<&dyn Erased> {
        self.0.get(type_name).map(|erased| &**erased)
    }
    /// All types, by name.
    pub fn all(&self) -> impl Iterator<Item = &dyn Erased> {
        self.0.values().map(|erased| &**erased)
    }
}
