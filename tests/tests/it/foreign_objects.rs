//! Objects of others that hold a key which the program states: every type refuses to take them, and nothing of them
//! changes. And a secret that this program did not write stays as it is.

use provisioner_aws::{
    autoscaling::{ScalableTarget, ScalingPolicy},
    cloudwatch::{Alarm, Dashboard},
    ec2::{RouteTable, RouteTableAssociation, Rule, SecurityGroup, SecurityGroupRules, Subnet, Vpc},
    ecs::Cluster,
    iam::{OidcProvider, Role, RolePolicies},
    kms::{Alias, Key},
    logs::LogGroup,
    route53::Record,
    secrets::{Generated, ManagedSecret, SecretPolicy, SecretValue},
    sns::{Subscription, Topic},
};
use provisioner_model::{
    Id,
    expr::In,
    resource::Cloud,
    stack::{Desired, Options, Stack},
};
use provisioner_tests::{Emulator, skipped};
use serde_json::json;

use crate::{
    engine::{EngineFixture, facts},
    sandbox::Sandbox,
};

fn declared(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(facts());
    declare(&mut stack);
    stack.finish().unwrap()
}

fn allow(action: &str) -> In<String> {
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string().into()
}

/// The policy of a resource, which names who is allowed.
fn grant(action: &str) -> In<String> {
    let principal = json!({ "AWS": "arn:aws:iam::123456789012:root" });
    let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string().into()
}

/// Declares the parents of the objects with unique keys.
fn parents(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::new("10.0.0.0/16"));
    stack.add("main", Subnet::new(vpc.id(), "10.0.0.0/24", "us-east-1a"));
    stack.add("main", RouteTable::new(vpc.id()));
    stack.add("main", SecurityGroup::new("a group", vpc.id()));
    stack.add("main", Key::new());
    stack.add("main", Topic::new());
    stack.add("main", ManagedSecret::new(SecretValue::Generated(Generated::letters_and_digits(20))));
    let statement =
        json!({ "Effect": "Allow", "Principal": { "Service": "ecs.amazonaws.com" }, "Action": "sts:AssumeRole" });
    stack.add("main", Role::new(json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()));
}

/// One object of each type whose key is stated and that takes no tags, or whose create call overwrites what exists.
/// `other` writes other values under the same keys.
fn children(stack: &mut Stack, zone: &str, id: &dyn Fn(&str) -> String, other: bool) {
    let pick = |one: &str, two: &str| (if other { two } else { one }).to_owned();
    stack.add("www", Record::new(zone, "www.example.com", "A", 60, [pick("192.0.2.1", "192.0.2.2").as_str().into()]));
    stack.add(
        "main",
        RouteTableAssociation::new(Id::new(id("subnet/main")).into(), Id::new(id("route-table/main")).into()),
    );
    let rules = SecurityGroupRules::new(Id::new(id("security-group/main")).into());
    stack.add("main", rules.ingress([Rule::tcp(if other { 80 } else { 443 }).cidr("10.0.0.0/8")]));
    stack.add("main", Alias::new(Id::new(id("key/main")).into()).alias_name("alias/app"));
    stack.add("mail", Subscription::new(Id::new(id("topic/main")).into(), "https", "https://example.com/hook"));
    stack.add(
        "main",
        SecretPolicy::new(
            Id::new(id("secret/main")).into(),
            grant(&pick("secretsmanager:GetSecretValue", "secretsmanager:*")),
        ),
    );
    let policies = RolePolicies::new(Id::new(id("role/main")).into());
    stack.add("main", policies.inline([("own", allow(&pick("s3:GetObject", "s3:*")))]));
    stack.add("named", Topic::new().name("alarms"));
    stack.add("named", LogGroup::new().log_group_name("/app").retention_in_days(if other { 7 } else { 30 }));
    stack.add("named", Cluster::new().cluster_name("app"));
    let threshold = if other { 1.0 } else { 80.0 };
    let alarm = Alarm::new("AWS/ECS", "CPUUtilization", "Average", "GreaterThanThreshold", threshold, 3);
    stack.add("named", alarm.alarm_name("cpu"));
    let text = json!({ "widgets": [{ "type": "text", "properties": { "markdown": pick("one", "two") } }] });
    stack.add("named", Dashboard::new(text.to_string()).dashboard_name("app"));
    let most = if other { 9 } else { 6 };
    let target = ScalableTarget::new("dynamodb", "table/app", "dynamodb:table:ReadCapacityUnits", 1, most);
    let target = stack.add("main", target);
    let policy = ScalingPolicy::track(target.id(), "DynamoDBReadCapacityUtilization", 70.0);
    stack.add("main", policy.policy_name("cpu"));
}

#[tokio::test]
async fn objects_of_others_are_never_taken() {
    let Some(moto) = Emulator::moto() else {
        return skipped("objects_of_others_are_never_taken", "moto is not installed");
    };
    let aws = moto.aws();
    let zone = aws.writer().route53().create_hosted_zone().name("example.com").caller_reference("1");
    let zone = zone.send().await.unwrap().hosted_zone().unwrap().id().to_owned();
    let theirs = EngineFixture::on(&moto);
    let first = theirs.plan(&declared(parents)).await;
    assert!(theirs.apply(&first).await.is_complete());
    let ids = theirs.plan(&declared(parents)).await;
    let id = |address: &str| ids.resources[address].id.clone().unwrap();
    let all = declared(|stack| {
        parents(stack);
        children(stack, &zone, &id, false);
    });
    let plan = theirs.plan(&all).await;
    let outcome = theirs.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:?}");

    // Another environment states the same keys: its plan names each of them, and says how to go on.
    let ours = EngineFixture::on(&moto);
    let desired = declared(|stack| children(stack, &zone, &id, true));
    let problems = ours.try_plan(&desired).await.unwrap_err();
    let named: Vec<&str> = problems.iter().filter_map(|problem| problem.address.as_deref()).collect();
    let stated: Vec<&str> = desired.resources.keys().map(String::as_str).collect();
    // A policy's key refers to its target, which is refused itself.
    let stated: Vec<&str> = stated.into_iter().filter(|address| *address != "scaling-policy/main").collect();
    assert_eq!(named, stated, "{problems:#?}");
    for problem in &problems {
        let hint = problem.hint.as_deref().unwrap_or_default();
        assert!(
            hint.contains(&format!("provisioner import dev {}", problem.address.as_deref().unwrap_or_default())),
            "{problem:?}"
        );
        let file = problem.location.as_ref().map(|location| location.file.as_str());
        assert!(file.is_some_and(|file| file.ends_with("foreign_objects.rs")), "{problem:?}");
    }
    let after = theirs.plan(&all).await;
    assert!(after.is_empty() && after.drift.is_empty(), "{after:#?}");
}

#[test]
fn an_imported_secret_keeps_its_value() {
    let Some(sandbox) = Sandbox::new("an_imported_secret_keeps_its_value") else { return };
    sandbox.aws("secretsmanager create-secret --name theirs --secret-string precious");
    let arn = sandbox.aws("secretsmanager describe-secret --secret-id theirs")["ARN"].as_str().unwrap().to_owned();
    let secret = "secrets/secret/signing-key";
    let said = sandbox.run(&["import", "dev", secret, &arn, "--own"]).ok().err;
    assert!(said.contains("AWS does not return recovery_window_in_days, secret_string."), "{said}");
    sandbox.run(&["apply", "dev", "--yes", "--target", secret]).ok();
    let value = sandbox.aws("secretsmanager get-secret-value --secret-id theirs");
    assert_eq!(value["SecretString"], "precious");
}

/// Another team has registered its audience and thumbprint with the account's only provider for GitHub.
#[tokio::test]
async fn shared_provider_keeps_the_audiences_and_thumbprints_of_others() {
    let Some(moto) = Emulator::moto() else {
        return skipped("shared_provider_keeps_the_audiences_and_thumbprints_of_others", "moto is not installed");
    };
    const OURS: &str = "6938fd4d98bab03faadb97b34396831e3780aea1";
    const THEIRS: &str = "990f4193972f2becf12ddeda5237f9c952f20d9e";
    let url = "https://token.actions.githubusercontent.com";
    let aws = moto.aws();
    let iam = aws.writer().iam();
    // moto cannot add an audience: theirs include ours.
    let theirs = iam.create_open_id_connect_provider().url(url).thumbprint_list(THEIRS);
    let theirs = theirs.client_id_list("their-audience").client_id_list("sts.amazonaws.com").send().await.unwrap();
    let arn = theirs.open_id_connect_provider_arn().unwrap();
    let lists = async || {
        let provider = iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await.unwrap();
        let [mut clients, mut thumbprints] = [provider.client_id_list(), provider.thumbprint_list()].map(<[_]>::to_vec);
        clients.sort();
        thumbprints.sort();
        (clients, thumbprints)
    };
    let shared = || Options { share: true, adopt: true, ..Options::default() };
    let desired = declared(|stack| {
        let provider = OidcProvider::new(url, ["sts.amazonaws.com"]).thumbprint_list([OURS]);
        stack.add_with("github", provider, shared());
    });
    let fixture = EngineFixture::on(&moto);
    let plan = fixture.plan(&desired).await;
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let both = (vec!["sts.amazonaws.com".to_owned(), "their-audience".to_owned()], vec![OURS.into(), THEIRS.into()]);
    assert_eq!(lists().await, both);
    assert!(fixture.plan(&desired).await.is_empty());
    let plan = fixture.plan(&declared(|_| {})).await;
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(lists().await, both, "the provider stays with all of them");
}
