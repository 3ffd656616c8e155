//! The fault proxy: each protocol's errors as the AWS SDK reads them, and the requests that reach the endpoint.

use std::{
    process::Command,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use provisioner_aws::Aws;
use provisioner_model::resource::Cloud;
use provisioner_tests::{
    aws_at,
    faults::Faults,
    proxy::{Message, Proxy, proxy},
};
use serde_json::json;

use crate::sandbox::ran;

/// An endpoint that answers every request with the same text.
fn endpoint() -> Proxy {
    proxy(|_| Ok(Message::told(&json!({ "told": true })))).unwrap()
}

fn before(endpoint: &Proxy, rules: &[&str]) -> Faults {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Faults::before(&format!("http://127.0.0.1:{}", endpoint.port), rules, 1).unwrap()
}

/// The code and message of each service's error; `None` without an answer.
async fn errors(aws: &Aws) -> Vec<(&'static str, Option<String>, Option<String>)> {
    let c = aws.writer();
    let mut errors = vec![];
    macro_rules! error {
        ($operation:literal, $request:expr) => {
            let error = $request.send().await.unwrap_err();
            let error = error.into_service_error();
            errors.push((
                $operation,
                error.meta().code().map(str::to_owned),
                error.meta().message().map(str::to_owned),
            ));
        };
    }
    error!("ec2:CreateVpc", c.ec2().create_vpc().cidr_block("10.0.0.0/16"));
    error!("iam:ListRoles", c.iam().list_roles());
    error!("rds:DescribeDBInstances", c.rds().describe_db_instances());
    error!("ecs:DeleteCluster", c.ecs().delete_cluster().cluster("app"));
    error!("secretsmanager:DescribeSecret", c.secrets().describe_secret().secret_id("app"));
    error!("cloudwatch:DescribeAlarms", c.cloudwatch().describe_alarms());
    error!("s3:PutBucketPolicy", c.s3().put_bucket_policy().bucket("app").policy("{}"));
    error!("route53:ListHostedZones", c.route53().list_hosted_zones());
    errors
}

#[tokio::test]
async fn errors_have_the_form_of_each_protocol() {
    let endpoint = endpoint();
    let refusing = before(&endpoint, &["*=refuse:QuotaExceeded:more than <5> & less"]);
    for (operation, code, message) in errors(&aws_at(&refusing.url)).await {
        assert_eq!(code.as_deref(), Some("QuotaExceeded"), "{operation}");
        assert_eq!(message.as_deref(), Some("more than <5> & less"), "{operation}");
    }
    let operations: Vec<String> = refusing.calls().into_iter().map(|call| call.operation).collect();
    let expected = [
        "ec2:CreateVpc",
        "iam:ListRoles",
        "rds:DescribeDBInstances",
        "ecs:DeleteCluster",
        "secretsmanager:DescribeSecret",
        "cloudwatch:DescribeAlarms",
        "s3:PutBucketPolicy",
        "route53:ListHostedZones",
    ];
    assert_eq!(operations, expected);

    let codes = |errors: Vec<(&str, Option<String>, Option<String>)>| -> Vec<String> {
        errors.into_iter().map(|(_, code, _)| code.unwrap_or_default()).collect()
    };
    let throttling = before(&endpoint, &["*=throttle"]);
    let throttled = codes(errors(&aws_at(&throttling.url)).await);
    let (query, json) = ("Throttling", "ThrottlingException");
    assert_eq!(throttled, ["RequestLimitExceeded", query, query, json, json, json, "SlowDown", query]);
    let failing = before(&endpoint, &["changes=500", "reads=503"]);
    let failed = codes(errors(&aws_at(&failing.url)).await);
    let (internal, unavailable) = ("InternalFailure", "ServiceUnavailable");
    let expected =
        ["InternalError", unavailable, unavailable, internal, unavailable, unavailable, "InternalError", unavailable];
    assert_eq!(failed, expected);
    assert_eq!(endpoint.calls.load(Ordering::SeqCst), 0);
}

#[test]
fn lost_requests_and_answers_differ_at_the_endpoint() {
    let endpoint = endpoint();
    let faults = before(&endpoint, &["*#1=cut", "*#2=withhold", "*#3=500-after", "*#4-=throttle:1", "*#5=delay:200"]);
    let received = |expected: usize, status: Option<&str>| {
        let port = faults.url.rsplit(':').next().unwrap().parse().unwrap();
        let answer = Message::json("S.CreateThing", "", &json!({})).send(port).ok();
        assert_eq!(answer.as_ref().map(Message::status), status);
        assert_eq!(endpoint.calls.load(Ordering::SeqCst), expected);
    };
    received(0, None);
    received(1, None);
    received(2, Some("500"));
    received(3, Some("200"));
    let started = Instant::now();
    // The bucket holds one call of each second.
    received(3, Some("400"));
    assert!(started.elapsed() >= Duration::from_millis(200));
    let faults: Vec<_> = faults.calls().into_iter().map(|call| call.fault.unwrap_or_default()).collect();
    assert_eq!(faults, ["*#1=cut", "*#2=withhold", "*#3=500-after", "", "*#4-=throttle:1"]);
}

#[test]
#[cfg(unix)]
fn program_is_killed_before_or_after_its_request() {
    // Asks once, and then again in a second that never comes.
    let program = "ask() { exec 3<>/dev/tcp/127.0.0.1/${AWS_ENDPOINT_URL##*:}; printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3; \
                   while read -r line <&3; do :; done; }; echo begun; ask; sleep 60";
    for (rule, received) in [("*=kill-before", 0), ("*=kill-after", 1), ("*=hang", 0), ("*=hang-after", 1)] {
        let endpoint = endpoint();
        let faults = before(&endpoint, &[rule]);
        let limit = Duration::from_secs(if rule.contains("hang") { 1 } else { 30 });
        let started = Instant::now();
        let ran = ran(faults.run(Command::new("bash").args(["-c", program]), limit).unwrap());
        assert_eq!((ran.code, ran.out.as_str()), (-1, "begun\n"), "{rule}: {}", ran.err);
        assert_eq!(ran.err.contains("killed after 1 s"), rule.contains("hang"), "{rule}: {}", ran.err);
        assert!(started.elapsed() < Duration::from_secs(25), "{rule}");
        assert_eq!(endpoint.calls.load(Ordering::SeqCst), received, "{rule}");
    }
}

#[test]
fn program_form_runs_a_command_and_lists_its_faults() {
    let endpoint = endpoint();
    let url = format!("http://127.0.0.1:{}", endpoint.port);
    let faults = |arguments: &[&str]| {
        ran(Command::new(env!("CARGO_BIN_EXE_provisioner-faults")).args(arguments).output().unwrap())
    };
    let ask =
        "exec 3<>/dev/tcp/127.0.0.1/${AWS_ENDPOINT_URL##*:}; printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3; exit 7";
    let ran = faults(&["--seed", "3", &url, "reads#1=503", "--", "bash", "-c", ask]).ended(7);
    assert!(ran.out.contains("HTTP/1.1 503"), "{}", ran.out);
    assert!(ran.err.ends_with(":GET /#1: reads#1=503\n"), "{}", ran.err);
    let wrong = faults(&[&url, "vpc=explode"]).ended(64);
    assert!(wrong.err.contains("usage: provisioner-faults"), "{}", wrong.err);
}
