//! A resource with its declared, recorded and observed state, and its drift. `decide` determines its action.

use std::collections::BTreeMap;

use provisioner_model::{
    Diagnostic,
    erased::ResourceType,
    expr::resolve,
    plan::{self, Action, Drift, FieldChange, ResourcePlan, Write},
    resource::Phase,
    stack::Declared,
    state::{Object, ObjectRole, Origin, Row},
};
use serde_json::Value;

use crate::{Input, Observation, diff, diff::Resolved, rename::Renames};

/// One resource, and what was decided.
pub(crate) struct Item<'a> {
    pub(crate) address: String,
    pub(crate) resource_type: &'a dyn ResourceType,
    pub(crate) type_name: String,
    pub(crate) provider: String,
    pub(crate) declared: Option<&'a Declared>,
    pub(crate) row: Option<&'a Row>,
    /// The resource's current object, if it exists.
    pub(crate) object: Option<&'a Object>,
    pub(crate) observation: Option<Observation>,
    pub(crate) action: Action,
    /// The inputs and options to write, if any.
    pub(crate) write: Option<Write>,
    /// `true` if the write changes only the state.
    pub(crate) record_only: bool,
    /// ID of an existing object to adopt.
    pub(crate) existing: Option<String>,
    pub(crate) changes: Vec<FieldChange>,
    pub(crate) reasons: Vec<String>,
    pub(crate) notices: Vec<String>,
    pub(crate) renamed_from: Option<String>,
    /// Objects that are gone: they only leave the state.
    pub(crate) gone: Vec<&'a Object>,
    /// A successor whose create has not ended, beside the object that it is to replace.
    pub(crate) successor: Option<(&'a Object, Observation)>,
    /// Its other objects, which await deletion.
    pub(crate) leftovers: Vec<Leftover<'a>>,
    pub(crate) drift: Option<Drift>,
}

/// An object besides the resource's current one.
pub(crate) struct Leftover<'a> {
    pub(crate) object: &'a Object,
    pub(crate) observation: Observation,
    pub(crate) why: &'static str,
}

impl Leftover<'_> {
    /// Returns whether the object only leaves the state: it was created outside Provisioner, or its type retains
    /// replaced objects.
    pub(crate) fn is_retained(&self, resource_type: &dyn ResourceType) -> bool {
        let given_up = self.object.role == ObjectRole::Successor;
        self.object.origin == Origin::Adopted || (resource_type.info().retain_on_replace && !given_up)
    }
}

impl Item<'_> {
    pub(crate) fn planned(&self) -> ResourcePlan {
        ResourcePlan {
            type_name: self.type_name.clone(),
            action: self.action,
            reasons: self.reasons.clone(),
            changes: self.changes.clone(),
            leftovers: self.planned_leftovers(),
            id: self.object.and_then(|object| object.id.clone()).or_else(|| self.existing.clone()),
            at: self.declared.map(|declared| declared.at.to_string()),
            protected: self.protected(),
            renamed_from: self.renamed_from.clone(),
        }
    }

    fn planned_leftovers(&self) -> Vec<plan::Leftover> {
        let shown = self.leftovers.iter().filter(|_| self.action != Action::NoChange);
        shown
            .map(|leftover| plan::Leftover {
                id: leftover.object.id.clone(),
                retained: leftover.is_retained(self.resource_type),
                why: leftover.why.to_owned(),
            })
            .collect()
    }

    /// Returns the recorded protection, which applies until an apply has changed it.
    pub(crate) fn protected(&self) -> bool {
        let declared = self.declared.is_some_and(|declared| declared.options.protect);
        self.row.map_or(declared, |row| row.options.protect || declared)
    }

    pub(crate) fn is_replaced(&self) -> bool {
        matches!(self.action, Action::Replace | Action::ReplaceDeleteFirst)
    }

    /// An output, if it will still be true when what needs it is carried out.
    fn output(&self, path: &str) -> Option<Value> {
        let first = path.split('.').next().unwrap_or(path);
        let known = match self.action {
            Action::Update | Action::Adopt => {
                self.record_only || !self.resource_type.info().changes_on_update.contains(&first)
            }
            Action::NoChange | Action::Rename => true,
            _ => false,
        };
        let outputs = &self.observation.as_ref().filter(|_| known)?.observed.outputs;
        path.split('.').try_fold(outputs, |value, part| value.get(part)).filter(|value| !value.is_null()).cloned()
    }
}

/// The decisions for all resources of the plan.
pub(crate) struct Decisions<'a> {
    pub(crate) items: BTreeMap<String, Item<'a>>,
    pub(crate) order: Vec<String>,
    pub(crate) lineage: &'a str,
}

impl Decisions<'_> {
    /// `inputs` as far as the outputs are known.
    pub(crate) fn resolve(&self, inputs: &Value, unknown: &mut Vec<String>) -> Value {
        resolve(inputs, &|address, path| self.items.get(address).and_then(|item| item.output(path)), unknown)
    }

    pub(crate) fn drift(&self) -> Vec<Drift> {
        self.items.values().filter_map(|item| item.drift.clone()).collect()
    }

    pub(crate) fn resolved(&self, inputs: &Value) -> Resolved {
        Resolved::of(inputs, &|address, path| self.items.get(address).and_then(|item| item.output(path)))
    }
}

/// Names the cargo feature or program that provides a type, from the parts of its name: see `Resource::TYPE`.
fn where_built(type_name: &str) -> String {
    match type_name.split(':').collect::<Vec<_>>()[..] {
        [whose, feature, _] => {
            format!("build it with the crate that has the `{whose}` types, and with its cargo feature `{feature}`")
        }
        _ => "build it with the crate that has the type".to_owned(),
    }
}

/// A resource as it is found, with nothing decided.
pub(crate) fn item<'a>(
    input: &'a Input<'a>,
    address: &str,
    type_name: &str,
    declared: Option<&'a Declared>,
    row: Option<&'a Row>,
) -> Result<Item<'a>, Diagnostic> {
    let resource_type = input.registry.get(type_name).ok_or_else(|| {
        Diagnostic::resource_error(address, format!("this program does not know the type `{type_name}`"))
            .hint(where_built(type_name))
    })?;
    if let Some(row) = row {
        if row.version > resource_type.info().version {
            let what = format!("the state has version {} of `{type_name}`, newer than this program's", row.version);
            return Err(
                Diagnostic::resource_error(address, what).hint("use the version of the program that wrote the state")
            );
        }
        if row.type_name != type_name {
            return Err(Diagnostic::resource_error(
                address,
                format!("is a `{}` in the state and a `{type_name}` now", row.type_name),
            ));
        }
    }
    let observation_of = |object: &Object| match input.observed.objects.get(&object.token) {
        Some(observation) => observation.clone().filter(|observation| observation.phase != Phase::Gone),
        None => recorded_observation(object),
    };
    let (mut gone, mut leftovers, mut current, mut successor) = (vec![], vec![], None, None);
    for each in row.into_iter().flat_map(|row| &row.objects) {
        match (observation_of(each), each.role) {
            (None, _) => gone.push(each),
            (Some(observation), ObjectRole::Replaced) => {
                leftovers.push(Leftover { object: each, observation, why: "it has been replaced" });
            }
            (Some(observation), ObjectRole::Successor) => successor = Some((each, observation)),
            (Some(observation), ObjectRole::Current) => current = Some((each, observation)),
        }
    }
    // Where the object that was to be replaced is gone, its successor stands for the resource.
    let (object, observation) = current.or_else(|| successor.take()).unzip();
    let drift = row.and_then(Row::current).and_then(|recorded| {
        // A successor that stands for a resource is no observation of the object that it replaces.
        let same = object.is_some_and(|object: &Object| object.token == recorded.token);
        drift(resource_type, address, recorded, observation.as_ref().filter(|_| same), row)
    });
    Ok(Item {
        address: address.to_owned(),
        resource_type,
        type_name: type_name.to_owned(),
        provider: declared
            .map_or_else(|| row.map(|row| row.provider.clone()).unwrap_or_default(), |d| d.provider.clone()),
        declared,
        row,
        object,
        observation,
        action: Action::NoChange,
        write: None,
        record_only: false,
        existing: None,
        changes: vec![],
        reasons: vec![],
        notices: vec![],
        renamed_from: None,
        gone,
        successor,
        leftovers,
        drift,
    })
}

/// Returns the recorded state as an observation, for plans without a refresh.
fn recorded_observation(object: &Object) -> Option<Observation> {
    let observed = provisioner_model::erased::ObservedState {
        inputs: object.inputs.clone(),
        outputs: object.outputs.clone().unwrap_or_else(|| serde_json::json!({})),
    };
    Some(Observation { id: object.id.clone()?, observed, phase: Phase::Ready })
}

fn drift(
    resource_type: &dyn ResourceType,
    address: &str,
    recorded: &Object,
    observation: Option<&Observation>,
    row: Option<&Row>,
) -> Option<Drift> {
    // What was cut off is no drift: nobody else did it.
    if recorded.pending.is_some() {
        return None;
    }
    let ignore = row.map_or(&[][..], |row| &row.options.ignore);
    let changes = observation
        .map(|observation| diff::drift(resource_type, recorded, &observation.observed, ignore))
        .unwrap_or_default();
    let gone = observation.is_none();
    (gone || !changes.is_empty()).then(|| Drift {
        address: address.to_owned(),
        type_name: resource_type.info().type_name.to_owned(),
        id: recorded.id.clone().unwrap_or_default(),
        gone,
        changes,
    })
}

/// Returns the drift of all resources, independent of the declarations.
pub(crate) fn drifted(input: &Input<'_>, renamed: &Renames) -> Result<Vec<Drift>, Vec<Diagnostic>> {
    let (mut all, mut problems) = (vec![], vec![]);
    for (address, row) in &renamed.state.rows {
        match item(input, address, &row.type_name, None, Some(row)) {
            Ok(item) => all.extend(item.drift),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}
