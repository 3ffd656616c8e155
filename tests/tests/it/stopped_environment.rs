//! `stop` and `start` of the reference stack on moto, as a user runs them.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// The values that a stop changes: the service's number of tasks, suspended kinds of scaling, the database's status, and alarms that act.
fn shape(sandbox: &Sandbox) -> (Value, Value, Value, usize) {
    let id = |address: &str| sandbox.id("prod", address);
    let (cluster, service) = {
        let id = id("service/service/app");
        let (cluster, service) = id.split_once('/').unwrap();
        (cluster.to_owned(), service.to_owned())
    };
    let services = sandbox.aws(&format!("ecs describe-services --cluster {cluster} --services {service}"));
    let targets = sandbox.aws("application-autoscaling describe-scalable-targets --service-namespace ecs");
    let instance = id("database/instance/main");
    let database = sandbox.aws(&format!("rds describe-db-instances --db-instance-identifier {instance}"));
    let alarms = sandbox.aws("cloudwatch describe-alarms");
    // Autoscaling has alarms of its own.
    let is_ours = |alarm: &&Value| !alarm["AlarmName"].as_str().unwrap().starts_with("TargetTracking-");
    let alarms = alarms["MetricAlarms"].as_array().unwrap().iter().filter(is_ours);
    let act = alarms.filter(|alarm| alarm["ActionsEnabled"] == true);
    (
        services["services"][0]["desiredCount"].clone(),
        targets["ScalableTargets"][0]["SuspendedState"].clone(),
        database["DBInstances"][0]["DBInstanceStatus"].clone(),
        act.count(),
    )
}

#[test]
fn idle_environment_is_stopped_and_started() {
    let Some(sandbox) = Sandbox::new("idle_environment_is_stopped_and_started") else { return };
    let told = sandbox.run(&["stop", "prod", "--yes"]).ended(1).err;
    assert!(told.contains("no state"), "{told}");
    sandbox.run(&["apply", "prod", "--yes"]).ok();
    let (tasks, suspended, _, alarms) = shape(&sandbox);
    assert!(tasks.as_u64() > Some(0) && alarms > 0, "{tasks} {alarms}");
    assert_ne!(suspended["DynamicScalingOutSuspended"], json!(true));

    let told = sandbox.run(&["stop", "prod", "--yes"]).ok();
    assert!(told.err.contains("provisioner start prod"), "{}", told.err);
    // Alarms and scaling end before the tasks, and the database after them.
    let at = |address: &str| told.err.find(address).unwrap_or_else(|| panic!("{address}: {}", told.err));
    assert!(at("service/service/app") < at("database/instance/main"), "{}", told.err);
    let (stopped, suspended, database, act) = shape(&sandbox);
    assert_eq!((stopped, database, act), (json!(0), json!("stopped"), 0));
    assert_eq!(suspended["DynamicScalingOutSuspended"], json!(true));
    assert_eq!(suspended["ScheduledScalingSuspended"], json!(true));

    // A plan says so, and neither it nor an apply starts anything.
    sandbox.unchanged("prod");
    let told = sandbox.run(&["plan", "prod"]).ok().out;
    assert!(told.contains("the environment is stopped") && told.contains("provisioner start prod"), "{told}");
    let told = sandbox.run(&["drift", "prod", "--detailed-exitcode"]).ok().out;
    assert!(told.contains("No drift"), "{told}");
    let told = sandbox.run(&["stop", "prod", "--yes"]).ok().out;
    assert!(told.contains("prod is stopped already"), "{told}");
    let told = sandbox.run(&["status", "prod"]).out;
    assert!(told.contains("prod is stopped. To start it: provisioner start prod"), "{told}");

    // What needs the database to run is refused before anything is written.
    let refused = sandbox.run(&["destroy", "prod", "--yes", "--confirm", "prod"]).ended(1).err;
    assert!(refused.contains("deletion_protection") && refused.contains("provisioner start prod"), "{refused}");

    sandbox.run(&["start", "prod", "--yes"]).ok();
    let (started, suspended, database, act) = shape(&sandbox);
    assert_eq!((started, database, act), (tasks, json!("available"), alarms));
    assert_ne!(suspended["DynamicScalingOutSuspended"], json!(true));
    sandbox.unchanged("prod");
    let told = sandbox.run(&["plan", "prod"]).ok().out;
    assert!(!told.contains("stopped"), "{told}");
    sandbox.run(&["destroy", "prod", "--yes", "--confirm", "prod"]).ok();
}

/// A person changes the program while the environment is stopped: the stop and the start leave that alone, and an apply
/// carries it out without starting anything.
#[test]
fn changes_of_the_program_wait_for_an_apply() {
    let Some(sandbox) = Sandbox::new("changes_of_the_program_wait_for_an_apply") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.run(&["stop", "dev", "--yes"]).ok();
    sandbox.edit("dev", "target_cpu = 70", "target_cpu = 60");
    sandbox.run(&["start", "dev", "--yes"]).ok();
    let plan = sandbox.plan("dev");
    assert!(!plan.is_empty());
    sandbox.run(&["stop", "dev", "--yes"]).ok();
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    let told = sandbox.run(&["plan", "dev"]).ok().out;
    assert!(told.contains("the environment is stopped"), "{told}");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    // A new environment is not stopped.
    let told = sandbox.run(&["plan", "dev"]).ok().out;
    assert!(!told.contains("the environment is stopped"), "{told}");
}
