//! Computes a plan from the desired, recorded and observed state: a pure function of data.
//!
//! [`plan`] collects the facts about each resource (`facts`), decides its action ([`mod@diff`], `decide`), then creates
//! the steps and their dependencies (`order`). It is synchronous, and uses neither a clock nor randomness. [`verify`]
//! lists contradictions in a plan. [`findings`] is about the declaration alone.

mod decide;
mod decision;
pub mod diff;
mod drift;
mod facts;
mod findings;
pub mod graph;
mod name;
mod observe;
mod order;
mod rename;
mod select;
mod shift;
mod tags;
mod unique_key;
pub mod verify;

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{
    Diagnostic,
    erased::ResourceRegistry,
    plan::{Discovered, Drift, FORMAT, Plan, Step, StepAction},
    stack::Desired,
    state::{ProviderTarget, Snapshot},
};

use self::{facts::Sources, rename::Renames};
pub use self::{
    findings::findings,
    name::generated as generated_name,
    observe::{Observation, Observations},
    select::Selection,
};

/// Everything that a plan follows from.
pub struct Input<'a> {
    /// The declared resources; empty for a destroy.
    pub desired: &'a Desired,
    /// The recorded state, including an interrupted apply's journal.
    pub snapshot: &'a Snapshot,
    /// The observed state of the objects.
    pub observed: &'a Observations,
    /// All registered resource types.
    pub registry: &'a ResourceRegistry,
    /// Resources that the plan includes.
    pub selection: &'a Selection,
    /// Account, region and endpoint, by provider instance.
    pub targets: &'a BTreeMap<String, ProviderTarget>,
}

/// The plan, or every reason why there is none.
pub fn plan(input: &Input<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let discovered = discovered(input);
    let Renames { mut state, from: renames } = rename::renamed(input);
    for object in state.rows.values_mut().flat_map(|row| &mut row.objects) {
        let found = discovered.iter().find(|found| found.token == object.token);
        object.id = object.id.take().or_else(|| found.map(|found| found.id.clone()));
    }
    let sources = Sources::new(input, &state, &renames);
    let decisions = decide::decide(&sources)?;
    let steps = order::steps(&decisions)?;
    let outputs = input.desired.outputs.iter().map(|(name, value)| (name.clone(), decisions.resolve(value)));
    Ok(Plan {
        format: FORMAT,
        facts: input.desired.facts.clone(),
        lineage: state.lineage.clone(),
        serial: state.serial,
        digest: input.snapshot.digest(),
        targets: input.targets.clone(),
        discovered,
        resources: decisions.items.iter().map(|(address, item)| ((*address).to_owned(), item.to_plan())).collect(),
        steps,
        drift: decisions.drift(),
        outputs: outputs.collect(),
        declared_outputs: input.desired.outputs.clone(),
        notices: decisions.notices(),
    })
}

/// The objects that the refresh found by their tokens, and whose IDs the state lacks.
fn discovered(input: &Input<'_>) -> Vec<Discovered> {
    let rows = input.snapshot.rows.iter();
    rows.flat_map(|(address, row)| row.objects.iter().map(move |object| (address, object)))
        .filter(|(_, object)| object.id.is_none())
        .filter_map(|(address, object)| {
            let observation = input.observed.objects.get(&object.token)?.as_ref()?;
            Some(Discovered { address: address.clone(), token: object.token.clone(), id: observation.id.clone() })
        })
        .collect()
}

/// Returns the changes made outside Provisioner since the last write. They follow only from the recorded and the
/// observed state, so that errors that block a plan do not hide them.
pub fn drift(input: &Input<'_>) -> Result<Vec<Drift>, Vec<Diagnostic>> {
    let Renames { state, from: renames } = rename::renamed(input);
    drift::of_state(&Sources::new(input, &state, &renames))
}

/// Returns the addresses of which a plan deletes an object, replaced ones included.
pub fn deleted(plan: &Plan) -> BTreeSet<String> {
    let deletes = |step: &&Step| matches!(step.action, StepAction::Delete { .. });
    plan.steps.iter().filter(deletes).map(|step| step.address.clone()).collect()
}

/// Returns the addresses whose protected objects a plan deletes: each needs consent. A saved plan is a file that
/// anything may have changed, so the state's own protection counts as well.
pub fn protected(plan: &Plan, state: &Snapshot) -> BTreeSet<String> {
    let recorded: BTreeSet<&str> = state
        .rows
        .values()
        .filter(|row| row.options.protect)
        .flat_map(|row| row.objects.iter().map(|object| object.token.as_str()))
        .collect();
    let deletes_protected = |step: &&Step| match &step.action {
        StepAction::Delete { token, .. } => {
            let planned = plan.resources.get(&step.address).is_some_and(|planned| planned.protected);
            planned || recorded.contains(token.as_str())
        }
        _ => false,
    };
    plan.steps.iter().filter(deletes_protected).map(|step| step.address.clone()).collect()
}
