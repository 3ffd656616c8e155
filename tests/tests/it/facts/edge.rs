//! The load balancer, and what protects it.

use serde_json::{Value, json};

use super::{ACCOUNT, Seen, sorted};

pub(super) fn load_balancer(seen: &mut Seen<'_>) {
    let (balancer, targets) = (seen.id("edge/load-balancer/app"), seen.id("edge/target-group/app"));
    let (certificate, bucket) = (seen.id("edge/imported-certificate/app"), seen.id("edge/bucket/access-logs"));
    seen.ask(&[
        ("balancer", "elbv2", "describe_load_balancers", json!({ "LoadBalancerArns": [balancer] })),
        ("attributes", "elbv2", "describe_load_balancer_attributes", json!({ "LoadBalancerArn": balancer })),
        ("listeners", "elbv2", "describe_listeners", json!({ "LoadBalancerArn": balancer })),
        ("targets", "elbv2", "describe_target_groups", json!({ "TargetGroupArns": [targets] })),
        ("certificate", "acm", "describe_certificate", json!({ "CertificateArn": certificate })),
        ("bucket policy", "s3", "get_bucket_policy", json!({ "Bucket": bucket })),
        ("bucket encryption", "s3", "get_bucket_encryption", json!({ "Bucket": bucket })),
        ("bucket block", "s3", "get_public_access_block", json!({ "Bucket": bucket })),
    ]);
    let subnets: Vec<Value> = ["a", "b", "c"][..seen.row.zones.len()]
        .iter()
        .map(|zone| seen.id(&format!("network/subnet/public-{zone}")).into())
        .collect();
    let there =
        seen.list("balancer", "/LoadBalancers/0/AvailabilityZones").into_iter().map(|it| it["SubnetId"].clone());
    seen.fact("load balancer in the public subnets", sorted(there), sorted(subnets));
    // moto keeps no scheme: from the recorded request. AWS's own choice, where none is stated, is the internet.
    let scheme = seen.sandbox.recorded(seen.row.environment, "edge/load-balancer/app")["scheme"].clone();
    seen.fact("load balancer is public", scheme, Value::Null);
    let attributes = seen.list("attributes", "/Attributes");
    let mut attribute = |what: &str, key: &str, want: &str| {
        let there = attributes.iter().find(|one| one["Key"] == key).map(|one| one["Value"].clone());
        seen.fact(what, there.unwrap_or_default(), want);
    };
    attribute("invalid headers dropped", "routing.http.drop_invalid_header_fields.enabled", "true");
    attribute("access logs", "access_logs.s3.enabled", "true");
    attribute("access logs' bucket", "access_logs.s3.bucket", &bucket);

    let listeners = seen.list("listeners", "/Listeners");
    let on = |port: i64| listeners.iter().find(|one| one["Port"] == port).cloned().unwrap_or_default();
    seen.fact("listeners", listeners.len(), 2);
    let redirect = on(80)["DefaultActions"][0]["RedirectConfig"].clone();
    let redirect = json!([redirect["StatusCode"], redirect["Protocol"], redirect["Port"]]);
    seen.fact("HTTP answers 301 to HTTPS", redirect, json!(["HTTP_301", "HTTPS", "443"]));
    let https = on(443);
    seen.fact("HTTPS", https["Protocol"].clone(), "HTTPS");
    seen.fact("modern TLS", https["SslPolicy"].clone(), "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09");
    seen.fact("certificate on HTTPS", https["Certificates"][0]["CertificateArn"].clone(), certificate);
    seen.fact("certificate from ACM", seen.at("certificate", "/Certificate/Status"), "ISSUED");
    let forward = &https["DefaultActions"][0];
    let to = forward.get("TargetGroupArn").or_else(|| forward.pointer("/ForwardConfig/TargetGroups/0/TargetGroupArn"));
    seen.fact("HTTPS goes to the tasks", to.cloned().unwrap_or_default(), targets);
    seen.fact("readiness path", seen.at("targets", "/TargetGroups/0/HealthCheckPath"), "/health/ready");
    seen.fact("tasks' port", seen.at("targets", "/TargetGroups/0/Port"), 8080);
    seen.fact("tasks by address", seen.at("targets", "/TargetGroups/0/TargetType"), "ip");

    let policy: Value =
        serde_json::from_str(seen.at("bucket policy", "/Policy").as_str().unwrap_or("{}")).unwrap_or_default();
    let by = |sid: &str| {
        let statements = policy["Statement"].as_array().into_iter().flatten();
        statements.clone().find(|one| one["Sid"] == sid).cloned().unwrap_or_default()
    };
    let delivery = by("Delivery");
    let who = json!({ "Service": "logdelivery.elasticloadbalancing.amazonaws.com" });
    seen.fact("logs' writer", delivery["Principal"].clone(), who);
    let place = format!("arn:aws:s3:::{bucket}/AWSLogs/{ACCOUNT}/*");
    seen.fact("logs' place", delivery["Resource"].clone(), place);
    seen.fact("logs over TLS alone", by("OnlyOverTls")["Effect"].clone(), "Deny");
    let rule = "/ServerSideEncryptionConfiguration/Rules/0/ApplyServerSideEncryptionByDefault/SSEAlgorithm";
    seen.fact("logs encrypted", seen.at("bucket encryption", rule), "AES256");
    let block = seen.at("bucket block", "/PublicAccessBlockConfiguration");
    let all = block.as_object().is_some_and(|all| all.len() == 4 && all.values().all(|on| *on == true));
    seen.fact("logs are not public", all, true);
}

pub(super) fn firewall(seen: &mut Seen<'_>) {
    let balancer = seen.id("edge/load-balancer/app");
    seen.ask(&[("waf", "wafv2", "get_web_acl_for_resource", json!({ "ResourceArn": balancer }))]);
    let rules = seen.list("waf", "/WebACL/Rules");
    let managed = rules.iter().find_map(|rule| rule.pointer("/Statement/ManagedRuleGroupStatement")).cloned();
    let managed = managed.unwrap_or_default();
    let both = json!([managed["VendorName"], managed["Name"]]);
    seen.fact("WAF's managed rules", both, json!(["AWS", "AWSManagedRulesCommonRuleSet"]));
    let rate = rules.iter().find(|rule| rule.pointer("/Statement/RateBasedStatement").is_some()).cloned();
    let rate = rate.unwrap_or_default();
    let limit = &rate["Statement"]["RateBasedStatement"];
    let there = json!([limit["Limit"], limit["AggregateKeyType"], rate["Action"]["Block"].is_object()]);
    seen.fact("WAF's limit per address", there, json!([2000, "IP", true]));
}
