//! The journal of a running apply, from which an interrupted one resumes.
//!
//! The entry that starts an operation is durable before its call, `Answered` as soon as an ID is known, `Completed` before
//! any operation that depends on it starts. Replaying a journal onto the snapshot that it started from gives the state as far as it is known.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    resource::Receipt,
    state::{Object, ObjectRole, Operation, Pending, Row, Snapshot},
};

/// A line of the journal. Entries of independent steps may appear in any order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum JournalEntry {
    /// A run begins: all entries after this one apply to the snapshot that it names.
    RunStarted {
        /// The snapshot's lineage.
        lineage: String,
        /// The snapshot's serial.
        serial: u64,
    },
    /// A create is about to be sent.
    CreateStarted {
        /// The resource.
        address: String,
        /// The row as declared, without its objects.
        row: Box<Row>,
        /// The object, without an ID, with the create as its pending operation.
        object: Box<Object>,
    },
    /// An existing object is about to be taken over.
    AdoptStarted {
        /// The resource.
        address: String,
        /// The row as declared, without its objects.
        row: Box<Row>,
        /// The object with its ID.
        object: Box<Object>,
    },
    /// An update is about to be sent.
    UpdateStarted {
        /// The resource.
        address: String,
        /// The object's token.
        token: String,
        /// The inputs that the update writes.
        inputs: Value,
    },
    /// A delete is about to be sent.
    DeleteStarted {
        /// The resource.
        address: String,
        /// The object's token.
        token: String,
    },
    /// A create or update was answered, or a create's outcome was looked up: the object exists under this ID.
    Answered {
        /// The resource.
        address: String,
        /// The object's token.
        token: String,
        /// The object's ID.
        id: String,
        /// The receipt that the call returned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<Receipt>,
    },
    /// The object is as declared: the operation is complete.
    Completed {
        /// The resource.
        address: String,
        /// The row as declared now, without its objects.
        row: Box<Row>,
        /// The object as written and read.
        object: Box<Object>,
    },
    /// The operation had no effect: the object is as it was before it began.
    HadNoEffect {
        /// The resource.
        address: String,
        /// The object's token.
        token: String,
        /// The operation that was pending before this one began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Pending>,
    },
    /// The object no longer exists, or is no longer managed.
    Removed {
        /// The resource.
        address: String,
        /// The object's token.
        token: String,
    },
    /// The resource's address changed.
    Renamed {
        /// The address before.
        from: String,
        /// The address after.
        to: String,
    },
}

impl JournalEntry {
    /// Returns whether calls follow that the entry announces. Other entries tell the result of a call.
    pub fn announces_call(&self) -> bool {
        match self {
            Self::RunStarted { .. }
            | Self::CreateStarted { .. }
            | Self::AdoptStarted { .. }
            | Self::UpdateStarted { .. }
            | Self::DeleteStarted { .. } => true,
            Self::Answered { .. }
            | Self::Completed { .. }
            | Self::HadNoEffect { .. }
            | Self::Removed { .. }
            | Self::Renamed { .. } => false,
        }
    }
}

impl Snapshot {
    /// The snapshot after one more entry. Entries for what is not there change nothing: replay is safe with gaps.
    pub fn fold(&mut self, entry: JournalEntry) {
        match entry {
            JournalEntry::RunStarted { .. } => {}
            JournalEntry::CreateStarted { address, row, object } => {
                let objects = &mut self.rows.entry(address).or_insert(*row).objects;
                // A second successor replaces one that was given up.
                let given_up = objects.iter_mut().filter(|other| other.role == ObjectRole::Successor);
                given_up.for_each(|other| other.role = ObjectRole::Replaced);
                let has_current = objects.iter().any(|other| other.role.is_current());
                let role = if has_current { ObjectRole::Successor } else { ObjectRole::Current };
                objects.insert(0, Object { role, ..*object });
            }
            JournalEntry::AdoptStarted { address, row, object } => {
                let objects = &mut self.rows.entry(address).or_insert(*row).objects;
                // The object exists already: it takes the place of one that is gone.
                objects.iter_mut().for_each(|other| other.role = ObjectRole::Replaced);
                objects.insert(0, Object { role: ObjectRole::Current, ..*object });
            }
            JournalEntry::UpdateStarted { address, token, inputs } => {
                self.start(&address, &token, Operation::Update, Some(inputs));
            }
            JournalEntry::DeleteStarted { address, token } => self.start(&address, &token, Operation::Delete, None),
            JournalEntry::Answered { address, token, id, receipt } => {
                if let Some(object) = self.object(&address, &token) {
                    object.id = Some(id);
                    if let Some(pending) = &mut object.pending {
                        pending.receipt = receipt;
                    }
                }
            }
            JournalEntry::Completed { address, row, object } => {
                let new = *row;
                let row = self.rows.entry(address).or_insert_with(|| new.clone());
                let objects = std::mem::take(&mut row.objects);
                *row = Row { objects, ..new };
                if object.role.is_current() {
                    let replaced = row.objects.iter_mut().filter(|old| old.role.is_current());
                    replaced.for_each(|old| old.role = ObjectRole::Replaced);
                }
                match row.objects.iter_mut().find(|old| old.token == object.token) {
                    Some(old) => *old = *object,
                    None => row.objects.insert(0, *object),
                }
            }
            JournalEntry::HadNoEffect { address, token, before } => {
                if let Some(object) = self.object(&address, &token) {
                    object.pending = before;
                    if object.id.is_none() {
                        self.remove(&address, &token);
                    }
                }
            }
            JournalEntry::Removed { address, token } => {
                if let Some(generation) = self.object(&address, &token).map(|object| object.generation) {
                    self.retire(&address, generation);
                }
                self.remove(&address, &token);
            }
            JournalEntry::Renamed { from, to } => {
                if let Some(row) = self.rows.remove(&from) {
                    // The objects keep their names, which the next object at the old address must not get.
                    row.objects.iter().for_each(|object| self.retire(&from, object.generation));
                    self.rows.insert(to.clone(), row);
                }
                for row in self.rows.values_mut() {
                    row.needs.iter_mut().filter(|need| **need == from).for_each(|need| need.clone_from(&to));
                    row.objects.iter_mut().for_each(|object| rename(&mut object.declared, &from, &to));
                }
            }
        }
    }

    fn start(&mut self, address: &str, token: &str, operation: Operation, inputs: Option<Value>) {
        if let Some(object) = self.object(address, token) {
            object.pending = Some(Pending { operation, receipt: None, inputs });
        }
    }

    /// The object of a row that has this token.
    pub fn object(&mut self, address: &str, token: &str) -> Option<&mut Object> {
        self.rows.get_mut(address)?.objects.iter_mut().find(|object| object.token == token)
    }

    fn remove(&mut self, address: &str, token: &str) {
        if let Some(row) = self.rows.get_mut(address) {
            row.objects.retain(|object| object.token != token);
            if row.objects.is_empty() {
                self.rows.remove(address);
            } else if !row.objects.iter().any(|object| object.role.is_current())
                && let Some(successor) = row.objects.iter_mut().find(|object| object.role == ObjectRole::Successor)
            {
                successor.role = ObjectRole::Current;
            }
        }
    }
}

/// References follow the resource that they name.
fn rename(inputs: &mut Value, from: &str, to: &str) {
    match inputs {
        Value::Object(map) => {
            if map.contains_key("path") && map.get("$ref").and_then(Value::as_str) == Some(from) {
                map.insert("$ref".to_owned(), Value::String(to.to_owned()));
            }
            map.values_mut().for_each(|value| rename(value, from, to));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| rename(value, from, to)),
        _ => {}
    }
}
