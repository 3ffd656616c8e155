//! The logs and alarms of the reference stack.

use serde_json::{Value, json};

use super::{Inspection, arn, sorted};

pub(super) fn observability(inspection: &mut Inspection<'_>) {
    let (topic, page) = (inspection.id("observability/topic/alarms"), inspection.id("observability/dashboard/main"));
    inspection.ask(&[
        (
            "alarms",
            "cloudwatch",
            "describe_alarms",
            json!({ "AlarmNamePrefix": format!("{}-", inspection.row.environment) }),
        ),
        ("page", "cloudwatch", "get_dashboard", json!({ "DashboardName": page })),
        ("topic", "sns", "get_topic_attributes", json!({ "TopicArn": topic })),
        ("heard", "sns", "list_subscriptions_by_topic", json!({ "TopicArn": topic })),
    ]);
    let groups = inspection.list("log groups", "/logGroups");
    inspection.fact("log groups", groups.len(), 2);
    let kept = groups.iter().all(|group| group["retentionInDays"] == 30 && group["kmsKeyId"].is_string());
    inspection.fact("log groups are kept 30 days, encrypted", kept, true);
    let alarms = inspection.list("alarms", "/MetricAlarms");
    let metrics = alarms.iter().map(|alarm| {
        let text = |key: &str| alarm[key].as_str().unwrap_or_default();
        Value::from(format!("{} {}", text("Namespace"), text("MetricName")))
    });
    let expected = [
        "AWS/ApplicationELB HTTPCode_ELB_5XX_Count",
        "AWS/ApplicationELB HTTPCode_Target_5XX_Count",
        "AWS/ApplicationELB UnHealthyHostCount",
        "AWS/ECS CPUUtilization",
        "AWS/ECS MemoryUtilization",
        "AWS/RDS DatabaseConnections",
        "AWS/RDS FreeStorageSpace",
    ];
    inspection.fact("alarms", sorted(metrics), expected.to_vec());
    let told = alarms.iter().all(|alarm| alarm["AlarmActions"] == json!([topic]) && alarm["ActionsEnabled"] == true);
    inspection.fact("alarms reach the topic", told, true);
    let database = inspection.id("database/instance/main");
    let about = alarms.iter().filter(|alarm| alarm["Dimensions"][0]["Value"] == json!(database)).count();
    inspection.fact("alarms about this database", about, 2);
    inspection.fact(
        "dashboard",
        inspection.at("page", "/DashboardBody").as_str().is_some_and(|it| it.contains(&database)),
        true,
    );
    let key = arn("kms", &format!("key/{}", inspection.id("secrets/key/main")));
    inspection.fact("topic encrypted", inspection.at("topic", "/Attributes/KmsMasterKeyId"), key);
    let heard = inspection.at("heard", "/Subscriptions/0");
    inspection.fact("who hears", json!([heard["Protocol"], heard["Endpoint"]]), json!(["email", "alarms@example.com"]));
}
