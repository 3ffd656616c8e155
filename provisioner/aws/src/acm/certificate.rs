//! `aws:acm:certificate`: a public certificate, validated by DNS.
//!
//! ACM fixes names, key and options at the request, so a change to one of them asks for another certificate. It is ready
//! once the records that prove the names are known; [`CertificateIssued`](super::CertificateIssued) waits for issue.
//! Reads: two calls for each (the certificate, its tags).
//! API: <https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>

use aws_sdk_acm::types::{
    CertificateDetail, CertificateExport, CertificateOptions, CertificateStatus, ValidationMethod,
};
use serde_json::Value;

use super::{ACTIONS, DESCRIBE, sdk_tags};
use crate::prelude::*;

/// A public certificate, validated by DNS.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:acm:certificate",
    cloudformation = "AWS::CertificateManager::Certificate",
    attributes(arn = "Ref"),
    create = "acm:RequestCertificate",
    omitted(
        ValidationMethod | DomainValidationOptions = "by DNS, which lets ACM renew the certificate",
        IdempotencyToken = "the engine's token",
        CertificateAuthorityArn = "no private authorities",
        ManagedBy = "for CloudFront's own",
        RootHierarchyType | CertificateUsage = "the usual hierarchy",
    )
)]
pub struct Certificate {
    /// The main name: `example.com` or `*.example.com`.
    #[field(replaces)]
    pub domain_name: String,
    /// Additional domain names of the certificate.
    #[field(set, replaces)]
    pub subject_alternative_names: Option<Vec<String>>,
    /// `RSA_2048`, `EC_prime256v1` or `EC_secp384r1`; ACM's default is the first.
    #[field(replaces)]
    pub key_algorithm: Option<String>,
    /// `true` if the key may be exported, for a fee; ACM's default is no.
    #[field(replaces, parameter = "Options", property = "CertificateExport", convert = enabled)]
    pub export: Option<bool>,
    /// Tags of the certificate, by key.
    pub tags: Tags,
}

/// The outputs of a certificate.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct CertificateOutputs {
    /// The ARN of the certificate.
    pub id: Id<Certificate>,
    /// The same ARN, as text.
    pub arn: String,
    /// Status, such as `PENDING_VALIDATION` or `ISSUED`.
    pub status: String,
    /// Reason for a failed issue.
    pub failure: Option<String>,
    /// DNS records for validation, one for each name, the main name first. A name and its wildcard share a record.
    pub validation: Vec<ValidationRecord>,
    /// The main name's record among them.
    pub main_validation: Option<ValidationRecord>,
}

/// A DNS record that proves a name.
#[derive(Clone, Debug, PartialEq, Eq, Outputs)]
pub struct ValidationRecord {
    /// The domain name that the record proves.
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
    /// The name of the record that proves the main name.
    pub const VALIDATION_NAME: Output<Self, String> = Output::new("main_validation.name");
    /// The type of that record.
    pub const VALIDATION_TYPE: Output<Self, String> = Output::new("main_validation.type");
    /// The value of that record.
    pub const VALIDATION_VALUE: Output<Self, String> = Output::new("main_validation.value");

    fn options(&self) -> Option<CertificateOptions> {
        let export = |on| if on { CertificateExport::Enabled } else { CertificateExport::Disabled };
        Some(CertificateOptions::builder().export(self.export.map(export)?).build())
    }
}

impl Resource for Certificate {
    certificate_methods!();
    const ACTIONS: Actions = Actions { create: &["acm:RequestCertificate", "acm:AddTagsToCertificate"], ..ACTIONS };
    type Outputs = CertificateOutputs;

    fn problems(&self) -> Vec<Problem> {
        // The main name is the common name of the certificate, which RFC 5280 limits; the others may have 253 characters.
        // <https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>
        let too_long = |name: &str, max: usize| name.len() > max;
        let others = self.subject_alternative_names.iter().flatten();
        let others = others.filter(|name| too_long(name, 253));
        let main = too_long(&self.domain_name, 64);
        let main = main.then(|| {
            let length = self.domain_name.len();
            let why =
                format!("expected at most 64 characters, found {length}; ACM accepts longer names only as others");
            Problem::new(Field::DomainName, why)
        });
        let other = |name| format!("expected at most 253 characters, found {}", String::len(name));
        main.into_iter().chain(others.map(|name| Problem::new(Field::SubjectAlternativeNames, other(name)))).collect()
    }

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        // ACM keeps names in small letters.
        let small = |value: &Value| serde_json::from_str(&value.to_string().to_ascii_lowercase()).unwrap_or_default();
        match Field::of(field) {
            Some(Field::DomainName | Field::SubjectAlternativeNames) => {
                field.compare.is_equivalent(&small(desired), &small(observed))
            }
            _ => field.compare.is_equivalent(desired, observed),
        }
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        let out = &observed.outputs;
        match CertificateStatus::from(out.status.as_str()) {
            CertificateStatus::Issued | CertificateStatus::Inactive => Phase::Ready,
            CertificateStatus::PendingValidation => {
                let names = 1 + observed.inputs.subject_alternative_names.as_ref().map_or(0, Vec::len);
                if out.validation.len() >= names { Phase::Ready } else { Phase::Pending }
            }
            status => {
                let reason = out.failure.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                Phase::Failed { why: format!("status is `{status}`{reason}"), remedy: Some(Change::Replace) }
            }
        }
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        super::find_by_token(c, &self.domain_name.to_ascii_lowercase(), owner).await
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        const ACTION: &str = "acm:RequestCertificate";
        // Word characters only, 32 at most.
        let token: String = owner.token.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        let request = c.acm().request_certificate().validation_method(ValidationMethod::Dns).idempotency_token(token);
        let request = set_inputs!(request, self => domain_name, subject_alternative_names, key_algorithm);
        let request = request.set_options(self.options()).set_tags(Some(sdk_tags(&self.tags)));
        let answer = request.send().await.map_err(api(ACTION))?;
        Ok((member(ACTION, "CertificateArn", answer.certificate_arn())?, None))
    }
}

fn to_observed(detail: &CertificateDetail, tags: Tags) -> Result<Observed<Certificate>> {
    let domain_name = need(DESCRIBE, detail.domain_name(), "DomainName")?;
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
        outputs: from_sdk!(DESCRIBE, detail => CertificateOutputs {
            id = certificate_arn, arn = certificate_arn, status, failure = failure_reason;
            main_validation: validation.iter().find(|record| record.domain == domain_name).cloned(),
            validation,
        }),
        inputs: Certificate {
            domain_name,
            subject_alternative_names: Some(others),
            key_algorithm: key,
            export: export.map(|export| *export == CertificateExport::Enabled),
            tags,
        },
    })
}
