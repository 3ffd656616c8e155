//! An object whose text only names another object survives that object: if the other must be deleted before it is
//! replaced, the text is updated in place, and its owner is neither deleted nor replaced.

use provisioner_aws::{
    cloudwatch::{Alarm, Dashboard},
    ec2::Vpc,
    ecr::Repository,
    elb::TargetGroup,
    iam::{ManagedPolicy, Role, RolePolicies},
    kms::Key,
    s3::Bucket,
    secrets::{Generated, ManagedSecret, SecretPolicy, SecretValue},
    sns::Topic,
};
use provisioner_model::{
    expr::{In, document},
    plan::Action,
    stack::{Desired, Stack},
};
use provisioner_tests::{Emulator, skipped};
use serde_json::json;

use crate::engine::{EngineFixture, facts};

/// A target group and a role with stated names, and everything that names them in a text.
fn named(port: i32, path: &str) -> Desired {
    let mut stack = Stack::new(facts());
    let vpc = stack.add("main", Vpc::new("10.0.0.0/16"));
    let targets = stack.add("app", TargetGroup::new(vpc.id(), "HTTP", port).name("app"));
    let trust = document(json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] }));
    let role = Role::new(trust.clone()).role_name("app").path(path);
    let role = stack.add("app", role);

    let page = json!({ "widgets": [{
        "type": "metric", "x": 0, "y": 0, "width": 12, "height": 6,
        "properties": { "region": "us-east-1", "metrics": [
            ["AWS/ApplicationELB", "HealthyHostCount", "TargetGroup", targets.get(TargetGroup::ARN_SUFFIX).part()],
        ] },
    }] });
    stack.add("main", Dashboard::new(document(page)));
    let mut alarm = Alarm::new("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", "GreaterThanThreshold", 0.0, 5);
    alarm.dimensions.insert("TargetGroup".into(), targets.get(TargetGroup::ARN_SUFFIX));
    alarm.alarm_actions = vec![role.get(Role::ARN)];
    stack.add("main", alarm);

    let on = |resource: In<String>| {
        document(json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "elasticloadbalancing:DeregisterTargets", "Resource": resource.part() },
        ] }))
    };
    let other = stack.add("other", Role::new(trust));
    stack.add("other", RolePolicies::new(other.id()).inline([("targets", on(targets.get(TargetGroup::ARN)))]));
    stack.add("other", ManagedPolicy::new(on(targets.get(TargetGroup::ARN))));

    let to = |action: &str, resource: &str| {
        let account = json!({ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" },
            "Action": "kms:*", "Resource": "*" });
        let role = json!({ "Effect": "Allow", "Principal": { "AWS": role.get(Role::ARN).part() },
            "Action": action, "Resource": resource });
        Some(document(json!({ "Version": "2012-10-17", "Statement":
            if action.starts_with("kms") { json!([account, role]) } else { json!([role]) } })))
    };
    stack.add("main", Key { policy: to("kms:Decrypt", "*"), ..Key::new() });
    let bucket = Bucket::new().bucket("names");
    stack.add("names", Bucket { policy: to("s3:GetObject", "arn:aws:s3:::names/*"), ..bucket });
    stack.add("names", Repository { policy_text: to("ecr:BatchGetImage", "*"), ..Repository::new() });
    stack.add("names", Topic { policy: to("sns:Publish", "*"), ..Topic::new() });
    let value = SecretValue::Generated(Generated::letters_and_digits(16));
    let secret = stack.add("names", ManagedSecret::new(value).recovery_window_in_days(0));
    let read = to("secretsmanager:GetSecretValue", "*").unwrap();
    stack.add("names", SecretPolicy::new(secret.id(), read));
    stack.finish().unwrap()
}

#[tokio::test]
async fn reference_within_a_string_is_updated_in_place() {
    let Some(moto) = Emulator::moto() else {
        return skipped("reference_within_a_string_is_updated_in_place", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let first = fixture.plan(&named(8080, "/")).await;
    let outcome = fixture.apply(&first).await;
    assert!(outcome.is_complete(), "{outcome:#?}");

    let moved = named(9090, "/apps/");
    let plan = fixture.plan(&moved).await;
    for address in ["target-group/app", "role/app"] {
        assert_eq!(plan.resources[address].action, Action::ReplaceDeleteFirst, "{address}");
    }
    let stays = ["vpc/main", "role/other", "secret/names"];
    let follows: Vec<_> = plan.resources.iter().filter(|(at, _)| !stays.contains(&at.as_str())).collect();
    for (address, planned) in follows {
        let replaced = ["target-group/app", "role/app"].contains(&address.as_str());
        assert!(replaced || planned.action == Action::Update, "{address}: {:?}", planned.action);
    }
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    let again = fixture.plan(&moved).await;
    assert!(again.is_empty(), "{again:#?}");
}
