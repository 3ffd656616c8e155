//! Resource types of Certificate Manager: certificates.

mod certificate;
mod imported;
mod issued;

use std::sync::Arc;

use aws_sdk_acm::types::{CertificateDetail, Filters, KeyAlgorithm, Tag};
use aws_smithy_types::error::operation::BuildError;
use provisioner_model::{
    erased::ResourceRegistry,
    error::{Error, ErrorKind, Result},
    resource::{Actions, Id, Observed, Owner, ReadResults, Resource, Tags},
};

pub use self::{
    certificate::{Certificate, CertificateOutputs, ValidationRecord},
    imported::{ImportedCertificate, ImportedCertificateOutputs},
    issued::{CertificateIssued, CertificateIssuedOutputs},
};
use crate::{
    cloud::{Clients, Reader, Writer},
    each::one_by_one,
    error::{api, need},
    tags::{TagChange, made_for, observed_tags},
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Certificate>().with::<CertificateIssued>().with::<ImportedCertificate>()
}

const DESCRIBE: &str = "acm:DescribeCertificate";

/// The IAM actions that every kind of certificate needs, except those of its create.
const ACTIONS: Actions = Actions {
    read: &[DESCRIBE, "acm:ListCertificates", "acm:ListTagsForCertificate"],
    create: &[],
    update: &["acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate"],
    delete: &["acm:DeleteCertificate"],
};

/// A part of a request that lacks something.
fn built<T>(part: Result<T, BuildError>) -> Result<T> {
    part.map_err(|error| Error::bug("acm:AddTagsToCertificate", error))
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>> {
    tags.iter().map(|(key, value)| built(Tag::builder().key(key).value(value).build())).collect()
}

async fn tags_of(c: &Clients, arn: &str) -> Result<Tags> {
    let answer = c.acm().list_tags_for_certificate().certificate_arn(arn).send().await;
    let answer = answer.map_err(api("acm:ListTagsForCertificate"))?;
    Ok(observed_tags(answer.tags().iter().map(|tag| (Some(tag.key()), tag.value()))))
}

async fn sync_tags(c: &Writer, arn: &str, desired: &Tags, recorded: &Tags, observed: &Tags) -> Result<()> {
    let change = TagChange::between(desired, recorded, observed);
    if !change.set.is_empty() {
        let request = c.acm().add_tags_to_certificate().certificate_arn(arn).set_tags(Some(sdk_tags(&change.set)?));
        request.send().await.map_err(api("acm:AddTagsToCertificate"))?;
    }
    if !change.drop.is_empty() {
        let tags = change.drop.iter().map(|key| built(Tag::builder().key(key).build())).collect::<Result<Vec<_>>>()?;
        let request = c.acm().remove_tags_from_certificate().certificate_arn(arn).set_tags(Some(tags));
        request.send().await.map_err(api("acm:RemoveTagsFromCertificate"))?;
    }
    Ok(())
}

/// One certificate; none where there is none. One call, however many types look at it.
async fn detail(c: &Reader, arn: &str) -> Result<Option<Arc<CertificateDetail>>> {
    // What is no ARN would be an error, not an absence.
    if !arn.starts_with("arn:") {
        return Ok(None);
    }
    let read = || async {
        let answer = c.acm().describe_certificate().certificate_arn(arn).send().await.map_err(api(DESCRIBE))?;
        need(DESCRIBE, answer.certificate(), "Certificate")
    };
    match c.once(&format!("acm:{arn}"), read).await {
        Ok(detail) => Ok(Some(detail)),
        Err(error) if error.kind == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads certificates and their tags: two calls for each, since ACM has no call for many.
async fn read_with_tags<'a, R: Resource>(
    c: &Reader,
    ids: &'a [Id<R>],
    to_observed: fn(&CertificateDetail, Tags) -> Result<Observed<R>>,
) -> ReadResults<R> {
    let read = |id: &'a Id<R>| async move {
        let detail = detail(c, id.as_str()).await?.ok_or_else(|| Error::new(ErrorKind::Gone, DESCRIBE))?;
        to_observed(&detail, tags_of(c, id.as_str()).await?)
    };
    one_by_one(ids, read).await
}

/// The ARNs of the certificates of this name that carry the owner's token.
async fn find_by_token(c: &Reader, domain: &str, owner: &Owner) -> Result<Vec<String>> {
    // Without key types, ACM lists those with RSA keys of at most 2048 bits, and no other.
    let kinds = KeyAlgorithm::values().iter().map(|kind| KeyAlgorithm::from(*kind)).collect();
    let filter = Filters::builder().set_key_types(Some(kinds)).build();
    let mut pages = c.acm().list_certificates().includes(filter).into_paginator().items().send();
    let mut found = vec![];
    while let Some(one) = pages.try_next().await.map_err(api("acm:ListCertificates"))? {
        let Some(arn) = one.certificate_arn().filter(|_| one.domain_name() == Some(domain)) else { continue };
        match tags_of(c, arn).await {
            Ok(tags) if made_for(&tags, owner) => found.push(arn.to_owned()),
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::Gone => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn delete(c: &Writer, arn: &str) -> Result<()> {
    let answer = c.acm().delete_certificate().certificate_arn(arn).send().await;
    crate::error::gone_ok(answer.map(drop).map_err(api("acm:DeleteCertificate")))
}
