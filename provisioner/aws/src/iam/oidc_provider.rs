//! `aws:iam:oidc-provider`: an issuer of tokens that roles may trust, such as GitHub.
//!
//! An account has one for each URL, which cannot change: another URL replaces it. Several environments, and other teams,
//! share one. An update therefore adds its audiences and thumbprints to those of others, and removes only what this
//! environment added.
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>
//!
//! Reads: one call for each provider.

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;
use provisioner_model::ownership::may_have_other_users;

use super::{our_tags, sdk_tags};
use crate::{each::one_by_one, items::ItemChange, prelude::*, tags::made_for};

/// An issuer of tokens that roles may trust.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:iam:oidc-provider",
    cloudformation = "AWS::IAM::OIDCProvider",
    create = "iam:CreateOpenIDConnectProvider",
    unique(url),
    omitted(ContextProvider | IdentityCenterInstanceArn = "for people of IAM Identity Center")
)]
pub struct OidcProvider {
    /// The issuer's URL: `https://token.actions.githubusercontent.com`.
    #[field(replaces)]
    pub url: String,
    /// The accepted audiences of a token: `sts.amazonaws.com`.
    #[field(required, items)]
    pub client_id_list: Vec<String>,
    /// SHA-1 thumbprints of the issuer's certificates. AWS needs none for an issuer with a certificate of a public
    /// authority.
    #[field(items)]
    pub thumbprint_list: Option<Vec<String>>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of an identity provider.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct OidcProviderOutputs {
    /// The provider's ARN.
    #[output(constant = "ARN")]
    pub id: Id<OidcProvider>,
}

impl Resource for OidcProvider {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["iam:GetOpenIDConnectProvider", "iam:ListOpenIDConnectProviders"],
        create: &["iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"],
        update: &[
            "iam:AddClientIDToOpenIDConnectProvider",
            "iam:RemoveClientIDFromOpenIDConnectProvider",
            "iam:UpdateOpenIDConnectProviderThumbprint",
            "iam:TagOpenIDConnectProvider",
            "iam:UntagOpenIDConnectProvider",
        ],
        delete: &["iam:DeleteOpenIDConnectProvider"],
    };
    type Cloud = Aws;
    type Outputs = OidcProviderOutputs;

    fn problems(&self) -> Vec<Problem> {
        let fine = self.url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/'));
        if fine {
            return vec![];
        }
        vec![Problem::new(Field::Url, "expected https://HOST[/PATH] without a trailing slash")]
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // Another kind of id would be refused, not missed.
        let ids: Vec<_> = ids.iter().filter(|id| id.as_str().starts_with("arn:")).cloned().collect();
        Ok(one_by_one(&ids, async |id: &Id<Self>| to_observed(id, &get(c, id.as_str()).await?)).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let ids = self.find_by_unique_key(c).await?;
        let mut found = vec![];
        for (id, observed) in Self::read_many(c, &ids).await? {
            if made_for(&observed?.inputs.tags, owner) {
                found.push(id);
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let answer = c.iam().list_open_id_connect_providers().send().await;
        let answer = answer.map_err(api("iam:ListOpenIDConnectProviders"))?;
        let end = format!(":oidc-provider/{}", bare(&self.url));
        let arns = answer.open_id_connect_provider_list().iter().filter_map(|entry| entry.arn());
        Ok(arns.filter(|arn| arn.ends_with(&end)).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = c.iam().create_open_id_connect_provider().set_tags(Some(sdk_tags(&self.tags)));
        let request = set_inputs!(request, self => url, client_id_list, thumbprint_list);
        let answer = request.send().await.map_err(api(CREATE))?;
        Ok((member(CREATE, "OpenIDConnectProviderArn", answer.open_id_connect_provider_arn())?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let arn = recorded.id.as_str();
        let others = may_have_other_users(&recorded.inputs.tags, &observed.inputs.tags);
        let change = |desired, recorded: &[String], observed| {
            ItemChange::between(desired, if others { &[] } else { recorded }, observed)
        };
        let clients = change(&self.client_id_list, &recorded.inputs.client_id_list, &observed.inputs.client_id_list);
        for client in &clients.add {
            let request = c.iam().add_client_id_to_open_id_connect_provider();
            let answer = request.open_id_connect_provider_arn(arn).client_id(client).send().await;
            answer.map_err(api("iam:AddClientIDToOpenIDConnectProvider"))?;
        }
        for client in &clients.remove {
            let request = c.iam().remove_client_id_from_open_id_connect_provider();
            let answer = request.open_id_connect_provider_arn(arn).client_id(client).send().await;
            answer.map_err(api("iam:RemoveClientIDFromOpenIDConnectProvider"))?;
        }
        // The call replaces the whole list.
        let current = observed.inputs.thumbprint_list.as_deref().unwrap_or_default();
        let thumbprints = self
            .thumbprint_list
            .as_deref()
            .map(|desired| change(desired, recorded.inputs.thumbprint_list.as_deref().unwrap_or_default(), current));
        if let Some(change) = thumbprints.filter(|change| !change.is_empty()) {
            let request = c.iam().update_open_id_connect_provider_thumbprint().open_id_connect_provider_arn(arn);
            let answer = request.set_thumbprint_list(Some(change.merged(current))).send().await;
            answer.map_err(api("iam:UpdateOpenIDConnectProviderThumbprint"))?;
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.iam().tag_open_id_connect_provider().open_id_connect_provider_arn(arn)
                => "iam:TagOpenIDConnectProvider",
            c.iam().untag_open_id_connect_provider().open_id_connect_provider_arn(arn)
                => "iam:UntagOpenIDConnectProvider");
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let request = c.iam().delete_open_id_connect_provider().open_id_connect_provider_arn(recorded.id.as_str());
        gone_ok(request.send().await.map(drop).map_err(api("iam:DeleteOpenIDConnectProvider")))
    }
}

const CREATE: &str = "iam:CreateOpenIDConnectProvider";
const READ: &str = "iam:GetOpenIDConnectProvider";

fn bare(url: &str) -> &str {
    url.strip_prefix("https://").unwrap_or(url)
}

async fn get(c: &Reader, arn: &str) -> Result<GetOpenIdConnectProviderOutput> {
    c.iam().get_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await.map_err(api(READ))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(id: &Id<OidcProvider>, sdk: &GetOpenIdConnectProviderOutput) -> Result<Observed<OidcProvider>> {
    Ok(Observed {
        inputs: from_sdk!(READ, sdk => OidcProvider {
            client_id_list, thumbprint_list;
            // The API returns the URL without its scheme.
            url: format!("https://{}", bare(&need(READ, sdk.url(), "Url")?)),
            tags: our_tags(sdk.tags()),
        }),
        outputs: OidcProviderOutputs { id: id.clone() },
    })
}
