//! Lifecycle rules for a bucket's objects.

use aws_sdk_s3::types::{self, LifecycleRuleAndOperator as And, LifecycleRuleFilter as Filter};

use super::sdk_tags;
use crate::prelude::*;

/// A lifecycle rule for some of a bucket's objects.
#[derive(Clone, Debug, PartialEq, Eq, Nested)]
pub struct LifecycleRule {
    /// The rule's name, unique in the bucket.
    pub id: String,
    /// `true` if the rule is in force.
    #[field(default = true)]
    pub enabled: bool,
    /// Prefix of the objects' keys; all objects if empty.
    #[serde(default)]
    pub prefix: String,
    /// Tags of the objects; all of them must match.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Bytes that an object must exceed.
    pub object_size_greater_than: Option<i64>,
    /// Bytes that an object must stay below.
    pub object_size_less_than: Option<i64>,
    /// Days after which an object expires.
    pub expiration_days: Option<i32>,
    /// `true` if S3 deletes a delete marker without versions behind it.
    pub expired_object_delete_marker: Option<bool>,
    /// Days after which a noncurrent version expires.
    pub noncurrent_version_expiration_days: Option<i32>,
    /// The number of noncurrent versions to keep.
    pub newer_noncurrent_versions: Option<i32>,
    /// Days after which the parts of an incomplete upload are deleted.
    pub abort_incomplete_multipart_upload_days: Option<i32>,
    /// Transitions to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// Transitions of noncurrent versions to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noncurrent_version_transitions: Vec<Transition>,
}

/// A move to another storage class.
#[derive(Clone, Debug, PartialEq, Eq, Nested)]
pub struct Transition {
    /// Days before the transition.
    pub days: i32,
    /// `STANDARD_IA`, `GLACIER`.
    pub storage_class: String,
}

impl LifecycleRule {
    pub(super) fn sdk(&self) -> Result<types::LifecycleRule> {
        let filter = Filter::builder();
        let sizes = self.object_size_greater_than.or(self.object_size_less_than);
        // More than one condition goes into an `And`; so does one alone, which S3 takes too.
        let filter = if self.tags.is_empty() && sizes.is_none() {
            filter.prefix(&self.prefix).build()
        } else {
            let and = And::builder()
                .set_prefix(Some(self.prefix.clone()).filter(|prefix| !prefix.is_empty()))
                .set_tags(some(sdk_tags(&self.tags)));
            let and = set_inputs!(and, self => object_size_greater_than, object_size_less_than);
            filter.and(and.build()).build()
        };
        let expires = self.expiration_days.is_some() || self.expired_object_delete_marker.is_some();
        let expiration = expires.then(|| {
            let expiration = types::LifecycleExpiration::builder().set_days(self.expiration_days);
            set_inputs!(expiration, self => expired_object_delete_marker).build()
        });
        let old = self.noncurrent_version_expiration_days.map(|days| {
            let old = types::NoncurrentVersionExpiration::builder().noncurrent_days(days);
            set_inputs!(old, self => newer_noncurrent_versions).build()
        });
        let abort = self.abort_incomplete_multipart_upload_days.map(|days| {
            let abort = types::AbortIncompleteMultipartUpload::builder();
            abort.days_after_initiation(days).build()
        });
        let transitions = self
            .transitions
            .iter()
            .map(|one| set_inputs!(types::Transition::builder(), one => days, storage_class).build());
        let old_transitions = self.noncurrent_version_transitions.iter().map(|one| {
            let builder = types::NoncurrentVersionTransition::builder().noncurrent_days(one.days);
            set_inputs!(builder, one => storage_class).build()
        });
        let on = if self.enabled { types::ExpirationStatus::Enabled } else { types::ExpirationStatus::Disabled };
        let rule = types::LifecycleRule::builder()
            .id(&self.id)
            .status(on)
            .filter(filter)
            .set_expiration(expiration)
            .set_noncurrent_version_expiration(old)
            .set_abort_incomplete_multipart_upload(abort)
            .set_transitions(some(transitions.collect()))
            .set_noncurrent_version_transitions(some(old_transitions.collect()));
        built(rule.build())
    }

    pub(super) fn observed(rule: &types::LifecycleRule) -> Self {
        let filter = rule.filter();
        let and = filter.and_then(Filter::and);
        let prefix = filter.and_then(Filter::prefix).or(and.and_then(And::prefix));
        let tags = and.map(And::tags).unwrap_or_default().iter().chain(filter.and_then(Filter::tag));
        let larger = filter.and_then(Filter::object_size_greater_than);
        let smaller = filter.and_then(Filter::object_size_less_than);
        let expiration = rule.expiration();
        let marker = expiration.and_then(types::LifecycleExpiration::expired_object_delete_marker);
        let old = rule.noncurrent_version_expiration();
        let kept = old.and_then(types::NoncurrentVersionExpiration::newer_noncurrent_versions);
        let abort = rule.abort_incomplete_multipart_upload();
        let transition = |days: Option<i32>, class: Option<&types::TransitionStorageClass>| {
            Transition::new(
                days.unwrap_or_default(),
                class.map(types::TransitionStorageClass::as_str).unwrap_or_default(),
            )
        };
        let transitions = rule.transitions().iter();
        let old_transitions = rule.noncurrent_version_transitions().iter();
        Self {
            id: rule.id().unwrap_or_default().to_owned(),
            enabled: *rule.status() == types::ExpirationStatus::Enabled,
            prefix: prefix.unwrap_or_default().to_owned(),
            tags: tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect(),
            object_size_greater_than: larger.or(and.and_then(And::object_size_greater_than)),
            object_size_less_than: smaller.or(and.and_then(And::object_size_less_than)),
            expiration_days: expiration.and_then(types::LifecycleExpiration::days),
            // S3 says `false` where days are stated instead.
            expired_object_delete_marker: marker.filter(|on| *on),
            noncurrent_version_expiration_days: old.and_then(types::NoncurrentVersionExpiration::noncurrent_days),
            newer_noncurrent_versions: kept,
            abort_incomplete_multipart_upload_days: abort
                .and_then(types::AbortIncompleteMultipartUpload::days_after_initiation),
            transitions: transitions.map(|one| transition(one.days(), one.storage_class())).collect(),
            noncurrent_version_transitions: old_transitions
                .map(|one| transition(one.noncurrent_days(), one.storage_class()))
                .collect(),
        }
    }
}

/// The SDK's optional list: an empty one would be an empty element of the request.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

impl ToProperty for LifecycleRule {
    fn to_property(&self) -> Value {
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.is_empty()).cloned();
        let old = members([
            ("NoncurrentDays", self.noncurrent_version_expiration_days.to_property()),
            ("NewerNoncurrentVersions", self.newer_noncurrent_versions.to_property()),
        ]);
        let abort = members([("DaysAfterInitiation", self.abort_incomplete_multipart_upload_days.to_property())]);
        members([
            ("Id", self.id.to_property()),
            ("Status", if self.enabled { "Enabled" } else { "Disabled" }.into()),
            ("Prefix", prefix.to_property()),
            ("TagFilters", cloudformation::tags(&self.tags)),
            ("ObjectSizeGreaterThan", text_of(&self.object_size_greater_than)),
            ("ObjectSizeLessThan", text_of(&self.object_size_less_than)),
            ("ExpirationInDays", self.expiration_days.to_property()),
            ("ExpiredObjectDeleteMarker", self.expired_object_delete_marker.to_property()),
            ("NoncurrentVersionExpiration", old),
            ("AbortIncompleteMultipartUpload", abort),
            ("Transitions", self.transitions.to_property()),
            ("NoncurrentVersionTransitions", self.noncurrent_version_transitions.to_property()),
        ])
    }
}

impl ToProperty for Transition {
    fn to_property(&self) -> Value {
        json!({ "TransitionInDays": self.days, "StorageClass": self.storage_class })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        let narrow = LifecycleRule::new("narrow")
            .prefix("logs/")
            .tags([("kind", "log")])
            .object_size_greater_than(1)
            .expiration_days(30)
            .noncurrent_version_expiration_days(7)
            .newer_noncurrent_versions(2)
            .transitions([Transition::new(10, "STANDARD_IA")])
            .noncurrent_version_transitions([Transition::new(3, "GLACIER")]);
        let wide = LifecycleRule::new("wide").abort_incomplete_multipart_upload_days(7);
        for rule in [narrow, wide] {
            assert_eq!(LifecycleRule::observed(&rule.sdk().unwrap()), rule);
        }
    }
}
