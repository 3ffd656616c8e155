//! Changes of every managed field out of band: `drift` names each, an `apply` reverts each, and the next plan is empty.
//!
//! The other hand is a second client that writes through the types' own `update`, from other inputs: what is tried here
//! is the read and the comparison, and a field that `update` did not write would fail here too. What the AWS CLI changes
//! is in `reference.rs`. A managed field is either in [`changes`], or in [`LEFT_OUT`] with its reason: a new one that is
//! in neither fails the test.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_aws::registry;
use provisioner_model::{
    erased::{RecordedState, ResourceType},
    resource::{FieldSchema, Owner},
    stack::MAIN,
};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

const UNSTATED: &str =
    "the bundled stack does not state it: the type's own test in `types/` changes it and reads it back";
const UNKEPT: &str = "moto does not keep it, or has no call for it: see EMULATORS.md";
const UNUSED: &str =
    "the bundled stack has no such object: the type's own test in `types/` changes it and reads it back";
const TRACKING: &str = "target_tracking_scaling_policy_configuration";
const NEITHER: &str =
    "neither stated by the bundled stack nor kept by moto: its reading has a test beside the type, or none yet";

/// Managed fields that are not changed here, and why.
const LEFT_OUT: &[(&str, &str, &[&str])] = &[
    ("aws:acm:certificate", UNUSED, &["tags"]),
    ("aws:applicationautoscaling:scalable-target", UNSTATED, &["role_arn", "suspended_state"]),
    ("aws:applicationautoscaling:scaling-policy", UNSTATED, &["step_scaling_policy_configuration"]),
    ("aws:cloudwatch:alarm", UNSTATED, &["datapoints_to_alarm", "unit", "metrics", "insufficient_data_actions"]),
    (
        "aws:cloudwatch:alarm",
        NEITHER,
        &["evaluate_low_sample_count_percentile", "extended_statistic", "threshold_metric_id"],
    ),
    ("aws:cloudwatchlogs:log-group", UNKEPT, &["kms_key_id", "deletion_protection_enabled"]),
    (
        "aws:dynamodb:table",
        UNUSED,
        &[
            "billing_mode",
            "global_secondary_indexes",
            "sse_specification",
            "point_in_time_recovery_enabled",
            "time_to_live_specification",
            "deletion_protection_enabled",
            "stream_view_type",
            "tags",
        ],
    ),
    (
        "aws:dynamodb:table",
        NEITHER,
        &["recovery_period_in_days", "table_class", "max_read_request_units", "max_write_request_units"],
    ),
    (
        "aws:ec2:vpc-endpoint",
        UNSTATED,
        &["subnet_ids", "security_group_ids", "policy_document", "private_dns_enabled", "ip_address_type"],
    ),
    ("aws:ec2:vpc-endpoint", NEITHER, &["dns_record_ip_type", "private_dns_only_for_inbound_resolver_endpoint"]),
    ("aws:ecr:repository", UNSTATED, &["policy_text"]),
    ("aws:ecr:repository", NEITHER, &["image_tag_mutability_exclusion_filters"]),
    ("aws:ecr:repository", UNKEPT, &["scan_on_push"]),
    (
        "aws:ecs:cluster",
        UNSTATED,
        &["execute_command_configuration", "capacity_providers", "default_capacity_provider_strategy"],
    ),
    ("aws:ecs:cluster", NEITHER, &["managed_storage_configuration", "service_connect_defaults"]),
    ("aws:ecs:service", UNSTATED, &["capacity_provider_strategy", "platform_version"]),
    ("aws:ecs:service", UNKEPT, &["enable_execute_command", "enable_ecs_managed_tags"]),
    (
        "aws:ecs:service",
        NEITHER,
        &["service_registries", "availability_zone_rebalancing", "placement_constraints", "placement_strategy"],
    ),
    ("aws:ecs:task-definition", UNSTATED, &["ephemeral_storage", "volumes"]),
    ("aws:ecs:task-definition", NEITHER, &["placement_constraints", "pid_mode", "ipc_mode", "enable_fault_injection"]),
    (
        "aws:ecs:task-definition",
        "another kind of task: no Fargate service could run it, and moto checks that",
        &["network_mode", "requires_compatibilities"],
    ),
    ("aws:elasticloadbalancingv2:listener", NEITHER, &["alpn_policy", "mutual_authentication"]),
    (
        "aws:elasticloadbalancingv2:listener",
        "goes with the certificate and the port, which another test changes",
        &["protocol", "certificate_arn"],
    ),
    ("aws:elasticloadbalancingv2:listener-rule", UNUSED, &["priority", "conditions", "actions", "tags"]),
    ("aws:elasticloadbalancingv2:load-balancer", UNSTATED, &["attributes"]),
    ("aws:elasticloadbalancingv2:load-balancer", NEITHER, &["connection_logs", "cross_zone"]),
    ("aws:elasticloadbalancingv2:target-group", UNSTATED, &["stickiness", "attributes"]),
    ("aws:iam:oidc-provider", UNSTATED, &["thumbprint_list"]),
    ("aws:iam:oidc-provider", UNKEPT, &["client_id_list"]),
    ("aws:iam:oidc-provider", "shared between environments: no environment owns its tags", &["tags"]),
    ("aws:kms:key", UNSTATED, &["rotation_period_in_days"]),
    ("aws:rds:instance", UNSTATED, &["ca_certificate_identifier", "enable_cloudwatch_logs_exports", "stopped"]),
    (
        "aws:rds:instance",
        NEITHER,
        &[
            "iops",
            "storage_throughput",
            "dedicated_log_volume",
            "network_type",
            "option_group_name",
            "enable_performance_insights",
            "performance_insights_kms_key_id",
            "performance_insights_retention_period",
            "database_insights_mode",
            "monitoring_role_arn",
            "license_model",
        ],
    ),
    ("aws:rds:instance", "AWS takes it with a role, which the bundled stack does not state", &["monitoring_interval"]),
    ("aws:rds:instance", "it grows by itself: more than was asked for is no drift", &["allocated_storage"]),
    ("aws:rds:instance", UNKEPT, &["port", "master_user_secret_kms_key_id", "engine_lifecycle_support"]),
    (
        "aws:rds:instance",
        "another hand can only raise it, and nothing takes that back: the plan is refused and names it, see the type's test",
        &["engine_version"],
    ),
    (
        "aws:rds:instance",
        "needs a password of somebody's own, which the stack never has",
        &["manage_master_user_password"],
    ),
    ("aws:route53:record", UNUSED, &["ttl", "resource_records", "alias_target", "weight", "region", "health_check_id"]),
    ("aws:route53:record", NEITHER, &["failover", "multi_value_answer"]),
    (
        "aws:s3:bucket",
        UNSTATED,
        &["versioning", "object_lock_enabled_for_bucket", "default_retention", "logging_enabled"],
    ),
    ("aws:secretsmanager:secret-policy", UNUSED, &["resource_policy"]),
    ("aws:sns:subscription", UNSTATED, &["filter_policy", "raw_message_delivery", "delivery_policy"]),
    (
        "aws:sns:subscription",
        NEITHER,
        &["filter_policy_scope", "redrive_policy", "replay_policy", "subscription_role_arn"],
    ),
    ("aws:sns:topic", UNSTATED, &["delivery_policy", "attributes"]),
    ("aws:sns:topic", "only FIFO topics have it", &["content_based_deduplication"]),
    (
        "aws:sqs:queue",
        UNUSED,
        &[
            "visibility_timeout",
            "message_retention_period",
            "delay_seconds",
            "maximum_message_size",
            "receive_message_wait_time_seconds",
            "policy",
            "redrive_policy",
            "kms_master_key_id",
            "kms_data_key_reuse_period_seconds",
            "sqs_managed_sse_enabled",
            "content_based_deduplication",
            "deduplication_scope",
            "fifo_throughput_limit",
            "tags",
        ],
    ),
    ("aws:sqs:queue", NEITHER, &["redrive_allow_policy"]),
    ("aws:wafv2:web-acl", UNSTATED, &["description"]),
    (
        "aws:wafv2:web-acl-association",
        "the AWS CLI detaches it in `reference.rs`; moto lists it under every ACL that it ever had",
        &["web_acl_arn"],
    ),
];

/// Returns the changes out of band: address, field, and the resulting value.
fn changes(sandbox: &Sandbox) -> Vec<(&'static str, &'static str, Value)> {
    let id = |address: &str| sandbox.id("dev", address);
    let recorded = |address: &str, field: &str| sandbox.recorded("dev", address)[field].clone();
    let first = |address: &str, field: &str| Value::from(recorded(address, field).as_array().unwrap()[..1].to_vec());
    let with = |mut value: Value, path: &str, to: Value| {
        *value.pointer_mut(path).unwrap() = to;
        value
    };
    let key = sandbox.aws("kms create-key")["KeyMetadata"].clone();
    let group = "create-db-parameter-group --db-parameter-group-name other --db-parameter-group-family postgres17";
    sandbox.aws(&format!("rds {group} --description other"));
    let role = format!("arn:aws:iam::123456789012:role/{}", id("identity/role/plan"));
    let policy = |who: &str, action: &str, on: &str| {
        let statement = json!({ "Effect": "Allow", "Principal": { "AWS": who }, "Action": action, "Resource": on });
        Value::from(json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string())
    };
    let root = "arn:aws:iam::123456789012:root";
    let grant =
        |statement: Value| Value::from(json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string());
    let bucket = format!("arn:aws:s3:::{}/*", id("edge/bucket/access-logs"));
    let trust = json!({ "Effect": "Allow", "Principal": { "AWS": root }, "Action": "sts:AssumeRole" });
    let look = json!({ "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*" });
    let second = format!("arn:aws:ecs:us-east-1:123456789012:task-definition/{}:2", id("service/task-definition/app"));
    let container = with(recorded("service/task-definition/app", "container_definitions"), "/0/user", json!("0"));
    let tracked = with(recorded("service/scaling-policy/cpu", TRACKING), "/target_value", json!(50.0));
    let rollout = with(recorded("service/service/app", "deployment_configuration"), "/maximum_percent", json!(150));
    let check = with(recorded("edge/target-group/app", "health_check"), "/path", json!("/other"));
    let redirect = with(recorded("edge/listener/http", "default_actions"), "/0/status_code", json!("HTTP_302"));
    let shown = with(recorded("edge/web-acl/app", "visibility_config"), "/sampled_requests_enabled", json!(false));
    let others = json!([id("network/security-group/load-balancer")]);
    let public = json!([id("network/subnet/public-a"), id("network/subnet/public-b")]);
    let private = json!([id("network/subnet/private-a"), id("network/subnet/private-b")]);
    let open = json!({ "block_public_acls": false, "block_public_policy": false, "ignore_public_acls": false,
        "restrict_public_buckets": false });
    let (arn, key) = (key["Arn"].clone(), key["KeyId"].clone());
    vec![
        ("service/scalable-target/app", "min_capacity", json!(2)),
        ("service/scalable-target/app", "max_capacity", json!(9)),
        ("service/scaling-policy/cpu", TRACKING, tracked),
        ("observability/alarm/cpu", "alarm_actions", json!(["arn:aws:sns:us-east-1:123456789012:other"])),
        ("observability/alarm/cpu", "ok_actions", json!(["arn:aws:sns:us-east-1:123456789012:other"])),
        ("observability/alarm/cpu", "comparison_operator", json!("LessThanThreshold")),
        ("observability/alarm/cpu", "alarm_description", json!("other")),
        ("observability/alarm/cpu", "dimensions", json!({ "ClusterName": "other" })),
        ("observability/alarm/cpu", "evaluation_periods", json!(3)),
        ("observability/alarm/cpu", "metric_name", json!("Other")),
        ("observability/alarm/cpu", "namespace", json!("Other")),
        ("observability/alarm/cpu", "period", json!(120)),
        ("observability/alarm/cpu", "statistic", json!("Maximum")),
        ("observability/alarm/cpu", "threshold", json!(1.0)),
        ("observability/alarm/cpu", "actions_enabled", json!(false)),
        ("observability/alarm/app-5xx", "treat_missing_data", json!("breaching")),
        ("observability/dashboard/main", "dashboard_body", json!("{\"widgets\":[]}")),
        ("observability/log-group/app", "retention_in_days", json!(60)),
        ("observability/topic/alarms", "kms_master_key_id", arn.clone()),
        ("observability/topic/alarms", "display_name", json!("other")),
        ("observability/topic/alarms", "policy", policy(root, "sns:Publish", "*")),
        ("network/network-acl/private", "entries", first("network/network-acl/private", "entries")),
        ("network/network-acl/private", "subnet_ids", first("network/network-acl/private", "subnet_ids")),
        ("network/route-table/public", "routes", json!([])),
        ("network/route-table-association/private-a", "route_table_id", json!(id("network/route-table/public"))),
        ("network/security-group-rules/task", "ingress", json!([])),
        ("network/security-group-rules/task", "egress", json!([])),
        ("network/subnet/private-a", "map_public_ip_on_launch", json!(true)),
        ("network/vpc/main", "enable_dns_hostnames", json!(false)),
        ("network/vpc/main", "enable_dns_support", json!(false)),
        ("network/vpc-endpoint/s3", "route_table_ids", first("network/vpc-endpoint/s3", "route_table_ids")),
        ("registry/repository/app", "image_tag_mutability", json!("MUTABLE")),
        (
            "registry/repository/app",
            "lifecycle_policy_text",
            json!(
                "{\"rules\":[{\"rulePriority\":1,\"selection\":{\"tagStatus\":\"any\",\"countType\":\"imageCountMoreThan\",\"countNumber\":3},\"action\":{\"type\":\"expire\"}}]}"
            ),
        ),
        ("service/cluster/main", "container_insights", json!("disabled")),
        ("service/task-definition/app", "container_definitions", container),
        ("service/task-definition/app", "cpu", json!(512)),
        ("service/task-definition/app", "memory", json!(1024)),
        ("service/task-definition/app", "task_role_arn", json!(role)),
        ("service/task-definition/app", "execution_role_arn", json!(role)),
        (
            "service/task-definition/app",
            "runtime_platform",
            json!({ "cpu_architecture": "ARM64", "operating_system_family": "LINUX" }),
        ),
        ("service/service/app", "task_definition", json!(second)),
        ("service/service/app", "deployment_configuration", rollout),
        ("service/service/app", "health_check_grace_period_seconds", json!(90)),
        ("service/service/app", "load_balancers", json!([])),
        ("service/service/app", "propagate_tags", json!("TASK_DEFINITION")),
        ("service/service/app", "assign_public_ip", json!(true)),
        ("service/service/app", "security_groups", others.clone()),
        ("service/service/app", "subnets", public.clone()),
        ("edge/listener/http", "port", json!(81)),
        ("edge/listener/http", "default_actions", redirect),
        ("edge/listener/https", "ssl_policy", json!("ELBSecurityPolicy-2016-08")),
        ("edge/load-balancer/app", "access_logs", json!({ "enabled": false })),
        ("edge/load-balancer/app", "deletion_protection", json!(true)),
        ("edge/load-balancer/app", "drop_invalid_header_fields", json!(false)),
        ("edge/load-balancer/app", "ip_address_type", json!("dualstack")),
        ("edge/load-balancer/app", "idle_timeout", json!(120)),
        ("edge/load-balancer/app", "client_keep_alive", json!(7200)),
        ("edge/load-balancer/app", "http2", json!(false)),
        ("edge/load-balancer/app", "desync_mitigation_mode", json!("monitor")),
        ("edge/load-balancer/app", "preserve_host_header", json!(true)),
        ("edge/load-balancer/app", "xff_header_processing_mode", json!("preserve")),
        ("edge/load-balancer/app", "xff_client_port", json!(true)),
        ("edge/load-balancer/app", "x_amzn_tls_version_and_cipher_suite", json!(true)),
        ("edge/load-balancer/app", "waf_fail_open", json!(true)),
        ("edge/load-balancer/app", "zonal_shift", json!(true)),
        ("edge/load-balancer/app", "security_groups", json!([id("network/security-group/task")])),
        ("edge/load-balancer/app", "subnets", private.clone()),
        ("edge/target-group/app", "deregistration_delay", json!(60)),
        ("edge/target-group/app", "health_check", check),
        ("edge/target-group/app", "slow_start", json!(60)),
        ("edge/target-group/app", "load_balancing_algorithm_type", json!("least_outstanding_requests")),
        ("edge/target-group/app", "cross_zone", json!("true")),
        ("edge/bucket/access-logs", "server_side_encryption_configuration", json!({ "sse_algorithm": "aws:kms" })),
        ("edge/bucket/access-logs", "lifecycle_configuration", json!([])),
        ("edge/bucket/access-logs", "object_ownership", json!("ObjectWriter")),
        ("edge/bucket/access-logs", "policy", policy(root, "s3:GetObject", &bucket)),
        ("edge/bucket/access-logs", "public_access_block_configuration", open),
        ("edge/web-acl/app", "default_action", json!("block")),
        ("edge/web-acl/app", "rules", first("edge/web-acl/app", "rules")),
        ("edge/web-acl/app", "visibility_config", shown),
        ("identity/policy/plan-1", "policy_document", grant(look.clone())),
        ("identity/role/deploy", "assume_role_policy_document", grant(trust)),
        ("identity/role/deploy", "description", json!("other")),
        ("identity/role/deploy", "max_session_duration", json!(3600)),
        ("identity/role/deploy", "permissions_boundary", json!("arn:aws:iam::aws:policy/PowerUserAccess")),
        ("identity/role-policies/task", "inline", json!({ "run": grant(look.clone()), "more": grant(look) })),
        ("identity/role-policies/plan", "managed", json!([])),
        ("secrets/alias/main", "target_key_id", key),
        ("secrets/key/main", "description", json!("other")),
        ("secrets/key/main", "policy", policy(root, "kms:*", "*")),
        ("secrets/key/main", "key_rotation_enabled", json!(false)),
        ("secrets/key/main", "enabled", json!(false)),
        ("secrets/secret/signing-key", "description", json!("other")),
        ("secrets/secret/signing-key", "kms_key_id", arn),
        ("database/instance/main", "auto_minor_version_upgrade", json!(false)),
        ("database/instance/main", "backup_retention_period", json!(3)),
        ("database/instance/main", "preferred_backup_window", json!("07:00-08:00")),
        ("database/instance/main", "copy_tags_to_snapshot", json!(false)),
        ("database/instance/main", "deletion_protection", json!(true)),
        ("database/instance/main", "db_instance_class", json!("db.t3.large")),
        ("database/instance/main", "preferred_maintenance_window", json!("mon:01:00-mon:02:00")),
        ("database/instance/main", "max_allocated_storage", json!(200)),
        ("database/instance/main", "multi_az", json!(true)),
        ("database/instance/main", "db_parameter_group_name", json!("other")),
        ("database/instance/main", "publicly_accessible", json!(true)),
        ("database/instance/main", "vpc_security_group_ids", others),
        ("database/instance/main", "storage_type", json!("gp2")),
        ("database/instance/main", "enable_iam_database_authentication", json!(true)),
        ("database/parameter-group/main", "parameters", json!({ "rds.force_ssl": "0" })),
        ("database/subnet-group/main", "db_subnet_group_description", json!("other")),
        ("database/subnet-group/main", "subnet_ids", public),
    ]
}

fn managed(field: &FieldSchema) -> bool {
    // What replaces, AWS lets nobody change: another object has another value.
    !field.replaces && !field.write_only && !field.initial
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_band_change_of_every_managed_field_is_detected_and_repaired() {
    const NAME: &str = "out_of_band_change_of_every_managed_field_is_detected_and_repaired";
    let Some(sandbox) = Sandbox::new(NAME) else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let types = registry();
    let rows: BTreeMap<String, String> =
        sandbox.rows("dev").into_iter().map(|(at, resource_type, _)| (at, resource_type)).collect();
    let mut by_address: BTreeMap<&str, Vec<(&str, Value)>> = BTreeMap::new();
    for (address, field, value) in changes(&sandbox) {
        by_address.entry(address).or_default().push((field, value));
    }
    // A tag of each object that takes tags; a shared object's are everybody's.
    for (address, resource_type) in &rows {
        if types.get(resource_type).unwrap().info().tagged && !address.starts_with("identity/oidc-provider/") {
            let mut tags = sandbox.recorded("dev", address)["tags"].clone();
            tags["project"] = json!("other");
            by_address.entry(address).or_default().push(("tags", tags));
        }
    }

    let swept: BTreeSet<(&str, &str)> = by_address
        .iter()
        .flat_map(|(address, fields)| fields.iter().map(|(field, _)| (rows[*address].as_str(), *field)))
        .collect();
    let mut accounted = vec![];
    for resource_type in types.all() {
        for field in resource_type.info().fields.iter().filter(|field| managed(field)) {
            let out = LEFT_OUT
                .iter()
                .any(|(of, _, fields)| *of == resource_type.info().type_name && fields.contains(&field.name));
            if swept.contains(&(resource_type.info().type_name, field.name)) == out {
                accounted.push(format!(
                    "{} {}: in one of the two lists, it must be",
                    resource_type.info().type_name,
                    field.name
                ));
            }
        }
    }
    assert!(accounted.is_empty(), "{accounted:#?}");

    let clouds = sandbox.moto.clouds();
    // The revision that the service is moved to is there first.
    let mut order: Vec<&str> = by_address.keys().copied().collect();
    order.sort_by_key(|address| !address.contains("/task-definition/"));
    let mut failed = vec![];
    for address in order {
        let resource_type = types.get(&rows[address]).unwrap();
        if let Err(why) = by_another_hand(&sandbox, &clouds, resource_type, address, &by_address[address]).await {
            failed.push(format!("{address}: {why}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");

    let told = sandbox.run(&["drift", "dev", "--json"]).ok().out;
    let told: Value = serde_json::from_str(&told).unwrap();
    let mut observed = BTreeSet::new();
    for drift in told["drift"].as_array().unwrap() {
        for change in drift["changes"].as_array().unwrap() {
            observed.insert((drift["address"].as_str().unwrap(), change["field"].as_str().unwrap()));
        }
    }
    let changed = by_address.iter().flat_map(|(address, fields)| fields.iter().map(|(field, _)| (*address, *field)));
    let unseen: Vec<_> = changed.filter(|change| !observed.contains(change)).collect();
    assert!(unseen.is_empty(), "changed and not seen: {unseen:#?}");

    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

/// Writes other inputs to the object of an address, without the engine and its state.
async fn by_another_hand(
    sandbox: &Sandbox,
    clouds: &provisioner_model::erased::Clouds,
    resource_type: &dyn ResourceType,
    address: &str,
    fields: &[(&str, Value)],
) -> Result<(), String> {
    let (id, inputs) = (sandbox.id("dev", address), sandbox.recorded("dev", address));
    let observed =
        resource_type.read_many(&clouds.round(), MAIN, vec![id.clone()]).await.map_err(|error| error.chain())?;
    let observed = observed.into_values().next().ok_or("not there")?.map_err(|error| error.chain())?;
    let owner = Owner { lineage: "other".into(), address: address.into(), token: "0".into(), generation: 0 };
    let recorded = RecordedState { id, inputs: inputs.clone(), outputs: Some(observed.outputs.clone()), owner };
    let mut desired = inputs;
    for (field, value) in fields {
        desired[*field] = value.clone();
    }
    resource_type.update(clouds, MAIN, desired, recorded, observed).await.map(drop).map_err(|error| error.chain())
}
