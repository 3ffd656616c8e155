//! A certificate's validation record: AWS gives every certificate of a name in an account the same record, by which it
//! renews them all.

use provisioner_aws::{acm::Certificate, route53::Record};
use provisioner_model::{
    expr::In,
    resource::Cloud,
    stack::{Desired, Options, Stack},
};
use provisioner_tests::{Emulator, skipped};

use crate::engine::{EngineFixture, facts};

fn declared(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(facts());
    declare(&mut stack);
    stack.finish().unwrap()
}

/// As the reference stack declares it.
fn shared() -> Options {
    Options { share: true, ignore: vec!["ttl".to_owned()], ..Options::default() }
}

fn certificate(zone: &str) -> Desired {
    declared(|stack| {
        let certificate = stack.add("app", Certificate::new("example.com"));
        let [name, kind, value] =
            [Certificate::VALIDATION_NAME, Certificate::VALIDATION_TYPE, Certificate::VALIDATION_VALUE];
        let value = certificate.get(value);
        let record = Record::new(zone, certificate.get(name), certificate.get(kind), 300, [value]);
        stack.add_with("validation", record, shared());
    })
}

async fn zone(moto: &Emulator) -> String {
    let aws = moto.aws();
    let zone = aws.writer().route53().create_hosted_zone().name("example.com").caller_reference("1");
    zone.send().await.unwrap().hosted_zone().unwrap().id().to_owned()
}

/// The answers of the zone's validation records.
async fn validation_records(moto: &Emulator, zone: &str) -> Vec<String> {
    let aws = moto.aws();
    let sets = aws.writer().route53().list_resource_record_sets().hosted_zone_id(zone).send().await.unwrap();
    let validation = sets.resource_record_sets().iter().filter(|set| set.r#type().as_str() == "CNAME");
    validation.flat_map(|set| set.resource_records().iter().map(|record| record.value().to_owned())).collect()
}

async fn apply(fixture: &EngineFixture, desired: &Desired) {
    let plan = fixture.plan(desired).await;
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:?}");
}

#[tokio::test]
async fn two_environments_share_a_validation_record() {
    let Some(moto) = Emulator::moto() else {
        return skipped("two_environments_share_a_validation_record", "moto is not installed");
    };
    let zone = zone(&moto).await;
    let (first, second) = (EngineFixture::on(&moto), EngineFixture::on(&moto));
    let (desired, nothing) = (certificate(&zone), declared(|_| {}));
    apply(&first, &desired).await;
    let records = validation_records(&moto, &zone).await;
    assert_eq!(records.len(), 1);
    apply(&second, &desired).await;
    for fixture in [&first, &second] {
        let plan = fixture.plan(&desired).await;
        assert!(plan.is_empty() && plan.drift.is_empty(), "{plan:#?}");
    }
    // AWS renews the second environment's certificate by the same record.
    apply(&first, &nothing).await;
    assert_eq!(validation_records(&moto, &zone).await, records);
    assert!(second.plan(&desired).await.is_empty());
    apply(&second, &nothing).await;
    // An environment that comes again uses the record that is left.
    apply(&first, &desired).await;
    assert_eq!(validation_records(&moto, &zone).await, records);
}

#[tokio::test]
async fn record_of_another_value_is_an_error() {
    let Some(moto) = Emulator::moto() else {
        return skipped("record_of_another_value_is_an_error", "moto is not installed");
    };
    let zone = zone(&moto).await;
    let record = |value: &str| Record::new(zone.as_str(), "_x.example.com", "CNAME", 60, [In::from(value)]);
    let theirs = declared(|stack| drop(stack.add("www", record("theirs.acm-validations.aws."))));
    apply(&EngineFixture::on(&moto), &theirs).await;

    let ours = EngineFixture::on(&moto);
    let desired = declared(|stack| drop(stack.add_with("www", record("ours.acm-validations.aws."), shared())));
    let problems = ours.try_plan(&desired).await.unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].summary.contains("_x.example.com|CNAME"), "{problems:#?}");
    assert!(problems[0].summary.contains("resource_records"), "{problems:#?}");
    assert_eq!(validation_records(&moto, &zone).await, ["theirs.acm-validations.aws."]);
}

/// The name and value of a certificate's validation record become known in the apply.
#[tokio::test]
async fn record_of_another_value_is_found_before_the_create() {
    let Some(moto) = Emulator::moto() else {
        return skipped("record_of_another_value_is_found_before_the_create", "moto is not installed");
    };
    let zone = zone(&moto).await;
    let first = EngineFixture::on(&moto);
    apply(&first, &certificate(&zone)).await;
    let aws = moto.aws();
    let sets = aws.writer().route53().list_resource_record_sets().hosted_zone_id(&zone).send().await.unwrap();
    let set = sets.resource_record_sets().iter().find(|set| set.r#type().as_str() == "CNAME");
    let name = set.unwrap().name().trim_end_matches('.').to_owned();
    let changed = declared(|stack| {
        let record = Record::new(zone.as_str(), name.as_str(), "CNAME", 300, ["changed.acm-validations.aws.".into()]);
        stack.add_with("www", record, Options { adopt: true, ..Options::default() });
    });
    apply(&EngineFixture::on(&moto), &changed).await;

    let second = EngineFixture::on(&moto);
    let plan = second.plan(&certificate(&zone)).await;
    let outcome = second.apply(&plan).await;
    assert_eq!(outcome.failed.len(), 1, "{outcome:?}");
    let (step, why) = &outcome.failed[0];
    assert_eq!(plan.steps[*step].address, "record/validation");
    assert!(why.contains(&name) && why.contains("resource_records"), "{why}");
    assert_eq!(validation_records(&moto, &zone).await, ["changed.acm-validations.aws."]);
    // The record of others also stays where the first environment finds it changed.
    let problems = first.try_plan(&certificate(&zone)).await.unwrap_err();
    assert!(problems[0].summary.contains("resource_records"), "{problems:#?}");
}
