//! An environment as data: a state, observations of its objects, and the plan for a stack as short text.
//!
//! The engine takes no part: [`Fixture::apply`] records what a plan creates, as an apply without failures would.

mod declare;
pub mod disk;
mod render;

use std::collections::BTreeMap;

use provisioner_model::{
    Diagnostic, Facts, Phase, Stack,
    erased::{ObservedState, ResourceRegistry},
    expr::resolve,
    journal::JournalEntry,
    ownership::TOKEN,
    plan::{Plan, Step, StepAction, Write},
    stack::Desired,
    state::{Object, ObjectRole, Operation, Pending, ProviderTarget, Row, Snapshot},
};
use provisioner_planner::{Input, Observation, Observations, Selection, diff::fill_stopped, plan, verify};
use serde_json::{Value, json};

pub use self::{declare::*, render::change};
use crate::{
    cloud::types,
    generate::{ENVIRONMENT, facts},
};

/// The lineage of the state.
pub const LINEAGE: &str = "0123456789abcdef";

/// An environment: its state, and the observations of a refresh.
pub struct Fixture {
    /// The types of the in-memory cloud, and `test:disk`.
    pub registry: ResourceRegistry,
    /// The recorded state.
    pub snapshot: Snapshot,
    /// Objects without an entry are as recorded.
    pub observed: Observations,
    /// The resources that plans include.
    pub selection: Selection,
}

impl Fixture {
    /// An environment before its first apply.
    pub fn empty() -> Self {
        Self {
            registry: types::registry().with::<disk::Disk>(),
            snapshot: Snapshot::new(LINEAGE, ENVIRONMENT),
            observed: Observations::default(),
            selection: Selection::default(),
        }
    }

    /// An environment in which a stack has been applied.
    pub fn applied(declare: impl FnOnce(&mut Stack)) -> Self {
        let mut fixture = Self::empty();
        fixture.apply(declare);
        fixture
    }

    /// Plans a stack and records what the plan creates and adopts.
    pub fn apply(&mut self, declare: impl FnOnce(&mut Stack)) {
        self.apply_desired(&stack(declare));
    }

    /// Plans a declared stack and records what the plan creates and adopts.
    pub fn apply_desired(&mut self, desired: &Desired) {
        let plan = self.try_plan(desired).unwrap();
        self.snapshot.stopped = desired.facts.stopped;
        for step in &plan.steps {
            match &step.action {
                StepAction::Create(write) => {
                    self.record(step, write, &format!("{}#{}", step.address, write.generation));
                }
                StepAction::Adopt { id, write } => self.record(step, write, id),
                action => panic!("the fixture does not apply {}", action.verb()),
            }
        }
        self.observed = Observations::default();
    }

    fn record(&mut self, step: &Step, write: &Write, id: &str) {
        let token = token_of(id);
        let mut unknown = vec![];
        let output = |address: &str, path: &str| self.snapshot.output(address, path);
        let mut declared = write.declared.clone();
        if self.snapshot.stopped {
            fill_stopped(self.registry.get(&step.type_name).unwrap(), &mut declared);
        }
        let mut inputs = resolve(&declared, &output, &mut unknown);
        assert_eq!(unknown, Vec::<String>::new(), "every output is known");
        let created = matches!(step.action, StepAction::Create(_));
        if created && self.registry.get(&step.type_name).unwrap().info().tagged {
            inputs["tags"][TOKEN] = json!(token);
        }
        let row = Row {
            type_name: step.type_name.clone(),
            version: write.version,
            provider: step.provider.clone(),
            options: write.options.clone(),
            needs: write.needs.clone(),
            objects: vec![],
        };
        let object = Object {
            id: Some(id.to_owned()),
            generation: write.generation,
            token,
            made_at: 0,
            origin: write.origin,
            role: ObjectRole::Current,
            pending: None,
            declared: write.declared.clone(),
            outputs: Some(outputs(id, &inputs)),
            inputs,
        };
        let (row, object) = (Box::new(row), Box::new(object));
        self.snapshot.fold(JournalEntry::Completed { address: step.address.clone(), row, object });
    }

    /// The newest object of a resource.
    pub fn object(&mut self, address: &str) -> &mut Object {
        &mut self.snapshot.rows.get_mut(address).unwrap().objects[0]
    }

    /// Adds the next object of a resource: like the newest one, with changed inputs.
    pub fn add_object(&mut self, address: &str, role: ObjectRole, change: impl FnOnce(&mut Value)) {
        let mut object = self.object(address).clone();
        object.generation += 1;
        let id = format!("{address}#{}", object.generation);
        object.token = token_of(&id);
        object.role = role;
        if object.inputs.get("tags").is_some() {
            object.inputs["tags"][TOKEN] = json!(object.token);
        }
        change(&mut object.inputs);
        object.outputs = Some(outputs(&id, &object.inputs));
        object.id = Some(id);
        if role == ObjectRole::Successor {
            object.pending = pending(Operation::Create);
        }
        self.snapshot.rows.get_mut(address).unwrap().objects.insert(0, object);
    }

    /// The operation on the newest object of a resource has begun, and its end is not recorded.
    pub fn interrupt(&mut self, address: &str, operation: Operation) {
        self.object(address).pending = pending(operation);
    }

    /// The refresh reads the newest object of a resource with changed inputs.
    pub fn observe(&mut self, address: &str, change: impl FnOnce(&mut Value)) {
        let object = self.object(address).clone();
        let id = object.id.clone().unwrap_or_else(|| format!("{address}#{}", object.generation));
        let mut inputs = object.inputs;
        change(&mut inputs);
        let outputs = outputs(&id, &inputs);
        let observation = Observation { id, observed: ObservedState { inputs, outputs }, phase: Phase::Ready };
        self.observed.objects.insert(object.token, Some(observation));
    }

    /// The refresh reads the newest object of a resource in a phase.
    pub fn observe_phase(&mut self, address: &str, phase: Phase) {
        self.observe(address, |_| {});
        let token = self.object(address).token.clone();
        self.observed.objects.get_mut(&token).unwrap().as_mut().unwrap().phase = phase;
    }

    /// The refresh does not find the newest object of a resource.
    pub fn observe_gone(&mut self, address: &str) {
        let token = self.object(address).token.clone();
        self.observed.objects.insert(token, None);
    }

    /// The refresh finds an object that is not in the state and holds the unique key of a declared resource.
    pub fn observe_existing(&mut self, address: &str, id: &str, inputs: Value) {
        let outputs = outputs(id, &inputs);
        let observed = ObservedState { inputs, outputs };
        let observation = Observation { id: id.to_owned(), observed, phase: Phase::Ready };
        self.observed.existing.insert(address.to_owned(), observation);
    }

    /// The plan for a stack, or the problems, as text.
    pub fn plan(&self, declare: impl FnOnce(&mut Stack)) -> String {
        self.plan_desired(&stack(declare))
    }

    /// The plan for a declared stack, or the problems, as text.
    pub fn plan_desired(&self, desired: &Desired) -> String {
        match self.try_plan(desired) {
            Ok(plan) => render::plan(&plan, &self.snapshot),
            Err(problems) => render::problems(&problems),
        }
    }

    /// The plan that destroys everything.
    pub fn destroy(&self) -> String {
        self.plan(|_| {})
    }

    /// The plan for a stack. No plan contradicts itself, and each error names its resource, where that is declared, and
    /// what to do.
    pub fn try_plan(&self, desired: &Desired) -> Result<Plan, Vec<Diagnostic>> {
        let plan = plan(&self.input(desired, &BTreeMap::new())).inspect_err(|problems| {
            for problem in problems {
                let declared = problem.address.as_ref().is_some_and(|address| desired.resources.contains_key(address));
                assert!(problem.address.is_some() && problem.hint.is_some(), "{problem:?}");
                assert_eq!(problem.location.is_some(), declared, "{problem:?}");
            }
        })?;
        assert_eq!(verify::plan(&plan), Vec::<String>::new());
        Ok(plan)
    }

    /// Returns the input of a plan for a stack.
    pub fn input<'a>(&'a self, desired: &'a Desired, targets: &'a BTreeMap<String, ProviderTarget>) -> Input<'a> {
        Input {
            desired,
            snapshot: &self.snapshot,
            observed: &self.observed,
            registry: &self.registry,
            selection: &self.selection,
            targets,
        }
    }
}

/// A declared stack of a stopped environment.
pub fn stopped_stack(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(Facts { stopped: true, ..facts() });
    declare(&mut stack);
    stack.finish().unwrap()
}

/// A declared stack.
pub fn stack(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(facts());
    declare(&mut stack);
    stack.finish().unwrap()
}

fn token_of(id: &str) -> String {
    format!("token of {id}")
}

fn pending(operation: Operation) -> Option<Pending> {
    Some(Pending { operation, receipt: None, inputs: None })
}

fn outputs(id: &str, inputs: &Value) -> Value {
    json!({ "id": id, "state": "ready", "revision": format!("{id}@1"), "name": inputs["name"] })
}
