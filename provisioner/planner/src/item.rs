//! A resource as it is found: what is declared, recorded and there, side by side, and what others changed. What happens
//! to it is decided in `decide`.

use std::collections::BTreeMap;

use provisioner_model::{
    erased::Erased,
    expr::resolve,
    plan::{self, Drift, FieldChange, Planned, Verdict, Write},
    resource::Phase,
    stack::Declared,
    state::{Object, ObjectRole, Origin, Row},
};
use serde_json::Value;

use crate::{Input, Problem, Sight, diff, diff::Resolved, rename::Renamed};

/// One resource, and what was decided.
pub(crate) struct Item<'a> {
    pub(crate) address: String,
    pub(crate) kind: &'a dyn Erased,
    pub(crate) type_name: String,
    pub(crate) provider: String,
    pub(crate) declared: Option<&'a Declared>,
    pub(crate) row: Option<&'a Row>,
    /// The object that stands for it, if it is there.
    pub(crate) object: Option<&'a Object>,
    pub(crate) sight: Option<Sight>,
    pub(crate) verdict: Verdict,
    /// What is written, if anything.
    pub(crate) write: Option<Write>,
    /// What is written is the state alone.
    pub(crate) record_only: bool,
    /// An object that is there already and is taken over.
    pub(crate) existing: Option<String>,
    pub(crate) changes: Vec<FieldChange>,
    pub(crate) reasons: Vec<String>,
    pub(crate) notices: Vec<String>,
    pub(crate) renamed_from: Option<String>,
    /// Objects that are gone: they only leave the state.
    pub(crate) gone: Vec<&'a Object>,
    /// A successor whose create has not ended, beside the object that it is to replace.
    pub(crate) successor: Option<(&'a Object, Sight)>,
    /// Its other objects, which await deletion.
    pub(crate) leftovers: Vec<Leftover<'a>>,
    pub(crate) drift: Option<Drift>,
}

/// An object beside the one that stands for the resource.
pub(crate) struct Leftover<'a> {
    pub(crate) object: &'a Object,
    pub(crate) sight: Sight,
    pub(crate) why: &'static str,
}

impl Leftover<'_> {
    /// Returns whether the object only leaves the state: others made it, or its type retains what has been replaced.
    pub(crate) fn is_retained(&self, kind: &dyn Erased) -> bool {
        let given_up = self.object.role == ObjectRole::Successor;
        self.object.origin == Origin::Adopted || (kind.replaced_stays() && !given_up)
    }
}

impl Item<'_> {
    pub(crate) fn planned(&self) -> Planned {
        Planned {
            type_name: self.type_name.clone(),
            verdict: self.verdict,
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
        let shown = self.leftovers.iter().filter(|_| self.verdict != Verdict::NoChange);
        shown
            .map(|leftover| plan::Leftover {
                id: leftover.object.id.clone(),
                retained: leftover.is_retained(self.kind),
                why: leftover.why.to_owned(),
            })
            .collect()
    }

    /// What the state says counts until an apply has changed it.
    pub(crate) fn protected(&self) -> bool {
        let declared = self.declared.is_some_and(|declared| declared.options.protect);
        self.row.map_or(declared, |row| row.options.protect || declared)
    }

    pub(crate) fn is_replaced(&self) -> bool {
        matches!(self.verdict, Verdict::Replace | Verdict::ReplaceDeleteFirst)
    }

    /// An output, if it will still be true when what needs it is carried out.
    fn output(&self, path: &str) -> Option<Value> {
        let first = path.split('.').next().unwrap_or(path);
        let known = match self.verdict {
            Verdict::Update | Verdict::Adopt => self.record_only || !self.kind.changes_on_update().contains(&first),
            Verdict::NoChange | Verdict::Rename => true,
            _ => false,
        };
        let outputs = &self.sight.as_ref().filter(|_| known)?.seen.outputs;
        path.split('.').try_fold(outputs, |value, part| value.get(part)).filter(|value| !value.is_null()).cloned()
    }
}

/// All of them.
pub(crate) struct Decided<'a> {
    pub(crate) items: BTreeMap<String, Item<'a>>,
    pub(crate) order: Vec<String>,
    pub(crate) lineage: &'a str,
}

impl Decided<'_> {
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

/// Who has a type, by the parts of its name: see `Resource::TYPE`.
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
) -> Result<Item<'a>, Problem> {
    let kind = input.registry.get(type_name).ok_or_else(|| {
        Problem::new(address, format!("this program does not know the type `{type_name}`")).hint(where_built(type_name))
    })?;
    if let Some(row) = row {
        if row.version > kind.version() {
            let what = format!("the state has version {} of `{type_name}`, newer than this program's", row.version);
            return Err(Problem::new(address, what).hint("use the version of the program that wrote the state"));
        }
        if row.type_name != type_name {
            return Err(Problem::new(
                address,
                format!("is a `{}` in the state and a `{type_name}` now", row.type_name),
            ));
        }
    }
    let sight_of = |object: &Object| match input.observed.objects.get(&object.token) {
        Some(sight) => sight.clone().filter(|sight| sight.phase != Phase::Gone),
        None => recorded_sight(object),
    };
    let (mut gone, mut leftovers, mut current, mut successor) = (vec![], vec![], None, None);
    for each in row.into_iter().flat_map(|row| &row.objects) {
        match (sight_of(each), each.role) {
            (None, _) => gone.push(each),
            (Some(sight), ObjectRole::Replaced) => {
                leftovers.push(Leftover { object: each, sight, why: "it has been replaced" });
            }
            (Some(sight), ObjectRole::Successor) => successor = Some((each, sight)),
            (Some(sight), ObjectRole::Current) => current = Some((each, sight)),
        }
    }
    // Where the object that was to be replaced is gone, its successor stands for the resource.
    let (object, sight) = current.or_else(|| successor.take()).unzip();
    let drift = row.and_then(Row::current).and_then(|was| drift(kind, address, was, sight.as_ref(), row));
    Ok(Item {
        address: address.to_owned(),
        kind,
        type_name: type_name.to_owned(),
        provider: declared
            .map_or_else(|| row.map(|row| row.provider.clone()).unwrap_or_default(), |d| d.provider.clone()),
        declared,
        row,
        object,
        sight,
        verdict: Verdict::NoChange,
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

/// Without a refresh, the record stands for what is there.
fn recorded_sight(object: &Object) -> Option<Sight> {
    let seen = provisioner_model::erased::Seen {
        inputs: object.inputs.clone(),
        outputs: object.outputs.clone().unwrap_or_else(|| serde_json::json!({})),
    };
    Some(Sight { id: object.id.clone()?, seen, phase: Phase::Ready })
}

fn drift(kind: &dyn Erased, address: &str, was: &Object, sight: Option<&Sight>, row: Option<&Row>) -> Option<Drift> {
    // What was cut off is no drift: nobody else did it.
    if was.pending.is_some() {
        return None;
    }
    let ignore = row.map_or(&[][..], |row| &row.options.ignore);
    let changes = sight.map(|sight| diff::drift(kind, was, &sight.seen, ignore)).unwrap_or_default();
    let gone = sight.is_none();
    (gone || !changes.is_empty()).then(|| Drift {
        address: address.to_owned(),
        type_name: kind.type_name().to_owned(),
        id: was.id.clone().unwrap_or_default(),
        gone,
        changes,
    })
}

/// What others changed, whatever is declared.
pub(crate) fn drifted(input: &Input<'_>, renamed: &Renamed) -> Result<Vec<Drift>, Vec<Problem>> {
    let (mut all, mut problems) = (vec![], vec![]);
    for (address, row) in &renamed.state.rows {
        match item(input, address, &row.type_name, None, Some(row)) {
            Ok(item) => all.extend(item.drift),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}
