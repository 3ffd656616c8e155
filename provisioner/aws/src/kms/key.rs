//! `aws:kms:key`: a key that never leaves KMS.
//!
//! A key's spec, usage and multi-region setting are fixed at creation, so a change to one of them replaces it. KMS does
//! not delete a key at once: it schedules the deletion, and the key counts as gone from then on.
//! API: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>
//!
//! Reads: four calls for each key (no call tells of many). To find one: the list, and one call for each key in it.

use aws_sdk_kms::types::{KeyListEntry, KeyMetadata, KeyState, Tag};
use futures::future::join_all;
use serde_json::json;

use super::{our_tags, sdk_tags};
use crate::{document::principal_not_yet, each::one_by_one, prelude::*, tags::made_for};

/// A key that never leaves KMS.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:kms:key",
    cloudformation = "AWS::KMS::Key",
    attributes(arn = "Arn"),
    create = "kms:CreateKey",
    omitted(
        CustomerMasterKeySpec = "the old name of KeySpec",
        Origin = "KMS creates the key material; imported material cannot be declared",
        CustomKeyStoreId | XksKeyId = "custom key stores are not supported",
        BypassPolicyLockoutSafetyCheck = "the check is what keeps a key manageable",
    )
)]
pub struct Key {
    /// A description for readers.
    #[field(cloud_default = "")]
    pub description: Option<String>,
    /// The key policy; if absent, the account's IAM policies control access.
    #[field(document, may_dangle, cloud_default = none, property = "KeyPolicy")]
    pub policy: Option<In<String>>,
    /// `SYMMETRIC_DEFAULT` if absent.
    #[field(replaces)]
    pub key_spec: Option<String>,
    /// `ENCRYPT_DECRYPT` if absent.
    #[field(replaces)]
    pub key_usage: Option<String>,
    /// `true` if the key can have replicas in other regions.
    #[field(replaces)]
    pub multi_region: Option<bool>,
    /// `true` if the key can be used; AWS's default is yes.
    #[field(cloud_default = true)]
    pub enabled: Option<bool>,
    /// `true` if KMS generates new key material periodically; AWS's default is no. Data that older material encrypted stays
    /// readable.
    #[field(cloud_default = false, property = "EnableKeyRotation")]
    pub key_rotation_enabled: Option<bool>,
    /// Rotation period in days: 90 to 2560; 365 if absent.
    #[field(cloud_default = none)]
    pub rotation_period_in_days: Option<i32>,
    /// Waiting period before a deletion in days: 7 to 30; 30 if absent.
    #[field(write_only)]
    pub pending_window_in_days: Option<i32>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of a key.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct KeyOutputs {
    /// The key's ID, a UUID.
    #[output(constant = "KEY_ID")]
    pub id: Id<Key>,
    /// The key's ARN.
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` or another.
    pub state: String,
}

impl Resource for Key {
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
    type Cloud = Aws;
    type Outputs = KeyOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.rotation_period_in_days.is_some_and(|days| !(90..=2560).contains(&days)) {
            problems.push(Problem::new(Field::RotationPeriodInDays, "expected 90 to 2560 (days)"));
        }
        if self.rotation_period_in_days.is_some() && self.key_rotation_enabled != Some(true) {
            problems.push(Problem::new(Field::RotationPeriodInDays, "requires `key_rotation_enabled`"));
        }
        if self.pending_window_in_days.is_some_and(|days| !(7..=30).contains(&days)) {
            problems.push(Problem::new(Field::PendingWindowInDays, "expected 7 to 30 (days)"));
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
        let pages = c.kms().list_keys().limit(1000).into_paginator().items().send();
        let keys: Vec<KeyListEntry> = pages.collect::<Result<_, _>>().await.map_err(api("kms:ListKeys"))?;
        let ids: Vec<Id<Self>> = keys.iter().filter_map(KeyListEntry::key_id).map(Id::new).collect();
        let mut found = vec![];
        for some in ids.chunks(16) {
            let all = join_all(some.iter().map(|id| tags(c, id.as_str()))).await;
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
        let request = c.kms().create_key().set_tags(Some(sdk_tags(&self.tags)));
        let request = set_inputs!(request, self => description, policy, key_spec, key_usage, multi_region);
        let answer = request.send().await.map_err(api_with("kms:CreateKey", principal_not_yet))?;
        let key = need("kms:CreateKey", answer.key_metadata(), "KeyMetadata")?;
        Ok((Id::new(key.key_id()), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let id = recorded.id.as_str();
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        // First the policy: it may be what allows the rest. A disabled key takes no other change.
        if changed.contains(Field::Policy) {
            let policy = self.policy.as_ref().and_then(text).unwrap_or_else(|| default_policy(&observed.outputs.arn));
            let request = c.kms().put_key_policy().key_id(id).policy_name("default").policy(policy);
            request.send().await.map_err(api_with("kms:PutKeyPolicy", principal_not_yet))?;
        }
        let enable = changed.pick(Field::Enabled, &self.enabled);
        if enable == Some(true) {
            c.kms().enable_key().key_id(id).send().await.map_err(api("kms:EnableKey"))?;
        }
        if changed.contains(Field::Description) {
            let request = set_inputs!(c.kms().update_key_description().key_id(id), self => description);
            request.send().await.map_err(api("kms:UpdateKeyDescription"))?;
        }
        let rotation = changed.contains_any(&[Field::KeyRotationEnabled, Field::RotationPeriodInDays]);
        if rotation && self.key_rotation_enabled == Some(true) {
            // A period that is no longer stated returns to KMS's default.
            let dropped = changed.contains(Field::RotationPeriodInDays).then_some(DEFAULT_ROTATION_PERIOD);
            let period = self.rotation_period_in_days.or(dropped);
            let request = c.kms().enable_key_rotation().key_id(id).set_rotation_period_in_days(period);
            request.send().await.map_err(api("kms:EnableKeyRotation"))?;
        }
        if changed.pick(Field::KeyRotationEnabled, &self.key_rotation_enabled) == Some(false) {
            c.kms().disable_key_rotation().key_id(id).send().await.map_err(api("kms:DisableKeyRotation"))?;
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.kms().tag_resource().key_id(id) => "kms:TagResource",
            c.kms().untag_resource().key_id(id) => "kms:UntagResource");
        if enable == Some(false) {
            c.kms().disable_key().key_id(id).send().await.map_err(api("kms:DisableKey"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let request = c.kms().schedule_key_deletion().key_id(recorded.id.as_str());
        let answer = set_inputs!(request, recorded.inputs => pending_window_in_days).send().await;
        let scheduled = |code: &str, message: &str| {
            (code.starts_with("KMSInvalidState") && message.contains("pending deletion")).then_some(ErrorKind::Gone)
        };
        gone_ok(answer.map(drop).map_err(api_with("kms:ScheduleKeyDeletion", scheduled)))
    }
}

const READ: &str = "kms:DescribeKey";
/// Days: <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>
const DEFAULT_ROTATION_PERIOD: i32 = 365;

/// The policy of a key that was created by the API without one:
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
fn default_policy(arn: &str) -> String {
    let mut parts = arn.split(':');
    let (partition, account) = (parts.nth(1).unwrap_or("aws"), parts.nth(2).unwrap_or_default());
    let statement = json!({
        "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": { "AWS": format!("arn:{partition}:iam::{account}:root") },
    });
    json!({ "Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement] }).to_string()
}

async fn describe(c: &Reader, id: &str) -> Result<KeyMetadata> {
    let answer = c.kms().describe_key().key_id(id).send().await.map_err(api_with(READ, malformed))?;
    need(READ, answer.key_metadata(), "KeyMetadata")
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
    let answer = c.kms().get_key_rotation_status().key_id(id).send().await;
    match answer.map_err(api_with("kms:GetKeyRotationStatus", malformed)) {
        Ok(answer) => Ok(Some((answer.key_rotation_enabled(), answer.rotation_period_in_days()))),
        Err(error) => match error.code.as_deref() {
            Some("UnsupportedOperationException" | "KMSInvalidStateException") => Ok(None),
            _ => Err(error),
        },
    }
}

async fn tags(c: &Reader, id: &str) -> Result<Vec<Tag>> {
    let pages = c.kms().list_resource_tags().key_id(id).into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.map_err(api_with("kms:ListResourceTags", malformed))
}

/// The only place where the SDK's types become ours.
fn to_observed(
    key: &KeyMetadata,
    policy: Option<String>,
    rotation: Option<(bool, Option<i32>)>,
    tags: &[Tag],
) -> Result<Observed<Key>> {
    Ok(Observed {
        inputs: from_sdk!(READ, key => Key {
            key_spec, key_usage, enabled;
            description: Some(key.description().unwrap_or_default().to_owned()),
            policy: policy.map(In::Known),
            multi_region: Some(key.multi_region() == Some(true)),
            key_rotation_enabled: Some(rotation.is_some_and(|(on, _)| on)),
            rotation_period_in_days: rotation.and_then(|(on, days)| days.filter(|_| on)),
            pending_window_in_days: None,
            tags: our_tags(tags),
        }),
        outputs: from_sdk!(READ, key => KeyOutputs { id = key_id, arn, state = key_state }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_policy_names_the_account_of_the_key() {
        let policy = default_policy("arn:aws-cn:kms:cn-north-1:123456789012:key/k");
        assert!(policy.contains(r#""AWS":"arn:aws-cn:iam::123456789012:root""#), "{policy}");
    }

    #[test]
    fn key_scheduled_for_deletion_is_gone() {
        let key = KeyMetadata::builder().key_id("k").arn("arn:aws:kms:r:1:key/k").enabled(false);
        let key = key.key_state(KeyState::PendingDeletion).build().unwrap();
        let observed = to_observed(&key, None, None, &[]).unwrap();
        assert_eq!(Key::phase(None, &observed, None), Phase::Gone);
        assert_eq!(
            (observed.inputs.key_rotation_enabled, observed.inputs.rotation_period_in_days),
            (Some(false), None)
        );
    }
}
