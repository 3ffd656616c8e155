//! Certificates outside the stack that listeners name by ARN: each must be issued, in this region, for the names that
//! lead to the listener's load balancer.

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus};
use futures::future::try_join_all;
use provisioner_model::{Diagnostic, expr::edges};

use super::{Context, or_left_out};
use crate::{elb::Listener, prelude::*};

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let stated = |(address, inputs)| Some(Stated { address, inputs, arn: inputs["certificate_arn"].as_str()? });
    let listeners: Vec<Stated<'_>> = context.changes(Listener::TYPE, &["certificate_arn"]).filter_map(stated).collect();
    // IAM's server certificates are not ACM's.
    let listeners = listeners.iter().filter(|listener| listener.arn.split(':').nth(2) == Some("acm"));
    let checks = listeners.map(|one| async move { or_left_out("certificate", of_listener(context, one).await) });
    Ok(try_join_all(checks).await?.concat())
}

/// A listener that names a certificate.
struct Stated<'a> {
    address: &'a str,
    inputs: &'a Value,
    arn: &'a str,
}

/// <https://docs.aws.amazon.com/acm/latest/APIReference/API_DescribeCertificate.html>
async fn of_listener(context: &Context<'_>, listener: &Stated<'_>) -> Result<Vec<Diagnostic>> {
    let Stated { address, inputs, arn } = *listener;
    let region = context.reader.region();
    if let Some(problem) = wrong_region(arn, region) {
        return Ok(vec![finding(address, arn, &problem)]);
    }
    let answer = context.reader.acm().describe_certificate().certificate_arn(arn).send().await;
    let Some(answer) = none_if(ErrorKind::Gone, answer.map_err(api("acm:DescribeCertificate")))? else {
        return Ok(vec![finding(address, arn, "this account has no such certificate")]);
    };
    let certificate = answer.certificate();
    let status = certificate.and_then(CertificateDetail::status);
    if let Some(status) = status.map(CertificateStatus::as_str).filter(|status| *status != "ISSUED") {
        return Ok(vec![finding(address, arn, &format!("expected the status ISSUED, found {status}"))]);
    }
    let of = certificate.map(CertificateDetail::subject_alternative_names).unwrap_or_default();
    let names = names_of_balancer(context, &inputs["load_balancer_arn"]);
    let uncovered = names.into_iter().filter(|(_, name)| !of.iter().any(|pattern| covers(pattern, name)));
    Ok(uncovered.map(|(record, name)| not_covered(address, arn, of, record, name)).collect())
}

/// Returns the alias records that lead to a load balancer, and their names.
fn names_of_balancer<'c>(context: &'c Context<'_>, balancer: &Value) -> Vec<(&'c str, &'c str)> {
    let Some(balancer) = balancer["$ref"].as_str() else { return vec![] };
    let records = context.desired.resources.iter().filter(|(_, declared)| declared.type_name == "aws:route53:record");
    let leads_there = |inputs: &Value| {
        let mut targets = vec![];
        edges(&inputs["alias_target"]["dns_name"], &mut targets);
        targets.iter().any(|target| target == balancer)
    };
    let records = records.filter(|(_, declared)| leads_there(&declared.inputs));
    records.filter_map(|(address, declared)| Some((address.as_str(), declared.inputs["name"].as_str()?))).collect()
}

/// Returns whether a name of a certificate covers a host name. A wildcard stands for one label:
/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate.html>
fn covers(pattern: &str, name: &str) -> bool {
    let name = name.trim_end_matches('.').to_lowercase();
    let pattern = pattern.to_lowercase();
    match pattern.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == pattern,
    }
}

/// AWS takes such a certificate, and no client does.
fn not_covered(address: &str, arn: &str, of: &[String], record: &str, name: &str) -> Diagnostic {
    let summary = format!("certificate_arn: `{arn}` is for {}, not for {name}, where {record} leads", super::list(of));
    Diagnostic::resource_warning(address, summary)
        .hint("clients refuse the connection: state a certificate of that name, or change the record's name")
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
    fn wildcard_covers_one_label() {
        assert!(covers("Example.com", "example.com") && covers("*.example.com", "www.Example.com."));
        assert!(!covers("*.example.com", "example.com") && !covers("*.example.com", "a.b.example.com"));
        assert!(!covers("example.com", "www.example.com"));
    }

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
