//! Lifecycle rules for a bucket's objects.

use aws_sdk_s3::types;
use provisioner_model::{error::Result, resource::Tags};
use serde::{Deserialize, Serialize};

use super::write::built;

/// A lifecycle rule for some of a bucket's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// Its name in the bucket.
    pub id: String,
    /// `true` if it is on.
    pub enabled: bool,
    /// Prefix of the objects' keys; all objects if empty.
    #[serde(default)]
    pub prefix: String,
    /// Tags that they have.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub object_tags: Tags,
    /// More bytes than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub larger_than: Option<i64>,
    /// Fewer bytes than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smaller_than: Option<i64>,
    /// Days until an object goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<i32>,
    /// `true` if a delete marker goes once no version is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_delete_markers: Option<bool>,
    /// Days until a version goes that is no longer the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_old_versions_after: Option<i32>,
    /// Number of old versions to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_old_versions: Option<i32>,
    /// Days until the parts of an upload go that was never completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_after: Option<i32>,
    /// Transitions to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// Transitions of old versions to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_version_transitions: Vec<Transition>,
}

/// A move to another storage class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Number of days before the transition.
    pub after: i32,
    /// Storage class, such as `STANDARD_IA` or `GLACIER`.
    pub storage_class: String,
}

impl LifecycleRule {
    /// A rule for all objects that does nothing yet.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), enabled: true, ..Self::default() }
    }

    pub(super) fn sdk(&self) -> Result<types::LifecycleRule> {
        let tags = self.object_tags.iter();
        let tags = tags.map(|(key, value)| built(types::Tag::builder().key(key).value(value).build()));
        let tags = tags.collect::<Result<Vec<_>>>()?;
        let filter = types::LifecycleRuleFilter::builder();
        // More than one condition goes into an `And`; so does one alone, which S3 takes too.
        let filter = if tags.is_empty() && self.larger_than.is_none() && self.smaller_than.is_none() {
            filter.prefix(&self.prefix).build()
        } else {
            let and = types::LifecycleRuleAndOperator::builder()
                .set_prefix((!self.prefix.is_empty()).then(|| self.prefix.clone()))
                .set_tags((!tags.is_empty()).then_some(tags))
                .set_object_size_greater_than(self.larger_than)
                .set_object_size_less_than(self.smaller_than);
            filter.and(and.build()).build()
        };
        let expiration = (self.expire_after.is_some() || self.expire_delete_markers.is_some()).then(|| {
            let expiration = types::LifecycleExpiration::builder().set_days(self.expire_after);
            expiration.set_expired_object_delete_marker(self.expire_delete_markers).build()
        });
        let old = self.expire_old_versions_after.map(|days| {
            let old = types::NoncurrentVersionExpiration::builder().noncurrent_days(days);
            old.set_newer_noncurrent_versions(self.keep_old_versions).build()
        });
        let abort = self.abort_uploads_after;
        let abort =
            abort.map(|days| types::AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build());
        let class = |one: &Transition| types::TransitionStorageClass::from(one.storage_class.as_str());
        let transitions = self.transitions.iter();
        let transitions =
            transitions.map(|one| types::Transition::builder().days(one.after).storage_class(class(one)).build());
        let old_transitions = self.old_version_transitions.iter().map(|one| {
            types::NoncurrentVersionTransition::builder().noncurrent_days(one.after).storage_class(class(one)).build()
        });
        let on = if self.enabled { types::ExpirationStatus::Enabled } else { types::ExpirationStatus::Disabled };
        let some = |list: Vec<_>| if list.is_empty() { None } else { Some(list) };
        let rule = types::LifecycleRule::builder()
            .id(&self.id)
            .status(on)
            .filter(filter)
            .set_expiration(expiration)
            .set_noncurrent_version_expiration(old)
            .set_abort_incomplete_multipart_upload(abort)
            .set_transitions(some(transitions.collect()))
            .set_noncurrent_version_transitions(
                Some(old_transitions.collect::<Vec<_>>()).filter(|all| !all.is_empty()),
            );
        built(rule.build())
    }

    pub(super) fn observed(rule: &types::LifecycleRule) -> Self {
        let filter = rule.filter();
        let and = filter.and_then(types::LifecycleRuleFilter::and);
        let prefix = filter.and_then(types::LifecycleRuleFilter::prefix);
        let prefix = prefix.or(and.and_then(types::LifecycleRuleAndOperator::prefix));
        let tags = and.map(types::LifecycleRuleAndOperator::tags).unwrap_or_default().iter();
        let tags = tags.chain(filter.and_then(types::LifecycleRuleFilter::tag));
        let expiration = rule.expiration();
        let old = rule.noncurrent_version_expiration();
        let transition = |days: Option<i32>, class: Option<&types::TransitionStorageClass>| Transition {
            after: days.unwrap_or_default(),
            storage_class: class.map(|class| class.as_str().to_owned()).unwrap_or_default(),
        };
        let transitions = rule.transitions().iter();
        let old_transitions = rule.noncurrent_version_transitions().iter();
        Self {
            id: rule.id().unwrap_or_default().to_owned(),
            enabled: *rule.status() == types::ExpirationStatus::Enabled,
            prefix: prefix.unwrap_or_default().to_owned(),
            object_tags: tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect(),
            larger_than: filter
                .and_then(types::LifecycleRuleFilter::object_size_greater_than)
                .or(and.and_then(types::LifecycleRuleAndOperator::object_size_greater_than)),
            smaller_than: filter
                .and_then(types::LifecycleRuleFilter::object_size_less_than)
                .or(and.and_then(types::LifecycleRuleAndOperator::object_size_less_than)),
            expire_after: expiration.and_then(types::LifecycleExpiration::days),
            expire_delete_markers: expiration
                .and_then(types::LifecycleExpiration::expired_object_delete_marker)
                // S3 says `false` where days are stated instead.
                .filter(|on| *on),
            expire_old_versions_after: old.and_then(types::NoncurrentVersionExpiration::noncurrent_days),
            keep_old_versions: old.and_then(types::NoncurrentVersionExpiration::newer_noncurrent_versions),
            abort_uploads_after: rule
                .abort_incomplete_multipart_upload()
                .and_then(types::AbortIncompleteMultipartUpload::days_after_initiation),
            transitions: transitions.map(|one| transition(one.days(), one.storage_class())).collect(),
            old_version_transitions: old_transitions
                .map(|one| transition(one.noncurrent_days(), one.storage_class()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        let narrow = LifecycleRule {
            prefix: "logs/".into(),
            object_tags: Tags::from([("kind".into(), "log".into())]),
            larger_than: Some(1),
            expire_after: Some(30),
            expire_old_versions_after: Some(7),
            keep_old_versions: Some(2),
            transitions: vec![Transition { after: 10, storage_class: "STANDARD_IA".into() }],
            old_version_transitions: vec![Transition { after: 3, storage_class: "GLACIER".into() }],
            ..LifecycleRule::new("narrow")
        };
        let wide = LifecycleRule { abort_uploads_after: Some(7), ..LifecycleRule::new("wide") };
        for rule in [narrow, wide] {
            assert_eq!(LifecycleRule::observed(&rule.sdk().unwrap()), rule);
        }
    }
}
