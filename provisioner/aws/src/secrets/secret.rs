//! `aws:secretsmanager:secret` — a secret whose value AWS keeps, and which the program never reads.
//!
//! A secret's name is in its ARN, so a change to it replaces it. A deleted secret is gone at once, though its name
//! stays taken until the recovery window ends.
//! API: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
//!
//! Reads: one call for each secret. The list of many lags up to five minutes behind, says its documentation: what was
//! just made or changed would seem missing or unchanged. No read ever asks for a value.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use provisioner_model::{
    Secret,
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Phase, Problem, ReadResults, Receipt, Recorded, Resource,
        Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{our_tags, sdk_tags};
use crate::{
    cloud::{Aws, Reader, Writer},
    each::one_by_one,
    error::{api, api_with, gone_ok, need},
    tags::{TagChange, made_for},
    value::text,
};

/// A secret whose value AWS keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedSecret {
    /// Generated where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A description of the secret for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The key that it is encrypted with, as its ARN; AWS's own where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<In<String>>,
    /// Source of the value. A change writes a new value; `None` leaves the value unmanaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<SecretValue>,
    /// Recovery window of a deleted secret in days: 7 to 30, or 0 for immediate deletion; default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_window_days: Option<i64>,
    /// Tags of the secret, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The source of a secret's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretValue {
    /// Made by AWS, written, and forgotten.
    Generated(Generated),
    /// From the run's table of secrets.
    Given(Secret),
}

/// The alphabet of a generated value: letters, digits and punctuation, without the excluded characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// In characters, 1 to 4096.
    pub length: i64,
    /// Characters that the value excludes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exclude_characters: String,
    /// Excludes punctuation from the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_punctuation: bool,
    /// Excludes digits from the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_numbers: bool,
    /// Excludes upper-case letters from the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_uppercase: bool,
    /// Excludes lower-case letters from the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_lowercase: bool,
    /// A higher one writes a new value.
    #[serde(default)]
    pub version: u32,
}

impl Generated {
    /// So many letters and digits.
    pub fn letters_and_digits(length: i64) -> Self {
        Self {
            length,
            exclude_characters: String::new(),
            exclude_punctuation: true,
            exclude_numbers: false,
            exclude_uppercase: false,
            exclude_lowercase: false,
            version: 0,
        }
    }
}

/// The outputs of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedSecretOutputs {
    /// Its ARN, with six characters at its end that no other secret of this name has.
    pub id: Id<ManagedSecret>,
    /// The name of the secret.
    pub name: String,
    /// `true` if it waits for its deletion.
    pub deleted: bool,
}

impl ManagedSecret {
    /// The ARN of the secret.
    pub const ARN: Output<Self, String> = Output::new("id");
    /// The name of the secret.
    pub const SECRET_NAME: Output<Self, String> = Output::new("name");

    /// A secret with this value.
    pub fn new(value: SecretValue) -> Self {
        Self {
            name: None,
            description: None,
            kms_key: None,
            value: Some(value),
            recovery_window_days: None,
            tags: Tags::new(),
        }
    }
}

impl Resource for ManagedSecret {
    const TYPE: &'static str = "aws:secretsmanager:secret";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("description"),
        Field::new("kms_key"),
        Field::new("value").write_only().exact(),
        Field::new("recovery_window_days").write_only(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 512));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["secretsmanager:DescribeSecret"],
        create: &[
            "secretsmanager:GetRandomPassword",
            "secretsmanager:CreateSecret",
            "secretsmanager:TagResource",
            // Where a key is stated.
            "kms:GenerateDataKey",
            "kms:Decrypt",
        ],
        update: &[
            "secretsmanager:GetRandomPassword",
            "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
            "kms:GenerateDataKey",
            "kms:Decrypt",
        ],
        delete: &["secretsmanager:DeleteSecret"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("ClientRequestToken", "the engine's token"),
        ("SecretBinary", "text only so far"),
        ("AddReplicaRegions", "one region for each stack so far"),
        ("ForceOverwriteReplicaSecret", "one region for each stack so far"),
        ("Type", "for secrets that partners of AWS hold"),
        ("CrossAccountPrimaryARN", "one account for each stack so far"),
    ];
    type Cloud = Aws;
    type Outputs = ManagedSecretOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.recovery_window_days.is_some_and(|days| days != 0 && !(7..=30).contains(&days)) {
            problems.push(Problem::new("recovery_window_days", "must be 0, or 7 to 30"));
        }
        if let Some(SecretValue::Generated(generated)) = &self.value
            && !(1..=4096).contains(&generated.length)
        {
            problems.push(Problem::new("value", "length must be 1 to 4096"));
        }
        problems
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        if observed.outputs.deleted { Phase::Gone } else { Phase::Ready }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        Ok(one_by_one(ids, async |id: &Id<Self>| to_observed(&describe(c, id.as_str()).await?)).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let observed = self.named(c).await?;
        Ok(observed
            .filter(|observed| made_for(&observed.inputs.tags, owner))
            .map(|observed| observed.outputs.id)
            .into_iter()
            .collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        Ok(self.named(c).await?.map(|observed| observed.outputs.id).into_iter().collect())
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let value = self.fresh_value(c).await?;
        let answer = c
            .secrets()
            .create_secret()
            .set_name(self.name.clone())
            .set_client_request_token(Some(owner.token.clone()).filter(|token| (32..=64).contains(&token.len())))
            .set_description(self.description.clone())
            .set_kms_key_id(self.kms_key.as_ref().and_then(text))
            .set_secret_string(value)
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api_with("secretsmanager:CreateSecret", name_not_yet_free))?;
        Ok((Id::new(need("secretsmanager:CreateSecret", answer.arn(), "ARN")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (id, observed) = (recorded.id.as_str(), &observed.inputs);
        let description = self.description.clone().filter(|_| self.description != observed.description);
        let key = self.kms_key.as_ref().filter(|_| self.kms_key != observed.kms_key).and_then(text);
        if description.is_some() || key.is_some() {
            let request = c.secrets().update_secret().secret_id(id).set_description(description);
            request.set_kms_key_id(key).send().await.map_err(api("secretsmanager:UpdateSecret"))?;
        }
        if self.value.is_some() && self.value != recorded.inputs.value {
            let value = self.fresh_value(c).await?;
            let request = c.secrets().put_secret_value().secret_id(id).set_secret_string(value);
            request.send().await.map_err(api("secretsmanager:PutSecretValue"))?;
        }
        let tags = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.tags);
        if !tags.set.is_empty() {
            let request = c.secrets().tag_resource().secret_id(id).set_tags(Some(sdk_tags(&tags.set)));
            request.send().await.map_err(api("secretsmanager:TagResource"))?;
        }
        if !tags.drop.is_empty() {
            let request = c.secrets().untag_resource().secret_id(id).set_tag_keys(Some(tags.drop));
            request.send().await.map_err(api("secretsmanager:UntagResource"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let window = recorded.inputs.recovery_window_days;
        let request = c.secrets().delete_secret().secret_id(recorded.id.as_str());
        let request = match window {
            Some(0) => request.force_delete_without_recovery(true),
            window => request.set_recovery_window_in_days(window),
        };
        let scheduled = |code: &str, message: &str| {
            let done = message.contains("marked deleted") || message.contains("marked for deletion");
            (code == "InvalidRequestException" && (done || message.contains("scheduled for deletion")))
                .then_some(ErrorKind::Gone)
        };
        gone_ok(request.send().await.map(drop).map_err(api_with("secretsmanager:DeleteSecret", scheduled)))
    }
}

impl ManagedSecret {
    /// The one of this name, unless it waits for its deletion.
    async fn named(&self, c: &Reader) -> Result<Option<Observed<Self>>> {
        let Some(name) = &self.name else { return Ok(None) };
        match describe(c, name).await {
            Ok(observed) => Ok(Some(to_observed(&observed)?).filter(|observed| !observed.outputs.deleted)),
            Err(error) if error.kind == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A value to write. It lives until the call that writes it, and in nothing that is kept.
    async fn fresh_value(&self, c: &Writer) -> Result<Option<String>> {
        match &self.value {
            None => Ok(None),
            Some(SecretValue::Given(secret)) => match secret.expose() {
                Some(value) => Ok(Some(value.to_owned())),
                None => {
                    Err(Error::bug("secretsmanager:PutSecretValue", format!("{secret:?} has no value in this run")))
                }
            },
            Some(SecretValue::Generated(rules)) => {
                let exclude = Some(rules.exclude_characters.clone()).filter(|characters| !characters.is_empty());
                let answer = c
                    .read()
                    .secrets()
                    .get_random_password()
                    .password_length(rules.length)
                    .set_exclude_characters(exclude)
                    .exclude_punctuation(rules.exclude_punctuation)
                    .exclude_numbers(rules.exclude_numbers)
                    .exclude_uppercase(rules.exclude_uppercase)
                    .exclude_lowercase(rules.exclude_lowercase)
                    .send()
                    .await
                    .map_err(api("secretsmanager:GetRandomPassword"))?;
                need("secretsmanager:GetRandomPassword", answer.random_password(), "RandomPassword").map(Some)
            }
        }
    }
}

/// A deletion without recovery goes on for a while after its call.
fn name_not_yet_free(code: &str, message: &str) -> Option<ErrorKind> {
    (code == "InvalidRequestException" && message.contains("scheduled for deletion")).then_some(ErrorKind::NotYet)
}

async fn describe(c: &Reader, id: &str) -> Result<DescribeSecretOutput> {
    c.secrets().describe_secret().secret_id(id).send().await.map_err(api("secretsmanager:DescribeSecret"))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(secret: &DescribeSecretOutput) -> Result<Observed<ManagedSecret>> {
    const READ: &str = "secretsmanager:DescribeSecret";
    Ok(Observed {
        inputs: ManagedSecret {
            name: secret.name().map(str::to_owned),
            description: Some(secret.description().unwrap_or_default().to_owned()),
            kms_key: secret.kms_key_id().map(Into::into),
            value: None,
            recovery_window_days: None,
            tags: our_tags(secret.tags()),
        },
        outputs: ManagedSecretOutputs {
            id: Id::new(need(READ, secret.arn(), "ARN")?),
            name: need(READ, secret.name(), "Name")?,
            deleted: secret.deleted_date().is_some(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secret_value_is_compared_by_version_only() {
        let secret = ManagedSecret::new(SecretValue::Given(Secret::new("key", 2)));
        let inputs = serde_json::to_value(&secret).unwrap();
        assert_eq!(inputs["value"], json!({"given": {"$secret": "key", "version": 2}}));
    }

    #[test]
    fn secret_scheduled_for_deletion_is_gone() {
        let sdk = DescribeSecretOutput::builder().arn("arn:aws:s").name("s");
        let sdk = sdk.deleted_date(aws_smithy_types::DateTime::from_secs(1)).build();
        assert_eq!(ManagedSecret::phase(None, &to_observed(&sdk).unwrap(), None), Phase::Gone);
    }
}
