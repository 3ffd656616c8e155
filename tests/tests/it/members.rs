//! Every member of a type's create call is an input, or is listed with the reason why not: checked against AWS's own
//! description of the call, as botocore has it.

use std::{path::Path, process::Command};

use provisioner_aws::registry;
use provisioner_model::erased::ResourceType;
use provisioner_tests::skipped;
use serde_json::{Value, json};

use crate::sandbox::ran;

/// A type, the service and operation that make one, and members that are inputs under another name. For types that do
/// not derive their schema: a derived one has its call and parameters in itself.
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
        "aws:route53:record",
        "route53",
        "ChangeResourceRecordSets",
        &[("HostedZoneId", "zone"), ("ChangeBatch", "values")],
    ),
    ("aws:sns:subscription", "sns", "Subscribe", &[("TopicArn", "topic")]),
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

/// Members of any call that the engine sets or has no use for.
const ENGINES: &[(&str, &str)] = &[("DryRun", "the plan is the dry run")];

/// A create call, and what the type says of its members.
struct Covered<'a> {
    resource_type: &'a dyn ResourceType,
    service: &'static str,
    operation: &'static str,
    /// Members in lower case, and the input that covers each.
    members: Vec<(String, &'static str)>,
    /// The members that the declaration names, as it writes them.
    stated: Vec<&'static str>,
}

impl<'a> Covered<'a> {
    fn new(resource_type: &'a dyn ResourceType) -> Option<Self> {
        if let Some(call) = resource_type.create_call() {
            let parameters = resource_type.parameters().iter();
            return Some(Self {
                resource_type,
                service: call.service,
                operation: call.operation,
                members: parameters.clone().map(|one| (one.member.to_lowercase(), one.field)).collect(),
                stated: parameters.filter(|one| one.stated).map(|one| one.member).collect(),
            });
        }
        let (_, service, operation, other) = CALLS.iter().find(|(of, ..)| *of == resource_type.type_name())?;
        let same = resource_type.fields().iter().map(|field| (field.name.replace('_', ""), field.name));
        let other = other.iter().map(|(member, input)| (member.to_lowercase(), *input));
        Some(Self { resource_type, service, operation, members: same.chain(other).collect(), stated: vec![] })
    }

    /// What does not fit the call's members.
    fn wrong(&self, members: &[String]) -> Vec<String> {
        let name = self.resource_type.type_name();
        let mut wrong = vec![];
        for (member, input) in &self.members {
            if !self.resource_type.fields().iter().any(|field| field.name == *input) {
                wrong.push(format!("{name}: {member} is said to be the input {input}, which is none"));
            }
        }
        for member in self.stated.iter().filter(|stated| !members.iter().any(|member| member == *stated)) {
            wrong.push(format!("{name}: {} has no member {member}", self.operation));
        }
        for member in members {
            let covered = self.members.iter().any(|(of, _)| *of == member.to_lowercase());
            // A reason may speak of several members.
            let mut reasons = self.resource_type.omitted_parameters().iter().chain(ENGINES);
            let excused = reasons.any(|(of, why)| of == member || words(of, why).any(|it| it == member));
            if !covered && !excused && !TAGS.contains(&member.as_str()) {
                wrong.push(format!("{name}: {member} is neither an input nor listed with a reason"));
            }
        }
        wrong
    }
}

#[test]
fn every_create_parameter_is_an_input_or_is_omitted_with_a_reason() {
    const TEST: &str = "every_create_parameter_is_an_input_or_is_omitted_with_a_reason";
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
    let Ok(client) = std::env::var("PROVISIONER_AWS_CLI") else {
        return skipped(TEST, "the AWS CLI is not installed");
    };
    let types = registry();
    let (mut wrong, mut covered) = (vec![], vec![]);
    for resource_type in types.all() {
        match Covered::new(resource_type) {
            Some(call) => covered.push(call),
            None if NO_CALL.contains(&resource_type.type_name()) => {}
            None => wrong.push(format!("{}: say which call creates it", resource_type.type_name())),
        }
    }
    let calls: Value = covered.iter().map(|call| json!([call.service, call.operation])).collect();
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/members.py");
    let mut command = Command::new(Path::new(&client).with_file_name("python"));
    let told = ran(command.arg(tool).arg(calls.to_string()).output().unwrap()).ok().out;
    let told: Vec<Vec<String>> = serde_json::from_str(&told).unwrap();
    wrong.extend(covered.iter().zip(&told).flat_map(|(call, members)| call.wrong(members)));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn words<'a>(of: &'a str, why: &'a str) -> impl Iterator<Item = &'a str> {
    [of, why].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric()))
}
