//! `aws:s3:bucket` — a place for objects, with all of its settings.
//!
//! S3 fixes a bucket's name at creation, so a change to it replaces the bucket; object lock cannot be taken back.
//! Reads: nine calls for each bucket, at once, since S3 has one for every setting and none for many buckets
//! (versioning, encryption, public access, policy, lifecycle, ownership, object lock, logging, tags).
//! API: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>

mod lifecycle;
mod read;
mod write;

use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Change, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource,
        Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::lifecycle::{LifecycleRule, Transition};
use crate::cloud::{Aws, Reader, Writer};

/// A place for objects, with all of its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name, unique in all of AWS; made by the engine where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `true` if old versions of objects are kept. Once on, `false` suspends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning: Option<bool>,
    /// Encryption of the objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Protection against public access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_access_block: Option<PublicAccessBlock>,
    /// Bucket policy as a JSON document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<In<String>>,
    /// Lifecycle rules of the objects. Managed as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Vec<LifecycleRule>>,
    /// `BucketOwnerEnforced` (no access control lists), `BucketOwnerPreferred` or `ObjectWriter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<String>,
    /// `true` if versions of objects can be locked; needs versioning, and stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_lock: Option<bool>,
    /// Default retention of new versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_retention: Option<Retention>,
    /// Destination of the access log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// `true` if a delete empties it first, old versions included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_delete: Option<bool>,
    /// Tags of the bucket, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The encryption of the objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256` (S3's own keys), `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The key's ARN; AWS's own for S3 where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<In<String>>,
    /// `true` if one key of the bucket's own spares most calls to KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_key: Option<bool>,
}

/// The protection of a bucket against public access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// No new public access control lists.
    pub block_public_acls: bool,
    /// Those that are there do nothing.
    pub ignore_public_acls: bool,
    /// Rejects public bucket policies.
    pub block_public_policy: bool,
    /// One that is there lets nobody in from outside of the account.
    pub restrict_public_buckets: bool,
}

/// The default retention of new versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Either `GOVERNANCE` or `COMPLIANCE`.
    pub mode: String,
    /// Retention period in days.
    pub days: i32,
}

/// The destination of the access log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logging {
    /// The bucket for the logs, by name.
    pub bucket: In<String>,
    /// Prefix of the log objects' keys.
    pub prefix: String,
}

/// The outputs of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BucketOutputs {
    /// The name of the bucket.
    pub id: Id<Bucket>,
    /// The ARN of the bucket.
    pub arn: String,
    /// Domain name of the form `NAME.s3.amazonaws.com`.
    pub domain_name: String,
    /// Domain name of the form `NAME.s3.REGION.amazonaws.com`.
    pub regional_domain_name: String,
    /// Region of the bucket.
    pub region: String,
}

impl Bucket {
    /// The ARN of the bucket.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// Its name, as text.
    pub const BUCKET_NAME: Output<Self, String> = Output::new("id");
    /// Domain name of the form `NAME.s3.amazonaws.com`.
    pub const DOMAIN_NAME: Output<Self, String> = Output::new("domain_name");
    /// Domain name of the form `NAME.s3.REGION.amazonaws.com`.
    pub const REGIONAL_DOMAIN_NAME: Output<Self, String> = Output::new("regional_domain_name");
    /// Region of the bucket.
    pub const REGION: Output<Self, String> = Output::new("region");

    /// A bucket that cannot be public, and has no access control lists.
    pub fn new() -> Self {
        Self {
            name: None,
            versioning: None,
            encryption: None,
            public_access_block: Some(PublicAccessBlock::all()),
            policy: None,
            lifecycle: None,
            ownership: Some("BucketOwnerEnforced".into()),
            object_lock: None,
            default_retention: None,
            logging: None,
            force_delete: None,
            tags: Tags::new(),
        }
    }
}

impl Default for Bucket {
    fn default() -> Self {
        Self::new()
    }
}

impl PublicAccessBlock {
    /// Returns a block of all public access.
    pub fn all() -> Self {
        Self {
            block_public_acls: true,
            ignore_public_acls: true,
            block_public_policy: true,
            restrict_public_buckets: true,
        }
    }
}

impl Encryption {
    /// By keys of S3's own.
    pub fn s3() -> Self {
        Self { algorithm: "AES256".into(), kms_key: None, bucket_key: None }
    }
    /// By this key, with a bucket key.
    pub fn kms(key: impl Into<In<String>>) -> Self {
        Self { algorithm: "aws:kms".into(), kms_key: Some(key.into()), bucket_key: Some(true) }
    }
}

impl Resource for Bucket {
    const TYPE: &'static str = "aws:s3:bucket";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("versioning"),
        Field::new("encryption"),
        Field::new("public_access_block"),
        Field::new("policy").document().may_dangle(),
        Field::new("lifecycle").exact(),
        Field::new("ownership"),
        Field::new("object_lock"),
        Field::new("default_retention"),
        Field::new("logging"),
        Field::new("force_delete").write_only(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 63));
    const TAGGED: bool = true;
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
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketLogging",
            "s3:PutBucketTagging",
        ],
        delete: &["s3:DeleteBucket", "s3:ListBucketVersions", "s3:DeleteObject", "s3:DeleteObjectVersion"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("ACL", "access control lists are off; policies say who may do what, so no Grant members either"),
        ("CreateBucketConfiguration", "the region is the provider's; tags are an input; no directory buckets"),
        ("BucketNamespace", "names are global"),
        ("GrantFullControl", "as ACL; so too GrantRead, GrantReadACP, GrantWrite, GrantWriteACP"),
    ];
    type Cloud = Aws;
    type Outputs = BucketOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.object_lock == Some(true) && self.versioning == Some(false) {
            problems.push(Problem::new("object_lock", "needs `versioning`"));
        }
        if self.default_retention.is_some() && self.object_lock != Some(true) {
            problems.push(Problem::new("default_retention", "needs `object_lock`"));
        }
        if self.encryption.as_ref().is_some_and(|one| one.kms_key.is_some() && one.algorithm == "AES256") {
            problems.push(Problem::new("encryption", "`AES256` takes no key: the algorithm is `aws:kms`"));
        }
        let ids: std::collections::BTreeSet<_> = self.lifecycle.iter().flatten().map(|rule| &rule.id).collect();
        if ids.len() < self.lifecycle.as_ref().map_or(0, Vec::len) {
            problems.push(Problem::new("lifecycle", "two rules have one id"));
        }
        problems
    }

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        if field.name == "lifecycle" {
            // Managed whole, in any order: a day that another hand adds deletes objects.
            let sorted = |rules: &Value| {
                let mut rules = rules.as_array().cloned().unwrap_or_default();
                rules.sort_by_key(|rule| rule["id"].to_string());
                Value::from(rules)
            };
            return sorted(desired) == sorted(observed);
        }
        field.compare.is_equivalent(desired, observed)
    }

    fn change(field: &Field, recorded: &Value, desired: &Value) -> Change {
        match field.name {
            "object_lock" if recorded == &Value::Bool(true) && desired == &Value::Bool(false) => {
                Change::Refused("object lock stays: objects that need none go into a bucket without it".into())
            }
            _ if field.replaces => Change::Replace,
            _ => Change::Update,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let rows = ids.iter().map(|id| async move {
            match read::bucket(c, id.as_str()).await {
                Err(error) if error.kind == ErrorKind::Gone => None,
                observed => Some((id.clone(), observed)),
            }
        });
        Ok(futures::future::join_all(rows).await.into_iter().flatten().collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        // By its name, since only a call for each bucket of the account would tell by the tag.
        let Some(name) = &self.name else { return Ok(vec![]) };
        match read::tags(c, name).await {
            Ok(tags) if crate::tags::made_for(&tags, owner) => Ok(vec![Id::new(name)]),
            Ok(_) => Ok(vec![]),
            Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(name) = &self.name else { return Ok(vec![]) };
        match read::tags(c, name).await {
            Ok(_) => Ok(vec![Id::new(name)]),
            Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let name = self.name.clone().unwrap_or_default();
        // In us-east-1 a create of a bucket that is ours already succeeds: it would be taken for a new one.
        if c.read().s3().head_bucket().bucket(&name).send().await.is_ok() {
            return Err(Error::because(
                ErrorKind::Exists,
                "s3:CreateBucket",
                format!("there is a bucket `{name}` already"),
            ));
        }
        write::create(self, c, &name).await?;
        Ok((Id::new(name), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        write::update(self, c, recorded, observed).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        write::delete(c, recorded.id.as_str(), recorded.inputs.force_delete == Some(true)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rule_made_stricter_out_of_band_is_detected() {
        let field = Bucket::FIELDS.iter().find(|field| field.name == "lifecycle").unwrap();
        let rule = |id: &str| LifecycleRule { abort_uploads_after: Some(7), ..LifecycleRule::new(id) };
        let desired = json!([rule("a"), rule("b")]);
        assert!(Bucket::is_equivalent(field, &desired, &json!([rule("b"), rule("a")])));
        let stricter = LifecycleRule { expire_after: Some(1), ..rule("b") };
        assert!(!Bucket::is_equivalent(field, &desired, &json!([rule("a"), stricter])));
    }
}
