use provisioner_aws::operations::status::{
    AlarmStatus, DatabaseStatus, DeploymentStatus, ServiceEvent, ServiceStatus, Status, TargetStatus, TargetsStatus,
    TaskStatus, Unread,
};
use provisioner_cli::render::{PageFormat, status as render};

const NOW: u64 = 1_000_000;

fn ago(seconds: i64) -> Option<i64> {
    Some(1_000_000 - seconds)
}

fn well() -> Status {
    let task = |id: &str, zone: &str| TaskStatus {
        id: id.into(),
        revision: "dev-app:5".into(),
        status: "RUNNING".into(),
        digest: Some("sha256:3f9a1c5be07d2f6a8b4c".into()),
        zone: Some(zone.into()),
        started_at: ago(7300),
        ..TaskStatus::default()
    };
    let service = ServiceStatus {
        address: "service/service/app".into(),
        status: "ACTIVE".into(),
        revision: "dev-app:5".into(),
        desired: 2,
        running: 2,
        deployments: vec![DeploymentStatus {
            id: "ecs-svc/1".into(),
            status: "PRIMARY".into(),
            state: Some("COMPLETED".into()),
            reason: Some("ECS deployment ecs-svc/1 completed.".into()),
            revision: "dev-app:5".into(),
            desired: 2,
            running: 2,
            started_at: ago(7400),
            ..DeploymentStatus::default()
        }],
        tasks: vec![task("0123456789abcdef", "eu-west-1a"), task("fedcba9876543210", "eu-west-1b")],
        event: Some(ServiceEvent { at: ago(200), message: "(service dev-app) has reached a steady state.".into() }),
        ..ServiceStatus::default()
    };
    let target =
        |id: &str| TargetStatus { id: id.into(), port: Some(8080), state: "healthy".into(), ..TargetStatus::default() };
    let alarm = |name: &str| AlarmStatus {
        address: format!("observability/alarm/{name}"),
        state: "OK".into(),
        ..AlarmStatus::default()
    };
    Status {
        services: vec![service],
        targets: vec![TargetsStatus {
            address: "edge/target-group/app".into(),
            targets: vec![target("10.0.10.7"), target("10.0.11.9")],
        }],
        databases: vec![DatabaseStatus {
            address: "database/instance/main".into(),
            status: "available".into(),
            engine: "postgres 17.5".into(),
            class: "db.t4g.micro".into(),
            storage: Some(20),
            ..DatabaseStatus::default()
        }],
        alarms: vec![alarm("cpu"), alarm("memory")],
        unread: vec![],
    }
}

/// A rollout that goes wrong, and everything else with it.
fn ill() -> Status {
    let mut status = well();
    let service = &mut status.services[0];
    service.revision = "dev-app:5".into();
    service.newest = Some("dev-app:6".into());
    (service.running, service.pending) = (1, 1);
    service.deployments[0].state = Some("IN_PROGRESS".into());
    service.deployments[0].reason = Some("ECS deployment ecs-svc/1 in progress.".into());
    service.deployments[0].failed = 3;
    service.tasks[0].health = Some("UNHEALTHY".into());
    service.tasks[1].status = "STOPPED".into();
    service.tasks[1].stopped_at = ago(60);
    service.tasks[1].exit_code = Some(137);
    service.tasks[1].stopped_reason =
        Some("Essential container in task exited: OutOfMemoryError: Container killed due to memory usage".into());
    status.targets[0].targets[1].state = "unhealthy".into();
    status.targets[0].targets[1].reason = Some("Health checks failed with these codes: [503]".into());
    status.databases[0].status = "storage-full".into();
    status.alarms[1].state = "ALARM".into();
    status.alarms[1].since = ago(600);
    status.alarms[1].reason = Some("Threshold Crossed: 5 datapoints were greater than the threshold (85.0).".into());
    status
        .unread
        .push(Unread { what: "targets".into(), why: "elasticloadbalancing:DescribeTargetHealth failed".into() });
    status
}

#[test]
fn all_is_well() {
    insta::assert_snapshot!("well", render::status("dev", &well(), PageFormat::plain(100), NOW));
}

#[test]
fn unhealthy_parts_come_first() {
    insta::assert_snapshot!("ill", render::status("dev", &ill(), PageFormat::plain(80), NOW));
}

#[test]
fn colour_is_never_the_only_signal() {
    let colourful = render::status("dev", &ill(), PageFormat { width: 80, colour: true }, NOW);
    assert!(colourful.contains("\x1b["));
    let mut plain = String::new();
    for (number, part) in colourful.split("\x1b[").enumerate() {
        plain.push_str(if number == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(plain, render::status("dev", &ill(), PageFormat::plain(80), NOW));
}

#[test]
fn ages() {
    let age = |seconds: i64| render::age(1_000_000 - seconds, NOW);
    let all = [age(-5), age(0), age(89), age(90), age(5399), age(5400), age(172_799), age(172_800)];
    assert_eq!(all, ["0 s", "0 s", "89 s", "1 min", "89 min", "1 h", "47 h", "2 d"]);
}
