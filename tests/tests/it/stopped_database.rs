//! A stopped database: RDS refuses each change until it is started. The plan says so.

use provisioner_aws::rds::Instance;
use provisioner_model::{
    plan::StepAction,
    resource::Cloud,
    stack::{Desired, Stack},
};
use provisioner_tests::{Emulator, skipped};

use crate::engine::{EngineFixture, facts, subnet_group};

const START: &str = "aws rds start-db-instance --db-instance-identifier db";

fn database(storage: i32, deletion_protection: bool) -> Desired {
    let mut stack = Stack::new(facts());
    let group = subnet_group(&mut stack);
    let instance = Instance::new("postgres", "17", "db.t3.micro", storage, "app")
        .db_instance_identifier("db")
        .db_subnet_group_name(group.id())
        .deletion_protection(deletion_protection);
    stack.add("main", instance);
    stack.finish().unwrap()
}

#[tokio::test]
async fn plan_refuses_to_change_a_stopped_database() {
    let Some(moto) = Emulator::moto() else {
        return skipped("plan_refuses_to_change_a_stopped_database", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let plan = fixture.plan(&database(20, true)).await;
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let aws = moto.aws();
    let rds = aws.writer().rds();
    rds.stop_db_instance().db_instance_identifier("db").send().await.unwrap();

    // A plan that does not touch the database only warns.
    let plan = fixture.plan(&database(20, true)).await;
    assert!(plan.is_empty(), "{plan:#?}");
    let [notice] = &plan.notices[..] else { panic!("{:#?}", plan.notices) };
    assert!(notice.summary.contains("stopped"), "{notice:#?}");
    assert!(notice.hint.as_deref().is_some_and(|hint| hint.contains(START)), "{notice:#?}");

    // A change, and the end of the deletion protection in a destroy, are refused.
    let problems = fixture.try_plan(&database(30, true)).await.unwrap_err();
    let [problem] = &problems[..] else { panic!("{problems:#?}") };
    assert_eq!(problem.address.as_deref(), Some("instance/main"));
    assert!(problem.summary.contains("stopped") && problem.summary.contains("allocated_storage"), "{problem:#?}");
    assert!(problem.hint.as_deref().is_some_and(|hint| hint.contains(START)), "{problem:#?}");
    let file = problem.location.as_ref().map(|location| location.file.as_str());
    assert!(file.is_some_and(|file| file.ends_with("stopped_database.rs")), "{problem:#?}");
    let nothing = Stack::new(facts()).finish().unwrap();
    let problems = fixture.try_plan(&nothing).await.unwrap_err();
    assert!(problems[0].summary.contains("deletion_protection"), "{problems:#?}");

    rds.start_db_instance().db_instance_identifier("db").send().await.unwrap();
    let plan = fixture.plan(&database(30, false)).await;
    assert!(plan.notices.is_empty(), "{:#?}", plan.notices);
    assert!(fixture.apply(&plan).await.is_complete());

    // RDS deletes a stopped database.
    rds.stop_db_instance().db_instance_identifier("db").send().await.unwrap();
    let plan = fixture.plan(&nothing).await;
    assert!(plan.steps.iter().any(|step| matches!(step.action, StepAction::Delete { .. })));
    assert!(fixture.apply(&plan).await.is_complete());
}
