//! SNS: topics and who hears of them.

mod subscription;
mod topic;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sns::types::Tag;
use provisioner_model::{compare::Compare, erased::ResourceRegistry, expr::In};

pub use self::{
    subscription::{Subscription, SubscriptionOutputs},
    topic::{Topic, TopicOutputs},
};
use crate::value::text;

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Topic>().with::<Subscription>()
}

/// Attributes as the API takes them: text by name.
type Attributes = BTreeMap<String, String>;

fn put(attributes: &mut Attributes, name: &str, value: Option<&In<String>>) {
    attributes.extend(value.and_then(text).map(|value| (name.to_owned(), value)));
}

/// Returns the attributes to write so that `observed` matches `desired`.
fn changed(desired: Attributes, observed: &Attributes) -> Attributes {
    let same = |name: &str, desired: &str| {
        observed
            .get(name)
            .is_some_and(|observed| Compare::Document.is_equivalent(&desired.into(), &observed.as_str().into()))
    };
    desired.into_iter().filter(|(name, value)| !same(name, value)).collect()
}

/// An attribute as an input, where the API tells it.
fn told(observed: &HashMap<String, String>, name: &str) -> Option<In<String>> {
    observed.get(name).cloned().map(In::Known)
}

/// Returns whether a value is that of an absent attribute, which a create leaves out: not every kind of topic and
/// protocol takes every attribute.
fn is_default(value: &str) -> bool {
    value.is_empty() || value == "false"
}

fn flag(observed: &HashMap<String, String>, name: &str) -> bool {
    observed.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

crate::tags::tag_conversions!(Tag, key, value);
