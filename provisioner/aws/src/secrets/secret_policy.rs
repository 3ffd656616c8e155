//! `aws:secretsmanager:secret-policy`: the resource policy of one secret.
//!
//! Beside the secret, not in it: it names roles whose own policies name the secret. A part of one secret: another
//! secret replaces it.
//! API: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html>
//!
//! Reads: one call for each.

use super::ManagedSecret;
use crate::{document::principal_not_yet, each::one_by_one, prelude::*};

/// The resource policy of a secret.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:secretsmanager:secret-policy",
    cloudformation = "AWS::SecretsManager::ResourcePolicy",
    create = "secretsmanager:PutResourcePolicy",
    unique(secret_id),
    omitted(PolicyName = "a secret has one, of the default name")
)]
pub struct SecretPolicy {
    /// The secret.
    #[field(replaces, part_of)]
    pub secret_id: In<Id<ManagedSecret>>,
    /// The policy as a JSON document.
    #[field(document, may_dangle)]
    pub resource_policy: In<String>,
    /// `true` if AWS refuses a policy that grants access to everyone.
    #[field(write_only)]
    pub block_public_policy: Option<bool>,
}

/// The outputs of a secret's policy.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct SecretPolicyOutputs {
    /// The secret's ARN.
    pub id: Id<SecretPolicy>,
}

impl Resource for SecretPolicy {
    const ACTIONS: Actions = Actions {
        read: &["secretsmanager:GetResourcePolicy"],
        create: &["secretsmanager:GetResourcePolicy", "secretsmanager:PutResourcePolicy"],
        update: &["secretsmanager:PutResourcePolicy"],
        delete: &["secretsmanager:DeleteResourcePolicy"],
    };
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
        let Some(secret) = text(&self.secret_id) else { return Ok(vec![]) };
        let policy = none_if(ErrorKind::Gone, there(c, &secret).await)?.flatten();
        Ok(policy.map(|_| Id::new(secret)).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call would overwrite a foreign policy.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, WRITE, "the secret has a policy already"));
        }
        self.write(c).await?;
        Ok((Id::new(text(&self.secret_id).unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Updated> {
        self.write(c).await.map(|()| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.secrets().delete_resource_policy().secret_id(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("secretsmanager:DeleteResourcePolicy")))
    }
}

impl SecretPolicy {
    async fn write(&self, c: &Writer) -> Result<()> {
        let request = c.secrets().put_resource_policy();
        let request = set_inputs!(request, self => secret_id, resource_policy, block_public_policy);
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
        inputs: SecretPolicy::new(Id::new(id.as_str()).into(), policy),
        outputs: SecretPolicyOutputs { id: id.clone() },
    }
}
