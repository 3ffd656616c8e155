//! Random stacks over the types of the cloud in memory, and random changes of them.
//!
//! A [`Spec`] is plain data: what is random is a list of small numbers ([`Raw`], [`Edit`]) that is read so that
//! every list means a legal stack. That way a failing case shrinks to a short one by itself.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    collection::vec,
    prelude::{Arbitrary, Strategy, any},
};
use provisioner_model::{
    Handle, Options, Stack, join,
    resource::Tags,
    stack::{Desired, Facts},
};

use crate::cloud::{
    REFUSED_RANGE,
    types::{Address, Doc, Gate, Named, Net, Role, RolePolicy, Service, Table, ZoneRecord},
};

/// The environment that specs are for.
pub const ENVIRONMENT: &str = "dev";

/// A random resource: each number is read modulo the number of choices.
pub type Raw = (u8, [u8; 4], u8, u8, u8);

/// One random change: what, of which, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Kind of the edit.
    pub what: What,
    /// Index of the edited node, modulo the number of candidates.
    pub pick: u16,
    /// Value that the edit derives its content from.
    pub value: u8,
    /// For what is added.
    pub raw: Raw,
}

/// The kind of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// Another value in place.
    InPlace,
    /// Another value that only a replacement can bring.
    Replacing,
    /// A reference to another resource.
    Repoint,
    /// A resource and all that needs it leaves.
    Remove,
    /// A resource is added.
    Add,
    /// Changes the name or the component, with `renamed_from`.
    Rename,
    /// Changes a value that cannot be read back, or that the cloud controls after the create.
    Quiet,
    /// A name is stated, or no longer.
    State,
    /// A guard is set or lifted.
    Lock,
    /// Toggles the option `protect`.
    Protect,
    /// Toggles the option `retain`.
    Retain,
    /// Adds a resource whose object exists already.
    Adopt,
    /// A resource is added that other environments use too, or may use.
    Share,
}

const WHATS: [What; 14] = [
    What::InPlace,
    What::Replacing,
    What::Repoint,
    What::Remove,
    What::Add,
    What::Rename,
    What::Quiet,
    What::State,
    What::Lock,
    What::Protect,
    What::Retain,
    What::Adopt,
    What::Share,
    // Twice: of many types the address is a tag, so that a rename is an update too.
    What::Rename,
];

/// The resource types of generated nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// `test:net`.
    Net,
    /// `test:address`.
    Address,
    /// `test:gate`.
    Gate,
    /// `test:table`.
    Table,
    /// `test:role`.
    Role,
    /// `test:role-policy`.
    Policy,
    /// `test:named`.
    Named,
    /// `test:doc`.
    Doc,
    /// `test:service`.
    Service,
    /// `test:entry`.
    ZoneRecord,
}

impl NodeKind {
    fn word(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Address => "address",
            Self::Gate => "gate",
            Self::Table => "table",
            Self::Role => "role",
            Self::Policy => "role-policy",
            Self::Named => "named",
            Self::Doc => "doc",
            Self::Service => "service",
            Self::ZoneRecord => "entry",
        }
    }

    /// The fields that refer, of what, and how many they take at least and at most.
    fn slots(self) -> &'static [(&'static str, &'static [Self], usize, usize)] {
        match self {
            Self::Net | Self::Address | Self::Role | Self::ZoneRecord => &[],
            // A gate's address is its own: it is chosen where the gate is made.
            Self::Gate => &[("net", &[Self::Net], 1, 1), ("address", &[Self::Address], 1, 1)],
            Self::Table => &[("net", &[Self::Net], 1, 1), ("routes", &[Self::Gate], 0, 3)],
            Self::Policy => &[("role", &[Self::Role], 1, 1), ("allows", &[Self::Named, Self::Doc, Self::Table], 0, 2)],
            Self::Named => &[("net", &[Self::Net], 0, 1)],
            Self::Doc => &[("text", &[Self::Named, Self::Role, Self::Gate, Self::Address], 0, 2)],
            Self::Service => &[
                ("net", &[Self::Net], 1, 1),
                ("doc", &[Self::Doc], 1, 1),
                ("role", &[Self::Role], 0, 1),
                ("through", &[Self::Gate], 0, 1),
                ("uses", &[Self::Named, Self::Service], 0, 2),
            ],
        }
    }
}

/// A generated resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its own, for ever.
    pub key: u32,
    /// Resource type of the node.
    pub kind: NodeKind,
    /// The component that it is in, and how often it was renamed: its address follows.
    pub named: (u8, u8),
    /// The addresses that it had.
    pub former_addresses: Vec<String>,
    /// A value that can change in place.
    pub a: u8,
    /// A value that cannot.
    pub b: u8,
    /// A value that is never read back, or not ours after the create.
    pub quiet: u8,
    /// It states its name.
    pub stated: bool,
    /// The object has deletion protection.
    pub locked: bool,
    /// The resource option `protect`.
    pub protect: bool,
    /// The resource option `retain`.
    pub retain: bool,
    /// The resource option `adopt`.
    pub adopt: bool,
    /// The resource option `share`.
    pub share: bool,
    /// By field: the keys of what it refers to. They all come before it.
    pub refs: BTreeMap<&'static str, Vec<u32>>,
}

impl Node {
    /// Returns the node's address.
    pub fn address(&self) -> String {
        let (component, renames) = self.named;
        let part = ["", "left/", "right/"][usize::from(component % 3)];
        let name = if renames == 0 { format!("n{}", self.key) } else { format!("n{}-{renames}", self.key) };
        format!("{part}{}/{name}", self.kind.word())
    }

    /// Its name, where it states one.
    pub fn name(&self) -> Option<String> {
        self.stated.then(|| format!("stated-{}", self.key))
    }

    /// Returns whether the program states a unique key that a foreign object can have.
    pub fn states_key(&self) -> bool {
        let named = matches!(self.kind, NodeKind::Named | NodeKind::Role) && self.stated;
        (named || self.kind == NodeKind::ZoneRecord) && !self.others()
    }

    /// Returns whether the resource's object is foreign or shared.
    pub fn others(&self) -> bool {
        self.adopt || self.share
    }

    fn needs(&self) -> impl Iterator<Item = u32> {
        self.refs.values().flatten().copied()
    }
}

/// A stack as data. Nodes refer to earlier ones only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// In the order of their declaration.
    pub nodes: Vec<Node>,
    next: u32,
}

/// A stack of at least `least` resources.
pub fn spec(least: usize) -> impl Strategy<Value = Spec> {
    vec(any::<Raw>(), least..least + 8).prop_map(|raws| {
        let mut spec = Spec::default();
        for raw in raws {
            spec.add(raw);
        }
        spec
    })
}

/// Generates the given number of edits.
pub fn edits(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Edit>> {
    vec(any::<Edit>(), count)
}

impl Arbitrary for Edit {
    type Parameters = ();
    type Strategy = proptest::strategy::BoxedStrategy<Self>;
    fn arbitrary_with((): ()) -> Self::Strategy {
        (0..WHATS.len(), any::<u16>(), any::<u8>(), any::<Raw>())
            .prop_map(|(what, pick, value, raw)| Self { what: WHATS[what], pick, value, raw })
            .boxed()
    }
}

/// Returns another input than `value` that the cloud does not refuse.
fn other_than(value: u8, by: u8) -> u8 {
    let other = (u16::from(value) + u16::from(by % 200) + 1) % u16::from(REFUSED_RANGE);
    u8::try_from(other).unwrap_or_default()
}

impl Spec {
    fn of(&self, kinds: &[NodeKind]) -> Vec<u32> {
        self.nodes.iter().filter(|node| kinds.contains(&node.kind)).map(|node| node.key).collect()
    }

    fn free_addresses(&self) -> Vec<u32> {
        let used: BTreeSet<u32> =
            self.nodes.iter().filter(|n| n.kind == NodeKind::Gate).flat_map(Node::needs).collect();
        self.of(&[NodeKind::Address]).into_iter().filter(|key| !used.contains(key)).collect()
    }

    fn push(&mut self, kind: NodeKind, (_, _, a, b, flags): Raw, refs: BTreeMap<&'static str, Vec<u32>>) -> u32 {
        let key = self.next;
        self.next += 1;
        self.nodes.push(Node {
            key,
            kind,
            named: (flags % 3, 0),
            former_addresses: vec![],
            a: a % REFUSED_RANGE,
            b: b % REFUSED_RANGE,
            quiet: (a ^ b) % REFUSED_RANGE,
            stated: flags & 8 != 0,
            locked: flags & 16 != 0,
            protect: flags & 0xe0 == 0xe0,
            retain: false,
            adopt: false,
            share: false,
            refs,
        });
        key
    }

    /// Adds the resource of `raw`, and first its dependencies.
    pub fn add(&mut self, raw: Raw) {
        let kind = match raw.0 % 18 {
            0 => NodeKind::Net,
            1 => NodeKind::Address,
            2..=4 => NodeKind::Gate,
            5 | 6 => NodeKind::Table,
            7 | 8 => NodeKind::Role,
            9 | 10 => NodeKind::Named,
            11 | 12 => NodeKind::Doc,
            16 | 17 => NodeKind::ZoneRecord,
            _ => NodeKind::Service,
        };
        let key = self.add_of(kind, raw);
        if kind == NodeKind::Role {
            let mut refs = self.choose(NodeKind::Policy, raw);
            refs.insert("role", vec![key]);
            self.push(NodeKind::Policy, raw, refs);
        }
    }

    fn add_of(&mut self, kind: NodeKind, raw: Raw) -> u32 {
        // First what it needs at least.
        for (field, of, least, _) in kind.slots() {
            let lacks = if *field == "address" { self.free_addresses().is_empty() } else { self.of(of).is_empty() };
            if *least > 0 && lacks {
                self.add_of(of[0], raw);
            }
        }
        let refs = self.choose(kind, raw);
        self.push(kind, raw, refs)
    }

    fn choose(&self, kind: NodeKind, (_, picks, _, b, flags): Raw) -> BTreeMap<&'static str, Vec<u32>> {
        let mut refs = BTreeMap::new();
        for (slot, (field, of, least, most)) in kind.slots().iter().enumerate() {
            let there = if *field == "address" { self.free_addresses() } else { self.of(of) };
            let pick = usize::from(picks[slot % 4]) + usize::from(b) * (slot / 4);
            let count = least + (pick / 7 + usize::from(flags)) % (most - least + 1);
            let mut chosen: Vec<u32> = vec![];
            for turn in 0..count.min(there.len()) {
                let key = there[(pick + turn * 5) % there.len()];
                if !chosen.contains(&key) {
                    chosen.push(key);
                }
            }
            if !chosen.is_empty() {
                refs.insert(*field, chosen);
            }
        }
        refs
    }

    /// Does one change, as far as it means anything here. The nodes that it is about, by key; none if it did nothing.
    pub fn edit(&mut self, edit: &Edit) -> Vec<u32> {
        let Edit { what, pick, value, raw } = edit;
        let may = |node: &Node| match what {
            What::Replacing => {
                !node.others()
                    && !matches!(node.kind, NodeKind::Policy | NodeKind::Gate | NodeKind::Table | NodeKind::Service)
            }
            What::Repoint => {
                !node.others()
                    && !node.retain
                    && node.kind.slots().iter().any(|slot| slot.0 != "role" || node.kind != NodeKind::Policy)
            }
            What::InPlace | What::Remove | What::Rename | What::Protect => true,
            What::Add | What::Adopt | What::Share => false,
            What::Quiet => matches!(node.kind, NodeKind::Named | NodeKind::Service),
            What::State => matches!(node.kind, NodeKind::Named | NodeKind::Role) && !node.others(),
            What::Lock => node.kind == NodeKind::Named,
            What::Retain => {
                matches!(node.kind, NodeKind::Named | NodeKind::Doc | NodeKind::Net | NodeKind::Address)
                    && node.needs().next().is_none()
                    && !node.share
            }
        };
        if matches!(what, What::Add | What::Adopt | What::Share) {
            let first = self.next;
            if *what == What::Add {
                self.add(*raw);
            } else {
                let key = self.push(NodeKind::Named, *raw, BTreeMap::new());
                if let Some(node) = self.nodes.iter_mut().find(|node| node.key == key) {
                    (node.stated, node.adopt, node.share) = (true, *what == What::Adopt, *what == What::Share);
                }
            }
            return (first..self.next).collect();
        }
        let mut open: Vec<usize> = (0..self.nodes.len()).filter(|at| may(&self.nodes[*at])).collect();
        // A policy has no tags: its rename is nothing else.
        let plain = |at: &usize| self.nodes[*at].kind == NodeKind::Policy;
        if *what == What::Rename && value % 2 == 0 && open.iter().any(plain) {
            open.retain(plain);
        }
        if open.is_empty() {
            return vec![];
        }
        let at = open[usize::from(*pick) % open.len()];
        match what {
            What::Remove => return self.remove(self.nodes[at].key),
            What::Repoint => return self.repoint(at, *value, *raw),
            _ => {}
        }
        let node = &mut self.nodes[at];
        match what {
            What::InPlace => node.a = other_than(node.a, *value),
            What::Replacing => node.b = other_than(node.b, *value),
            What::Quiet => node.quiet = other_than(node.quiet, *value),
            What::State => node.stated = !node.stated,
            What::Lock => node.locked = !node.locked,
            What::Protect => node.protect = !node.protect,
            What::Retain => node.retain = !node.retain,
            What::Rename => {
                node.former_addresses.push(node.address());
                node.named = (value % 3, node.named.1 + 1);
            }
            _ => {}
        }
        vec![node.key]
    }

    fn repoint(&mut self, at: usize, value: u8, raw: Raw) -> Vec<u32> {
        let node = &self.nodes[at];
        let slots: Vec<_> =
            node.kind.slots().iter().filter(|s| s.0 != "role" || node.kind != NodeKind::Policy).collect();
        let (field, of, least, most) = slots[usize::from(value) % slots.len()];
        let own = node.refs.get(field).cloned().unwrap_or_default();
        // A reference that is left out is no longer managed, and stays: whoever means to let go says so otherwise.
        let least = if *most == 1 { own.len().max(*least) } else { *least };
        let free = self.free_addresses();
        let there: Vec<u32> = self.nodes[..at]
            .iter()
            .filter(|other| of.contains(&other.kind) && (*field != "address" || free.contains(&other.key)))
            .map(|other| other.key)
            .collect();
        let count = least + usize::from(raw.2) % (most + 1 - least);
        let mut chosen: Vec<u32> = vec![];
        for turn in 0..count.min(there.len()) {
            let key = there[(usize::from(raw.3) + turn * 3) % there.len()];
            if !chosen.contains(&key) {
                chosen.push(key);
            }
        }
        if chosen.len() < least || chosen == own {
            return vec![];
        }
        let node = &mut self.nodes[at];
        node.refs.insert(*field, chosen);
        vec![node.key]
    }

    /// Removes a node and all its dependents. A policy is removed with its role, and a role with its policy.
    pub fn remove(&mut self, key: u32) -> Vec<u32> {
        let mut gone = BTreeSet::from([key]);
        loop {
            let before = gone.len();
            for node in &self.nodes {
                if node.needs().any(|need| gone.contains(&need)) {
                    gone.insert(node.key);
                }
                if node.kind == NodeKind::Policy && gone.contains(&node.key) {
                    gone.extend(node.refs.get("role").into_iter().flatten());
                }
            }
            if gone.len() == before {
                break;
            }
        }
        self.nodes.retain(|node| !gone.contains(&node.key));
        gone.into_iter().collect()
    }

    /// The node with this key.
    pub fn node(&self, key: u32) -> Option<&Node> {
        self.nodes.iter().find(|node| node.key == key)
    }

    /// As a program would declare it.
    pub fn desired(&self) -> Desired {
        let mut stack = Stack::new(facts());
        stack.default_tag("project", "random");
        let mut handles = Handles::default();
        for node in &self.nodes {
            match node.named.0 % 3 {
                1 => stack.component("left", |stack| handles.declare(stack, node)),
                2 => stack.component("right", |stack| handles.declare(stack, node)),
                _ => handles.declare(&mut stack, node),
            }
        }
        for (key, doc) in &handles.docs {
            stack.output(&format!("doc-{key}"), doc.get(Doc::REVISION));
        }
        stack.finish().unwrap_or_else(|problems| panic!("a spec is a legal stack: {problems:?}"))
    }

    /// A legal stack without resources: for a destroy.
    pub fn nothing() -> Desired {
        Self::default().desired()
    }
}

/// Returns the facts that specs are declared with.
pub fn facts() -> Facts {
    Facts {
        environment: ENVIRONMENT.into(),
        account: "000000000000".into(),
        region: "here".into(),
        partition: "aws".into(),
        stopped: false,
        discovered: BTreeMap::new(),
    }
}

#[derive(Default)]
struct Handles {
    nets: BTreeMap<u32, Handle<Net>>,
    addresses: BTreeMap<u32, Handle<Address>>,
    gates: BTreeMap<u32, Handle<Gate>>,
    tables: BTreeMap<u32, Handle<Table>>,
    roles: BTreeMap<u32, Handle<Role>>,
    named: BTreeMap<u32, Handle<Named>>,
    docs: BTreeMap<u32, Handle<Doc>>,
    services: BTreeMap<u32, Handle<Service>>,
}

impl Handles {
    fn declare(&mut self, stack: &mut Stack, node: &Node) {
        let Node { key, a, b, quiet, .. } = *node;
        let (_, renames) = node.named;
        let name = if renames == 0 { format!("n{key}") } else { format!("n{key}-{renames}") };
        let options = Options {
            protect: node.protect,
            retain: node.retain,
            adopt: node.adopt,
            share: node.share,
            renamed_from: node.former_addresses.clone(),
            ..Options::default()
        };
        let tags = Tags::from([("a".to_owned(), (a / 2).to_string())]);
        let all = |field: &str| node.refs.get(field).cloned().unwrap_or_default();
        let one = |field: &str| all(field).first().copied();
        match node.kind {
            NodeKind::Net => {
                let label = a.is_multiple_of(2).then_some(a);
                self.nets.insert(key, stack.add_with(&name, Net { range: b, label, tags }, options));
            }
            NodeKind::Address => {
                self.addresses.insert(key, stack.add_with(&name, Address { zone: b, label: a, tags }, options));
            }
            NodeKind::Gate => {
                let net = self.nets[&one("net").expect("a gate has a net")].id();
                let address = self.addresses[&one("address").expect("a gate has an address")].id();
                self.gates.insert(key, stack.add_with(&name, Gate { net, address, label: a, tags }, options));
            }
            NodeKind::Table => {
                let net = self.nets[&one("net").expect("a table has a net")].id();
                let routes = all("routes").iter().map(|key| self.gates[key].id()).collect();
                self.tables.insert(key, stack.add_with(&name, Table { net, routes, tags }, options));
            }
            NodeKind::Role => {
                let role = Role { name: node.name(), path: b, label: a, tags };
                self.roles.insert(key, stack.add_with(&name, role, options));
            }
            NodeKind::Policy => {
                let role = self.roles[&one("role").expect("a policy has a role")].id();
                let allows = join(std::iter::once(a.to_string().into()).chain(self.parts(&all("allows"))));
                stack.add_with(&name, RolePolicy { role, allows }, options);
            }
            NodeKind::Named => {
                let named = Named {
                    name: node.name(),
                    class: b,
                    size: a,
                    net: one("net").map(|key| self.nets[&key].id()),
                    // Of objects that others made, the program states one that it never gets to write.
                    key: Some(if node.others() { 1 } else { quiet }),
                    locked: Some(node.locked),
                    off: None,
                    tags,
                };
                self.named.insert(key, stack.add_with(&name, named, options));
            }
            NodeKind::Doc => {
                let text = join(std::iter::once(a.to_string().into()).chain(self.parts(&all("text"))));
                self.docs.insert(key, stack.add_with(&name, Doc { family: b, text, tags }, options));
            }
            NodeKind::ZoneRecord => {
                stack.add_with(&name, ZoneRecord { zone: b, name: format!("entry-{key}"), value: a }, options);
            }
            NodeKind::Service => {
                let service = Service {
                    net: self.nets[&one("net").expect("a service has a net")].id(),
                    doc: self.docs[&one("doc").expect("a service has a doc")].get(Doc::REVISION),
                    role: one("role").map(|key| self.roles[&key].id()),
                    through: one("through").map(|key| self.gates[&key].id()),
                    uses: all("uses").iter().map(|key| self.text(*key)).collect(),
                    // None is what a failed rollout leaves behind.
                    count: quiet.max(1),
                    note: a,
                    tags,
                };
                self.services.insert(key, stack.add_with(&name, service, options));
            }
        }
    }

    /// Returns the IDs of other objects inside a text.
    fn parts(&self, keys: &[u32]) -> Vec<serde_json::Value> {
        keys.iter().flat_map(|key| ["+".into(), self.text(*key).part()]).collect()
    }

    fn text(&self, key: u32) -> provisioner_model::In<String> {
        if let Some(named) = self.named.get(&key) {
            // By its name as often as by its id.
            return named.get(if key.is_multiple_of(2) { Named::ID } else { Named::NAME_OF });
        }
        let found = [
            self.roles.get(&key).map(|handle| handle.id().later()),
            self.gates.get(&key).map(|handle| handle.id().later()),
            self.addresses.get(&key).map(|handle| handle.id().later()),
            self.tables.get(&key).map(|handle| handle.id().later()),
            self.docs.get(&key).map(|handle| handle.id().later()),
            self.services.get(&key).map(|handle| handle.id().later()),
        ];
        found.into_iter().flatten().next().expect("what is referred to is declared before")
    }
}

#[cfg(test)]
mod tests {
    use proptest::proptest;

    use super::*;

    proptest! {
        #[test]
        fn every_list_of_numbers_is_a_legal_stack(spec in spec(30), edits in edits(0..30)) {
            let mut spec = spec;
            for edit in &edits {
                spec.edit(edit);
                let desired = spec.desired();
                assert_eq!(desired.resources.len(), spec.nodes.len());
                for node in &spec.nodes {
                    assert!(desired.resources.contains_key(&node.address()));
                }
            }
        }
    }
}
