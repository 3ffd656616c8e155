//! `aws:iam:oidc-provider` — an issuer of tokens that roles may trust, GitHub's, say.
//!
//! An account has one for each URL, which cannot change: another URL replaces it. Several environments share one.
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>
//!
//! Reads: one call for each provider.

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;
use provisioner_model::{
    error::Result,
    resource::{Actions, Created, Field, Id, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{our_tags, sdk_tags};
use crate::{
    cloud::{Aws, Reader, Writer},
    each::one_by_one,
    error::{api, gone_ok, need},
    tags::{TagChange, made_for},
};

/// An issuer of tokens that roles may trust.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OidcProvider {
    /// Issuer URL, such as `https://token.actions.githubusercontent.com`.
    pub url: String,
    /// Whom its tokens may be for: `sts.amazonaws.com`.
    pub client_ids: Vec<String>,
    /// Of its certificates; AWS needs none for an issuer that a public authority vouches for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprints: Option<Vec<String>>,
    /// Tags of the OIDC provider, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of an identity provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OidcProviderOutputs {
    /// The ARN of the OIDC provider.
    pub id: Id<OidcProvider>,
}

impl OidcProvider {
    /// The ARN of the OIDC provider.
    pub const ARN: Output<Self, String> = Output::new("id");

    /// The issuer at this URL, for tokens meant for these.
    pub fn new<S: Into<String>>(url: impl Into<String>, client_ids: impl IntoIterator<Item = S>) -> Self {
        let client_ids = client_ids.into_iter().map(Into::into).collect();
        Self { url: url.into(), client_ids, thumbprints: None, tags: Tags::new() }
    }
}

impl Resource for OidcProvider {
    const TYPE: &'static str = "aws:iam:oidc-provider";
    const FIELDS: &'static [Field] = &[
        Field::new("url").replaces(),
        Field::new("client_ids").set(),
        Field::new("thumbprints").set(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["url"]];
    const TAGGED: bool = true;
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
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] =
        &[("ContextProvider", "for people of IAM Identity Center, as is IdentityCenterInstanceArn")];
    type Cloud = Aws;
    type Outputs = OidcProviderOutputs;

    fn problems(&self) -> Vec<Problem> {
        let fine = self.url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/'));
        if fine { vec![] } else { vec![Problem::new("url", "must be https://HOST[/PATH], with no slash at the end")] }
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
        let answer = c
            .iam()
            .create_open_id_connect_provider()
            .url(&self.url)
            .set_client_id_list(Some(self.client_ids.clone()))
            .set_thumbprint_list(self.thumbprints.clone())
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api(CREATE))?;
        Ok((Id::new(need(CREATE, answer.open_id_connect_provider_arn(), "OpenIDConnectProviderArn")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (arn, observed) = (recorded.id.as_str(), &observed.inputs);
        for client in self.client_ids.iter().filter(|client| !observed.client_ids.contains(client)) {
            let request = c.iam().add_client_id_to_open_id_connect_provider();
            let answer = request.open_id_connect_provider_arn(arn).client_id(client).send().await;
            answer.map_err(api("iam:AddClientIDToOpenIDConnectProvider"))?;
        }
        for client in observed.client_ids.iter().filter(|client| !self.client_ids.contains(client)) {
            let request = c.iam().remove_client_id_from_open_id_connect_provider();
            let answer = request.open_id_connect_provider_arn(arn).client_id(client).send().await;
            answer.map_err(api("iam:RemoveClientIDFromOpenIDConnectProvider"))?;
        }
        if let Some(thumbprints) = self.thumbprints.as_ref().filter(|_| self.thumbprints != observed.thumbprints) {
            let request = c.iam().update_open_id_connect_provider_thumbprint().open_id_connect_provider_arn(arn);
            let answer = request.set_thumbprint_list(Some(thumbprints.clone())).send().await;
            answer.map_err(api("iam:UpdateOpenIDConnectProviderThumbprint"))?;
        }
        let tags = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.tags);
        if !tags.set.is_empty() {
            let request = c.iam().tag_open_id_connect_provider().open_id_connect_provider_arn(arn);
            let answer = request.set_tags(Some(sdk_tags(&tags.set))).send().await;
            answer.map_err(api("iam:TagOpenIDConnectProvider"))?;
        }
        if !tags.drop.is_empty() {
            let request = c.iam().untag_open_id_connect_provider().open_id_connect_provider_arn(arn);
            let answer = request.set_tag_keys(Some(tags.drop)).send().await;
            answer.map_err(api("iam:UntagOpenIDConnectProvider"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let request = c.iam().delete_open_id_connect_provider().open_id_connect_provider_arn(recorded.id.as_str());
        gone_ok(request.send().await.map(drop).map_err(api("iam:DeleteOpenIDConnectProvider")))
    }
}

const CREATE: &str = "iam:CreateOpenIDConnectProvider";

fn bare(url: &str) -> &str {
    url.strip_prefix("https://").unwrap_or(url)
}

async fn get(c: &Reader, arn: &str) -> Result<GetOpenIdConnectProviderOutput> {
    let request = c.iam().get_open_id_connect_provider().open_id_connect_provider_arn(arn);
    request.send().await.map_err(api("iam:GetOpenIDConnectProvider"))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(id: &Id<OidcProvider>, observed: &GetOpenIdConnectProviderOutput) -> Result<Observed<OidcProvider>> {
    // The API gives the URL back without its scheme.
    let url = format!("https://{}", bare(&need("iam:GetOpenIDConnectProvider", observed.url(), "Url")?));
    Ok(Observed {
        inputs: OidcProvider {
            url,
            client_ids: observed.client_id_list().to_vec(),
            thumbprints: Some(observed.thumbprint_list().to_vec()),
            tags: our_tags(observed.tags()),
        },
        outputs: OidcProviderOutputs { id: id.clone() },
    })
}
