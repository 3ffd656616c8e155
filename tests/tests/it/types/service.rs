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

use super::{Bench, end};
use crate::image::{program, registry_or_skip};

fn id<R>(object: &TestObject<'_>) -> In<Id<R>> {
    Id::new(&*object.id).into()
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
        let group = bench.create(SecurityGroup::new("one", id(&vpc))).await;
        let other_group = bench.create(SecurityGroup::new("two", id(&vpc))).await;
        Self { vpc, subnets, group, other_group }
    }

    fn balancer(&self) -> LoadBalancer {
        LoadBalancer::new([id(&self.subnets[0]), id(&self.subnets[1])], [id(&self.group)])
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
    end(&mut repository, "lifecycle_policy_text", Value::Null).await;
    end(&mut repository, "policy_text", Value::Null).await;
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
        .create(
            net.balancer()
                .scheme("internet-facing")
                .load_balancer_type("application")
                .deletion_protection(true)
                .drop_invalid_header_fields(true)
                .idle_timeout(30)
                .http2(true)
                .desync_mitigation_mode("strictest")
                .xff_header_processing_mode("append")
                .access_logs(LogsTo::new(false)),
        )
        .await;
    assert!(balancer.observed.outputs["arn_suffix"].as_str().unwrap().starts_with("app/"));
    change(&mut balancer, "deletion_protection", json!(false)).await;
    change(&mut balancer, "idle_timeout", json!(120)).await;
    change(&mut balancer, "subnets", json!([net.subnets[1].id, net.subnets[2].id])).await;
    change(&mut balancer, "security_groups", json!([net.other_group.id, net.group.id])).await;
    change(&mut balancer, "ip_address_type", json!("dualstack")).await;
    change(&mut balancer, "attributes", json!({ "ipv6.deny_all_igw_traffic": "false" })).await;
    change(&mut balancer, "tags", json!({ "a": "1" })).await;
    end(&mut balancer, "drop_invalid_header_fields", json!(false)).await;
    end(&mut balancer, "desync_mitigation_mode", json!("defensive")).await;
    end(&mut balancer, "idle_timeout", json!(60)).await;
    end(&mut balancer, "ip_address_type", json!("ipv4")).await;

    let check = HealthCheck::new()
        .path("/ready")
        .interval_seconds(10)
        .timeout_seconds(5)
        .healthy_threshold_count(2)
        .unhealthy_threshold_count(3)
        .matcher("200");
    let mut targets = bench
        .create(
            TargetGroup::new(id(&net.vpc), "HTTP", 8080)
                .health_check(check)
                .deregistration_delay(15)
                .stickiness(TargetStickiness::new(true).r#type("lb_cookie").lb_cookie_duration_seconds(60)),
        )
        .await;
    assert!(targets.observed.outputs["arn_suffix"].as_str().unwrap().starts_with("targetgroup/"));
    change(&mut targets, "health_check", json!({ "path": "/live", "matcher": "200-299" })).await;
    change(&mut targets, "deregistration_delay", json!(30)).await;
    change(&mut targets, "slow_start", json!(60)).await;
    end(&mut targets, "slow_start", json!(0)).await;
    let changed = targets.changed("stickiness", Value::Null);
    targets.update(changed).await;
    assert_eq!(targets.observed.inputs["stickiness"]["enabled"], false);
    change(&mut targets, "tags", json!({ "a": "1" })).await;
    let canary = bench.create(TargetGroup::new(id(&net.vpc), "HTTP", 8080).name("canary")).await;

    let redirect = bench.create(Listener::new(id(&balancer), 80, "HTTP", [Action::to_https()])).await;
    let mut listener = bench.create(Listener::new(id(&balancer), 8443, "HTTP", [Action::forward(id(&targets))])).await;
    change(&mut listener, "port", json!(8444)).await;
    let weighted = json!([{ "type": "forward", "target_groups": [
        { "target_group_arn": targets.id, "weight": 9 }, { "target_group_arn": canary.id, "weight": 1 }
    ] }]);
    change(&mut listener, "default_actions", weighted).await;
    change(&mut listener, "default_actions", json!([Action::status("404")])).await;
    change(&mut listener, "tags", json!({ "a": "1" })).await;

    let conditions = [
        Condition::PathPattern { values: vec!["/api/*".into()] },
        Condition::HostHeader { values: vec!["example.com".into()] },
        Condition::QueryString { values: vec![QueryPair::new("2").key("v")] },
    ];
    let mut rule =
        bench.create(ListenerRule::new(id(&listener), 10, conditions, [Action::forward(id(&targets))])).await;
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
    let mut cluster = bench
        .create(
            Cluster::new()
                .container_insights("enabled")
                .capacity_providers(["FARGATE", "FARGATE_SPOT"])
                .default_capacity_provider_strategy([CapacityShare::new("FARGATE").weight(1)]),
        )
        .await;
    change(&mut cluster, "container_insights", json!("disabled")).await;
    change(&mut cluster, "execute_command_configuration", json!({ "logging": "NONE" })).await;
    change(&mut cluster, "capacity_providers", json!(["FARGATE"])).await;
    end(&mut cluster, "execute_command_configuration", json!({ "logging": "DEFAULT" })).await;
    end(&mut cluster, "default_capacity_provider_strategy", json!([])).await;
    end(&mut cluster, "capacity_providers", json!([])).await;
    change(&mut cluster, "tags", json!({ "a": "1" })).await;
    cluster.delete().await;
}

fn app() -> Container {
    Container::new("app", "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:00")
        .essential(true)
        .port_mappings([PortMapping::tcp(8080)])
        .environment([("B", "2"), ("A", "1")])
        .secrets([("KEY", "arn:aws:secretsmanager:us-east-1:123456789012:secret:key")])
        .user("10000")
        .readonly_root_filesystem(true)
        .linux_parameters(Linux::new().drop_capabilities(["ALL"]).init_process_enabled(true))
        .ulimits([Ulimit::new("nofile", 1024, 4096)])
        .mount_points([MountPoint::new("tmp", "/tmp").read_only(false)])
        .stop_timeout(30)
        .log_configuration(Log::new("awslogs").options([
            ("awslogs-group", "/ecs/app"),
            ("awslogs-region", "us-east-1"),
            ("awslogs-stream-prefix", "app"),
        ]))
        .health_check(ContainerHealthCheck::new(["CMD", "/app", "health"]).interval(10))
}

#[tokio::test]
async fn task_definition() {
    let Some(bench) = Bench::moto("task_definition") else { return };
    let helper = Container::new("helper", "helper:1")
        .essential(false)
        .depends_on([DependsOn::new("app", "START")])
        .entry_point(["/helper"])
        .command(["run"]);
    let mut definition = bench
        .create(
            TaskDefinition::fargate(256, 512, [helper, app()])
                .task_role_arn("arn:aws:iam::123456789012:role/task")
                .execution_role_arn("arn:aws:iam::123456789012:role/execution")
                .runtime_platform(RuntimePlatform::new().cpu_architecture("X86_64").operating_system_family("LINUX"))
                .ephemeral_storage(30)
                .volumes([Volume::new("tmp")]),
        )
        .await;
    assert_eq!(definition.observed.outputs["revision"], json!(1));
    let other = app().environment([("A", "1")]);
    change(&mut definition, "container_definitions", json!([other])).await;
    assert_eq!(definition.observed.outputs["revision"], json!(2));
    change(&mut definition, "memory", json!(1024)).await;
    // Tags alone are no reason for a rollout.
    change(&mut definition, "tags", json!({ "a": "1" })).await;
    assert_eq!(definition.observed.outputs["revision"], json!(3));
    end(&mut definition, "task_role_arn", Value::Null).await;
    definition.delete().await;
}

#[tokio::test]
async fn service_and_its_scaling() {
    let Some(bench) = Bench::moto("service_and_its_scaling") else { return };
    let net = Net::on(&bench).await;
    let cluster = bench.create(Cluster::new()).await;
    let definition = TaskDefinition::fargate(256, 1024, [app()]).volumes([Volume::new("tmp")]);
    let definition = definition.execution_role_arn("arn:aws:iam::123456789012:role/execution");
    let mut definition = bench.create(definition).await;
    let targets = bench.create(TargetGroup::new(id(&net.vpc), "HTTP", 8080)).await;
    let balancer = bench.create(net.balancer()).await;
    let listener = bench.create(Listener::new(id(&balancer), 80, "HTTP", [Action::forward(id(&targets))])).await;

    let arn = |definition: &TestObject<'_>| definition.observed.outputs["arn"].as_str().unwrap().to_owned();
    let mut service = bench
        .create(
            // Left out: moto keeps no deployment configuration, rebalancing, grace period, exec, managed tags.
            Service::new(id(&cluster), arn(&definition))
                .desired_count(2)
                .launch_type("FARGATE")
                .platform_version("1.4.0")
                .subnets([id(&net.subnets[1]), id(&net.subnets[0])])
                .security_groups([id(&net.group)])
                .assign_public_ip(false)
                .load_balancers([ServiceTarget::new(id(&targets), "app", 8080)])
                .scheduling_strategy("REPLICA")
                .propagate_tags("SERVICE"),
        )
        .await;
    assert_eq!(service.id.split('/').next(), Some(cluster.id.as_str()));
    change(&mut definition, "cpu", json!(512)).await;
    change(&mut service, "task_definition", json!(arn(&definition))).await;
    change(&mut service, "tags", json!({ "a": "1" })).await;

    let mut target = bench
        .create(
            ScalableTarget::tasks(service.id.as_str(), 1, 6)
                .suspended_state(Suspended::new().dynamic_scaling_in_suspended(true)),
        )
        .await;
    change(&mut target, "max_capacity", json!(8)).await;
    change(&mut target, "suspended_state", json!({ "dynamic_scaling_in_suspended": false })).await;
    change(&mut target, "suspended_state", json!({ "dynamic_scaling_in_suspended": true })).await;
    let changed = target.changed("suspended_state", Value::Null);
    target.update(changed).await;
    assert_eq!(target.observed.inputs["suspended_state"]["dynamic_scaling_in_suspended"], false);

    let cpu = ScalingPolicy::track(id(&target), "ECSServiceAverageCPUUtilization", 70.0);
    let mut cpu = bench.create(cpu).await;
    let metric = CustomMetric::new("App", "Queue", "Average").dimensions([("Environment", "dev")]);
    let custom = TargetTracking::new(100.0)
        .customized_metric_specification(metric)
        .scale_in_cooldown(60)
        .scale_out_cooldown(30)
        .disable_scale_in(true);
    change(&mut cpu, "target_tracking_scaling_policy_configuration", json!(custom)).await;
    let steps = StepScaling::new("ChangeInCapacity", [Step::new(1).metric_interval_lower_bound(0.0)])
        .cooldown(60)
        .metric_aggregation_type("Average");
    let mut steps = bench.create(ScalingPolicy::step(id(&target), steps).policy_name("steps")).await;
    let two = json!({
        "adjustment_type": "ChangeInCapacity",
        "step_adjustments": [{ "metric_interval_lower_bound": 0, "scaling_adjustment": 2 }],
    });
    change(&mut steps, "step_scaling_policy_configuration", two).await;

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
