//! The tags that everything has.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ACCOUNT, Inspection, arn};
use crate::sandbox::Sandbox;

/// Every object of a type that takes tags has them, each asked of its own service.
pub(super) fn tags(inspection: &mut Inspection<'_>) {
    let environment = inspection.row.environment;
    for (address, found) in by_address(inspection.sandbox, environment) {
        let expected = [("project", "provisioner"), ("environment", environment), ("provisioner:address", &address)];
        for (key, value) in expected {
            inspection.fact(&format!("tag {key} of {address}"), found.get(key).cloned().unwrap_or_default(), value);
        }
        for key in ["provisioner:lineage", "provisioner:token"] {
            inspection.fact(&format!("tag {key} of {address}"), found.contains_key(key), true);
        }
    }
}

/// Returns the tags of every object that takes tags, by address, except for the shared identity provider.
pub(crate) fn by_address(sandbox: &Sandbox, environment: &str) -> BTreeMap<String, BTreeMap<String, Value>> {
    let types = provisioner_aws::registry();
    let rows = sandbox.rows(environment);
    let tagged: Vec<(String, String, String)> = rows
        .into_iter()
        .filter(|(address, kind, _)| {
            types.get(kind).unwrap().info().tagged && !address.starts_with("identity/oidc-provider")
        })
        .collect();
    let mut calls = vec![json!(["ec2", "describe_tags", {}])];
    for (_, kind, id) in &tagged {
        calls.push(tags_of(kind, id));
    }
    let answers = sandbox.ask(&calls);
    let (ec2, answers) = answers.split_first().unwrap();
    let tags_of_row = |((address, kind, id), answer): (&(String, String, String), &Value)| {
        let there = if kind.starts_with("aws:ec2:") {
            let of = |tag: &&Value| tag["ResourceId"] == json!(id);
            ec2["Tags"].as_array().unwrap().iter().filter(of).cloned().collect::<Vec<_>>().into()
        } else {
            answer.clone()
        };
        (address.clone(), pairs(&there))
    };
    tagged.iter().zip(answers).map(tags_of_row).collect()
}

/// The call that tells one object's tags.
fn tags_of(kind: &str, id: &str) -> Value {
    let rds =
        |word: &str| json!(["rds", "list_tags_for_resource", { "ResourceName": arn("rds", &format!("{word}:{id}")) }]);
    let ecs = |rest: String| json!(["ecs", "list_tags_for_resource", { "resourceArn": arn("ecs", &rest) }]);
    match kind {
        "aws:rds:instance" => rds("db"),
        "aws:rds:parameter-group" => rds("pg"),
        "aws:rds:subnet-group" => rds("subgrp"),
        "aws:ecs:cluster" => ecs(format!("cluster/{id}")),
        "aws:ecs:service" => ecs(format!("service/{id}")),
        "aws:ecs:task-definition" => ecs(format!("task-definition/{id}:1")),
        "aws:ecr:repository" => {
            json!(["ecr", "list_tags_for_resource", { "resourceArn": arn("ecr", &format!("repository/{id}")) }])
        }
        "aws:cloudwatchlogs:log-group" => {
            json!(["logs", "list_tags_for_resource", { "resourceArn": arn("logs", &format!("log-group:{id}")) }])
        }
        "aws:iam:role" => json!(["iam", "list_role_tags", { "RoleName": id }]),
        "aws:iam:policy" => json!(["iam", "list_policy_tags", { "PolicyArn": id }]),
        "aws:kms:key" => json!(["kms", "list_resource_tags", { "KeyId": id }]),
        "aws:secretsmanager:secret" => json!(["secretsmanager", "describe_secret", { "SecretId": id }]),
        "aws:s3:bucket" => json!(["s3", "get_bucket_tagging", { "Bucket": id }]),
        "aws:sns:topic" => json!(["sns", "list_tags_for_resource", { "ResourceArn": id }]),
        "aws:cloudwatch:alarm" => {
            json!(["cloudwatch", "list_tags_for_resource", { "ResourceARN": arn("cloudwatch", &format!("alarm:{id}")) }])
        }
        "aws:cloudwatch:dashboard" => {
            let arn = format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/{id}");
            json!(["cloudwatch", "list_tags_for_resource", { "ResourceARN": arn }])
        }
        "aws:wafv2:web-acl" => json!(["wafv2", "list_tags_for_resource", { "ResourceARN": id }]),
        "aws:acm:imported-certificate" => json!(["acm", "list_tags_for_certificate", { "CertificateArn": id }]),
        kind if kind.starts_with("aws:elasticloadbalancingv2:") => {
            json!(["elbv2", "describe_tags", { "ResourceArns": [id] }])
        }
        // Asked for together.
        kind if kind.starts_with("aws:ec2:") => json!(["sts", "get_caller_identity", {}]),
        other => panic!("no call for the tags of {other}: add it here"),
    }
}

/// Tags wherever they are in an answer: services differ in the letter case of `Key` and in where the list is.
fn pairs(value: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    match value {
        Value::Array(items) => items.iter().for_each(|item| found.extend(pairs(item))),
        Value::Object(map) => {
            let text = |names: [&str; 3]| names.iter().find_map(|name| map.get(*name)).cloned();
            let (key, value) = (text(["Key", "key", "TagKey"]), text(["Value", "value", "TagValue"]));
            if let (Some(Value::String(key)), Some(value)) = (key, value) {
                found.insert(key, value);
            } else {
                found.extend(map.iter().filter(|(_, value)| value.is_string()).map(|(k, v)| (k.clone(), v.clone())));
                map.values().for_each(|value| found.extend(pairs(value)));
            }
        }
        _ => {}
    }
    found
}
