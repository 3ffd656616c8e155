//! `aws:ecr:repository` — a place for the images of one program.
//!
//! ECR fixes a repository's name and encryption at creation, so a change to either replaces it. A read takes one call
//! for all repositories and three for each of ours: lifecycle policy, access policy, tags.
//! API: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>

use std::sync::Arc;

use aws_sdk_ecr::types::{
    self, EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType, Tag,
};
use futures::future::join_all;
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Name, Observed, Owner, ReadResults, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Reader, Writer},
    error::{api, gone_ok, need},
    tags::{TagChange, made_for, observed_tags},
    value::text,
};

/// A place for the images of one program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// Small letters, digits and `.-_/`. Generated where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `MUTABLE`, `IMMUTABLE`, or either with `_WITH_EXCLUSION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tag_mutability: Option<String>,
    /// Tags for which the opposite holds, with `*` for anything: `dev-*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutability_exclusions: Option<Vec<String>>,
    /// `true` if each pushed image is scanned for known vulnerabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_on_push: Option<bool>,
    /// Encryption of the images; the default is AES-256 with ECR's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Lifecycle rules that expire images, as a JSON document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_policy: Option<In<String>>,
    /// Policy for access by other accounts, as a JSON document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<In<String>>,
    /// `true` if a delete takes the images with it. Without it, a repository with images stays.
    #[serde(default)]
    pub force_delete: bool,
    /// Tags of the repository, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The encryption of the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    pub encryption_type: String,
    /// The ARN of the key; the account's own for ECR where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<In<String>>,
}

/// The outputs of a repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepositoryOutputs {
    /// The name of the repository.
    pub id: Id<Repository>,
    /// The ARN of the repository.
    pub arn: String,
    /// URI for pushes and pulls, such as `123456789012.dkr.ecr.us-east-1.amazonaws.com/name`.
    pub uri: String,
}

impl Repository {
    /// The ARN of the repository.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// URI for pushes and pulls.
    pub const URI: Output<Self, String> = Output::new("uri");

    /// A repository. It needs nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn exclusions(&self) -> Result<Option<Vec<ImageTagMutabilityExclusionFilter>>> {
        let filter = |text: &String| {
            let kind = ImageTagMutabilityExclusionFilterType::Wildcard;
            ImageTagMutabilityExclusionFilter::builder().filter_type(kind).filter(text).build().map_err(unbuilt)
        };
        self.mutability_exclusions.as_ref().map(|all| all.iter().map(filter).collect()).transpose()
    }

    fn scanning(&self) -> Option<ImageScanningConfiguration> {
        self.scan_on_push.map(|on| ImageScanningConfiguration::builder().scan_on_push(on).build())
    }

    fn mutability(&self) -> Option<ImageTagMutability> {
        self.image_tag_mutability.as_deref().map(ImageTagMutability::from)
    }
}

impl Resource for Repository {
    const TYPE: &'static str = "aws:ecr:repository";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("image_tag_mutability"),
        Field::new("mutability_exclusions").set(),
        Field::new("scan_on_push"),
        Field::new("encryption").replaces(),
        Field::new("lifecycle_policy").document(),
        Field::new("policy").document().may_dangle(),
        Field::new("force_delete").write_only(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 256));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &[
            "ecr:DescribeRepositories",
            "ecr:GetLifecyclePolicy",
            "ecr:GetRepositoryPolicy",
            "ecr:ListTagsForResource",
        ],
        create: &["ecr:CreateRepository", "ecr:TagResource"],
        update: &[
            "ecr:PutImageTagMutability",
            "ecr:PutImageScanningConfiguration",
            "ecr:PutLifecyclePolicy",
            "ecr:SetRepositoryPolicy",
            "ecr:TagResource",
            "ecr:UntagResource",
        ],
        delete: &["ecr:DeleteRepository"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[("registryId", "the account's own registry")];
    type Cloud = Aws;
    type Outputs = RepositoryOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = all(c).await?;
        let ours =
            all.iter().filter(|one| one.repository_name().is_some_and(|name| ids.iter().any(|id| id.as_str() == name)));
        let rows = join_all(ours.map(|one| async move {
            let observed = match details(c, one).await {
                Err(error) if error.kind == ErrorKind::Gone => return None,
                details => details.and_then(|details| to_observed(one, details)),
            };
            Some((Id::new(one.repository_name().unwrap_or_default()), observed))
        }));
        Ok(rows.await.into_iter().flatten().collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let Some(one) = all.iter().find(|one| one.repository_name() == self.name.as_deref()) else { return Ok(vec![]) };
        let ours = made_for(&tags_of(c, one).await?, owner);
        Ok(self.name.as_ref().filter(|_| ours).map(Id::new).into_iter().collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let there = all.iter().any(|one| one.repository_name() == self.name.as_deref());
        Ok(self.name.as_ref().filter(|_| there).map(Id::new).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let encryption = self.encryption.as_ref().map(|desired| {
            let kind = EncryptionType::from(desired.encryption_type.as_str());
            let key = desired.key.as_ref().and_then(text);
            EncryptionConfiguration::builder().encryption_type(kind).set_kms_key(key).build().map_err(unbuilt)
        });
        let answer = c
            .ecr()
            .create_repository()
            .set_repository_name(self.name.clone())
            .set_image_tag_mutability(self.mutability())
            .set_image_tag_mutability_exclusion_filters(self.exclusions()?)
            .set_image_scanning_configuration(self.scanning())
            .set_encryption_configuration(encryption.transpose()?)
            .set_tags(Some(sdk_tags(&self.tags)?))
            .send()
            .await
            .map_err(api("ecr:CreateRepository"))?;
        let name = answer.repository().and_then(types::Repository::repository_name);
        Ok((Id::new(need("ecr:CreateRepository", name, "repositoryName")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<provisioner_model::Receipt>> {
        let (differs, name) = (ChangedInputs::between(self, &recorded.inputs, &observed.inputs), recorded.id.as_str());
        if differs.any(&["image_tag_mutability", "mutability_exclusions"]) {
            // One call sets both: what is not stated stays as it is.
            let kept = Self { mutability_exclusions: observed.inputs.mutability_exclusions.clone(), ..Self::new() };
            let exclusions = self.exclusions()?.map_or_else(|| kept.exclusions(), |own| Ok(Some(own)))?;
            c.ecr()
                .put_image_tag_mutability()
                .repository_name(name)
                .set_image_tag_mutability(self.mutability().or_else(|| observed.inputs.mutability()))
                .set_image_tag_mutability_exclusion_filters(exclusions.filter(|all| !all.is_empty()))
                .send()
                .await
                .map_err(api("ecr:PutImageTagMutability"))?;
        }
        if differs.has("scan_on_push") {
            let request = c.ecr().put_image_scanning_configuration().repository_name(name);
            let request = request.set_image_scanning_configuration(self.scanning());
            request.send().await.map_err(api("ecr:PutImageScanningConfiguration"))?;
        }
        if differs.has("lifecycle_policy") {
            let document = self.lifecycle_policy.as_ref().and_then(text);
            let request = c.ecr().put_lifecycle_policy().repository_name(name).set_lifecycle_policy_text(document);
            request.send().await.map_err(api("ecr:PutLifecyclePolicy"))?;
        }
        if differs.has("policy") {
            let document = self.policy.as_ref().and_then(text);
            let request = c.ecr().set_repository_policy().repository_name(name).set_policy_text(document);
            request.send().await.map_err(api("ecr:SetRepositoryPolicy"))?;
        }
        let change = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.inputs.tags);
        let arn = &observed.outputs.arn;
        if !change.set.is_empty() {
            let request = c.ecr().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&change.set)?));
            request.send().await.map_err(api("ecr:TagResource"))?;
        }
        if !change.drop.is_empty() {
            let request = c.ecr().untag_resource().resource_arn(arn).set_tag_keys(Some(change.drop));
            request.send().await.map_err(api("ecr:UntagResource"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let request =
            c.ecr().delete_repository().repository_name(recorded.id.as_str()).force(recorded.inputs.force_delete);
        gone_ok(request.send().await.map(drop).map_err(api("ecr:DeleteRepository")))
    }
}

const READ: &str = "ecr:DescribeRepositories";

/// All of them: asked for by name, one that is gone fails the whole call.
pub(super) async fn all(c: &Reader) -> Result<Arc<Vec<types::Repository>>> {
    c.once("ecr:repositories", || async {
        let mut pages = c.ecr().describe_repositories().into_paginator().items().send();
        let mut all = vec![];
        while let Some(one) = pages.try_next().await.map_err(api(READ))? {
            all.push(one);
        }
        Ok(all)
    })
    .await
}

/// Properties that the list does not include.
struct Details {
    lifecycle_policy: Option<String>,
    policy: Option<String>,
    tags: Tags,
}

async fn details(c: &Reader, one: &types::Repository) -> Result<Details> {
    let name = one.repository_name().unwrap_or_default();
    let lifecycle = async {
        let answer = c.ecr().get_lifecycle_policy().repository_name(name).send().await;
        none_if_gone(answer.map_err(api("ecr:GetLifecyclePolicy"))).map(|answer| answer?.lifecycle_policy_text)
    };
    let policy = async {
        let answer = c.ecr().get_repository_policy().repository_name(name).send().await;
        none_if_gone(answer.map_err(api("ecr:GetRepositoryPolicy"))).map(|answer| answer?.policy_text)
    };
    // Of a repository that went meanwhile, only the tags say so: the policies are missing either way.
    let (lifecycle_policy, policy, tags) = futures::try_join!(lifecycle, policy, tags_of(c, one))?;
    Ok(Details { lifecycle_policy, policy, tags })
}

fn none_if_gone<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.kind == ErrorKind::Gone => Ok(None),
        other => other.map(Some),
    }
}

async fn tags_of(c: &Reader, one: &types::Repository) -> Result<Tags> {
    let request = c.ecr().list_tags_for_resource().set_resource_arn(one.repository_arn().map(str::to_owned));
    let answer = request.send().await.map_err(api("ecr:ListTagsForResource"))?;
    Ok(observed_tags(answer.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value())))))
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(unbuilt)).collect()
}

fn unbuilt(error: aws_smithy_types::error::operation::BuildError) -> Error {
    Error::bug("ecr", error)
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::Repository, details: Details) -> Result<Observed<Repository>> {
    let name = need(READ, one.repository_name(), "repositoryName")?;
    let exclusions = one.image_tag_mutability_exclusion_filters().iter().map(|filter| filter.filter().to_owned());
    Ok(Observed {
        inputs: Repository {
            name: Some(name.clone()),
            image_tag_mutability: one.image_tag_mutability().map(|kind| kind.as_str().to_owned()),
            mutability_exclusions: Some(exclusions.collect()),
            scan_on_push: one.image_scanning_configuration().map(ImageScanningConfiguration::scan_on_push),
            encryption: one.encryption_configuration().map(|observed| Encryption {
                encryption_type: observed.encryption_type().as_str().to_owned(),
                key: observed.kms_key().map(|key| key.to_owned().into()),
            }),
            lifecycle_policy: details.lifecycle_policy.map(In::from),
            policy: details.policy.map(In::from),
            // What only a delete asks for.
            force_delete: false,
            tags: details.tags,
        },
        outputs: RepositoryOutputs {
            id: Id::new(name),
            arn: need(READ, one.repository_arn(), "repositoryArn")?,
            uri: need(READ, one.repository_uri(), "repositoryUri")?,
        },
    })
}
