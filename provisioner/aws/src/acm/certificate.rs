//! `aws:acm:certificate` — a public certificate, validated by DNS.
//!
//! ACM fixes names, key and options at the request, so a change to one of them asks for another certificate. It counts as done
//! once the records that prove the names are known; [`CertificateIssued`](super::CertificateIssued) waits for issue.
//! Reads: two calls for each (the certificate, its tags).
//! API: <https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>

use aws_sdk_acm::types::{
    CertificateDetail, CertificateExport, CertificateOptions, CertificateStatus, KeyAlgorithm, ValidationMethod,
};
use provisioner_model::{
    error::Result,
    resource::{
        Actions, Change, Created, Field, Id, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ACTIONS, DESCRIBE, read_with_tags, sdk_tags, sync_tags};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, need},
};

/// A public certificate, validated by DNS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its main name: `example.com` or `*.example.com`.
    pub domain_name: String,
    /// Additional domain names of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_names: Option<Vec<String>>,
    /// `RSA_2048`, `EC_prime256v1` or `EC_secp384r1`; ACM's choice is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_algorithm: Option<String>,
    /// `true` if its key may be exported, which costs; ACM's choice is no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exportable: Option<bool>,
    /// Tags of the certificate, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateOutputs {
    /// The ARN of the certificate.
    pub id: Id<Certificate>,
    /// The same, as text.
    pub arn: String,
    /// Status, such as `PENDING_VALIDATION` or `ISSUED`.
    pub status: String,
    /// Reason for a failed issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// DNS records for validation, one for each name, the main name first. A name and its wildcard share a record.
    pub validation: Vec<ValidationRecord>,
    /// The main name's of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_validation: Option<ValidationRecord>,
}

/// A DNS record that proves a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationRecord {
    /// The name that it proves.
    pub domain: String,
    /// Name of the record.
    pub name: String,
    /// Type of the record: `CNAME`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Value of the record.
    pub value: String,
}

impl Certificate {
    /// The ARN of the certificate.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// The name of the record that proves the main name.
    pub const VALIDATION_NAME: Output<Self, String> = Output::new("main_validation.name");
    /// Type of the first record.
    pub const VALIDATION_TYPE: Output<Self, String> = Output::new("main_validation.type");
    /// Value of the first record.
    pub const VALIDATION_VALUE: Output<Self, String> = Output::new("main_validation.value");
    /// All records for validation.
    pub const VALIDATION: Output<Self, Vec<ValidationRecord>> = Output::new("validation");

    /// A certificate for one name.
    pub fn new(domain_name: impl Into<String>) -> Self {
        Self {
            domain_name: domain_name.into(),
            alternative_names: None,
            key_algorithm: None,
            exportable: None,
            tags: Tags::new(),
        }
    }

    fn options(&self) -> Option<CertificateOptions> {
        let export = |on| if on { CertificateExport::Enabled } else { CertificateExport::Disabled };
        Some(CertificateOptions::builder().export(self.exportable.map(export)?).build())
    }
}

impl Resource for Certificate {
    const TYPE: &'static str = "aws:acm:certificate";
    const FIELDS: &'static [Field] = &[
        Field::new("domain_name").replaces(),
        Field::new("alternative_names").set().replaces(),
        Field::new("key_algorithm").replaces(),
        Field::new("exportable").replaces(),
        Field::new("tags").map(),
    ];
    const TAGGED: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["status"];
    const ACTIONS: Actions = Actions { create: &["acm:RequestCertificate", "acm:AddTagsToCertificate"], ..ACTIONS };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("ValidationMethod", "by DNS, which renews without a hand; so no DomainValidationOptions either"),
        ("IdempotencyToken", "the engine's token"),
        ("CertificateAuthorityArn", "no private authorities"),
        ("ManagedBy", "for CloudFront's own"),
        ("RootHierarchyType", "the usual hierarchy, so no CertificateUsage either"),
    ];
    type Cloud = Aws;
    type Outputs = CertificateOutputs;

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        // ACM keeps names in small letters.
        let small = |value: &Value| serde_json::from_str(&value.to_string().to_ascii_lowercase()).unwrap_or_default();
        match field.name {
            "domain_name" | "alternative_names" => field.compare.is_equivalent(&small(desired), &small(observed)),
            _ => field.compare.is_equivalent(desired, observed),
        }
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        let out = &observed.outputs;
        match CertificateStatus::from(out.status.as_str()) {
            CertificateStatus::Issued | CertificateStatus::Inactive => Phase::Ready,
            CertificateStatus::PendingValidation => {
                let names = 1 + observed.inputs.alternative_names.as_ref().map_or(0, Vec::len);
                if out.validation.len() >= names { Phase::Ready } else { Phase::Pending }
            }
            status => {
                let reason = out.failure.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                Phase::Failed { why: format!("status is `{status}`{reason}"), remedy: Some(Change::Replace) }
            }
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        Ok(read_with_tags(c, ids, to_observed).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let found = super::find_by_token(c, &self.domain_name.to_ascii_lowercase(), owner).await?;
        Ok(found.into_iter().map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        const ACTION: &str = "acm:RequestCertificate";
        // Word characters only, 32 at most.
        let token: String = owner.token.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        let answer = c
            .acm()
            .request_certificate()
            .domain_name(&self.domain_name)
            .set_subject_alternative_names(self.alternative_names.clone())
            .validation_method(ValidationMethod::Dns)
            .set_key_algorithm(self.key_algorithm.as_deref().map(KeyAlgorithm::from))
            .set_options(self.options())
            .set_tags(Some(sdk_tags(&self.tags)?))
            .idempotency_token(token)
            .send()
            .await
            .map_err(api(ACTION))?;
        Ok((Id::new(need(ACTION, answer.certificate_arn(), "CertificateArn")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        sync_tags(c, recorded.id.as_str(), &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        super::delete(c, recorded.id.as_str()).await
    }
}

fn to_observed(detail: &CertificateDetail, tags: Tags) -> Result<Observed<Certificate>> {
    let domain_name = need(DESCRIBE, detail.domain_name(), "DomainName")?;
    let arn = need(DESCRIBE, detail.certificate_arn(), "CertificateArn")?;
    // The main name is listed among the others too.
    let others = detail.subject_alternative_names().iter().filter(|name| **name != domain_name).cloned().collect();
    let export = detail.options().and_then(CertificateOptions::export);
    let records = detail.domain_validation_options().iter().filter_map(|name| {
        let record = name.resource_record()?;
        Some(ValidationRecord {
            domain: name.domain_name().to_owned(),
            name: record.name().to_owned(),
            kind: record.r#type().as_str().to_owned(),
            value: record.value().to_owned(),
        })
    });
    let mut validation: Vec<_> = records.collect();
    validation.sort_by_key(|record| (record.domain != domain_name, record.domain.clone()));
    // ACM writes `RSA_2048` on the way in, and `RSA-2048` on the way out.
    let key = detail.key_algorithm().map(|key| key.as_str().replace('-', "_"));
    Ok(Observed {
        outputs: CertificateOutputs {
            id: Id::new(arn.as_str()),
            arn,
            status: need(DESCRIBE, detail.status(), "Status")?.as_str().to_owned(),
            failure: detail.failure_reason().map(|reason| reason.as_str().to_owned()),
            main_validation: validation.iter().find(|record| record.domain == domain_name).cloned(),
            validation,
        },
        inputs: Certificate {
            domain_name,
            alternative_names: Some(others),
            key_algorithm: key,
            exportable: export.map(|export| *export == CertificateExport::Enabled),
            tags,
        },
    })
}
