//! `aws:iam:policy`: a customer managed policy, which any number of roles can have attached.
//!
//! Its name, path and description are fixed at creation, so a change to any of them replaces it. A new document is a
//! new version; IAM keeps five, so the update first deletes the oldest of five.
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>
//!
//! Reads: two calls for each policy (no list has both tags and documents).

use aws_sdk_iam::types::{Policy, PolicyScopeType, PolicyVersion};

use super::{details, our_tags, sdk_tags};
use crate::{cloud::Clients, document::decoded, each::one_by_one, prelude::*, tags::made_for};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_+=,.@-]+$",
    page: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html",
    ..NameRule::ANY
};

/// A customer managed policy.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:iam:policy",
    cloudformation = "AWS::IAM::ManagedPolicy",
    create = "iam:CreatePolicy",
    unique(policy_name)
)]
pub struct ManagedPolicy {
    /// At most 128 characters; generated if absent.
    #[field(replaces, name(max = 128, rule = NAME_RULE), property = "ManagedPolicyName")]
    pub policy_name: Option<String>,
    /// `/` if absent.
    #[field(replaces)]
    pub path: Option<String>,
    /// A description for readers.
    #[field(replaces)]
    pub description: Option<String>,
    /// The permissions as a JSON document.
    #[field(document, may_dangle)]
    pub policy_document: In<String>,
    /// Tags.
    #[field(property(none = "CloudFormation has none for a policy"))]
    pub tags: Tags,
}

/// The outputs of a policy.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ManagedPolicyOutputs {
    /// The policy's ARN.
    #[output(constant = "ARN")]
    pub id: Id<ManagedPolicy>,
    /// `v1`: the version in force.
    #[output(constant = "VERSION_ID")]
    pub version: String,
}

/// IAM's limit of versions for one policy.
const MAX_VERSIONS: usize = 5;

impl Resource for ManagedPolicy {
    const IDEMPOTENT_CREATE: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["version"];
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
        // One list has all documents. Without permission for it, or before it has this version, one call for each.
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
            let policy = none_if(ErrorKind::Gone, get(c, id.as_str()).await)?;
            if policy.is_some_and(|policy| made_for(&our_tags(policy.tags()), owner)) {
                found.push(id);
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let request = c.iam().list_policies().scope(PolicyScopeType::Local).max_items(1000);
        let pages = request.into_paginator().items().send();
        let all: Vec<Policy> = pages.collect::<Result<_, _>>().await.map_err(api("iam:ListPolicies"))?;
        let named = all.iter().filter(|policy| policy.policy_name() == self.policy_name.as_deref());
        named.map(|policy| member("iam:ListPolicies", "Arn", policy.arn())).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = c.iam().create_policy().set_tags(Some(sdk_tags(&self.tags)));
        let request = set_inputs!(request, self => policy_name, path, description, policy_document);
        let answer = request.send().await.map_err(api("iam:CreatePolicy"))?;
        Ok((member("iam:CreatePolicy", "Arn", answer.policy().and_then(Policy::arn))?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let arn = recorded.id.as_str();
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        if changed.contains(Field::PolicyDocument) {
            let mut old = older_versions(c.read(), arn).await?;
            if old.len() + 1 >= MAX_VERSIONS {
                old.sort_by_key(|version| version.create_date().map(|date| (date.secs(), date.subsec_nanos())));
                drop_version(c, arn, old.first()).await?;
            }
            let request = c.iam().create_policy_version().policy_arn(arn).set_as_default(true);
            let request = set_inputs!(request, self => policy_document);
            request.send().await.map_err(api("iam:CreatePolicyVersion"))?;
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.iam().tag_policy().policy_arn(arn) => "iam:TagPolicy",
            c.iam().untag_policy().policy_arn(arn) => "iam:UntagPolicy");
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
    let pages = c.iam().list_policy_versions().policy_arn(arn).into_paginator().items().send();
    let mut all: Vec<PolicyVersion> = pages.collect::<Result<_, _>>().await.map_err(api("iam:ListPolicyVersions"))?;
    all.retain(|version| !version.is_default_version());
    Ok(all)
}

async fn drop_version(c: &Writer, arn: &str, version: Option<&PolicyVersion>) -> Result<()> {
    let Some(version) = version.and_then(PolicyVersion::version_id) else { return Ok(()) };
    let answer = c.iam().delete_policy_version().policy_arn(arn).version_id(version).send().await;
    gone_ok(answer.map(drop).map_err(api("iam:DeletePolicyVersion")))
}

/// The only place where the SDK's types become ours.
fn to_observed(policy: &Policy, version: &PolicyVersion) -> Result<Observed<ManagedPolicy>> {
    Ok(Observed {
        inputs: from_sdk!(GET, policy => ManagedPolicy {
            policy_name, path;
            description: Some(policy.description().unwrap_or_default().to_owned()),
            policy_document: decoded(&need("iam:GetPolicyVersion", version.document(), "Document")?).into(),
            tags: our_tags(policy.tags()),
        }),
        outputs: from_sdk!(GET, policy => ManagedPolicyOutputs { id = arn, version = default_version_id }),
    })
}
