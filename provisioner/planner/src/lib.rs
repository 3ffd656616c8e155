//! Computes a plan from the desired, recorded and observed state: a pure function of data.
//!
//! [`plan`] decides the action for each resource ([`mod@diff`], `decide`), then creates the steps and their
//! dependencies (`order`). It is synchronous, and uses neither a clock nor randomness. [`verify`] lists contradictions
//! in a plan.

mod decide;
pub mod diff;
pub mod graph;
mod item;
mod name;
mod observe;
mod order;
mod rename;
mod select;
mod tags;
pub mod verify;

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{
    Diagnostic,
    erased::ResourceRegistry,
    plan::{Discovered, Drift, FORMAT, Plan, Step, StepAction},
    stack::Desired,
    state::{ProviderTarget, Snapshot},
};

pub use self::{
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
    let mut snapshot = rename::renamed(input);
    for object in snapshot.state.rows.values_mut().flat_map(|row| &mut row.objects) {
        let found = discovered.iter().find(|found| found.token == object.token);
        object.id = object.id.take().or_else(|| found.map(|found| found.id.clone()));
    }
    let decisions = decide::decide(input, &snapshot)?;
    let steps = order::steps(&decisions)?;
    let mut plan = Plan {
        format: FORMAT,
        facts: input.desired.facts.clone(),
        lineage: snapshot.state.lineage.clone(),
        serial: snapshot.state.serial,
        digest: input.snapshot.digest(),
        targets: input.targets.clone(),
        discovered,
        resources: decisions.items.iter().map(|(address, item)| (address.clone(), item.planned())).collect(),
        steps,
        drift: decisions.drift(),
        outputs: BTreeMap::new(),
        declared_outputs: input.desired.outputs.clone(),
        notices: notices(&decisions),
    };
    for (name, declared) in &plan.declared_outputs {
        plan.outputs.insert(name.clone(), decisions.resolve(declared, &mut vec![]));
    }
    Ok(plan)
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
    item::drifted(input, &rename::renamed(input))
}

fn notices(decisions: &item::Decisions<'_>) -> Vec<Diagnostic> {
    decisions
        .items
        .iter()
        .flat_map(|(address, item)| {
            item.notices.iter().map(|summary| Diagnostic::resource_warning(address, summary.clone()))
        })
        .collect()
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
