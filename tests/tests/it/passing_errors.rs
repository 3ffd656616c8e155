//! Errors of AWS that pass by themselves: an object that was created moments ago is not visible, a role or key is not
//! usable yet, two changes collide, a rate is exceeded, a dependent object lingers. No emulator returns them, so the fault
//! proxy does, each of them once. One apply and one destroy must complete in spite of all of them.

use std::time::Duration;

use provisioner_tests::faults::Faults;

use crate::sandbox::Sandbox;

/// Operation, code and message of each error. `{VpcId}` stands for that member of the request.
type Errors = &'static [(&'static str, &'static str, &'static str)];

const NO_VPC: &str = "The vpc ID '{VpcId}' does not exist";
const NO_GROUP: &str = "The security group '{GroupId}' does not exist";
const NO_ROLE: &str = "The role with name {RoleName} cannot be found.";
const NO_BUCKET: &str = "The specified bucket does not exist";
const CONFLICT: &str = "A conflicting operation is currently in progress against this resource. Please try again.";
const NO_LINKED_ROLE: &str =
    "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";

const DURING_APPLY: Errors = &[
    // EC2: an object of moments ago.
    ("ec2:ModifyVpcAttribute", "InvalidVpcID.NotFound", NO_VPC),
    ("ec2:CreateSubnet", "InvalidVpcID.NotFound", NO_VPC),
    ("ec2:CreateSubnet", "RequestLimitExceeded", "Request limit exceeded."),
    ("ec2:CreateSecurityGroup", "InvalidVpcID.NotFound", NO_VPC),
    ("ec2:CreateRouteTable", "InvalidVpcID.NotFound", NO_VPC),
    ("ec2:CreateNetworkAcl", "InvalidVpcID.NotFound", NO_VPC),
    ("ec2:CreateNetworkAclEntry", "InvalidNetworkAclID.NotFound", "The networkAcl ID '{NetworkAclId}' does not exist"),
    (
        "ec2:ReplaceNetworkAclAssociation",
        "InvalidNetworkAclID.NotFound",
        "The networkAcl ID '{NetworkAclId}' does not exist",
    ),
    (
        "ec2:AttachInternetGateway",
        "InvalidInternetGatewayID.NotFound",
        "The internetGateway ID '{InternetGatewayId}' does not exist",
    ),
    ("ec2:CreateRoute", "InvalidRouteTableID.NotFound", "The routeTable ID '{RouteTableId}' does not exist"),
    ("ec2:CreateRoute", "InvalidGatewayID.NotFound", "The gateway ID '{GatewayId}' does not exist"),
    ("ec2:CreateRoute", "InvalidNatGatewayID.NotFound", "The natGateway ID '{NatGatewayId}' does not exist"),
    ("ec2:AssociateRouteTable", "InvalidSubnetID.NotFound", "The subnet ID '{SubnetId}' does not exist"),
    ("ec2:CreateNatGateway", "InvalidAllocationID.NotFound", "The allocation ID '{AllocationId}' does not exist"),
    ("ec2:CreateNatGateway", "InvalidSubnetID.NotFound", "The subnet ID '{SubnetId}' does not exist"),
    ("ec2:AuthorizeSecurityGroupIngress", "InvalidGroup.NotFound", NO_GROUP),
    ("ec2:AuthorizeSecurityGroupEgress", "InvalidGroup.NotFound", NO_GROUP),
    ("ec2:RevokeSecurityGroupEgress", "InvalidGroup.NotFound", NO_GROUP),
    ("ec2:CreateVpcEndpoint", "InvalidRouteTableId.NotFound", "The routeTable ID '{RouteTableId.1}' does not exist"),
    ("ec2:CreateFlowLogs", "InvalidParameter", "Unable to assume given IAM role"),
    ("ec2:DescribeVpcAttribute", "InvalidVpcID.NotFound", NO_VPC),
    ("ec2:DescribeSubnets", "InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist"),
    ("ec2:DescribeRouteTables", "InvalidRouteTableID.NotFound", "The routeTable ID 'rtb-1' does not exist"),
    ("ec2:DescribeSecurityGroups", "InvalidGroup.NotFound", "The security group 'sg-1' does not exist"),
    ("ec2:DescribeNatGateways", "NatGatewayNotFound", "The Nat Gateway nat-1 was not found"),
    // IAM: entities propagate, and its writes collide.
    ("iam:CreateRole", "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:role/app\""),
    ("iam:CreateRole", "EntityTemporarilyUnmodifiable", "The request was rejected. Wait and try again."),
    ("iam:CreatePolicy", "Throttling", "Rate exceeded"),
    ("iam:PutRolePolicy", "NoSuchEntity", NO_ROLE),
    ("iam:PutRolePolicy", "ConcurrentModification", "The request was rejected because of multiple requests."),
    ("iam:AttachRolePolicy", "NoSuchEntity", "Policy {PolicyArn} does not exist or is not attachable."),
    ("iam:AttachRolePolicy", "InvalidInput", "Policy {PolicyArn} does not exist or is not attachable."),
    ("iam:GetRole", "NoSuchEntity", NO_ROLE),
    ("iam:GetPolicy", "NoSuchEntity", "Policy {PolicyArn} was not found."),
    ("iam:ListRolePolicies", "NoSuchEntity", NO_ROLE),
    ("iam:ListAttachedRolePolicies", "NoSuchEntity", NO_ROLE),
    // Keys and what is encrypted with them.
    (
        "kms:CreateKey",
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals.",
    ),
    ("kms:CreateAlias", "NotFoundException", "Key '{TargetKeyId}' does not exist"),
    ("kms:EnableKeyRotation", "NotFoundException", "Key '{KeyId}' does not exist"),
    ("kms:GetKeyPolicy", "NotFoundException", "Key '{KeyId}' does not exist"),
    ("secretsmanager:CreateSecret", "AccessDeniedException", "Access to KMS is not allowed"),
    (
        "secretsmanager:CreateSecret",
        "EncryptionFailure",
        "Secrets Manager can't encrypt the protected secret text using the provided KMS key.",
    ),
    (
        "secretsmanager:CreateSecret",
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
    ),
    ("secretsmanager:DescribeSecret", "ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
    ("ecr:CreateRepository", "KmsException", "The operation failed due to a KMS exception."),
    (
        "ecr:PutLifecyclePolicy",
        "RepositoryNotFoundException",
        "The repository with name '{repositoryName}' does not exist in the registry with id '123456789012'",
    ),
    // Logs, buckets, topics and certificates.
    ("logs:CreateLogGroup", "OperationAbortedException", CONFLICT),
    ("logs:PutRetentionPolicy", "OperationAbortedException", CONFLICT),
    ("logs:PutRetentionPolicy", "ResourceNotFoundException", "The specified log group does not exist."),
    ("logs:ListTagsForResource", "ResourceNotFoundException", "The specified log group does not exist."),
    ("s3:CreateBucket", "OperationAborted", CONFLICT),
    ("s3:PutBucketEncryption", "NoSuchBucket", NO_BUCKET),
    ("s3:PutBucketLifecycleConfiguration", "NoSuchBucket", NO_BUCKET),
    ("s3:PutBucketPolicy", "NoSuchBucket", NO_BUCKET),
    ("s3:PutBucketPolicy", "MalformedPolicy", "Invalid principal in policy"),
    ("s3:PutPublicAccessBlock", "NoSuchBucket", NO_BUCKET),
    ("s3:PutPublicAccessBlock", "OperationAborted", CONFLICT),
    ("s3:GetBucketPolicy", "NoSuchBucket", NO_BUCKET),
    ("sns:CreateTopic", "ConcurrentAccess", "Two or more requests for this topic were sent at the same time."),
    ("sns:Subscribe", "NotFound", "Topic does not exist"),
    ("sns:Subscribe", "Throttled", "Rate exceeded"),
    ("sns:GetTopicAttributes", "NotFound", "Topic does not exist"),
    ("acm:DescribeCertificate", "ResourceNotFoundException", "Could not find certificate {CertificateArn}."),
    // The database.
    (
        "rds:CreateDBSubnetGroup",
        "InvalidParameterValue",
        "Unable to create the resource. Verify that you have permission to create service linked role. Otherwise wait and \
         try again later",
    ),
    ("rds:ModifyDBParameterGroup", "DBParameterGroupNotFound", "DBParameterGroup not found: {DBParameterGroupName}"),
    (
        "rds:ModifyDBParameterGroup",
        "InvalidDBParameterGroupState",
        "The DB parameter group {DBParameterGroupName} is in use or in an invalid state.",
    ),
    ("rds:DescribeDBParameters", "DBParameterGroupNotFound", "DBParameterGroup not found: {DBParameterGroupName}"),
    (
        "rds:CreateDBInstance",
        "KMSKeyNotAccessibleFault",
        "The specified KMS key [{MasterUserSecretKmsKeyId}] is not accessible.",
    ),
    ("rds:CreateDBInstance", "DBSubnetGroupNotFoundFault", "DB subnet group '{DBSubnetGroupName}' not found."),
    (
        "rds:CreateDBInstance",
        "InvalidParameterValue",
        "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
    ),
    // The load balancer and its firewall.
    ("elasticloadbalancing:CreateTargetGroup", "ValidationError", "The VPC ID '{VpcId}' is not found"),
    ("elasticloadbalancing:CreateLoadBalancer", "InvalidSubnet", "VPC vpc-1 has no internet gateway"),
    ("elasticloadbalancing:CreateLoadBalancer", "InvalidSecurityGroup", "One or more security groups are invalid"),
    (
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "InvalidConfigurationRequest",
        "Access Denied for bucket: dev-logs. Please check S3bucket permission",
    ),
    (
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "LoadBalancerNotFound",
        "Load balancer '{LoadBalancerArn}' not found",
    ),
    (
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "TargetGroupNotFound",
        "Target groups '{TargetGroupArn}' not found",
    ),
    (
        "elasticloadbalancing:CreateListener",
        "CertificateNotFound",
        "Certificate '{Certificates.member.1.CertificateArn}' not found",
    ),
    (
        "elasticloadbalancing:CreateListener",
        "UnsupportedCertificate",
        "The certificate '{Certificates.member.1.CertificateArn}' must have a fully-qualified domain name, a supported \
         signature, and a supported key size.",
    ),
    (
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "LoadBalancerNotFound",
        "Load balancer '{LoadBalancerArn}' not found",
    ),
    (
        "wafv2:AssociateWebACL",
        "WAFUnavailableEntityException",
        "AWS WAF couldn't retrieve a resource that you specified for this operation.",
    ),
    ("wafv2:GetWebACL", "WAFNonexistentItemException", "The resource doesn't exist."),
    // The service.
    ("ecs:CreateCluster", "InvalidParameterException", NO_LINKED_ROLE),
    ("ecs:RegisterTaskDefinition", "ClientException", "Role is not valid"),
    ("ecs:CreateService", "ClusterNotFoundException", "Cluster not found."),
    ("ecs:CreateService", "InvalidParameterException", NO_LINKED_ROLE),
    (
        "ecs:CreateService",
        "InvalidParameterException",
        "The target group with targetGroupArn arn:1 does not have an associated load balancer.",
    ),
    ("ecs:UpdateService", "ServiceNotFoundException", "Service not found."),
    ("ecs:UpdateService", "ServiceNotActiveException", "Service was not ACTIVE."),
    (
        "application-autoscaling:RegisterScalableTarget",
        "ValidationException",
        "Unable to assume IAM role: arn:aws:iam::123456789012:role/aws-service-role/scaling",
    ),
    (
        "application-autoscaling:RegisterScalableTarget",
        "ValidationException",
        "ECS service doesn't exist: {ResourceId}",
    ),
    ("application-autoscaling:RegisterScalableTarget", "ConcurrentUpdateException", CONFLICT),
    (
        "application-autoscaling:PutScalingPolicy",
        "ObjectNotFoundException",
        "No scalable target registered for service namespace: ecs, resource ID: {ResourceId}",
    ),
    ("application-autoscaling:PutScalingPolicy", "FailedResourceAccessException", "Unable to retrieve alarms."),
    ("cloudwatch:PutMetricAlarm", "Throttling", "Rate exceeded"),
];

const DURING_DESTROY: Errors = &[
    ("ec2:DeleteSecurityGroup", "DependencyViolation", "resource {GroupId} has a dependent object"),
    ("ec2:DeleteSubnet", "DependencyViolation", "The subnet '{SubnetId}' has dependencies and cannot be deleted."),
    ("ec2:DeleteNetworkAcl", "DependencyViolation", "The networkAcl '{NetworkAclId}' has dependencies."),
    ("ec2:DeleteRouteTable", "DependencyViolation", "The routeTable '{RouteTableId}' has dependencies."),
    ("ec2:DetachInternetGateway", "DependencyViolation", "Network {VpcId} has some mapped public address(es)."),
    ("ec2:DeleteInternetGateway", "DependencyViolation", "The internetGateway '{InternetGatewayId}' has dependencies."),
    ("ec2:ReleaseAddress", "InvalidIPAddress.InUse", "Address is in use."),
    ("ec2:ReleaseAddress", "AuthFailure", "You do not have permission to access the specified resource."),
    ("ec2:DeleteVpc", "DependencyViolation", "The vpc '{VpcId}' has dependencies and cannot be deleted."),
    ("iam:DeleteRole", "DeleteConflict", "Cannot delete entity, must detach all policies first."),
    ("iam:DeletePolicy", "DeleteConflict", "Cannot delete a policy attached to entities."),
    ("iam:DetachRolePolicy", "ConcurrentModification", "The request was rejected because of multiple requests."),
    ("elasticloadbalancing:DeleteTargetGroup", "ResourceInUse", "Target group '{TargetGroupArn}' is currently in use"),
    (
        "ecs:DeleteCluster",
        "ClusterContainsServicesException",
        "The Cluster cannot be deleted while Services are active.",
    ),
    ("ecs:DeleteCluster", "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."),
    ("ecs:DeleteCluster", "UpdateInProgressException", "The specified cluster has an update in progress."),
    ("rds:DeleteDBInstance", "InvalidDBInstanceState", "Instance {DBInstanceIdentifier} is being modified."),
    ("rds:DeleteDBSubnetGroup", "InvalidDBSubnetGroupStateFault", "At least one database instance is still using it."),
    ("rds:DeleteDBParameterGroup", "InvalidDBParameterGroupState", "Database instances are still members of it."),
    ("wafv2:DisassociateWebACL", "WAFUnavailableEntityException", "AWS WAF couldn't retrieve a resource."),
    ("wafv2:DeleteWebACL", "WAFAssociatedItemException", "Your resource is associated with another resource."),
    ("wafv2:DeleteWebACL", "WAFOptimisticLockException", "The resource was changed since you retrieved it."),
    ("acm:DeleteCertificate", "ResourceInUseException", "Certificate {CertificateArn} is in use."),
    ("s3:DeleteBucket", "BucketNotEmpty", "The bucket you tried to delete is not empty"),
    ("s3:DeleteBucket", "OperationAborted", CONFLICT),
    ("logs:DeleteLogGroup", "OperationAbortedException", CONFLICT),
    ("sns:DeleteTopic", "ConcurrentAccess", "Two or more requests for this topic were sent at the same time."),
    ("application-autoscaling:DeregisterScalableTarget", "ConcurrentUpdateException", CONFLICT),
    ("cloudwatch:DeleteAlarms", "Throttling", "Rate exceeded"),
];

#[test]
fn errors_that_pass_end_neither_apply_nor_destroy() {
    let Some(mut sandbox) = Sandbox::new("errors_that_pass_end_neither_apply_nor_destroy") else { return };
    sandbox.pace = &["--consistency-window", "30", "--poll", "0.2"];
    let before = sandbox.moto.everything();
    run_through(&sandbox, DURING_APPLY, &["apply", "dev", "--yes"]);
    sandbox
        .run_through(
            &Faults::before(&sandbox.moto.url, vec![], 0).unwrap(),
            "",
            &["plan", "dev", "--detailed-exitcode"],
            LIMIT,
        )
        .ok();
    run_through(&sandbox, DURING_DESTROY, &["destroy", "dev", "--yes"]);
    assert_eq!(sandbox.moto.everything(), before, "left behind");
}

const LIMIT: Duration = Duration::from_mins(5);

/// Runs a command that gets each error once, and completes.
fn run_through(sandbox: &Sandbox, errors: Errors, arguments: &[&str]) {
    let rule = |(operation, code, message): &(&str, &str, &str)| format!("{operation}#once=refuse:{code}:{message}");
    let rules: Vec<String> = errors.iter().map(rule).collect();
    let faults =
        Faults::before(&sandbox.moto.url, rules.iter().map(|rule| rule.parse().unwrap()).collect(), 0).unwrap();
    sandbox.run_through(&faults, "", arguments, LIMIT).ok();
    let calls = faults.calls();
    let missing: Vec<&String> =
        rules.iter().filter(|rule| !calls.iter().any(|call| call.fault.as_ref() == Some(rule))).collect();
    assert!(missing.is_empty(), "these errors did not occur: {missing:#?}");
}
