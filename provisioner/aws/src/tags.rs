//! Tags: which are ours, and what must change.

use std::future::Future;

use provisioner_model::{
    ErrorKind, Result,
    ownership::TOKEN,
    resource::{Id, Owner, ReadResults, Resource, Tags},
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
