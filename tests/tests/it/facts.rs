//! The reference's tables, row by row, read back with an independent client from moto after an apply of both
//! environments. What moto does not keep is read from what the state recorded as written, and marked so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// What the first table says of an environment.
struct Row {
    environment: &'static str,
    range: &'static str,
    zones: &'static [&'static str],
    gateways: usize,
    tasks: i64,
    size: (&'static str, &'static str),
    class: &'static str,
    multi_az: bool,
    protected: bool,
}

const TABLE: [Row; 2] = [
    Row {
        environment: "dev",
        range: "10.0.0.0/16",
        zones: &["us-east-1a", "us-east-1b"],
        gateways: 1,
        tasks: 1,
        size: ("256", "512"),
        class: "db.t3.micro",
        multi_az: false,
        protected: false,
    },
    Row {
        environment: "prod",
        range: "10.1.0.0/16",
        zones: &["us-east-1a", "us-east-1b", "us-east-1c"],
        gateways: 3,
        tasks: 3,
        size: ("512", "1024"),
        class: "db.t3.small",
        multi_az: true,
        protected: true,
    },
];

const ACCOUNT: &str = "123456789012";

/// One environment as it is there: what was asked, by name, and the facts that did not hold.
struct Seen<'s> {
    sandbox: &'s Sandbox,
    row: &'s Row,
    answers: BTreeMap<&'static str, Value>,
    wrong: Vec<String>,
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}")
}

impl Seen<'_> {
    fn id(&self, address: &str) -> String {
        self.sandbox.id(self.row.environment, address)
    }

    fn role(&self, name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/{}", self.id(&format!("identity/role/{name}")))
    }

    /// Asks all of these in one go.
    fn ask(&mut self, calls: &[(&'static str, &str, &str, Value)]) {
        let asked: Vec<Value> =
            calls.iter().map(|(_, service, what, members)| json!([service, what, members])).collect();
        for ((name, ..), answer) in calls.iter().zip(self.sandbox.ask(&asked)) {
            if let Some(error) = answer["error"].as_str() {
                self.wrong.push(format!("{}: {name}: {error}", self.row.environment));
            }
            self.answers.insert(name, answer);
        }
    }

    fn at(&self, name: &str, path: &str) -> Value {
        self.answers[name].pointer(path).cloned().unwrap_or(Value::Null)
    }

    fn list(&self, name: &str, path: &str) -> Vec<Value> {
        self.at(name, path).as_array().cloned().unwrap_or_default()
    }

    fn fact(&mut self, what: &str, got: impl Into<Value>, want: impl Into<Value>) {
        let (got, want) = (got.into(), want.into());
        if got != want {
            self.wrong.push(format!("{}: {what}: {got} is there, {want} is right", self.row.environment));
        }
    }
}

fn sorted(values: impl IntoIterator<Item = Value>) -> Value {
    let texts: BTreeSet<String> = values.into_iter().map(|value| value.as_str().unwrap_or_default().into()).collect();
    texts.into_iter().collect()
}

fn in_vpc(id: &str) -> Value {
    json!({ "Filters": [{ "Name": "vpc-id", "Values": [id] }] })
}

#[test]
fn what_the_reference_says_is_there() {
    let Some(sandbox) = Sandbox::new("what_the_reference_says_is_there") else { return };
    let mut wrong = vec![];
    for row in &TABLE {
        sandbox.run(&["apply", row.environment, "--yes"]).ok();
    }
    for row in &TABLE {
        let mut seen = Seen { sandbox: &sandbox, row, answers: BTreeMap::new(), wrong: vec![] };
        vpc(&mut seen);
        groups(&mut seen);
        load_balancer(&mut seen);
        firewall(&mut seen);
        repository(&mut seen);
        service(&mut seen);
        database(&mut seen);
        secrets(&mut seen);
        identity(&mut seen);
        observability(&mut seen);
        tags(&mut seen);
        wrong.append(&mut seen.wrong);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn vpc(seen: &mut Seen<'_>) {
    let (vpc, acl) = (seen.id("network/vpc/main"), seen.id("network/network-acl/private"));
    seen.ask(&[
        ("vpc", "ec2", "describe_vpcs", json!({ "VpcIds": [vpc] })),
        ("dns", "ec2", "describe_vpc_attribute", json!({ "VpcId": vpc, "Attribute": "enableDnsSupport" })),
        ("host names", "ec2", "describe_vpc_attribute", json!({ "VpcId": vpc, "Attribute": "enableDnsHostnames" })),
        ("internet", "ec2", "describe_internet_gateways", json!({})),
        ("subnets", "ec2", "describe_subnets", in_vpc(&vpc)),
        ("tables", "ec2", "describe_route_tables", in_vpc(&vpc)),
        ("nat", "ec2", "describe_nat_gateways", json!({})),
        ("endpoints", "ec2", "describe_vpc_endpoints", in_vpc(&vpc)),
        ("flows", "ec2", "describe_flow_logs", json!({})),
        ("acl", "ec2", "describe_network_acls", json!({ "NetworkAclIds": [acl] })),
        (
            "log groups",
            "logs",
            "describe_log_groups",
            json!({ "logGroupNamePrefix": format!("{}-", seen.row.environment) }),
        ),
    ]);
    seen.fact("VPC range", seen.at("vpc", "/Vpcs/0/CidrBlock"), seen.row.range);
    seen.fact("DNS support", seen.at("dns", "/EnableDnsSupport/Value"), true);
    seen.fact("DNS host names", seen.at("host names", "/EnableDnsHostnames/Value"), true);
    let attached = |one: &&Value| one.pointer("/Attachments/0/VpcId") == Some(&json!(vpc));
    seen.fact("internet gateway", seen.list("internet", "/InternetGateways").iter().filter(attached).count(), 1);

    // A public and a private subnet per zone: what leads to the internet gateway is public, what leads to NAT is not.
    let tables = seen.list("tables", "/RouteTables");
    let leads = |subnet: &Value, to: &str| {
        let of = |table: &&Value| {
            table["Associations"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it["SubnetId"] == subnet["SubnetId"]))
        };
        let out = |route: &Value| {
            let there = route[to].as_str().is_some_and(|id| id != "local" && !id.starts_with("vpce-"));
            route["DestinationCidrBlock"] == "0.0.0.0/0" && there
        };
        tables.iter().find(of).is_some_and(|table| table["Routes"].as_array().is_some_and(|all| all.iter().any(out)))
    };
    let subnets = seen.list("subnets", "/Subnets");
    for (what, to) in [("public subnets", "GatewayId"), ("private subnets", "NatGatewayId")] {
        let zones = subnets.iter().filter(|subnet| leads(subnet, to)).map(|subnet| subnet["AvailabilityZone"].clone());
        seen.fact(what, sorted(zones), seen.row.zones.to_vec());
    }
    seen.fact("subnets", subnets.len(), 2 * seen.row.zones.len());
    let private: Vec<Value> =
        subnets.iter().filter(|it| leads(it, "NatGatewayId")).map(|it| it["SubnetId"].clone()).collect();

    let here = |one: &&Value| one["VpcId"] == json!(vpc) && one["State"] == "available";
    seen.fact("NAT gateways", seen.list("nat", "/NatGateways").iter().filter(here).count(), seen.row.gateways);
    seen.fact("S3 endpoint", seen.at("endpoints", "/VpcEndpoints/0/ServiceName"), "com.amazonaws.us-east-1.s3");
    seen.fact("S3 endpoint's kind", seen.at("endpoints", "/VpcEndpoints/0/VpcEndpointType"), "Gateway");
    let tables = seen.list("endpoints", "/VpcEndpoints/0/RouteTableIds").len();
    seen.fact("S3 endpoint's route tables", tables, seen.row.zones.len());

    let flows = seen.list("flows", "/FlowLogs");
    let flow = flows.iter().find(|flow| flow["ResourceId"] == json!(vpc)).cloned().unwrap_or_default();
    seen.fact("flow logs of all traffic", flow["TrafficType"].clone(), "ALL");
    seen.fact("flow logs to CloudWatch", flow["LogDestinationType"].clone(), "cloud-watch-logs");
    let to = flow["LogDestination"].as_str().unwrap_or_default().to_owned();
    let groups = seen.list("log groups", "/logGroups");
    let group = groups.iter().find(|group| group["logGroupArn"] == json!(to)).cloned().unwrap_or_default();
    seen.fact("flow logs for 30 days", group["retentionInDays"].clone(), 30);

    let guarded = seen.list("acl", "/NetworkAcls/0/Associations").into_iter().map(|it| it["SubnetId"].clone());
    seen.fact("network ACL of the private tier", sorted(guarded), sorted(private));
    let line = |entry: &Value| {
        let way = if entry["Egress"] == true { "out" } else { "in" };
        let ports = (&entry["PortRange"]["From"], &entry["PortRange"]["To"]);
        let (action, range) = (entry["RuleAction"].as_str().unwrap(), entry["CidrBlock"].as_str().unwrap());
        Value::from(format!("{action} {way} {range} {}-{}", ports.0, ports.1))
    };
    let range = seen.row.range;
    let want = [
        format!("allow in {range} 1024-65535"),
        "allow in 0.0.0.0/0 32768-65535".into(),
        format!("allow out {range} 1024-65535"),
        "allow out 0.0.0.0/0 443-443".into(),
    ];
    let entries = seen.list("acl", "/NetworkAcls/0/Entries");
    // AWS's own last entry denies the rest; moto does not show it.
    let ours = entries.iter().filter(|entry| entry["RuleNumber"] != 32767).map(line);
    seen.fact("network ACL's entries", sorted(ours), sorted(want.map(Value::from)));
}

/// Security groups name each other, and nothing wider.
fn groups(seen: &mut Seen<'_>) {
    let [balancer, task, database] =
        ["load-balancer", "task", "database"].map(|name| seen.id(&format!("network/security-group/{name}")));
    seen.ask(&[("groups", "ec2", "describe_security_groups", json!({ "GroupIds": [balancer, task, database] }))]);
    let groups = seen.list("groups", "/SecurityGroups");
    let line = |way: &str, rule: &Value| -> Vec<Value> {
        let peers = [("UserIdGroupPairs", "GroupId"), ("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")];
        let peers = peers.iter().flat_map(|(list, key)| {
            rule[*list].as_array().into_iter().flatten().map(|peer| peer[*key].as_str().unwrap_or("?").to_owned())
        });
        let (protocol, from, to) = (rule["IpProtocol"].as_str().unwrap(), &rule["FromPort"], &rule["ToPort"]);
        peers.map(|peer| Value::from(format!("{way} {protocol} {from}-{to} {peer}"))).collect()
    };
    let want: [(&str, &String, Vec<String>); 3] = [
        (
            "load balancer's group",
            &balancer,
            vec![
                "in tcp 80-80 0.0.0.0/0".into(),
                "in tcp 443-443 0.0.0.0/0".into(),
                format!("out tcp 8080-8080 {task}"),
            ],
        ),
        (
            "tasks' group",
            &task,
            vec![
                format!("in tcp 8080-8080 {balancer}"),
                format!("out tcp 5432-5432 {database}"),
                "out tcp 443-443 0.0.0.0/0".into(),
            ],
        ),
        ("database's group", &database, vec![format!("in tcp 5432-5432 {task}")]),
    ];
    for (what, id, want) in want {
        let group = groups.iter().find(|group| group["GroupId"] == json!(id)).cloned().unwrap_or_default();
        let rules = |way, key: &str| -> Vec<Value> {
            group[key].as_array().into_iter().flatten().flat_map(|rule| line(way, rule)).collect()
        };
        let there = [rules("in", "IpPermissions"), rules("out", "IpPermissionsEgress")].concat();
        seen.fact(what, sorted(there), sorted(want.into_iter().map(Value::from)));
    }
}

fn load_balancer(seen: &mut Seen<'_>) {
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

fn firewall(seen: &mut Seen<'_>) {
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

fn repository(seen: &mut Seen<'_>) {
    let name = seen.id("registry/repository/app");
    seen.ask(&[
        ("repository", "ecr", "describe_repositories", json!({ "repositoryNames": [name] })),
        ("lifecycle", "ecr", "get_lifecycle_policy", json!({ "repositoryName": name })),
    ]);
    seen.fact("immutable tags", seen.at("repository", "/repositories/0/imageTagMutability"), "IMMUTABLE");
    let scan = seen.at("repository", "/repositories/0/imageScanningConfiguration/scanOnPush");
    seen.fact("scan on push", scan, true);
    let key = arn("kms", &format!("key/{}", seen.id("secrets/key/main")));
    let encryption = seen.at("repository", "/repositories/0/encryptionConfiguration");
    seen.fact("images encrypted", encryption, json!({ "encryptionType": "KMS", "kmsKey": key }));
    let policy: Value =
        serde_json::from_str(seen.at("lifecycle", "/lifecyclePolicyText").as_str().unwrap_or("{}")).unwrap_or_default();
    seen.fact("lifecycle policy", policy["rules"].as_array().map_or(0, Vec::len), 2);
}

fn service(seen: &mut Seen<'_>) {
    let path = seen.id("service/service/app");
    let (cluster, name) = path.split_once('/').unwrap();
    let family = seen.id("service/task-definition/app");
    let scaled = format!("service/{path}");
    seen.ask(&[
        ("cluster", "ecs", "describe_clusters", json!({ "clusters": [cluster], "include": ["SETTINGS"] })),
        ("task", "ecs", "describe_task_definition", json!({ "taskDefinition": family })),
        ("service", "ecs", "describe_services", json!({ "cluster": cluster, "services": [name] })),
        (
            "scaled",
            "application-autoscaling",
            "describe_scalable_targets",
            json!({ "ServiceNamespace": "ecs", "ResourceIds": [scaled] }),
        ),
        (
            "scaling",
            "application-autoscaling",
            "describe_scaling_policies",
            json!({ "ServiceNamespace": "ecs", "ResourceId": scaled }),
        ),
    ]);
    let insights = json!([{ "name": "containerInsights", "value": "enabled" }]);
    seen.fact("container insights", seen.at("cluster", "/clusters/0/settings"), insights);

    let task = |path: &str| format!("/taskDefinition{path}");
    let container = |path: &str| format!("/taskDefinition/containerDefinitions/0{path}");
    let size = json!([seen.at("task", &task("/cpu")), seen.at("task", &task("/memory"))]);
    seen.fact("task size", size, json!([seen.row.size.0, seen.row.size.1]));
    seen.fact("Fargate", seen.at("task", &task("/requiresCompatibilities")), json!(["FARGATE"]));
    seen.fact("own address each", seen.at("task", &task("/networkMode")), "awsvpc");
    let image = seen.at("task", &container("/image")).as_str().unwrap_or_default().to_owned();
    let pinned = image.split_once("@sha256:").is_some_and(|(_, digest)| digest.len() == 64);
    seen.fact("image by digest", pinned, true);
    let port = json!({ "containerPort": 8080, "protocol": "tcp" });
    let ports = seen.list("task", &container("/portMappings"));
    let there = ports.first().map(|it| json!({ "containerPort": it["containerPort"], "protocol": it["protocol"] }));
    seen.fact("port 8080", there.unwrap_or_default(), port);
    seen.fact("user 10000", seen.at("task", &container("/user")), "10000");
    seen.fact("read-only root", seen.at("task", &container("/readonlyRootFilesystem")), true);
    seen.fact("not privileged", seen.at("task", &container("/privileged")), false);
    let capabilities = seen.at("task", &container("/linuxParameters/capabilities"));
    seen.fact("no capabilities", capabilities["drop"].clone(), json!(["ALL"]));
    seen.fact("none added", capabilities["add"].as_array().map_or(0, Vec::len), 0);
    seen.fact("logs to CloudWatch", seen.at("task", &container("/logConfiguration/logDriver")), "awslogs");
    let group = seen.at("task", &container("/logConfiguration/options/awslogs-group"));
    seen.fact("logs into the app's group", group, seen.id("observability/log-group/app"));
    seen.fact("no secret is put in", seen.list("task", &container("/secrets")).len(), 0);
    let variables = seen.list("task", &container("/environment"));
    let variable = |name: &str| {
        let one = variables.iter().find(|one| one["name"] == name);
        one.and_then(|one| one["value"].as_str()).unwrap_or_default().to_owned()
    };
    let signing = seen.id("secrets/secret/signing-key");
    seen.fact("signing key by ARN", variable("SIGNING_KEY_SECRET_ARN"), signing);
    let database = variable("DATABASE_SECRET_ARN");
    seen.fact("database's secret by ARN", database.starts_with("arn:aws:secretsmanager:"), true);
    seen.fact("task role", seen.at("task", &task("/taskRoleArn")), seen.role("task"));
    seen.fact("execution role", seen.at("task", &task("/executionRoleArn")), seen.role("execution"));

    let network = seen.at("service", "/services/0/networkConfiguration/awsvpcConfiguration");
    let private: Vec<Value> = ["a", "b", "c"][..seen.row.zones.len()]
        .iter()
        .map(|zone| seen.id(&format!("network/subnet/private-{zone}")).into())
        .collect();
    let there = network["subnets"].as_array().cloned().unwrap_or_default();
    seen.fact("tasks in private subnets only", sorted(there), sorted(private));
    seen.fact("no public address", network["assignPublicIp"].clone(), "DISABLED");
    seen.fact("tasks' firewall", network["securityGroups"].clone(), json!([seen.id("network/security-group/task")]));
    let breaker = seen.at("service", "/services/0/deploymentConfiguration/deploymentCircuitBreaker");
    seen.fact("circuit breaker", json!([breaker["enable"], breaker["rollback"]]), json!([true, true]));
    seen.fact("tasks wanted", seen.at("service", "/services/0/desiredCount"), seen.row.tasks);
    let bounds = json!([
        seen.at("scaled", "/ScalableTargets/0/MinCapacity"),
        seen.at("scaled", "/ScalableTargets/0/MaxCapacity"),
    ]);
    seen.fact("autoscaling's bounds", bounds, json!([seen.row.tasks, 6]));
    let policy = seen.at("scaling", "/ScalingPolicies/0/TargetTrackingScalingPolicyConfiguration");
    seen.fact("autoscaling at 70 %", policy["TargetValue"].clone(), 70.0);
    let metric = policy["PredefinedMetricSpecification"]["PredefinedMetricType"].clone();
    seen.fact("autoscaling by CPU", metric, "ECSServiceAverageCPUUtilization");
}

fn database(seen: &mut Seen<'_>) {
    let (id, group) = (seen.id("database/instance/main"), seen.id("database/parameter-group/main"));
    let subnets = seen.id("database/subnet-group/main");
    seen.ask(&[
        ("database", "rds", "describe_db_instances", json!({ "DBInstanceIdentifier": id })),
        ("parameters", "rds", "describe_db_parameters", json!({ "DBParameterGroupName": group })),
        ("subnet group", "rds", "describe_db_subnet_groups", json!({ "DBSubnetGroupName": subnets })),
    ]);
    let db = seen.at("database", "/DBInstances/0");
    let version = db["EngineVersion"].as_str().unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
    seen.fact("PostgreSQL 17", json!([db["Engine"], version]), json!(["postgres", "17"]));
    seen.fact("class", db["DBInstanceClass"].clone(), seen.row.class);
    seen.fact("multi-AZ", db["MultiAZ"].clone(), seen.row.multi_az);
    seen.fact("deletion protection", db["DeletionProtection"].clone(), seen.row.protected);
    seen.fact("not public", db["PubliclyAccessible"].clone(), false);
    seen.fact("storage encrypted", db["StorageEncrypted"].clone(), true);
    let managed = db["MasterUserSecret"]["SecretArn"].as_str().unwrap_or_default().to_owned();
    seen.fact("password kept by Secrets Manager", managed.starts_with("arn:aws:secretsmanager:"), true);
    seen.fact("automated backups", db["BackupRetentionPeriod"].clone(), 7);
    seen.fact("own parameter group", db["DBParameterGroups"][0]["DBParameterGroupName"].clone(), group);
    seen.fact("own subnet group", db["DBSubnetGroup"]["DBSubnetGroupName"].clone(), subnets);
    let firewall = db["VpcSecurityGroups"][0]["VpcSecurityGroupId"].clone();
    seen.fact("database's firewall", firewall, seen.id("network/security-group/database"));
    let forced = seen.list("parameters", "/Parameters");
    let forced =
        forced.iter().find(|one| one["ParameterName"] == "rds.force_ssl").map(|it| it["ParameterValue"].clone());
    seen.fact("TLS forced", forced.unwrap_or_default(), "1");
    let there =
        seen.list("subnet group", "/DBSubnetGroups/0/Subnets").into_iter().map(|it| it["SubnetIdentifier"].clone());
    let private: Vec<Value> = ["a", "b", "c"][..seen.row.zones.len()]
        .iter()
        .map(|zone| seen.id(&format!("network/subnet/private-{zone}")).into())
        .collect();
    seen.fact("database in private subnets only", sorted(there), sorted(private));
    // No API tells it before the database goes: from the recorded request.
    let snapshot = seen.sandbox.recorded(seen.row.environment, "database/instance/main")["final_snapshot"].is_string();
    seen.fact("final snapshot", snapshot, seen.row.protected);
}

fn secrets(seen: &mut Seen<'_>) {
    let (secret, key) = (seen.id("secrets/secret/signing-key"), seen.id("secrets/key/main"));
    seen.ask(&[
        ("signing key", "secretsmanager", "describe_secret", json!({ "SecretId": secret })),
        ("value", "secretsmanager", "get_secret_value", json!({ "SecretId": secret })),
        ("rotation", "kms", "get_key_rotation_status", json!({ "KeyId": key })),
    ]);
    let arn = arn("kms", &format!("key/{key}"));
    seen.fact("signing key encrypted with our key", seen.at("signing key", "/KmsKeyId"), arn);
    seen.fact("key rotates", seen.at("rotation", "/KeyRotationEnabled"), true);
    let value = seen.at("value", "/SecretString").as_str().unwrap_or_default().to_owned();
    seen.fact("signing key's length", value.len(), 64);
    let file = std::fs::read_to_string(seen.sandbox.path("state").join(seen.row.environment).join("state.json"));
    seen.fact("no secret in the state", file.unwrap().contains(&value), false);
}

fn identity(seen: &mut Seen<'_>) {
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com");
    let name = |role: &str| seen.id(&format!("identity/role/{role}"));
    let [plan, deploy, task, execution] = ["plan", "deploy", "task", "execution"].map(name);
    seen.ask(&[
        ("provider", "iam", "get_open_id_connect_provider", json!({ "OpenIDConnectProviderArn": provider })),
        ("plan role", "iam", "get_role", json!({ "RoleName": plan })),
        ("deploy role", "iam", "get_role", json!({ "RoleName": deploy })),
        ("task role", "iam", "get_role", json!({ "RoleName": task })),
        ("execution role", "iam", "get_role", json!({ "RoleName": execution })),
        ("task policies", "iam", "list_role_policies", json!({ "RoleName": task })),
        ("task policy", "iam", "get_role_policy", json!({ "RoleName": task, "PolicyName": "run" })),
        ("task managed", "iam", "list_attached_role_policies", json!({ "RoleName": task })),
        ("execution policies", "iam", "list_role_policies", json!({ "RoleName": execution })),
        ("execution policy", "iam", "get_role_policy", json!({ "RoleName": execution, "PolicyName": "start" })),
        ("execution managed", "iam", "list_attached_role_policies", json!({ "RoleName": execution })),
        ("plan managed", "iam", "list_attached_role_policies", json!({ "RoleName": plan })),
        ("deploy managed", "iam", "list_attached_role_policies", json!({ "RoleName": deploy })),
    ]);
    seen.fact("GitHub's provider", seen.at("provider", "/ClientIDList"), json!(["sts.amazonaws.com"]));
    let environment = format!("environment:{}", seen.row.environment);
    for (role, purpose) in [("plan role", "pull_request"), ("deploy role", &environment)] {
        // The repository alone, in both of GitHub's formats, and this purpose alone.
        let want = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": provider },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:repository_id": "2002",
                "token.actions.githubusercontent.com:sub": [
                    format!("repo:example/provisioner:{purpose}"),
                    format!("repo:example@1001/provisioner@2002:{purpose}"),
                ],
            } },
        }] });
        seen.fact(role, seen.at(role, "/Role/AssumeRolePolicyDocument"), want);
    }
    for role in ["task role", "execution role"] {
        let want = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ecs-tasks.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT } },
        }] });
        seen.fact(role, seen.at(role, "/Role/AssumeRolePolicyDocument"), want);
    }
    // Least privilege: these statements and no others.
    let (secret, key) = (seen.id("secrets/secret/signing-key"), seen.id("secrets/key/main"));
    let (password, administrator) =
        (seen.at("database", "/DBInstances/0/MasterUserSecret/SecretArn"), seen.id("secrets/secret/administrator"));
    let run = json!([
        { "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [secret, password] },
        { "Effect": "Allow", "Action": ["secretsmanager:PutSecretValue"], "Resource": [administrator] },
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [arn("kms", &format!("key/{key}"))],
            "Condition": { "StringEquals": { "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com" } },
        },
    ]);
    seen.fact("task role's rights", seen.at("task policy", "/PolicyDocument/Statement"), run);
    let repository = arn("ecr", &format!("repository/{}", seen.id("registry/repository/app")));
    let streams = arn("logs", &format!("log-group:{}:*", seen.id("observability/log-group/app")));
    let fetch = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    let start = json!([
        { "Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": ["*"] },
        { "Effect": "Allow", "Action": fetch, "Resource": [repository] },
        { "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": [streams] },
    ]);
    seen.fact("execution role's rights", seen.at("execution policy", "/PolicyDocument/Statement"), start);
    for (what, inline) in [("task", "run"), ("execution", "start")] {
        let list = ["task policies", "execution policies"][usize::from(what == "execution")];
        seen.fact(&format!("{what} role's policies"), seen.at(list, "/PolicyNames"), json!([inline]));
        let managed = ["task managed", "execution managed"][usize::from(what == "execution")];
        seen.fact(&format!("{what} role: no more"), seen.list(managed, "/AttachedPolicies").len(), 0);
    }
    for role in ["plan managed", "deploy managed"] {
        seen.fact(&format!("{role}: there"), !seen.list(role, "/AttachedPolicies").is_empty(), true);
    }
}

fn observability(seen: &mut Seen<'_>) {
    let (topic, page) = (seen.id("observability/topic/alarms"), seen.id("observability/dashboard/main"));
    seen.ask(&[
        ("alarms", "cloudwatch", "describe_alarms", json!({ "AlarmNamePrefix": format!("{}-", seen.row.environment) })),
        ("page", "cloudwatch", "get_dashboard", json!({ "DashboardName": page })),
        ("topic", "sns", "get_topic_attributes", json!({ "TopicArn": topic })),
        ("heard", "sns", "list_subscriptions_by_topic", json!({ "TopicArn": topic })),
    ]);
    let groups = seen.list("log groups", "/logGroups");
    seen.fact("log groups", groups.len(), 2);
    let kept = groups.iter().all(|group| group["retentionInDays"] == 30 && group["kmsKeyId"].is_string());
    seen.fact("log groups are kept 30 days, encrypted", kept, true);
    let alarms = seen.list("alarms", "/MetricAlarms");
    let metrics = alarms.iter().map(|alarm| {
        let text = |key: &str| alarm[key].as_str().unwrap_or_default();
        Value::from(format!("{} {}", text("Namespace"), text("MetricName")))
    });
    let want = [
        "AWS/ApplicationELB HTTPCode_ELB_5XX_Count",
        "AWS/ApplicationELB HTTPCode_Target_5XX_Count",
        "AWS/ApplicationELB UnHealthyHostCount",
        "AWS/ECS CPUUtilization",
        "AWS/ECS MemoryUtilization",
        "AWS/RDS DatabaseConnections",
        "AWS/RDS FreeStorageSpace",
    ];
    seen.fact("alarms", sorted(metrics), want.to_vec());
    let told = alarms.iter().all(|alarm| alarm["AlarmActions"] == json!([topic]) && alarm["ActionsEnabled"] == true);
    seen.fact("alarms reach the topic", told, true);
    let database = seen.id("database/instance/main");
    let about = alarms.iter().filter(|alarm| alarm["Dimensions"][0]["Value"] == json!(database)).count();
    seen.fact("alarms about this database", about, 2);
    seen.fact("dashboard", seen.at("page", "/DashboardBody").as_str().is_some_and(|it| it.contains(&database)), true);
    let key = arn("kms", &format!("key/{}", seen.id("secrets/key/main")));
    seen.fact("topic encrypted", seen.at("topic", "/Attributes/KmsMasterKeyId"), key);
    let heard = seen.at("heard", "/Subscriptions/0");
    seen.fact("who hears", json!([heard["Protocol"], heard["Endpoint"]]), json!(["email", "alarms@example.com"]));
}

/// Every object of a type that takes tags has them, each asked of its own service.
fn tags(seen: &mut Seen<'_>) {
    let types = provisioner_aws::registry();
    let environment = seen.row.environment;
    let rows = seen.sandbox.rows(environment);
    let tagged: Vec<(String, String, String)> = rows
        .into_iter()
        .filter(|(address, kind, _)| {
            types.get(kind).unwrap().tagged() && !address.starts_with("identity/oidc-provider")
        })
        .collect();
    let mut calls = vec![json!(["ec2", "describe_tags", {}])];
    for (_, kind, id) in &tagged {
        calls.push(tags_of(kind, id));
    }
    let answers = seen.sandbox.ask(&calls);
    let (ec2, answers) = answers.split_first().unwrap();
    for ((address, kind, id), answer) in tagged.iter().zip(answers) {
        let there = if kind.starts_with("aws:ec2:") {
            let of = |tag: &&Value| tag["ResourceId"] == json!(id);
            ec2["Tags"].as_array().unwrap().iter().filter(of).cloned().collect::<Vec<_>>().into()
        } else {
            answer.clone()
        };
        let found = pairs(&there);
        let want = [("project", "provisioner"), ("environment", environment), ("provisioner:address", address)];
        for (key, value) in want {
            seen.fact(&format!("tag {key} of {address}"), found.get(key).cloned().unwrap_or_default(), value);
        }
        for key in ["provisioner:lineage", "provisioner:token"] {
            seen.fact(&format!("tag {key} of {address}"), found.contains_key(key), true);
        }
    }
}

/// The call that tells one object's tags.
fn tags_of(kind: &str, id: &str) -> Value {
    let rds =
        |word: &str| json!(["rds", "list_tags_for_resource", { "ResourceName": arn("rds", &format!("{word}:{id}")) }]);
    let ecs = |rest: String| json!(["ecs", "list_tags_for_resource", { "resourceArn": arn("ecs", &rest) }]);
    match kind {
        "aws:rds:instance" => rds("db"),
        "aws:rds:parameter-group" => rds("pg"),
        "aws:rds:subnet-group" => rds("subgrp"),
        "aws:ecs:cluster" => ecs(format!("cluster/{id}")),
        "aws:ecs:service" => ecs(format!("service/{id}")),
        "aws:ecs:task-definition" => ecs(format!("task-definition/{id}:1")),
        "aws:ecr:repository" => {
            json!(["ecr", "list_tags_for_resource", { "resourceArn": arn("ecr", &format!("repository/{id}")) }])
        }
        "aws:cloudwatchlogs:log-group" => {
            json!(["logs", "list_tags_for_resource", { "resourceArn": arn("logs", &format!("log-group:{id}")) }])
        }
        "aws:iam:role" => json!(["iam", "list_role_tags", { "RoleName": id }]),
        "aws:iam:policy" => json!(["iam", "list_policy_tags", { "PolicyArn": id }]),
        "aws:kms:key" => json!(["kms", "list_resource_tags", { "KeyId": id }]),
        "aws:secretsmanager:secret" => json!(["secretsmanager", "describe_secret", { "SecretId": id }]),
        "aws:s3:bucket" => json!(["s3", "get_bucket_tagging", { "Bucket": id }]),
        "aws:sns:topic" => json!(["sns", "list_tags_for_resource", { "ResourceArn": id }]),
        "aws:cloudwatch:alarm" => {
            json!(["cloudwatch", "list_tags_for_resource", { "ResourceARN": arn("cloudwatch", &format!("alarm:{id}")) }])
        }
        "aws:cloudwatch:dashboard" => {
            let arn = format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/{id}");
            json!(["cloudwatch", "list_tags_for_resource", { "ResourceARN": arn }])
        }
        "aws:wafv2:web-acl" => json!(["wafv2", "list_tags_for_resource", { "ResourceARN": id }]),
        "aws:acm:imported-certificate" => json!(["acm", "list_tags_for_certificate", { "CertificateArn": id }]),
        kind if kind.starts_with("aws:elasticloadbalancingv2:") => {
            json!(["elbv2", "describe_tags", { "ResourceArns": [id] }])
        }
        // Asked for together.
        kind if kind.starts_with("aws:ec2:") => json!(["sts", "get_caller_identity", {}]),
        other => panic!("no call for the tags of {other}: add it here"),
    }
}

/// Tags wherever they are in an answer: services differ in the letter case of `Key` and in where the list is.
fn pairs(value: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    match value {
        Value::Array(items) => items.iter().for_each(|item| found.extend(pairs(item))),
        Value::Object(map) => {
            let text = |names: [&str; 3]| names.iter().find_map(|name| map.get(*name)).cloned();
            let (key, value) = (text(["Key", "key", "TagKey"]), text(["Value", "value", "TagValue"]));
            if let (Some(Value::String(key)), Some(value)) = (key, value) {
                found.insert(key, value);
            } else {
                found.extend(map.iter().filter(|(_, value)| value.is_string()).map(|(k, v)| (k.clone(), v.clone())));
                map.values().for_each(|value| found.extend(pairs(value)));
            }
        }
        _ => {}
    }
    found
}
