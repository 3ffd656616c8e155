//! A plan: everything that an apply will do, in which order, and why. It is data, made once and never changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    diagnostic::Diagnostic,
    stack::{Facts, Options},
    state::{Origin, ProviderTarget},
};

/// The format of saved plans. Another one is refused.
pub const FORMAT: u32 = 3;

/// Everything that an apply will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of the plan format: [`FORMAT`].
    pub format: u32,
    /// Facts that were known before the stack was declared.
    pub facts: Facts,
    /// Of the state that it starts from. A new state's lineage is made with its first plan.
    pub lineage: String,
    /// Of the state that it starts from.
    pub serial: u64,
    /// Of the state that it starts from: see [`Snapshot::digest`](crate::state::Snapshot::digest).
    pub digest: String,
    /// Account, region and endpoint, by provider instance.
    pub targets: BTreeMap<String, ProviderTarget>,
    /// Objects whose create was interrupted before its answer, and that the refresh found: the apply records their IDs
    /// before it does anything else, so that no step takes such an object for one that is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discovered: Vec<Discovered>,
    /// The planned action for each resource, including unchanged resources.
    pub resources: BTreeMap<String, ResourcePlan>,
    /// The calls, each after those that it waits for. A step's number is its place here.
    pub steps: Vec<Step>,
    /// Changes made outside Provisioner since the last apply.
    pub drift: Vec<Drift>,
    /// The stack's outputs, with `<ADDRESS.PATH>` for what is not known yet.
    pub outputs: BTreeMap<String, Value>,
    /// The outputs as declared.
    pub declared_outputs: BTreeMap<String, Value>,
    /// Further remarks for the reader: protected resources that block the plan, objects that cannot be deleted.
    pub notices: Vec<Diagnostic>,
}

impl Plan {
    /// Returns whether an apply would do nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// An object whose ID the state lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discovered {
    /// The resource, under the address that the state has.
    pub address: String,
    /// The token of the object's create.
    pub token: String,
    /// The object's ID in AWS.
    pub id: String,
}

/// An object besides the resource's current one: a replaced object, or an abandoned new object. The plan deletes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leftover {
    /// The object's ID in AWS, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The object stays in AWS and only leaves the state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retained: bool,
    /// The reason in words.
    pub why: String,
}

/// The planned action for one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourcePlan {
    /// Resource type, such as `aws:ec2:subnet`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Action that the plan takes.
    pub action: Action,
    /// Reasons for the action as text, most important first.
    pub reasons: Vec<String>,
    /// Field by field; for a create, all that are set.
    pub changes: Vec<FieldChange>,
    /// The resource's other objects, which go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Leftover>,
    /// The object's id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// File, line and column in the program; none where the program no longer declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Deleting it needs consent.
    pub protected: bool,
    /// The address it had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// The action for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Creates an object for the resource.
    Create,
    /// It is changed in place.
    Update,
    /// A new object takes its place, and the old one is deleted after.
    Replace,
    /// The old object is deleted, then a new one made: an outage.
    ReplaceDeleteFirst,
    /// Deletes the resource's object.
    Delete,
    /// Adopts an object that exists already.
    Adopt,
    /// It leaves the state, and stays in the cloud.
    Forget,
    /// Releases a shared object: it loses our tag, and stays for its other users.
    Release,
    /// Nothing, but it has a new address.
    Rename,
    /// Leaves the resource unchanged.
    NoChange,
}

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    /// Name of the changed input.
    pub field: String,
    /// The value before the change: observed, or recorded without a refresh.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub before: Value,
    /// The value after the change, with `<ADDRESS.PATH>` for outputs that are known after apply.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub after: Value,
    /// It is this field that forces a replacement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces: bool,
    /// The outputs that `after` waits for: `ADDRESS.PATH`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub waits_for: BTreeSet<String>,
    /// `true` if the field was changed outside Provisioner, and the plan reverts it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drifted: bool,
    /// `true`, for a new object, if the program leaves the input out: `after` is the cloud's default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cloud_default: bool,
    /// It holds a document: show it as a diff of lines.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub document: bool,
}

/// A change to an object outside Provisioner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Address of the drifted resource.
    pub address: String,
    /// Resource type, such as `aws:ec2:subnet`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The object's ID in AWS.
    pub id: String,
    /// `true` if the object no longer exists.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// The changed fields: `before` is the recorded value, `after` the observed one.
    pub changes: Vec<FieldChange>,
}

/// One thing that an apply does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Address of the resource.
    pub address: String,
    /// Resource type, such as `aws:ec2:subnet`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Name of the provider instance.
    pub provider: String,
    /// The action, with its parameters.
    pub action: StepAction,
    /// The steps that must have succeeded before.
    pub after: BTreeSet<usize>,
}

/// The action of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum StepAction {
    /// Creates a new object.
    Create(Write),
    /// Changes the object with this token.
    Update {
        /// Token of the object.
        token: String,
        /// Inputs and options to write.
        #[serde(flatten)]
        write: Write,
    },
    /// Adopts an existing object, and updates it to match the declaration.
    Adopt {
        /// The existing object's ID.
        id: String,
        /// Inputs and options to write.
        #[serde(flatten)]
        write: Write,
    },
    /// Lifts the cloud's own protection of an object, so that it can be deleted.
    DisableDeletionProtection {
        /// Token of the object.
        token: String,
        /// The fields that are set to `false`.
        fields: Vec<String>,
    },
    /// Deletes the object with this token.
    Delete {
        /// Token of the object.
        token: String,
        /// The object's ID, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Takes our tag off a shared object.
    Release {
        /// Token of the object.
        token: String,
    },
    /// Drops the object from the state.
    Forget {
        /// Token of the object.
        token: String,
    },
    /// Writes the row as it is declared now: nothing in the cloud changes.
    Record {
        /// Token of the object.
        token: String,
        /// Inputs and options to record.
        #[serde(flatten)]
        write: Write,
    },
    /// Gives the row another address.
    Rename {
        /// The address it had.
        from: String,
    },
}

impl StepAction {
    /// The action's name in saved plans and in `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Update { .. } => "update",
            Self::Adopt { .. } => "adopt",
            Self::DisableDeletionProtection { .. } => "disable_deletion_protection",
            Self::Delete { .. } => "delete",
            Self::Release { .. } => "release",
            Self::Forget { .. } => "forget",
            Self::Record { .. } => "record",
            Self::Rename { .. } => "rename",
        }
    }

    /// The words for the action in messages.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::DisableDeletionProtection { .. } => "disable deletion protection",
            other => other.name(),
        }
    }
}

/// The inputs and options of a create or update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    /// Inputs as declared, with generated names and tags filled in, references unresolved.
    pub declared: Value,
    /// The same as far as it is known: what is resolved at the time must not differ in what is known now.
    pub planned: Value,
    /// The fields of `planned` that wait for an output.
    pub unknown: BTreeSet<String>,
    /// Number of earlier objects at this address.
    #[serde(deserialize_with = "crate::state::generation")]
    pub generation: u32,
    /// Of the inputs' shape.
    pub version: u32,
    /// Engine options for the resource.
    pub options: Options,
    /// The addresses that its inputs refer to.
    pub needs: Vec<String>,
    /// Origin of the object: created, adopted or shared.
    pub origin: Origin,
    /// `true` if an object outside the environment may have the unique key: the engine checks before it creates.
    /// `false` if the key is generated, or belongs to an object that the same plan creates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key_may_exist: bool,
    /// Should it fail: the inputs that are put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_inputs: Option<Value>,
    /// The verification that must succeed before the step does, with unresolved references. The engine passes it on
    /// unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Value>,
}
