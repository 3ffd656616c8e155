use std::collections::{BTreeMap, BTreeSet};

use provisioner_cli::render::{PageFormat, plan as render};
use provisioner_model::{
    Diagnostic,
    plan::{Action, Drift, FORMAT, FieldChange, Leftover, Plan, ResourcePlan, Step, StepAction},
    stack::Facts,
    state::ProviderTarget,
};
use serde_json::{Value, json};

pub(crate) fn empty() -> Plan {
    let target = ProviderTarget {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        endpoint: Some("http://127.0.0.1:5000".into()),
    };
    Plan {
        format: FORMAT,
        facts: Facts {
            environment: "dev".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
            partition: "aws".into(),
            discovered: BTreeMap::new(),
        },
        lineage: "0123".into(),
        serial: 7,
        digest: String::new(),
        targets: BTreeMap::from([("main".to_owned(), target)]),
        discovered: vec![],
        resources: BTreeMap::new(),
        steps: vec![],
        drift: vec![],
        outputs: BTreeMap::new(),
        declared_outputs: BTreeMap::new(),
        notices: vec![],
    }
}

fn change(field: &str, before: Value, after: Value) -> FieldChange {
    FieldChange {
        field: field.into(),
        before,
        after,
        replaces: false,
        waits_for: BTreeSet::new(),
        drifted: false,
        document: false,
    }
}

fn waiting(field: &str, after: Value, on: &[&str]) -> FieldChange {
    FieldChange { waits_for: on.iter().map(|on| (*on).to_owned()).collect(), ..change(field, Value::Null, after) }
}

fn planned(type_name: &str, action: Action, changes: Vec<FieldChange>) -> ResourcePlan {
    ResourcePlan {
        type_name: type_name.into(),
        action,
        reasons: vec![],
        changes,
        leftovers: vec![],
        id: None,
        at: None,
        protected: false,
        renamed_from: None,
    }
}

pub(crate) fn step(address: &str, type_name: &str, action: StepAction, after: &[usize]) -> Step {
    Step {
        address: address.into(),
        type_name: type_name.into(),
        provider: "main".into(),
        action,
        after: after.iter().copied().collect(),
    }
}

pub(crate) fn delete(token: &str) -> StepAction {
    StepAction::Delete { token: token.into(), id: Some(format!("id-{token}")) }
}

/// A plan with one resource of each action.
fn rich() -> Plan {
    let policy = |bucket: &str, action: &str| {
        json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": [action, "s3:ListBucket"], "Resource": bucket }],
        })
        .to_string()
    };
    let mut plan = empty();
    let mut add = |address: &str, planned: ResourcePlan| plan.resources.insert(address.to_owned(), planned);
    add(
        "network/subnet/a",
        planned(
            "aws:ec2:subnet",
            Action::Create,
            vec![
                waiting("vpc", json!("<network/vpc/main.id>"), &["network/vpc/main.id"]),
                change("cidr", Value::Null, json!("10.0.1.0/24")),
                change("tags", Value::Null, json!({ "environment": "dev", "project": "shop" })),
            ],
        ),
    );
    add(
        "service/role-policy/task",
        planned(
            "aws:iam:role-policy",
            Action::Create,
            vec![FieldChange {
                document: true,
                ..waiting(
                    "document",
                    json!(policy("<storage/bucket/logs.arn>", "s3:PutObject")),
                    &["storage/bucket/logs.arn"],
                )
            }],
        ),
    );
    add(
        "network/security-group-rules/db",
        ResourcePlan {
            reasons: vec!["changed outside Provisioner".into()],
            id: Some("sg-0a1b".into()),
            ..planned(
                "aws:ec2:security-group-rules",
                Action::Update,
                vec![FieldChange {
                    drifted: true,
                    ..change(
                        "ingress",
                        json!([{ "port": 5432, "from": "sg-1" }, { "port": 22, "from": "0.0.0.0/0", "description": "temporary access for the vendor" }]),
                        json!([{ "port": 5432, "from": "sg-1" }]),
                    )
                }],
            )
        },
    );
    add(
        "identity/role-policy/deploy",
        ResourcePlan {
            id: Some("deploy".into()),
            ..planned(
                "aws:iam:role-policy",
                Action::Update,
                vec![FieldChange {
                    document: true,
                    ..change(
                        "document",
                        json!(policy("arn:aws:s3:::logs", "s3:PutObject")),
                        json!(policy("arn:aws:s3:::logs", "s3:GetObject")),
                    )
                }],
            )
        },
    );
    add(
        "service/ecs-service/app",
        planned(
            "aws:ecs:ecs-service",
            Action::Update,
            vec![
                change("desired_count", json!(1), json!(3)),
                change(
                    "description",
                    json!("short"),
                    json!("a text that is so long that both of them do not fit onto one line of this page"),
                ),
                change("key", json!({ "$secret": "key", "version": 1 }), json!({ "$secret": "key", "version": 2 })),
                change("note", Value::Null, json!("y".repeat(400))),
            ],
        ),
    );
    add(
        "edge/target-group/app",
        planned(
            "aws:elb:target-group",
            Action::Replace,
            vec![FieldChange { replaces: true, ..change("port", json!(80), json!(8080)) }],
        ),
    );
    add(
        "database/db-instance/main",
        ResourcePlan {
            reasons: vec![
                "`engine` cannot change in place".into(),
                "it keeps a name that only one object may hold".into(),
            ],
            id: Some("shop-dev".into()),
            protected: true,
            ..planned(
                "aws:rds:db-instance",
                Action::ReplaceDeleteFirst,
                vec![FieldChange { replaces: true, ..change("engine", json!("mysql"), json!("postgres")) }],
            )
        },
    );
    add(
        "old/log-group/app",
        ResourcePlan { id: Some("/app".into()), ..planned("aws:cloudwatchlogs:log-group", Action::Delete, vec![]) },
    );
    add("identity/oidc-provider/github", planned("aws:iam:oidc-provider", Action::Adopt, vec![]));
    add("old/kms-key/main", planned("aws:kms:kms-key", Action::Forget, vec![]));
    add(
        "network/vpc/main",
        ResourcePlan { renamed_from: Some("net/vpc/main".into()), ..planned("aws:ec2:vpc", Action::Rename, vec![]) },
    );
    add(
        "network/subnet/b",
        ResourcePlan {
            reasons: vec!["the replaced object has not been deleted yet".into()],
            leftovers: vec![Leftover { id: Some("id-u".into()), retained: false, why: "it has been replaced".into() }],
            ..planned("aws:ec2:subnet", Action::Update, vec![])
        },
    );
    plan.steps = vec![
        step(
            "database/db-instance/main",
            "aws:rds:db-instance",
            StepAction::DisableDeletionProtection { token: "t".into(), fields: vec!["deletion_protection".into()] },
            &[],
        ),
        step("database/db-instance/main", "aws:rds:db-instance", delete("t"), &[0]),
        step("network/subnet/b", "aws:ec2:subnet", delete("u"), &[]),
    ];
    plan.drift = vec![
        Drift {
            address: "network/security-group-rules/db".into(),
            type_name: "aws:ec2:security-group-rules".into(),
            id: "sg-0a1b".into(),
            gone: false,
            changes: vec![change("ports", json!([5432]), json!([5432, 22]))],
        },
        Drift {
            address: "network/route/out".into(),
            type_name: "aws:ec2:route".into(),
            id: "rtb-1".into(),
            gone: true,
            changes: vec![],
        },
    ];
    plan.outputs = BTreeMap::from([
        ("url".to_owned(), json!("https://app.example.com")),
        ("vpc".to_owned(), json!("<network/vpc/main.id>")),
    ]);
    let notice = "a key is not deleted, but scheduled to be in 30 days";
    plan.notices = vec![Diagnostic::resource_warning("old/kms-key/main", notice)];
    plan
}

#[test]
fn a_plan_with_one_of_each() {
    insta::assert_snapshot!("one_of_each", render::plan(&rich(), &PageFormat::plain(100)));
}

#[test]
fn a_narrow_page() {
    let text = render::plan(&rich(), &PageFormat::plain(50));
    insta::assert_snapshot!("narrow", text);
}

#[test]
fn an_empty_plan_and_one_with_drift_alone() {
    insta::assert_snapshot!("empty", render::plan(&empty(), &PageFormat::plain(80)));
    let mut drifted = empty();
    drifted.drift = rich().drift;
    assert_eq!(render::summary(&drifted), "No changes to make; 2 drifted.");
}

#[test]
fn colour_carries_no_information() {
    let coloured = render::plan(&rich(), &PageFormat { width: 100, colour: true });
    assert!(coloured.contains('\u{1b}'));
    let mut bare = String::new();
    let mut escaped = false;
    for letter in coloured.chars() {
        match letter {
            '\u{1b}' => escaped = true,
            'm' if escaped => escaped = false,
            _ if !escaped => bare.push(letter),
            _ => {}
        }
    }
    assert_eq!(bare, render::plan(&rich(), &PageFormat::plain(100)));
}

#[test]
fn the_json_form_is_versioned_and_holds_no_write() {
    let json = render::json(&rich());
    assert_eq!(json["format"], 3);
    assert_eq!(json["summary"]["replace"], 2);
    assert_eq!(json["empty"], false);
    insta::assert_snapshot!("json_steps", serde_json::to_string_pretty(&json["steps"]).unwrap());
}
