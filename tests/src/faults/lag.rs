//! Reads that lag behind creates: for a while, a read answers as if a new object did not exist. The proxy learns the
//! names of new objects from the calls that pass: IDs and ARNs in the answer to a create, and names in its request, that
//! no call had before. Lists are answered without the elements that have such a name; reads of one object, with the
//! service's error for a missing object.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::protocol::{self, Protocol, protocol};
use crate::{
    front::cbor,
    proxy::{Message, unescape},
};

/// Names of objects, and the times at which they appeared.
#[derive(Default)]
pub(crate) struct Names {
    known: HashSet<String>,
    created: HashMap<String, Instant>,
}

impl Names {
    /// Learns from a call and its answer.
    pub(crate) fn learn(&mut self, request: &Message, answer: &Message) {
        let (asked, answered) = (parameters(request), strings(request, answer));
        let operation = protocol::operation(request);
        let verb = operation.split_once(':').map_or("", |(_, verb)| verb);
        let creates = ["Create", "Allocate", "Register", "Import", "Put"].iter().any(|create| verb.starts_with(create));
        if creates && answer.status().starts_with('2') {
            let names = asked.iter().filter(|(key, _)| is_name(key)).map(|(_, value)| value);
            let new: Vec<&String> = names.chain(answered.iter().filter(|text| is_id(text))).collect();
            for name in new.into_iter().filter(|name| !self.known.contains(*name)) {
                self.created.entry(name.clone()).or_insert_with(Instant::now);
            }
        }
        self.known.extend(asked.into_iter().map(|(_, value)| value).chain(answered));
    }

    /// Returns the time since an object of this name was created; `None` for one that was there before.
    pub(crate) fn age(&self, name: &str) -> Option<Duration> {
        self.created.get(name).map(Instant::elapsed)
    }

    /// Returns the answer to a read as it would be without the objects that were created within this time.
    pub(crate) fn hidden(&self, request: &Message, answer: Message, within: Duration) -> Message {
        let hides = |text: &str| self.created.get(text).is_some_and(|created| created.elapsed() < within);
        let names_one = |key: &str| {
            let is_list = key.contains('.') || key.ends_with("Prefix") || protocol(request) == Protocol::Ec2;
            !is_list
        };
        if parameters(request).iter().any(|(key, value)| names_one(key) && hides(value)) {
            return protocol::missing(request);
        }
        let without = |body: &str, missing: bool| (!missing).then(|| body.to_owned());
        match protocol(request) {
            Protocol::Json | Protocol::RestJson => {
                let Ok(mut value) = serde_json::from_slice::<Value>(answer.body()) else { return answer };
                let missing = prune(&mut value, &hides);
                without(&value.to_string(), missing)
                    .map_or_else(|| protocol::missing(request), |body| answer.with(body))
            }
            Protocol::Cbor => {
                let mut value = cbor::decoded(answer.body());
                let missing = prune(&mut value, &hides);
                if missing { protocol::missing(request) } else { answer.with(cbor::encoded(&value)) }
            }
            _ => {
                let (mut body, mut missing) = (String::new(), false);
                prune_xml(answer.text(), &hides, &mut body, &mut missing);
                without(&body, missing).map_or_else(|| protocol::missing(request), |body| answer.with(body))
            }
        }
    }
}

/// Parameters that name the object which a call is about.
fn is_name(key: &str) -> bool {
    ["Name", "Identifier", "Bucket", "family"].iter().any(|end| key.ends_with(end)) || key == "name"
}

/// Returns whether a text of an answer has the form of an ID: an ARN, `vpc-0123abcd`, or a UUID.
fn is_id(text: &str) -> bool {
    let is_hex = |part: &str| part.len() >= 8 && part.chars().all(|c| c.is_ascii_hexdigit());
    text.starts_with("arn:")
        || text.split_once('-').is_some_and(|(kind, rest)| kind.chars().all(|c| c.is_ascii_lowercase()) && is_hex(rest))
        || (text.len() == 36 && text.split('-').count() == 5)
}

/// Returns the parameters of a request: the fields of a form, the top-level texts of JSON, or the bucket of a path.
fn parameters(request: &Message) -> Vec<(String, String)> {
    let top_level = |value: Value| {
        let members = value.as_object().cloned().unwrap_or_default();
        members.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
    };
    match protocol(request) {
        Protocol::Ec2 | Protocol::Query => {
            let pairs = request.text().split('&').filter_map(|pair| pair.split_once('='));
            pairs.map(|(key, value)| (key.to_owned(), unescape(value))).collect()
        }
        Protocol::Json | Protocol::RestJson => top_level(serde_json::from_slice(request.body()).unwrap_or_default()),
        Protocol::Cbor => top_level(cbor::decoded(request.body())),
        Protocol::S3 | Protocol::RestXml => {
            let path = request.path().split('?').next().unwrap_or_default();
            let parts = path.split('/').filter(|part| !part.is_empty());
            parts.map(|part| ("Bucket".to_owned(), part.to_owned())).collect()
        }
    }
}

/// Returns the texts of an answer.
fn strings(request: &Message, answer: &Message) -> Vec<String> {
    match protocol(request) {
        Protocol::Json | Protocol::RestJson => texts(&serde_json::from_slice(answer.body()).unwrap_or_default()),
        Protocol::Cbor => texts(&cbor::decoded(answer.body())),
        _ => answer.text().split(['<', '>']).skip(2).step_by(2).map(str::to_owned).collect(),
    }
}

/// Returns all texts in a value.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

/// Removes the innermost array elements that have a hidden text; returns whether one remains outside of arrays.
fn prune(value: &mut Value, hides: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => hides(text),
        Value::Array(items) => {
            items.retain_mut(|item| !prune(item, hides));
            false
        }
        // Each member is pruned, also after one with a hidden text.
        Value::Object(members) => {
            members.values_mut().filter_map(|member| prune(member, hides).then_some(())).count() > 0
        }
        _ => false,
    }
}

/// The same for XML: the elements of lists are those named `item` or `member`, or as their parent without its end.
fn prune_xml(xml: &str, hides: &dyn Fn(&str) -> bool, pruned: &mut String, missing: &mut bool) {
    // Each open element: its name, its text so far, and whether it has a hidden text.
    let mut open: Vec<(String, String, bool)> = vec![(String::new(), String::new(), false)];
    let mut rest = xml;
    while let Some((text, after)) = rest.split_once('<') {
        let Some((tag, after)) = after.split_once('>') else { break };
        rest = after;
        let depth = open.len() - 1;
        open[depth].1.push_str(text);
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            open[depth].1.push_str(&format!("<{tag}>"));
        } else if tag.starts_with('/') {
            let Some((start, text, mut found)) = open.pop() else { return };
            let name = start.split_whitespace().next().unwrap_or_default();
            found |= hides(&text);
            let Some(parent) = open.last_mut() else { return };
            let of = parent.0.split_whitespace().next().unwrap_or_default();
            let is_element = ["item", "member"].contains(&name) || (of.len() > name.len() && of.starts_with(name));
            if !(found && is_element) {
                parent.1.push_str(&format!("<{start}>{text}<{tag}>"));
                parent.2 |= found;
            }
        } else {
            open.push((tag.to_owned(), String::new(), false));
        }
    }
    if let [(_, text, found)] = &open[..] {
        pruned.push_str(text);
        pruned.push_str(rest);
        *missing = *found;
    } else {
        pruned.push_str(xml);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_lose_new_elements_and_single_objects_are_missing() {
        let hides = |text: &str| text == "new-1";
        let mut list = json!({ "all": [{ "id": "new-1", "tags": [] }, { "id": "old", "uses": ["new-1"] }] });
        assert!(!prune(&mut list, &hides));
        assert_eq!(list, json!({ "all": [{ "id": "old", "uses": [] }] }));
        assert!(prune(&mut json!({ "one": { "id": "new-1" } }), &hides));
        let xml = |text: &str| {
            let (mut pruned, mut missing) = (String::new(), false);
            prune_xml(text, &hides, &mut pruned, &mut missing);
            (pruned, missing)
        };
        let list = "<?xml?><R><set><item><id>new-1</id></item><item><id>old</id><n/></item></set></R>";
        assert_eq!(xml(list), ("<?xml?><R><set><item><id>old</id><n/></item></set></R>".to_owned(), false));
        let list = "<R><DBInstances><DBInstance><id>new-1</id></DBInstance></DBInstances></R>";
        assert_eq!(xml(list).0, "<R><DBInstances></DBInstances></R>");
        assert!(xml("<R><Role><Name>new-1</Name></Role></R>").1);
    }

    #[test]
    fn ids_are_told_from_other_texts() {
        assert!(["arn:aws:iam::1:role/a", "vpc-0123abcd", "eipalloc-0123abcdef"].iter().all(|text| is_id(text)));
        assert!(!["available", "us-east-1", "2026-01-01T00:00:00Z", "dev-app"].iter().any(|text| is_id(text)));
    }
}
