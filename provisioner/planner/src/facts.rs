//! The facts about one resource: its declaration, its row in the state, its objects as observed, and their drift.
//! `decide` determines an action from them and changes none of them.

use std::collections::{BTreeMap, HashMap};

use provisioner_model::{
    Diagnostic,
    erased::{ObservedState, ResourceType},
    plan::Drift,
    resource::Phase,
    stack::Declared,
    state::{Object, ObjectRole, Row, Snapshot},
};

use crate::{Input, Observation, drift};

/// An object with its observed state, or with its recorded state in a plan without a refresh.
#[derive(Clone, Copy)]
pub(crate) struct ObservedObject<'a> {
    pub(crate) object: &'a Object,
    pub(crate) observation: &'a Observation,
}

/// Everything about one resource that its decision follows from.
pub(crate) struct ResourceFacts<'a> {
    pub(crate) address: &'a str,
    pub(crate) resource_type: &'a dyn ResourceType,
    pub(crate) type_name: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) declared: Option<&'a Declared>,
    pub(crate) row: Option<&'a Row>,
    pub(crate) renamed_from: Option<&'a str>,
    /// The object that stands for the resource: where it is gone, its successor.
    pub(crate) current: Option<ObservedObject<'a>>,
    /// A successor whose create has not ended, beside the object that it is to replace.
    pub(crate) successor: Option<ObservedObject<'a>>,
    /// Objects that have been replaced and await deletion.
    pub(crate) replaced: Vec<ObservedObject<'a>>,
    /// Objects that no longer exist in AWS: they only leave the state.
    pub(crate) gone: Vec<&'a Object>,
    pub(crate) drift: Option<Drift>,
}

/// The data that the facts refer to.
pub(crate) struct Sources<'a> {
    pub(crate) input: &'a Input<'a>,
    /// The state, with its rows under the addresses that the program declares.
    pub(crate) state: &'a Snapshot,
    /// New address → previous address.
    pub(crate) renames: &'a BTreeMap<String, String>,
    /// By token: the recorded state of objects that the refresh did not read.
    recorded: HashMap<&'a str, Observation>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(input: &'a Input<'a>, state: &'a Snapshot, renames: &'a BTreeMap<String, String>) -> Self {
        let objects = state.rows.values().flat_map(|row| &row.objects);
        let unread = objects.filter(|object| !input.observed.objects.contains_key(&object.token));
        let recorded = unread.filter_map(|object| Some((object.token.as_str(), recorded_observation(object)?)));
        Self { input, state, renames, recorded: recorded.collect() }
    }

    /// Returns the facts about a declared resource.
    pub(crate) fn declared(
        &'a self,
        address: &'a str,
        declared: &'a Declared,
    ) -> Result<ResourceFacts<'a>, Diagnostic> {
        let row = self.state.rows.get(address);
        self.facts(address, declared.type_name, &declared.provider, Some(declared), row)
    }

    /// Returns the facts about a row of the state, apart from any declaration.
    pub(crate) fn recorded(&'a self, address: &'a str, row: &'a Row) -> Result<ResourceFacts<'a>, Diagnostic> {
        self.facts(address, &row.type_name, &row.provider, None, Some(row))
    }

    fn facts(
        &'a self,
        address: &'a str,
        type_name: &'a str,
        provider: &'a str,
        declared: Option<&'a Declared>,
        row: Option<&'a Row>,
    ) -> Result<ResourceFacts<'a>, Diagnostic> {
        let resource_type = self.input.registry.get(type_name).ok_or_else(|| {
            Diagnostic::resource_error(address, format!("this program does not know the type `{type_name}`"))
                .hint(provider_hint(type_name))
        })?;
        if let Some(row) = row {
            check_row(address, resource_type, type_name, row)?;
        }
        let (mut current, mut successor, mut replaced, mut gone) = (None, None, vec![], vec![]);
        for object in row.into_iter().flat_map(|row| &row.objects) {
            match (self.observation(object), object.role) {
                (None, _) => gone.push(object),
                (Some(observation), ObjectRole::Current) => current = Some(ObservedObject { object, observation }),
                (Some(observation), ObjectRole::Successor) => successor = Some(ObservedObject { object, observation }),
                (Some(observation), ObjectRole::Replaced) => replaced.push(ObservedObject { object, observation }),
            }
        }
        // Where the object that was to be replaced is gone, its successor stands for the resource.
        let current = current.or_else(|| successor.take());
        Ok(ResourceFacts {
            address,
            resource_type,
            type_name,
            provider,
            declared,
            row,
            renamed_from: declared.and_then(|_| self.renames.get(address)).map(String::as_str),
            current,
            successor,
            replaced,
            gone,
            drift: row.and_then(|row| drift::of_row(resource_type, address, row, current)),
        })
    }

    /// Returns the observation of an object, unless the object is gone.
    fn observation(&self, object: &Object) -> Option<&Observation> {
        match self.input.observed.objects.get(&object.token) {
            Some(observation) => observation.as_ref().filter(|observation| observation.phase != Phase::Gone),
            None => self.recorded.get(object.token.as_str()),
        }
    }
}

/// Returns the recorded state as an observation.
fn recorded_observation(object: &Object) -> Option<Observation> {
    let observed = ObservedState {
        inputs: object.inputs.clone(),
        outputs: object.outputs.clone().unwrap_or_else(|| serde_json::json!({})),
    };
    Some(Observation { id: object.id.clone()?, observed, phase: Phase::Ready })
}

/// Refuses a row that this program cannot continue.
fn check_row(address: &str, resource_type: &dyn ResourceType, type_name: &str, row: &Row) -> Result<(), Diagnostic> {
    if row.version > resource_type.info().version {
        let what = format!("the state has version {} of `{type_name}`, newer than this program's", row.version);
        let problem = Diagnostic::resource_error(address, what);
        return Err(problem.hint("use the version of the program that wrote the state"));
    }
    if row.type_name != type_name {
        let what = format!("is a `{}` in the state and a `{type_name}` now", row.type_name);
        let hint = "give the resource of the new type another name, or delete the old one with an apply before";
        return Err(Diagnostic::resource_error(address, what).hint(hint));
    }
    Ok(())
}

/// Names the cargo feature or program that provides a type, from the parts of its name: see `Resource::TYPE`.
fn provider_hint(type_name: &str) -> String {
    match type_name.split(':').collect::<Vec<_>>()[..] {
        [provider, feature, _] => {
            format!("build it with the crate that has the `{provider}` types, and with its cargo feature `{feature}`")
        }
        _ => "build it with the crate that has the type".to_owned(),
    }
}
