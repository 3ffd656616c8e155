//! The calls that make, change and empty a bucket.

use aws_sdk_s3::types;

use super::{Bucket, Field, LifecycleRule, sdk_tags};
use crate::{prelude::*, tags::TagChange};

pub(super) async fn create(new: &Bucket, c: &Writer, name: &str) -> Result<()> {
    // us-east-1 is what is meant where no region is stated, and cannot be stated.
    let region = Some(c.region()).filter(|region| *region != "us-east-1").map(types::BucketLocationConstraint::from);
    let tags = Some(sdk_tags(&new.tags)).filter(|tags| !tags.is_empty());
    let place = types::CreateBucketConfiguration::builder().set_location_constraint(region).set_tags(tags).build();
    let request = c
        .s3()
        .create_bucket()
        .bucket(name)
        .create_bucket_configuration(place)
        .set_object_lock_enabled_for_bucket(new.object_lock_enabled_for_bucket.filter(|on| *on));
    let request = set_inputs!(request, new => object_ownership);
    request.send().await.map(drop).map_err(api("s3:CreateBucket"))
}

pub(super) async fn update(
    desired: &Bucket,
    c: &Writer,
    recorded: &Recorded<Bucket>,
    observed: &Observed<Bucket>,
) -> Result<()> {
    let (s3, name) = (c.s3(), recorded.id.as_str());
    let changed = ChangedFields::between(desired, &recorded.inputs, &observed.inputs);
    // Versioning before object lock, and what is public before the policy: each needs the one before.
    // Object lock needs versioning: S3 turns it on by itself, and refuses to suspend it.
    let locked =
        desired.object_lock_enabled_for_bucket.or(observed.inputs.object_lock_enabled_for_bucket) == Some(true);
    let on = desired.versioning.unwrap_or(locked);
    if changed.contains(Field::Versioning) && observed.inputs.versioning != Some(on) {
        use types::BucketVersioningStatus::{Enabled, Suspended};
        let status = types::VersioningConfiguration::builder().status(if on { Enabled } else { Suspended }).build();
        let request = s3.put_bucket_versioning().bucket(name).versioning_configuration(status);
        request.send().await.map_err(api("s3:PutBucketVersioning"))?;
    }
    let encryption = desired.server_side_encryption_configuration.as_ref();
    if let Some(encryption) = encryption.filter(|_| changed.contains(Field::ServerSideEncryptionConfiguration)) {
        let default = types::ServerSideEncryptionByDefault::builder();
        let default = built(set_inputs!(default, encryption => sse_algorithm, kms_master_key_id).build())?;
        let rule = types::ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default);
        let rule = set_inputs!(rule, encryption => bucket_key_enabled).build();
        let configuration = built(types::ServerSideEncryptionConfiguration::builder().rules(rule).build())?;
        let request = s3.put_bucket_encryption().bucket(name).server_side_encryption_configuration(configuration);
        request.send().await.map_err(api("s3:PutEncryptionConfiguration"))?;
    } else if changed.contains(Field::ServerSideEncryptionConfiguration) {
        // Back to S3's own keys.
        let request = s3.delete_bucket_encryption().bucket(name);
        request.send().await.map_err(api("s3:PutEncryptionConfiguration"))?;
    }
    let block = &desired.public_access_block_configuration;
    if let Some(block) = changed.pick(Field::PublicAccessBlockConfiguration, block) {
        let configuration = set_inputs!(types::PublicAccessBlockConfiguration::builder(), block =>
            block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets)
        .build();
        let request = s3.put_public_access_block().bucket(name).public_access_block_configuration(configuration);
        request.send().await.map_err(api("s3:PutBucketPublicAccessBlock"))?;
    }
    if changed.contains(Field::ObjectOwnership) {
        let rule = types::OwnershipControlsRule::builder();
        let rule = built(set_inputs!(rule, desired => object_ownership).build())?;
        let controls = built(types::OwnershipControls::builder().rules(rule).build())?;
        let request = s3.put_bucket_ownership_controls().bucket(name).ownership_controls(controls);
        request.send().await.map_err(api("s3:PutBucketOwnershipControls"))?;
    }
    if changed.contains(Field::Policy) {
        // A role that was just made is no principal yet.
        let special = |code: &str, message: &str| {
            (code == "MalformedPolicy" && message.contains("Invalid principal")).then_some(ErrorKind::NotYet)
        };
        if desired.policy.is_some() {
            let request = set_inputs!(s3.put_bucket_policy().bucket(name), desired => policy);
            request.send().await.map_err(api_with("s3:PutBucketPolicy", special))?;
        } else {
            let request = s3.delete_bucket_policy().bucket(name);
            request.send().await.map_err(api("s3:DeleteBucketPolicy"))?;
        }
    }
    if changed.contains(Field::LifecycleConfiguration) {
        let rules = desired.lifecycle_configuration.as_deref().unwrap_or_default();
        if rules.is_empty() {
            let request = s3.delete_bucket_lifecycle().bucket(name);
            request.send().await.map_err(api("s3:PutLifecycleConfiguration"))?;
        } else {
            let rules = rules.iter().map(LifecycleRule::sdk).collect::<Result<Vec<_>>>()?;
            let configuration = types::BucketLifecycleConfiguration::builder().set_rules(Some(rules));
            let request = s3.put_bucket_lifecycle_configuration().bucket(name);
            let request = request.lifecycle_configuration(built(configuration.build())?);
            request.send().await.map_err(api("s3:PutLifecycleConfiguration"))?;
        }
    }
    let lock = changed.contains_any(&[Field::ObjectLockEnabledForBucket, Field::DefaultRetention]);
    if lock && locked {
        let rule = desired.default_retention.as_ref().map(|one| {
            let retention = set_inputs!(types::DefaultRetention::builder(), one => mode, days).build();
            types::ObjectLockRule::builder().default_retention(retention).build()
        });
        let lock = types::ObjectLockConfiguration::builder();
        let lock = lock.object_lock_enabled(types::ObjectLockEnabled::Enabled).set_rule(rule).build();
        let request = s3.put_object_lock_configuration().bucket(name).object_lock_configuration(lock);
        request.send().await.map_err(api("s3:PutBucketObjectLockConfiguration"))?;
    }
    if changed.contains(Field::LoggingEnabled) {
        let target = desired.logging_enabled.as_ref().map(|logging| {
            let target = types::LoggingEnabled::builder();
            built(set_inputs!(target, logging => target_bucket, target_prefix).build())
        });
        // A status without a target ends the log.
        let status = types::BucketLoggingStatus::builder().set_logging_enabled(target.transpose()?).build();
        let request = s3.put_bucket_logging().bucket(name).bucket_logging_status(status);
        request.send().await.map_err(api("s3:PutBucketLogging"))?;
    }
    let change = TagChange::between(&desired.tags, &recorded.inputs.tags, &observed.inputs.tags);
    if change != TagChange::default() {
        // The call replaces all tags, so foreign tags are written back with ours.
        let mut tags = observed.inputs.tags.clone();
        tags.retain(|key, _| !change.drop.contains(key));
        tags.extend(change.set);
        let tags = built(types::Tagging::builder().set_tag_set(Some(sdk_tags(&tags))).build())?;
        let request = s3.put_bucket_tagging().bucket(name).tagging(tags);
        request.send().await.map_err(api("s3:PutBucketTagging"))?;
    }
    Ok(())
}

pub(super) async fn delete(c: &Writer, name: &str, force: bool) -> Result<()> {
    let gone = async {
        if force {
            empty(c, name).await?;
        }
        let answer = c.s3().delete_bucket().bucket(name).send().await;
        // Nothing empties it, so a retry is of no use.
        answer.map(drop).map_err(api_with("s3:DeleteBucket", |code, _| {
            (code == "BucketNotEmpty" && !force).then_some(ErrorKind::Blocked)
        }))
    };
    gone_ok(gone.await).map_err(|error| {
        if error.code.as_deref() == Some("BucketNotEmpty") && !force {
            let why = format!("`{name}` contains objects; empty it, or set `force_delete` and apply that first");
            let because = Error::because(error.kind, error.action, why);
            return Error { code: error.code, request_id: error.request_id, ..because };
        }
        error
    })
}

/// Every version of every object, a thousand at a time.
async fn empty(c: &Writer, name: &str) -> Result<()> {
    loop {
        let page = c.read().s3().list_object_versions().bucket(name).max_keys(1000).send().await;
        let page = page.map_err(api("s3:ListBucketVersions"))?;
        let versions = page.versions().iter().map(|one| (one.key(), one.version_id()));
        let markers = page.delete_markers().iter().map(|one| (one.key(), one.version_id()));
        let all = versions.chain(markers).filter_map(|(key, version)| Some((key?, version)));
        let all = all.map(|(key, version)| {
            let one = types::ObjectIdentifier::builder().key(key).set_version_id(version.map(str::to_owned));
            built(one.build())
        });
        let all = all.collect::<Result<Vec<_>>>()?;
        if all.is_empty() {
            return Ok(());
        }
        let delete = built(types::Delete::builder().set_objects(Some(all)).quiet(true).build())?;
        let answer = c.s3().delete_objects().bucket(name).delete(delete).send().await;
        let answer = answer.map_err(api("s3:DeleteObjectVersion"))?;
        // Else the same page would come again for ever.
        if let Some(error) = answer.errors().first() {
            let why = format!("`{}`: {}", error.key().unwrap_or_default(), error.message().unwrap_or_default());
            return Err(Error {
                code: error.code().map(str::to_owned),
                ..Error::because(ErrorKind::Refused, "s3:DeleteObjectVersion", why)
            });
        }
    }
}
