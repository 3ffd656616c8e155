//! The public edge of the stack: an HTTPS load balancer, its certificate, and a web application firewall.

use std::collections::BTreeSet;

use provisioner_aws::{
    acm::{Certificate, CertificateIssued, ImportedCertificate},
    elb::{Action, HealthCheck, Listener, LoadBalancer, LogsTo, TargetGroup},
    partition::LogDelivery,
    route53::{Alias, Record},
    s3::{Bucket, Encryption, LifecycleRule},
    waf::{
        Action as RuleAction, ManagedRules, Override, Rule, Scope, Statement, Visibility, WebAcl, WebAclAssociation,
    },
};
use provisioner_model::{
    expr::{In, join},
    stack::{Facts, Handle, Options, Stack},
};
use serde_json::json;

use crate::{
    environment::Environment,
    network::{APP_PORT, Network},
    partition as partition_of,
    policy::{only_over_tls, policy},
};

/// TLS 1.3 and 1.2 with forward secrecy, and keys that a quantum computer does not open. AWS's default dates from 2016.
const TLS: &str = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09";

/// Handles of the edge that other components use.
pub struct Edge {
    /// The public load balancer.
    pub balancer: Handle<LoadBalancer>,
    /// Target group of the app's tasks.
    pub targets: Handle<TargetGroup>,
    /// The HTTPS listener: a service can register targets once it exists.
    pub listener: Handle<Listener>,
    /// Public URL of the app.
    pub url: In<String>,
}

/// The load balancer and what guards it.
pub fn edge(env: &Environment, network: &Network, stack: &mut Stack) -> Edge {
    stack.component("edge", |stack| {
        let certificate = certificate(env, stack);
        let balancer = LoadBalancer::new(network.public.clone(), [network.balancer_group.id()])
            .vpc_id(network.vpc.clone())
            .drop_invalid_header_fields(true)
            .deletion_protection(env.database.deletion_protection)
            .access_logs(LogsTo::s3(access_logs(env, stack)));
        let balancer = stack.add("app", balancer);
        let targets = stack.add("app", targets(env, network));

        // HTTP only redirects to HTTPS.
        stack.add("http", Listener::new(balancer.id(), 80, "HTTP", [Action::to_https()]));
        let https = Listener::new(balancer.id(), 443, "HTTPS", [Action::forward(targets.id())]);
        let listener = stack.add("https", https.ssl_policy(TLS).certificate_arn(certificate));

        let acl = stack.add("app", web_acl(env, stack.facts().environment.as_str()));
        stack.add("app", WebAclAssociation::new(acl.id(), balancer.get(LoadBalancer::ARN)));
        let url = address(env, &balancer, stack);
        Edge { balancer, targets, listener, url }
    })
}

/// Declares the target group: tasks by their IP addresses, as long as their readiness check succeeds.
fn targets(env: &Environment, network: &Network) -> TargetGroup {
    let check = HealthCheck::new()
        .protocol("HTTP")
        .path(&env.service.readiness_path)
        .matcher("200")
        .interval_seconds(15)
        .timeout_seconds(5)
        .healthy_threshold_count(2)
        .unhealthy_threshold_count(3);
    // The app drains in far less than AWS's default of five minutes.
    TargetGroup::new(network.vpc.clone(), "HTTP", APP_PORT).health_check(check).deregistration_delay(30)
}

/// AWS's own rules against the common attacks, and a limit on what one address may ask.
fn web_acl(env: &Environment, environment: &str) -> WebAcl {
    let metrics = Visibility::new(format!("{}-{environment}", env.project));
    WebAcl::new(Scope::Regional, RuleAction::Allow, metrics).rules([
        Rule::new("common", 1, Statement::Managed(common_rules(env)), RuleAction::None),
        Rule::rate_limit("rate", 2, env.firewall.rate_limit),
    ])
}

/// The largest body, in bytes, that the common rule set allows.
const COMMON_BODY_LIMIT: u32 = 8192;
/// The common rule set's rule for it.
const BODY_RULE: &str = "SizeRestrictions_BODY";

/// AWS's common rule set, in which the rules that the environment names only count. The app allows bodies of the same size
/// as the firewall: where its limit is higher, the rule for the size counts too.
fn common_rules(env: &Environment) -> ManagedRules {
    let mut counted: BTreeSet<&str> = env.firewall.count.iter().map(String::as_str).collect();
    if env.service.body_limit > COMMON_BODY_LIMIT {
        counted.insert(BODY_RULE);
    }
    let overrides = counted.into_iter().map(|name| Override::new(name, RuleAction::Count));
    ManagedRules::aws("AWSManagedRulesCommonRuleSet").rule_action_overrides(overrides)
}

/// Validity in days of the self-signed certificate of an environment without a domain. No client trusts it, so a long
/// validity is harmless.
const TEN_YEARS: u32 = 3650;

/// The ARN of the certificate, once the load balancer can use it.
fn certificate(env: &Environment, stack: &mut Stack) -> In<String> {
    let Some(domain) = &env.domain else {
        // The program creates and imports the certificate, and does not keep its key.
        let name = format!("{}.{}.internal", stack.facts().environment, env.project);
        return stack.add("app", ImportedCertificate::new([name], TEN_YEARS)).get(ImportedCertificate::ARN);
    };
    let requested = stack.add("app", Certificate::new(&domain.name));
    let mut issued = CertificateIssued::new(requested.id());
    if let Some(zone) = &domain.zone {
        let validation = Record::new(
            zone.as_str(),
            requested.get(Certificate::VALIDATION_NAME),
            requested.get(Certificate::VALIDATION_TYPE),
            300,
            [requested.get(Certificate::VALIDATION_VALUE)],
        );
        // AWS gives every certificate of this name in the account the same record, and renews them all by it.
        let shared = Options { share: true, ignore: vec!["ttl".to_owned()], ..Options::default() };
        issued = issued.records([stack.add_with("validation", validation, shared).id()]);
    } else {
        // The user must add these records to the domain's DNS. Until then an apply waits below.
        stack.output("validation-records", requested.get(Certificate::VALIDATION));
    }
    stack.add("app", issued).get(CertificateIssued::ARN)
}

/// Returns the app's URL: under its domain, or under the load balancer's DNS name.
fn address(env: &Environment, balancer: &Handle<LoadBalancer>, stack: &mut Stack) -> In<String> {
    let Some(domain) = &env.domain else {
        return join(["https://".into(), balancer.get(LoadBalancer::DNS_NAME).part()]);
    };
    if let Some(zone) = &domain.zone {
        let alias = Alias::new(balancer.get(LoadBalancer::ZONE_ID), balancer.get(LoadBalancer::DNS_NAME), true);
        stack.add("app", Record::alias(zone.as_str(), domain.name.as_str(), "A", alias));
    }
    format!("https://{}", domain.name).into()
}

/// The bucket that the load balancer writes a line for each request into. It can only write to one with S3's own
/// encryption; its name is stated, since its policy names it.
fn access_logs(env: &Environment, stack: &mut Stack) -> In<String> {
    let Facts { account, environment, region, partition, .. } = stack.facts().clone();
    let name = format!("{environment}-{}-{account}-{region}-lb", env.project);
    let bucket = format!("arn:{partition}:s3:::{name}");
    let mut delivery = json!({
        "Sid": "Delivery",
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": format!("{bucket}/AWSLogs/{account}/*"),
    });
    match partition_of(stack.facts()).log_delivery(&region) {
        LogDelivery::Service(service) => {
            delivery["Principal"] = json!({ "Service": service });
            delivery["Condition"] = json!({
                "StringEquals": { "aws:SourceAccount": account },
                "ArnLike": {
                    "aws:SourceArn": format!("arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/*"),
                },
            });
        }
        // A request of an account has no source, so that conditions on it would refuse every request.
        LogDelivery::Account(owner) => {
            delivery["Principal"] = json!({ "AWS": format!("arn:{partition}:iam::{owner}:root") });
        }
    }
    let policy = policy([delivery, only_over_tls(&bucket)]);
    let expiry =
        LifecycleRule::new("expire").expiration_days(env.logs.retention_days).abort_incomplete_multipart_upload_days(1);
    let logs = Bucket::new()
        .bucket(name)
        .server_side_encryption_configuration(Encryption::s3())
        .policy(policy)
        .lifecycle_configuration([expiry])
        // The request logs of a deleted environment are of no use.
        .force_delete(true);
    stack.add("access-logs", logs).get(Bucket::BUCKET_NAME)
}
