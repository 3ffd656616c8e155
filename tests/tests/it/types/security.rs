//! Roles, keys, secrets, logs, topics, alarms.

use std::collections::BTreeMap;

use provisioner_aws::{
    cloudwatch::{Alarm, Dashboard, MetricQuery, MetricStat},
    iam::{ManagedPolicy, OidcProvider, Role, RolePolicies},
    kms::{Alias, Key},
    logs::LogGroup,
    secrets::{Generated, ManagedSecret, SecretPolicy, SecretValue},
    sns::{Subscription, Topic},
};
use provisioner_model::{Id, Schema, Secret, expr::In, secret::SecretValues};
use provisioner_testkit::conformance::PROVIDER;
use serde_json::{Value, json};

use super::{Bench, end};

fn policy(action: &str) -> In<String> {
    let statement = json!({"Effect": "Allow", "Action": [action], "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string().into()
}

/// A policy of a resource, which names whom it allows.
fn resource_policy(action: &str) -> In<String> {
    let principal = json!({ "AWS": "arn:aws:iam::123456789012:root" });
    let statement = json!({"Effect": "Allow", "Principal": principal, "Action": [action], "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string().into()
}

fn trust(service: &str) -> In<String> {
    let statement = json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string().into()
}

fn tags(key: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), "1".to_owned())])
}

#[tokio::test]
async fn role_and_its_policies() {
    let Some(bench) = Bench::moto("role_and_its_policies") else { return };
    let boundary = bench.create(ManagedPolicy::new(policy("s3:*"))).await;
    let mut attached = bench
        .create(
            ManagedPolicy::new(policy("s3:GetObject"))
                .policy_name("attached")
                .path("/team/")
                .description("for tests")
                .tags(tags("team")),
        )
        .await;
    // Six versions of a policy that may have five.
    for action in ["s3:a", "s3:b", "s3:c", "s3:d", "s3:e"] {
        let changed = attached.changed("policy_document", json!(policy(action)));
        attached.update(changed).await;
    }
    let changed = attached.changed("tags", json!({"other": "2"}));
    attached.update(changed).await;
    assert_eq!(attached.observed.outputs["version"], "v6");

    let mut role = bench
        .create(
            Role::new(trust("ecs-tasks.amazonaws.com"))
                .path("/service/")
                .description("first")
                .max_session_duration(7200)
                .permissions_boundary(boundary.id.clone())
                .tags(tags("team")),
        )
        .await;
    let mut changed = role.changed("assume_role_policy_document", json!(trust("ec2.amazonaws.com")));
    changed["description"] = json!("second");
    changed["max_session_duration"] = json!(3600);
    changed["tags"] = json!({"other": "2"});
    role.update(changed).await;
    assert!(!role.observed.inputs["tags"].as_object().unwrap().contains_key("team"));
    let changed = role.changed("permissions_boundary", json!(""));
    role.update(changed).await;
    let mut changed = role.changed("permissions_boundary", json!(boundary.id));
    changed["max_session_duration"] = json!(7200);
    role.update(changed).await;
    end(&mut role, "permissions_boundary", json!("")).await;
    end(&mut role, "max_session_duration", json!(3600)).await;
    end(&mut role, "description", json!("")).await;

    let id = || In::Known(Id::new(&*role.id));
    let wanted = RolePolicies::new(id()).inline([("a", policy("s3:GetObject")), ("b", policy("s3:PutObject"))]);
    let mut policies = bench.create(wanted.managed([&*attached.id])).await;
    let mut changed = json!(RolePolicies::new(id()).inline([("b", policy("s3:*")), ("c", policy("logs:*"))]));
    changed["managed"] = json!([boundary.id]);
    policies.update(changed).await;
    // What another hand adds is seen, and goes.
    let iam = bench.emulator.aws();
    let stranger = policy("iam:*").known().unwrap().clone();
    provisioner_model::Cloud::writer(&iam)
        .iam()
        .put_role_policy()
        .role_name(&role.id)
        .policy_name("stranger")
        .policy_document(stranger)
        .send()
        .await
        .unwrap();
    policies.read().await.unwrap();
    assert_eq!(policies.differences().len(), 1);
    let again = policies.inputs.clone();
    policies.update(again).await;

    policies.delete().await;
    role.delete().await;
    attached.delete().await;
    boundary.delete().await;
}

#[tokio::test]
async fn many_roles_are_read_by_two_lists() {
    let Some(bench) = Bench::moto("many_roles_are_read_by_two_lists") else { return };
    let mut roles = vec![];
    for name in ["one", "two", "three"] {
        let wanted = Role::new(trust("ecs-tasks.amazonaws.com"))
            .role_name(name)
            .description(name)
            .max_session_duration(7200)
            .tags(tags(name));
        let role = bench.create(wanted).await;
        let wanted = RolePolicies::new(Id::new(name).into()).inline([("p", policy("s3:GetObject"))]);
        roles.push((role, bench.create(wanted).await));
    }
    let ids = || ["one", "two", "three", "none-0123"].map(str::to_owned).to_vec();
    let round = bench.clouds.round();
    let observed = bench.types.get(Role::TYPE).unwrap().read_many(&round, PROVIDER, ids()).await.unwrap();
    let parts = bench.types.get(RolePolicies::TYPE).unwrap().read_many(&round, PROVIDER, ids()).await.unwrap();
    assert_eq!((observed.len(), parts.len()), (3, 3));
    for (role, policies) in &roles {
        assert_eq!(observed[&role.id].as_ref().unwrap(), &role.observed);
        assert_eq!(parts[&policies.id].as_ref().unwrap(), &policies.observed);
    }
    for (role, policies) in roles {
        policies.delete().await;
        role.delete().await;
    }
}

#[tokio::test]
async fn oidc_provider() {
    let Some(bench) = Bench::moto("oidc_provider") else { return };
    let wanted = OidcProvider::new("https://token.actions.githubusercontent.com", ["sts.amazonaws.com"])
        .thumbprint_list(["6938fd4d98bab03faadb97b34396831e3780aea1"])
        .tags(tags("team"));
    let mut provider = bench.create(wanted).await;
    let resource_type = bench.types.get(OidcProvider::TYPE).unwrap();
    let existing =
        resource_type.find_by_unique_key(&bench.clouds.round(), PROVIDER, provider.inputs.clone()).await.unwrap();
    assert_eq!(existing, [provider.id.clone()]);
    // Moto has no call to add or remove a client id.
    let mut changed = provider.changed("tags", json!({"other": "2"}));
    changed["thumbprint_list"] = json!(["990f4193972f2becf12ddeda5237f9c952f20d9e"]);
    provider.update(changed).await;
    provider.delete().await;
}

#[tokio::test]
async fn key_and_alias() {
    let Some(bench) = Bench::moto("key_and_alias") else { return };
    let mut key = bench
        .create(Key {
            description: Some("first".into()),
            policy: Some(resource_policy("kms:*")),
            key_spec: Some("SYMMETRIC_DEFAULT".into()),
            key_usage: Some("ENCRYPT_DECRYPT".into()),
            multi_region: Some(false),
            enabled: Some(true),
            key_rotation_enabled: Some(true),
            // Moto does not tell the period.
            rotation_period_in_days: None,
            pending_window_in_days: Some(7),
            tags: tags("team"),
        })
        .await;
    let mut changed = key.changed("description", json!("second"));
    changed["policy"] = json!(resource_policy("kms:Decrypt"));
    changed["tags"] = json!({"other": "2"});
    key.update(changed).await;
    let changed = key.changed("key_rotation_enabled", json!(false));
    key.update(changed).await;
    let changed = key.changed("enabled", json!(false));
    key.update(changed).await;
    end(&mut key, "enabled", json!(true)).await;
    let default = json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::123456789012:root" },
            "Action": "kms:*",
            "Resource": "*",
        }],
    });
    let changed = key.changed("policy", Value::Null);
    key.update(changed).await;
    let policy: Value = serde_json::from_str(key.observed.inputs["policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy, default);

    let second = bench.create(Key::new()).await;
    let mut alias = bench.create(Alias::new(Id::new(&*key.id).into())).await;
    let changed = alias.changed("target_key_id", json!(second.id));
    alias.update(changed).await;
    alias.delete().await;
    second.delete().await;
    key.delete().await;
}

#[tokio::test]
async fn secret_and_its_policy() {
    let Some(mut bench) = Bench::moto("secret_and_its_policy") else { return };
    let mut secrets = SecretValues::default();
    secrets.set("given", "canary");
    bench.clouds.set_secrets(secrets);
    let value = Generated::letters_and_digits(64).exclude_characters("0O");
    let mut secret = bench
        .create(
            ManagedSecret::new(SecretValue::Generated(value.clone()))
                .description("first")
                .recovery_window_in_days(7)
                .tags(tags("team")),
        )
        .await;
    let first = stored(&bench, &secret.id).await;
    assert_eq!(first.len(), 64);
    let mut changed = secret.changed("description", json!("second"));
    changed["tags"] = json!({"other": "2"});
    secret.update(changed).await;
    assert_eq!(stored(&bench, &secret.id).await, first, "no new value without a reason");
    let changed = secret.changed("secret_string", json!(SecretValue::Generated(value.version(1))));
    secret.update(changed).await;
    assert_ne!(stored(&bench, &secret.id).await, first);
    let changed = secret.changed("secret_string", json!(SecretValue::Given(Secret::new("given", 1))));
    secret.update(changed).await;
    assert_eq!(stored(&bench, &secret.id).await, "canary");
    assert!(!format!("{} {:?}", secret.inputs, secret.observed).contains("canary"));

    let wanted = SecretPolicy::new(Id::new(&*secret.id).into(), resource_policy("secretsmanager:GetSecretValue"));
    let mut part = bench.create(wanted).await;
    let changed = part.changed("resource_policy", json!(resource_policy("secretsmanager:DescribeSecret")));
    part.update(changed).await;
    part.delete().await;
    secret.delete().await;

    let at_once = ManagedSecret::new(SecretValue::Given(Secret::new("given", 1))).recovery_window_in_days(0);
    bench.create(at_once).await.delete().await;
}

/// The value that the emulator holds: no type ever asks for it.
async fn stored(bench: &Bench, id: &str) -> String {
    let aws = bench.emulator.aws();
    let reader = provisioner_model::Cloud::reader(&aws);
    let answer = reader.secrets().get_secret_value().secret_id(id).send().await.unwrap();
    answer.secret_string().unwrap().to_owned()
}

#[tokio::test]
async fn log_group() {
    let Some(bench) = Bench::moto("log_group") else { return };
    let key = bench.create(Key::new()).await;
    // Moto keeps neither class nor deletion protection.
    let wanted = LogGroup::new()
        .log_group_name("/ecs/app")
        .retention_in_days(30)
        .kms_key_id(key.observed.outputs["arn"].as_str().unwrap())
        .tags(tags("team"));
    let mut group = bench.create(wanted).await;
    let neighbour = bench.create(LogGroup::new().log_group_name("/ecs/app-2").retention_in_days(0)).await;
    let mut changed = group.changed("retention_in_days", json!(7));
    changed["tags"] = json!({"other": "2"});
    group.update(changed).await;
    let changed = group.changed("retention_in_days", json!(0));
    group.update(changed).await;
    let changed = group.changed("retention_in_days", json!(7));
    group.update(changed).await;
    end(&mut group, "retention_in_days", json!(0)).await;
    let both = vec![group.id.clone(), neighbour.id.clone()];
    let resource_type = bench.types.get(LogGroup::TYPE).unwrap();
    assert_eq!(resource_type.read_many(&bench.clouds.round(), PROVIDER, both).await.unwrap().len(), 2);
    neighbour.delete().await;
    group.delete().await;
}

#[tokio::test]
async fn topic_and_subscription() {
    let Some(bench) = Bench::moto("topic_and_subscription") else { return };
    let mut topic = bench
        .create(
            Topic::new()
                .display_name("first")
                .kms_master_key_id("alias/aws/sns")
                .policy(resource_policy("sns:Publish"))
                .delivery_policy(r#"{"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}"#)
                .tags(tags("team")),
        )
        .await;
    let mut changed = topic.changed("display_name", json!("second"));
    changed["policy"] = json!(resource_policy("sns:Subscribe"));
    changed["tags"] = json!({"other": "2"});
    topic.update(changed).await;
    end(&mut topic, "kms_master_key_id", json!("")).await;
    end(&mut topic, "display_name", json!("")).await;
    end(&mut topic, "delivery_policy", json!("")).await;
    let changed = topic.changed("policy", Value::Null);
    topic.update(changed).await;
    let policy: Value = serde_json::from_str(topic.observed.inputs["policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"][0]["Condition"]["StringEquals"]["AWS:SourceOwner"], "123456789012", "{policy:#}");
    let again = bench.types.get(Topic::TYPE).unwrap();
    let owner = provisioner_model::resource::Owner {
        lineage: "other".into(),
        address: "test/other".into(),
        token: "another".into(),
        generation: 1,
    };
    let error = again.create(&bench.clouds, PROVIDER, topic.inputs.clone(), &owner).await.unwrap_err();
    assert_eq!(error.kind, provisioner_model::error::ErrorKind::Exists, "another's topic is not taken over");

    let id = || In::Known(Id::new(&*topic.id));
    let wanted = Subscription::new(id(), "https", "https://example.com/hook")
        .filter_policy(r#"{"level": ["alarm"]}"#)
        .raw_message_delivery(true);
    let mut subscription = bench.create(wanted).await;
    let mut changed = subscription.changed("filter_policy", json!(r#"{"level": ["alarm", "ok"]}"#));
    changed["raw_message_delivery"] = json!(false);
    subscription.update(changed).await;
    end(&mut subscription, "filter_policy", json!("{}")).await;
    subscription.delete().await;

    let fifo = Topic::new().name("ordered.fifo").fifo_topic(true).content_based_deduplication(true);
    bench.create(fifo).await.delete().await;
    topic.delete().await;
}

#[tokio::test]
async fn alarms_and_dashboard() {
    let Some(bench) = Bench::moto("alarms_and_dashboard") else { return };
    let arn = |name: &str| In::from(format!("arn:aws:sns:us-east-1:123456789012:{name}"));
    let mut alarm = bench
        .create(
            Alarm::new("AWS/ECS", "CPUUtilization", "Average", "GreaterThanThreshold", 80.0, 3)
                .alarm_description("first")
                .datapoints_to_alarm(2)
                .treat_missing_data("notBreaching")
                .dimensions([("ClusterName", "dev"), ("ServiceName", "app")])
                .unit("Percent")
                .actions_enabled(true)
                .alarm_actions([arn("a"), arn("b")])
                .ok_actions([arn("a")])
                .insufficient_data_actions([arn("b")])
                .tags(tags("team")),
        )
        .await;
    let mut changed = alarm.changed("alarm_description", json!("second"));
    changed["threshold"] = json!(70);
    changed["evaluation_periods"] = json!(5);
    changed["datapoints_to_alarm"] = json!(4);
    changed["comparison_operator"] = json!("GreaterThanOrEqualToThreshold");
    changed["statistic"] = json!("Maximum");
    changed["period"] = json!(300);
    changed["treat_missing_data"] = json!("breaching");
    changed["dimensions"] = json!({"ClusterName": "prod"});
    changed["alarm_actions"] = json!([]);
    changed["actions_enabled"] = json!(false);
    changed["tags"] = json!({"other": "2"});
    alarm.update(changed).await;
    end(&mut alarm, "actions_enabled", json!(true)).await;
    end(&mut alarm, "treat_missing_data", json!("missing")).await;
    end(&mut alarm, "datapoints_to_alarm", Value::Null).await;
    end(&mut alarm, "unit", Value::Null).await;
    let owner = provisioner_model::resource::Owner {
        lineage: "other".into(),
        address: "test/other".into(),
        token: "another".into(),
        generation: 1,
    };
    let resource_type = bench.types.get(Alarm::TYPE).unwrap();
    let error = resource_type.create(&bench.clouds, PROVIDER, alarm.inputs.clone(), &owner).await.unwrap_err();
    assert_eq!(error.kind, provisioner_model::error::ErrorKind::Exists, "another's alarm is not overwritten");

    let metric = |id: &str, name: &str| {
        let stat = MetricStat::new("AWS/ApplicationELB", name, 60, "Sum").dimensions([("LoadBalancer", "app/x/1")]);
        MetricQuery::new(id, false).metric_stat(stat)
    };
    let rate = MetricQuery::new("rate", true).expression("100 * m1 / m2").label("errors in %");
    let metrics = vec![metric("m1", "HTTPCode_Target_5XX_Count"), metric("m2", "RequestCount"), rate];
    let math = bench.create(Alarm::over(metrics, "GreaterThanThreshold", 1.0, 5).alarm_name("error-rate")).await;

    let body = |title: &str| json!({"widgets": [{"type": "text", "properties": {"markdown": title}}]}).to_string();
    let mut dashboard = bench.create(Dashboard::new(body("first")).tags(tags("team"))).await;
    let mut changed = dashboard.changed("dashboard_body", json!(body("second")));
    changed["tags"] = json!({"other": "2"});
    dashboard.update(changed).await;
    dashboard.delete().await;
    math.delete().await;
    alarm.delete().await;
}
