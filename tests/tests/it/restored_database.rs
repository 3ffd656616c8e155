//! A database from a snapshot, on an emulator: restored, then updated with what a restore cannot set.

use std::time::Duration;

use provisioner_aws::rds::Instance;
use provisioner_model::{
    plan::{Action, Step, StepAction},
    resource::Cloud,
    stack::{Desired, Stack},
};
use provisioner_tests::{Emulator, faults::Faults, skipped};

use crate::{
    engine::{EngineFixture, facts, subnet_group},
    sandbox::Sandbox,
};

/// Creates a database outside Provisioner, with a password of its own, and a snapshot of it.
async fn snapshot(moto: &Emulator, name: &str) {
    let aws = moto.aws();
    let rds = aws.writer().rds();
    let source = format!("{name}-source");
    let request = rds.create_db_instance().db_instance_identifier(&source).engine("postgres").engine_version("17.4");
    let request = request.db_instance_class("db.t3.micro").allocated_storage(30).master_username("app").db_name("app");
    request.master_user_password("a-password").storage_encrypted(true).send().await.unwrap();
    let request = rds.create_db_snapshot().db_instance_identifier(&source).db_snapshot_identifier(name);
    request.send().await.unwrap();
}

fn database(snapshot: Option<&str>) -> Desired {
    let mut stack = Stack::new(facts());
    let group = subnet_group(&mut stack);
    let mut instance = Instance::new("postgres", "17", "db.t3.small", 20, "app")
        .db_name("app")
        .db_subnet_group_name(group.id())
        .storage_encrypted(true)
        .max_allocated_storage(100)
        .preferred_maintenance_window("sun:04:30-sun:05:30");
    instance.db_snapshot_identifier = snapshot.map(str::to_owned);
    stack.add("main", instance);
    stack.finish().unwrap()
}

#[tokio::test]
async fn database_is_restored_and_updated_in_one_step() {
    let Some(moto) = Emulator::moto() else {
        return skipped("database_is_restored_and_updated_in_one_step", "moto is not installed");
    };
    snapshot(&moto, "before").await;
    let fixture = EngineFixture::on(&moto);
    let plan = fixture.plan(&database(Some("before"))).await;
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:?}");

    let (_, recorded) = fixture.recorded("instance/main").await;
    let aws = moto.aws();
    let answer = aws.writer().rds().describe_db_instances().db_instance_identifier(&recorded.id).send().await.unwrap();
    let restored = &answer.db_instances()[0];
    // From the snapshot: version, storage and master user. From the declaration: the rest.
    assert_eq!(restored.engine_version(), Some("17.4"));
    assert_eq!((restored.allocated_storage(), restored.master_username()), (Some(30), Some("app")));
    assert_eq!(restored.db_instance_class(), Some("db.t3.small"));
    assert_eq!(restored.preferred_maintenance_window(), Some("sun:04:30-sun:05:30"));
    assert_eq!(restored.max_allocated_storage(), Some(100));
    assert!(restored.master_user_secret().is_some(), "{restored:#?}");

    // The snapshot counts only for the create: another one, or none, is recorded and changes nothing.
    assert!(fixture.plan(&database(Some("before"))).await.is_empty());
    for snapshot in [Some("another"), None] {
        let plan = fixture.plan(&database(snapshot)).await;
        let row = &plan.resources["instance/main"];
        assert_eq!(row.action, Action::Update, "{plan:#?}");
        assert!(matches!(plan.steps[..], [Step { action: StepAction::Record { .. }, .. }]), "{plan:#?}");
        assert!(row.reasons[0].contains("db_snapshot_identifier"), "{row:#?}");
        assert!(fixture.apply(&plan).await.is_complete());
        assert!(fixture.plan(&database(snapshot)).await.is_empty());
    }
}

/// A snapshot of a database outside Provisioner, by the AWS CLI.
fn snapshot_of(sandbox: &Sandbox, version: &str) {
    let create = format!(
        "rds create-db-instance --db-instance-identifier source --engine postgres --engine-version {version} \
         --db-instance-class db.t3.micro --allocated-storage 20 --master-username app --db-name app \
         --master-user-password a-password --storage-encrypted"
    );
    sandbox.aws(&create);
    sandbox.aws("rds create-db-snapshot --db-instance-identifier source --db-snapshot-identifier before");
}

#[test]
fn restore_that_is_interrupted_before_its_update_continues() {
    let Some(sandbox) = Sandbox::new("restore_that_is_interrupted_before_its_update_continues") else { return };
    snapshot_of(&sandbox, "17.4");
    sandbox.edit("dev", "final_snapshot = false", "final_snapshot = false\nfrom_snapshot = \"before\"");
    let faults = |rules: &[&str]| {
        Faults::before(&sandbox.moto.url, rules.iter().map(|rule| rule.parse().unwrap()).collect(), 1).unwrap()
    };
    let (apply, limit) = (["apply", "dev", "--yes"], Duration::from_mins(5));
    let killed = faults(&["rds:ModifyDBInstance=kill-before"]);
    assert_eq!(sandbox.run_through(&killed, "", &apply, limit).code, -1);
    let calls = |faults: &Faults, operation: &str| {
        faults.calls().into_iter().filter(|call| call.operation == operation).count()
    };
    assert_eq!(calls(&killed, "rds:RestoreDBInstanceFromDBSnapshot"), 1);

    let continued = faults(&[]);
    sandbox.run_through(&continued, "", &apply, limit).ok();
    assert_eq!(calls(&continued, "rds:RestoreDBInstanceFromDBSnapshot"), 0);
    assert_eq!(calls(&continued, "rds:ModifyDBInstance"), 1);
    sandbox.run_through(&continued, "", &["plan", "dev", "--detailed-exitcode"], limit).ok();
    let databases = sandbox.aws("rds describe-db-instances");
    let restored = &databases["DBInstances"].as_array().unwrap()[..];
    assert_eq!(restored.len(), 2, "the source and one restored database");
    let name = sandbox.id("dev", "database/instance/main");
    let restored = restored.iter().find(|one| one["DBInstanceIdentifier"] == name.as_str()).unwrap();
    assert!(restored["MasterUserSecret"]["SecretArn"].is_string(), "{restored:#}");
    assert_eq!(restored["PreferredMaintenanceWindow"], "sun:04:30-sun:05:30");
}

#[test]
fn plan_explains_conflicts_with_the_snapshot() {
    let Some(sandbox) = Sandbox::new("plan_explains_conflicts_with_the_snapshot") else { return };
    sandbox.edit("dev", "final_snapshot = false", "final_snapshot = false\nfrom_snapshot = \"before\"");
    let refused = sandbox.run(&["plan", "dev"]).ended(1).err.replace("\n  ", " ");
    assert!(refused.contains("this account and region have no snapshot `before`"), "{refused}");

    snapshot_of(&sandbox, "16.4");
    let refused = sandbox.run(&["plan", "dev"]).ended(1).err.replace("\n  ", " ");
    assert!(refused.contains("the snapshot `before` has version 16.4, and 17 is declared"), "{refused}");
    assert!(refused.contains("`database.version` in an environment file"), "{refused}");

    // The whole stack with a restored database, and without the key afterwards.
    sandbox.edit("dev", "from_snapshot = \"before\"", "from_snapshot = \"before\"\nversion = \"16\"");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    sandbox.edit("dev", "from_snapshot = \"before\"\n", "");
    let told = sandbox.run(&["plan", "dev"]).ok().out;
    assert!(told.contains("counts only for a create"), "{told}");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
}
