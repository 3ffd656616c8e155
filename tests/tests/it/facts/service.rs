//! The registry and the service.

use serde_json::{Value, json};

use super::{Inspection, arn, sorted};

pub(super) fn repository(inspection: &mut Inspection<'_>) {
    let name = inspection.id("registry/repository/app");
    inspection.ask(&[
        ("repository", "ecr", "describe_repositories", json!({ "repositoryNames": [name] })),
        ("lifecycle", "ecr", "get_lifecycle_policy", json!({ "repositoryName": name })),
    ]);
    inspection.fact("immutable tags", inspection.at("repository", "/repositories/0/imageTagMutability"), "IMMUTABLE");
    let scan = inspection.at("repository", "/repositories/0/imageScanningConfiguration/scanOnPush");
    inspection.fact("scan on push", scan, true);
    let key = arn("kms", &format!("key/{}", inspection.id("secrets/key/main")));
    let encryption = inspection.at("repository", "/repositories/0/encryptionConfiguration");
    inspection.fact("images encrypted", encryption, json!({ "encryptionType": "KMS", "kmsKey": key }));
    let policy: Value =
        serde_json::from_str(inspection.at("lifecycle", "/lifecyclePolicyText").as_str().unwrap_or("{}"))
            .unwrap_or_default();
    inspection.fact("lifecycle policy", policy["rules"].as_array().map_or(0, Vec::len), 2);
}

pub(super) fn service(inspection: &mut Inspection<'_>) {
    let path = inspection.id("service/service/app");
    let (cluster, name) = path.split_once('/').unwrap();
    let family = inspection.id("service/task-definition/app");
    let scaled = format!("service/{path}");
    inspection.ask(&[
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
    inspection.fact("container insights", inspection.at("cluster", "/clusters/0/settings"), insights);

    let task = |path: &str| format!("/taskDefinition{path}");
    let container = |path: &str| format!("/taskDefinition/containerDefinitions/0{path}");
    let size = json!([inspection.at("task", &task("/cpu")), inspection.at("task", &task("/memory"))]);
    inspection.fact("task size", size, json!([inspection.row.size.0, inspection.row.size.1]));
    inspection.fact("Fargate", inspection.at("task", &task("/requiresCompatibilities")), json!(["FARGATE"]));
    inspection.fact("own address each", inspection.at("task", &task("/networkMode")), "awsvpc");
    let image = inspection.at("task", &container("/image")).as_str().unwrap_or_default().to_owned();
    let pinned = image.split_once("@sha256:").is_some_and(|(_, digest)| digest.len() == 64);
    inspection.fact("image by digest", pinned, true);
    let port = json!({ "containerPort": 8080, "protocol": "tcp" });
    let ports = inspection.list("task", &container("/portMappings"));
    let there = ports.first().map(|it| json!({ "containerPort": it["containerPort"], "protocol": it["protocol"] }));
    inspection.fact("port 8080", there.unwrap_or_default(), port);
    inspection.fact("user 10000", inspection.at("task", &container("/user")), "10000");
    inspection.fact("read-only root", inspection.at("task", &container("/readonlyRootFilesystem")), true);
    inspection.fact("not privileged", inspection.at("task", &container("/privileged")), false);
    let capabilities = inspection.at("task", &container("/linuxParameters/capabilities"));
    inspection.fact("no capabilities", capabilities["drop"].clone(), json!(["ALL"]));
    inspection.fact("none added", capabilities["add"].as_array().map_or(0, Vec::len), 0);
    inspection.fact("logs to CloudWatch", inspection.at("task", &container("/logConfiguration/logDriver")), "awslogs");
    let group = inspection.at("task", &container("/logConfiguration/options/awslogs-group"));
    inspection.fact("logs into the app's group", group, inspection.id("observability/log-group/app"));
    inspection.fact("no secret is put in", inspection.list("task", &container("/secrets")).len(), 0);
    let variables = inspection.list("task", &container("/environment"));
    let variable = |name: &str| {
        let one = variables.iter().find(|one| one["name"] == name);
        one.and_then(|one| one["value"].as_str()).unwrap_or_default().to_owned()
    };
    let signing = inspection.id("secrets/secret/signing-key");
    inspection.fact("signing key by ARN", variable("SIGNING_KEY_SECRET_ARN"), signing);
    let database = variable("DATABASE_SECRET_ARN");
    inspection.fact("database's secret by ARN", database.starts_with("arn:aws:secretsmanager:"), true);
    inspection.fact("task role", inspection.at("task", &task("/taskRoleArn")), inspection.role("task"));
    inspection.fact("execution role", inspection.at("task", &task("/executionRoleArn")), inspection.role("execution"));

    let network = inspection.at("service", "/services/0/networkConfiguration/awsvpcConfiguration");
    let private: Vec<Value> = ["a", "b", "c"][..inspection.row.zones.len()]
        .iter()
        .map(|zone| inspection.id(&format!("network/subnet/private-{zone}")).into())
        .collect();
    let there = network["subnets"].as_array().cloned().unwrap_or_default();
    inspection.fact("tasks in private subnets only", sorted(there), sorted(private));
    inspection.fact("no public address", network["assignPublicIp"].clone(), "DISABLED");
    inspection.fact(
        "tasks' firewall",
        network["securityGroups"].clone(),
        json!([inspection.id("network/security-group/task")]),
    );
    let breaker = inspection.at("service", "/services/0/deploymentConfiguration/deploymentCircuitBreaker");
    inspection.fact("circuit breaker", json!([breaker["enable"], breaker["rollback"]]), json!([true, true]));
    inspection.fact("tasks wanted", inspection.at("service", "/services/0/desiredCount"), inspection.row.tasks);
    let bounds = json!([
        inspection.at("scaled", "/ScalableTargets/0/MinCapacity"),
        inspection.at("scaled", "/ScalableTargets/0/MaxCapacity"),
    ]);
    inspection.fact("autoscaling's bounds", bounds, json!([inspection.row.tasks, 6]));
    let policy = inspection.at("scaling", "/ScalingPolicies/0/TargetTrackingScalingPolicyConfiguration");
    inspection.fact("autoscaling at 70 %", policy["TargetValue"].clone(), 70.0);
    let metric = policy["PredefinedMetricSpecification"]["PredefinedMetricType"].clone();
    inspection.fact("autoscaling by CPU", metric, "ECSServiceAverageCPUUtilization");
}
