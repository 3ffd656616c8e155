//! Inputs of the types of the cloud in memory, with as little said as possible.

use provisioner_model::{Handle, In, Options, resource::Tags};
use provisioner_testkit::cloud::types::{
    Address, Doc, Gate, JournalEntry as Entry, Named, Net, Role, RolePolicy, Service, Table,
};

pub(crate) fn net(range: u8) -> Net {
    Net { range, label: None, tags: Tags::new() }
}

pub(crate) fn address(zone: u8) -> Address {
    Address { zone, label: 1, tags: Tags::new() }
}

/// Only one gate may hold an address.
pub(crate) fn gate(net: &Handle<Net>, address: &Handle<Address>) -> Gate {
    Gate { net: net.id(), address: address.id(), label: 1, tags: Tags::new() }
}

/// Its routes may dangle.
pub(crate) fn table(net: &Handle<Net>, routes: &[&Handle<Gate>]) -> Table {
    Table { net: net.id(), routes: routes.iter().map(|gate| gate.id()).collect(), tags: Tags::new() }
}

/// Its name is generated.
pub(crate) fn role(path: u8) -> Role {
    Role { name: None, path, label: 1, tags: Tags::new() }
}

/// Part of its role.
pub(crate) fn policy(role: &Handle<Role>) -> RolePolicy {
    RolePolicy { role: role.id(), allows: "all".into() }
}

/// Only one object may hold its name.
pub(crate) fn named(name: &str, class: u8) -> Named {
    Named { name: Some(name.to_owned()), ..unnamed(class) }
}

/// The same type with a generated name.
pub(crate) fn unnamed(class: u8) -> Named {
    Named { name: None, class, size: 1, net: None, key: None, locked: None, tags: Tags::new() }
}

/// Every update makes another revision.
pub(crate) fn doc(text: impl Into<In<String>>) -> Doc {
    Doc { family: 1, text: text.into(), tags: Tags::new() }
}

/// Uses a network and a document's revision. A write that fails is rolled back.
pub(crate) fn service(net: &Handle<Net>, doc: &Handle<Doc>) -> Service {
    Service {
        net: net.id(),
        doc: doc.get(Doc::REVISION),
        role: None,
        through: None,
        uses: vec![],
        count: 2,
        note: 1,
        tags: Tags::new(),
    }
}

/// Has no tags: its key alone tells it.
pub(crate) fn entry(name: &str, value: u8) -> Entry {
    Entry { zone: 1, name: name.to_owned(), value }
}

pub(crate) fn protected() -> Options {
    Options { protect: true, ..Options::default() }
}

pub(crate) fn retained() -> Options {
    Options { retain: true, ..Options::default() }
}

pub(crate) fn adopted() -> Options {
    Options { adopt: true, ..Options::default() }
}

pub(crate) fn shared() -> Options {
    Options { share: true, ..Options::default() }
}

pub(crate) fn renamed_from(address: &str) -> Options {
    Options { renamed_from: vec![address.to_owned()], ..Options::default() }
}
