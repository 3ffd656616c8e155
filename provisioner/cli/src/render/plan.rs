//! A plan, for people: what somebody else changed, what an apply does and why, and one line that sums it up.

use std::{borrow::Cow, collections::BTreeSet, fmt::Write as _};

use provisioner_model::{
    expr::Expr,
    plan::{Action, Drift, FieldChange, Plan, ResourcePlan, StepAction},
};
use serde_json::Value;

use super::{PageFormat, Tone, columns, diagnostic, value};

/// The sign of an action. The word beside it says the same.
pub fn sign(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "+/-",
        Action::ReplaceDeleteFirst => "-/+",
        Action::Delete => "-",
        Action::Adopt => "<=",
        Action::Forget | Action::Release => "=>",
        Action::Rename => "->",
        Action::NoChange => " ",
    }
}

/// The word for an action.
pub fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace | Action::ReplaceDeleteFirst => "replace",
        Action::Delete => "delete",
        Action::Adopt => "adopt",
        Action::Forget => "forget",
        Action::Release => "release",
        Action::Rename => "rename",
        Action::NoChange => "no change",
    }
}

fn meaning(action: Action) -> Option<&'static str> {
    Some(match action {
        Action::Replace => "the new object is created before the old one is deleted",
        Action::ReplaceDeleteFirst => "the old object is deleted before the new one is created: an outage",
        Action::Adopt => "an existing object is adopted",
        Action::Forget => "it is removed from the state and stays in the cloud",
        Action::Release => "this environment's tag is removed from a shared object, which stays",
        Action::Rename => "nothing in the cloud changes",
        _ => return None,
    })
}

fn tone(action: Action) -> Tone {
    match action {
        Action::Create | Action::Adopt => Tone::New,
        Action::Update | Action::Rename => Tone::Changed,
        Action::Replace | Action::ReplaceDeleteFirst | Action::Delete => Tone::Gone,
        Action::Forget | Action::Release | Action::NoChange => Tone::Quiet,
    }
}

/// Numbers of resources by action. A leftover that goes counts as deleted.
pub fn counted(plan: &Plan) -> Vec<(Action, usize)> {
    let actions = [
        Action::Create,
        Action::Adopt,
        Action::Update,
        Action::Replace,
        Action::ReplaceDeleteFirst,
        Action::Delete,
        Action::Forget,
        Action::Release,
        Action::Rename,
    ];
    let number = |action| {
        let met = plan.resources.values().filter(|planned| planned.action == action).count();
        let leftovers = plan.resources.values().flat_map(|planned| &planned.leftovers);
        let deleted = leftovers.filter(|leftover| !leftover.retained && action == Action::Delete).count();
        met + deleted
    };
    actions.into_iter().map(|action| (action, number(action))).filter(|(_, number)| *number > 0).collect()
}

/// The last line: `Plan: 12 to create, 1 to replace; 4 drifted.`
pub fn summary(plan: &Plan) -> String {
    let mut parts: Vec<(&str, usize)> = vec![];
    for (action, number) in counted(plan) {
        match parts.last_mut() {
            Some((last, sum)) if *last == word(action) => *sum += number,
            _ => parts.push((word(action), number)),
        }
    }
    let drifted = match plan.drift.len() {
        0 => String::new(),
        number => format!("; {number} drifted"),
    };
    if parts.is_empty() && plan.is_empty() {
        return if drifted.is_empty() {
            "No changes. Your infrastructure matches the stack.".to_owned()
        } else {
            format!("No changes to make{drifted}.")
        };
    }
    if parts.is_empty() {
        // Steps of resources without an action: they update the state, or delete the leftovers of a replacement.
        return format!("Plan: {}{drifted}.", super::count(plan.steps.len(), "step"));
    }
    let parts: Vec<String> = parts.into_iter().map(|(word, number)| format!("{number} to {word}")).collect();
    format!("Plan: {}{drifted}.", parts.join(", "))
}

/// The whole plan.
pub fn plan(plan: &Plan, page: &PageFormat) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", heading(plan, page));
    if !plan.drift.is_empty() {
        out.push('\n');
        out.push_str(&drift(&plan.drift, page));
    }
    let changing = plan.resources.iter().filter(|(_, planned)| planned.action != Action::NoChange);
    for (address, planned) in changing {
        out.push('\n');
        resource(&mut out, plan, address, planned, page);
    }
    bookkeeping(&mut out, plan, page);
    outputs(&mut out, plan, page);
    if !plan.notices.is_empty() {
        let _ = writeln!(out, "\n{}", page.paint(Tone::Strong, "To know"));
        for notice in &plan.notices {
            out.push_str(&diagnostic::notice(notice, page));
        }
    }
    let _ = writeln!(out, "\n{}", page.paint(Tone::Strong, &page.wrap("", "  ", &summary(plan))));
    out
}

fn heading(plan: &Plan, page: &PageFormat) -> String {
    let mut text = format!("{} in account {}, {}", plan.facts.environment, plan.facts.account, plan.facts.region);
    for endpoint in plan.targets.values().filter_map(|target| target.endpoint.as_ref()).collect::<BTreeSet<_>>() {
        let _ = write!(text, ", at {endpoint}");
    }
    page.paint(Tone::Strong, &text)
}

/// The changes made outside Provisioner.
pub fn drift(drift: &[Drift], page: &PageFormat) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", page.paint(Tone::Strong, "Changed by somebody else since the last apply"));
    for drift in drift {
        let Drift { address, type_name, id, gone, changes } = drift;
        let what = if *gone { "gone" } else { "changed" };
        let tone = if *gone { Tone::Gone } else { Tone::Changed };
        let _ = writeln!(out, "  {} {address} ({type_name}, {id})", page.paint(tone, &format!("! {what}")));
        for change in changes {
            field(&mut out, change, Side::Drift, "      ", page);
        }
    }
    out
}

fn resource(out: &mut String, plan: &Plan, address: &str, planned: &ResourcePlan, page: &PageFormat) {
    let action = planned.action;
    let lead = page.paint(tone(action), &format!("{} {}", sign(action), word(action)));
    let id = planned.id.as_ref().map(|id| format!(", {id}")).unwrap_or_default();
    let name = page.paint(Tone::Strong, address);
    let _ = writeln!(out, "{lead} {name} ({}{id})", planned.type_name);
    if let Some(meaning) = meaning(action) {
        let _ = writeln!(out, "{}", page.wrap("    ", "    ", meaning));
    }
    if let Some(from) = &planned.renamed_from {
        let _ = writeln!(out, "{}", page.wrap("    ", "    ", &format!("was {from}")));
    }
    for reason in &planned.reasons {
        let _ = writeln!(out, "{}", page.wrap("    reason: ", "      ", reason));
    }
    for leftover in &planned.leftovers {
        let id = leftover.id.as_deref().unwrap_or("an object whose ID is not known");
        let (tone, lead) = if leftover.retained { (Tone::Quiet, "forget") } else { (Tone::Gone, "- delete") };
        let _ = writeln!(out, "    {} {id}", page.paint(tone, lead));
        let _ = writeln!(out, "{}", page.wrap("        reason: ", "          ", leftover.why.as_str()));
    }
    for step in plan.steps.iter().filter(|step| step.address == address) {
        if let StepAction::DisableDeletionProtection { fields, .. } = &step.action {
            let text = format!("deletion protection is disabled first: {} = false", fields.join(", "));
            let _ = writeln!(out, "{}", page.paint(Tone::Warning, &page.wrap("    ! ", "      ", &text)));
        }
    }
    let loses = matches!(action, Action::Replace | Action::ReplaceDeleteFirst | Action::Delete);
    if planned.protected && loses {
        let text = format!("protected: deleting it needs --allow-delete {address}");
        let _ = writeln!(out, "{}", page.paint(Tone::Warning, &page.wrap("    ! ", "      ", &text)));
    }
    let side = match action {
        Action::Create => Side::New,
        _ => Side::Change,
    };
    let shown = planned.changes.iter().filter_map(|change| match side {
        Side::New => news(change),
        _ => Some(Cow::Borrowed(change)),
    });
    let shown: Vec<Cow<'_, FieldChange>> = shown.collect();
    // The fields of a new object are aligned in columns.
    let pad = match side {
        Side::New => shown.iter().map(|change| columns(&change.field)).max().unwrap_or(0).min(30),
        _ => 0,
    };
    for change in &shown {
        let change_side = if pad > 0 { Side::Padded(pad) } else { side };
        field(out, change, change_side, "    ", page);
    }
}

/// The part of a new object's field that is shown: no empty list, no default of the cloud, and none of the tags that
/// every object of ours has.
fn news(change: &FieldChange) -> Option<Cow<'_, FieldChange>> {
    let ours = |key: &String| key.starts_with("provisioner:");
    let told = match &change.after {
        Value::Object(tags) if change.field == "tags" && tags.keys().any(ours) => {
            let tags = tags.iter().filter(|(key, _)| !ours(key)).map(|(key, value)| (key.clone(), value.clone()));
            Cow::Owned(FieldChange { after: tags.collect(), ..change.clone() })
        }
        _ => Cow::Borrowed(change),
    };
    let empty = match &told.after {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    (!empty && !change.cloud_default).then_some(told)
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    New,
    Padded(usize),
    Change,
    Drift,
}

fn field(out: &mut String, change: &FieldChange, side: Side, indent: &str, page: &PageFormat) {
    let marks = marks(change, side);
    let marks =
        if marks.is_empty() { String::new() } else { page.paint(Tone::Warning, &format!("  [{}]", marks.join("; "))) };
    let known = known_after(change);
    let (label, new) = match side {
        Side::New => (format!("{indent}{}: ", change.field), true),
        Side::Padded(pad) => {
            let fill = " ".repeat(pad.saturating_sub(columns(&change.field)));
            (format!("{indent}{}: {fill}", change.field), true)
        }
        Side::Change | Side::Drift => (format!("{indent}{} {}: ", page.paint(Tone::Changed, "~"), change.field), false),
    };
    let inner = format!("{indent}    ");
    if new {
        if change.document {
            let _ = writeln!(out, "{}{marks}{known}", label.trim_end());
            block(out, value::cut(page, value::document(&change.after)), &inner);
            return;
        }
        let text = value::line(&change.after, &change.waits_for);
        if fits(&label, &text, page) || !is_tree(&change.after) {
            let _ = writeln!(out, "{label}{text}{known}{marks}");
        } else {
            let _ = writeln!(out, "{}{marks}{known}", label.trim_end());
            block(out, value::cut(page, value::lines(&change.after, &change.waits_for)), &inner);
        }
        return;
    }
    if change.document {
        let _ = writeln!(out, "{}{marks}{known}", label.trim_end());
        block(out, value::diff(page, &value::document(&change.before), &value::document(&change.after)), &inner);
        return;
    }
    let (before, after) =
        (value::line(&change.before, &BTreeSet::new()), value::line(&change.after, &change.waits_for));
    let both = format!("{before} -> {after}");
    if fits(&label, &both, page) {
        let _ = writeln!(out, "{label}{both}{known}{marks}");
    } else if is_tree(&change.before) || is_tree(&change.after) {
        let _ = writeln!(out, "{}{marks}{known}", label.trim_end());
        let tree = |value: &Value, waits_for| if value.is_null() { vec![] } else { value::lines(value, waits_for) };
        block(
            out,
            value::diff(page, &tree(&change.before, &BTreeSet::new()), &tree(&change.after, &change.waits_for)),
            &inner,
        );
    } else {
        let _ = writeln!(out, "{}{marks}{known}", label.trim_end());
        let _ = writeln!(out, "{inner}{}", page.paint(Tone::Gone, &format!("- {before}")));
        let _ = writeln!(out, "{inner}{}", page.paint(Tone::New, &format!("+ {after}")));
    }
}

fn marks(change: &FieldChange, side: Side) -> Vec<&'static str> {
    let mut marks = vec![];
    if change.replaces {
        marks.push("forces replacement");
    }
    if change.drifted && side != Side::Drift {
        marks.push("somebody else changed it");
    }
    marks
}

fn known_after(change: &FieldChange) -> &'static str {
    if change.waits_for.is_empty() { "" } else { "  (known after apply)" }
}

fn is_tree(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(map) => !map.contains_key("$secret") && Expr::from_map(map).is_none(),
        _ => false,
    }
}

fn fits(label: &str, text: &str, page: &PageFormat) -> bool {
    columns(label) + columns(text) <= page.width
}

fn block(out: &mut String, lines: Vec<String>, indent: &str) {
    for line in lines {
        let _ = writeln!(out, "{indent}{line}");
    }
}

/// The steps of resources to which nothing else happens.
fn bookkeeping(out: &mut String, plan: &Plan, page: &PageFormat) {
    let still = |address: &str| plan.resources.get(address).is_none_or(|planned| planned.action == Action::NoChange);
    for step in plan.steps.iter().filter(|step| still(&step.address)) {
        let (lead, tail) = match &step.action {
            StepAction::Record { .. } => (page.paint(Tone::Quiet, "  record"), "(only the state changes)".to_owned()),
            action => (format!("  {}", action.verb()), format!("({})", step.type_name)),
        };
        let _ = writeln!(out, "\n{lead} {} {tail}", page.paint(Tone::Strong, &step.address));
    }
}

fn outputs(out: &mut String, plan: &Plan, page: &PageFormat) {
    if plan.outputs.is_empty() || plan.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", page.paint(Tone::Strong, "Outputs after the apply"));
    for (name, output) in &plan.outputs {
        let text = match output.as_str() {
            Some(text) if text.starts_with('<') && text.ends_with('>') => format!("{text}  (known after apply)"),
            _ => value::line(output, &BTreeSet::new()),
        };
        let _ = writeln!(out, "  {name}: {text}");
    }
}

/// The plan as data: the format of `--json`, which `docs/plan-json.md` describes.
pub fn json(plan: &Plan) -> Value {
    let summary: serde_json::Map<String, Value> = {
        let mut sums = serde_json::Map::new();
        for name in ["create", "adopt", "update", "replace", "delete", "forget", "release", "rename"] {
            let number: usize = counted(plan).iter().filter(|(action, _)| word(*action) == name).map(|(_, n)| n).sum();
            sums.insert(name.to_owned(), number.into());
        }
        sums.insert("drifted".to_owned(), plan.drift.len().into());
        sums
    };
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            serde_json::json!({
                "address": step.address,
                "type": step.type_name,
                "provider": step.provider,
                "action": step.action.name(),
                "after": step.after,
            })
        })
        .collect();
    serde_json::json!({
        "format": JSON_FORMAT,
        "environment": plan.facts.environment,
        "account": plan.facts.account,
        "region": plan.facts.region,
        "targets": plan.targets,
        "lineage": plan.lineage,
        "serial": plan.serial,
        "empty": plan.is_empty(),
        "summary": summary,
        "resources": plan.resources,
        "steps": steps,
        "drift": plan.drift,
        "outputs": plan.outputs,
        "notices": plan.notices,
    })
}

/// The version of the format of `--json`.
pub const JSON_FORMAT: u32 = 3;
