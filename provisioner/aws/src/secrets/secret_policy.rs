//! `aws:secretsmanager:secret-policy` — who may use one secret, said by the secret.
//!
//! Beside the secret, not in it: it names roles whose own policies name the secret. A part of one secret: another
//! secret replaces it.
//! API: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html>
//!
//! Reads: one call for each.

use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, ReadResults, Receipt, Recorded, Resource},
};
use serde::{Deserialize, Serialize};

use super::ManagedSecret;
use crate::{
    cloud::{Aws, Reader, Writer},
    document::principal_not_yet,
    each::one_by_one,
    error::{api, api_with, gone_ok},
    value::text,
};

/// The resource policy of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretPolicy {
    /// Secret of the policy.
    pub secret: In<Id<ManagedSecret>>,
    /// Policy as a JSON document.
    pub policy: In<String>,
    /// `true` if AWS is to refuse a policy that lets everybody in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_public_policy: Option<bool>,
}

/// The outputs of a secret's policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretPolicyOutputs {
    /// The ARN of the secret.
    pub id: Id<SecretPolicy>,
}

impl SecretPolicy {
    /// This policy on this secret.
    pub fn new(secret: In<Id<ManagedSecret>>, policy: In<String>) -> Self {
        Self { secret, policy, block_public_policy: None }
    }
}

impl Resource for SecretPolicy {
    const TYPE: &'static str = "aws:secretsmanager:secret-policy";
    const FIELDS: &'static [Field] = &[
        Field::new("secret").replaces(),
        Field::new("policy").document().may_dangle(),
        Field::new("block_public_policy").write_only(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["secret"]];
    const PART_OF: Option<&'static str> = Some("secret");
    const ACTIONS: Actions = Actions {
        read: &["secretsmanager:GetResourcePolicy"],
        create: &["secretsmanager:GetResourcePolicy", "secretsmanager:PutResourcePolicy"],
        update: &["secretsmanager:PutResourcePolicy"],
        delete: &["secretsmanager:DeleteResourcePolicy"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] =
        &[("PolicyName", "a secret has one, of the default name")];
    type Cloud = Aws;
    type Outputs = SecretPolicyOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let one = async |id: &Id<Self>| {
            let policy = there(c, id.as_str()).await?;
            policy.map(|policy| to_observed(id, policy)).ok_or_else(|| Error::new(ErrorKind::Gone, READ))
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(secret) = text(&self.secret) else { return Ok(vec![]) };
        match there(c, &secret).await {
            Ok(policy) => Ok(policy.map(|_| Id::new(secret)).into_iter().collect()),
            Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call would overwrite another's.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, WRITE, "the secret has a policy already"));
        }
        self.write(c).await?;
        Ok((Id::new(text(&self.secret).unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
        self.write(c).await.map(|()| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.secrets().delete_resource_policy().secret_id(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("secretsmanager:DeleteResourcePolicy")))
    }
}

impl SecretPolicy {
    async fn write(&self, c: &Writer) -> Result<()> {
        let request = c.secrets().put_resource_policy().set_secret_id(text(&self.secret));
        let request = request.set_resource_policy(text(&self.policy)).set_block_public_policy(self.block_public_policy);
        request.send().await.map(drop).map_err(api_with(WRITE, principal_not_yet))
    }
}

const READ: &str = "secretsmanager:GetResourcePolicy";
const WRITE: &str = "secretsmanager:PutResourcePolicy";

async fn there(c: &Reader, secret: &str) -> Result<Option<String>> {
    let answer = c.secrets().get_resource_policy().secret_id(secret).send().await.map_err(api(READ))?;
    Ok(answer.resource_policy().map(str::to_owned))
}

/// The only place where the API's answer becomes ours.
fn to_observed(id: &Id<SecretPolicy>, policy: String) -> Observed<SecretPolicy> {
    Observed {
        inputs: SecretPolicy { secret: Id::new(id.as_str()).into(), policy: policy.into(), block_public_policy: None },
        outputs: SecretPolicyOutputs { id: id.clone() },
    }
}
