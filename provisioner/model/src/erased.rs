//! The contract with types erased to JSON: the only form that the engine handles.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    cloudformation::{self, CloudFormationResource},
    diagnostic::Diagnostic,
    error::{Error, Result},
    resource::{Change, Cloud, Id, Observed, Obstacle, Owner, Phase, Receipt, Recorded, Resource, UpdateReview},
    schema::FieldSchema,
    secret::SecretValues,
    type_info::TypeInfo,
};

/// A boxed future of a call to a cloud.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

type ProviderKey = (TypeId, String);

/// The clouds of one run, by type and instance: two accounts or regions are two instances of one type.
#[derive(Default)]
pub struct Clouds {
    clouds: HashMap<ProviderKey, Box<dyn Any + Send + Sync>>,
    secrets: SecretValues,
}

impl Clouds {
    /// Adds a cloud under the name of its instance.
    pub fn add<C: Cloud>(&mut self, instance: &str, cloud: C) {
        self.clouds.insert((TypeId::of::<C>(), instance.to_owned()), Box::new(cloud));
    }

    /// Sets the values of the secret inputs.
    pub fn set_secrets(&mut self, secrets: SecretValues) {
        self.secrets = secrets;
    }

    /// The cloud of that instance, for what is asked of it beside its resources.
    pub fn get<C: Cloud>(&self, instance: &str) -> Result<&C> {
        self.clouds
            .get(&(TypeId::of::<C>(), instance.to_owned()))
            .and_then(|cloud| cloud.downcast_ref())
            .ok_or_else(|| Error::bug("provider", format!("no provider `{instance}` of this type")))
    }

    /// A round of reads: within it, what several types need is read once.
    pub fn round(&self) -> Round<'_> {
        Round { clouds: self, readers: Mutex::default() }
    }
}

/// One refresh, or one look at what is pending. Its readers share their caches and end with it.
pub struct Round<'a> {
    clouds: &'a Clouds,
    readers: Mutex<HashMap<ProviderKey, Arc<dyn Any + Send + Sync>>>,
}

impl Round<'_> {
    fn reader<C: Cloud>(&self, instance: &str) -> Result<Arc<C::Reader>> {
        let cloud = self.clouds.get::<C>(instance)?;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let reader =
            readers.entry((TypeId::of::<C>(), instance.to_owned())).or_insert_with(|| Arc::new(cloud.reader())).clone();
        reader.downcast().map_err(|_| Error::bug("provider", "two types of reader under one key"))
    }
}

/// The recorded state of an object, erased.
#[derive(Clone, Debug)]
pub struct RecordedState {
    /// The object's id.
    pub id: String,
    /// As resolved when last written.
    pub inputs: Value,
    /// As last read.
    pub outputs: Option<Value>,
    /// Ownership data of the object.
    pub owner: Owner,
}

/// The observed state of an object, erased.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedState {
    /// As if they had been declared that way.
    pub inputs: Value,
    /// Values that only the cloud determines.
    pub outputs: Value,
}

/// A resource type, erased.
pub trait ResourceType: Send + Sync {
    /// Returns the type's constants.
    fn info(&self) -> &'static TypeInfo;
    /// See [`Resource::is_equivalent`].
    fn is_equivalent(&self, field: &FieldSchema, desired: &Value, observed: &Value) -> bool;
    /// See [`Resource::change`].
    fn change(&self, field: &FieldSchema, recorded: &Value, desired: &Value) -> Change;
    /// See [`Resource::review_update`].
    fn review_update(&self, observed: &Value, desired: &Value) -> Vec<UpdateReview>;
    /// See [`Resource::migrate`].
    fn migrate(&self, from: u32, inputs: &mut Value);
    /// Returns whether the inputs have the type's shape.
    fn check(&self, inputs: &Value) -> Result<()>;
    /// Returns the CloudFormation resources of a declaration, with markers for values that are not known yet.
    fn cloudformation(&self, inputs: &Value) -> Result<Vec<CloudFormationResource>>;
    /// Returns what the cloud would refuse in a declaration: the mistakes that [`Resource::problems`] reports, and those by
    /// [`Cloud::findings`]. References may be unresolved.
    fn findings(&self, inputs: &Value, region: &str) -> Vec<Diagnostic>;
    /// See [`Resource::phase`].
    fn phase(&self, desired: Option<&Value>, observed: &ObservedState, receipt: Option<&Receipt>) -> Result<Phase>;
    /// See [`Resource::rollback_inputs`].
    fn rollback_inputs(&self, recorded: Option<&Value>) -> Result<Option<Value>>;
    /// See [`Resource::poll_rollout`].
    fn poll_rollout<'a>(
        &'a self,
        c: &'a Round<'a>,
        provider: &'a str,
        observed: ObservedState,
        receipt: Option<&'a Receipt>,
        window_elapsed: bool,
    ) -> Fut<'a, Option<Phase>>;
    /// See [`Resource::explain`].
    fn explain<'a>(
        &'a self,
        c: &'a Round<'a>,
        provider: &'a str,
        id: &'a str,
        receipt: Option<&'a Receipt>,
    ) -> Fut<'a, Vec<String>>;
    /// See [`Resource::read_many`].
    fn read_many<'a>(
        &'a self,
        c: &'a Round<'a>,
        provider: &'a str,
        ids: Vec<String>,
    ) -> Fut<'a, HashMap<String, Result<ObservedState>>>;
    /// See [`Resource::find_by_token`].
    fn find_by_token<'a>(
        &'a self,
        c: &'a Round<'a>,
        provider: &'a str,
        inputs: Value,
        owner: &'a Owner,
    ) -> Fut<'a, Vec<String>>;
    /// See [`Resource::find_by_unique_key`].
    fn find_by_unique_key<'a>(&'a self, c: &'a Round<'a>, provider: &'a str, inputs: Value) -> Fut<'a, Vec<String>>;
    /// See [`Resource::create`].
    fn create<'a>(
        &'a self,
        c: &'a Clouds,
        provider: &'a str,
        inputs: Value,
        owner: &'a Owner,
    ) -> Fut<'a, (String, Option<Receipt>)>;
    /// See [`Resource::update`].
    fn update<'a>(
        &'a self,
        c: &'a Clouds,
        provider: &'a str,
        inputs: Value,
        recorded: RecordedState,
        observed: ObservedState,
    ) -> Fut<'a, Option<Receipt>>;
    /// See [`Resource::delete`].
    fn delete<'a>(&'a self, c: &'a Clouds, provider: &'a str, recorded: RecordedState) -> Fut<'a, ()>;
    /// See [`Resource::obstacles`].
    fn obstacles<'a>(&'a self, c: &'a Round<'a>, provider: &'a str, recorded: RecordedState) -> Fut<'a, Vec<Obstacle>>;
}

struct ErasedResource<R>(PhantomData<fn() -> R>);

impl<R: Resource> ResourceType for ErasedResource<R> {
    fn info(&self) -> &'static TypeInfo {
        const { &TypeInfo::of::<R>() }
    }
    fn is_equivalent(&self, field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        R::is_equivalent(field, desired, observed)
    }
    fn change(&self, field: &FieldSchema, recorded: &Value, desired: &Value) -> Change {
        R::change(field, recorded, desired)
    }
    fn review_update(&self, observed: &Value, desired: &Value) -> Vec<UpdateReview> {
        R::review_update(observed, desired)
    }
    fn migrate(&self, from: u32, inputs: &mut Value) {
        R::migrate(from, inputs);
    }
    fn check(&self, inputs: &Value) -> Result<()> {
        typed::<R, R>(inputs.clone()).map(drop)
    }
    fn cloudformation(&self, inputs: &Value) -> Result<Vec<CloudFormationResource>> {
        Ok(cloudformation::resources(self.info(), typed::<R, R>(inputs.clone())?.properties()))
    }
    fn findings(&self, inputs: &Value, region: &str) -> Vec<Diagnostic> {
        // Inputs of another shape are an error of `check`.
        let Ok(typed) = typed::<R, R>(without_defaults(self.info(), inputs)) else { return vec![] };
        let problems = typed.problems().into_iter().map(|problem| Diagnostic::error(problem.to_string()));
        let resources = cloudformation::resources(self.info(), typed.properties());
        problems.chain(R::Cloud::findings(self.info(), &resources, region)).collect()
    }

    fn phase(&self, desired: Option<&Value>, observed: &ObservedState, receipt: Option<&Receipt>) -> Result<Phase> {
        let desired = desired.cloned().map(typed::<R, R>).transpose()?;
        Ok(R::phase(desired.as_ref(), &to_observed(observed.clone())?, receipt))
    }

    fn rollback_inputs(&self, recorded: Option<&Value>) -> Result<Option<Value>> {
        let recorded = recorded.cloned().map(typed::<R, R>).transpose()?;
        Ok(R::rollback_inputs(recorded.as_ref()))
    }

    fn poll_rollout<'a>(
        &'a self,
        c: &'a Round<'a>,
        provider: &'a str,
        observed: ObservedState,
        receipt: Option<&'a Receipt>,
        window_elapsed: bool,
    ) -> Fut<'a, Option<Phase>> {
        Box::pin(async move {
            let (reader, observed) = (c.reader::<R::Cloud>(provider)?, to_observed::<R>(observed)?);
            R::poll_rollout(&reader, &observed, receipt, window_elapsed).await
        })
    }

    fn explain<'a>(
        &'a self,
        c: &'a Round<'a>,
        provider: &'a str,
        id: &'a str,
        receipt: Option<&'a Receipt>,
    ) -> Fut<'a, Vec<String>> {
        Box::pin(async move {
            let reader = c.reader::<R::Cloud>(provider)?;
            Ok(R::explain(&reader, &Id::new(id), receipt).await)
        })
    }

    fn read_many<'a>(
        &'a self,
        c: &'a Round<'a>,
        provider: &'a str,
        ids: Vec<String>,
    ) -> Fut<'a, HashMap<String, Result<ObservedState>>> {
        Box::pin(async move {
            let ids: Vec<Id<R>> = ids.into_iter().map(Id::new).collect();
            let reader = c.reader::<R::Cloud>(provider)?;
            let found = R::read_many(&reader, &ids).await?;
            let erase = |observed: Observed<R>| {
                Ok(ObservedState { inputs: json::<R, _>(&observed.inputs)?, outputs: json::<R, _>(&observed.outputs)? })
            };
            Ok(found.into_iter().map(|(id, observed)| (id.into(), observed.and_then(erase))).collect())
        })
    }

    fn find_by_token<'a>(
        &'a self,
        c: &'a Round<'a>,
        provider: &'a str,
        inputs: Value,
        owner: &'a Owner,
    ) -> Fut<'a, Vec<String>> {
        Box::pin(async move {
            let reader = c.reader::<R::Cloud>(provider)?;
            let found = typed::<R, R>(inputs)?.find_by_token(&reader, owner).await?;
            Ok(found.into_iter().map(String::from).collect())
        })
    }

    fn find_by_unique_key<'a>(&'a self, c: &'a Round<'a>, provider: &'a str, inputs: Value) -> Fut<'a, Vec<String>> {
        Box::pin(async move {
            let reader = c.reader::<R::Cloud>(provider)?;
            let found = typed::<R, R>(inputs)?.find_by_unique_key(&reader).await?;
            Ok(found.into_iter().map(String::from).collect())
        })
    }

    fn create<'a>(
        &'a self,
        c: &'a Clouds,
        provider: &'a str,
        mut inputs: Value,
        owner: &'a Owner,
    ) -> Fut<'a, (String, Option<Receipt>)> {
        Box::pin(async move {
            c.secrets.reveal(&mut inputs);
            let writer = c.get::<R::Cloud>(provider)?.writer();
            let created = async { typed::<R, R>(inputs)?.create(writer, owner).await };
            let (id, receipt) = created.await.map_err(|error| c.secrets.hide(error))?;
            Ok((id.into(), receipt))
        })
    }

    fn update<'a>(
        &'a self,
        c: &'a Clouds,
        provider: &'a str,
        mut inputs: Value,
        recorded: RecordedState,
        observed: ObservedState,
    ) -> Fut<'a, Option<Receipt>> {
        Box::pin(async move {
            c.secrets.reveal(&mut inputs);
            let writer = c.get::<R::Cloud>(provider)?.writer();
            let (recorded, observed) = (to_recorded::<R>(recorded)?, to_observed::<R>(observed)?);
            let updated = async { typed::<R, R>(inputs)?.update(writer, &recorded, &observed).await };
            updated.await.map_err(|error| c.secrets.hide(error))
        })
    }

    fn delete<'a>(&'a self, c: &'a Clouds, provider: &'a str, recorded: RecordedState) -> Fut<'a, ()> {
        Box::pin(async move { R::delete(c.get::<R::Cloud>(provider)?.writer(), &to_recorded::<R>(recorded)?).await })
    }

    fn obstacles<'a>(&'a self, c: &'a Round<'a>, provider: &'a str, recorded: RecordedState) -> Fut<'a, Vec<Obstacle>> {
        Box::pin(async move {
            let reader = c.reader::<R::Cloud>(provider)?;
            Ok(R::obstacles(&reader, &to_recorded::<R>(recorded)?).await)
        })
    }
}

/// Inputs without those that have the cloud's default. The planner fills it in, and some rules allow an input only where
/// another one is set, whatever its value.
fn without_defaults(info: &TypeInfo, inputs: &Value) -> Value {
    let mut inputs = inputs.clone();
    if let Some(members) = inputs.as_object_mut() {
        let default =
            |field: &FieldSchema| field.cloud_default.and_then(|json| serde_json::from_str::<Value>(json).ok());
        for field in info.fields {
            if default(field).is_some_and(|default| members.get(field.name) == Some(&default)) {
                members.remove(field.name);
            }
        }
    }
    inputs
}

fn to_recorded<R: Resource>(recorded: RecordedState) -> Result<Recorded<R>> {
    Ok(Recorded {
        id: Id::new(recorded.id),
        inputs: typed::<R, _>(recorded.inputs)?,
        outputs: recorded.outputs.map(typed::<R, _>).transpose()?,
        owner: recorded.owner,
    })
}

fn to_observed<R: Resource>(observed: ObservedState) -> Result<Observed<R>> {
    Ok(Observed { inputs: typed::<R, _>(observed.inputs)?, outputs: typed::<R, _>(observed.outputs)? })
}

fn json<R: Resource, T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::bug(R::TYPE, error))
}

fn typed<R: Resource, T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::bug(R::TYPE, error))
}

/// Every type that a binary knows. Listed, not discovered: a row of an unlisted type is an error that names
/// the type.
#[derive(Default)]
pub struct ResourceRegistry(BTreeMap<&'static str, Box<dyn ResourceType>>);

impl ResourceRegistry {
    /// With one more type.
    #[must_use]
    pub fn with<R: Resource>(mut self) -> Self {
        self.0.insert(R::TYPE, Box::new(ErasedResource::<R>(PhantomData)));
        self
    }
    /// The type of that name.
    pub fn get(&self, type_name: &str) -> Option<&dyn ResourceType> {
        self.0.get(type_name).map(|erased| &**erased)
    }
    /// All types, by name.
    pub fn all(&self) -> impl Iterator<Item = &dyn ResourceType> {
        self.0.values().map(|erased| &**erased)
    }
}
