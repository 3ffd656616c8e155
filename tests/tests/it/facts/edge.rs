//! The load balancer, and what protects it.

use serde_json::{Value, json};

use super::{ACCOUNT, Inspection, sorted};

pub(super) fn load_balancer(inspection: &mut Inspection<'_>) {
    let (balancer, targets) = (inspection.id("edge/load-balancer/app"), inspection.id("edge/target-group/app"));
    let (certificate, bucket) =
        (inspection.id("edge/imported-certificate/app"), inspection.id("edge/bucket/access-logs"));
    inspection.ask(&[
        ("balancer", "elbv2", "describe_load_balancers", json!({ "LoadBalancerArns": [balancer] })),
        ("attributes", "elbv2", "describe_load_balancer_attributes", json!({ "LoadBalancerArn": balancer })),
        ("listeners", "elbv2", "describe_listeners", json!({ "LoadBalancerArn": balancer })),
        ("targets", "elbv2", "describe_target_groups", json!({ "TargetGroupArns": [targets] })),
        ("certificate", "acm", "describe_certificate", json!({ "CertificateArn": certificate })),
        ("bucket policy", "s3", "get_bucket_policy", json!({ "Bucket": bucket })),
        ("bucket encryption", "s3", "get_bucket_encryption", json!({ "Bucket": bucket })),
        ("bucket block", "s3", "get_public_access_block", json!({ "Bucket": bucket })),
    ]);
    let subnets: Vec<Value> = ["a", "b", "c"][..inspection.row.zones.len()]
        .iter()
        .map(|zone| inspection.id(&format!("network/subnet/public-{zone}")).into())
        .collect();
    let there =
        inspection.list("balancer", "/LoadBalancers/0/AvailabilityZones").into_iter().map(|it| it["SubnetId"].clone());
    inspection.fact("load balancer in the public subnets", sorted(there), sorted(subnets));
    // moto keeps no scheme: from the recorded request. AWS's own choice, where none is stated, is the internet.
    let scheme = inspection.sandbox.recorded(inspection.row.environment, "edge/load-balancer/app")["scheme"].clone();
    inspection.fact("load balancer is public", scheme, Value::Null);
    let attributes = inspection.list("attributes", "/Attributes");
    let mut attribute = |what: &str, key: &str, expected: &str| {
        let there = attributes.iter().find(|one| one["Key"] == key).map(|one| one["Value"].clone());
        inspection.fact(what, there.unwrap_or_default(), expected);
    };
    attribute("invalid headers dropped", "routing.http.drop_invalid_header_fields.enabled", "true");
    attribute("access logs", "access_logs.s3.enabled", "true");
    attribute("access logs' bucket", "access_logs.s3.bucket", &bucket);

    let listeners = inspection.list("listeners", "/Listeners");
    let on = |port: i64| listeners.iter().find(|one| one["Port"] == port).cloned().unwrap_or_default();
    inspection.fact("listeners", listeners.len(), 2);
    let redirect = on(80)["DefaultActions"][0]["RedirectConfig"].clone();
    let redirect = json!([redirect["StatusCode"], redirect["Protocol"], redirect["Port"]]);
    inspection.fact("HTTP answers 301 to HTTPS", redirect, json!(["HTTP_301", "HTTPS", "443"]));
    let https = on(443);
    inspection.fact("HTTPS", https["Protocol"].clone(), "HTTPS");
    inspection.fact("modern TLS", https["SslPolicy"].clone(), "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09");
    inspection.fact("certificate on HTTPS", https["Certificates"][0]["CertificateArn"].clone(), certificate);
    inspection.fact("certificate from ACM", inspection.at("certificate", "/Certificate/Status"), "ISSUED");
    let forward = &https["DefaultActions"][0];
    let to = forward.get("TargetGroupArn").or_else(|| forward.pointer("/ForwardConfig/TargetGroups/0/TargetGroupArn"));
    inspection.fact("HTTPS goes to the tasks", to.cloned().unwrap_or_default(), targets);
    inspection.fact("readiness path", inspection.at("targets", "/TargetGroups/0/HealthCheckPath"), "/health/ready");
    inspection.fact("tasks' port", inspection.at("targets", "/TargetGroups/0/Port"), 8080);
    inspection.fact("tasks by address", inspection.at("targets", "/TargetGroups/0/TargetType"), "ip");

    let policy: Value =
        serde_json::from_str(inspection.at("bucket policy", "/Policy").as_str().unwrap_or("{}")).unwrap_or_default();
    let by = |sid: &str| {
        let statements = policy["Statement"].as_array().into_iter().flatten();
        statements.clone().find(|one| one["Sid"] == sid).cloned().unwrap_or_default()
    };
    let delivery = by("Delivery");
    let who = json!({ "Service": "logdelivery.elasticloadbalancing.amazonaws.com" });
    inspection.fact("logs' writer", delivery["Principal"].clone(), who);
    let place = format!("arn:aws:s3:::{bucket}/AWSLogs/{ACCOUNT}/*");
    inspection.fact("logs' place", delivery["Resource"].clone(), place);
    inspection.fact("logs over TLS alone", by("OnlyOverTls")["Effect"].clone(), "Deny");
    let rule = "/ServerSideEncryptionConfiguration/Rules/0/ApplyServerSideEncryptionByDefault/SSEAlgorithm";
    inspection.fact("logs encrypted", inspection.at("bucket encryption", rule), "AES256");
    let block = inspection.at("bucket block", "/PublicAccessBlockConfiguration");
    let all = block.as_object().is_some_and(|all| all.len() == 4 && all.values().all(|on| *on == true));
    inspection.fact("logs are not public", all, true);
}

pub(super) fn firewall(inspection: &mut Inspection<'_>) {
    let balancer = inspection.id("edge/load-balancer/app");
    inspection.ask(&[("waf", "wafv2", "get_web_acl_for_resource", json!({ "ResourceArn": balancer }))]);
    let rules = inspection.list("waf", "/WebACL/Rules");
    let managed = rules.iter().find_map(|rule| rule.pointer("/Statement/ManagedRuleGroupStatement")).cloned();
    let managed = managed.unwrap_or_default();
    let both = json!([managed["VendorName"], managed["Name"]]);
    inspection.fact("WAF's managed rules", both, json!(["AWS", "AWSManagedRulesCommonRuleSet"]));
    let rate = rules.iter().find(|rule| rule.pointer("/Statement/RateBasedStatement").is_some()).cloned();
    let rate = rate.unwrap_or_default();
    let limit = &rate["Statement"]["RateBasedStatement"];
    let there = json!([limit["Limit"], limit["AggregateKeyType"], rate["Action"]["Block"].is_object()]);
    inspection.fact("WAF's limit per address", there, json!([2000, "IP", true]));
}
