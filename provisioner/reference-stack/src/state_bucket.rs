//! The bucket for the states of environments: a small stack of its own, which `provisioner bootstrap` applies.

use provisioner_aws::{
    dynamodb::{KeyAttribute, LOCK_ID, Table},
    kms::{Alias, Key},
    s3::{Bucket, Encryption, LifecycleRule},
};
use provisioner_model::{
    expr::In,
    stack::{Options, Stack},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::{only_over_tls, policy};

/// Days for which S3 keeps an object's old versions. The lease is written every few seconds of a run.
const OLD_VERSIONS: i32 = 90;

/// The settings of a bucket for states.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct StateBucket {
    /// The project, part of every tag.
    pub project: String,
    /// Region of the bucket.
    pub region: String,
    /// The account that it belongs to.
    pub account: Option<String>,
    /// Name of the bucket.
    pub bucket: String,
    /// ARN of the KMS key; the stack creates one if absent.
    pub kms_key: Option<String>,
    /// Name of a table of locks.
    pub lock_table: Option<String>,
}

impl provisioner_model::Environment for StateBucket {
    fn project(&self) -> &str {
        &self.project
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }
}

/// A bucket with versions, that only TLS connections reach, encrypted with a KMS key of its own.
pub fn stack(settings: &StateBucket, stack: &mut Stack) {
    stack.default_tag("project", &settings.project);
    // A state that the key encrypted is lost without it, whatever the settings say later.
    let kept = Options { protect: true, retain: true, ..Options::default() };
    let key = if let Some(arn) = &settings.kms_key {
        In::from(arn.as_str())
    } else {
        let description = format!("State of Provisioner in {}", settings.bucket);
        let key = Key::new().description(description).key_rotation_enabled(true).pending_window_in_days(30);
        let key = stack.add_with("main", key, kept.clone());
        // The name of a bucket may have dots, that of an alias may not.
        let alias = Alias::new(key.id()).alias_name(format!("alias/{}", settings.bucket.replace('.', "-")));
        stack.add_with("main", alias, kept.clone());
        key.get(Key::ARN)
    };
    let arn = format!("arn:{}:s3:::{}", stack.facts().partition, settings.bucket);
    let expiry = LifecycleRule::new("old-versions")
        .noncurrent_version_expiration_days(OLD_VERSIONS)
        .expired_object_delete_marker(true)
        .abort_incomplete_multipart_upload_days(1);
    let bucket = Bucket::new()
        .bucket(settings.bucket.as_str())
        .versioning(true)
        .server_side_encryption_configuration(Encryption::kms(key))
        .policy(policy([only_over_tls(&arn)]))
        .lifecycle_configuration([expiry]);
    let bucket = stack.add_with("states", bucket, kept);
    if let Some(name) = &settings.lock_table {
        let table = Table::new(KeyAttribute::text(LOCK_ID)).table_name(name.as_str()).deletion_protection_enabled(true);
        stack.add_with("locks", table, Options { protect: true, ..Options::default() });
    }
    stack.output("bucket", bucket.get(Bucket::BUCKET_NAME));
}
