//! The registry and the service.

use serde_json::{Value, json};

use super::{Seen, arn, sorted};

pub(super) fn repository(seen: &mut Seen<'_>) {
    let name = seen.id("registry/repository/app");
    seen.ask(&[
        ("repository", "ecr", "describe_repositories", json!({ "repositoryNames": [name] })),
        ("lifecycle", "ecr", "get_lifecycle_policy", json!({ "repositoryName": name })),
    ]);
    seen.fact("immutable tags", seen.at("repository", "/repositories/0/imageTagMutability"), "IMMUTABLE");
    let scan = seen.at("repository", "/repositories/0/imageScanningConfiguration/scanOnPush");
    seen.fact("scan on push", scan, true);
    let key = arn("kms", &format!("key/{}", seen.id("secrets/key/main")));
    let encryption = seen.at("repository", "/repositories/0/encryptionConfiguration");
    seen.fact("images encrypted", encryption, json!({ "encryptionType": "KMS", "kmsKey": key }));
    let policy: Value =
        serde_json::from_str(seen.at("lifecycle", "/lifecyclePolicyText").as_str().unwrap_or("{}")).unwrap_or_default();
    seen.fact("lifecycle policy", policy["rules"].as_array().map_or(0, Vec::len), 2);
}

pub(super) fn service(seen: &mut Seen<'_>) {
    let path = seen.id("service/service/app");
    let (cluster, name) = path.split_once('/').unwrap();
    let family = seen.id("service/task-definition/app");
    let scaled = format!("service/{path}");
    seen.ask(&[
        ("cluster", "ecs", "describe_clusters", json!({ "clusters": [cluster], "include": ["SETTINGS"] })),
        ("task", "ecs", "describe_task_definition", json!({ "taskDefinition": family })),
        ("service", "ecs", "describe_services", json!({ "cluster": cluster, "services": [name] })),
        (
            "scaled",
            "application-autoscaling",
            "describe_scalable_targets",
            json!({ "ServiceNamespace": "ecs", "ResourceIds": [scaled] }),
        ),
        (
            "scaling",
            "application-autoscaling",
            "describe_scaling_policies",
            json!({ "ServiceNamespace": "ecs", "ResourceId": scaled }),
        ),
    ]);
    let insights = json!([{ "name": "containerInsights", "value": "enabled" }]);
    seen.fact("container insights", seen.at("cluster", "/clusters/0/settings"), insights);

    let task = |path: &str| format!("/taskDefinition{path}");
    let container = |path: &str| format!("/taskDefinition/containerDefinitions/0{path}");
    let size = json!([seen.at("task", &task("/cpu")), seen.at("task", &task("/memory"))]);
    seen.fact("task size", size, json!([seen.row.size.0, seen.row.size.1]));
    seen.fact("Fargate", seen.at("task", &task("/requiresCompatibilities")), json!(["FARGATE"]));
    seen.fact("own address each", seen.at("task", &task("/networkMode")), "awsvpc");
    let image = seen.at("task", &container("/image")).as_str().unwrap_or_default().to_owned();
    let pinned = image.split_once("@sha256:").is_some_and(|(_, digest)| digest.len() == 64);
    seen.fact("image by digest", pinned, true);
    let port = json!({ "containerPort": 8080, "protocol": "tcp" });
    let ports = seen.list("task", &container("/portMappings"));
    let there = ports.first().map(|it| json!({ "containerPort": it["containerPort"], "protocol": it["protocol"] }));
    seen.fact("port 8080", there.unwrap_or_default(), port);
    seen.fact("user 10000", seen.at("task", &container("/user")), "10000");
    seen.fact("read-only root", seen.at("task", &container("/readonlyRootFilesystem")), true);
    seen.fact("not privileged", seen.at("task", &container("/privileged")), false);
    let capabilities = seen.at("task", &container("/linuxParameters/capabilities"));
    seen.fact("no capabilities", capabilities["drop"].clone(), json!(["ALL"]));
    seen.fact("none added", capabilities["add"].as_array().map_or(0, Vec::len), 0);
    seen.fact("logs to CloudWatch", seen.at("task", &container("/logConfiguration/logDriver")), "awslogs");
    let group = seen.at("task", &container("/logConfiguration/options/awslogs-group"));
    seen.fact("logs into the app's group", group, seen.id("observability/log-group/app"));
    seen.fact("no secret is put in", seen.list("task", &container("/secrets")).len(), 0);
    let variables = seen.list("task", &container("/environment"));
    let variable = |name: &str| {
        let one = variables.iter().find(|one| one["name"] == name);
        one.and_then(|one| one["value"].as_str()).unwrap_or_default().to_owned()
    };
    let signing = seen.id("secrets/secret/signing-key");
    seen.fact("signing key by ARN", variable("SIGNING_KEY_SECRET_ARN"), signing);
    let database = variable("DATABASE_SECRET_ARN");
    seen.fact("database's secret by ARN", database.starts_with("arn:aws:secretsmanager:"), true);
    seen.fact("task role", seen.at("task", &task("/taskRoleArn")), seen.role("task"));
    seen.fact("execution role", seen.at("task", &task("/executionRoleArn")), seen.role("execution"));

    let network = seen.at("service", "/services/0/networkConfiguration/awsvpcConfiguration");
    let private: Vec<Value> = ["a", "b", "c"][..seen.row.zones.len()]
        .iter()
        .map(|zone| seen.id(&format!("network/subnet/private-{zone}")).into())
        .collect();
    let there = network["subnets"].as_array().cloned().unwrap_or_default();
    seen.fact("tasks in private subnets only", sorted(there), sorted(private));
    seen.fact("no public address", network["assignPublicIp"].clone(), "DISABLED");
    seen.fact("tasks' firewall", network["securityGroups"].clone(), json!([seen.id("network/security-group/task")]));
    let breaker = seen.at("service", "/services/0/deploymentConfiguration/deploymentCircuitBreaker");
    seen.fact("circuit breaker", json!([breaker["enable"], breaker["rollback"]]), json!([true, true]));
    seen.fact("tasks wanted", seen.at("service", "/services/0/desiredCount"), seen.row.tasks);
    let bounds = json!([
        seen.at("scaled", "/ScalableTargets/0/MinCapacity"),
        seen.at("scaled", "/ScalableTargets/0/MaxCapacity"),
    ]);
    seen.fact("autoscaling's bounds", bounds, json!([seen.row.tasks, 6]));
    let policy = seen.at("scaling", "/ScalingPolicies/0/TargetTrackingScalingPolicyConfiguration");
    seen.fact("autoscaling at 70 %", policy["TargetValue"].clone(), 70.0);
    let metric = policy["PredefinedMetricSpecification"]["PredefinedMetricType"].clone();
    seen.fact("autoscaling by CPU", metric, "ECSServiceAverageCPUUtilization");
}
