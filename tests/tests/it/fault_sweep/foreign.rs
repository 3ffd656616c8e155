//! Objects of others that stand in the account all the time: their names clash with those of the environment as far as
//! AWS allows it, in another VPC, region, parent or scope, or they begin with the environment's names.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

const ELSEWHERE: &str = "us-west-2";

/// Creates the objects beside an environment that is applied.
pub(super) fn create(sandbox: &Sandbox) {
    let id = |address: &str| sandbox.id("dev", address);
    let input = |address: &str, field: &str| {
        let inputs = sandbox.recorded("dev", address);
        inputs[field].as_str().unwrap_or_else(|| panic!("{address} has no {field}: {inputs}")).to_owned()
    };
    let (registry, rows) = (provisioner_aws::registry(), sandbox.rows("dev"));
    let name = |address: &str| {
        let row = rows.iter().find(|(row, ..)| row == address);
        let (_, type_name, _) = row.unwrap_or_else(|| panic!("{address} is not in the state"));
        let field = registry.get(type_name).unwrap().info().name.map_or("name", |name| name.field);
        input(address, field)
    };
    let ask = |calls: &[Value]| {
        let answers = sandbox.ask(calls);
        for answer in &answers {
            assert!(answer.get("error").is_none(), "{answer}");
        }
        answers
    };
    // Another environment of the same program tags its objects with the same addresses, and with its own lineage.
    let tags = json!([
        { "Key": "project", "Value": "provisioner" },
        { "Key": "environment", "Value": "dev" },
        { "Key": "provisioner:address", "Value": "network/vpc/main" },
        { "Key": "provisioner:lineage", "Value": "another" },
        { "Key": "provisioner:token", "Value": "another" },
    ]);
    let tagged = |kind: &str| json!([{ "ResourceType": kind, "Tags": tags }]);
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] });
    let elsewhere = |service: &str| format!("{service}@{ELSEWHERE}");
    let group = name("observability/log-group/app");
    let more = |name: &str| format!("{name}-more");
    let firewall = json!({ "SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "other" });
    let made = ask(&[
        json!(["ec2", "create_vpc", { "CidrBlock": "10.0.0.0/16", "TagSpecifications": tagged("vpc") }]),
        json!(["ec2", "create_internet_gateway", { "TagSpecifications": tagged("internet-gateway") }]),
        json!(["ec2", "allocate_address", { "Domain": "vpc", "TagSpecifications": tagged("elastic-ip") }]),
        json!(["sns", "create_topic", { "Name": more(&name("observability/topic/alarms")) }]),
        json!(["kms", "create_key", { "Description": "another" }]),
        json!([elsewhere("kms"), "create_key", { "Description": "another" }]),
        json!(["ecs", "create_cluster", { "clusterName": more(&name("service/cluster/main")) }]),
        json!(["route53", "create_hosted_zone", { "Name": "example.com", "CallerReference": "another" }]),
    ]);
    let text = |answer: usize, path: &str| made[answer].pointer(path).and_then(Value::as_str).unwrap().to_owned();
    let (vpc, gateway, topic) =
        (text(0, "/Vpc/VpcId"), text(1, "/InternetGateway/InternetGatewayId"), text(3, "/TopicArn"));
    let (key, zone) = (text(4, "/KeyMetadata/KeyId"), text(7, "/HostedZone/Id"));
    let cluster = text(6, "/cluster/clusterName");
    let alias = id("secrets/alias/main");
    let task = json!([{ "name": "app", "image": "another", "memory": 512, "cpu": 256 }]);
    let role = more(&name("identity/role/task"));
    let inline = |name: &str| {
        json!(["iam", "put_role_policy",
        { "RoleName": role, "PolicyName": name, "PolicyDocument": policy.to_string() }])
    };
    let others_alarm = json!({ "AlarmName": more(&name("observability/alarm/cpu")), "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 3, "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold" });
    let record =
        json!({ "Name": "www.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{ "Value": "192.0.2.1" }] });
    let target = json!({ "ServiceNamespace": "dynamodb", "ResourceId": "table/app",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits" });
    let with = |mut members: Value, more: Value| {
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        members
    };
    let tracking = json!({ "TargetValue": 70.0,
        "PredefinedMetricSpecification": { "PredefinedMetricType": "DynamoDBReadCapacityUtilization" } });
    ask(&[
        json!(["ec2", "create_subnet", { "VpcId": vpc, "CidrBlock": "10.0.0.0/20", "AvailabilityZone": "us-east-1a",
            "TagSpecifications": tagged("subnet") }]),
        json!(["ec2", "create_subnet", { "VpcId": vpc, "CidrBlock": "10.0.64.0/20", "AvailabilityZone": "us-east-1a" }]),
        json!(["ec2", "attach_internet_gateway", { "VpcId": vpc, "InternetGatewayId": gateway }]),
        json!(["ec2", "create_route_table", { "VpcId": vpc, "TagSpecifications": tagged("route-table") }]),
        json!(["ec2", "create_security_group", { "VpcId": vpc, "Description": "tasks",
            "GroupName": name("network/security-group/task"), "TagSpecifications": tagged("security-group") }]),
        json!([elsewhere("logs"), "create_log_group", { "logGroupName": group }]),
        json!(["logs", "create_log_group", { "logGroupName": more(&group) }]),
        json!(["s3", "create_bucket", { "Bucket": more(&name("edge/bucket/access-logs")) }]),
        json!([elsewhere("ecr"), "create_repository", { "repositoryName": name("registry/repository/app") }]),
        json!(["ecr", "create_repository", { "repositoryName": more(&name("registry/repository/app")) }]),
        json!([elsewhere("secretsmanager"), "create_secret",
            { "Name": name("secrets/secret/signing-key"), "SecretString": "precious" }]),
        json!(["secretsmanager", "create_secret",
            { "Name": more(&name("secrets/secret/signing-key")), "SecretString": "precious" }]),
        json!(["kms", "create_alias", { "AliasName": more(&alias), "TargetKeyId": key }]),
        json!([elsewhere("kms"), "create_alias", { "AliasName": alias, "TargetKeyId": text(5, "/KeyMetadata/KeyId") }]),
        json!(["iam", "create_role", { "RoleName": role, "AssumeRolePolicyDocument": trust.to_string() }]),
        inline("run"),
        inline("start"),
        json!(["iam", "create_policy",
            { "PolicyName": more(&name("identity/policy/plan-1")), "PolicyDocument": policy.to_string() }]),
        json!([elsewhere("sns"), "create_topic", { "Name": name("observability/topic/alarms") }]),
        json!(["sns", "subscribe", { "TopicArn": topic, "Protocol": "email", "Endpoint": "alarms@example.com" }]),
        json!(["cloudwatch", "put_metric_alarm", others_alarm]),
        json!(["cloudwatch", "put_dashboard",
            { "DashboardName": more(&name("observability/dashboard/main")), "DashboardBody": "{\"widgets\": []}" }]),
        json!(["ecs", "register_task_definition",
            { "family": more(&input("service/task-definition/app", "family")), "containerDefinitions": task }]),
        json!(["ecs", "create_service", { "cluster": cluster, "serviceName": name("service/service/app"),
            "taskDefinition": more(&input("service/task-definition/app", "family")), "desiredCount": 1 }]),
        json!(["wafv2", "create_web_acl", { "Name": name("edge/web-acl/app"), "Scope": "CLOUDFRONT",
            "DefaultAction": { "Allow": {} }, "VisibilityConfig": firewall }]),
        json!(["elbv2", "create_target_group", { "Name": "another", "VpcId": vpc, "Protocol": "HTTP", "Port": 8080 }]),
        json!(["route53", "change_resource_record_sets", { "HostedZoneId": zone,
            "ChangeBatch": { "Changes": [{ "Action": "CREATE", "ResourceRecordSet": record }] } }]),
        json!([
            "application-autoscaling",
            "register_scalable_target",
            with(target.clone(), json!({ "MinCapacity": 1, "MaxCapacity": 6 }))
        ]),
        json!([
            "application-autoscaling",
            "put_scaling_policy",
            with(
                target,
                json!({ "PolicyName": name("service/scaling-policy/cpu"), "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": tracking })
            )
        ]),
        json!([elsewhere("rds"), "create_db_parameter_group",
            { "DBParameterGroupName": name("database/parameter-group/main"), "DBParameterGroupFamily": "postgres17",
              "Description": "another" }]),
    ]);
}
