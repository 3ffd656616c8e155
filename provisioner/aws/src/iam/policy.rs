//! `aws:iam:policy` — a policy of the account's own, to attach to any number of roles.
//!
//! Its name, path and description are fixed at creation, so a change to any of them replaces it. A new document is a
//! new version; IAM keeps five, so the oldest goes first where there are five.
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>
//!
//! Reads: two calls for each policy (no list has both tags and documents).

use aws_sdk_iam::types::{Policy, PolicyVersion};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Name, Observed, Owner, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{details, our_tags, sdk_tags};
use crate::{
    cloud::{Aws, Clients, Reader, Writer},
    document::{decoded, to_write},
    each::one_by_one,
    error::{api, gone_ok, need},
    tags::{TagChange, made_for},
    value::text,
};

/// A policy of the account's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// At most 128 characters; generated where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `/` where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A description of the policy for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Policy document with the permissions.
    pub document: In<String>,
    /// Tags of the policy, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicyOutputs {
    /// The ARN of the policy.
    pub id: Id<ManagedPolicy>,
    /// `v1`: the version in force.
    pub version: String,
}

impl ManagedPolicy {
    /// The ARN of the policy.
    pub const ARN: Output<Self, String> = Output::new("id");
    /// The version in force.
    pub const VERSION_ID: Output<Self, String> = Output::new("version");

    /// A policy with this document.
    pub fn new(document: In<String>) -> Self {
        Self { name: None, path: None, description: None, document, tags: Tags::new() }
    }
}

/// So many versions IAM keeps of a policy.
const MAX_VERSIONS: usize = 5;

impl Resource for ManagedPolicy {
    const TYPE: &'static str = "aws:iam:policy";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("path").replaces(),
        Field::new("description").replaces(),
        Field::new("document").document().may_dangle(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["version"];
    const NAME: Option<Name> = Some(Name::new("name", 128));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicies"],
        create: &["iam:CreatePolicy", "iam:TagPolicy"],
        update: &[
            "iam:ListPolicyVersions",
            "iam:DeletePolicyVersion",
            "iam:CreatePolicyVersion",
            "iam:TagPolicy",
            "iam:UntagPolicy",
        ],
        delete: &["iam:ListPolicyVersions", "iam:DeletePolicyVersion", "iam:DeletePolicy"],
    };
    type Cloud = Aws;
    type Outputs = ManagedPolicyOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // One list has all documents; where it is not allowed, or does not know this version yet, each is asked for.
        let details = if ids.len() > 1 { details(c).await.ok() } else { None };
        let one = async |id: &Id<Self>| {
            let policy = get(c, id.as_str()).await?;
            let version = need(GET, policy.default_version_id(), "DefaultVersionId")?;
            let listed = details.as_ref().and_then(|details| details.documents.get(id.as_str()));
            if let Some((_, document)) = listed.filter(|(listed, _)| *listed == version) {
                return to_observed(&policy, document);
            }
            let answer = c.iam().get_policy_version().policy_arn(id.as_str()).version_id(version).send().await;
            let answer = answer.map_err(api("iam:GetPolicyVersion"))?;
            let version = need("iam:GetPolicyVersion", answer.policy_version(), "PolicyVersion")?;
            to_observed(&policy, &version)
        };
        // Another kind of id would be refused, not missed.
        let ids: Vec<_> = ids.iter().filter(|id| id.as_str().starts_with("arn:")).cloned().collect();
        Ok(one_by_one(&ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut found = vec![];
        for id in self.find_by_unique_key(c).await? {
            match get(c, id.as_str()).await {
                Ok(policy) if made_for(&our_tags(policy.tags()), owner) => found.push(id),
                Ok(_) => {}
                Err(error) if error.kind == ErrorKind::Gone => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let request = c.iam().list_policies().scope(aws_sdk_iam::types::PolicyScopeType::Local).max_items(1000);
        let mut pages = request.into_paginator().items().send();
        let mut found = vec![];
        while let Some(policy) = pages.try_next().await.map_err(api("iam:ListPolicies"))? {
            if policy.policy_name() == self.name.as_deref() {
                found.push(Id::new(need("iam:ListPolicies", policy.arn(), "Arn")?));
            }
        }
        Ok(found)
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .iam()
            .create_policy()
            .set_policy_name(self.name.clone())
            .set_path(self.path.clone())
            .set_description(self.description.clone())
            .set_policy_document(text(&self.document))
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api("iam:CreatePolicy"))?;
        let arn = need("iam:CreatePolicy", answer.policy().and_then(Policy::arn), "Arn")?;
        Ok((Id::new(arn), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let arn = recorded.id.as_str();
        if let Some(document) = to_write(Some(&self.document), Some(&observed.inputs.document)) {
            let mut old = older_versions(c.read(), arn).await?;
            if old.len() + 1 >= MAX_VERSIONS {
                old.sort_by_key(|version| version.create_date().map(|date| (date.secs(), date.subsec_nanos())));
                drop_version(c, arn, old.first()).await?;
            }
            let request = c.iam().create_policy_version().policy_arn(arn).policy_document(document);
            request.set_as_default(true).send().await.map_err(api("iam:CreatePolicyVersion"))?;
        }
        let tags = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.inputs.tags);
        if !tags.set.is_empty() {
            let request = c.iam().tag_policy().policy_arn(arn).set_tags(Some(sdk_tags(&tags.set)));
            request.send().await.map_err(api("iam:TagPolicy"))?;
        }
        if !tags.drop.is_empty() {
            let request = c.iam().untag_policy().policy_arn(arn).set_tag_keys(Some(tags.drop));
            request.send().await.map_err(api("iam:UntagPolicy"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let arn = recorded.id.as_str();
        let old = match older_versions(c.read(), arn).await {
            Ok(old) => old,
            Err(error) => return gone_ok(Err(error)),
        };
        for version in &old {
            drop_version(c, arn, Some(version)).await?;
        }
        gone_ok(c.iam().delete_policy().policy_arn(arn).send().await.map(drop).map_err(api("iam:DeletePolicy")))
    }
}

const GET: &str = "iam:GetPolicy";

async fn get(c: &Reader, arn: &str) -> Result<Policy> {
    let answer = c.iam().get_policy().policy_arn(arn).send().await.map_err(api(GET))?;
    need(GET, answer.policy(), "Policy")
}

/// All but the one in force.
async fn older_versions(c: &Clients, arn: &str) -> Result<Vec<PolicyVersion>> {
    let mut pages = c.iam().list_policy_versions().policy_arn(arn).into_paginator().items().send();
    let mut old = vec![];
    while let Some(version) = pages.try_next().await.map_err(api("iam:ListPolicyVersions"))? {
        if !version.is_default_version() {
            old.push(version);
        }
    }
    Ok(old)
}

async fn drop_version(c: &Writer, arn: &str, version: Option<&PolicyVersion>) -> Result<()> {
    let Some(version) = version.and_then(PolicyVersion::version_id) else { return Ok(()) };
    let answer = c.iam().delete_policy_version().policy_arn(arn).version_id(version).send().await;
    gone_ok(answer.map(drop).map_err(api("iam:DeletePolicyVersion")))
}

/// The only place where the SDK's types become ours.
fn to_observed(policy: &Policy, version: &PolicyVersion) -> Result<Observed<ManagedPolicy>> {
    Ok(Observed {
        inputs: ManagedPolicy {
            name: policy.policy_name().map(str::to_owned),
            path: policy.path().map(str::to_owned),
            description: Some(policy.description().unwrap_or_default().to_owned()),
            document: decoded(&need("iam:GetPolicyVersion", version.document(), "Document")?).into(),
            tags: our_tags(policy.tags()),
        },
        outputs: ManagedPolicyOutputs {
            id: Id::new(need(GET, policy.arn(), "Arn")?),
            version: need(GET, policy.default_version_id(), "DefaultVersionId")?,
        },
    })
}
