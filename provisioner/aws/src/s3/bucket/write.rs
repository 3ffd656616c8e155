//! The calls that make, change and empty a bucket.

use aws_sdk_s3::types;
use aws_smithy_types::error::operation::BuildError;
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    resource::{Observed, Recorded, Tags},
};

use super::{Bucket, LifecycleRule};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::Writer,
    error::{api, api_with, gone_ok},
    tags::TagChange,
    value::text,
};

/// A part of a request that lacks something.
pub(super) fn built<T>(part: Result<T, BuildError>) -> Result<T> {
    part.map_err(|error| Error::bug("s3:CreateBucket", error))
}

fn sdk_tags(tags: &Tags) -> Result<Vec<types::Tag>> {
    tags.iter().map(|(key, value)| built(types::Tag::builder().key(key).value(value).build())).collect()
}

pub(super) async fn create(new: &Bucket, c: &Writer, name: &str) -> Result<()> {
    // us-east-1 is what is meant where no region is stated, and cannot be stated.
    let region = Some(c.region()).filter(|region| *region != "us-east-1").map(types::BucketLocationConstraint::from);
    let tags = sdk_tags(&new.tags)?;
    let place = types::CreateBucketConfiguration::builder().set_location_constraint(region);
    let place = place.set_tags((!tags.is_empty()).then_some(tags)).build();
    let request = c
        .s3()
        .create_bucket()
        .bucket(name)
        .create_bucket_configuration(place)
        .set_object_lock_enabled_for_bucket(new.object_lock.filter(|on| *on))
        .set_object_ownership(new.ownership.as_deref().map(types::ObjectOwnership::from));
    request.send().await.map(drop).map_err(api("s3:CreateBucket"))
}

pub(super) async fn update(
    desired: &Bucket,
    c: &Writer,
    recorded: &Recorded<Bucket>,
    observed: &Observed<Bucket>,
) -> Result<()> {
    let (s3, name) = (c.s3(), recorded.id.as_str());
    let differs = ChangedInputs::between(desired, &recorded.inputs, &observed.inputs);
    // Versioning before object lock, and what is public before the policy: each needs the one before.
    if let Some(on) = differs.pick("versioning", &desired.versioning) {
        use types::BucketVersioningStatus::{Enabled, Suspended};
        let status = types::VersioningConfiguration::builder().status(if on { Enabled } else { Suspended }).build();
        let request = s3.put_bucket_versioning().bucket(name).versioning_configuration(status);
        request.send().await.map_err(api("s3:PutBucketVersioning"))?;
    }
    if let Some(encryption) = differs.pick("encryption", &desired.encryption) {
        let default = types::ServerSideEncryptionByDefault::builder()
            .sse_algorithm(types::ServerSideEncryption::from(encryption.algorithm.as_str()))
            .set_kms_master_key_id(encryption.kms_key.as_ref().and_then(text));
        let rule = types::ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(built(default.build())?)
            .set_bucket_key_enabled(encryption.bucket_key)
            .build();
        let configuration = built(types::ServerSideEncryptionConfiguration::builder().rules(rule).build())?;
        let request = s3.put_bucket_encryption().bucket(name).server_side_encryption_configuration(configuration);
        request.send().await.map_err(api("s3:PutEncryptionConfiguration"))?;
    }
    if let Some(block) = differs.pick("public_access_block", &desired.public_access_block) {
        let configuration = types::PublicAccessBlockConfiguration::builder()
            .block_public_acls(block.block_public_acls)
            .ignore_public_acls(block.ignore_public_acls)
            .block_public_policy(block.block_public_policy)
            .restrict_public_buckets(block.restrict_public_buckets)
            .build();
        let request = s3.put_public_access_block().bucket(name).public_access_block_configuration(configuration);
        request.send().await.map_err(api("s3:PutBucketPublicAccessBlock"))?;
    }
    if let Some(ownership) = differs.pick("ownership", &desired.ownership) {
        let rule = types::OwnershipControlsRule::builder();
        let rule = built(rule.object_ownership(types::ObjectOwnership::from(ownership.as_str())).build())?;
        let controls = built(types::OwnershipControls::builder().rules(rule).build())?;
        let request = s3.put_bucket_ownership_controls().bucket(name).ownership_controls(controls);
        request.send().await.map_err(api("s3:PutBucketOwnershipControls"))?;
    }
    if let Some(policy) = differs.pick("policy", &desired.policy) {
        // A role that was just made is no principal yet.
        let special = |code: &str, message: &str| {
            (code == "MalformedPolicy" && message.contains("Invalid principal")).then_some(ErrorKind::NotYet)
        };
        let request = s3.put_bucket_policy().bucket(name).set_policy(text(&policy));
        request.send().await.map_err(api_with("s3:PutBucketPolicy", special))?;
    }
    if let Some(rules) = differs.pick("lifecycle", &desired.lifecycle) {
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
    if differs.any(&["object_lock", "default_retention"]) && desired.object_lock == Some(true) {
        let rule = desired.default_retention.as_ref().map(|one| {
            let mode = types::ObjectLockRetentionMode::from(one.mode.as_str());
            let retention = types::DefaultRetention::builder().mode(mode).days(one.days).build();
            types::ObjectLockRule::builder().default_retention(retention).build()
        });
        let lock = types::ObjectLockConfiguration::builder();
        let lock = lock.object_lock_enabled(types::ObjectLockEnabled::Enabled).set_rule(rule).build();
        let request = s3.put_object_lock_configuration().bucket(name).object_lock_configuration(lock);
        request.send().await.map_err(api("s3:PutBucketObjectLockConfiguration"))?;
    }
    if let Some(logging) = differs.pick("logging", &desired.logging) {
        let target = types::LoggingEnabled::builder().set_target_bucket(text(&logging.bucket));
        let target = built(target.target_prefix(&logging.prefix).build())?;
        let status = types::BucketLoggingStatus::builder().logging_enabled(target).build();
        let request = s3.put_bucket_logging().bucket(name).bucket_logging_status(status);
        request.send().await.map_err(api("s3:PutBucketLogging"))?;
    }
    let change = TagChange::between(&desired.tags, &recorded.inputs.tags, &observed.inputs.tags);
    if change != TagChange::default() {
        // The call replaces all tags: others' go back with ours.
        let mut tags = observed.inputs.tags.clone();
        tags.retain(|key, _| !change.drop.contains(key));
        tags.extend(change.set);
        let tags = built(types::Tagging::builder().set_tag_set(Some(sdk_tags(&tags)?)).build())?;
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
        // Nobody is going to empty it: trying again is of no use.
        answer.map(drop).map_err(api_with("s3:DeleteBucket", |code, _| {
            (code == "BucketNotEmpty" && !force).then_some(ErrorKind::Refused)
        }))
    };
    gone_ok(gone.await).map_err(|error| {
        if error.code.as_deref() == Some("BucketNotEmpty") && !force {
            let why = format!("`{name}` holds objects: empty it, or declare `force_delete` and apply that first");
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
