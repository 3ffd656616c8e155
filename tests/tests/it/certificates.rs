//! A certificate that the program states by its ARN: the plan checks it in the account, before a listener gets it.

use provisioner_aws::{
    ec2::{SecurityGroup, Subnet, Vpc},
    elb::{Action, Listener, LoadBalancer},
    route53::{Alias, Record},
};
use provisioner_model::{Diagnostic, Severity, Stack, resource::Cloud, stack::Desired};
use provisioner_tests::{Emulator, skipped};
use rcgen::{CertificateParams, KeyPair};

use crate::engine::{EngineFixture, facts};

/// A load balancer with this certificate, to which a name leads.
fn stack(certificate: &str, zone: &str, name: &str) -> Desired {
    let mut stack = Stack::new(facts());
    let vpc = stack.add("main", Vpc::new("10.0.0.0/16"));
    let subnets = [("a", "10.0.0.0/24"), ("b", "10.0.1.0/24")]
        .map(|(zone, range)| stack.add(zone, Subnet::new(vpc.id(), range, format!("us-east-1{zone}"))).id());
    let group = stack.add("edge", SecurityGroup::new("The load balancer", vpc.id()));
    let balancer = stack.add("edge", LoadBalancer::new(subnets, [group.id()]));
    let listener = Listener::new(balancer.id(), 443, "HTTPS", [Action::status("404")]);
    stack.add("https", listener.ssl_policy("ELBSecurityPolicy-TLS13-1-2-2021-06").certificate_arn(certificate));
    let alias = Alias::new(balancer.get(LoadBalancer::ZONE_ID), balancer.get(LoadBalancer::DNS_NAME), true);
    stack.add("app", Record::alias(zone, name, "A", alias));
    stack.finish().unwrap()
}

async fn findings(moto: &Emulator, desired: &Desired) -> Vec<Diagnostic> {
    let plan = EngineFixture::on(moto).plan(desired).await;
    let mut findings = provisioner_aws::preflight::findings(&moto.clouds(), desired, &plan).await.unwrap();
    findings.retain(|finding| finding.summary.contains("certificate"));
    findings
}

#[tokio::test]
async fn stated_certificate_is_checked_in_the_account() {
    let Some(moto) = Emulator::moto() else {
        return skipped("stated_certificate_is_checked_in_the_account", "moto is not installed");
    };
    let zones = moto.aws().writer().route53().clone();
    let zone = zones.create_hosted_zone().name("example.com").caller_reference("test").send().await.unwrap();
    let zone = zone.hosted_zone.unwrap().id.trim_start_matches("/hostedzone/").to_owned();
    let acm = moto.aws().writer().acm().clone();
    let key = KeyPair::generate().unwrap();
    let names = ["example.com".to_owned(), "*.example.com".to_owned()];
    let pem = CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem();
    let blob = |text: String| aws_smithy_types::Blob::new(text.into_bytes());
    let imported = acm.import_certificate().certificate(blob(pem)).private_key(blob(key.serialize_pem()));
    let imported = imported.send().await.unwrap().certificate_arn.unwrap();

    for name in ["example.com", "www.example.com"] {
        assert_eq!(findings(&moto, &stack(&imported, &zone, name)).await, [], "{name}");
    }
    let warned = findings(&moto, &stack(&imported, &zone, "a.b.example.com")).await;
    let [warning] = &warned[..] else { panic!("{warned:#?}") };
    assert_eq!((warning.severity, warning.address.as_deref()), (Severity::Warning, Some("listener/https")));
    let expected = "is for example.com, *.example.com, not for a.b.example.com, where record/app leads";
    assert!(warning.summary.contains(expected), "{warning:#?}");

    let missing = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000";
    let refused = findings(&moto, &stack(missing, &zone, "example.com")).await;
    assert!(refused[0].summary.contains("this account has no such certificate"), "{refused:#?}");
    assert_eq!(refused[0].severity, Severity::Error);
}
