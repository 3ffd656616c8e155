//! `aws:acm:certificate-issued`: the wait until a certificate is issued.
//!
//! It creates nothing in AWS: a user of the certificate refers to this resource, so the engine creates that user only
//! once ACM has found the records. Another certificate is another wait. Reads: the certificate's own, shared.
//! API: <https://docs.aws.amazon.com/acm/latest/APIReference/API_DescribeCertificate.html>

use std::time::Duration;

use aws_sdk_acm::types::CertificateStatus;

use super::{Certificate, DESCRIBE, detail};
use crate::{each::one_by_one, prelude::*, route53::Record};

/// The wait until a certificate is issued.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:acm:certificate-issued",
    cloudformation(none = "a wait, which CloudFormation makes part of the certificate"),
    attributes(id | arn = "${certificate}"),
)]
pub struct CertificateIssued {
    /// The certificate to wait for.
    #[field(replaces)]
    pub certificate: In<Id<Certificate>>,
    /// The records that prove the certificate's names, so that the wait begins after them.
    #[field(write_only)]
    pub records: Vec<In<Id<Record>>>,
}

/// The outputs of the wait.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct CertificateIssuedOutputs {
    /// The ARN of the certificate.
    pub id: Id<CertificateIssued>,
    /// The same ARN, as text, once the certificate is issued.
    pub arn: String,
    /// Status of the certificate.
    pub status: String,
}

impl Resource for CertificateIssued {
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["status"];
    const ACTIONS: Actions = Actions { read: &[DESCRIBE], create: &[], update: &[], delete: &[] };
    const READY_TIMEOUT: Duration = Duration::from_mins(30);
    const POLL_INTERVAL: Duration = Duration::from_secs(10);
    type Cloud = Aws;
    type Outputs = CertificateIssuedOutputs;

    fn phase(desired: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        // Nobody waits any more: the certificate may stay, the wait is over.
        if desired.is_none() {
            return Phase::Gone;
        }
        match CertificateStatus::from(observed.outputs.status.as_str()) {
            CertificateStatus::Issued => Phase::Ready,
            CertificateStatus::PendingValidation => Phase::Pending,
            status => Phase::Failed { why: format!("the certificate's status is `{status}`"), remedy: None },
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let read = async |id: &Id<Self>| {
            let detail = detail(c, id.as_str()).await?;
            Ok(Observed {
                inputs: Self::new(Id::new(id.as_str()).into()),
                outputs: CertificateIssuedOutputs {
                    id: id.clone(),
                    arn: id.as_str().to_owned(),
                    status: detail.status().map_or("", CertificateStatus::as_str).to_owned(),
                },
            })
        };
        Ok(one_by_one(ids, read).await)
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        let arn = text(&self.certificate).unwrap_or_default();
        Ok(none_if(ErrorKind::Gone, detail(c, &arn).await)?.map(|_| Id::new(arn)).into_iter().collect())
    }

    async fn create(&self, _: &Writer, _: &Owner) -> Result<Created<Self>> {
        Ok((Id::new(text(&self.certificate).unwrap_or_default()), None))
    }

    async fn update(&self, _: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Updated> {
        Ok(None)
    }

    async fn delete(_: &Writer, _: &Recorded<Self>) -> Result<()> {
        Ok(())
    }
}
