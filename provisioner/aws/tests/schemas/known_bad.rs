//! Resources that AWS refuses: each is refused offline with its line and the mistake, and the same one mended is accepted.

use std::{collections::BTreeMap, panic::Location};

use provisioner_aws::{
    acm::{Certificate, ImportedCertificate},
    autoscaling::{ScalableTarget, ScalingPolicy},
    cloudwatch::{Alarm, Dashboard},
    ec2::{
        AclEntry, ElasticIp, FlowLog, InternetGateway, NatGateway, NetworkAcl, Route, RouteTable,
        RouteTableAssociation, Rule as PortRule, SecurityGroup, SecurityGroupRules, Subnet, Vpc, VpcEndpoint,
    },
    ecr::Repository,
    ecs::{Cluster, Container, Log, Service, TaskDefinition},
    elb::{Action, FixedResponse, HealthCheck, Listener, LoadBalancer, TargetGroup},
    iam::{ManagedPolicy, OidcProvider, Role, RolePolicies},
    kms::{Alias, Key},
    logs::LogGroup,
    rds::{Instance, ParameterGroup, SubnetGroup},
    registry,
    route53::Record,
    s3::{Bucket, LifecycleRule, Transition},
    secrets::{Generated, ManagedSecret, SecretValue},
    sns::{Subscription, Topic},
    sqs::Queue,
    waf::{Action as FirewallAction, Rule, Scope, Statement, Visibility, WebAcl, WebAclAssociation},
};
use provisioner_model::{Diagnostic, Facts, Id, In, Stack, document};
use provisioner_testkit::findings;
use serde_json::json;

type Declare = Box<dyn Fn(&mut Stack, bool)>;

/// A mistake, and how it reads.
struct Case {
    expected: &'static str,
    declare: Declare,
    line: u32,
}

/// A resource with a bad value, and with a good one in its place.
#[track_caller]
fn case<T: Clone + 'static>(expected: &'static str, bad: T, good: T, declare: fn(&mut Stack, T)) -> Case {
    let declare =
        move |stack: &mut Stack, is_bad: bool| declare(stack, if is_bad { bad.clone() } else { good.clone() });
    Case { expected, declare: Box::new(declare), line: Location::caller().line() }
}

fn id<R>(text: &str) -> In<Id<R>> {
    Id::new(text).into()
}

fn vpc() -> In<Id<Vpc>> {
    id("vpc-0123456789abcdef0")
}

fn subnets(names: &[&str]) -> Vec<In<Id<Subnet>>> {
    names.iter().map(|name| id(&format!("subnet-0123456789abcde{name}"))).collect()
}

fn group() -> In<Id<SecurityGroup>> {
    id("sg-0123456789abcdef0")
}

fn role() -> In<String> {
    "arn:aws:iam::123456789012:role/a".into()
}

fn policy() -> In<String> {
    document(json!({ "Version": "2012-10-17", "Statement": [] }))
}

fn container() -> Container {
    Container::new("app", "image@sha256:0")
}

fn instance() -> Instance {
    Instance::new("postgres", "17", "db.t3.micro", 20, "admin_user").storage_type("gp3").storage_encrypted(true)
}

fn web_acl(rule: Rule) -> WebAcl {
    WebAcl::new(Scope::Regional, FirewallAction::Allow, Visibility::new("all")).rules([rule])
}

fn service() -> Service {
    Service::new(id("main"), "arn:aws:ecs:eu-central-1:123456789012:task-definition/a:1").launch_type("FARGATE")
}

fn target_group() -> In<Id<TargetGroup>> {
    id("arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/0123456789abcdef")
}

fn listener(protocol: &str, action: Action) -> Listener {
    let balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/a/0123456789abcdef";
    Listener::new(id(balancer), 443, protocol, [action])
}

fn cases() -> Vec<Case> {
    vec![
        // VPC.
        case("cidr_block: expected an IPv4 range", "10.0.0.0", "10.0.0.0/16", |s, v: &str| {
            s.add("a", Vpc::new(v));
        }),
        case(
            "instance_tenancy: expected one of `dedicated`, `default`, `host`, found `shared`",
            "shared",
            "dedicated",
            |s, v: &str| {
                s.add("a", Vpc::new("10.0.0.0/16").instance_tenancy(v));
            },
        ),
        case("cidr_block: expected between /16 and /28, found /8", "10.0.0.0/8", "10.0.0.0/28", |s, v: &str| {
            s.add("a", Vpc::new(v));
        }),
        // Subnet.
        case(
            "cidr_block: expected an IPv4 range such as `10.0.0.0/16`, found `10.0.0.0/99`",
            "10.0.0.0/99",
            "10.0.0.0/24",
            |s, v: &str| {
                s.add("a", Subnet::new(vpc(), v, "eu-central-1a"));
            },
        ),
        case("vpc_id: expected a match of `^vpc-`, found `subnet-1`", "subnet-1", "vpc-1", |s, v: &str| {
            s.add("a", Subnet::new(id(v), "10.0.0.0/24", "eu-central-1a"));
        }),
        case("cidr_block: expected between /16 and /28, found /29", "10.0.0.0/29", "10.0.0.0/28", |s, v: &str| {
            s.add("a", Subnet::new(vpc(), v, "eu-central-1a"));
        }),
        // Internet gateway, NAT gateway, Elastic IP address.
        case("vpc_id[0].VpcId: expected a match of `^vpc-`, found `igw-1`", "igw-1", "vpc-1", |s, v: &str| {
            s.add("a", InternetGateway::new(id(v)));
        }),
        case("tags[0].Key: expected at least 1 character", "", "Name", |s, v: &str| {
            s.add("a", InternetGateway::new(vpc()).tags([(v, "a")]));
        }),
        case(
            "connectivity_type: expected `public` or `private`, found `internet`",
            "internet",
            "private",
            |s, v: &str| {
                s.add("a", NatGateway::new(subnets(&["1"]).remove(0)).connectivity_type(v));
            },
        ),
        case("allocation_id: expected", None, Some("eipalloc-1"), |s, v: Option<&str>| {
            let gateway = NatGateway::new(subnets(&["1"]).remove(0)).connectivity_type("public");
            s.add(
                "a",
                match v {
                    Some(v) => gateway.allocation_id(id::<ElasticIp>(v)),
                    None => gateway,
                },
            );
        }),
        // Route table and association.
        case("routes: expected a CIDR block", "0.0.0.0/33", "0.0.0.0/0", |s, v: &'static str| {
            s.add("a", RouteTable::new(vpc()).routes([Route::internet(v, id("igw-1"))]));
        }),
        case("vpc_id: expected a match of `^vpc-`", "rtb-1", "vpc-1", |s, v: &str| {
            s.add("a", RouteTable::new(id(v)));
        }),
        case("subnet_id: expected a match of `^subnet-`", "rtb-1", "subnet-1", |s, v: &str| {
            s.add("a", RouteTableAssociation::new(id(v), id("rtb-1")));
        }),
        // Network ACL.
        case("entries: entry 100: expected the action `allow` or `deny`", "drop", "deny", |s, v: &str| {
            s.add("a", NetworkAcl::new(vpc()).entries([AclEntry::new(100, v, "0.0.0.0/0")]));
        }),
        case("entries", 70000, 443, |s, v: i32| {
            s.add("a", NetworkAcl::new(vpc()).entries([AclEntry::allow(100, "0.0.0.0/0").tcp(443, v)]));
        }),
        // Security group and its rules.
        case("description", "straße", "street", |s, v: &str| {
            s.add("a", SecurityGroup::new(v, vpc()));
        }),
        case("vpc_id: expected a match of `^vpc-`", "sg-1", "vpc-1", |s, v: &str| {
            s.add("a", SecurityGroup::new("a", id(v)));
        }),
        case("ingress", 99999, 443, |s, v: i32| {
            s.add("a", SecurityGroupRules::new(group()).ingress([PortRule::tcp(v).cidr("0.0.0.0/0")]));
        }),
        case("ingress[0].SourceSecurityGroupId: expected a match of `^sg-`", "subnet-1", "sg-1", |s, v: &str| {
            s.add("a", SecurityGroupRules::new(group()).ingress([PortRule::tcp(443).group(id(v))]));
        }),
        case("egress", None, Some(443), |s, v: Option<i32>| {
            let rule = PortRule { to_port: v, ..PortRule::tcp(443).cidr("0.0.0.0/0") };
            s.add("a", SecurityGroupRules::new(group()).egress([rule]));
        }),
        // Flow log and endpoint.
        case("max_aggregation_interval: expected 60 or 600", 120, 600, |s, v: i32| {
            s.add(
                "a",
                FlowLog::vpc(vpc(), "arn:aws:logs:eu-central-1:123456789012:log-group:a", role())
                    .max_aggregation_interval(v),
            );
        }),
        case(
            "traffic_type: expected one of `ACCEPT`, `ALL`, `REJECT`, found `DENY`",
            "DENY",
            "REJECT",
            |s, v: &str| {
                s.add(
                    "a",
                    FlowLog::vpc(vpc(), "arn:aws:logs:eu-central-1:123456789012:log-group:a", role()).traffic_type(v),
                );
            },
        ),
        case("vpc_endpoint_type: expected `Gateway`", "Gate", "Gateway", |s, v: &str| {
            s.add("a", VpcEndpoint::new(vpc(), "com.amazonaws.eu-central-1.s3", v));
        }),
        case("ip_address_type: expected one of", "ipv5", "ipv4", |s, v: &str| {
            let endpoint = VpcEndpoint::interface(vpc(), "com.amazonaws.eu-central-1.ecs", subnets(&["1"]), [group()]);
            s.add("a", endpoint.ip_address_type(v));
        }),
        // Repository.
        case("image_tag_mutability: expected one of", "FIXED", "IMMUTABLE", |s, v: &str| {
            s.add("a", Repository::new().image_tag_mutability(v));
        }),
        case("repository_name", "Capitals", "capitals", |s, v: &str| {
            s.add("a", Repository::new().repository_name(v));
        }),
        // Cluster, task definition, service.
        case("container_insights", "yes", "enabled", |s, v: &str| {
            s.add("a", Cluster::new().container_insights(v));
        }),
        case("cluster_name", "a b", "a-b", |s, v: &str| {
            s.add("a", Cluster::new().cluster_name(v));
        }),
        case("memory: expected a combination of `Cpu` and `Memory` that Fargate offers", 4096, 1024, |s, v: u32| {
            s.add("a", TaskDefinition::fargate(256, v, [container()]));
        }),
        case(
            "container_definitions[0].LogConfiguration.LogDriver: expected one of",
            "syslog",
            "awslogs",
            |s, v: &str| {
                let log = Log::new(v).options([("awslogs-group", "a"), ("awslogs-region", "eu-central-1")]);
                s.add("a", TaskDefinition::fargate(256, 512, [container().log_configuration(log)]));
            },
        ),
        case(
            "container_definitions[0].LogConfiguration.Options.awslogs-region: expected a value",
            false,
            true,
            |s, v: bool| {
                let mut options = BTreeMap::from([("awslogs-group", "a")]);
                if v {
                    options.insert("awslogs-region", "eu-central-1");
                }
                s.add(
                    "a",
                    TaskDefinition::fargate(
                        256,
                        512,
                        [container().log_configuration(Log::new("awslogs").options(options))],
                    ),
                );
            },
        ),
        case("network_mode: expected `awsvpc`, found `bridge`", "bridge", "awsvpc", |s, v: &str| {
            s.add("a", TaskDefinition::fargate(256, 512, [container()]).network_mode(v));
        }),
        case("launch_type: expected one of", "SERVERLESS", "FARGATE", |s, v: &str| {
            s.add("a", service().launch_type(v));
        }),
        case("scheduling_strategy: expected `REPLICA`, found `DAEMON`", "DAEMON", "REPLICA", |s, v: &str| {
            s.add("a", service().scheduling_strategy(v));
        }),
        case("propagate_tags: expected one of", "CLUSTER", "SERVICE", |s, v: &str| {
            s.add("a", service().propagate_tags(v));
        }),
        // Load balancer, listener, target group.
        case(
            "subnets: expected at least 2 items, found 1 item",
            &["1"][..],
            &["1", "2"][..],
            |s, v: &'static [&str]| {
                s.add("a", LoadBalancer::new(subnets(v), [group()]));
            },
        ),
        case("subnets[1]: expected each item once", "1", "2", |s, v: &'static str| {
            s.add("a", LoadBalancer::new(subnets(&["1", v]), [group()]));
        }),
        case("idle_timeout: expected 1 to 4000 seconds, found 5000", 5000, 4000, |s, v: i64| {
            s.add("a", LoadBalancer::new(subnets(&["1", "2"]), [group()]).idle_timeout(v));
        }),
        case(
            "certificate_arn: expected a certificate",
            None,
            Some("arn:aws:acm:eu-central-1:123456789012:certificate/a"),
            |s, v: Option<&'static str>| {
                let listener = listener("HTTPS", Action::forward(target_group()));
                s.add(
                    "a",
                    match v {
                        Some(v) => listener.certificate_arn(v),
                        None => listener,
                    },
                );
            },
        ),
        case(
            "default_actions[0].FixedResponseConfig.StatusCode: expected a match",
            "999",
            "404",
            |s, v: &'static str| {
                s.add("a", listener("HTTP", Action::FixedResponse(FixedResponse::new(v))));
            },
        ),
        case("protocol: expected one of", "FTP", "HTTP", |s, v: &'static str| {
            s.add("a", listener(v, Action::forward(target_group())));
        }),
        case("protocol: expected one of", "HTTP3", "HTTP", |s, v: &str| {
            s.add("a", TargetGroup::new(vpc(), v, 80));
        }),
        case("port: expected", 80000, 8080, |s, v: i32| {
            s.add("a", TargetGroup::new(vpc(), "HTTP", v));
        }),
        case("vpc_id: expected a value, which AWS requires", None, Some("vpc-1"), |s, v: Option<&str>| {
            let group = TargetGroup::bare().protocol("HTTP").port(80).target_type("ip");
            s.add(
                "a",
                match v {
                    Some(v) => group.vpc_id(id(v)),
                    None => group,
                },
            );
        }),
        case("health_check.HealthCheckIntervalSeconds: expected at most 300", 400, 30, |s, v: i32| {
            s.add("a", TargetGroup::new(vpc(), "HTTP", 80).health_check(HealthCheck::new().interval_seconds(v)));
        }),
        // Roles and policies.
        case("max_session_duration: expected at least 3600, found `60`", 60, 3600, |s, v: i32| {
            s.add("a", Role::new(policy()).max_session_duration(v));
        }),
        case("path: expected a match", "app", "/app/", |s, v: &str| {
            s.add("a", Role::new(policy()).path(v));
        }),
        case(
            "managed[0]: expected a match",
            "ReadOnlyAccess",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            |s, v: &str| {
                s.add("a", RolePolicies::new(id("a")).managed([v]));
            },
        ),
        case("inline[0].PolicyName: expected a match", "a policy", "a-policy", |s, v: &'static str| {
            s.add("a", RolePolicies::new(id("a")).inline([(v, policy())]));
        }),
        case("path: expected a match", "app/", "/app/", |s, v: &str| {
            s.add("a", ManagedPolicy::new(policy()).path(v));
        }),
        case("thumbprint_list[0]: expected", "0123", "0123456789abcdef0123456789abcdef01234567", |s, v: &str| {
            s.add("a", OidcProvider::new("https://token.actions.githubusercontent.com", ["a"]).thumbprint_list([v]));
        }),
        case("client_id_list[0]: expected at least 1 character", "", "sts.amazonaws.com", |s, v: &str| {
            s.add("a", OidcProvider::new("https://token.actions.githubusercontent.com", [v]));
        }),
        // Keys.
        case("key_spec: expected one of", "RSA_1024", "RSA_2048", |s, v: &str| {
            s.add("a", Key::new().key_spec(v).key_usage("SIGN_VERIFY"));
        }),
        case("rotation_period_in_days: expected", 30, 90, |s, v: i32| {
            s.add("a", Key::new().key_rotation_enabled(true).rotation_period_in_days(v));
        }),
        case("pending_window_in_days: expected 7 to 30", 3, 7, |s, v: i32| {
            s.add("a", Key::new().pending_window_in_days(v));
        }),
        case("alias_name", "app", "alias/app", |s, v: &str| {
            s.add("a", Alias::new(id("0123")).alias_name(v));
        }),
        case("target_key_id: expected at least 1 character", "", "0123", |s, v: &str| {
            s.add("a", Alias::new(id(v)));
        }),
        // Logs, alarms, dashboards.
        case("retention_in_days: expected 0 (for ever) or one of", 45, 30, |s, v: i32| {
            s.add("a", LogGroup::new().retention_in_days(v));
        }),
        case("log_group_class: expected one of", "COLD", "INFREQUENT_ACCESS", |s, v: &str| {
            s.add("a", LogGroup::new().log_group_class(v));
        }),
        case("comparison_operator: expected one of", "MoreThan", "GreaterThanThreshold", |s, v: &str| {
            s.add("a", Alarm::new("AWS/ECS", "CPUUtilization", "Average", v, 80.0, 3));
        }),
        case("period: expected 10, 20, 30, or a multiple of 60 seconds", 90, 120, |s, v: i32| {
            s.add("a", Alarm::new("AWS/ECS", "CPUUtilization", "Average", "GreaterThanThreshold", 80.0, 3).period(v));
        }),
        case("statistic: either `statistic` or `extended_statistic`", true, false, |s, v: bool| {
            let alarm = Alarm::new("AWS/ECS", "CPUUtilization", "Average", "GreaterThanThreshold", 80.0, 3);
            s.add("a", if v { alarm.extended_statistic("p99") } else { alarm });
        }),
        case("dashboard_name", "a b", "a-b", |s, v: &str| {
            s.add("a", Dashboard::new("{\"widgets\":[]}").dashboard_name(v));
        }),
        // Database.
        case("db_instance_class: expected one of", "db.t3.mikro", "db.t3.micro", |s, v: &str| {
            s.add("a", Instance { db_instance_class: v.into(), ..instance() });
        }),
        case("engine_version: expected one of", "99", "17", |s, v: &str| {
            s.add("a", Instance { engine_version: v.into(), ..instance() });
        }),
        case("backup_retention_period: expected at most 35, found `40`", 40, 35, |s, v: i32| {
            s.add("a", instance().backup_retention_period(v));
        }),
        case("performance_insights_retention_period: expected one of", 10, 7, |s, v: i32| {
            s.add("a", instance().enable_performance_insights(true).performance_insights_retention_period(v));
        }),
        case("kms_key_id", false, true, |s, v: bool| {
            s.add("a", instance().storage_encrypted(v).kms_key_id("arn:aws:kms:eu-central-1:123456789012:key/a"));
        }),
        case("subnet_ids", &["1"][..], &["1", "2"][..], |s, v: &'static [&str]| {
            s.add("a", SubnetGroup::new("a", subnets(v)));
        }),
        case("db_parameter_group_name", "1a", "a1", |s, v: &str| {
            s.add("a", ParameterGroup::new("postgres17", "a").db_parameter_group_name(v));
        }),
        // Buckets, queues, topics, secrets.
        case("object_ownership: expected one of", "Everyone", "ObjectWriter", |s, v: &str| {
            s.add("a", Bucket::new().object_ownership(v));
        }),
        case(
            "lifecycle_configuration[0].Transitions[0].StorageClass: expected one of",
            "COLD",
            "GLACIER",
            |s, v: &'static str| {
                s.add(
                    "a",
                    Bucket::new()
                        .lifecycle_configuration([LifecycleRule::new("a").transitions([Transition::new(30, v)])]),
                );
            },
        ),
        case("bucket: ", "Capital", "capital", |s, v: &str| {
            s.add("a", Bucket::new().bucket(v));
        }),
        case("fifo_queue", "a", "a.fifo", |s, v: &str| {
            s.add("a", Queue::new().queue_name(v).fifo_queue(true));
        }),
        case("message_retention_period", 10, 60, |s, v: i32| {
            s.add("a", Queue::new().message_retention_period(v));
        }),
        case(
            "endpoint: expected a match of `^arn:aws[a-zA-Z-]*:sqs:`",
            "https://example.com",
            "arn:aws:sqs:eu-central-1:123456789012:a",
            |s, v: &str| {
                s.add("a", Subscription::new(id("arn:aws:sns:eu-central-1:123456789012:a"), "sqs", v));
            },
        ),
        case("topic_arn: expected a match", "a", "arn:aws:sns:eu-central-1:123456789012:a", |s, v: &str| {
            s.add("a", Subscription::new(id(v), "email", "ops@example.com"));
        }),
        case("name", "a b", "a-b", |s, v: &str| {
            s.add("a", Topic::new().name(v));
        }),
        case("description: expected at most 2048 characters, found 3000", 3000, 2048, |s, v: usize| {
            s.add("a", ManagedSecret::without_value().description("a".repeat(v)));
        }),
        case("secret_string", 5000, 32, |s, v: i64| {
            s.add("a", ManagedSecret::new(SecretValue::Generated(Generated::letters_and_digits(v))));
        }),
        // Firewall.
        case("rules[0].Statement.GeoMatchStatement.CountryCodes[0]: expected", "SWEDEN", "SE", |s, v: &'static str| {
            s.add("a", web_acl(Rule::new("a", 1, Statement::Geo(vec![v.into()]), FirewallAction::Block)));
        }),
        case("rules[0].Name: expected a match", "a rule", "a-rule", |s, v: &'static str| {
            s.add("a", web_acl(Rule::managed(v, 1, "AWSManagedRulesCommonRuleSet")));
        }),
        case(
            "resource_arn: expected at least 20 characters",
            "a",
            "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/a/0",
            |s, v: &str| {
                let acl = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/0123";
                s.add("a", WebAclAssociation::new(id(acl), v));
            },
        ),
        // Scaling.
        case("scalable_dimension: expected one of", "ecs:service:Count", "ecs:service:DesiredCount", |s, v: &str| {
            s.add("a", ScalableTarget::new("ecs", "service/a/b", v, 1, 4));
        }),
        case("service_namespace: expected one of", "ECS", "ecs", |s, v: &str| {
            s.add("a", ScalableTarget::new(v, "service/a/b", "ecs:service:DesiredCount", 1, 4));
        }),
        case("max_capacity: expected at least `min_capacity`, 2, found 1", 1, 4, |s, v: i32| {
            s.add("a", ScalableTarget::tasks("service/a/b", 2, v));
        }),
        case("target_tracking_scaling_policy_configuration", "CPU", "ECSServiceAverageCPUUtilization", |s, v: &str| {
            s.add("a", ScalingPolicy::track(id("ecs|service/a/b|ecs:service:DesiredCount"), v, 60.0));
        }),
        // Certificates and records.
        case("key_algorithm: expected one of", "RSA_512", "RSA_2048", |s, v: &str| {
            s.add("a", Certificate::new("example.com").key_algorithm(v));
        }),
        case("domain_name: expected", "", "example.com", |s, v: &str| {
            s.add("a", Certificate::new(v));
        }),
        case("domain_names: expected at least one name", &[][..], &["example.com"][..], |s, v: &'static [&str]| {
            s.add("a", ImportedCertificate::new(v.iter().copied(), 30));
        }),
        case("type: expected one of", "B", "A", |s, v: &'static str| {
            s.add("a", Record::new("Z0123", "a.example.com", v, 60, ["192.0.2.1".into()]));
        }),
        case("resource_records[0]: expected an IPv4 address", "::1", "192.0.2.1", |s, v: &'static str| {
            s.add("a", Record::new("Z0123", "a.example.com", "A", 60, [v.into()]));
        }),
    ]
}

/// Declares one resource, and returns what is wrong with it.
fn refusals(case: &Case, is_bad: bool) -> Vec<Diagnostic> {
    let facts = Facts {
        environment: "dev".to_owned(),
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        partition: "aws".to_owned(),
        stopped: false,
        discovered: BTreeMap::new(),
    };
    let mut stack = Stack::new(facts);
    (case.declare)(&mut stack, is_bad);
    match stack.finish() {
        Ok(desired) => findings(&desired, &registry()),
        Err(problems) => problems,
    }
}

#[test]
fn bad_resources_are_refused_with_their_line_and_mended_ones_are_accepted() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = vec![];
    for (number, case) in cases.iter().enumerate() {
        let next = cases.get(number + 1).map_or(u32::MAX, |next| next.line);
        let bad = refusals(case, true);
        let at = |one: &Diagnostic| one.location.as_ref().map_or(0, |location| location.line);
        if !bad.iter().any(|one| one.summary.starts_with(case.expected) && (case.line..next).contains(&at(one))) {
            let said: Vec<&str> = bad.iter().map(|one| one.summary.as_str()).collect();
            wrong.push(format!("line {}: expected `{}`, found {said:?}", case.line, case.expected));
        }
        for one in refusals(case, false) {
            wrong.push(format!("line {}: mended, and refused: {}", case.line, one.summary));
        }
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}
