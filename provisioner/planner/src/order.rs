//! The steps, and what waits for what.
//!
//! Firm edges must hold, and a loop of them is an error that names it. Soft edges (a part before its whole's other
//! dependents, a delete after those who let go of it) are left out where they would close a loop.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{
    Diagnostic,
    plan::{Action, Step, StepAction, Write},
    state::{Object, Origin},
};
use serde_json::Value;

use crate::{
    decide::key,
    graph,
    item::{Decisions, Item, Leftover},
};

/// A delete step, or its equivalent.
struct Removal {
    node: usize,
    address: String,
    /// The addresses that the object's inputs refer to.
    needs: BTreeSet<String>,
    firm: BTreeSet<String>,
    whole: Option<String>,
    /// The object is not there: only the state still has it.
    gone: bool,
    id: Option<String>,
    /// The unique keys that it holds.
    keys: BTreeSet<String>,
    /// The strings in the observed state: an ID among them is a reference, declared or not.
    texts: BTreeSet<String>,
}

#[derive(Default)]
struct Draft {
    steps: Vec<Step>,
    /// By address: the step after which its outputs hold.
    done: BTreeMap<String, usize>,
    removals: Vec<Removal>,
}

/// Lays down the steps in an order that can be carried out.
pub(crate) fn steps(decisions: &Decisions<'_>) -> Result<Vec<Step>, Vec<Diagnostic>> {
    let mut draft = Draft::default();
    for address in &decisions.order {
        if let Some(item) = decisions.items.get(address) {
            draft.add(item);
        }
    }
    for item in decisions.items.values().filter(|item| item.declared.is_none()) {
        draft.add(item);
    }
    draft.firm_edges(decisions);
    draft.sorted()?;
    draft.soft_edges(decisions);
    draft.sorted()
}

impl Draft {
    fn push(&mut self, item: &Item<'_>, action: StepAction, after: impl IntoIterator<Item = usize>) -> usize {
        self.steps.push(Step {
            address: item.address.clone(),
            type_name: item.type_name.clone(),
            provider: item.provider.clone(),
            action,
            after: after.into_iter().collect(),
        });
        self.steps.len() - 1
    }

    /// The steps of one resource and what waits for what among them.
    fn add(&mut self, item: &Item<'_>) {
        let mut before = vec![];
        if let Some(from) = &item.renamed_from {
            before.push(self.push(item, StepAction::Rename { from: from.clone() }, []));
        }
        let touched = item.action != Action::NoChange;
        // A leftover goes once its successor is there, unless it holds a key that the successor needs.
        let in_the_way = |leftover: &&Leftover<'_>| {
            item.write.as_ref().is_some_and(|write| shares_key(item, write, leftover.object))
        };
        let leftovers = item.leftovers.iter().filter(|_| touched);
        let (first, later): (Vec<_>, Vec<_>) = leftovers.partition(in_the_way);
        for leftover in first {
            let node = self.remove(item, leftover.object, &before);
            before.push(node);
        }
        let write = || item.write.clone();
        let token = || item.object.map(|object| object.token.clone()).unwrap_or_default();
        let done = match item.action {
            Action::Create => write().map(|write| self.push(item, StepAction::Create(write), before)),
            Action::Adopt => write().map(|write| {
                let id = item.existing.clone().unwrap_or_default();
                self.push(item, StepAction::Adopt { id, write }, before)
            }),
            Action::Update | Action::Rename if item.record_only => {
                write().map(|write| self.push(item, StepAction::Record { token: token(), write }, before))
            }
            Action::Update => {
                write().map(|write| self.push(item, StepAction::Update { token: token(), write }, before))
            }
            Action::Replace => {
                let made = write().map(|write| self.push(item, StepAction::Create(write), before));
                if let (Some(made), Some(object)) = (made, item.object) {
                    self.remove(item, object, &[made]);
                }
                made
            }
            Action::ReplaceDeleteFirst => {
                let gone = item.object.map(|object| self.remove(item, object, &before));
                write().map(|write| self.push(item, StepAction::Create(write), before.iter().copied().chain(gone)))
            }
            Action::Delete => {
                if let Some(object) = item.object {
                    self.remove(item, object, &before);
                }
                None
            }
            Action::Release => {
                let node = self.push(item, StepAction::Release { token: token() }, before);
                if let Some(object) = item.object {
                    self.removal(item, object, node);
                }
                None
            }
            Action::Forget => {
                if let Some(object) = item.object {
                    let node = self.push(item, StepAction::Forget { token: object.token.clone() }, before);
                    self.removal(item, object, node);
                }
                None
            }
            Action::Rename | Action::NoChange => None,
        };
        for leftover in later {
            self.remove(item, leftover.object, done.as_slice());
        }
        // What is gone leaves the state after its successor is there: what refers to it always refers to something.
        for object in item.gone.iter().filter(|_| touched) {
            let node = self.push(item, StepAction::Forget { token: object.token.clone() }, done);
            self.removal(item, object, node);
            if let Some(removal) = self.removals.last_mut() {
                removal.gone = true;
            }
        }
        if let Some(done) = done {
            self.done.insert(item.address.clone(), done);
        }
    }

    fn removal(&mut self, item: &Item<'_>, object: &Object, node: usize) {
        self.removals.push(Removal {
            node,
            address: item.address.clone(),
            needs: graph::needs(&object.declared),
            firm: graph::firm_needs(item.resource_type, &object.declared),
            whole: graph::whole(item.resource_type, &object.declared),
            gone: false,
            id: object.id.clone(),
            keys: keys(item, &object.inputs, &BTreeSet::new()),
            texts: {
                let observations = item.leftovers.iter().map(|leftover| &leftover.observation).chain(&item.observation);
                let observed = observations.into_iter().find(|observation| Some(&observation.id) == object.id.as_ref());
                let mut texts = BTreeSet::new();
                if let Some(observation) = observed {
                    strings(&observation.observed.inputs, &mut texts);
                }
                texts
            },
        });
    }

    /// Deletes an object, after disabling its deletion protection; forgets objects that were created outside
    /// Provisioner, and replaced objects that their type retains.
    fn remove(&mut self, item: &Item<'_>, object: &Object, after: &[usize]) -> usize {
        let token = object.token.clone();
        let after = after.iter().copied();
        let leftover = item.leftovers.iter().find(|leftover| leftover.object.token == object.token);
        let retained = match leftover {
            Some(leftover) => leftover.is_retained(item.resource_type),
            None => {
                object.origin == Origin::Adopted
                    || (item.action == Action::Replace && item.resource_type.info().retain_on_replace)
            }
        };
        if retained {
            let node = self.push(item, StepAction::Forget { token }, after);
            self.removal(item, object, node);
            return node;
        }
        let observation = leftover.map(|leftover| &leftover.observation).or(item.observation.as_ref());
        let there = observation.map_or(&object.inputs, |observation| &observation.observed.inputs);
        let guards = item
            .resource_type
            .info()
            .fields
            .iter()
            .filter(|field| field.deletion_protection && there.get(field.name) == Some(&Value::Bool(true)));
        let fields: Vec<String> = guards.map(|field| field.name.to_owned()).collect();
        let id = object.id.clone();
        let node = if fields.is_empty() {
            self.push(item, StepAction::Delete { token, id }, after)
        } else {
            // Protection is lifted as late as the delete itself could come.
            let lifted = self.push(item, StepAction::DisableDeletionProtection { token: token.clone(), fields }, after);
            self.removal(item, object, lifted);
            self.push(item, StepAction::Delete { token, id }, [lifted])
        };
        self.removal(item, object, node);
        node
    }

    fn firm_edges(&mut self, decisions: &Decisions<'_>) {
        let mut edges = vec![];
        for (address, node) in &self.done {
            let Some(declared) = decisions.items.get(address).and_then(|item| item.declared) else { continue };
            let needs = graph::needs(&declared.inputs);
            edges.extend(needs.iter().filter_map(|need| self.done.get(need)).map(|need| (*node, *need)));
        }
        edges.extend(self.users_first(decisions, false));
        edges.extend(self.handovers(decisions));
        for (node, needs) in edges {
            self.steps[node].after.insert(needs);
        }
    }

    /// Orders the deletes of an object's dependents before the delete of the object. What is gone already cannot hold
    /// anything up: `gone` asks for those.
    fn users_first(&self, decisions: &Decisions<'_>, gone: bool) -> Vec<(usize, usize)> {
        let mut edges = vec![];
        let of: BTreeMap<&str, Vec<&Removal>> = by_address(&self.removals);
        for removal in &self.removals {
            for need in &removal.needs {
                let first = decisions.items.get(need).is_some_and(|i| i.action == Action::ReplaceDeleteFirst);
                if removal.firm.contains(need) || !first {
                    let needed = of.get(need.as_str()).into_iter().flatten();
                    let field_diffs = needed.filter(|needed| (needed.gone || removal.gone) == gone);
                    edges.extend(field_diffs.map(|needed| (needed.node, removal.node)));
                }
            }
        }
        edges
    }

    /// Does the same for observed references that no resource declares: an input that was declared once and then left
    /// out keeps its value.
    fn undeclared_users_first(&self) -> Vec<(usize, usize)> {
        let by_id: BTreeMap<&str, &Removal> =
            self.removals.iter().filter_map(|removal| Some((removal.id.as_deref()?, removal))).collect();
        let uses = |removal: &Removal| {
            let used = removal.texts.iter().filter_map(|text| by_id.get(text.as_str()));
            let others = used.filter(|used| used.address != removal.address);
            others.map(|used| (used.node, removal.node)).collect::<Vec<_>>()
        };
        self.removals.iter().flat_map(uses).collect()
    }

    /// Orders the use of a unique key after its release.
    fn handovers(&self, decisions: &Decisions<'_>) -> Vec<(usize, usize)> {
        let mut held = BTreeMap::new();
        for removal in &self.removals {
            held.extend(removal.keys.iter().map(|key| (key.clone(), removal)));
        }
        let mut edges = vec![];
        for (address, node) in &self.done {
            let Some(item) = decisions.items.get(address) else { continue };
            let Some(write) = &item.write else { continue };
            let taken = keys(item, &write.planned, &write.unknown);
            let holders = taken.iter().filter_map(|key| held.get(key)).filter(|holder| holder.address != *address);
            edges.extend(holders.map(|holder| (*node, holder.node)));
        }
        edges
    }

    fn soft_edges(&mut self, decisions: &Decisions<'_>) {
        let soft = [
            self.users_first(decisions, true),
            self.undeclared_users_first(),
            self.parts_first(decisions),
            self.let_go_first(decisions),
            self.parts_last(),
        ];
        for (node, needs) in soft.into_iter().flatten() {
            if node != needs && !self.reaches(needs, node) {
                self.steps[node].after.insert(needs);
            }
        }
    }

    /// Orders the users of a whole after its parts.
    fn parts_first(&self, decisions: &Decisions<'_>) -> Vec<(usize, usize)> {
        let mut parts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (address, node) in &self.done {
            let item = decisions.items.get(address);
            let whole = item.and_then(|item| graph::whole(item.resource_type, &item.declared?.inputs));
            if let Some(whole) = whole {
                parts.entry(whole).or_default().push(*node);
            }
        }
        let mut edges = vec![];
        for (address, node) in &self.done {
            let Some(item) = decisions.items.get(address) else { continue };
            let Some(declared) = item.declared else { continue };
            if item.resource_type.info().part_of.is_some() {
                continue;
            }
            for need in graph::needs(&declared.inputs) {
                edges.extend(parts.get(&need).into_iter().flatten().map(|part| (*node, *part)));
            }
        }
        edges
    }

    /// Orders the delete of an object after the updates of all resources that refer to it, and the delete of a part
    /// after those of its whole.
    fn let_go_first(&self, decisions: &Decisions<'_>) -> Vec<(usize, usize)> {
        let (mut users, mut users_of_whole) = (BTreeMap::<_, Vec<usize>>::new(), BTreeMap::<_, Vec<usize>>::new());
        for (address, node) in &self.done {
            let Some(item) = decisions.items.get(address) else { continue };
            let Some(object) = item.object else { continue };
            for need in graph::needs(&object.declared) {
                // Parts never wait for parts.
                if item.resource_type.info().part_of.is_none() {
                    users_of_whole.entry(need.clone()).or_default().push(*node);
                }
                users.entry(need).or_default().push(*node);
            }
        }
        let of_removal = |removal: &Removal| {
            let of_whole = removal.whole.as_ref().and_then(|whole| users_of_whole.get(whole));
            let users = users.get(&removal.address).into_iter().chain(of_whole).flatten();
            users.map(|user| (removal.node, *user)).collect::<Vec<_>>()
        };
        self.removals.iter().flat_map(of_removal).collect()
    }

    /// A part outlives what uses its whole.
    fn parts_last(&self) -> Vec<(usize, usize)> {
        let mut edges = vec![];
        let mut users: BTreeMap<&str, Vec<&Removal>> = BTreeMap::new();
        for removal in self.removals.iter().filter(|removal| removal.whole.is_none()) {
            for need in &removal.needs {
                users.entry(need).or_default().push(removal);
            }
        }
        for part in &self.removals {
            let Some(whole) = &part.whole else { continue };
            edges.extend(users.get(whole.as_str()).into_iter().flatten().map(|user| (part.node, user.node)));
        }
        edges
    }

    /// Returns whether `from` waits for `to`, however far.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut observed = vec![false; self.steps.len()];
        let mut todo = vec![from];
        while let Some(node) = todo.pop() {
            if node == to {
                return true;
            }
            if !std::mem::replace(&mut observed[node], true) {
                todo.extend(&self.steps[node].after);
            }
        }
        false
    }

    /// The steps, renumbered so that each comes after those it waits for, and otherwise in the order in which they were
    /// laid down: `petgraph` has no sort that keeps it.
    fn sorted(&self) -> Result<Vec<Step>, Vec<Diagnostic>> {
        let mut waiting: Vec<usize> = self.steps.iter().map(|step| step.after.len()).collect();
        let mut dependents = vec![vec![]; self.steps.len()];
        for (node, step) in self.steps.iter().enumerate() {
            for need in &step.after {
                dependents[*need].push(node);
            }
        }
        let mut ready: BTreeSet<usize> = (0..self.steps.len()).filter(|node| waiting[*node] == 0).collect();
        let (mut order, mut place) = (vec![], vec![0; self.steps.len()]);
        while let Some(node) = ready.pop_first() {
            place[node] = order.len();
            order.push(node);
            for next in &dependents[node] {
                waiting[*next] -= 1;
                if waiting[*next] == 0 {
                    ready.insert(*next);
                }
            }
        }
        if order.len() < self.steps.len() {
            return Err(vec![self.ring(&waiting)]);
        }
        Ok(order
            .into_iter()
            .map(|node| {
                let step = self.steps[node].clone();
                Step { after: step.after.iter().map(|need| place[*need]).collect(), ..step }
            })
            .collect())
    }

    fn ring(&self, waiting: &[usize]) -> Diagnostic {
        let mut path: Vec<usize> = vec![];
        let mut node = waiting.iter().position(|count| *count > 0).unwrap_or(0);
        while !path.contains(&node) {
            path.push(node);
            node = self.steps[node].after.iter().copied().find(|need| waiting[*need] > 0).unwrap_or(node);
        }
        let from = path.iter().position(|each| *each == node).unwrap_or(0);
        let names: Vec<String> = path[from..]
            .iter()
            .chain([&node])
            .map(|node| format!("{} {}", self.steps[*node].action.verb(), self.steps[*node].address))
            .collect();
        Diagnostic::resource_error(
            &self.steps[node].address,
            format!("the steps have no possible order: {}", names.join(", after ")),
        )
        .hint("two resources exchange a unique key: change one first, or declare renamed_from")
    }
}

/// The unique keys of an object with these inputs, each with its type and provider.
fn keys(item: &Item<'_>, inputs: &Value, unknown: &BTreeSet<String>) -> BTreeSet<String> {
    let groups = item.resource_type.info().unique.iter();
    groups
        .filter_map(|group| Some((group, key(group, inputs, unknown)?)))
        .map(|(group, key)| format!("{} {} {group:?} {key:?}", item.type_name, item.provider))
        .collect()
}

/// Returns whether an object holds a unique key that a write claims.
fn shares_key(item: &Item<'_>, write: &Write, object: &Object) -> bool {
    !keys(item, &write.planned, &write.unknown).is_disjoint(&keys(item, &object.inputs, &BTreeSet::new()))
}

fn strings(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(out.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
        Value::Object(map) => map.values().for_each(|item| strings(item, out)),
        _ => {}
    }
}

fn by_address(removals: &[Removal]) -> BTreeMap<&str, Vec<&Removal>> {
    let mut out: BTreeMap<&str, Vec<&Removal>> = BTreeMap::new();
    for removal in removals {
        out.entry(&removal.address).or_default().push(removal);
    }
    out
}
