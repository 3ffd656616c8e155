//! Logs and alarms.

use serde_json::{Value, json};

use super::{Seen, arn, sorted};

pub(super) fn observability(seen: &mut Seen<'_>) {
    let (topic, page) = (seen.id("observability/topic/alarms"), seen.id("observability/dashboard/main"));
    seen.ask(&[
        ("alarms", "cloudwatch", "describe_alarms", json!({ "AlarmNamePrefix": format!("{}-", seen.row.environment) })),
        ("page", "cloudwatch", "get_dashboard", json!({ "DashboardName": page })),
        ("topic", "sns", "get_topic_attributes", json!({ "TopicArn": topic })),
        ("heard", "sns", "list_subscriptions_by_topic", json!({ "TopicArn": topic })),
    ]);
    let groups = seen.list("log groups", "/logGroups");
    seen.fact("log groups", groups.len(), 2);
    let kept = groups.iter().all(|group| group["retentionInDays"] == 30 && group["kmsKeyId"].is_string());
    seen.fact("log groups are kept 30 days, encrypted", kept, true);
    let alarms = seen.list("alarms", "/MetricAlarms");
    let metrics = alarms.iter().map(|alarm| {
        let text = |key: &str| alarm[key].as_str().unwrap_or_default();
        Value::from(format!("{} {}", text("Namespace"), text("MetricName")))
    });
    let want = [
        "AWS/ApplicationELB HTTPCode_ELB_5XX_Count",
        "AWS/ApplicationELB HTTPCode_Target_5XX_Count",
        "AWS/ApplicationELB UnHealthyHostCount",
        "AWS/ECS CPUUtilization",
        "AWS/ECS MemoryUtilization",
        "AWS/RDS DatabaseConnections",
        "AWS/RDS FreeStorageSpace",
    ];
    seen.fact("alarms", sorted(metrics), want.to_vec());
    let told = alarms.iter().all(|alarm| alarm["AlarmActions"] == json!([topic]) && alarm["ActionsEnabled"] == true);
    seen.fact("alarms reach the topic", told, true);
    let database = seen.id("database/instance/main");
    let about = alarms.iter().filter(|alarm| alarm["Dimensions"][0]["Value"] == json!(database)).count();
    seen.fact("alarms about this database", about, 2);
    seen.fact("dashboard", seen.at("page", "/DashboardBody").as_str().is_some_and(|it| it.contains(&database)), true);
    let key = arn("kms", &format!("key/{}", seen.id("secrets/key/main")));
    seen.fact("topic encrypted", seen.at("topic", "/Attributes/KmsMasterKeyId"), key);
    let heard = seen.at("heard", "/Subscriptions/0");
    seen.fact("who hears", json!([heard["Protocol"], heard["Endpoint"]]), json!(["email", "alarms@example.com"]));
}
