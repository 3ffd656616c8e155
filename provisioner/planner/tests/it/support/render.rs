//! Plans and problems as short text: resources that change, then the steps, each with the numbers of those that it
//! waits for.

use provisioner_model::{
    plan::{Action, FieldChange, Plan, StepAction},
    state::Snapshot,
};
use provisioner_planner::Problem;
use serde_json::{Map, Value};

pub(crate) fn plan(plan: &Plan, state: &Snapshot) -> String {
    let mut lines = vec![];
    for drift in &plan.drift {
        let gone = if drift.gone { " is gone" } else { "" };
        lines.push(format!("drift {} ({}){gone}", drift.address, drift.id));
        lines.extend(drift.changes.iter().map(change));
    }
    for discovered in &plan.discovered {
        lines.push(format!("discovered {} ({})", discovered.address, discovered.id));
    }
    for (address, planned) in plan.resources.iter().filter(|(_, planned)| planned.action != Action::NoChange) {
        let from = planned.renamed_from.as_ref().map(|from| format!(" (was {from})")).unwrap_or_default();
        let protected = if planned.protected { ", protected" } else { "" };
        let reasons = planned.reasons.iter().map(|reason| format!(": {reason}")).collect::<String>();
        lines.push(format!("{} {address}{from}{protected}{reasons}", word(planned.action)));
        // A create sets all inputs: `create.rs` shows them once.
        if planned.action != Action::Create {
            lines.extend(planned.changes.iter().map(change));
        }
        lines.extend(planned.leftovers.iter().map(|leftover| {
            let fate = if leftover.retained { "retained" } else { "deleted" };
            format!("  {fate} too: {}: {}", leftover.id.as_deref().unwrap_or("no ID"), leftover.why)
        }));
    }
    for notice in &plan.notices {
        lines.push(format!("notice {}: {}", notice.address, notice.what));
    }
    for (number, step) in plan.steps.iter().enumerate() {
        let after: Vec<String> = step.after.iter().map(|step| (step + 1).to_string()).collect();
        let after = if after.is_empty() { String::new() } else { format!(" after {}", after.join(", ")) };
        let object = object(&step.action, state);
        lines.push(format!("{}. {} {}{object}{after}", number + 1, step.action.verb(), step.address));
    }
    for (name, value) in &plan.outputs {
        lines.push(format!("output {name}: {value}"));
    }
    if lines.is_empty() { "no changes".to_owned() } else { lines.join("\n") }
}

/// The object of a step, where the address does not tell which.
fn object(action: &StepAction, state: &Snapshot) -> String {
    let id = |token: &String| {
        let mut objects = state.rows.values().flat_map(|row| &row.objects);
        let object = objects.find(|object| object.token == *token);
        object.and_then(|object| object.id.clone()).unwrap_or_else(|| token.clone())
    };
    match action {
        StepAction::Create(write) if write.key_may_exist => " unless its key exists".to_owned(),
        StepAction::Create(_) | StepAction::Rename { .. } => String::new(),
        StepAction::Adopt { id, .. } => format!(" ({id})"),
        StepAction::Delete { token, id: known } => format!(" ({})", known.clone().unwrap_or_else(|| id(token))),
        StepAction::DisableDeletionProtection { token, fields } => format!(" ({}: {})", id(token), fields.join(", ")),
        StepAction::Update { token, .. }
        | StepAction::Record { token, .. }
        | StepAction::Release { token }
        | StepAction::Forget { token } => format!(" ({})", id(token)),
    }
}

pub(crate) fn change(change: &FieldChange) -> String {
    let (before, after) = match (&change.before, &change.after) {
        (Value::Object(before), Value::Object(after)) => (unlike(before, after), unlike(after, before)),
        (before, after) => (before.clone(), after.clone()),
    };
    let replaces = if change.replaces { ", replaces" } else { "" };
    let drifted = if change.drifted { ", drifted" } else { "" };
    format!("  {}: {before} → {after}{replaces}{drifted}", change.field)
}

/// The entries that another map has not.
fn unlike(map: &Map<String, Value>, other: &Map<String, Value>) -> Value {
    map.iter().filter(|(key, value)| other.get(*key) != Some(*value)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn word(action: Action) -> String {
    serde_json::to_value(action).unwrap().as_str().unwrap().to_owned()
}

pub(crate) fn problems(problems: &[Problem]) -> String {
    let lines = problems.iter().map(|problem| {
        let hint = problem.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        format!("problem {}: {}{hint}", problem.address, problem.what)
    });
    lines.collect::<Vec<_>>().join("\n")
}
