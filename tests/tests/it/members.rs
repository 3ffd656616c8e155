//! Every member of a type's create call is an input, or is listed with the reason why not: checked against AWS's own
//! description of the call, as botocore has it.

use std::{path::Path, process::Command};

use provisioner_aws::registry;
use provisioner_tests::skipped;
use serde_json::{Value, json};

use crate::sandbox::ran;

/// A type, the service and operation that make one, and members that are inputs under another name.
type Call = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Each type's create call, and its members that are inputs under another name.
const CALLS: &[Call] = &[
    (
        "aws:acm:certificate",
        "acm",
        "RequestCertificate",
        &[("SubjectAlternativeNames", "alternative_names"), ("Options", "exportable")],
    ),
    ("aws:acm:imported-certificate", "acm", "ImportCertificate", &[]),
    (
        "aws:applicationautoscaling:scalable-target",
        "application-autoscaling",
        "RegisterScalableTarget",
        &[("ScalableDimension", "dimension"), ("RoleARN", "role"), ("SuspendedState", "suspended")],
    ),
    (
        "aws:applicationautoscaling:scaling-policy",
        "application-autoscaling",
        "PutScalingPolicy",
        &[
            ("PolicyName", "name"),
            ("ResourceId", "target"),
            ("ScalableDimension", "target"),
            ("ServiceNamespace", "target"),
            ("StepScalingPolicyConfiguration", "step_scaling"),
            ("TargetTrackingScalingPolicyConfiguration", "target_tracking"),
        ],
    ),
    (
        "aws:cloudwatch:alarm",
        "cloudwatch",
        "PutMetricAlarm",
        &[("AlarmName", "name"), ("AlarmDescription", "description")],
    ),
    ("aws:cloudwatch:dashboard", "cloudwatch", "PutDashboard", &[("DashboardName", "name"), ("DashboardBody", "body")]),
    (
        "aws:cloudwatchlogs:log-group",
        "logs",
        "CreateLogGroup",
        &[
            ("logGroupName", "name"),
            ("kmsKeyId", "kms_key"),
            ("logGroupClass", "class"),
            ("deletionProtectionEnabled", "deletion_protection"),
        ],
    ),
    (
        "aws:dynamodb:table",
        "dynamodb",
        "CreateTable",
        &[
            ("TableName", "name"),
            ("LocalSecondaryIndexes", "local_indexes"),
            ("GlobalSecondaryIndexes", "global_indexes"),
            ("BillingMode", "billing"),
            ("ProvisionedThroughput", "billing"),
            ("StreamSpecification", "stream"),
            ("SSESpecification", "encryption"),
            ("DeletionProtectionEnabled", "deletion_protection"),
            ("OnDemandThroughput", "max_read_requests"),
        ],
    ),
    ("aws:ec2:elastic-ip", "ec2", "AllocateAddress", &[]),
    (
        "aws:ec2:flow-log",
        "ec2",
        "CreateFlowLogs",
        &[
            ("DeliverLogsPermissionArn", "role"),
            ("DeliverCrossAccountRole", "cross_account_role"),
            ("ResourceIds", "resource"),
            ("LogDestinationType", "destination_type"),
            ("LogDestination", "destination"),
            ("DestinationOptions", "file_format"),
        ],
    ),
    ("aws:ec2:internet-gateway", "ec2", "CreateInternetGateway", &[]),
    ("aws:ec2:nat-gateway", "ec2", "CreateNatGateway", &[("AllocationId", "allocation"), ("SubnetId", "subnet")]),
    ("aws:ec2:network-acl", "ec2", "CreateNetworkAcl", &[("VpcId", "vpc")]),
    ("aws:ec2:route-table", "ec2", "CreateRouteTable", &[("VpcId", "vpc")]),
    (
        "aws:ec2:route-table-association",
        "ec2",
        "AssociateRouteTable",
        &[("SubnetId", "subnet"), ("RouteTableId", "route_table")],
    ),
    ("aws:ec2:security-group", "ec2", "CreateSecurityGroup", &[("GroupName", "name"), ("VpcId", "vpc")]),
    ("aws:ec2:subnet", "ec2", "CreateSubnet", &[("VpcId", "vpc")]),
    ("aws:ec2:vpc", "ec2", "CreateVpc", &[]),
    (
        "aws:ec2:vpc-endpoint",
        "ec2",
        "CreateVpcEndpoint",
        &[
            ("VpcEndpointType", "kind"),
            ("VpcId", "vpc"),
            ("ServiceName", "service"),
            ("PolicyDocument", "policy"),
            ("RouteTableIds", "route_tables"),
            ("SubnetIds", "subnets"),
            ("SecurityGroupIds", "security_groups"),
            ("DnsOptions", "dns_record_ip_type"),
            ("PrivateDnsEnabled", "private_dns"),
        ],
    ),
    ("aws:ecr:image", "ecr", "PutImage", &[("repositoryName", "repository"), ("imageDigest", "digest")]),
    (
        "aws:ecr:repository",
        "ecr",
        "CreateRepository",
        &[
            ("repositoryName", "name"),
            ("imageTagMutabilityExclusionFilters", "mutability_exclusions"),
            ("imageScanningConfiguration", "scan_on_push"),
            ("encryptionConfiguration", "encryption"),
        ],
    ),
    (
        "aws:ecs:cluster",
        "ecs",
        "CreateCluster",
        &[
            ("clusterName", "name"),
            ("settings", "container_insights"),
            ("configuration", "execute_command"),
            ("defaultCapacityProviderStrategy", "default_capacity"),
            ("serviceConnectDefaults", "service_connect_namespace"),
        ],
    ),
    (
        "aws:ecs:service",
        "ecs",
        "CreateService",
        &[
            ("serviceName", "name"),
            ("availabilityZoneRebalancing", "az_rebalancing"),
            ("capacityProviderStrategy", "capacity"),
            ("deploymentConfiguration", "deployment"),
            ("networkConfiguration", "subnets"),
            ("healthCheckGracePeriodSeconds", "health_check_grace_seconds"),
            ("enableECSManagedTags", "managed_tags"),
            ("enableExecuteCommand", "execute_command"),
        ],
    ),
    (
        "aws:ecs:task-definition",
        "ecs",
        "RegisterTaskDefinition",
        &[
            ("taskRoleArn", "task_role"),
            ("executionRoleArn", "execution_role"),
            ("containerDefinitions", "containers"),
            ("enableFaultInjection", "fault_injection"),
        ],
    ),
    (
        "aws:elasticloadbalancingv2:listener",
        "elbv2",
        "CreateListener",
        &[("LoadBalancerArn", "load_balancer"), ("Certificates", "certificate")],
    ),
    ("aws:elasticloadbalancingv2:listener-rule", "elbv2", "CreateRule", &[("ListenerArn", "listener")]),
    ("aws:elasticloadbalancingv2:load-balancer", "elbv2", "CreateLoadBalancer", &[("Type", "load_balancer_type")]),
    (
        "aws:elasticloadbalancingv2:target-group",
        "elbv2",
        "CreateTargetGroup",
        &[
            ("VpcId", "vpc"),
            ("HealthCheckProtocol", "health_check"),
            ("HealthCheckPort", "health_check"),
            ("HealthCheckEnabled", "health_check"),
            ("HealthCheckPath", "health_check"),
            ("HealthCheckIntervalSeconds", "health_check"),
            ("HealthCheckTimeoutSeconds", "health_check"),
            ("HealthyThresholdCount", "health_check"),
            ("UnhealthyThresholdCount", "health_check"),
            ("Matcher", "health_check"),
        ],
    ),
    (
        "aws:iam:oidc-provider",
        "iam",
        "CreateOpenIDConnectProvider",
        &[("ClientIDList", "client_ids"), ("ThumbprintList", "thumbprints")],
    ),
    ("aws:iam:policy", "iam", "CreatePolicy", &[("PolicyName", "name"), ("PolicyDocument", "document")]),
    ("aws:iam:role", "iam", "CreateRole", &[("RoleName", "name"), ("AssumeRolePolicyDocument", "assume_role_policy")]),
    ("aws:kms:alias", "kms", "CreateAlias", &[("AliasName", "name"), ("TargetKeyId", "key")]),
    ("aws:kms:key", "kms", "CreateKey", &[("KeyUsage", "usage"), ("KeySpec", "spec")]),
    (
        "aws:rds:instance",
        "rds",
        "CreateDBInstance",
        &[
            ("DBInstanceIdentifier", "identifier"),
            ("DBInstanceClass", "instance_class"),
            ("VpcSecurityGroupIds", "security_groups"),
            ("DBSubnetGroupName", "subnet_group"),
            ("PreferredMaintenanceWindow", "maintenance_window"),
            ("DBParameterGroupName", "parameter_group"),
            ("PreferredBackupWindow", "backup_window"),
            ("OptionGroupName", "option_group"),
            ("KmsKeyId", "kms_key"),
            ("MonitoringRoleArn", "monitoring_role"),
            ("EnableIAMDatabaseAuthentication", "iam_database_authentication"),
            ("EnablePerformanceInsights", "performance_insights"),
            ("PerformanceInsightsKMSKeyId", "performance_insights_kms_key"),
            ("EnableCloudwatchLogsExports", "cloudwatch_logs_exports"),
            ("MasterUserSecretKmsKeyId", "master_user_secret_kms_key"),
        ],
    ),
    (
        "aws:rds:parameter-group",
        "rds",
        "CreateDBParameterGroup",
        &[("DBParameterGroupName", "name"), ("DBParameterGroupFamily", "family")],
    ),
    (
        "aws:rds:subnet-group",
        "rds",
        "CreateDBSubnetGroup",
        &[("DBSubnetGroupName", "name"), ("DBSubnetGroupDescription", "description"), ("SubnetIds", "subnets")],
    ),
    (
        "aws:route53:record",
        "route53",
        "ChangeResourceRecordSets",
        &[("HostedZoneId", "zone"), ("ChangeBatch", "values")],
    ),
    (
        "aws:s3:bucket",
        "s3",
        "CreateBucket",
        &[("Bucket", "name"), ("ObjectLockEnabledForBucket", "object_lock"), ("ObjectOwnership", "ownership")],
    ),
    (
        "aws:secretsmanager:secret",
        "secretsmanager",
        "CreateSecret",
        &[("KmsKeyId", "kms_key"), ("SecretString", "value")],
    ),
    (
        "aws:secretsmanager:secret-policy",
        "secretsmanager",
        "PutResourcePolicy",
        &[("SecretId", "secret"), ("ResourcePolicy", "policy")],
    ),
    ("aws:sns:subscription", "sns", "Subscribe", &[("TopicArn", "topic")]),
    ("aws:sns:topic", "sns", "CreateTopic", &[]),
    ("aws:wafv2:web-acl", "wafv2", "CreateWebACL", &[("VisibilityConfig", "visibility")]),
    (
        "aws:wafv2:web-acl-association",
        "wafv2",
        "AssociateWebACL",
        &[("WebACLArn", "web_acl"), ("ResourceArn", "resource")],
    ),
];

/// Types that no one call makes: rules and policies are written one by one, a wait makes nothing.
const NO_CALL: &[&str] = &["aws:acm:certificate-issued", "aws:ec2:security-group-rules", "aws:iam:role-policies"];

/// Wherever they stand, tags are an input.
const TAGS: &[&str] = &["Tags", "tags", "TagSpecifications"];

#[test]
fn every_create_parameter_is_an_input_or_is_omitted_with_a_reason() {
    const TEST: &str = "every_create_parameter_is_an_input_or_is_omitted_with_a_reason";
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
    let Ok(client) = std::env::var("PROVISIONER_AWS_CLI") else {
        return skipped(TEST, "the AWS CLI is not installed");
    };
    let calls: Vec<Value> = CALLS.iter().map(|(_, service, operation, _)| json!([service, operation])).collect();
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/members.py");
    let mut command = Command::new(Path::new(&client).with_file_name("python"));
    let told = ran(command.arg(tool).arg(Value::from(calls).to_string()).output().unwrap()).ok().out;
    let told: Vec<Vec<String>> = serde_json::from_str(&told).unwrap();

    let types = registry();
    let mut wrong = vec![];
    for resource_type in types.all() {
        let name = resource_type.type_name();
        let Some(at) = CALLS.iter().position(|(of, ..)| *of == name) else {
            if !NO_CALL.contains(&name) {
                wrong.push(format!("{name}: say above which call makes it"));
            }
            continue;
        };
        let is_input = |input: &str| resource_type.fields().iter().any(|field| field.name == input);
        let other = CALLS[at].3;
        for (member, input) in other.iter().filter(|(_, input)| !is_input(input)) {
            wrong.push(format!("{name}: {member} is said to be the input {input}, which is none"));
        }
        for member in &told[at] {
            let named = other.iter().any(|(of, _)| of == member) || is_input(&snake(member));
            // A reason may speak of several members.
            let excused = resource_type
                .omitted_parameters()
                .iter()
                .any(|(of, why)| of == member || words(of, why).any(|it| it == member));
            if !named && !excused && !TAGS.contains(&member.as_str()) {
                wrong.push(format!("{name}: {member} is neither an input nor listed with a reason"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn words<'a>(of: &'a str, why: &'a str) -> impl Iterator<Item = &'a str> {
    [of, why].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric()))
}

/// `VpcId` as a field is called: `vpc_id`; `MultiAZ` is `multi_az`.
fn snake(member: &str) -> String {
    let letters: Vec<char> = member.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let starts = letter.is_uppercase()
            && at > 0
            && (!letters[at - 1].is_uppercase() || letters.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if starts {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}
