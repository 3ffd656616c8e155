//! The decision for one resource, as a value, and the decisions for all.

use std::collections::BTreeMap;

use provisioner_model::{
    Diagnostic,
    erased::ResourceType,
    expr::resolve,
    plan::{self, Action, Drift, FieldChange, ResourcePlan, Write},
    state::ObjectRole,
};
use serde_json::Value;

use crate::{
    Observation,
    diff::Resolved,
    facts::{ObservedObject, ResourceFacts},
};

/// The planned action for a resource and the reader's explanation of it.
pub(crate) struct Decision<'a> {
    pub(crate) effect: Effect<'a>,
    pub(crate) changes: Vec<FieldChange>,
    /// Most important first.
    pub(crate) reasons: Vec<String>,
    pub(crate) notices: Vec<Diagnostic>,
    /// Further objects of the resource, which the plan deletes.
    pub(crate) leftovers: Vec<Leftover<'a>>,
    /// Errors that block the plan. The effect stands nevertheless, so that the resources that depend on this one are
    /// checked in the same run.
    pub(crate) problems: Vec<Diagnostic>,
}

impl<'a> Decision<'a> {
    pub(crate) fn new(effect: Effect<'a>) -> Self {
        Self { effect, changes: vec![], reasons: vec![], notices: vec![], leftovers: vec![], problems: vec![] }
    }
}

/// The action with exactly the data that its steps need.
pub(crate) enum Effect<'a> {
    Create(Write),
    /// Adopts an object that exists already.
    Adopt(&'a Observation, Write),
    Update(ObservedObject<'a>, Write),
    /// Updates the row in the state only.
    Record(ObservedObject<'a>, Write),
    /// Updates the address in the state only.
    Rename(ObservedObject<'a>, Write),
    /// Removes further objects of a resource that does not change.
    CleanUp(ObservedObject<'a>),
    Replace(ObservedObject<'a>, Write),
    ReplaceDeleteFirst(ObservedObject<'a>, Write),
    /// Deletes the current object, if it exists, and the leftovers.
    Delete(Option<ObservedObject<'a>>),
    /// Drops the current object, if it exists, from the state.
    Forget(Option<ObservedObject<'a>>),
    Release(ObservedObject<'a>),
    NoChange(Option<ObservedObject<'a>>),
}

impl<'a> Effect<'a> {
    pub(crate) fn action(&self) -> Action {
        match self {
            Self::Create(_) => Action::Create,
            Self::Adopt(..) => Action::Adopt,
            Self::Update(..) | Self::Record(..) | Self::CleanUp(_) => Action::Update,
            Self::Rename(..) => Action::Rename,
            Self::Replace(..) => Action::Replace,
            Self::ReplaceDeleteFirst(..) => Action::ReplaceDeleteFirst,
            Self::Delete(_) => Action::Delete,
            Self::Forget(_) => Action::Forget,
            Self::Release(_) => Action::Release,
            Self::NoChange(_) => Action::NoChange,
        }
    }

    pub(crate) fn write(&self) -> Option<&Write> {
        match self {
            Self::Create(write)
            | Self::Adopt(_, write)
            | Self::Update(_, write)
            | Self::Record(_, write)
            | Self::Rename(_, write)
            | Self::Replace(_, write)
            | Self::ReplaceDeleteFirst(_, write) => Some(write),
            Self::CleanUp(_) | Self::Delete(_) | Self::Forget(_) | Self::Release(_) | Self::NoChange(_) => None,
        }
    }

    /// Returns the resource's object before the plan.
    pub(crate) fn object(&self) -> Option<ObservedObject<'a>> {
        match self {
            Self::Create(_) | Self::Adopt(..) => None,
            Self::Update(object, _)
            | Self::Record(object, _)
            | Self::Rename(object, _)
            | Self::CleanUp(object)
            | Self::Replace(object, _)
            | Self::ReplaceDeleteFirst(object, _)
            | Self::Release(object) => Some(*object),
            Self::Delete(object) | Self::Forget(object) | Self::NoChange(object) => *object,
        }
    }

    pub(crate) fn is_replacement(&self) -> bool {
        matches!(self, Self::Replace(..) | Self::ReplaceDeleteFirst(..))
    }
}

/// An object besides the resource's current one.
pub(crate) struct Leftover<'a> {
    pub(crate) observed: ObservedObject<'a>,
    pub(crate) why: &'static str,
}

impl<'a> Leftover<'a> {
    pub(crate) fn replaced(observed: ObservedObject<'a>) -> Self {
        Self { observed, why: "it has been replaced" }
    }

    pub(crate) fn abandoned(observed: ObservedObject<'a>) -> Self {
        Self { observed, why: "created by an interrupted replacement, and no longer needed" }
    }

    pub(crate) fn reverted(observed: ObservedObject<'a>) -> Self {
        Self { observed, why: "its replacement is reverted" }
    }

    pub(crate) fn superseded(observed: ObservedObject<'a>) -> Self {
        Self { observed, why: "its interrupted replacement resumes" }
    }

    /// Returns whether the object only leaves the state: it outlives its resource, or its type retains replaced objects.
    pub(crate) fn is_retained(&self, resource_type: &dyn ResourceType) -> bool {
        let (object, info) = (self.observed.object, resource_type.info());
        let is_successor = object.role == ObjectRole::Successor;
        object.outlives_resource(info.tagged) || (info.retain_on_replace && !is_successor)
    }
}

/// One resource of the plan.
pub(crate) struct Item<'a> {
    pub(crate) facts: ResourceFacts<'a>,
    pub(crate) decision: Decision<'a>,
}

impl Item<'_> {
    pub(crate) fn to_plan(&self) -> ResourcePlan {
        let Self { facts, decision } = self;
        let id = match &decision.effect {
            Effect::Adopt(found, _) => Some(found.id.clone()),
            effect => effect.object().and_then(|observed| observed.object.id.clone()),
        };
        let leftovers = decision.leftovers.iter().map(|leftover| plan::Leftover {
            id: leftover.observed.object.id.clone(),
            retained: leftover.is_retained(facts.resource_type),
            why: leftover.why.to_owned(),
        });
        ResourcePlan {
            type_name: facts.type_name.to_owned(),
            action: decision.effect.action(),
            reasons: decision.reasons.clone(),
            changes: decision.changes.clone(),
            leftovers: leftovers.collect(),
            id,
            at: facts.declared.map(|declared| declared.at.to_string()),
            protected: self.is_protected(),
            renamed_from: facts.renamed_from.map(str::to_owned),
        }
    }

    /// Returns the recorded protection, which applies until an apply has changed it.
    fn is_protected(&self) -> bool {
        let declared = self.facts.declared.is_some_and(|declared| declared.options.protect);
        self.facts.row.map_or(declared, |row| row.options.protect || declared)
    }

    /// Returns an output, if the resource's own step leaves its value as it is.
    fn output(&self, path: &str) -> Option<Value> {
        let name = path.split('.').next().unwrap_or(path);
        let changes_on_update = self.facts.resource_type.info().changes_on_update.contains(&name);
        let observation = match &self.decision.effect {
            Effect::Adopt(observation, _) if !changes_on_update => *observation,
            Effect::Update(observed, _) if !changes_on_update => observed.observation,
            Effect::Record(observed, _) | Effect::Rename(observed, _) | Effect::CleanUp(observed) => {
                observed.observation
            }
            Effect::NoChange(observed) => (*observed)?.observation,
            _ => return None,
        };
        let outputs = &observation.observed.outputs;
        path.split('.').try_fold(outputs, |value, part| value.get(part)).filter(|value| !value.is_null()).cloned()
    }
}

/// The decisions for all resources of the plan.
pub(crate) struct Decisions<'a> {
    /// By address.
    pub(crate) items: BTreeMap<&'a str, Item<'a>>,
    /// The declared addresses, dependencies first.
    pub(crate) order: Vec<&'a str>,
}

impl Decisions<'_> {
    /// Returns the effect on the resource at `address`, if it has been decided.
    pub(crate) fn effect(&self, address: &str) -> Option<&Effect<'_>> {
        self.items.get(address).map(|item| &item.decision.effect)
    }

    /// Returns a value with every known output filled in.
    pub(crate) fn resolve(&self, value: &Value) -> Value {
        resolve(value, &|address, path| self.output(address, path), &mut vec![])
    }

    /// Returns inputs with every known output filled in, and the fields that wait for one.
    pub(crate) fn resolve_inputs(&self, inputs: &Value) -> Resolved {
        Resolved::of(inputs, &|address, path| self.output(address, path))
    }

    pub(crate) fn drift(&self) -> Vec<Drift> {
        self.items.values().filter_map(|item| item.facts.drift.clone()).collect()
    }

    pub(crate) fn notices(&self) -> Vec<Diagnostic> {
        self.items.values().flat_map(|item| item.decision.notices.iter().cloned()).collect()
    }

    fn output(&self, address: &str, path: &str) -> Option<Value> {
        self.items.get(address)?.output(path)
    }
}
