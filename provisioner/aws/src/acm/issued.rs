//! `aws:acm:certificate-issued` — the wait until a certificate is issued.
//!
//! Nothing of its own is in AWS: what uses the certificate refers to this, and is made only once ACM has found the
//! records. Another certificate is another wait. Reads: none but the certificate's own.
//! API: <https://docs.aws.amazon.com/acm/latest/APIReference/API_DescribeCertificate.html>

use std::time::Duration;

use aws_sdk_acm::types::CertificateStatus;
use futures::future::join_all;
use provisioner_model::{
    error::Result,
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{Certificate, DESCRIBE, detail};
use crate::{
    cloud::{Aws, Reader, Writer},
    route53::Record,
    value::text,
};

/// The wait until a certificate is issued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateIssued {
    /// Certificate to wait for.
    pub certificate: In<Id<Certificate>>,
    /// The records that prove its names, so that the wait begins after them.
    #[serde(default)]
    pub records: Vec<In<Id<Record>>>,
}

/// The outputs of the wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateIssuedOutputs {
    /// The ARN of the certificate.
    pub id: Id<CertificateIssued>,
    /// The same, as text.
    pub arn: String,
    /// Status of the certificate.
    pub status: String,
}

impl CertificateIssued {
    /// The certificate's ARN, once it is issued.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// Waits for this certificate.
    pub fn new(certificate: In<Id<Certificate>>) -> Self {
        Self { certificate, records: vec![] }
    }
}

impl Resource for CertificateIssued {
    const TYPE: &'static str = "aws:acm:certificate-issued";
    const FIELDS: &'static [Field] = &[Field::new("certificate").replaces(), Field::new("records").write_only()];
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
        let rows = ids.iter().map(|id| async move {
            let detail = detail(c, id.as_str()).await.transpose()?;
            let observed = detail.map(|detail| Observed {
                inputs: Self::new(Id::new(id.as_str()).into()),
                outputs: CertificateIssuedOutputs {
                    id: id.clone(),
                    arn: id.as_str().to_owned(),
                    status: detail.status().map_or("", CertificateStatus::as_str).to_owned(),
                },
            });
            Some((id.clone(), observed))
        });
        Ok(join_all(rows).await.into_iter().flatten().collect())
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        let arn = text(&self.certificate).unwrap_or_default();
        Ok(detail(c, &arn).await?.map(|_| Id::new(arn)).into_iter().collect())
    }

    async fn create(&self, _: &Writer, _: &Owner) -> Result<Created<Self>> {
        Ok((Id::new(text(&self.certificate).unwrap_or_default()), None))
    }

    async fn update(&self, _: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
        Ok(None)
    }

    async fn delete(_: &Writer, _: &Recorded<Self>) -> Result<()> {
        Ok(())
    }
}
