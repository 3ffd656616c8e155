//! `aws:ecr:repository`: a repository of container images.
//!
//! ECR fixes a repository's name and encryption at creation, so a change to either replaces it. A read takes one call
//! for all repositories and three for each of ours: lifecycle policy, access policy, tags.
//! API: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>

use std::sync::Arc;

use aws_sdk_ecr::types::{
    self, EncryptionConfiguration, ImageScanningConfiguration, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType, Tag,
};

use crate::{each::one_by_one, prelude::*, tags::made_for};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[a-z][a-z0-9]*((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$",
    page: "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html",
    ..NameRule::ANY
};

/// A repository of container images.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ecr:repository",
    cloudformation = "AWS::ECR::Repository",
    attributes(arn = "Arn", uri = "RepositoryUri"),
    create = "ecr:CreateRepository",
    unique(repository_name),
    omitted(registryId = "the account's own registry")
)]
pub struct Repository {
    /// Lower-case letters, digits and `.-_/`; generated if absent.
    #[field(replaces, name(max = 256, rule = NAME_RULE))]
    pub repository_name: Option<String>,
    /// `MUTABLE` (the default), `IMMUTABLE`, or either with `_WITH_EXCLUSION`.
    #[field(cloud_default = "MUTABLE")]
    pub image_tag_mutability: Option<String>,
    /// Tags for which the opposite holds, with `*` for anything: `dev-*`.
    #[field(set, cloud_default = none, convert = exclusions)]
    pub image_tag_mutability_exclusion_filters: Option<Vec<String>>,
    /// `true` if ECR scans each pushed image for known vulnerabilities; AWS's default is no.
    #[field(
        parameter = "imageScanningConfiguration",
        cloud_default = false,
        property = "ImageScanningConfiguration.ScanOnPush"
    )]
    pub scan_on_push: Option<bool>,
    /// Encryption of the images; AES-256 with ECR's key if absent.
    #[field(replaces)]
    pub encryption_configuration: Option<Encryption>,
    /// Lifecycle rules that expire images, as a JSON document.
    #[field(
        document,
        cloud_default = none,
        property = "LifecyclePolicy.LifecyclePolicyText",
        convert = ToProperty::to_property
    )]
    pub lifecycle_policy_text: Option<In<String>>,
    /// The repository policy as a JSON document: access by other accounts.
    #[field(document, may_dangle, cloud_default = none, property = "RepositoryPolicyText")]
    pub policy_text: Option<In<String>>,
    /// `true` if a delete also deletes the images. Without it, AWS refuses to delete a repository with images.
    #[field(write_only, property = "EmptyOnDelete")]
    #[serde(default)]
    pub force_delete: bool,
    /// Tags.
    pub tags: Tags,
}

/// The encryption of the images.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Encryption {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    pub encryption_type: String,
    /// The key's ARN; AWS's own key for ECR if absent.
    pub kms_key: Option<In<String>>,
}

/// The outputs of a repository.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct RepositoryOutputs {
    /// The repository's name.
    pub id: Id<Repository>,
    /// The repository's ARN.
    pub arn: String,
    /// URI for pushes and pulls: `123456789012.dkr.ecr.us-east-1.amazonaws.com/name`.
    pub uri: String,
}

impl Repository {
    fn exclusions(&self) -> Result<Option<Vec<ImageTagMutabilityExclusionFilter>>> {
        let filter = |text: &String| {
            let kind = ImageTagMutabilityExclusionFilterType::Wildcard;
            built(ImageTagMutabilityExclusionFilter::builder().filter_type(kind).filter(text).build())
        };
        let all = self.image_tag_mutability_exclusion_filters.as_ref();
        all.map(|all| all.iter().map(filter).collect()).transpose()
    }

    fn scanning(&self) -> Option<ImageScanningConfiguration> {
        self.scan_on_push.map(|on| ImageScanningConfiguration::builder().scan_on_push(on).build())
    }
}

impl Resource for Repository {
    const IDEMPOTENT_CREATE: bool = true;
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
            "ecr:DeleteLifecyclePolicy",
            "ecr:SetRepositoryPolicy",
            "ecr:DeleteRepositoryPolicy",
            "ecr:TagResource",
            "ecr:UntagResource",
        ],
        delete: &["ecr:DeleteRepository"],
    };
    type Cloud = Aws;
    type Outputs = RepositoryOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = all(c).await?;
        let one = async |id: &Id<Self>| {
            let one = named(&all, Some(id.as_str())).ok_or_else(|| Error::new(ErrorKind::Gone, READ))?;
            read(c, one).await
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let Some(one) = named(&all, self.repository_name.as_deref()) else { return Ok(vec![]) };
        let ours = made_for(&tags_of(c, one).await?, owner);
        Ok(self.repository_name.as_ref().filter(|_| ours).map(Id::new).into_iter().collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let one = named(&all, self.repository_name.as_deref()).and_then(types::Repository::repository_name);
        Ok(one.map(Id::new).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let encryption = self.encryption_configuration.as_ref().map(|desired| {
            let request = EncryptionConfiguration::builder();
            built(set_inputs!(request, desired => encryption_type, kms_key).build())
        });
        let request = c
            .ecr()
            .create_repository()
            .set_image_tag_mutability_exclusion_filters(filled(self.exclusions()?))
            .set_image_scanning_configuration(self.scanning())
            .set_encryption_configuration(encryption.transpose()?)
            .set_tags(Some(sdk_tags(&self.tags)));
        let request = set_inputs!(request, self => repository_name, image_tag_mutability);
        let answer = request.send().await.map_err(api("ecr:CreateRepository"))?;
        let name = answer.repository().and_then(types::Repository::repository_name);
        Ok((member("ecr:CreateRepository", "repositoryName", name)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let (arn, name) = (&observed.outputs.arn, recorded.id.as_str());
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        if changed.contains_any(&[Field::ImageTagMutability, Field::ImageTagMutabilityExclusionFilters]) {
            // One call sets both: what was never stated stays as it is.
            let mut both = self.clone();
            if !changed.contains(Field::ImageTagMutabilityExclusionFilters) {
                both.image_tag_mutability_exclusion_filters =
                    observed.inputs.image_tag_mutability_exclusion_filters.clone();
            }
            let request = c.ecr().put_image_tag_mutability().repository_name(name);
            let request = set_inputs!(request, both => image_tag_mutability);
            let request = request.set_image_tag_mutability_exclusion_filters(filled(both.exclusions()?));
            request.send().await.map_err(api("ecr:PutImageTagMutability"))?;
        }
        if changed.contains(Field::ScanOnPush) {
            let request = c.ecr().put_image_scanning_configuration().repository_name(name);
            let request = request.set_image_scanning_configuration(self.scanning());
            request.send().await.map_err(api("ecr:PutImageScanningConfiguration"))?;
        }
        if changed.contains(Field::LifecyclePolicyText) {
            if self.lifecycle_policy_text.is_some() {
                let request = c.ecr().put_lifecycle_policy().repository_name(name);
                let request = set_inputs!(request, self => lifecycle_policy_text);
                request.send().await.map_err(api("ecr:PutLifecyclePolicy"))?;
            } else {
                let answer = c.ecr().delete_lifecycle_policy().repository_name(name).send().await;
                gone_ok(answer.map(drop).map_err(api("ecr:DeleteLifecyclePolicy")))?;
            }
        }
        if changed.contains(Field::PolicyText) {
            if self.policy_text.is_some() {
                let request = set_inputs!(c.ecr().set_repository_policy().repository_name(name), self => policy_text);
                request.send().await.map_err(api("ecr:SetRepositoryPolicy"))?;
            } else {
                let answer = c.ecr().delete_repository_policy().repository_name(name).send().await;
                gone_ok(answer.map(drop).map_err(api("ecr:DeleteRepositoryPolicy")))?;
            }
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.ecr().tag_resource().resource_arn(arn) => "ecr:TagResource",
            c.ecr().untag_resource().resource_arn(arn) => "ecr:UntagResource");
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let request = c.ecr().delete_repository().repository_name(recorded.id.as_str());
        let request = request.force(recorded.inputs.force_delete);
        gone_ok(request.send().await.map(drop).map_err(api("ecr:DeleteRepository")))
    }
}

const READ: &str = "ecr:DescribeRepositories";

/// All of them: asked for by name, one that is gone fails the whole call.
pub(super) async fn all(c: &Reader) -> Result<Arc<Vec<types::Repository>>> {
    c.once("ecr:repositories", || async {
        let pages = c.ecr().describe_repositories().into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api(READ))
    })
    .await
}

pub(super) fn named<'a>(all: &'a [types::Repository], name: Option<&str>) -> Option<&'a types::Repository> {
    all.iter().find(|one| one.repository_name() == name)
}

/// Policies and tags, which the list lacks, and the rest from its entry.
async fn read(c: &Reader, one: &types::Repository) -> Result<Observed<Repository>> {
    let name = one.repository_name().unwrap_or_default();
    let lifecycle = async {
        let answer = c.ecr().get_lifecycle_policy().repository_name(name).send().await;
        none_if(ErrorKind::Gone, answer.map_err(api("ecr:GetLifecyclePolicy")))
    };
    let policy = async {
        let answer = c.ecr().get_repository_policy().repository_name(name).send().await;
        none_if(ErrorKind::Gone, answer.map_err(api("ecr:GetRepositoryPolicy")))
    };
    // Of a repository that went meanwhile, only the tags say so: the policies are missing either way.
    let (lifecycle, policy, tags) = futures::try_join!(lifecycle, policy, tags_of(c, one))?;
    let lifecycle = lifecycle.and_then(|answer| answer.lifecycle_policy_text);
    to_observed(one, lifecycle, policy.and_then(|answer| answer.policy_text), tags)
}

async fn tags_of(c: &Reader, one: &types::Repository) -> Result<Tags> {
    let request = c.ecr().list_tags_for_resource().set_resource_arn(one.repository_arn().map(str::to_owned));
    Ok(our_tags(request.send().await.map_err(api("ecr:ListTagsForResource"))?.tags()))
}

tag_conversions!(Tag, key, value);

/// The only place where the SDK's type becomes ours.
fn to_observed(
    one: &types::Repository,
    lifecycle: Option<String>,
    policy: Option<String>,
    tags: Tags,
) -> Result<Observed<Repository>> {
    let exclusions = one.image_tag_mutability_exclusion_filters().iter().map(|filter| filter.filter().to_owned());
    Ok(Observed {
        inputs: from_sdk!(READ, one => Repository {
            repository_name, image_tag_mutability;
            image_tag_mutability_exclusion_filters: Some(exclusions.collect()),
            scan_on_push: Some(
                one.image_scanning_configuration().is_some_and(ImageScanningConfiguration::scan_on_push),
            ),
            encryption_configuration: one.encryption_configuration().map(|observed| Encryption {
                encryption_type: observed.encryption_type().as_str().to_owned(),
                kms_key: observed.kms_key().map(In::from),
            }),
            lifecycle_policy_text: lifecycle.map(In::from),
            policy_text: policy.map(In::from),
            force_delete: false,
            tags,
        }),
        outputs: from_sdk!(READ, one => RepositoryOutputs {
            id = repository_name, arn = repository_arn, uri = repository_uri,
        }),
    })
}

fn exclusions(tags: &[String]) -> Value {
    let filter = |tag: &String| {
        json!({
            "ImageTagMutabilityExclusionFilterType": "WILDCARD",
            "ImageTagMutabilityExclusionFilterValue": tag,
        })
    };
    tags.iter().map(filter).collect()
}
