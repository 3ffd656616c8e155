//! Reads of a bucket: one call for each of its settings.

use aws_sdk_s3::types;

use super::{Bucket, BucketOutputs, Encryption, LifecycleRule, Logging, PublicAccessBlock, Retention, our_tags};
use crate::{cloud::Clients, partition::Partition, prelude::*};

/// `None` for a setting that was never made: S3 answers with one of many errors. A missing bucket is none of them.
fn unset<T>(result: Result<T>) -> Result<Option<T>> {
    let never = |error: &Error| {
        let code = error.code.as_deref().unwrap_or_default();
        code != "NoSuchBucket" && (code.starts_with("NoSuch") || code.ends_with("NotFoundError"))
    };
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if never(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Treats an invalid bucket name as a missing bucket.
fn no_name(code: &str, _: &str) -> Option<ErrorKind> {
    (code == "InvalidBucketName").then_some(ErrorKind::Gone)
}

pub(super) async fn tags(c: &Clients, name: &str) -> Result<Tags> {
    let answer = c.s3().get_bucket_tagging().bucket(name).send().await;
    let answer = unset(answer.map_err(api_with("s3:GetBucketTagging", no_name)))?;
    Ok(our_tags(&answer.map(|answer| answer.tag_set).unwrap_or_default()))
}

pub(super) async fn bucket(c: &Clients, name: &str) -> Result<Observed<Bucket>> {
    let s3 = c.s3();
    let (versioning, encryption, public, policy, lifecycle, ownership, lock, logging, tags) = futures::try_join!(
        async {
            let answer = s3.get_bucket_versioning().bucket(name).send().await;
            let answer = answer.map_err(api_with("s3:GetBucketVersioning", no_name))?;
            // None where it never was on: as good as off.
            Ok(answer.status().is_some_and(|status| *status == types::BucketVersioningStatus::Enabled))
        },
        async {
            let answer = s3.get_bucket_encryption().bucket(name).send().await;
            let answer = unset(answer.map_err(api("s3:GetEncryptionConfiguration")))?;
            Ok(answer.and_then(|answer| encryption(answer.server_side_encryption_configuration()?)))
        },
        async {
            let answer = s3.get_public_access_block().bucket(name).send().await;
            let answer = unset(answer.map_err(api("s3:GetBucketPublicAccessBlock")))?;
            Ok(answer.and_then(|answer| answer.public_access_block_configuration))
        },
        async {
            let answer = s3.get_bucket_policy().bucket(name).send().await;
            let answer = unset(answer.map_err(api("s3:GetBucketPolicy")))?;
            Ok(answer.and_then(|answer| answer.policy))
        },
        async {
            let answer = s3.get_bucket_lifecycle_configuration().bucket(name).send().await;
            let answer = unset(answer.map_err(api("s3:GetLifecycleConfiguration")))?;
            let rules = answer.and_then(|answer| answer.rules).unwrap_or_default();
            Ok(rules.iter().map(LifecycleRule::observed).collect::<Vec<_>>())
        },
        async {
            let answer = s3.get_bucket_ownership_controls().bucket(name).send().await;
            let answer = unset(answer.map_err(api("s3:GetBucketOwnershipControls")))?;
            let rule = answer.and_then(|answer| answer.ownership_controls?.rules.into_iter().next());
            Ok(rule.map(|rule| rule.object_ownership.as_str().to_owned()))
        },
        async {
            let answer = s3.get_object_lock_configuration().bucket(name).send().await;
            let answer = unset(answer.map_err(api("s3:GetBucketObjectLockConfiguration")))?;
            Ok(answer.and_then(|answer| answer.object_lock_configuration))
        },
        async {
            let answer = s3.get_bucket_logging().bucket(name).send().await;
            Ok(answer.map_err(api("s3:GetBucketLogging"))?.logging_enabled)
        },
        tags(c, name),
    )?;
    let on = |flag: Option<bool>| flag.unwrap_or_default();
    let rule = lock.as_ref().and_then(|lock| lock.rule()?.default_retention().cloned());
    let enabled = |lock: &types::ObjectLockConfiguration| {
        lock.object_lock_enabled().is_some_and(|lock| *lock == types::ObjectLockEnabled::Enabled)
    };
    let region = c.region().to_owned();
    let partition = Partition::of_client(&region);
    Ok(Observed {
        inputs: Bucket {
            bucket: Some(name.to_owned()),
            versioning: Some(versioning),
            server_side_encryption_configuration: encryption,
            public_access_block_configuration: public.map(|block| PublicAccessBlock {
                block_public_acls: on(block.block_public_acls()),
                ignore_public_acls: on(block.ignore_public_acls()),
                block_public_policy: on(block.block_public_policy()),
                restrict_public_buckets: on(block.restrict_public_buckets()),
            }),
            policy: policy.map(In::Known),
            lifecycle_configuration: Some(lifecycle),
            object_ownership: ownership,
            object_lock_enabled_for_bucket: Some(lock.as_ref().is_some_and(enabled)),
            default_retention: rule.and_then(|rule| {
                let days = rule.days().or(rule.years().map(|years| years * 365))?;
                Some(Retention::new(rule.mode()?.as_str(), days))
            }),
            logging_enabled: logging.map(|logging| Logging::new(logging.target_bucket(), logging.target_prefix())),
            force_delete: None,
            tags,
        },
        outputs: BucketOutputs {
            id: Id::new(name),
            // No answer of S3 has a bucket's ARN.
            arn: format!("arn:{}:s3:::{name}", partition.id),
            domain_name: format!("{name}.s3.{}", partition.dns_suffix),
            regional_domain_name: format!("{name}.s3.{region}.{}", partition.dns_suffix),
            region,
        },
    })
}

fn encryption(configuration: &types::ServerSideEncryptionConfiguration) -> Option<Encryption> {
    let rule = configuration.rules().first()?;
    let default = rule.apply_server_side_encryption_by_default()?;
    Some(Encryption {
        sse_algorithm: default.sse_algorithm().as_str().to_owned(),
        kms_master_key_id: default.kms_master_key_id().map(In::from),
        bucket_key_enabled: Some(rule.bucket_key_enabled().unwrap_or_default()),
    })
}
