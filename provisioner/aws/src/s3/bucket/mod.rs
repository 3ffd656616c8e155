//! `aws:s3:bucket`: a bucket with all of its settings.
//!
//! S3 fixes a bucket's name at creation, so a change to it replaces the bucket; object lock cannot be turned off.
//! Reads: nine calls for each bucket, at once, since S3 has one for every setting and none for many buckets
//! (versioning, encryption, public access, policy, lifecycle, ownership, object lock, logging, tags).
//! API: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>

mod lifecycle;
mod read;
mod write;

use std::collections::BTreeSet;

use aws_sdk_s3::types::Tag;
use serde_json::Value;

pub use self::lifecycle::{LifecycleRule, Transition};
use crate::{each::one_by_one, prelude::*, tags::made_for};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[a-z0-9][a-z0-9.-]+[a-z0-9]$",
    reserved_prefixes: &["xn--", "sthree-", "amzn-s3-demo-"],
    reserved_suffixes: &["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"],
    excluded: &[".."],
    page: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
    ..NameRule::ANY
};

/// A bucket with all of its settings.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:s3:bucket",
    cloudformation = "AWS::S3::Bucket",
    attributes(arn = "Arn", domain_name = "DomainName", regional_domain_name = "RegionalDomainName"),
    create = "s3:CreateBucket",
    unique(bucket),
    omitted(
        ACL | GrantFullControl | GrantRead | GrantReadACP | GrantWrite | GrantWriteACP =
            "access control lists are off; policies say who may do what",
        CreateBucketConfiguration = "the region is the provider's; tags are an input; no directory buckets",
        BucketNamespace = "names are global",
    )
)]
pub struct Bucket {
    /// The name, unique in all of AWS; generated if absent.
    #[field(replaces, name(max = 63, rule = NAME_RULE), property = "BucketName")]
    pub bucket: Option<String>,
    /// `true` if S3 keeps old versions of objects. Once on, `false` suspends it.
    #[field(cloud_default = none, property = "VersioningConfiguration.Status", convert = versions)]
    pub versioning: Option<bool>,
    /// Default encryption of the objects.
    #[field(cloud_default = none, property = "BucketEncryption.ServerSideEncryptionConfiguration[]")]
    pub server_side_encryption_configuration: Option<Encryption>,
    /// Protection against public access; against all of it unless stated.
    #[field(default = PublicAccessBlock::all())]
    pub public_access_block_configuration: Option<PublicAccessBlock>,
    /// The bucket policy as a JSON document.
    #[field(
        document,
        may_dangle,
        cloud_default = none,
        property(each = "AWS::S3::BucketPolicy", link = "Bucket", item = "PolicyDocument")
    )]
    pub policy: Option<In<String>>,
    /// Lifecycle rules of the objects. Managed as a whole.
    #[field(exact, cloud_default = none, property = "LifecycleConfiguration.Rules")]
    pub lifecycle_configuration: Option<Vec<LifecycleRule>>,
    /// `BucketOwnerEnforced` (no access control lists, the default), `BucketOwnerPreferred` or `ObjectWriter`.
    #[field(default = "BucketOwnerEnforced", property = "OwnershipControls.Rules[].ObjectOwnership")]
    pub object_ownership: Option<String>,
    /// `true` if versions of objects can be locked. Needs versioning, and cannot be turned off.
    #[field(property = "ObjectLockEnabled")]
    pub object_lock_enabled_for_bucket: Option<bool>,
    /// Default retention of new versions.
    #[field(cloud_default = none, property = "ObjectLockConfiguration", convert = lock)]
    pub default_retention: Option<Retention>,
    /// Destination of the access log.
    #[field(cloud_default = none, property = "LoggingConfiguration")]
    pub logging_enabled: Option<Logging>,
    /// `true` if a delete empties the bucket first, old versions included.
    #[field(write_only, property(none = "of the delete call"))]
    pub force_delete: Option<bool>,
    /// Tags.
    pub tags: Tags,
}

/// The default encryption of a bucket's objects.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Encryption {
    /// `AES256` (S3's own keys), `aws:kms` or `aws:kms:dsse`.
    #[field(property = "ServerSideEncryptionByDefault.SSEAlgorithm")]
    pub sse_algorithm: String,
    /// The key's ARN; AWS's own key for S3 if absent.
    #[field(property = "ServerSideEncryptionByDefault.KMSMasterKeyID")]
    pub kms_master_key_id: Option<In<String>>,
    /// `true` if S3 derives the objects' keys from one key of the bucket, which saves most calls to KMS.
    pub bucket_key_enabled: Option<bool>,
}

/// The protection of a bucket against public access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Nested, Properties)]
#[nested(constructor = all)]
pub struct PublicAccessBlock {
    /// Rejects new public access control lists.
    #[field(default = true)]
    pub block_public_acls: bool,
    /// Ignores existing public access control lists.
    #[field(default = true)]
    pub ignore_public_acls: bool,
    /// Rejects public bucket policies.
    #[field(default = true)]
    pub block_public_policy: bool,
    /// Limits access under an existing public policy to the account and AWS services.
    #[field(default = true)]
    pub restrict_public_buckets: bool,
}

/// The default retention of new versions.
#[derive(Clone, Debug, PartialEq, Eq, Nested, Properties)]
pub struct Retention {
    /// Either `GOVERNANCE` or `COMPLIANCE`.
    pub mode: String,
    /// Retention period in days.
    pub days: i32,
}

/// The destination of the access log.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Logging {
    /// The name of the bucket for the logs.
    #[field(property = "DestinationBucketName")]
    pub target_bucket: In<String>,
    /// Prefix of the log objects' keys.
    #[field(property = "LogFilePrefix")]
    pub target_prefix: String,
}

/// The outputs of a bucket.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct BucketOutputs {
    /// The bucket's name.
    #[output(constant = "BUCKET_NAME")]
    pub id: Id<Bucket>,
    /// The bucket's ARN.
    pub arn: String,
    /// Domain name of the form `NAME.s3.amazonaws.com`.
    pub domain_name: String,
    /// Domain name of the form `NAME.s3.REGION.amazonaws.com`.
    pub regional_domain_name: String,
    /// The bucket's region.
    pub region: String,
}

impl Encryption {
    /// Encryption with S3's own keys.
    pub fn s3() -> Self {
        Self::new("AES256")
    }
    /// Encryption with this KMS key, by its ARN, and a bucket key.
    pub fn kms(key: impl Into<In<String>>) -> Self {
        Self::new("aws:kms").kms_master_key_id(key).bucket_key_enabled(true)
    }
}

impl Resource for Bucket {
    const IDEMPOTENT_CREATE: bool = true;
    // As IAM calls them: several differ from the API's names.
    const ACTIONS: Actions = Actions {
        read: &[
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketPolicy",
            "s3:GetLifecycleConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketLogging",
            "s3:GetBucketTagging",
        ],
        create: &[
            "s3:CreateBucket",
            "s3:ListBucket",
            "s3:TagResource",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketVersioning",
        ],
        update: &[
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketLogging",
            "s3:PutBucketTagging",
        ],
        delete: &["s3:DeleteBucket", "s3:ListBucketVersions", "s3:DeleteObject", "s3:DeleteObjectVersion"],
    };
    type Cloud = Aws;
    type Outputs = BucketOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let lock = self.object_lock_enabled_for_bucket == Some(true);
        if lock && self.versioning == Some(false) {
            problems.push(Problem::new(Field::ObjectLockEnabledForBucket, "requires `versioning`"));
        }
        if self.default_retention.is_some() && !lock {
            problems.push(Problem::new(Field::DefaultRetention, "requires `object_lock_enabled_for_bucket`"));
        }
        let encryption = self.server_side_encryption_configuration.as_ref();
        if encryption.is_some_and(|one| one.kms_master_key_id.is_some() && one.sse_algorithm == "AES256") {
            let why = "`AES256` does not use a KMS key; set the algorithm to `aws:kms`, or remove the key";
            problems.push(Problem::new(Field::ServerSideEncryptionConfiguration, why));
        }
        let ids: BTreeSet<_> = self.lifecycle_configuration.iter().flatten().map(|rule| &rule.id).collect();
        if ids.len() < self.lifecycle_configuration.as_ref().map_or(0, Vec::len) {
            problems.push(Problem::new(Field::LifecycleConfiguration, "two rules have the same ID"));
        }
        problems
    }

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        if Field::of(field) == Some(Field::LifecycleConfiguration) {
            // Managed whole, in any order: a stricter rule from outside Provisioner deletes objects.
            let sorted = |rules: &Value| {
                let mut rules = rules.as_array().cloned().unwrap_or_default();
                rules.sort_by_key(|rule| rule["id"].to_string());
                Value::from(rules)
            };
            return sorted(desired) == sorted(observed);
        }
        field.compare.is_equivalent(desired, observed)
    }

    fn change(field: &FieldSchema, recorded: &Value, desired: &Value) -> Change {
        match Field::of(field) {
            Some(Field::ObjectLockEnabledForBucket)
                if recorded == &Value::Bool(true) && desired == &Value::Bool(false) =>
            {
                Change::Refused("object lock stays: objects that need none go into a bucket without it".into())
            }
            _ if field.replaces => Change::Replace,
            _ => Change::Update,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        Ok(one_by_one(ids, async |id: &Id<Self>| read::bucket(c, id.as_str()).await).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        // By its name, since only a call for each bucket of the account would tell by the tag.
        let tags = self.tags_of_name(c).await?;
        Ok(tags.filter(|(_, tags)| made_for(tags, owner)).map(|(id, _)| id).into_iter().collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        Ok(self.tags_of_name(c).await?.map(|(id, _)| id).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let name = self.bucket.clone().unwrap_or_default();
        // In us-east-1 a create of a bucket that is ours already succeeds: it would be taken for a new one.
        if c.read().s3().head_bucket().bucket(&name).send().await.is_ok() {
            let why = format!("the bucket `{name}` already exists");
            return Err(Error::because(ErrorKind::Exists, "s3:CreateBucket", why));
        }
        write::create(self, c, &name).await?;
        Ok((Id::new(name), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        write::update(self, c, recorded, observed).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        write::delete(c, recorded.id.as_str(), recorded.inputs.force_delete == Some(true)).await
    }
}

impl Bucket {
    /// The bucket of this name, and its tags.
    async fn tags_of_name(&self, c: &Reader) -> Result<Option<(Id<Self>, Tags)>> {
        let Some(name) = &self.bucket else { return Ok(None) };
        let tags = none_if(ErrorKind::Gone, read::tags(c, name).await)?;
        Ok(tags.map(|tags| (Id::new(name), tags)))
    }
}

tag_conversions!(Tag, key, value);

fn versions(on: &impl ToProperty) -> Value {
    choice(on, "Enabled", "Suspended")
}

fn lock(retention: &Retention) -> Value {
    json!({ "ObjectLockEnabled": "Enabled", "Rule": { "DefaultRetention": retention.to_property() } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rule_made_stricter_out_of_band_is_detected() {
        let name = Field::LifecycleConfiguration.name();
        let field = Bucket::FIELDS.iter().find(|field| field.name == name).unwrap();
        let rule = |id: &str| LifecycleRule::new(id).abort_incomplete_multipart_upload_days(7);
        let desired = json!([rule("a"), rule("b")]);
        assert!(Bucket::is_equivalent(field, &desired, &json!([rule("b"), rule("a")])));
        let stricter = rule("b").expiration_days(1);
        assert!(!Bucket::is_equivalent(field, &desired, &json!([rule("a"), stricter])));
    }
}
