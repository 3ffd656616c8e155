//! A type with what those of the cloud in memory lack: an older version, a change that the API refuses, an object that
//! stays in the cloud after its replacement.

use provisioner_model::{
    Actions, Field, Id, Observed, Owner, Receipt, Recorded, Resource, Result,
    resource::{Change, Created, ReadResults},
};
use provisioner_testkit::cloud::{Fake, Outputs};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A disk that grows and does not shrink.
#[derive(Serialize, Deserialize)]
pub(crate) struct Disk {
    pub(crate) kind: String,
    /// Version 1 called it `gigabytes`.
    pub(crate) size: u8,
}

pub(crate) fn disk(kind: &str, size: u8) -> Disk {
    Disk { kind: kind.to_owned(), size }
}

impl Resource for Disk {
    const TYPE: &'static str = "test:disk";
    const VERSION: u32 = 2;
    const FIELDS: &'static [Field] = &[Field::new("kind").replaces(), Field::new("size")];
    const RETAIN_ON_REPLACE: bool = true;
    const ACTIONS: Actions = Actions { read: &[], create: &[], update: &[], delete: &[] };
    type Cloud = Fake;
    type Outputs = Outputs;

    fn change(field: &Field, recorded: &Value, desired: &Value) -> Change {
        match field.name {
            "size" if desired.as_i64() < recorded.as_i64() => Change::Refused("a disk does not shrink".to_owned()),
            _ if field.replaces => Change::Replace,
            _ => Change::Update,
        }
    }

    fn migrate(_: u32, inputs: &mut Value) {
        if let Some(size) = inputs.as_object_mut().and_then(|inputs| inputs.remove("gigabytes")) {
            inputs["size"] = size;
        }
    }

    async fn read_many(_: &Fake, _: &[Id<Self>]) -> Result<ReadResults<Self>> {
        unreachable!("the planner calls no cloud")
    }
    async fn find_by_token(&self, _: &Fake, _: &Owner) -> Result<Vec<Id<Self>>> {
        unreachable!("the planner calls no cloud")
    }
    async fn create(&self, _: &Fake, _: &Owner) -> Result<Created<Self>> {
        unreachable!("the planner calls no cloud")
    }
    async fn update(&self, _: &Fake, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
        unreachable!("the planner calls no cloud")
    }
    async fn delete(_: &Fake, _: &Recorded<Self>) -> Result<()> {
        unreachable!("the planner calls no cloud")
    }
}
