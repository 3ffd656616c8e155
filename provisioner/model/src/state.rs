//! The state between two runs: an entry for each resource, with its objects and their ownership.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, Visitor},
};
use serde_json::Value;

use crate::{
    erased::RecordedState,
    resource::{Owner, Receipt},
    stack::Options,
};

/// The format that this version writes. A newer one is refused, an older one is migrated.
pub const FORMAT: u32 = 4;

/// The state of one environment at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Version of the state format: [`FORMAT`].
    pub format: u32,
    /// Random ID of the state, which distinguishes two states of the same environment name.
    pub lineage: String,
    /// Grows by one with each write.
    #[serde(deserialize_with = "serial")]
    pub serial: u64,
    /// Name of the environment.
    pub environment: String,
    /// Account, region and endpoint of the objects, by provider instance.
    pub targets: BTreeMap<String, ProviderTarget>,
    /// Entries of the state, by address.
    pub rows: BTreeMap<String, Row>,
    /// The stack's outputs, as of the last apply.
    pub outputs: BTreeMap<String, Value>,
    /// The highest generation of the objects that have left each address. AWS reserves some names after a delete, so the
    /// next object there gets a higher generation, and with it another generated name.
    #[serde(deserialize_with = "generations")]
    pub generations: BTreeMap<String, u32>,
    /// `true` while the environment is stopped: see [`Facts::stopped`](crate::Facts::stopped). It is written before the
    /// first call of a run that stops or starts the environment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// A move to or from another place. A state with this member is not in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
}

/// A move of a state between two places, such as `state/dev` and `s3://bucket/shop/dev`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// The state is to come from this place: the move is not complete.
    From(String),
    /// The state is at this place now.
    To(String),
}

impl Snapshot {
    /// Returns an empty state with serial 0.
    pub fn new(lineage: impl Into<String>, environment: impl Into<String>) -> Self {
        Self {
            format: FORMAT,
            lineage: lineage.into(),
            serial: 0,
            environment: environment.into(),
            targets: BTreeMap::new(),
            rows: BTreeMap::new(),
            outputs: BTreeMap::new(),
            generations: BTreeMap::new(),
            stopped: false,
            moved: None,
        }
    }
}

impl Snapshot {
    /// Returns the generation of the next object at an address: higher than that of every object that has been there.
    pub fn next_generation(&self, address: &str) -> u32 {
        let objects = self.rows.get(address).into_iter().flat_map(|row| &row.objects);
        let present = objects.map(|object| object.generation);
        present.chain(self.generations.get(address).copied()).max().map_or(1, |newest| newest + 1)
    }

    /// Removes a row with all of its objects.
    pub fn remove_row(&mut self, address: &str) {
        if let Some(row) = self.rows.remove(address) {
            row.objects.iter().for_each(|object| self.retire(address, object.generation));
        }
    }

    /// Keeps a generation from being used again at an address.
    pub(crate) fn retire(&mut self, address: &str, generation: u32) {
        let newest = self.generations.entry(address.to_owned()).or_default();
        *newest = generation.max(*newest);
    }

    /// Returns an output of the resource's current object, as last read.
    pub fn output(&self, address: &str, path: &str) -> Option<Value> {
        let outputs = self.rows.get(address)?.current()?.outputs.as_ref()?;
        path.split('.').try_fold(outputs, |value, part| value.get(part)).filter(|value| !value.is_null()).cloned()
    }

    /// Changes with anything in it: what a plan is pinned to, besides the serial.
    pub fn digest(&self) -> String {
        crate::digest::sha256(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The account, region and endpoint that objects belong to. A plan against another one is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderTarget {
    /// Number of the cloud account.
    pub account: String,
    /// Region, such as `eu-central-1`.
    pub region: String,
    /// Base URL of an endpoint other than AWS, such as an emulator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// One declared resource and its objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Resource type, such as `aws:ec2:subnet`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Of its inputs' shape.
    pub version: u32,
    /// Name of the provider instance.
    pub provider: String,
    /// Engine options as last declared.
    #[serde(default)]
    pub options: Options,
    /// The addresses that its inputs refer to.
    pub needs: Vec<String>,
    /// The newest first. Each has a role: at most one is current.
    pub objects: Vec<Object>,
}

impl Row {
    /// Returns the resource's current object. A new object becomes current only once the replaced one has left the
    /// state.
    pub fn current(&self) -> Option<&Object> {
        let with = |role| self.objects.iter().find(move |object| object.role == role);
        with(ObjectRole::Current).or_else(|| with(ObjectRole::Successor))
    }
}

/// One object in the cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// None while a create's outcome is not known.
    pub id: Option<String>,
    /// Number of earlier objects at this address.
    #[serde(deserialize_with = "generation")]
    pub generation: u32,
    /// Chosen before its create.
    pub token: String,
    /// Start time of the create, in seconds since 1970.
    pub made_at: u64,
    /// Origin of the object: created, adopted or shared.
    pub origin: Origin,
    /// Its role among the objects of its resource.
    #[serde(default, skip_serializing_if = "ObjectRole::is_current")]
    pub role: ObjectRole,
    /// An operation that began and is not known to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Inputs as declared, references and all.
    pub declared: Value,
    /// Inputs as resolved when last written.
    pub inputs: Value,
    /// Outputs as last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
}

impl Object {
    /// Returns whether its create has begun and has not ended.
    pub fn is_being_created(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Create)
    }

    /// Returns whether the object is never changed or deleted, only used: it is shared, and takes no tags that would name
    /// its users.
    pub fn is_used_as_is(&self, tagged: bool) -> bool {
        self.origin == Origin::Shared && !tagged
    }

    /// Returns whether the object stays in the cloud when its resource ends: it was created outside Provisioner, or is
    /// used as it is.
    pub fn outlives_resource(&self, tagged: bool) -> bool {
        self.origin == Origin::Adopted || self.is_used_as_is(tagged)
    }

    /// Returns the object's ownership data.
    pub fn owner(&self, lineage: &str, address: &str) -> Owner {
        Owner {
            lineage: lineage.to_owned(),
            address: address.to_owned(),
            token: self.token.clone(),
            generation: self.generation,
        }
    }

    /// Returns the recorded inputs, with those that only an interrupted update states: they may be in force.
    pub fn inputs_in_force(&self) -> Value {
        let mut inputs = self.inputs.clone();
        let pending = self.pending.as_ref().filter(|pending| pending.operation == Operation::Update);
        let pending = pending.and_then(|pending| pending.inputs.as_ref()?.as_object());
        if let (Some(inputs), Some(pending)) = (inputs.as_object_mut(), pending) {
            for (name, value) in pending {
                let recorded = inputs.entry(name.clone()).or_insert(Value::Null);
                if recorded.is_null() {
                    recorded.clone_from(value);
                }
            }
        }
        inputs
    }

    /// Returns the recorded state that a type needs to update or delete the object; `None` while its ID is unknown.
    pub fn recorded_state(&self, lineage: &str, address: &str) -> Option<RecordedState> {
        Some(RecordedState {
            id: self.id.clone()?,
            inputs: self.inputs_in_force(),
            outputs: self.outputs.clone(),
            owner: self.owner(lineage, address),
        })
    }
}

/// The role of an object among those of its resource.
///
/// A replacement that creates first adds a successor. The current object stays current until the successor's create has
/// ended: a create that is refused or interrupted changes nothing for those who depend on the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectRole {
    /// The current object of the resource.
    #[default]
    Current,
    /// It is being created to replace the current object.
    Successor,
    /// A successor has taken its place, or it is a successor that was given up: it awaits deletion.
    Replaced,
}

impl ObjectRole {
    /// Returns whether the object is the resource's current one.
    pub fn is_current(&self) -> bool {
        *self == Self::Current
    }
}

/// The origin of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Created by Provisioner: destroy deletes it.
    Made,
    /// Adopted: destroy forgets it.
    Adopted,
    /// Shared: its tags show whether Provisioner created it. An object without tags is used as it is, and outlives its
    /// users.
    Shared,
}

/// An operation that has started: the next run determines its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The operation that has started.
    pub operation: Operation,
    /// The receipt of the call, if it returned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The inputs that an update was to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
}

/// The operation on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Creates the object.
    Create,
    /// Change it in place.
    Update,
    /// Deletes the object.
    Delete,
}

// The engine counts serials and generations up, and never reaches these limits. A larger number comes from a damaged
// file: it is an error where it is read, so that no addition overflows.
/// The highest serial of a state.
pub const MAX_SERIAL: u64 = 1 << 53;
const MAX_GENERATION: u32 = 1 << 31;

/// A number with a limit. The visitor checks it, so that the error has the number's own line and column.
struct Counter {
    name: &'static str,
    limit: u64,
}

impl Visitor<'_> for Counter {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} of at most {}", self.name, self.limit)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<u64, E> {
        let beyond = || E::custom(format!("expected a {} of at most {}, found {number}", self.name, self.limit));
        if number <= self.limit { Ok(number) } else { Err(beyond()) }
    }
}

fn serial<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(Counter { name: "serial", limit: MAX_SERIAL })
}

pub(crate) fn generation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = deserializer.deserialize_u64(Counter { name: "generation", limit: MAX_GENERATION.into() })?;
    u32::try_from(number).map_err(D::Error::custom)
}

fn generations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u32>, D::Error> {
    #[derive(Deserialize)]
    struct Generation(#[serde(deserialize_with = "generation")] u32);
    let generations = BTreeMap::<String, Generation>::deserialize(deserializer)?;
    Ok(generations.into_iter().map(|(address, Generation(newest))| (address, newest)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_beyond_its_limit_is_an_error_where_it_is_read() {
        let text = |serial: u64, generation: u32| {
            let snapshot = Snapshot { serial, ..Snapshot::new("lineage", "dev") };
            let generations = BTreeMap::from([("net/main".to_owned(), generation)]);
            serde_json::to_string_pretty(&Snapshot { generations, ..snapshot }).unwrap()
        };
        let read = |text: String| serde_json::from_str::<Snapshot>(&text);
        let snapshot = read(text(MAX_SERIAL, MAX_GENERATION)).unwrap();
        assert_eq!(snapshot.next_generation("net/main"), MAX_GENERATION + 1);
        assert_eq!(read(text(MAX_SERIAL + 1, 1)).unwrap_err().line(), 4);
        assert_eq!(read(text(1, u32::MAX)).unwrap_err().line(), 10);
    }
}
