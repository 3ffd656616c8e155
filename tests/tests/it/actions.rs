//! Effects of changes to the environment file or to the program: the plan as data, and the apply that confirms it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::sandbox::Sandbox;

/// A plan by `--json`: what happens to which address, and in which fields. What stays as it is is left out.
struct PlannedActions {
    actions: BTreeMap<String, String>,
    json: Value,
}

impl PlannedActions {
    fn of(sandbox: &Sandbox, environment: &str) -> Self {
        Self::by(sandbox, environment, "")
    }

    /// By the program as somebody changed it.
    fn by(sandbox: &Sandbox, environment: &str, variant: &str) -> Self {
        let json = sandbox.run_as(variant, &["plan", environment, "--json"]).ok().out;
        let json: Value = serde_json::from_str(&json).unwrap();
        let rows = json["resources"].as_object().unwrap();
        let action = |(address, row): (&String, &Value)| (address.clone(), row["action"].as_str().unwrap().to_owned());
        let actions = rows.iter().map(action).filter(|(_, action)| action != "no_change").collect();
        Self { actions, json }
    }

    fn fields(&self, address: &str) -> Vec<&str> {
        let changes = self.json["resources"][address]["changes"].as_array().unwrap();
        changes.iter().map(|change| change["field"].as_str().unwrap()).collect()
    }

    /// The addresses with one of these verdicts.
    fn with(&self, actions: &[&str]) -> BTreeSet<&str> {
        let chosen = self.actions.iter().filter(|(_, action)| actions.contains(&action.as_str()));
        chosen.map(|(address, _)| address.as_str()).collect()
    }

    /// The steps that do this.
    fn steps(&self, action: &str) -> Vec<&str> {
        let steps = self.json["steps"].as_array().unwrap().iter().filter(|step| step["action"] == action);
        steps.map(|step| step["address"].as_str().unwrap()).collect()
    }
}

const REPLACED: [&str; 2] = ["replace", "replace_delete_first"];

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(address, action)| ((*address).to_owned(), (*action).to_owned())).collect()
}

#[test]
fn the_environment_file_decides_what_happens() {
    let Some(sandbox) = Sandbox::new("the_environment_file_decides_what_happens") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let assert_no_changes = || {
        sandbox.run(&["apply", "dev", "--yes"]).ok();
        sandbox.unchanged("dev");
    };

    // The task's size: a new revision, and the service goes over to it. Autoscaling and alarms see nothing.
    sandbox.edit("dev", "cpu = 256", "cpu = 512");
    sandbox.edit("dev", "memory = 512", "memory = 1024");
    let plan = PlannedActions::of(&sandbox, "dev");
    assert_eq!(plan.actions, pairs(&[("service/service/app", "update"), ("service/task-definition/app", "update")]));
    assert_eq!(plan.fields("service/task-definition/app"), ["cpu", "memory"]);
    assert_eq!(plan.fields("service/service/app"), ["task_definition"]);
    assert_no_changes();
    let family = sandbox.id("dev", "service/task-definition/app");
    let task = sandbox.aws(&format!("ecs describe-task-definition --task-definition {family}"));
    assert_eq!((&task["taskDefinition"]["cpu"], &task["taskDefinition"]["memory"]), (&"512".into(), &"1024".into()));
    assert_eq!(task["taskDefinition"]["revision"], 2);

    // The database's class: in place, and nothing else.
    sandbox.edit("dev", "db.t3.micro", "db.t3.small");
    let plan = PlannedActions::of(&sandbox, "dev");
    assert_eq!(plan.actions, pairs(&[("database/instance/main", "update")]));
    assert_eq!(plan.fields("database/instance/main"), ["db_instance_class"]);
    assert_no_changes();

    // One more zone: creates, and updates in place of exactly what lists zones.
    sandbox.edit("dev", "zones = [\"a\", \"b\"]", "zones = [\"a\", \"b\", \"c\"]");
    let plan = PlannedActions::of(&sandbox, "dev");
    let made = [
        "network/route-table-association/private-c",
        "network/route-table-association/public-c",
        "network/route-table/private-c",
        "network/subnet/private-c",
        "network/subnet/public-c",
    ];
    let lists = [
        "database/subnet-group/main",
        "edge/load-balancer/app",
        "network/network-acl/private",
        "network/vpc-endpoint/s3",
        "service/service/app",
    ];
    assert_eq!(plan.with(&["create"]), BTreeSet::from(made));
    assert_eq!(plan.with(&["update"]), BTreeSet::from(lists));
    assert_eq!(plan.actions.len(), made.len() + lists.len(), "{:#?}", plan.actions);
    assert_no_changes();
}

/// Resources in the VPC are replaced with it; references to them are updated in place; all others stay.
fn hangs_on_the_vpc(plan: &PlannedActions) {
    let replaced = plan.with(&REPLACED);
    let beside = [
        "database/instance/main",
        "database/subnet-group/main",
        "edge/listener/http",
        "edge/listener/https",
        "edge/load-balancer/app",
        "edge/target-group/app",
        "edge/web-acl-association/app",
    ];
    let all = plan.json["resources"].as_object().unwrap().keys().map(String::as_str);
    let network = all.filter(|at| at.starts_with("network/") && !at.starts_with("network/elastic-ip/"));
    assert_eq!(replaced, network.chain(beside).collect());
    // The addresses outside are kept, so that what knows them still does; a gateway for each goes first.
    for gateway in replaced.iter().filter(|address| address.contains("/nat-gateway/")) {
        assert_eq!(plan.actions[*gateway], "replace_delete_first");
    }
    let follow: BTreeSet<&str> = plan.with(&["update"]);
    let follows = |at: &&str| {
        let named = ["identity/role-policies/task", "observability/dashboard/main"];
        at.starts_with("service/") || at.starts_with("observability/alarm/") || named.contains(at)
    };
    assert!(follow.iter().all(follows), "{follow:#?}");
    assert!(["service/service/app", "service/task-definition/app"].iter().all(|at| follow.contains(at)));
    assert_eq!(plan.actions.len(), replaced.len() + follow.len(), "{:#?}", plan.actions);
}

/// Asked of an independent client: nothing is left in a VPC.
fn nothing_is_left_in(sandbox: &Sandbox, vpc: &str) {
    let lists = [
        ("describe-vpcs", "vpc-id", "Vpcs"),
        ("describe-subnets", "vpc-id", "Subnets"),
        ("describe-route-tables", "vpc-id", "RouteTables"),
        ("describe-security-groups", "vpc-id", "SecurityGroups"),
        ("describe-network-acls", "vpc-id", "NetworkAcls"),
        ("describe-vpc-endpoints", "vpc-id", "VpcEndpoints"),
        ("describe-internet-gateways", "attachment.vpc-id", "InternetGateways"),
    ];
    for (command, filter, list) in lists {
        let answer = sandbox.aws(&format!("ec2 {command} --filters Name={filter},Values={vpc}"));
        // moto leaves a VPC's default ACL behind, which goes with the VPC. What is deleted may be listed for a while.
        let there = |one: &&Value| one["IsDefault"] != true && one["State"] != "deleted";
        let left = answer[list].as_array().unwrap().iter().filter(there).count();
        assert_eq!(left, 0, "{command}: {answer:#}");
    }
    let gateways = sandbox.aws(&format!("ec2 describe-nat-gateways --filter Name=vpc-id,Values={vpc}"));
    let alive = |gateway: &&Value| gateway["State"] != "deleted";
    assert_eq!(gateways["NatGateways"].as_array().unwrap().iter().filter(alive).count(), 0, "{gateways:#}");
    for command in ["elbv2 describe-load-balancers", "elbv2 describe-target-groups", "rds describe-db-subnet-groups"] {
        let answer = sandbox.aws(command).to_string();
        assert!(!answer.contains(vpc), "{command}: {answer}");
    }
}

#[test]
fn another_vpc_range_replaces_what_hangs_on_it() {
    let Some(sandbox) = Sandbox::new("another_vpc_range_replaces_what_hangs_on_it") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let old = sandbox.id("dev", "network/vpc/main");
    sandbox.edit("dev", "10.0.0.0/16", "10.2.0.0/16");
    hangs_on_the_vpc(&PlannedActions::of(&sandbox, "dev"));
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    nothing_is_left_in(&sandbox, &old);
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

#[test]
fn protected_resource_is_replaced_only_with_consent() {
    let Some(sandbox) = Sandbox::new("protected_resource_is_replaced_only_with_consent") else { return };
    sandbox.run(&["apply", "prod", "--yes"]).ok();
    let (old, before) = (sandbox.id("prod", "network/vpc/main"), sandbox.moto.everything());

    sandbox.edit("prod", "10.1.0.0/16", "10.3.0.0/16");
    let told = sandbox.run(&["apply", "prod", "--yes"]).ended(1).err;
    assert!(told.contains("database/instance/main") && told.contains("--allow-delete"), "{told}");
    assert_eq!(sandbox.moto.everything(), before, "refused, and yet something was done");
    assert_eq!(sandbox.id("prod", "network/vpc/main"), old);
    let told = sandbox.run(&["apply", "prod", "--yes", "--no-destroy"]).ended(1).err;
    assert!(told.contains("the plan deletes objects of") && told.contains("network/vpc/main"), "{told}");
    assert_eq!(sandbox.moto.everything(), before, "refused, and yet something was done");
    // Consent to something else is none.
    sandbox.run(&["apply", "prod", "--yes", "--allow-delete", "network/vpc/main"]).ended(1);

    let plan = PlannedActions::of(&sandbox, "prod");
    hangs_on_the_vpc(&plan);
    // AWS's own protection is lifted by a step of its own, which the plan shows.
    assert_eq!(plan.steps("disable_deletion_protection"), ["database/instance/main", "edge/load-balancer/app"]);
    assert_eq!(plan.json["resources"]["database/instance/main"]["protected"], true);
    sandbox.run(&["apply", "prod", "--yes", "--allow-delete", "database/instance/main"]).ok();
    sandbox.unchanged("prod");
    nothing_is_left_in(&sandbox, &old);
    let databases = sandbox.aws("rds describe-db-instances");
    assert_eq!(databases["DBInstances"].as_array().unwrap().len(), 1);
    assert_eq!(databases["DBInstances"][0]["DeletionProtection"], true, "the new one is protected again");
    // Each database that went left its snapshot, under a name of its own.
    sandbox.run(&["destroy", "prod", "--yes", "--confirm", "prod"]).ok();
    let snapshots = sandbox.aws("rds describe-db-snapshots --snapshot-type manual");
    assert_eq!(snapshots["DBSnapshots"].as_array().unwrap().len(), 2, "{snapshots:#}");
}

#[test]
fn renamed_resource_is_not_replaced() {
    let Some(sandbox) = Sandbox::new("renamed_resource_is_not_replaced") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let before = sandbox.moto.everything();
    let (vpc, database) = (sandbox.id("dev", "network/vpc/main"), sandbox.id("dev", "database/instance/main"));

    let variant = "rename network/ net/\nrename database/ data/\nrename edge/load-balancer/app edge/load-balancer/web";
    let plan = PlannedActions::by(&sandbox, "dev", variant);
    let known = ["rename", "update"];
    assert_eq!(plan.with(&known).len(), plan.actions.len(), "{:#?}", plan.actions);
    assert_eq!(plan.actions["net/vpc/main"], "update", "its address is among its tags");
    assert_eq!(plan.actions["net/route-table-association/public-a"], "rename");
    for address in plan.with(&["update"]) {
        let written = plan.steps("update").contains(&address);
        assert_eq!(plan.fields(address), if written { vec!["tags"] } else { vec![] }, "{address}");
    }
    sandbox.run_as(variant, &["apply", "dev", "--yes"]).ok();
    sandbox.run_as(variant, &["plan", "dev", "--detailed-exitcode"]).ok();
    assert_eq!((sandbox.id("dev", "net/vpc/main"), sandbox.id("dev", "data/instance/main")), (vpc, database));
    assert_eq!(sandbox.moto.everything(), before);
}

#[test]
fn resource_removed_from_the_program_is_deleted() {
    let Some(sandbox) = Sandbox::new("resource_removed_from_the_program_is_deleted") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let rows = sandbox.plan("dev").resources.into_keys().collect::<BTreeSet<_>>();
    let of = |starts: &[&str]| -> BTreeSet<&str> {
        rows.iter().map(String::as_str).filter(|at| starts.iter().any(|start| at.starts_with(start))).collect()
    };
    let leaves = |variant: &str, starts: &[&str]| {
        let plan = PlannedActions::by(&sandbox, "dev", variant);
        let gone = of(starts);
        assert!(!gone.is_empty());
        assert_eq!(plan.with(&["delete"]), gone);
        assert_eq!(plan.actions.len(), gone.len(), "{:#?}", plan.actions);
        sandbox.run_as(variant, &["apply", "dev", "--yes"]).ok();
        sandbox.run_as(variant, &["plan", "dev", "--detailed-exitcode"]).ok();
    };

    // Alarms, their topic and the page of graphs: all of the component but the log groups that others write to.
    let watch =
        ["observability/alarm/", "observability/dashboard/", "observability/subscription/", "observability/topic/"];
    let quiet = watch.map(|start| format!("without {start}\n")).concat();
    leaves(&quiet, &watch);
    // Autoscaling's own alarms are not ours.
    let alarms = "cloudwatch describe-alarms --alarm-name-prefix dev-";
    for (command, list) in [(alarms, "MetricAlarms"), ("sns list-topics", "Topics")] {
        assert_eq!(sandbox.aws(command)[list].as_array().unwrap().len(), 0, "{command}");
    }
    // Then the service, whole, with its scaling.
    let cluster = sandbox.id("dev", "service/cluster/main");
    leaves(&format!("{quiet}without service/"), &["service/"]);
    // One that is deleted is listed for a while, and is inactive.
    let clusters = sandbox.aws(&format!("ecs describe-clusters --clusters {cluster}"));
    assert!(clusters["clusters"].as_array().unwrap().iter().all(|one| one["status"] == "INACTIVE"), "{clusters:#}");

    // A program that lacks a type cannot delete its objects: it says which type, and which feature has it.
    let lacking =
        format!("{quiet}without service/\nwithout edge/web-acl-association\nlacks aws:wafv2:web-acl-association");
    let told = sandbox.run_as(&lacking, &["plan", "dev"]).ended(1).err;
    assert!(told.contains("edge/web-acl-association/app"), "{told}");
    assert!(told.contains("`aws:wafv2:web-acl-association`") && told.contains("feature `wafv2`"), "{told}");
}
