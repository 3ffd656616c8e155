//! Certificates outside the stack that listeners name by ARN: each must be issued, in this region.

use aws_sdk_acm::types::CertificateStatus;
use futures::future::try_join_all;
use provisioner_model::Diagnostic;

use super::{Context, or_left_out};
use crate::{elb::Listener, prelude::*};

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let arn = |(address, inputs): (_, &Value)| Some((address, inputs["certificate_arn"].as_str()?.to_owned()));
    let listeners: Vec<(&str, String)> =
        context.changes(Listener::TYPE, &["certificate_arn"]).filter_map(arn).collect();
    // IAM's server certificates are not ACM's.
    let listeners = listeners.iter().filter(|(_, arn)| arn.split(':').nth(2) == Some("acm"));
    let checks = listeners
        .map(|(address, arn)| async move { or_left_out("certificate", of_listener(context, address, arn).await) });
    Ok(try_join_all(checks).await?.concat())
}

/// <https://docs.aws.amazon.com/acm/latest/APIReference/API_DescribeCertificate.html>
async fn of_listener(context: &Context<'_>, address: &str, arn: &str) -> Result<Vec<Diagnostic>> {
    let region = context.reader.region();
    if let Some(problem) = wrong_region(arn, region) {
        return Ok(vec![finding(address, arn, &problem)]);
    }
    let answer = context.reader.acm().describe_certificate().certificate_arn(arn).send().await;
    let Some(answer) = none_if(ErrorKind::Gone, answer.map_err(api("acm:DescribeCertificate")))? else {
        return Ok(vec![finding(address, arn, "this account has no such certificate")]);
    };
    let status = answer.certificate().and_then(|certificate| certificate.status());
    let status = status.map(CertificateStatus::as_str).filter(|status| *status != "ISSUED");
    let problem = status.map(|status| format!("expected the status ISSUED, found {status}"));
    Ok(problem.map(|problem| finding(address, arn, &problem)).into_iter().collect())
}

fn wrong_region(arn: &str, region: &str) -> Option<String> {
    let found = arn.split(':').nth(3).filter(|found| *found != region)?;
    Some(format!("expected a certificate of the region {region}, found {found}"))
}

fn finding(address: &str, arn: &str, problem: &str) -> Diagnostic {
    Diagnostic::resource_error(address, format!("certificate_arn: `{arn}`: {problem}"))
        .hint("state the ARN of another certificate: `aws acm list-certificates` lists those of the region")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_must_be_of_the_region() {
        let arn = "arn:aws:acm:us-east-1:123456789012:certificate/1234abcd";
        assert_eq!(wrong_region(arn, "us-east-1"), None);
        assert_eq!(
            wrong_region(arn, "eu-central-1").unwrap(),
            "expected a certificate of the region eu-central-1, found us-east-1"
        );
    }
}
