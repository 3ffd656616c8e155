//! The resource contract: everything that the engine may know about one type of cloud object.
//!
//! A type is a struct of inputs and one `impl Resource`. It holds no state, decides nothing about order
//! or retries, and never prints: the engine does that, once, for every type.

use std::{future::Future, marker::PhantomData, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use crate::schema::{FieldSchema, Name, NameRule};
use crate::{
    cloudformation::CloudFormationResource, diagnostic::Diagnostic, error::Result, schema::Schema, type_info::TypeInfo,
};

/// One type of cloud object.
pub trait Resource: Schema {
    /// Version of the inputs' format. [`Resource::migrate`] converts entries of the state from older versions.
    const VERSION: u32 = 1;
    /// Keeps the replaced object in the cloud and only removes it from the state: other objects may still use it (an
    /// image that an earlier revision runs), and another mechanism deletes it.
    const RETAIN_ON_REPLACE: bool = false;
    /// Outputs that an update may change. Should another change all the same, its dependents stop.
    const CHANGES_ON_UPDATE: &'static [&'static str] = &[];
    /// The IAM actions that its calls need: the deploy role's policy is generated from them.
    const ACTIONS: Actions;
    /// Maximum number of IDs in one [`Resource::read_many`].
    const READ_BATCH: usize = 100;
    /// Maximum time for which a new object may stay invisible. Before that, absence proves nothing.
    const CONSISTENCY_WINDOW: Duration = Duration::from_mins(1);
    /// `true` if a create can be repeated with the same token before the outcome of the first attempt is known: the API
    /// returns the object of the first attempt, refuses the second one, or overwrites the object with the same inputs.
    /// By default, the engine waits for [`Resource::CONSISTENCY_WINDOW`] before it repeats a create.
    const IDEMPOTENT_CREATE: bool = false;
    /// Maximum time until other services can use a created or changed object. Until then, an error that concerns the object
    /// is temporary.
    const PROPAGATION_WINDOW: Duration = Duration::from_mins(2);
    /// Maximum time of one create, update or delete call, with all its requests. After it, the outcome is unknown. A type
    /// that uploads files needs more.
    const WRITE_TIMEOUT: Duration = Duration::from_mins(5);
    /// Maximum time after a create, update or delete until [`Resource::phase`] reports completion.
    const READY_TIMEOUT: Duration = Duration::from_mins(5);
    /// Pause between two polls of an object that is not ready yet.
    const POLL_INTERVAL: Duration = Duration::from_secs(5);

    /// The cloud that contains objects of this type.
    type Cloud: Cloud;
    /// Values that only the cloud determines: `id` first, ARNs, assigned addresses, lifecycle state.
    type Outputs: Serialize + DeserializeOwned + Send + Sync;

    /// Mistakes that show without the network, each with its field. All are reported together.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }
    /// Returns whether the cloud's value means what was asked for (`16` and `16.4`, two orders of one set).
    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        field.compare.is_equivalent(desired, observed)
    }
    /// Returns the change that a difference in `field` requires, if that depends on the values.
    fn change(field: &FieldSchema, _recorded: &Value, _desired: &Value) -> Change {
        if field.replaces { Change::Replace } else { Change::Update }
    }
    /// Reviews an update by all its inputs together: one that needs the program's consent, or that interrupts the object.
    /// Single inputs that cannot change are up to [`Resource::change`].
    fn review_update(_observed: &Value, _desired: &Value) -> Vec<UpdateReview> {
        Vec::new()
    }
    /// Brings inputs of an older [`Resource::VERSION`] to this one.
    fn migrate(_from: u32, _inputs: &mut Value) {}

    /// Returns the object's lifecycle phase. `receipt` is the receipt of the last create or update (a deployment's ID):
    /// with it, a healthy old version is not mistaken for the new one.
    fn phase(_desired: Option<&Self>, _observed: &Observed<Self>, _receipt: Option<&Receipt>) -> Phase {
        Phase::Ready
    }

    /// Returns the progress of a rollout, which a batched read does not include and [`Resource::phase`] cannot see. The
    /// engine calls it only while it waits for a create or update, with the object's latest read; `None` if `phase`
    /// suffices. `window_elapsed` is true once [`Resource::CONSISTENCY_WINDOW`] has passed since the wait began.
    fn poll_rollout(
        _c: &Reads<Self>,
        _observed: &Observed<Self>,
        _receipt: Option<&Receipt>,
        _window_elapsed: bool,
    ) -> impl Future<Output = Result<Option<Phase>>> + Send {
        async { Ok(None) }
    }
    /// Explains an object's failure in lines of text: what stopped, and its last log lines. Omits information that
    /// cannot be read.
    fn explain(
        _c: &Reads<Self>,
        _id: &Id<Self>,
        _receipt: Option<&Receipt>,
    ) -> impl Future<Output = Vec<String>> + Send {
        async { Vec::new() }
    }
    /// The inputs that are put back should what is written fail: how it was, or for one that never was ready, how it
    /// does no harm. None for a type whose failures stay as they are.
    fn rollback_inputs(_recorded: Option<&Self>) -> Option<Value> {
        None
    }

    /// Observes many objects in as few calls as the API allows, all pages. An id without a row in the
    /// answer is not there; one that could not be read has its own error and harms no other.
    fn read_many(c: &Reads<Self>, ids: &[Id<Self>]) -> impl Future<Output = Result<ReadResults<Self>>> + Send;
    /// The objects made for `owner`: by its token, or, where objects carry none, by their unique key.
    fn find_by_token(&self, c: &Reads<Self>, owner: &Owner) -> impl Future<Output = Result<Vec<Id<Self>>>> + Send;
    /// Finds the objects with this resource's unique key, regardless of their creator: for `adopt` and `share`.
    fn find_by_unique_key(&self, _c: &Reads<Self>) -> impl Future<Output = Result<Vec<Id<Self>>>> + Send {
        async { Ok(Vec::new()) }
    }
    /// Starts the creation and returns as soon as the ID is known: the engine journals it immediately. Settings that
    /// need a second call are left to `update`, after a read and a comparison.
    fn create(&self, c: &Writes<Self>, owner: &Owner) -> impl Future<Output = Result<Created<Self>>> + Send;
    /// Updates the object to match `self`, given its recorded and observed state.
    fn update(
        &self,
        c: &Writes<Self>,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> impl Future<Output = Result<Updated>> + Send;
    /// Starts deletion, with all that the state knows: the program that declared it may be gone.
    fn delete(c: &Writes<Self>, recorded: &Recorded<Self>) -> impl Future<Output = Result<()>> + Send;
    /// Names the objects that keep the cloud from deleting this one, after a delete that failed with
    /// [`ErrorKind::InUse`](crate::ErrorKind::InUse). Omits information that cannot be read.
    fn obstacles(_c: &Reads<Self>, _recorded: &Recorded<Self>) -> impl Future<Output = Vec<Obstacle>> + Send {
        async { Vec::new() }
    }
}

/// A bundle of clients. Reads may be sent again by the SDK; writes never, since a lost answer to a create
/// would make a second object: the engine sends those again, by the error's kind.
pub trait Cloud: Send + Sync + 'static {
    /// May cache what it read: the engine takes a new one for each refresh and each round of polling.
    type Reader: Send + Sync + 'static;
    /// Can read too: some APIs replace a whole object, so that an update must read first.
    type Writer: Send + Sync;
    /// A reader that has read nothing yet.
    fn reader(&self) -> Self::Reader;
    /// Returns the cloud's only writer.
    fn writer(&self) -> &Self::Writer;
    /// Returns what the cloud would refuse in a declared resource, by its published rules and without a call. Markers for
    /// values that are not known yet pass. A diagnostic has neither address nor place: the caller adds them.
    fn findings(_info: &TypeInfo, _resources: &[CloudFormationResource], _region: &str) -> Vec<Diagnostic> {
        Vec::new()
    }
}

/// The reader of a type's cloud.
pub type Reads<R> = <<R as Resource>::Cloud as Cloud>::Reader;
/// The writer of a type's cloud.
pub type Writes<R> = <<R as Resource>::Cloud as Cloud>::Writer;
/// The results of a batched read, one for each object that exists.
pub type ReadResults<R> = Vec<(Id<R>, Result<Observed<R>>)>;
/// Tags of an object.
pub type Tags = std::collections::BTreeMap<String, String>;
/// The receipt of a create or update; journaled with its step.
pub type Receipt = Value;
/// The ID and receipt that a create returns.
pub type Created<R> = (Id<R>, Option<Receipt>);
/// The receipt that an update returns.
pub type Updated = Option<Receipt>;

/// The IAM actions of a type's calls.
#[derive(Clone, Copy, Debug)]
pub struct Actions {
    /// To read and find.
    pub read: &'static [&'static str],
    /// IAM actions for a create.
    pub create: &'static [&'static str],
    /// IAM actions for an update.
    pub update: &'static [&'static str],
    /// IAM actions for a delete.
    pub delete: &'static [&'static str],
}

/// The kind of change that a difference requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Updates the object in place.
    Update,
    /// A new object in its place.
    Replace,
    /// The API allows neither: an error with this reason (a disk that cannot shrink).
    Refused(String),
}

/// A remark on an update, which the plan shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateReview {
    /// `true` if the plan refuses the update; otherwise the remark is a warning.
    pub is_refusal: bool,
    /// Description of the update and its consequence.
    pub what: String,
    /// The suggested next action.
    pub hint: String,
}

/// The lifecycle phase of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The object is in transition: the engine polls it again.
    Pending,
    /// The object is ready for use.
    Ready,
    /// Still listed, but gone: counts as absent.
    Gone,
    /// The object exists, and the cloud refuses to change it until the user acts, such as a stopped database. A delete is
    /// possible.
    Stopped {
        /// The reason, as a clause: "its status is `stopped`".
        why: String,
        /// The required action of the user, with the command.
        hint: String,
    },
    /// It will not become ready.
    Failed {
        /// The cloud's reason for the failure.
        why: String,
        /// A NAT gateway that failed must be replaced, a deployment that failed must not.
        remedy: Option<Change>,
    },
}

impl Phase {
    /// The phase of an object whose API reports one word. Any other word is a failure that nothing remedies.
    pub fn of_state(state: &str, ready: &[&str], pending: &[&str]) -> Self {
        if ready.contains(&state) {
            Self::Ready
        } else if pending.contains(&state) {
            Self::Pending
        } else {
            Self::Failed { why: format!("state is `{state}`"), remedy: None }
        }
    }
}

/// An object that keeps the cloud from deleting another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The object for the user, with its kind, ID and owner: "the subnet subnet-1 (10.0.9.0/24)".
    pub description: String,
    /// `true` if the cloud deletes the object by itself, some time after its last user: the engine waits for that.
    pub is_temporary: bool,
}

/// A mistake in an input, as a resource type finds it. [`Stack`](crate::Stack) makes a
/// [`Diagnostic`] of it, with the address and the place of the declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the invalid input.
    pub field: &'static str,
    /// The error, with the expected value.
    pub why: String,
}

impl Problem {
    /// A mistake in `field`.
    pub fn new(field: impl Into<&'static str>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

/// The ownership of an object. The token is fixed in the journal before the call, is the API's client token where there
/// is one, and a tag where objects take tags. `generation` grows with each replacement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Lineage of the owning state.
    pub lineage: String,
    /// Address of the declaring resource.
    pub address: String,
    /// At most 36 characters of `[0-9a-f-]`; new for each create.
    pub token: String,
    /// Number of earlier objects at this address.
    pub generation: u32,
}

/// The observed state of an object.
#[derive(Clone, Debug)]
pub struct Observed<R: Resource> {
    /// The observed inputs, in the form of a declaration. Inputs that the API does not return are omitted or empty.
    pub inputs: R,
    /// Values that only the cloud determines.
    pub outputs: R::Outputs,
}

/// The recorded state of an object: an entry of the state.
#[derive(Clone, Debug)]
pub struct Recorded<R: Resource> {
    /// The object's typed ID.
    pub id: Id<R>,
    /// As resolved when last written.
    pub inputs: R,
    /// As last read; none where the create was cut off.
    pub outputs: Option<R::Outputs>,
    /// Ownership data of the object.
    pub owner: Owner,
}

/// The id of an `R` and of nothing else: `Id<Vpc>` does not fit where `Id<Subnet>` is wanted.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Id<R: ?Sized>(String, #[serde(skip)] PhantomData<fn() -> R>);

impl<R: ?Sized> Id<R> {
    /// The id that the API gave.
    pub fn new(raw: impl Into<String>) -> Self {
        Self(raw.into(), PhantomData)
    }
    /// Returns the ID in the form of the API.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl<R: ?Sized> Clone for Id<R> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}
impl<R: ?Sized> PartialEq for Id<R> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<R: ?Sized> Eq for Id<R> {}
impl<R: ?Sized> std::hash::Hash for Id<R> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<R: ?Sized> PartialOrd for Id<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<R: ?Sized> Ord for Id<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<R: ?Sized> std::fmt::Debug for Id<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl<R: ?Sized> std::fmt::Display for Id<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl<R: ?Sized> From<Id<R>> for String {
    fn from(id: Id<R>) -> Self {
        id.0
    }
}
