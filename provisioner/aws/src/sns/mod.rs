//! SNS: topics and who hears of them.

mod subscription;
mod topic;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sns::types::Tag;
use provisioner_model::{compare::Compare, erased::Registry, expr::In, resource::Tags};

pub use self::{
    subscription::{Subscription, SubscriptionOutputs},
    topic::{Topic, TopicOutputs},
};
use crate::value::text;

/// Adds this service's types.
pub fn register(types: Registry) -> Registry {
    types.with::<Topic>().with::<Subscription>()
}

/// Attributes as the API takes them: text by name.
type Attributes = BTreeMap<String, String>;

fn put(attributes: &mut Attributes, name: &str, value: Option<&In<String>>) {
    attributes.extend(value.and_then(text).map(|value| (name.to_owned(), value)));
}

/// What must be written so that `seen` means `want`.
fn changed(want: Attributes, seen: &Attributes) -> Attributes {
    let same = |name: &str, want: &str| {
        seen.get(name).is_some_and(|seen| Compare::Document.same(&want.into(), &seen.as_str().into()))
    };
    want.into_iter().filter(|(name, value)| !same(name, value)).collect()
}

/// An attribute as an input, where the API tells it.
fn told(seen: &HashMap<String, String>, name: &str) -> Option<In<String>> {
    seen.get(name).cloned().map(In::Known)
}

fn flag(seen: &HashMap<String, String>, name: &str) -> bool {
    seen.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    // Both members are set, which is all that `build` can miss.
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

fn our_tags(tags: &[Tag]) -> Tags {
    crate::tags::seen_tags(tags.iter().map(|tag| (Some(tag.key()), Some(tag.value()))))
}
