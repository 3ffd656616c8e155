//! States, journal entries and holders for the tests of the stores.

use provisioner_model::{
    journal::JournalEntry,
    state::{Object, ObjectRole, Origin, Row, Snapshot},
};
use serde_json::json;

use crate::Holder;

pub(crate) fn state(serial: u64) -> Snapshot {
    Snapshot { serial, ..Snapshot::new("line", "dev") }
}

pub(crate) fn start(serial: u64) -> JournalEntry {
    JournalEntry::RunStarted { lineage: "line".into(), serial }
}

pub(crate) fn begin(name: &str) -> JournalEntry {
    let object = Object {
        id: None,
        generation: 0,
        token: format!("token-{name}"),
        made_at: 1,
        origin: Origin::Made,
        role: ObjectRole::Current,
        pending: None,
        declared: json!({ "name": name }),
        inputs: json!({ "name": name }),
        outputs: None,
    };
    let row = Row {
        type_name: "test:net".into(),
        version: 1,
        provider: "main".into(),
        options: provisioner_model::Options::default(),
        needs: vec![],
        objects: vec![],
    };
    JournalEntry::CreateStarted { address: format!("net/{name}"), row: Box::new(row), object: Box::new(object) }
}

pub(crate) fn holder(owner: &str) -> Holder {
    Holder { owner: owner.into(), host: "host".into(), pid: 7, command: "apply dev".into(), since: 1_795_266_596 }
}
