//! Tags: which are ours, and what must change.

use std::future::Future;

use provisioner_model::{
    ErrorKind, Result,
    ownership::TOKEN,
    resource::{Id, Owner, ReadResults, Resource, Tags},
};

/// Maximum number of tags of an object. Tags that AWS adds do not count.
pub const MAX_TAGS: usize = 50;

/// Returns the reason why a service refuses the key of a tag. Services differ, so the rules are those that all accept:
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
pub fn key_problem(key: &str) -> Option<String> {
    if key.is_empty() { Some("the key of a tag is empty".to_owned()) } else { text_problem("key", key, 128) }
}

/// Returns the reason why a service refuses the value of a tag. A value may be empty.
pub fn value_problem(value: &str) -> Option<String> {
    text_problem("value", value, 256)
}

fn text_problem(part: &str, text: &str, max: usize) -> Option<String> {
    // S3 counts UTF-16 units.
    let length = text.encode_utf16().count();
    if length > max {
        return Some(format!("the {part} of a tag has at most {max} characters, and `{text}` has {length}"));
    }
    // ECS and Elastic Load Balancing reserve the prefix for values as well.
    if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Some(format!("`{text}` begins with `aws:`, which AWS reserves"));
    }
    if text.trim() != text {
        return Some(format!("`{text}` begins or ends with a space"));
    }
    let is_valid = |c: &char| c.is_alphanumeric() || " _.:/=+-@".contains(*c);
    let invalid = text.chars().find(|c| !is_valid(c))?;
    Some(format!("the {part} of a tag cannot contain `{invalid}`: letters, digits, spaces and `_.:/=+-@`"))
}

/// The tags to set and to remove so that ours are correct; other tags remain.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TagChange {
    /// Tags to set, by key.
    pub set: Tags,
    /// Keys of the tags to remove.
    pub drop: Vec<String>,
}

impl TagChange {
    /// Compares the desired, recorded and observed tags.
    pub fn between(desired: &Tags, recorded: &Tags, observed: &Tags) -> Self {
        let set = desired.iter().filter(|(key, value)| observed.get(*key) != Some(value));
        let drop = recorded.keys().filter(|key| !desired.contains_key(*key) && observed.contains_key(*key));
        Self { set: set.map(|(k, v)| (k.clone(), v.clone())).collect(), drop: drop.cloned().collect() }
    }
}

/// All but AWS's own, ownership included: a stripped ownership tag is drift like any other.
pub fn observed_tags<'a>(tags: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Tags {
    tags.into_iter()
        .filter_map(|(key, value)| Some((key?.to_owned(), value.unwrap_or_default().to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect()
}

/// Returns whether these are the tags of the object made for `owner`.
pub fn made_for(tags: &Tags, owner: &Owner) -> bool {
    tags.get(TOKEN) == Some(&owner.token)
}

/// Returns those of `ids` whose tags name `owner`: for APIs that list objects without their tags.
pub async fn owned<'a, R, F>(ids: &'a [Id<R>], owner: &Owner, tags: impl Fn(&'a Id<R>) -> F) -> Result<Vec<Id<R>>>
where
    R: Resource,
    F: Future<Output = Result<Tags>>,
{
    let mut found = vec![];
    for id in ids {
        match tags(id).await {
            Ok(tags) if made_for(&tags, owner) => found.push(id.clone()),
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::Gone => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Returns the IDs of the read objects whose tags name `owner`, or the first error of a read.
pub fn owned_reads<R: Resource>(reads: ReadResults<R>, owner: &Owner, tags: fn(&R) -> &Tags) -> Result<Vec<Id<R>>> {
    let mut found = vec![];
    for (id, observed) in reads {
        if made_for(tags(&observed?.inputs), owner) {
            found.push(id);
        }
    }
    Ok(found)
}

/// Generates `sdk_tags` and `our_tags` for a service's tag type, given the names of its two members.
#[allow(unused_macros, reason = "a build with few features uses few of them")]
macro_rules! tag_conversions {
    ($tag:ty, $key:ident, $value:ident) => {
        fn sdk_tags(tags: &$crate::prelude::Tags) -> Vec<$tag> {
            // Both members are set, which is all that `build` can miss.
            let one = |(key, value)| $crate::sdk::Built::built(<$tag>::builder().$key(key).$value(value).build());
            tags.iter().filter_map(one).collect()
        }

        fn our_tags(tags: &[$tag]) -> $crate::prelude::Tags {
            $crate::tags::observed_tags(tags.iter().map(|tag| (tag.$key().into(), tag.$value().into())))
        }
    };
}

/// Writes the tags that differ with a service's two calls, given without the tags. The service's `sdk_tags` must be in
/// scope: `write_tags!(desired, recorded, observed; c.iam().tag_role().role_name(id) => "iam:TagRole", …)`. A last
/// argument is as for `api_with`.
#[allow(unused_macros, reason = "a build with few features uses few of them")]
macro_rules! write_tags {
    ($desired:expr, $recorded:expr, $observed:expr;
     $tag:expr => $tag_action:literal, $untag:expr => $untag_action:literal) => {
        $crate::tags::write_tags!($desired, $recorded, $observed;
            $tag => $tag_action, $untag => $untag_action, |_, _| None)
    };
    ($desired:expr, $recorded:expr, $observed:expr;
     $tag:expr => $tag_action:literal, $untag:expr => $untag_action:literal, $special:expr) => {{
        let change = $crate::tags::TagChange::between($desired, $recorded, $observed);
        if !change.set.is_empty() {
            let request = $tag.set_tags(Some(sdk_tags(&change.set)));
            request.send().await.map_err($crate::error::api_with($tag_action, $special))?;
        }
        if !change.drop.is_empty() {
            let request = $untag.set_tag_keys(Some(change.drop));
            request.send().await.map_err($crate::error::api_with($untag_action, $special))?;
        }
    }};
}

#[allow(unused_imports, reason = "a build with few features uses few of them")]
pub(crate) use {tag_conversions, write_tags};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_those_that_all_services_accept() {
        for key in ["team", "Cost Center", "example.org/owner", "größe", &"k".repeat(128)] {
            assert_eq!(key_problem(key), None);
        }
        assert_eq!(value_problem(""), None);
        assert_eq!(value_problem(&"v".repeat(256)), None);
        for (key, expected) in [
            ("", "is empty"),
            ("AWS:team", "begins with `aws:`"),
            (" team", "begins or ends with a space"),
            ("a,b", "cannot contain `,`"),
            ("a\nb", "cannot contain `\n`"),
            (&"k".repeat(129), "at most 128 characters"),
        ] {
            let problem = key_problem(key).unwrap();
            assert!(problem.contains(expected), "{key}: {problem}");
        }
        assert!(value_problem(&"v".repeat(257)).is_some());
        assert!(value_problem("a*").is_some_and(|problem| problem.contains("the value of a tag cannot contain `*`")));
    }

    #[test]
    fn foreign_tags_stay_and_dropped_tags_are_removed() {
        let tags = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect::<Tags>();
        let change = TagChange::between(
            &tags(&[("a", "1"), ("b", "2")]),
            &tags(&[("a", "1"), ("c", "3"), ("d", "4")]),
            &tags(&[("a", "0"), ("b", "2"), ("c", "3"), ("others", "x")]),
        );
        assert_eq!(change, TagChange { set: tags(&[("a", "1")]), drop: vec!["c".into()] });
    }
}
