//! The context of a decision about a declared resource, and what several decisions derive from it.

use provisioner_model::{
    ownership,
    plan::Write,
    stack::Declared,
    state::{Object, Origin, Snapshot},
    type_info::TypeInfo,
};
use serde_json::Value;

use crate::{Input, decision::Decisions, diff, diff::Resolved, facts::ResourceFacts, graph, name, tags};

/// A declared resource with the decisions for its dependencies.
#[derive(Clone, Copy)]
pub(super) struct Context<'c, 'a> {
    pub(super) input: &'a Input<'a>,
    /// The state, with its rows under the addresses that the program declares.
    pub(super) state: &'a Snapshot,
    pub(super) decisions: &'c Decisions<'a>,
    pub(super) facts: &'c ResourceFacts<'a>,
    pub(super) declared: &'a Declared,
}

/// The desired inputs of one object.
pub(super) struct DesiredInputs {
    /// With generated name and ownership tags, references unresolved.
    pub(super) unresolved: Value,
    pub(super) resolved: Resolved,
}

impl Context<'_, '_> {
    pub(super) fn info(&self) -> &'static TypeInfo {
        self.facts.resource_type.info()
    }

    /// Returns the generation of the next object of the resource.
    pub(super) fn next_generation(&self) -> u32 {
        self.state.next_generation(self.facts.address)
    }

    /// Returns an object as recorded, in the shape of this program's version of the type.
    pub(super) fn migrated(&self, object: &Object) -> Object {
        let mut migrated = Object { inputs: object.inputs_in_force(), ..object.clone() };
        if let Some(row) = self.facts.row.filter(|row| row.version < self.info().version) {
            self.facts.resource_type.migrate(row.version, &mut migrated.inputs);
        }
        migrated
    }

    /// Returns the desired inputs of an existing object.
    pub(super) fn desired(&self, object: &Object) -> DesiredInputs {
        self.resolved(self.inputs(object.generation, Some(object)))
    }

    /// Returns the desired inputs of an object that Provisioner will adopt.
    pub(super) fn desired_of_adopted(&self) -> DesiredInputs {
        self.resolved(self.inputs(1, None))
    }

    /// Returns the desired inputs of an object that Provisioner will create.
    pub(super) fn desired_of_new(&self) -> DesiredInputs {
        let mut inputs = self.inputs(self.next_generation(), None);
        if self.declared.options.share && self.info().tagged {
            inputs["tags"][ownership::MADE] = "true".into();
        }
        self.resolved(inputs)
    }

    fn resolved(&self, unresolved: Value) -> DesiredInputs {
        let resolved = if self.input.desired.facts.stopped {
            // The state keeps what the program declares: a start needs it.
            let mut stopped = unresolved.clone();
            diff::fill_stopped(self.facts.resource_type, &mut stopped);
            Resolved { stopped: true, ..self.decisions.resolve_inputs(&stopped) }
        } else {
            self.decisions.resolve_inputs(&unresolved)
        };
        DesiredInputs { unresolved, resolved }
    }

    /// Returns the inputs of an object of this generation, with a generated name and ownership tags.
    fn inputs(&self, generation: u32, object: Option<&Object>) -> Value {
        let (environment, lineage) = (&self.input.desired.facts.environment, &self.input.snapshot.lineage);
        let mut inputs = self.declared.inputs.clone();
        diff::fill_cloud_defaults(self.facts.resource_type, &mut inputs);
        if let (Some(rule), Some(map)) = (self.info().name, inputs.as_object_mut())
            && map.get(rule.field).is_none_or(Value::is_null)
        {
            // An object keeps its name, even if the parts of the name change.
            let recorded = object.and_then(|object| object.inputs.get(rule.field)).filter(|name| name.is_string());
            let generated = || name::generated(rule, environment, lineage, self.facts.address, generation).into();
            map.insert(rule.field.to_owned(), recorded.cloned().unwrap_or_else(generated));
        }
        if self.info().tagged {
            tags::own(&mut inputs, lineage, environment, self.facts.address, object, self.declared.options.share);
        }
        inputs
    }

    pub(super) fn write(&self, desired: DesiredInputs, generation: u32, origin: Origin) -> Write {
        Write {
            declared: desired.unresolved,
            planned: desired.resolved.inputs,
            unknown: desired.resolved.waits.into_keys().collect(),
            generation,
            version: self.info().version,
            options: self.declared.options.clone(),
            needs: graph::needs(&self.declared.inputs).into_iter().collect(),
            origin,
            key_may_exist: false,
            rollback_inputs: None,
            verification: None,
        }
    }
}
