use std::collections::BTreeMap;

use provisioner_aws::{
    autoscaling::{CustomMetric, ScalableTarget, ScalingPolicy, Step, StepScaling, Suspended, TargetTracking},
    ec2::{SecurityGroup, Subnet, Vpc},
    ecr::{Encryption, Image, Repository},
    ecs::{
        CapacityShare, Cluster, Container, ContainerHealthCheck, DependsOn, Linux, Log, MountPoint, PortMapping,
        RuntimePlatform, Service, ServiceTarget, TaskDefinition, Ulimit, Volume,
    },
    elb::{
        Action, Condition, HealthCheck, Listener, ListenerRule, LoadBalancer, LogsTo, QueryPair, TargetGroup,
        TargetStickiness,
    },
};
use provisioner_model::{Id, expr::In};
use provisioner_testkit::conformance::TestObject;
use serde_json::{Value, json};

use super::Bench;
use crate::image::{program, registry_or_skip};

fn id<R>(object: &TestObject<'_>) -> In<Id<R>> {
    Id::new(&*object.id).into()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, In<String>> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}

async fn change(object: &mut TestObject<'_>, field: &str, value: Value) {
    let changed = object.changed(field, value);
    object.update(changed).await;
}

struct Net<'a> {
    vpc: TestObject<'a>,
    subnets: Vec<TestObject<'a>>,
    group: TestObject<'a>,
    other_group: TestObject<'a>,
}

impl<'a> Net<'a> {
    async fn on(bench: &'a Bench) -> Self {
        let vpc = bench.create(Vpc::new("10.0.0.0/16")).await;
        let mut subnets = vec![];
        for (range, zone) in [("10.0.1.0/24", "a"), ("10.0.2.0/24", "b"), ("10.0.3.0/24", "c")] {
            subnets.push(bench.create(Subnet::new(id(&vpc), range, format!("us-east-1{zone}"))).await);
        }
        let group = bench.create(SecurityGroup::new(id(&vpc), "one")).await;
        let other_group = bench.create(SecurityGroup::new(id(&vpc), "two")).await;
        Self { vpc, subnets, group, other_group }
    }

    fn balancer(&self) -> LoadBalancer {
        LoadBalancer::new(vec![id(&self.subnets[0]), id(&self.subnets[1])], vec![id(&self.group)])
    }
}

#[tokio::test]
async fn repository() {
    let Some(bench) = Bench::moto("repository") else { return };
    let policy = |action: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "pull", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": [action] }
        ] })
        .to_string()
    };
    let expiry = |count: u32| {
        json!({ "rules": [{
            "rulePriority": 1,
            "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count },
            "action": { "type": "expire" },
        }] })
        .to_string()
    };
    let mut repository = bench
        .create(
            Repository::new()
                .image_tag_mutability("IMMUTABLE")
                // moto takes no change to `false`: the SDK leaves that out of the request, and moto then changes
                // nothing.
                .scan_on_push(false)
                .encryption_configuration(Encryption::new("AES256"))
                .lifecycle_policy_text(expiry(10))
                .policy_text(policy("ecr:BatchGetImage"))
                .force_delete(true),
        )
        .await;
    assert!(repository.observed.outputs["uri"].as_str().unwrap().contains(".dkr.ecr."));
    change(&mut repository, "image_tag_mutability", json!("MUTABLE")).await;
    change(&mut repository, "scan_on_push", json!(true)).await;
    change(&mut repository, "lifecycle_policy_text", json!(expiry(20))).await;
    change(&mut repository, "policy_text", json!(policy("ecr:GetDownloadUrlForLayer"))).await;
    change(&mut repository, "tags", json!({ "a": "1" })).await;
    change(&mut repository, "tags", json!({ "b": "1" })).await;
    assert!(repository.observed.inputs["tags"].get("a").is_none());
    repository.delete().await;
}

#[tokio::test]
async fn image() {
    let Some(registry) = registry_or_skip("image") else { return };
    let folder = tempfile::tempdir().unwrap();
    let layout = program(folder.path(), "fn main() {}").build().unwrap();
    let Some(bench) = Bench::with_images("image", &registry, &folder.path().join("build/image")) else { return };
    let repository = bench.create(Repository::new().force_delete(true)).await;
    let architecture = layout.architecture().unwrap().name();
    let mut image = bench.create(Image::new(id(&repository), layout.digest(), architecture)).await;
    let uri = format!("{}/{}@{}", registry.host(), repository.id, layout.digest());
    assert_eq!(image.observed.outputs["uri"], uri);
    assert_eq!(image.id, format!("{}@{}", repository.id, layout.digest()));
    assert!(registry.has(&repository.id, layout.digest()));
    assert!(image.read().await.is_some());
    image.delete().await;
    assert!(!registry.has(&repository.id, layout.digest()));
    repository.delete().await;
}

#[tokio::test]
async fn load_balancer_and_what_is_on_it() {
    let Some(bench) = Bench::moto("load_balancer_and_what_is_on_it") else { return };
    let net = Net::on(&bench).await;
    let mut balancer = bench
        .create(LoadBalancer {
            scheme: Some("internet-facing".into()),
            load_balancer_type: Some("application".into()),
            deletion_protection: Some(true),
            drop_invalid_headers: Some(true),
            idle_timeout: Some(30),
            http2: Some(true),
            desync_mode: Some("strictest".into()),
            xff_mode: Some("append".into()),
            access_logs: Some(LogsTo { enabled: false, bucket: None, prefix: None }),
            ..net.balancer()
        })
        .await;
    assert!(balancer.observed.outputs["arn_suffix"].as_str().unwrap().starts_with("app/"));
    change(&mut balancer, "deletion_protection", json!(false)).await;
    change(&mut balancer, "idle_timeout", json!(120)).await;
    change(&mut balancer, "subnets", json!([net.subnets[1].id, net.subnets[2].id])).await;
    change(&mut balancer, "security_groups", json!([net.other_group.id, net.group.id])).await;
    change(&mut balancer, "ip_address_type", json!("dualstack")).await;
    change(&mut balancer, "attributes", json!({ "ipv6.deny_all_igw_traffic": "false" })).await;
    change(&mut balancer, "tags", json!({ "a": "1" })).await;

    let mut targets = bench
        .create(TargetGroup {
            health_check: Some(HealthCheck {
                path: Some("/ready".into()),
                interval: Some(10),
                timeout: Some(5),
                healthy_threshold: Some(2),
                unhealthy_threshold: Some(3),
                matcher: Some("200".into()),
                ..HealthCheck::default()
            }),
            deregistration_delay: Some(15),
            stickiness: Some(TargetStickiness {
                enabled: true,
                kind: Some("lb_cookie".into()),
                seconds: Some(60),
                cookie_name: None,
                cookie_seconds: None,
            }),
            ..TargetGroup::new(id(&net.vpc), "HTTP", 8080)
        })
        .await;
    assert!(targets.observed.outputs["arn_suffix"].as_str().unwrap().starts_with("targetgroup/"));
    change(&mut targets, "health_check", json!({ "path": "/live", "matcher": "200-299" })).await;
    change(&mut targets, "deregistration_delay", json!(30)).await;
    change(&mut targets, "slow_start", json!(60)).await;
    change(&mut targets, "tags", json!({ "a": "1" })).await;
    let canary =
        bench.create(TargetGroup { name: Some("canary".into()), ..TargetGroup::new(id(&net.vpc), "HTTP", 8080) }).await;

    let redirect = bench.create(Listener::new(id(&balancer), 80, "HTTP", vec![Action::to_https()])).await;
    let mut listener =
        bench.create(Listener::new(id(&balancer), 8443, "HTTP", vec![Action::forward(id(&targets))])).await;
    change(&mut listener, "port", json!(8444)).await;
    let weighted = json!([{ "type": "forward", "target_groups": [
        { "target_group": targets.id, "weight": 9 }, { "target_group": canary.id, "weight": 1 }
    ] }]);
    change(&mut listener, "default_actions", weighted).await;
    change(&mut listener, "default_actions", json!([Action::status("404")])).await;
    change(&mut listener, "tags", json!({ "a": "1" })).await;

    let conditions = vec![
        Condition::PathPattern { values: vec!["/api/*".into()] },
        Condition::HostHeader { values: vec!["example.com".into()] },
        Condition::QueryString { values: vec![QueryPair { key: Some("v".into()), value: "2".into() }] },
    ];
    let mut rule =
        bench.create(ListenerRule::new(id(&listener), 10, conditions, vec![Action::forward(id(&targets))])).await;
    change(&mut rule, "priority", json!(20)).await;
    let path = json!([Condition::PathPattern { values: vec!["/other".into()] }]);
    change(&mut rule, "conditions", path).await;
    change(&mut rule, "actions", json!([Action::status("503")])).await;
    change(&mut rule, "tags", json!({ "a": "1" })).await;

    rule.delete().await;
    listener.delete().await;
    redirect.delete().await;
    canary.delete().await;
    targets.delete().await;
    balancer.delete().await;
}

#[tokio::test]
async fn cluster() {
    let Some(bench) = Bench::moto("cluster") else { return };
    let share = |provider: &str, weight| CapacityShare { provider: provider.into(), weight: Some(weight), base: None };
    let mut cluster = bench
        .create(Cluster {
            container_insights: Some("enabled".into()),
            capacity_providers: Some(vec!["FARGATE".into(), "FARGATE_SPOT".into()]),
            default_capacity: Some(vec![share("FARGATE", 1)]),
            ..Cluster::new()
        })
        .await;
    change(&mut cluster, "container_insights", json!("disabled")).await;
    change(&mut cluster, "execute_command", json!({ "logging": "NONE" })).await;
    change(&mut cluster, "capacity_providers", json!(["FARGATE"])).await;
    change(&mut cluster, "tags", json!({ "a": "1" })).await;
    cluster.delete().await;
}

fn app() -> Container {
    Container {
        essential: Some(true),
        port_mappings: vec![PortMapping::tcp(8080)],
        environment: map(&[("B", "2"), ("A", "1")]),
        secrets: map(&[("KEY", "arn:aws:secretsmanager:us-east-1:123456789012:secret:key")]),
        user: Some("10000".into()),
        read_only_root: Some(true),
        init_process: Some(true),
        linux: Some(Linux { drop_capabilities: vec!["ALL".into()], ..Linux::default() }),
        ulimits: vec![Ulimit { name: "nofile".into(), soft: 1024, hard: 4096 }],
        mount_points: vec![MountPoint { volume: "tmp".into(), path: "/tmp".into(), read_only: Some(false) }],
        stop_timeout: Some(30),
        log: Some(Log {
            driver: "awslogs".into(),
            options: map(&[("awslogs-group", "/ecs/app"), ("awslogs-region", "us-east-1")]),
            secret_options: BTreeMap::new(),
        }),
        health_check: Some(ContainerHealthCheck {
            command: vec!["CMD".into(), "/app".into(), "health".into()],
            interval: Some(10),
            ..ContainerHealthCheck::default()
        }),
        ..Container::new("app", "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:00")
    }
}

#[tokio::test]
async fn task_definition() {
    let Some(bench) = Bench::moto("task_definition") else { return };
    let helper = Container {
        essential: Some(false),
        depends_on: vec![DependsOn { container: "app".into(), condition: "START".into() }],
        entry_point: vec!["/helper".into()],
        command: vec!["run".into()],
        ..Container::new("helper", "helper:1")
    };
    let mut definition = bench
        .create(TaskDefinition {
            task_role: Some("arn:aws:iam::123456789012:role/task".into()),
            execution_role: Some("arn:aws:iam::123456789012:role/execution".into()),
            runtime_platform: Some(RuntimePlatform {
                cpu_architecture: Some("X86_64".into()),
                os_family: Some("LINUX".into()),
            }),
            ephemeral_storage: Some(30),
            volumes: vec![Volume::new("tmp")],
            ..TaskDefinition::fargate(256, 512, vec![helper, app()])
        })
        .await;
    assert_eq!(definition.observed.outputs["revision"], json!(1));
    let mut other = app();
    other.environment = map(&[("A", "1")]);
    change(&mut definition, "containers", json!([other])).await;
    assert_eq!(definition.observed.outputs["revision"], json!(2));
    change(&mut definition, "memory", json!(1024)).await;
    // Tags alone are no reason for a rollout.
    change(&mut definition, "tags", json!({ "a": "1" })).await;
    assert_eq!(definition.observed.outputs["revision"], json!(3));
    definition.delete().await;
}

#[tokio::test]
async fn service_and_its_scaling() {
    let Some(bench) = Bench::moto("service_and_its_scaling") else { return };
    let net = Net::on(&bench).await;
    let cluster = bench.create(Cluster::new()).await;
    let mut definition = bench.create(TaskDefinition::fargate(256, 512, vec![app()])).await;
    let targets = bench.create(TargetGroup::new(id(&net.vpc), "HTTP", 8080)).await;
    let balancer = bench.create(net.balancer()).await;
    let listener = bench.create(Listener::new(id(&balancer), 80, "HTTP", vec![Action::forward(id(&targets))])).await;

    let arn = |definition: &TestObject<'_>| definition.observed.outputs["arn"].as_str().unwrap().to_owned();
    let mut service = bench
        .create(Service {
            desired_count: Some(2),
            launch_type: Some("FARGATE".into()),
            platform_version: Some("1.4.0".into()),
            subnets: vec![id(&net.subnets[1]), id(&net.subnets[0])],
            security_groups: vec![id(&net.group)],
            public_ip: Some(false),
            load_balancers: vec![ServiceTarget { target_group: id(&targets), container: "app".into(), port: 8080 }],
            scheduling_strategy: Some("REPLICA".into()),
            propagate_tags: Some("SERVICE".into()),
            // Left out: moto keeps no deployment configuration, rebalancing, grace period, exec, managed tags.
            ..Service::new(id(&cluster), arn(&definition).into())
        })
        .await;
    assert_eq!(service.id.split('/').next(), Some(cluster.id.as_str()));
    change(&mut definition, "cpu", json!(512)).await;
    change(&mut service, "task_definition", json!(arn(&definition))).await;
    change(&mut service, "tags", json!({ "a": "1" })).await;

    let mut target = bench
        .create(ScalableTarget {
            suspended: Some(Suspended { scale_in: Some(true), ..Suspended::default() }),
            ..ScalableTarget::tasks(service.id.as_str(), 1, 6)
        })
        .await;
    change(&mut target, "max_capacity", json!(8)).await;
    change(&mut target, "suspended", json!({ "scale_in": false })).await;

    let cpu = ScalingPolicy::track(id(&target), "ECSServiceAverageCPUUtilization", 70.0);
    let mut cpu = bench.create(cpu).await;
    let custom = TargetTracking {
        value: 100.0,
        predefined: None,
        custom: Some(CustomMetric {
            namespace: "App".into(),
            metric: "Queue".into(),
            statistic: "Average".into(),
            dimensions: map(&[("Environment", "dev")]),
            unit: None,
        }),
        scale_in_cooldown: Some(60),
        scale_out_cooldown: Some(30),
        disable_scale_in: Some(true),
    };
    change(&mut cpu, "target_tracking", json!(custom)).await;
    let steps = StepScaling {
        adjustment: "ChangeInCapacity".into(),
        steps: vec![Step { from: Some(0.0), to: None, by: 1 }],
        min_magnitude: None,
        cooldown: Some(60),
        aggregation: Some("Average".into()),
    };
    let policy = ScalingPolicy { name: Some("steps".into()), ..ScalingPolicy::step(id(&target), steps) };
    let mut steps = bench.create(policy).await;
    let two = json!({ "adjustment": "ChangeInCapacity", "steps": [{ "from": 0, "by": 2 }] });
    change(&mut steps, "step_scaling", two).await;

    steps.delete().await;
    cpu.delete().await;
    target.delete().await;
    service.delete().await;
    listener.delete().await;
    balancer.delete().await;
    targets.delete().await;
    definition.delete().await;
    cluster.delete().await;
}
