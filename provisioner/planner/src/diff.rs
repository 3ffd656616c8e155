//! The three-way diff of one object, field by field.
//!
//! Declared ≠ recorded is our change; recorded ≠ observed is drift. What is done follows from declared ≠ observed.

use std::collections::BTreeSet;

use provisioner_model::{
    compare::{Compare, drops_entry, drops_stated, own_entries},
    erased::{ObservedState, ResourceType},
    expr::resolve,
    ownership,
    plan::FieldChange,
    resource::{Change, FieldSchema, Tags},
    state::Object,
};
use serde_json::{Map, Value};

/// Inputs resolved as far as they are known.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// With `<ADDRESS.PATH>` for what is not known.
    pub inputs: Value,
    /// `true` if these are the inputs in a stopped environment.
    pub stopped: bool,
    /// By field: the outputs that it waits for.
    pub waits: std::collections::BTreeMap<String, BTreeSet<String>>,
}

impl Resolved {
    /// The inputs of a write, which are all known.
    pub fn known(inputs: Value) -> Self {
        Self { inputs, stopped: false, waits: std::collections::BTreeMap::new() }
    }

    /// The inputs with every output filled in that is known.
    pub fn of(inputs: &Value, output: &dyn Fn(&str, &str) -> Option<Value>) -> Self {
        let (mut out, mut waits) = (Map::new(), std::collections::BTreeMap::new());
        for (field, value) in inputs.as_object().into_iter().flatten() {
            let mut unknown = vec![];
            out.insert(field.clone(), resolve(value, output, &mut unknown));
            if !unknown.is_empty() {
                waits.insert(field.clone(), unknown.into_iter().collect());
            }
        }
        Self { inputs: Value::Object(out), stopped: false, waits }
    }
}

/// The difference in a field and the change that it requires.
#[derive(Clone, Debug)]
pub struct FieldDiff {
    /// The change as the plan shows it.
    pub change: FieldChange,
    /// The required change: in place, by replacement, or none.
    pub kind: Change,
}

fn value<'a>(inputs: &'a Value, field: &FieldSchema) -> Option<&'a Value> {
    inputs.get(field.name).filter(|value| !value.is_null())
}

/// States the cloud's defaults for inputs that the program leaves out, so that they are managed: a change outside
/// Provisioner is seen, and an input that the program no longer states returns to its default.
pub fn fill_cloud_defaults(resource_type: &dyn ResourceType, inputs: &mut Value) {
    let Some(inputs) = inputs.as_object_mut() else { return };
    for field in resource_type.info().fields {
        let default = field.cloud_default.and_then(|json| serde_json::from_str::<Value>(json).ok());
        let unstated = inputs.get(field.name).is_none_or(Value::is_null);
        if let Some(default) = default.filter(|default| unstated && !default.is_null()) {
            inputs.insert(field.name.to_owned(), default);
        }
    }
}

/// Gives the inputs the values that they have while the environment is stopped. A count that others change afterwards is
/// only stopped if the program states it: otherwise nothing would say what it starts with.
pub fn fill_stopped(resource_type: &dyn ResourceType, inputs: &mut Value) {
    let Some(inputs) = inputs.as_object_mut() else { return };
    for field in resource_type.info().fields {
        let is_stated = inputs.get(field.name).is_some_and(|value| !value.is_null());
        if let Some(stopped) = field.stopped_value().filter(|_| is_stated || !field.initial) {
            inputs.insert(field.name.to_owned(), stopped);
        }
    }
}

/// Returns whether these inputs stop an object that the cloud then refuses to change, such as a database.
pub fn stops(resource_type: &dyn ResourceType, inputs: &Value) -> bool {
    let mut fields = resource_type.info().fields.iter().filter(|field| !field.initial);
    fields.any(|field| field.stopped_value().is_some_and(|stopped| value(inputs, field) == Some(&stopped)))
}

/// Returns whether the recorded value of an input that is otherwise others' is that of the other kind of environment:
/// running, or stopped.
fn stops_or_starts(field: &FieldSchema, desired: &Value, recorded: Option<&Value>) -> bool {
    field.stopped_value().is_some_and(|stopped| (*desired == stopped) != (recorded == Some(&stopped)))
}

/// Returns whether an input that is otherwise others' has to be written: it stops what runs, or starts what is stopped.
/// Without a stop or a start, that is so only in a stopped environment: there, others have started it.
fn is_to_shift(field: &FieldSchema, desired: &Resolved, recorded: Option<&Value>, observed: Option<&Value>) -> bool {
    let (Some(stopped), Some(target)) = (field.stopped_value(), value(&desired.inputs, field)) else { return false };
    let differs = (*target == stopped) != (observed == Some(&stopped));
    differs && (desired.stopped || stops_or_starts(field, target, recorded))
}

/// Returns the fields whose desired and observed values differ.
pub fn differences(
    resource_type: &dyn ResourceType,
    desired: &Resolved,
    object: &Object,
    observed: &ObservedState,
    ignore: &[String],
) -> Vec<FieldDiff> {
    let none = BTreeSet::new();
    let mut field_diffs = vec![];
    let has_other_users = has_other_users(object, observed);
    for field in resource_type.info().fields {
        let recorded = value(&object.inputs, field);
        let is_ignored = ignore.iter().any(|name| name == field.name);
        let is_others = || !is_to_shift(field, desired, recorded, value(&observed.inputs, field));
        if is_ignored || (field.initial && is_others()) {
            continue;
        }
        let Some(target) = value(&desired.inputs, field) else {
            // An option that only the state has, such as the name of a final snapshot, ends when the program drops it; so does
            // a setting without a default.
            let current = if field.write_only { recorded } else { value(&observed.inputs, field) };
            if let (Some(_), Some(current), true) = (recorded, current, field.ends_when_dropped()) {
                field_diffs.push(dropped_input(field, current));
            }
            continue;
        };
        let there = if field.write_only { recorded } else { value(&observed.inputs, field) };
        let waits = desired.waits.get(field.name).unwrap_or(&none);
        let unknown = !waits.is_empty();
        // Others may need the entries that this environment no longer declares.
        let removable = recorded.filter(|_| !(has_other_users && field.compare == Compare::Items));
        if !unknown && !field_differs(resource_type, field, target, removable, there) {
            continue;
        }
        let before = there.cloned().unwrap_or(Value::Null);
        let change = resource_type.change(field, &before, target);
        let ours = unknown
            || recorded
                .is_none_or(|recorded| field_differs(resource_type, field, target, Some(recorded), Some(recorded)));
        field_diffs.push(FieldDiff {
            change: FieldChange {
                field: field.name.to_owned(),
                before: shown_before(field, before, target, recorded),
                after: target.clone(),
                replaces: change == Change::Replace,
                waits_for: waits.clone(),
                drifted: !ours,
                cloud_default: false,
                document: field.compare == Compare::Document,
            },
            kind: change,
        });
    }
    field_diffs
}

fn dropped_input(field: &FieldSchema, current: &Value) -> FieldDiff {
    let change = FieldChange {
        field: field.name.to_owned(),
        before: current.clone(),
        after: Value::Null,
        replaces: false,
        waits_for: BTreeSet::new(),
        drifted: false,
        cloud_default: false,
        document: field.compare == Compare::Document,
    };
    FieldDiff { change, kind: Change::Update }
}

fn field_differs(
    resource_type: &dyn ResourceType,
    field: &FieldSchema,
    desired: &Value,
    recorded: Option<&Value>,
    there: Option<&Value>,
) -> bool {
    let Some(there) = there else { return !is_empty(desired) };
    !resource_type.is_equivalent(field, desired, there)
        || (field.compare.keeps_foreign() && recorded.is_some_and(|recorded| drops_entry(desired, recorded, there)))
        || (field.compare.is_partial() && recorded.is_some_and(|recorded| drops_stated(desired, recorded, there)))
}

/// Returns whether a list or map is empty, which equals a value that the cloud omits.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Removes foreign entries of a map or list, which a plan does not show.
fn shown_before(field: &FieldSchema, before: Value, desired: &Value, recorded: Option<&Value>) -> Value {
    if field.compare.keeps_foreign() { own_entries(desired, recorded, before) } else { before }
}

/// Returns whether others may use an object that is shared.
fn has_other_users(object: &Object, observed: &ObservedState) -> bool {
    let [recorded, observed] = [&object.inputs, &observed.inputs].map(|inputs| {
        let tags = inputs.get("tags").cloned().map(serde_json::from_value::<Tags>);
        tags.and_then(Result::ok).unwrap_or_default()
    });
    ownership::may_have_other_users(&recorded, &observed)
}

/// Returns the known values of inputs that the API never returns: the record of an object that this program did not
/// create starts with them, so that they stay as they are until the program states another value or version.
pub fn unreadable(resource_type: &dyn ResourceType, desired: &Resolved) -> Map<String, Value> {
    let known = |field: &&FieldSchema| field.write_only && !desired.waits.contains_key(field.name);
    let fields = resource_type.info().fields.iter().filter(known);
    fields.filter_map(|field| Some((field.name.to_owned(), value(&desired.inputs, field)?.clone()))).collect()
}

/// Returns the drift of an object: recorded against observed values, for the managed fields.
pub fn drift(
    resource_type: &dyn ResourceType,
    object: &Object,
    observed: &ObservedState,
    ignore: &[String],
) -> Vec<FieldChange> {
    let managed =
        |field: &&FieldSchema| !field.initial && !field.write_only && !ignore.iter().any(|name| name == field.name);
    resource_type
        .info()
        .fields
        .iter()
        .filter(managed)
        .filter_map(|field| {
            let recorded = value(&object.inputs, field)?;
            let there = value(&observed.inputs, field);
            field_differs(resource_type, field, recorded, Some(recorded), there).then(|| FieldChange {
                field: field.name.to_owned(),
                before: recorded.clone(),
                after: shown_before(field, there.cloned().unwrap_or(Value::Null), recorded, None),
                replaces: false,
                waits_for: BTreeSet::new(),
                drifted: true,
                cloud_default: false,
                document: field.compare == Compare::Document,
            })
        })
        .collect()
}

/// Returns whether the recorded inputs equal the declared ones, so that nothing needs to be recorded.
pub fn recorded_as(resource_type: &dyn ResourceType, desired: &Resolved, object: &Object, ignore: &[String]) -> bool {
    resource_type.info().fields.iter().filter(|field| !ignore.iter().any(|name| name == field.name)).all(|field| {
        let (desired, recorded) = (value(&desired.inputs, field), value(&object.inputs, field));
        if field.initial && !field.create_only {
            return !desired.is_some_and(|desired| stops_or_starts(field, desired, recorded));
        }
        desired == recorded
    })
}

/// Returns the inputs that count only for a create, and that the program states otherwise than when it created the object.
pub fn without_effect(resource_type: &dyn ResourceType, desired: &Resolved, object: &Object) -> Vec<&'static str> {
    let fields = resource_type.info().fields.iter().filter(|field| field.create_only);
    let changed = fields.filter(|field| value(&desired.inputs, field) != value(&object.inputs, field));
    changed.map(|field| field.name).collect()
}

/// Returns the inputs that the program stated before and no longer states, and that keep their values: no default is
/// known that they could return to.
pub fn released(resource_type: &dyn ResourceType, desired: &Resolved, object: &Object) -> Vec<&'static str> {
    let fields = resource_type.info().fields.iter().filter(|field| !field.initial && !field.ends_when_dropped());
    let released = fields.filter(|field| {
        value(&desired.inputs, field).is_none()
            && value(&object.inputs, field).is_some_and(|recorded| !is_empty(recorded))
    });
    released.map(|field| field.name).collect()
}
