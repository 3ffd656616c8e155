//! Resource types of Certificate Manager: certificates.

use std::sync::Arc;

use aws_sdk_acm::types::{CertificateDetail, Filters, KeyAlgorithm, Tag};
use provisioner_model::erased::ResourceRegistry;

use crate::{
    cloud::Clients,
    each::one_by_one,
    prelude::*,
    tags::{TagChange, owned},
};

/// The part of `impl Resource` that every kind of certificate has: ACM changes the tags of a certificate, and nothing
/// else. The type's module has `to_observed`.
macro_rules! certificate_methods {
    () => {
        const CHANGES_ON_UPDATE: &'static [&'static str] = &["status"];
        type Cloud = Aws;

        async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
            Ok($crate::acm::read_with_tags(c, ids, to_observed).await)
        }

        async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
            let change = $crate::tags::TagChange::between(&self.tags, &recorded.inputs.tags, &observed.inputs.tags);
            $crate::acm::send_tags(c, recorded.id.as_str(), change).await.map(|()| None)
        }

        async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
            let answer = c.acm().delete_certificate().certificate_arn(recorded.id.as_str()).send().await;
            gone_ok(answer.map(drop).map_err(api("acm:DeleteCertificate")))
        }
    };
}

mod certificate;
mod imported;
mod issued;

pub use self::{
    certificate::{Certificate, CertificateOutputs, ValidationRecord},
    imported::{ImportedCertificate, ImportedCertificateOutputs},
    issued::{CertificateIssued, CertificateIssuedOutputs},
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

tag_conversions!(Tag, key, value);

async fn tags_of(c: &Clients, arn: &str) -> Result<Tags> {
    let answer = c.acm().list_tags_for_certificate().certificate_arn(arn).send().await;
    let answer = answer.map_err(api("acm:ListTagsForCertificate"))?;
    Ok(our_tags(answer.tags()))
}

async fn send_tags(c: &Writer, arn: &str, change: TagChange) -> Result<()> {
    if !change.set.is_empty() {
        let request = c.acm().add_tags_to_certificate().certificate_arn(arn).set_tags(Some(sdk_tags(&change.set)));
        request.send().await.map_err(api("acm:AddTagsToCertificate"))?;
    }
    if !change.drop.is_empty() {
        let tags = change.drop.iter().filter_map(|key| Tag::builder().key(key).build().ok()).collect();
        let request = c.acm().remove_tags_from_certificate().certificate_arn(arn).set_tags(Some(tags));
        request.send().await.map_err(api("acm:RemoveTagsFromCertificate"))?;
    }
    Ok(())
}

/// Returns a certificate. All types that read it share one call.
async fn detail(c: &Reader, arn: &str) -> Result<Arc<CertificateDetail>> {
    // ACM would refuse another kind of ID, instead of an answer that it does not exist.
    if !arn.starts_with("arn:") {
        return Err(Error::new(ErrorKind::Gone, DESCRIBE));
    }
    let read = || async {
        let answer = c.acm().describe_certificate().certificate_arn(arn).send().await.map_err(api(DESCRIBE))?;
        need(DESCRIBE, answer.certificate(), "Certificate")
    };
    c.once(&format!("acm:{arn}"), read).await
}

/// Reads certificates and their tags: two calls for each, since ACM has no call for many.
async fn read_with_tags<'a, R: Resource>(
    c: &Reader,
    ids: &'a [Id<R>],
    to_observed: fn(&CertificateDetail, Tags) -> Result<Observed<R>>,
) -> ReadResults<R> {
    let read =
        |id: &'a Id<R>| async move { to_observed(&*detail(c, id.as_str()).await?, tags_of(c, id.as_str()).await?) };
    one_by_one(ids, read).await
}

/// Returns the certificates of this name that carry the owner's token.
async fn find_by_token<R: Resource>(c: &Reader, domain: &str, owner: &Owner) -> Result<Vec<Id<R>>> {
    // Without key types, ACM lists those with RSA keys of at most 2048 bits, and no other.
    let kinds = KeyAlgorithm::values().iter().map(|kind| KeyAlgorithm::from(*kind)).collect();
    let filter = Filters::builder().set_key_types(Some(kinds)).build();
    let pages = c.acm().list_certificates().includes(filter).into_paginator().items().send();
    let all: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(api("acm:ListCertificates"))?;
    let named = all.iter().filter(|one| one.domain_name() == Some(domain));
    let ids: Vec<_> = named.filter_map(|one| one.certificate_arn().map(Id::new)).collect();
    owned(&ids, owner, |id| tags_of(c, id.as_str())).await
}
