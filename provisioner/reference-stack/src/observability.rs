//! Observability of the environment: logs, alarms with notifications, and a dashboard.

use std::collections::BTreeMap;

use provisioner_aws::{
    cloudwatch::{Alarm, Dashboard},
    elb::{LoadBalancer, TargetGroup},
    kms::Key,
    logs::LogGroup,
    rds::Instance,
    sns::{Subscription, Topic},
};
use provisioner_model::{
    expr::{In, document},
    stack::{Facts, Handle, Stack},
};
use serde_json::{Value, json};

use crate::{edge::Edge, environment::Environment, service::ServiceHandles};

/// Declares a log group, encrypted, with the environment's retention period. It is declared before its writers: no role
/// may create a group, so none reappears after a destroy.
pub fn log(name: &str, env: &Environment, key: &Handle<Key>, stack: &mut Stack) -> Handle<LogGroup> {
    stack.component("observability", |stack| {
        let group = LogGroup::new().retention_in_days(env.logs.retention_days).kms_key_id(key.get(Key::ARN));
        stack.add(name, group)
    })
}

/// The monitored components.
pub struct Watched<'a> {
    /// The edge, for request metrics.
    pub edge: &'a Edge,
    /// The service, for task metrics.
    pub service: &'a ServiceHandles,
    /// The instance, for database metrics.
    pub database: &'a Handle<Instance>,
}

/// Alarms, whom they reach, and the page of graphs.
pub fn watch(env: &Environment, key: &Handle<Key>, watched: &Watched<'_>, stack: &mut Stack) {
    stack.component("observability", |stack| {
        let policy = topic_policy(stack.facts());
        let topic = Topic::new().kms_master_key_id(key.get(Key::ARN)).policy(policy);
        let topic = stack.add("alarms", topic);
        stack.add("alarms", Subscription::new(topic.id(), "email", env.alarm_address.as_str()));

        for (name, alarm) in alarms(env, watched) {
            let heard = vec![topic.get(Topic::ARN)];
            stack.add(name, alarm.alarm_actions(heard.clone()).ok_actions(heard));
        }
        let page = document(json!({ "widgets": widgets(&stack.facts().region, watched) }));
        stack.add("main", Dashboard::new(page));
    });
}

/// Returns a policy that allows only this account's alarms to publish. A topic's policy cannot refer to its own topic,
/// so the resource covers all topics of the account.
fn topic_policy(facts: &Facts) -> In<String> {
    let Facts { account, region, partition, .. } = facts;
    document(json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": { "Service": "cloudwatch.amazonaws.com" },
        "Action": "sns:Publish",
        "Resource": format!("arn:{partition}:sns:{region}:{account}:*"),
        "Condition": { "StringEquals": { "aws:SourceAccount": account } },
    }] }))
}

const ABOVE: &str = "GreaterThanThreshold";
const BELOW: &str = "LessThanThreshold";
/// GiB in bytes, as CloudWatch counts storage.
const GIB: f64 = 1_073_741_824.0;

/// Returns the alarms, each with a description of what to check.
fn alarms(env: &Environment, watched: &Watched<'_>) -> Vec<(&'static str, Alarm)> {
    let (balancer, targets) = (balancer(watched), targets(watched));
    let (service, database) = (service(watched), database(watched));
    // A lack of requests is not an error. Tasks or a database without metrics may be in trouble, which
    // CloudWatch then shows as "insufficient data".
    let quiet = |alarm: Alarm| alarm.treat_missing_data("notBreaching");
    let of = |metric: (&str, &str, &str), bound: (&str, f64), minutes: i32, dimensions: &Dimensions, what: &str| {
        let alarm = Alarm::new(metric.0, metric.1, metric.2, bound.0, bound.1, minutes);
        alarm.alarm_description(what).dimensions(dimensions.clone())
    };
    let (elb, ecs, rds) = ("AWS/ApplicationELB", "AWS/ECS", "AWS/RDS");
    let storage = f64::from(env.database.storage) * GIB / 10.0;
    let connections = f64::from(env.database.connections_alarm);
    vec![
        (
            "app-5xx",
            quiet(of(
                (elb, "HTTPCode_Target_5XX_Count", "Sum"),
                (ABOVE, 10.0),
                5,
                &targets,
                "The app fails: more than 10 errors a minute for 5 minutes. Its log says why",
            )),
        ),
        (
            "edge-5xx",
            quiet(of(
                (elb, "HTTPCode_ELB_5XX_Count", "Sum"),
                (ABOVE, 10.0),
                5,
                &balancer,
                "The load balancer finds no task that answers. The service's events say why",
            )),
        ),
        (
            "unhealthy-targets",
            of(
                (elb, "UnHealthyHostCount", "Maximum"),
                (ABOVE, 0.0),
                5,
                &targets,
                "A task has not been ready for 5 minutes",
            ),
        ),
        ("cpu", of((ecs, "CPUUtilization", "Average"), (ABOVE, 85.0), 5, &service, "Autoscaling does not keep up")),
        (
            "memory",
            of((ecs, "MemoryUtilization", "Average"), (ABOVE, 85.0), 5, &service, "Tasks are about to be killed"),
        ),
        (
            "database-storage",
            of((rds, "FreeStorageSpace", "Minimum"), (BELOW, storage), 5, &database, "Less than a tenth is free"),
        ),
        (
            "database-connections",
            of(
                (rds, "DatabaseConnections", "Maximum"),
                (ABOVE, connections),
                5,
                &database,
                "The database will soon refuse connections",
            ),
        ),
    ]
}

type Dimensions = BTreeMap<String, In<String>>;

fn dimensions<const N: usize>(all: [(&str, In<String>); N]) -> Dimensions {
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn balancer(watched: &Watched<'_>) -> Dimensions {
    dimensions([("LoadBalancer", watched.edge.balancer.get(LoadBalancer::ARN_SUFFIX))])
}

fn targets(watched: &Watched<'_>) -> Dimensions {
    let mut all = balancer(watched);
    all.insert("TargetGroup".into(), watched.edge.targets.get(TargetGroup::ARN_SUFFIX));
    all
}

fn service(watched: &Watched<'_>) -> Dimensions {
    let ServiceHandles { cluster_name, service_name, .. } = watched.service;
    dimensions([("ClusterName", cluster_name.clone()), ("ServiceName", service_name.clone())])
}

fn database(watched: &Watched<'_>) -> Dimensions {
    dimensions([("DBInstanceIdentifier", watched.database.get(Instance::IDENTIFIER))])
}

/// Two columns: what users notice, then what it runs on.
fn widgets(region: &str, watched: &Watched<'_>) -> Vec<Value> {
    let graphs: [(&str, &str, &[&str], &str, Dimensions); 6] = [
        (
            "Requests and errors",
            "AWS/ApplicationELB",
            &["RequestCount", "HTTPCode_Target_5XX_Count"],
            "Sum",
            balancer(watched),
        ),
        ("Answer time (p99, seconds)", "AWS/ApplicationELB", &["TargetResponseTime"], "p99", balancer(watched)),
        (
            "Healthy and unhealthy tasks",
            "AWS/ApplicationELB",
            &["HealthyHostCount", "UnHealthyHostCount"],
            "Maximum",
            targets(watched),
        ),
        ("Tasks: CPU and memory (%)", "AWS/ECS", &["CPUUtilization", "MemoryUtilization"], "Average", service(watched)),
        (
            "Database: CPU (%) and connections",
            "AWS/RDS",
            &["CPUUtilization", "DatabaseConnections"],
            "Average",
            database(watched),
        ),
        ("Database: free storage (bytes)", "AWS/RDS", &["FreeStorageSpace"], "Minimum", database(watched)),
    ];
    let widget = |(place, (title, namespace, names, statistic, dimensions)): (
        usize,
        (&str, &str, &[&str], &str, Dimensions),
    )| {
        let metric = |name: &&str| {
            let mut metric: Vec<Value> = vec![namespace.into(), (*name).into()];
            for (name, value) in &dimensions {
                metric.extend([name.as_str().into(), value.part()]);
            }
            Value::from(metric)
        };
        json!({
            "type": "metric",
            "x": place % 2 * 12, "y": place / 2 * 6, "width": 12, "height": 6,
            "properties": {
                "title": title, "region": region, "view": "timeSeries", "stat": statistic, "period": 60,
                "metrics": names.iter().map(metric).collect::<Vec<_>>(),
            },
        })
    };
    graphs.into_iter().enumerate().map(widget).collect()
}
