//! The journal of an apply, which preserves its progress if it is interrupted.
//!
//! "Begin" is durable before the call, "made" as soon as an id is known, "end" before anything that depends on it
//! begins. Replaying a journal onto the snapshot that it started from gives the state as far as it is known.

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
    /// The snapshot that the following entries extend.
    Start {
        /// Lineage of the snapshot that the journal extends.
        lineage: String,
        /// Serial of the snapshot that the journal extends.
        serial: u64,
    },
    /// An operation is about to be sent. For a create, the row and object as they will be.
    Begin {
        /// Address of the resource.
        address: String,
        /// Token of the object.
        token: String,
        /// The operation that is about to start.
        operation: Operation,
        /// For a create: the row without its objects.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<Box<Row>>,
        /// For a create: the object without its id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<Box<Object>>,
        /// For an update: the inputs that it writes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inputs: Option<Value>,
    },
    /// The call answered: the object exists under this id.
    Made {
        /// Address of the resource.
        address: String,
        /// Token of the object.
        token: String,
        /// The object's ID in AWS.
        id: String,
        /// The receipt that the call returned, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<Receipt>,
    },
    /// The object is as it should be.
    End {
        /// Address of the resource.
        address: String,
        /// The row as it is declared now, without its objects.
        row: Box<Row>,
        /// The object as written and read.
        object: Box<Object>,
    },
    /// An operation ended without effect: the object is as it was.
    Undone {
        /// Address of the resource.
        address: String,
        /// Token of the object.
        token: String,
        /// The operation that was pending before this one began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Pending>,
    },
    /// The object is gone, or no longer ours to keep.
    Dropped {
        /// Address of the resource.
        address: String,
        /// Token of the object.
        token: String,
    },
    /// A resource's address changed.
    Renamed {
        /// The address before the rename.
        from: String,
        /// The address after the rename.
        to: String,
    },
}

impl Snapshot {
    /// The snapshot after one more entry. Entries for what is not there change nothing: replay is safe with gaps.
    pub fn fold(&mut self, entry: JournalEntry) {
        match entry {
            JournalEntry::Start { .. } => {}
            JournalEntry::Begin {
                address, row: Some(row), object: Some(object), operation: Operation::Create, ..
            } => {
                let objects = &mut self.rows.entry(address).or_insert(*row).objects;
                let has_current = objects.iter().any(|other| other.role.is_current());
                // An adopted object is there already: it takes the place of one that is gone.
                let successor = has_current && object.is_being_created();
                for other in objects.iter_mut() {
                    let given_up = other.role == ObjectRole::Successor;
                    if given_up || !successor {
                        other.role = ObjectRole::Replaced;
                    }
                }
                let role = if successor { ObjectRole::Successor } else { ObjectRole::Current };
                objects.insert(0, Object { role, ..*object });
            }
            JournalEntry::Begin { address, token, operation, inputs, .. } => {
                if let Some(object) = self.object(&address, &token) {
                    object.pending = Some(Pending { operation, receipt: None, inputs });
                }
            }
            JournalEntry::Made { address, token, id, receipt } => {
                if let Some(object) = self.object(&address, &token) {
                    object.id = Some(id);
                    if let Some(pending) = &mut object.pending {
                        pending.receipt = receipt;
                    }
                }
            }
            JournalEntry::End { address, row, object } => {
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
            JournalEntry::Undone { address, token, before } => {
                if let Some(object) = self.object(&address, &token) {
                    object.pending = before;
                    if object.id.is_none() {
                        self.remove(&address, &token);
                    }
                }
            }
            JournalEntry::Dropped { address, token } => self.remove(&address, &token),
            JournalEntry::Renamed { from, to } => {
                if let Some(row) = self.rows.remove(&from) {
                    self.rows.insert(to.clone(), row);
                }
                for row in self.rows.values_mut() {
                    row.needs.iter_mut().filter(|need| **need == from).for_each(|need| need.clone_from(&to));
                    row.objects.iter_mut().for_each(|object| rename(&mut object.declared, &from, &to));
                }
            }
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
