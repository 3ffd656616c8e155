//! `aws:acm:imported-certificate`: a self-signed certificate, for an environment without a domain.
//!
//! The create makes the key, imports it and forgets it, so that no file ever holds it. Names, days and version are
//! fixed: a change to one of them replaces the certificate. It does not renew itself: raise `version` before it ends.
//! Reads: two calls for each (the certificate, its tags).
//! API: <https://docs.aws.amazon.com/acm/latest/APIReference/API_ImportCertificate.html>

use std::time::{Duration, SystemTime};

use aws_sdk_acm::{primitives::Blob, types::CertificateDetail};
use aws_smithy_types::date_time::Format;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};

use super::{ACTIONS, DESCRIBE, sdk_tags};
use crate::prelude::*;

const IMPORT: &str = "acm:ImportCertificate";
const DAY: u64 = 24 * 60 * 60;

/// A self-signed certificate, for an environment without a domain.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:acm:imported-certificate",
    cloudformation(none = "CloudFormation requests certificates and imports none"),
    create = "acm:ImportCertificate",
    omitted(
        Certificate | PrivateKey = "made inside of create",
        CertificateChain = "self-signed",
        CertificateArn = "a new certificate each time, so that the old one serves until the listener moves",
    )
)]
pub struct ImportedCertificate {
    /// Domain names of the certificate, the main one first.
    #[field(set, replaces, required)]
    pub domain_names: Vec<String>,
    /// Days from the certificate's creation to its end.
    #[field(replaces)]
    pub valid_days: u32,
    /// A higher version replaces the certificate.
    #[field(write_only, replaces, default = 1)]
    pub version: u32,
    /// Tags of the imported certificate, by key.
    pub tags: Tags,
}

/// The outputs of an imported certificate.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ImportedCertificateOutputs {
    /// The ARN of the imported certificate.
    pub id: Id<ImportedCertificate>,
    /// The same ARN, as text.
    pub arn: String,
    /// Either `ISSUED` or `EXPIRED`.
    pub status: String,
    /// End of the validity, as in RFC 3339.
    pub not_after: Option<String>,
}

impl Resource for ImportedCertificate {
    certificate_methods!();
    const ACTIONS: Actions = Actions { create: &[IMPORT, "acm:AddTagsToCertificate"], ..ACTIONS };
    type Outputs = ImportedCertificateOutputs;

    fn problems(&self) -> Vec<Problem> {
        let none = self.domain_names.is_empty();
        let long = self.domain_names.first().is_some_and(|name| name.len() > 64);
        let mut problems = vec![];
        if none || long {
            problems.push(Problem::new(
                Field::DomainNames,
                "expected at least one name, the first of at most 64 characters",
            ));
        }
        if self.valid_days == 0 {
            problems.push(Problem::new(Field::ValidDays, "expected at least 1 (day), found 0"));
        }
        problems
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let main = self.domain_names.first().map(String::as_str).unwrap_or_default();
        super::find_by_token(c, main, owner).await
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        #[expect(clippy::disallowed_methods, reason = "a certificate is valid from when it is made")]
        let (certificate, key) =
            self.pair(SystemTime::now()).map_err(|error| Error::because(ErrorKind::Refused, IMPORT, error))?;
        let private_key = Blob::new(key.clone());
        let request = c.acm().import_certificate().certificate(Blob::new(certificate)).private_key(private_key);
        let answer = request.set_tags(Some(sdk_tags(&self.tags))).send().await.map_err(api(IMPORT));
        let answer = answer.map_err(|error| error.without_secret("private key", &key))?;
        Ok((member(IMPORT, "CertificateArn", answer.certificate_arn())?, None))
    }
}

impl ImportedCertificate {
    /// A certificate and its key, as PEM: on P-256, which load balancers take.
    fn pair(&self, now: SystemTime) -> Result<(String, String), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(self.domain_names.clone())?;
        if let Some(main) = self.domain_names.first() {
            params.distinguished_name.push(DnType::CommonName, main);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Whole seconds, as certificates have them.
        let since = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(since);
        params.not_after = params.not_before + Duration::from_secs(DAY * u64::from(self.valid_days));
        let certificate = params.self_signed(&key)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn to_observed(detail: &CertificateDetail, tags: Tags) -> Result<Observed<ImportedCertificate>> {
    let domain_name = need(DESCRIBE, detail.domain_name(), "DomainName")?;
    let mut names = detail.subject_alternative_names().to_vec();
    if !names.contains(&domain_name) {
        names.insert(0, domain_name);
    }
    let seconds = detail.not_after().zip(detail.not_before()).map(|(end, start)| end.secs() - start.secs());
    let days = seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default() / DAY;
    Ok(Observed {
        inputs: ImportedCertificate {
            domain_names: names,
            valid_days: u32::try_from(days).unwrap_or_default(),
            version: 0,
            tags,
        },
        outputs: from_sdk!(DESCRIBE, detail => ImportedCertificateOutputs {
            id = certificate_arn, arn = certificate_arn;
            status: detail.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            not_after: detail.not_after().and_then(|end| end.fmt(Format::DateTime).ok()),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_has_its_own_key() {
        let desired = ImportedCertificate::new(["app.internal", "www.app.internal"], 365);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let (certificate, key) = desired.pair(now).unwrap();
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----") && key.contains("PRIVATE KEY"));
        assert_ne!(key, desired.pair(now).unwrap().1);
    }
}
