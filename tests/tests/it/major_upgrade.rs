//! A major version upgrade of the database: the plan needs consent to it, and warns of the outage.

use provisioner_aws::rds::{Instance, ParameterGroup};
use provisioner_model::{
    Severity,
    plan::StepAction,
    stack::{Desired, Stack},
};
use provisioner_tests::{Emulator, skipped};

use crate::engine::{EngineFixture, facts, subnet_group};

fn database(version: &str, consent: Option<bool>) -> Desired {
    let mut stack = Stack::new(facts());
    let group = subnet_group(&mut stack);
    let settings = stack.add("main", ParameterGroup::new(format!("postgres{version}"), "of a test"));
    let mut instance = Instance::new("postgres", version, "db.t3.micro", 20, "app")
        .db_subnet_group_name(group.id())
        .db_parameter_group_name(settings.id());
    instance.allow_major_version_upgrade = consent;
    stack.add("main", instance);
    stack.finish().unwrap()
}

#[tokio::test]
async fn major_version_upgrade_is_planned_only_with_consent() {
    let Some(moto) = Emulator::moto() else {
        return skipped("major_version_upgrade_is_planned_only_with_consent", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let plan = fixture.plan(&database("16", None)).await;
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:?}");

    // Without consent there is no plan, and with it no new parameter group.
    let problems = fixture.try_plan(&database("17", None)).await.unwrap_err();
    let [problem] = &problems[..] else { panic!("{problems:#?}") };
    assert_eq!(problem.address.as_deref(), Some("instance/main"));
    assert!(problem.summary.contains("is a major version upgrade"), "{problem:#?}");
    assert!(problem.hint.as_deref().is_some_and(|hint| hint.contains("`allow_major_version_upgrade` consents")));

    let plan = fixture.plan(&database("17", Some(true))).await;
    let [notice] = &plan.notices[..] else { panic!("{:#?}", plan.notices) };
    assert_eq!(notice.severity, Severity::Warning);
    assert!(notice.summary.contains("offline"), "{notice:#?}");
    // One call changes the version and the parameter group.
    let updates: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, StepAction::Update { .. }))
        .map(|step| step.address.as_str())
        .collect();
    assert_eq!(updates, ["instance/main"]);
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let plan = fixture.plan(&database("17", Some(true))).await;
    assert!(plan.is_empty() && plan.notices.is_empty(), "{plan:#?}");
}
