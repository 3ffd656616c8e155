//! `aws:kms:key` — a key that never leaves KMS.
//!
//! What a key is made of and for is fixed at creation, so a change to spec, usage or multi-region replaces it. A key
//! is never deleted at once: it is scheduled, and counts as gone from then on.
//! API: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>
//!
//! Reads: four calls for each key (no call tells of many). To find one: the list, and one call for each key in it.

use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyState, KeyUsageType, Tag};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Observed, Owner, Phase, Problem, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{our_tags, sdk_tags};
use crate::{
    cloud::{Aws, Reader, Writer},
    document::{principal_not_yet, to_write},
    each::one_by_one,
    error::{api, api_with, gone_ok, need},
    tags::{TagChange, made_for},
    value::text,
};

/// A key that never leaves KMS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// A description of the key for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Key policy; by default, the account's IAM policies control access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<In<String>>,
    /// `SYMMETRIC_DEFAULT` where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// `ENCRYPT_DECRYPT` where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// `true` if it can have copies in other regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_region: Option<bool>,
    /// `true` if it can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// `true` if KMS makes new material every so often; what was encrypted stays readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<bool>,
    /// Rotation period in days: 90 to 2560.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_period_days: Option<i32>,
    /// Waiting period before a deletion in days: 7 to 30; default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_window_days: Option<i32>,
    /// Tags of the key, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyOutputs {
    /// Its id, a UUID.
    pub id: Id<Key>,
    /// The ARN of the key.
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` or another.
    pub state: String,
}

impl Key {
    /// The ARN of the key.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// The ID of the key.
    pub const KEY_ID: Output<Self, String> = Output::new("id");

    /// A symmetric key to encrypt with, open to the account's own policies.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Resource for Key {
    const TYPE: &'static str = "aws:kms:key";
    const FIELDS: &'static [Field] = &[
        Field::new("description"),
        Field::new("policy").document().may_dangle(),
        Field::new("spec").replaces(),
        Field::new("usage").replaces(),
        Field::new("multi_region").replaces(),
        Field::new("enabled"),
        Field::new("rotation"),
        Field::new("rotation_period_days"),
        Field::new("deletion_window_days").write_only(),
        Field::new("tags").map(),
    ];
    const TAGGED: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["state"];
    const ACTIONS: Actions = Actions {
        read: &[
            "kms:DescribeKey",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "kms:ListResourceTags",
            "kms:ListKeys",
        ],
        create: &["kms:CreateKey", "kms:TagResource"],
        update: &[
            "kms:UpdateKeyDescription",
            "kms:PutKeyPolicy",
            "kms:EnableKey",
            "kms:DisableKey",
            "kms:EnableKeyRotation",
            "kms:DisableKeyRotation",
            "kms:TagResource",
            "kms:UntagResource",
        ],
        delete: &["kms:ScheduleKeyDeletion"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("CustomerMasterKeySpec", "the old name of KeySpec"),
        ("Origin", "KMS creates the key material; imported material cannot be declared"),
        ("CustomKeyStoreId", "custom key stores are not supported"),
        ("XksKeyId", "custom key stores are not supported"),
        ("BypassPolicyLockoutSafetyCheck", "the check is what keeps a key manageable"),
    ];
    type Cloud = Aws;
    type Outputs = KeyOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.rotation_period_days.is_some_and(|days| !(90..=2560).contains(&days)) {
            problems.push(Problem::new("rotation_period_days", "must be 90 to 2560"));
        }
        if self.rotation_period_days.is_some() && self.rotation != Some(true) {
            problems.push(Problem::new("rotation_period_days", "means nothing without `rotation`"));
        }
        if self.deletion_window_days.is_some_and(|days| !(7..=30).contains(&days)) {
            problems.push(Problem::new("deletion_window_days", "must be 7 to 30"));
        }
        problems
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match KeyState::from(observed.outputs.state.as_str()) {
            KeyState::PendingDeletion | KeyState::PendingReplicaDeletion => Phase::Gone,
            KeyState::Creating | KeyState::Updating => Phase::Pending,
            _ => Phase::Ready,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let one = async |id: &Id<Self>| {
            let id = id.as_str();
            let (key, policy, rotation, tags) =
                futures::try_join!(describe(c, id), policy(c, id), rotation(c, id), tags(c, id))?;
            to_observed(&key, policy, rotation, &tags)
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut pages = c.kms().list_keys().limit(1000).into_paginator().items().send();
        let mut ids = vec![];
        while let Some(key) = pages.try_next().await.map_err(api("kms:ListKeys"))? {
            ids.extend(key.key_id().map(Id::new));
        }
        let mut found = vec![];
        for some in ids.chunks(16) {
            let all = futures::future::join_all(some.iter().map(|id: &Id<Self>| tags(c, id.as_str()))).await;
            for (id, tags) in some.iter().zip(all) {
                match tags {
                    Ok(tags) if made_for(&our_tags(&tags), owner) => found.push(id.clone()),
                    Ok(_) => {}
                    // Another's key, whose policy keeps us out, or one that went.
                    Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Gone) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(found)
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .kms()
            .create_key()
            .set_description(self.description.clone())
            .set_policy(self.policy.as_ref().and_then(text))
            .set_key_spec(self.spec.as_deref().map(KeySpec::from))
            .set_key_usage(self.usage.as_deref().map(KeyUsageType::from))
            .set_multi_region(self.multi_region)
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api_with("kms:CreateKey", principal_not_yet))?;
        let key = need("kms:CreateKey", answer.key_metadata(), "KeyMetadata")?;
        Ok((Id::new(key.key_id()), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (id, observed) = (recorded.id.as_str(), &observed.inputs);
        // First the policy: it may be what allows the rest. A disabled key takes no other change.
        if let Some(policy) = to_write(self.policy.as_ref(), observed.policy.as_ref()) {
            let request = c.kms().put_key_policy().key_id(id).policy_name("default").policy(policy);
            request.send().await.map_err(api_with("kms:PutKeyPolicy", principal_not_yet))?;
        }
        if self.enabled == Some(true) && observed.enabled != Some(true) {
            c.kms().enable_key().key_id(id).send().await.map_err(api("kms:EnableKey"))?;
        }
        if let Some(description) = self.description.as_ref().filter(|_| self.description != observed.description) {
            let request = c.kms().update_key_description().key_id(id).description(description);
            request.send().await.map_err(api("kms:UpdateKeyDescription"))?;
        }
        let period = self.rotation_period_days.is_some() && self.rotation_period_days != observed.rotation_period_days;
        if self.rotation == Some(true) && (observed.rotation != Some(true) || period) {
            let request = c.kms().enable_key_rotation().key_id(id);
            let answer = request.set_rotation_period_in_days(self.rotation_period_days).send().await;
            answer.map_err(api("kms:EnableKeyRotation"))?;
        }
        if self.rotation == Some(false) && observed.rotation == Some(true) {
            c.kms().disable_key_rotation().key_id(id).send().await.map_err(api("kms:DisableKeyRotation"))?;
        }
        let tags = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.tags);
        if !tags.set.is_empty() {
            let request = c.kms().tag_resource().key_id(id).set_tags(Some(sdk_tags(&tags.set)));
            request.send().await.map_err(api("kms:TagResource"))?;
        }
        if !tags.drop.is_empty() {
            let request = c.kms().untag_resource().key_id(id).set_tag_keys(Some(tags.drop));
            request.send().await.map_err(api("kms:UntagResource"))?;
        }
        if self.enabled == Some(false) && observed.enabled != Some(false) {
            c.kms().disable_key().key_id(id).send().await.map_err(api("kms:DisableKey"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let request = c.kms().schedule_key_deletion().key_id(recorded.id.as_str());
        let answer = request.set_pending_window_in_days(recorded.inputs.deletion_window_days).send().await;
        let scheduled = |code: &str, message: &str| {
            (code.starts_with("KMSInvalidState") && message.contains("pending deletion")).then_some(ErrorKind::Gone)
        };
        gone_ok(answer.map(drop).map_err(api_with("kms:ScheduleKeyDeletion", scheduled)))
    }
}

async fn describe(c: &Reader, id: &str) -> Result<KeyMetadata> {
    let answer = c.kms().describe_key().key_id(id).send().await.map_err(api_with("kms:DescribeKey", malformed))?;
    need("kms:DescribeKey", answer.key_metadata(), "KeyMetadata")
}

/// Treats a malformed ID as a missing key.
fn malformed(code: &str, _: &str) -> Option<ErrorKind> {
    matches!(code, "InvalidArnException" | "ValidationException").then_some(ErrorKind::Gone)
}

async fn policy(c: &Reader, id: &str) -> Result<Option<String>> {
    let answer = c.kms().get_key_policy().key_id(id).policy_name("default").send().await;
    Ok(answer.map_err(api_with("kms:GetKeyPolicy", malformed))?.policy().map(str::to_owned))
}

/// Returns the state and the period of rotation; `None` for keys that do not support it or await deletion.
async fn rotation(c: &Reader, id: &str) -> Result<Option<(bool, Option<i32>)>> {
    match c
        .kms()
        .get_key_rotation_status()
        .key_id(id)
        .send()
        .await
        .map_err(api_with("kms:GetKeyRotationStatus", malformed))
    {
        Ok(answer) => Ok(Some((answer.key_rotation_enabled(), answer.rotation_period_in_days()))),
        Err(error) => match error.code.as_deref() {
            Some("UnsupportedOperationException" | "KMSInvalidStateException") => Ok(None),
            _ => Err(error),
        },
    }
}

async fn tags(c: &Reader, id: &str) -> Result<Vec<Tag>> {
    let mut pages = c.kms().list_resource_tags().key_id(id).into_paginator().items().send();
    let mut tags = vec![];
    while let Some(tag) = pages.try_next().await.map_err(api_with("kms:ListResourceTags", malformed))? {
        tags.push(tag);
    }
    Ok(tags)
}

/// The only place where the SDK's types become ours.
fn to_observed(
    key: &KeyMetadata,
    policy: Option<String>,
    rotation: Option<(bool, Option<i32>)>,
    tags: &[Tag],
) -> Result<Observed<Key>> {
    const READ: &str = "kms:DescribeKey";
    Ok(Observed {
        inputs: Key {
            description: Some(key.description().unwrap_or_default().to_owned()),
            policy: policy.map(In::Known),
            spec: key.key_spec().map(|spec| spec.as_str().to_owned()),
            usage: key.key_usage().map(|usage| usage.as_str().to_owned()),
            multi_region: Some(key.multi_region() == Some(true)),
            enabled: Some(key.enabled()),
            rotation: Some(rotation.is_some_and(|(on, _)| on)),
            rotation_period_days: rotation.and_then(|(on, days)| days.filter(|_| on)),
            deletion_window_days: None,
            tags: our_tags(tags),
        },
        outputs: KeyOutputs {
            id: Id::new(key.key_id()),
            arn: need(READ, key.arn(), "Arn")?,
            state: need(READ, key.key_state().map(KeyState::as_str), "KeyState")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_scheduled_for_deletion_is_gone() {
        let key = KeyMetadata::builder().key_id("k").arn("arn:aws:kms:r:1:key/k").enabled(false);
        let key = key.key_state(KeyState::PendingDeletion).build().unwrap();
        let observed = to_observed(&key, None, None, &[]).unwrap();
        assert_eq!(Key::phase(None, &observed, None), Phase::Gone);
        assert_eq!((observed.inputs.rotation, observed.inputs.rotation_period_days), (Some(false), None));
    }
}
