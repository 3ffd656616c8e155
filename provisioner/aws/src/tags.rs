//! Tags: which are ours, and what must change.

use provisioner_model::{
    ownership::TOKEN,
    resource::{Owner, Tags},
};

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

#[cfg(test)]
mod tests {
    use super::*;

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
