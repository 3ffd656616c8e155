//! The rules of the cloud's writes: `super` lists them.

use std::collections::BTreeSet;

use provisioner_model::{
    Error, ErrorKind, Id, Resource, Result, Schema,
    compare::Compare,
    ownership::{USED_BY, used_by},
    resource::{Created, Owner, Tags},
    schema::FieldSchema,
};
use serde_json::{Map, Value};

use super::{CloudState, OnFake, Thing, types};

impl CloudState {
    pub(super) fn fresh<R: Resource>(&mut self) -> String {
        self.made += 1;
        format!("{}#{}", R::TYPE.rsplit(':').next().unwrap_or_default(), self.made)
    }

    fn broken<T>(&mut self, kind: ErrorKind, why: String) -> Result<T> {
        self.violations.push(why.clone());
        Err(Error::because(kind, "test:Write", why))
    }

    pub(super) fn create<R: OnFake>(&mut self, mut inputs: Map<String, Value>, owner: &Owner) -> Result<Created<R>> {
        let at = &owner.address;
        if let Some(other) = self
            .objects
            .values()
            .find(|thing| thing.kind == R::TYPE && thing.owner.as_ref().is_some_and(|other| other.token == owner.token))
        {
            let why = format!("{at} is created again with the token of {}", other.id);
            if R::IDEMPOTENT_CREATE {
                return Err(Error::because(ErrorKind::Exists, "test:Write", why));
            }
            return self.broken(ErrorKind::Exists, why);
        }
        for field in R::LATER {
            inputs.remove(*field);
        }
        inputs.retain(|_, value| !value.is_null());
        self.check_references(at, R::TYPE, R::FIELDS, &inputs, None)?;
        let lineage = Some(owner.lineage.as_str());
        if R::UPSERT
            && let Some(holder) = self.holder(R::TYPE, R::UNIQUE, &inputs, None)
        {
            if holder.owner.as_ref().is_none_or(|other| other.address != *at) {
                self.violations.push(format!("{at} overwrites {}", holder.id));
            }
            self.objects.insert(holder.id.clone(), Thing { inputs, owner: Some(owner.clone()), ..holder.clone() });
            return Ok((Id::new(holder.id), None));
        }
        self.check_unique(at, lineage, R::TYPE, R::UNIQUE, &inputs, None)?;
        let id = self.fresh::<R>();
        let thing = Thing {
            kind: R::TYPE,
            id: id.clone(),
            inputs,
            owner: Some(owner.clone()),
            revision: 1,
            deleting: false,
            fields: R::FIELDS,
            unique: R::UNIQUE,
            polls: R::SLOW,
            lag: self.lag,
        };
        self.objects.insert(id.clone(), thing);
        Ok((Id::new(id), None))
    }

    pub(super) fn update(
        &mut self,
        id: &str,
        desired: Map<String, Value>,
        recorded: &Map<String, Value>,
        read: &str,
    ) -> Result<Option<Value>> {
        self.check_visible(id)?;
        let Some(thing) = self.objects.get(id).filter(|thing| !thing.deleting).cloned() else {
            let why = format!("{id} is updated, and is not there");
            return self.broken(ErrorKind::Gone, why);
        };
        if thing.polls > 0 {
            return Err(Error::because(ErrorKind::Busy, "test:Write", format!("{id} is not ready yet")));
        }
        if !read.is_empty() && read != revision(&thing) {
            return Err(Error::because(ErrorKind::Busy, "test:Write", format!("{id} changed since it was read")));
        }
        let mut inputs = thing.inputs.clone();
        for field in thing.fields {
            let Some(value) = desired.get(field.name).filter(|value| !value.is_null()) else {
                if field.ends_when_dropped() && !field.write_only && recorded.contains_key(field.name) {
                    inputs.remove(field.name);
                }
                continue;
            };
            let there = inputs.get(field.name).unwrap_or(&Value::Null);
            // As with AWS: what is to have none is stopped, what has none is started.
            let switched = (*value == 0) != (*there == 0);
            // What is never told is written when the program states another value than it wrote last.
            let is_written = !field.write_only || recorded.get(field.name) != Some(value);
            if value == there || (field.initial && !switched) || !is_written {
                continue;
            }
            if field.replaces {
                let why = format!("{id} is updated in `{}`, which only a replacement can change", field.name);
                return self.broken(ErrorKind::Refused, why);
            }
            let value = match field.compare {
                Compare::Map => tags(value, there, recorded.get(field.name)),
                Compare::Items => items(value, there, recorded.get(field.name)),
                _ => value.clone(),
            };
            inputs.insert(field.name.to_owned(), value);
        }
        self.check_references(id, thing.kind, thing.fields, &inputs, Some(&thing.inputs))?;
        let lineage = thing.owner.as_ref().map(|owner| owner.lineage.as_str());
        self.check_unique(id, lineage, thing.kind, thing.unique, &inputs, Some(id))?;
        let Some(thing) = self.objects.get_mut(id) else { return Ok(None) };
        thing.revision += 1;
        thing.inputs = inputs;
        Ok(Some(Value::from(thing.revision)))
    }

    pub(super) fn delete<R: OnFake>(&mut self, id: &str, owner: &Owner) -> Result<()> {
        let Some(thing) = self.objects.get(id).filter(|thing| !thing.deleting).cloned() else { return Ok(()) };
        if thing.owner.is_none() {
            self.violations.push(format!("{id} is deleted, and others made it"));
        }
        let ours = used_by(&owner.lineage);
        let mut tags = thing.inputs.get("tags").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        if let Some(user) = tags.find(|key| key.starts_with(USED_BY) && **key != ours) {
            self.violations.push(format!("{id} is deleted, and {user}"));
        }
        if let Some(deletion_protection) = thing
            .fields
            .iter()
            .find(|field| field.deletion_protection && thing.inputs.get(field.name) == Some(&Value::Bool(true)))
        {
            let why = format!("{id} is deleted while `{}` guards it", deletion_protection.name);
            return self.broken(ErrorKind::Refused, why);
        }
        let holds = |other: &&Thing| {
            let firmly = |field: &&FieldSchema| !field.may_dangle;
            other.id != id
                && other
                    .fields
                    .iter()
                    .filter(firmly)
                    .any(|field| other.inputs.get(field.name).is_some_and(|value| references(value).contains(id)))
        };
        let foreign = self.objects.values().find(|other| other.owner.is_none() && holds(other));
        if let Some(other) = foreign {
            let why = format!("{id} is in use by {}, which others made", other.id);
            return Err(Error::because(ErrorKind::InUse, "test:Write", why));
        }
        if let Some(other) = self.objects.values().find(holds) {
            let why = format!("{} ({id}) is deleted while {} ({}) refers to it", at(&thing), at(other), other.id);
            return self.broken(ErrorKind::InUse, why);
        }
        if thing.kind == types::RolePolicy::TYPE {
            let role = thing.inputs.get("role").and_then(Value::as_str).unwrap_or_default();
            let uses = |other: &&Thing| {
                other.kind == types::Service::TYPE && other.inputs.get("role").is_some_and(|used| used == role)
            };
            if let Some(user) = self.objects.values().find(uses) {
                let why = format!("{id}, the policy of {role}, is deleted while {} uses the role", user.id);
                return self.broken(ErrorKind::InUse, why);
            }
        }
        let name = thing.inputs.get("name").and_then(Value::as_str);
        if let Some(name) = name.filter(|name| self.reserves.is_some_and(|reserves| reserves(name))) {
            self.reserved.insert((thing.kind, name.to_owned()));
        }
        if R::SLOW == 0 {
            self.objects.remove(id);
        } else if let Some(thing) = self.objects.get_mut(id) {
            (thing.deleting, thing.polls) = (true, R::SLOW);
        }
        Ok(())
    }

    fn check_references(
        &mut self,
        who: &str,
        kind: &str,
        fields: &[FieldSchema],
        inputs: &Map<String, Value>,
        before: Option<&Map<String, Value>>,
    ) -> Result<()> {
        for field in fields.iter().filter(|field| field.name != "tags") {
            let (value, before) = (inputs.get(field.name), before.and_then(|before| before.get(field.name)));
            let Some(value) = value.filter(|value| Some(*value) != before) else { continue };
            let text = value.to_string();
            if text.contains("$ref") || text.contains('<') {
                return self
                    .broken(ErrorKind::Refused, format!("{who} is written with `{}` unresolved: {text}", field.name));
            }
            // What dangles already may stay as it is.
            let known = before.filter(|_| field.may_dangle).map(references).unwrap_or_default();
            for id in references(value).difference(&known) {
                let problem = match self.objects.get(id) {
                    None => "is not there",
                    Some(thing) if thing.deleting => "is being deleted",
                    Some(thing) if thing.polls > 0 => "is not ready yet",
                    Some(_) => {
                        self.check_visible(id)?;
                        continue;
                    }
                };
                let why = format!("{who} is written with `{}` = {id}, which {problem}", field.name);
                return self.broken(ErrorKind::Refused, why);
            }
            if field.name == "role" && kind == types::Service::TYPE {
                let covers = |thing: &Thing| {
                    thing.kind == types::RolePolicy::TYPE && !thing.deleting && thing.inputs.get("role") == Some(value)
                };
                if !self.objects.values().any(covers) {
                    return self.broken(ErrorKind::Refused, format!("{who} uses {value} before its policy is there"));
                }
            }
        }
        Ok(())
    }

    /// Refuses to use an object that is still too fresh.
    fn check_visible(&mut self, id: &str) -> Result<()> {
        match self.objects.get_mut(id) {
            Some(thing) if thing.lag.uses > 0 => {
                thing.lag.uses -= 1;
                Err(invisible(thing.lag.kind.unwrap_or(ErrorKind::Gone), id))
            }
            _ => Ok(()),
        }
    }

    fn check_unique(
        &mut self,
        who: &str,
        lineage: Option<&str>,
        kind: &str,
        groups: &[&[&str]],
        inputs: &Map<String, Value>,
        own: Option<&str>,
    ) -> Result<()> {
        let name = inputs.get("name").and_then(Value::as_str).unwrap_or_default();
        if self.reserved.iter().any(|reserved| *reserved == (kind, name.to_owned())) {
            return self.broken(ErrorKind::Exists, format!("{who} takes the name {name}, which is reserved"));
        }
        let Some(other) = self.holder(kind, groups, inputs, own) else { return Ok(()) };
        let why = format!("{who} takes a unique key from {} ({})", at(&other), other.id);
        if other.owner.as_ref().is_some_and(|owner| Some(owner.lineage.as_str()) == lineage) {
            return self.broken(ErrorKind::Exists, why);
        }
        Err(Error::because(ErrorKind::Exists, "test:Write", why))
    }

    /// The object that holds a unique key of these inputs.
    fn holder(&self, kind: &str, groups: &[&[&str]], inputs: &Map<String, Value>, own: Option<&str>) -> Option<Thing> {
        let holds = |thing: &&Thing| {
            let same = |group: &&[&str]| {
                group.iter().all(|field| inputs.get(*field).is_some_and(|own| thing.inputs.get(*field) == Some(own)))
            };
            thing.kind == kind && own != Some(&thing.id) && groups.iter().any(same)
        };
        self.objects.values().find(holds).cloned()
    }
}

pub(super) fn invisible(kind: ErrorKind, id: &str) -> Error {
    Error::because(kind, "test:Use", format!("{id} is not usable yet"))
}

pub(super) fn revision(thing: &Thing) -> String {
    format!("{}@{}", thing.id, thing.revision)
}

fn at(thing: &Thing) -> &str {
    thing.owner.as_ref().map_or("a foreign object", |owner| &owner.address)
}

/// The ids in a value, also inside longer strings: `net#17`, `doc#3@2`.
pub(super) fn references(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '#')) {
                    if word.split_once('#').is_some_and(|(kind, n)| !kind.is_empty() && n.parse::<u64>().is_ok()) {
                        out.insert(word.to_owned());
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
            Value::Object(map) => map.values().for_each(|item| walk(item, out)),
            _ => {}
        }
    }
    let mut out = BTreeSet::new();
    walk(value, &mut out);
    out
}

/// Merges tags: sets ours, removes those that we set before and dropped, and keeps foreign ones.
fn tags(desired: &Value, there: &Value, recorded: Option<&Value>) -> Value {
    let [desired, there, recorded] = [Some(desired), Some(there), recorded]
        .map(|tags| tags.and_then(|tags| serde_json::from_value::<Tags>(tags.clone()).ok()).unwrap_or_default());
    let mut tags = there;
    tags.retain(|key, _| desired.contains_key(key) || !recorded.contains_key(key));
    tags.extend(desired);
    serde_json::to_value(tags).unwrap_or_default()
}

/// Merges a list: adds our items, removes those that we added before and dropped, and keeps foreign ones.
fn items(desired: &Value, there: &Value, recorded: Option<&Value>) -> Value {
    let [desired, there, recorded] =
        [Some(desired), Some(there), recorded].map(|list| list.and_then(Value::as_array).cloned().unwrap_or_default());
    let kept = there.iter().filter(|item| desired.contains(item) || !recorded.contains(item));
    let added = desired.iter().filter(|item| !there.contains(item));
    kept.chain(added).cloned().collect()
}
