//! The steps, and what waits for what.
//!
//! Firm edges must hold, and a loop of them is an error that names it. Soft edges (a part before its whole's other
//! dependents, a delete after those who let go of it) are left out where they would close a loop.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{
    Diagnostic,
    plan::{Step, StepAction, Write},
    state::Object,
};
use serde_json::Value;

use crate::{
    Observation,
    decision::{Decisions, Effect, Item, Leftover},
    facts::{ObservedObject, ResourceFacts},
    graph,
    shift::{self, Shift},
    unique_key,
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

impl Removal {
    /// Returns the objects of a resource that this object uses: those whose ID it has, or all, if it has none of the IDs. A
    /// resource has several objects after a replacement, and each user has one of them.
    fn used<'r>(&self, of_resource: &[&'r Self]) -> Vec<&'r Self> {
        let has_id = |other: &&&Self| other.id.as_ref().is_some_and(|id| self.texts.contains(id));
        let by_id: Vec<&Self> = of_resource.iter().filter(has_id).copied().collect();
        if by_id.is_empty() { of_resource.to_vec() } else { by_id }
    }
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
    for item in decisions.order.iter().filter_map(|address| decisions.items.get(address)) {
        draft.add(item);
    }
    for item in decisions.items.values().filter(|item| item.facts.declared.is_none()) {
        draft.add(item);
    }
    let located = |ring: Diagnostic| {
        let item = ring.address.as_deref().and_then(|address| decisions.items.get(address));
        match item.and_then(|item| item.facts.declared) {
            Some(declared) => vec![ring.declared_at(declared.at)],
            None => vec![ring],
        }
    };
    draft.firm_edges(decisions);
    draft.sorted().map_err(located)?;
    draft.soft_edges(decisions);
    draft.sorted().map_err(located)
}

impl Draft {
    fn push(&mut self, item: &Item<'_>, action: StepAction, after: impl IntoIterator<Item = usize>) -> usize {
        self.steps.push(Step {
            address: item.facts.address.to_owned(),
            type_name: item.facts.type_name.to_owned(),
            provider: item.facts.provider.to_owned(),
            action,
            after: after.into_iter().collect(),
        });
        self.steps.len() - 1
    }

    /// The steps of one resource and what waits for what among them.
    fn add(&mut self, item: &Item<'_>) {
        let Item { facts, decision } = item;
        let mut before = vec![];
        if let Some(from) = facts.renamed_from {
            before.push(self.push(item, StepAction::Rename { from: from.to_owned() }, []));
        }
        if matches!(decision.effect, Effect::NoChange(_)) {
            return;
        }
        // A leftover goes once its successor is there, unless it holds a key that the successor needs.
        let in_the_way = |leftover: &&Leftover<'_>| {
            decision.effect.write().is_some_and(|write| shares_key(facts, write, leftover.observed.object))
        };
        let (first, later): (Vec<_>, Vec<_>) = decision.leftovers.iter().partition(in_the_way);
        for leftover in first {
            before.push(self.remove_leftover(item, leftover, &before));
        }
        let done = self.add_effect(item, &before);
        for leftover in later {
            self.remove_leftover(item, leftover, done.as_slice());
        }
        // What is gone leaves the state after its successor is there: what refers to it always refers to something.
        for object in &facts.gone {
            let node = self.push(item, StepAction::Forget { token: object.token.clone() }, done);
            self.removals.push(removal(facts, object, None, node));
        }
        if let Some(done) = done {
            self.done.insert(facts.address.to_owned(), done);
        }
    }

    /// Adds the steps of the current object, and returns the step after which the resource's outputs hold.
    fn add_effect(&mut self, item: &Item<'_>, before: &[usize]) -> Option<usize> {
        let after = before.iter().copied();
        let token = |observed: &ObservedObject<'_>| observed.object.token.clone();
        let info = item.facts.resource_type.info();
        let outlives = |observed: &ObservedObject<'_>| observed.object.outlives_resource(info.tagged);
        match &item.decision.effect {
            Effect::Create(write) => Some(self.push(item, StepAction::Create(write.clone()), after)),
            Effect::Adopt(found, write) => {
                let (id, write) = (found.id.clone(), write.clone());
                Some(self.push(item, StepAction::Adopt { id, write }, after))
            }
            Effect::Update(observed, write) => {
                let (token, write) = (token(observed), write.clone());
                Some(self.push(item, StepAction::Update { token, write }, after))
            }
            Effect::Record(observed, write) | Effect::Rename(observed, write) => {
                let (token, write) = (token(observed), write.clone());
                Some(self.push(item, StepAction::Record { token, write }, after))
            }
            Effect::Replace(observed, write) => {
                let created = self.push(item, StepAction::Create(write.clone()), after);
                let is_retained = outlives(observed) || info.retain_on_replace;
                self.remove(item, *observed, is_retained, &[created]);
                Some(created)
            }
            Effect::ReplaceDeleteFirst(observed, write) => {
                let removed = self.remove(item, *observed, outlives(observed), before);
                Some(self.push(item, StepAction::Create(write.clone()), after.chain([removed])))
            }
            Effect::Delete(Some(observed)) => {
                self.remove(item, *observed, outlives(observed), before);
                None
            }
            Effect::Forget(Some(observed)) => {
                self.remove(item, *observed, true, before);
                None
            }
            Effect::Release(observed) => {
                let node = self.push(item, StepAction::Release { token: token(observed) }, after);
                self.removals.push(removal(&item.facts, observed.object, Some(observed.observation), node));
                None
            }
            Effect::CleanUp(_) | Effect::Delete(None) | Effect::Forget(None) | Effect::NoChange(_) => None,
        }
    }

    fn remove_leftover(&mut self, item: &Item<'_>, leftover: &Leftover<'_>, after: &[usize]) -> usize {
        self.remove(item, leftover.observed, leftover.is_retained(item.facts.resource_type), after)
    }

    /// Deletes an object, after disabling its deletion protection, or drops a retained object from the state.
    fn remove(&mut self, item: &Item<'_>, observed: ObservedObject<'_>, is_retained: bool, after: &[usize]) -> usize {
        let ObservedObject { object, observation } = observed;
        let (token, id) = (object.token.clone(), object.id.clone());
        let mut after = after.to_vec();
        let protections = deletion_protections(&item.facts, observation);
        if !is_retained && !protections.is_empty() {
            // Protection is lifted as late as the delete itself could come.
            let action = StepAction::DisableDeletionProtection { token: token.clone(), fields: protections };
            let lifted = self.push(item, action, after);
            self.removals.push(removal(&item.facts, object, Some(observation), lifted));
            after = vec![lifted];
        }
        let action = if is_retained { StepAction::Forget { token } } else { StepAction::Delete { token, id } };
        let node = self.push(item, action, after);
        self.removals.push(removal(&item.facts, object, Some(observation), node));
        node
    }

    fn firm_edges(&mut self, decisions: &Decisions<'_>) {
        let mut edges = vec![];
        for (address, node) in &self.done {
            let Some(declared) = decisions.items.get(address.as_str()).and_then(|item| item.facts.declared) else {
                continue;
            };
            // A resource stops after its users: it changes nothing that they refer to.
            let stops = |address: &str| Shift::planned(decisions, address) == Some(Shift::Stop);
            let is_turned = |need: &&String| stops(address) && stops(need);
            let needs = graph::needs(&declared.inputs);
            let needs = needs.iter().filter(|need| !is_turned(need)).filter_map(|need| self.done.get(need));
            edges.extend(needs.map(|need| (*node, *need)));
        }
        edges.extend(self.users_first(decisions, false, true));
        edges.extend(self.handovers(decisions));
        for (node, needs) in edges {
            self.steps[node].after.insert(needs);
        }
    }

    /// Orders the deletes of an object's dependents before the delete of the object. What is gone already cannot hold
    /// anything up: `gone` asks for those. With `by_id`, a dependent comes only before the object whose ID it has.
    fn users_first(&self, decisions: &Decisions<'_>, gone: bool, by_id: bool) -> Vec<(usize, usize)> {
        let mut edges = vec![];
        let of: BTreeMap<&str, Vec<&Removal>> = by_address(&self.removals);
        for removal in &self.removals {
            for need in &removal.needs {
                let first = matches!(decisions.effect(need), Some(Effect::ReplaceDeleteFirst(..)));
                if removal.firm.contains(need) || !first {
                    let all = of.get(need.as_str()).map_or(&[][..], Vec::as_slice);
                    let needed = if by_id { removal.used(all) } else { all.to_vec() };
                    let needed = needed.into_iter().filter(|needed| (needed.gone || removal.gone) == gone);
                    edges.extend(needed.map(|needed| (needed.node, removal.node)));
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
        let mut holders = BTreeMap::new();
        for removal in &self.removals {
            holders.extend(removal.keys.iter().map(|key| (key.as_str(), removal)));
        }
        let mut edges = vec![];
        for (address, node) in &self.done {
            let Some(item) = decisions.items.get(address.as_str()) else { continue };
            let Some(write) = item.decision.effect.write() else { continue };
            let claimed = keys(&item.facts, &write.planned, &write.unknown);
            let holders = claimed.iter().filter_map(|key| holders.get(key.as_str()));
            let others = holders.filter(|holder| holder.address != *address);
            edges.extend(others.map(|holder| (*node, holder.node)));
        }
        edges
    }

    fn soft_edges(&mut self, decisions: &Decisions<'_>) {
        let soft = [
            self.users_first(decisions, false, false),
            self.users_first(decisions, true, false),
            self.undeclared_users_first(),
            self.parts_first(decisions),
            self.let_go_first(decisions),
            self.parts_last(),
            shift::edges(decisions, &self.done),
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
            let facts = decisions.items.get(address.as_str()).map(|item| &item.facts);
            let whole = facts.and_then(|facts| graph::whole(facts.resource_type, &facts.declared?.inputs));
            if let Some(whole) = whole {
                parts.entry(whole).or_default().push(*node);
            }
        }
        let mut edges = vec![];
        for (address, node) in &self.done {
            let Some(facts) = decisions.items.get(address.as_str()).map(|item| &item.facts) else { continue };
            let Some(declared) = facts.declared else { continue };
            if facts.resource_type.info().part_of.is_some() {
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
            let Some(item) = decisions.items.get(address.as_str()) else { continue };
            let Some(observed) = item.decision.effect.object() else { continue };
            for need in graph::needs(&observed.object.declared) {
                // Parts never wait for parts.
                if item.facts.resource_type.info().part_of.is_none() {
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
    fn sorted(&self) -> Result<Vec<Step>, Diagnostic> {
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
            return Err(self.ring(&waiting));
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

fn removal(facts: &ResourceFacts<'_>, object: &Object, observation: Option<&Observation>, node: usize) -> Removal {
    let mut texts = BTreeSet::new();
    if let Some(observation) = observation {
        strings(&observation.observed.inputs, &mut texts);
    }
    Removal {
        node,
        address: facts.address.to_owned(),
        needs: graph::needs(&object.declared),
        firm: graph::firm_needs(facts.resource_type, &object.declared),
        whole: graph::whole(facts.resource_type, &object.declared),
        gone: observation.is_none(),
        id: object.id.clone(),
        keys: keys(facts, &object.inputs, &BTreeSet::new()),
        texts,
    }
}

/// Returns the fields that protect an object from deletion.
pub(crate) fn deletion_protections(facts: &ResourceFacts<'_>, observation: &Observation) -> Vec<String> {
    let is_enabled = |name: &str| observation.observed.inputs.get(name) == Some(&Value::Bool(true));
    let fields = facts.resource_type.info().fields.iter();
    fields
        .filter(|field| field.deletion_protection && is_enabled(field.name))
        .map(|field| field.name.to_owned())
        .collect()
}

fn keys(facts: &ResourceFacts<'_>, inputs: &Value, unknown: &BTreeSet<String>) -> BTreeSet<String> {
    unique_key::keys(facts, inputs, unknown).map(|(_, key)| key).collect()
}

/// Returns whether an object holds a unique key that a write claims.
fn shares_key(facts: &ResourceFacts<'_>, write: &Write, object: &Object) -> bool {
    !keys(facts, &write.planned, &write.unknown).is_disjoint(&keys(facts, &object.inputs, &BTreeSet::new()))
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
