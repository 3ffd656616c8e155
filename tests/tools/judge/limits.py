"""Limits that AWS documents and that no service model states, each with its page.

A limit names operations, a member (`Tags[].Key`; empty for the request as a whole), a test of the member's value, and the
rule in words. A member that a request does not have breaks no limit of that member.
"""
import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from findings import Finding, shown

DOCS = "https://docs.aws.amazon.com"


@dataclass(frozen=True)
class Limit:
    operations: str
    member: str
    holds: Callable
    rule: str
    page: str
    # The test gets the call as its second argument.
    whole: bool = False


def values(members, path):
    """The values at a path, each with its place in the request."""
    found = [("", members)]
    for part in filter(None, path.split(".")):
        name, lists = part.rstrip("[]"), part.count("[]")
        found = [(f"{place}.{name}".lstrip("."), node[name]) for place, node in found
                 if isinstance(node, dict) and name in node]
        for _ in range(lists):
            found = [(f"{place}[{index}]", item) for place, node in found for index, item in enumerate(node)]
    return found


def check(call, hidden):
    """Reports the limits that a call breaks. Returns whether there is any limit for the operation."""
    limits = LIMITS.get(call.operation, ())
    for limit in limits:
        for place, value in values(call.members, limit.member):
            try:
                holds = limit.holds(value, call) if limit.whole else limit.holds(value)
            except (TypeError, ValueError, KeyError, AttributeError):
                holds = False
            if not holds:
                what = "(sensitive)" if place in hidden else shown(value) if limit.member else ""
                call.findings.append(Finding(call.operation, place, what, limit.rule, limit.page))
    tagged = tags(call, hidden)
    return bool(limits) or tagged


# Tags, which have the same limits in almost every service.

TAGS = f"{DOCS}/tag-editor/latest/userguide/best-practices-and-strats.html"
EC2_TAGS = f"{DOCS}/AWSEC2/latest/APIReference/API_Tag.html"
TAG_LISTS = ("Tags", "tags", "TagSpecifications[].Tags", "TagList", "AddTags", "Tagging.TagSet")


def tags(call, hidden):
    found = [one for path in TAG_LISTS for one in values(call.members, path)]
    longest = 127 if call.service == "ec2" else 128
    page = EC2_TAGS if call.service == "ec2" else TAGS
    for place, listed in found:
        if isinstance(listed, dict):
            pairs = list(listed.items())
        else:
            pairs = [(tag_part(tag, "key"), tag_part(tag, "value")) for tag in listed if isinstance(tag, dict)]

        def report(rule, value):
            call.findings.append(Finding(call.operation, place, shown(value), rule, page))

        keys = [key for key, _ in pairs]
        if len(keys) > 50:
            report("expected at most 50 tags", len(keys))
        if len(set(keys)) < len(keys):
            report("expected each key of a tag once", keys)
        for key, value in pairs:
            if str(key).lower().startswith("aws:"):
                report("keys of tags must not begin with aws:", key)
            if not 0 < len(str(key)) <= longest:
                report(f"expected a key of 1 to {longest} characters", key)
            if value is not None and len(str(value)) > 256:
                report("expected a value of at most 256 characters", value)
            if call.service != "ec2" and not all(re.fullmatch(r"[\w\s.:/=+@-]*", str(text)) for text in (key, value or "")):
                report("expected letters, numbers, spaces and _ . : / = + - @ in a tag", [key, value])
    return bool(found)


def tag_part(tag, part):
    return next((value for name, value in tag.items() if name.lower() in (part, f"tag{part}")), None)


# Tests of values.

def matches(pattern):
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


def begins_with_none_of(*beginnings):
    return lambda value: not value.lower().startswith(beginnings)


def at_most(count):
    return lambda value: len(value) <= count


def between(least, most):
    return lambda value: least <= float(value) <= most


def one_of(*allowed):
    return lambda value: value in allowed


def both(*tests):
    return lambda value: all(test(value) for test in tests)


def without_spaces(count):
    """A policy document of at most this many characters, of which IAM does not count white space."""
    return lambda value: len(re.sub(r"\s", "", value)) <= count


def is_policy(value):
    document = json.loads(value)
    statements = document["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    return document.get("Version", "2008-10-17") in ("2012-10-17", "2008-10-17") and all(
        one["Effect"] in ("Allow", "Deny") and ("Action" in one) != ("NotAction" in one)
        and set(one) <= {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
                         "Condition"}
        for one in statements)


def has_resources(value):
    statements = json.loads(value)["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    return all(("Resource" in one) != ("NotResource" in one) and "Principal" not in one for one in statements)


def has_principals(value):
    statements = json.loads(value)["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    return all(("Principal" in one) != ("NotPrincipal" in one) for one in statements)


def prefix_length(least, most):
    return lambda value: least <= ipaddress.ip_network(value, strict=False).prefixlen <= most


def is_json(value):
    json.loads(value)
    return True


def at_most_one_of(*names):
    return lambda members: sum(name in members for name in names) <= 1


def minutes(window):
    """The length of a window `hh24:mi-hh24:mi` or `ddd:hh24:mi-ddd:hh24:mi`, in minutes."""
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    def at(text):
        *day, hour, minute = text.lower().split(":")
        return (days.index(day[0]) * 1440 if day else 0) + int(hour) * 60 + int(minute)

    start, end = window.split("-")
    return (at(end) - at(start)) % (10080 if start.count(":") == 2 else 1440)


# The limits of each service.

def ec2(name):
    return f"{DOCS}/AWSEC2/latest/APIReference/API_{name}.html"


GROUP_TEXT = r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}"
RULES = "ec2:AuthorizeSecurityGroupIngress ec2:AuthorizeSecurityGroupEgress"
VPC_QUOTAS = f"{DOCS}/vpc/latest/userguide/amazon-vpc-limits.html"
EC2 = [
    Limit("ec2:CreateSecurityGroup", "GroupName", both(matches(GROUP_TEXT), begins_with_none_of("sg-")),
          "expected at most 255 characters of a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*, not beginning with sg-",
          ec2("CreateSecurityGroup")),
    Limit("ec2:CreateSecurityGroup", "Description", matches(GROUP_TEXT),
          "expected at most 255 characters of a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*", ec2("CreateSecurityGroup")),
    *(Limit(f"{RULES} ec2:RevokeSecurityGroupIngress ec2:RevokeSecurityGroupEgress", f"IpPermissions[].{ranges}[].Description",
            matches(GROUP_TEXT), "expected at most 255 characters of a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*", ec2(page))
      for ranges, page in (("IpRanges", "IpRange"), ("Ipv6Ranges", "Ipv6Range"), ("UserIdGroupPairs", "UserIdGroupPair"),
                           ("PrefixListIds", "PrefixListId"))),
    *(Limit(RULES, f"IpPermissions[].{port}", between(-1, 65535), "expected a port, or -1 for ICMP", ec2("IpPermission"))
      for port in ("FromPort", "ToPort")),
    Limit(RULES, "IpPermissions[]", lambda one: one.get("IpProtocol") in ("-1", "icmp", "icmpv6", "1", "58")
          or ("FromPort" in one and "ToPort" in one and one["FromPort"] <= one["ToPort"]),
          "expected FromPort and ToPort in ascending order for TCP and UDP", ec2("IpPermission")),
    Limit("ec2:CreateVpc", "CidrBlock", prefix_length(16, 28), "expected a network from /16 to /28",
          f"{DOCS}/vpc/latest/userguide/vpc-cidr-blocks.html"),
    Limit("ec2:CreateSubnet", "CidrBlock", prefix_length(16, 28), "expected a network from /16 to /28",
          f"{DOCS}/vpc/latest/userguide/subnet-sizing.html"),
    Limit("ec2:CreateNetworkAclEntry ec2:ReplaceNetworkAclEntry ec2:DeleteNetworkAclEntry", "RuleNumber", between(1, 32766),
          "expected a number from 1 to 32766", ec2("CreateNetworkAclEntry")),
    Limit("ec2:CreateNetworkAclEntry", "", lambda one: one["Protocol"] not in ("6", "17", "tcp", "udp") or "PortRange" in one,
          "expected PortRange for TCP and UDP", ec2("CreateNetworkAclEntry")),
    Limit("ec2:CreateNetworkAclEntry", "", lambda one: ("CidrBlock" in one) != ("Ipv6CidrBlock" in one),
          "expected either CidrBlock or Ipv6CidrBlock", ec2("CreateNetworkAclEntry")),
    Limit("ec2:CreateNatGateway ec2:CreateRouteTable ec2:CreateNetworkAcl ec2:CreateVpcEndpoint ec2:CreateFlowLogs", "ClientToken",
          matches(r"[\x00-\x7f]{1,64}"), "expected at most 64 ASCII characters",
          f"{DOCS}/ec2/latest/devguide/ec2-api-idempotency.html"),
    Limit("ec2:CreateNatGateway", "", lambda one: one.get("ConnectivityType", "public") != "public" or "AllocationId" in one
          or one.get("AvailabilityMode") == "regional", "expected AllocationId for a public gateway", ec2("CreateNatGateway")),
    Limit("ec2:CreateVpcEndpoint ec2:ModifyVpcEndpoint", "PolicyDocument", both(is_policy, has_principals),
          "expected a policy document with principals", f"{DOCS}/vpc/latest/privatelink/vpc-endpoints-access.html"),
    Limit("ec2:CreateFlowLogs", "MaxAggregationInterval", one_of(60, 600), "expected 60 or 600", ec2("CreateFlowLogs")),
    Limit("ec2:CreateFlowLogs", "", lambda one: one.get("LogDestinationType", "cloud-watch-logs") != "cloud-watch-logs"
          or "DeliverLogsPermissionArn" in one, "expected DeliverLogsPermissionArn for CloudWatch Logs", ec2("CreateFlowLogs")),
    Limit("ec2:CreateFlowLogs", "", at_most_one_of("LogGroupName", "LogDestination"),
          "expected one of LogGroupName and LogDestination", ec2("CreateFlowLogs")),
    Limit("ec2:ModifyVpcAttribute", "", at_most_one_of("EnableDnsSupport", "EnableDnsHostnames",
                                                       "EnableNetworkAddressUsageMetrics"),
          "expected one attribute in a request", ec2("ModifyVpcAttribute")),
    Limit("ec2:ModifySubnetAttribute", "", lambda one: len(one) == 2, "expected one attribute in a request",
          ec2("ModifySubnetAttribute")),
    Limit("ec2:CreateRoute ec2:ReplaceRoute", "", lambda one: sum(name in one for name in (
        "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")) == 1,
          "expected exactly one destination", ec2("CreateRoute")),
    Limit("ec2:CreateRoute ec2:ReplaceRoute", "", lambda one: sum(name.endswith("Id") for name in one if name not in (
        "RouteTableId", "DestinationPrefixListId")) + ("CoreNetworkArn" in one) + bool(one.get("LocalTarget")) == 1,
          "expected exactly one target", ec2("CreateRoute")),
    Limit("ec2:AuthorizeSecurityGroupIngress ec2:AuthorizeSecurityGroupEgress", "IpPermissions", at_most(1000),
          "expected at most 1000 rules", VPC_QUOTAS),
    Limit("ec2:CreateTags ec2:DeleteTags", "Resources", at_most(1000), "expected at most 1000 resources", ec2("CreateTags")),
]


def elb(name):
    return f"{DOCS}/elasticloadbalancing/latest/APIReference/API_{name}.html"


ELB_NAME = r"(?!-)[a-zA-Z0-9-]{1,32}(?<!-)"
ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": between(0, 3600),
    "slow_start.duration_seconds": lambda value: value == "0" or 30 <= int(value) <= 900,
    "stickiness.lb_cookie.duration_seconds": between(1, 604800),
    "stickiness.app_cookie.duration_seconds": between(1, 604800),
    "load_balancing.algorithm.type": one_of("round_robin", "least_outstanding_requests", "weighted_random"),
    "load_balancing.cross_zone.enabled": one_of("true", "false", "use_load_balancer_configuration"),
    "idle_timeout.timeout_seconds": between(1, 4000),
    "client_keep_alive.seconds": between(60, 604800),
    "routing.http.desync_mitigation_mode": one_of("monitor", "defensive", "strictest"),
    "routing.http.xff_header_processing.mode": one_of("append", "preserve", "remove"),
}


def attribute_holds(one):
    key, value = one["Key"], one.get("Value", "")
    if key in ATTRIBUTES:
        return ATTRIBUTES[key](value)
    return not key.endswith(".enabled") or value in ("true", "false")


def codes(value):
    numbers = [int(number) for part in value.split(",") for number in part.split("-")]
    return all(200 <= number <= 499 for number in numbers)


ELB = [
    Limit("elbv2:CreateLoadBalancer", "Name", both(matches(ELB_NAME), begins_with_none_of("internal-")),
          "expected at most 32 letters, digits and hyphens, no hyphen at an end, not beginning with internal-",
          elb("CreateLoadBalancer")),
    Limit("elbv2:CreateLoadBalancer", "", lambda one: one.get("Type", "application") != "application"
          or len(set(one.get("Subnets") or [each["SubnetId"] for each in one["SubnetMappings"]])) >= 2,
          "expected subnets of at least two Availability Zones", elb("CreateLoadBalancer")),
    Limit("elbv2:CreateLoadBalancer elbv2:SetSubnets", "", at_most_one_of("Subnets", "SubnetMappings"),
          "expected one of Subnets and SubnetMappings", elb("CreateLoadBalancer")),
    Limit("elbv2:CreateTargetGroup", "Name", matches(ELB_NAME),
          "expected at most 32 letters, digits and hyphens, no hyphen at an end", elb("CreateTargetGroup")),
    Limit("elbv2:CreateTargetGroup elbv2:ModifyTargetGroup", "",
          lambda one: one.get("HealthCheckTimeoutSeconds", 0) < one.get("HealthCheckIntervalSeconds", 301),
          "expected HealthCheckTimeoutSeconds below HealthCheckIntervalSeconds", elb("CreateTargetGroup")),
    Limit("elbv2:CreateTargetGroup elbv2:ModifyTargetGroup", "HealthCheckPath", matches(r"/.*"), "expected a path that begins with /",
          elb("CreateTargetGroup")),
    Limit("elbv2:CreateTargetGroup elbv2:ModifyTargetGroup", "Matcher.HttpCode", codes, "expected codes from 200 to 499",
          elb("Matcher")),
    Limit("elbv2:ModifyTargetGroupAttributes", "Attributes[]", attribute_holds, "expected a value of this attribute's range",
          elb("TargetGroupAttribute")),
    Limit("elbv2:ModifyLoadBalancerAttributes", "Attributes[]", attribute_holds, "expected a value of this attribute's range",
          elb("LoadBalancerAttribute")),
    Limit("elbv2:CreateListener elbv2:ModifyListener", "Certificates", lambda value: len(value) == 1 and "IsDefault" not in value[0],
          "expected exactly one certificate, without IsDefault", elb("CreateListener")),
    Limit("elbv2:CreateListener", "", lambda one: one.get("Protocol") not in ("HTTPS", "TLS") or one.get("Certificates"),
          "expected a certificate for HTTPS and TLS", elb("CreateListener")),
    Limit("elbv2:CreateListener", "", lambda one: "SslPolicy" not in one or one.get("Protocol") in ("HTTPS", "TLS"),
          "expected SslPolicy only for HTTPS and TLS", elb("CreateListener")),
    Limit("elbv2:CreateRule elbv2:ModifyRule", "Conditions[].Values", at_most(5), "expected at most 5 values", elb("RuleCondition")),
    Limit("elbv2:AddTags elbv2:RemoveTags", "ResourceArns", at_most(1), "expected one resource",
          elb("AddTags")),
    Limit("elbv2:DescribeTags", "ResourceArns", at_most(20), "expected at most 20 resources", elb("DescribeTags")),
]


def rds(name):
    return f"{DOCS}/AmazonRDS/latest/APIReference/API_{name}.html"


HYPHENS = r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]*(?<!-)"
INSTANCE = "rds:CreateDBInstance rds:ModifyDBInstance"
RESTORED = f"{INSTANCE} rds:RestoreDBInstanceFromDBSnapshot"
RDS = [
    Limit(f"{RESTORED} rds:DeleteDBInstance", "DBInstanceIdentifier", both(matches(HYPHENS), at_most(63)),
          "expected 1 to 63 letters, digits and single hyphens, beginning with a letter, not ending with a hyphen",
          rds("CreateDBInstance")),
    Limit("rds:CreateDBParameterGroup rds:ModifyDBParameterGroup rds:CreateDBInstance", "DBParameterGroupName",
          both(matches(HYPHENS.replace("0-9-", "0-9.-")), at_most(255)),
          "expected 1 to 255 letters, digits and single hyphens, beginning with a letter, not ending with a hyphen",
          rds("CreateDBParameterGroup")),
    Limit("rds:CreateDBSubnetGroup", "DBSubnetGroupName",
          both(matches(r"[a-zA-Z][a-zA-Z0-9._ -]{0,254}"), lambda value: value.lower() != "default"),
          "expected at most 255 letters, digits, periods, underscores, spaces and hyphens, beginning with a letter, not default",
          rds("CreateDBSubnetGroup")),
    Limit("rds:CreateDBSubnetGroup rds:ModifyDBSubnetGroup", "SubnetIds", lambda value: len(set(value)) >= 2,
          "expected subnets of at least two Availability Zones", rds("CreateDBSubnetGroup")),
    Limit("rds:DeleteDBInstance", "FinalDBSnapshotIdentifier", both(matches(HYPHENS), at_most(255)),
          "expected 1 to 255 letters, digits and single hyphens, beginning with a letter, not ending with a hyphen",
          rds("DeleteDBInstance")),
    Limit("rds:DeleteDBInstance", "", lambda one: bool(one.get("SkipFinalSnapshot")) != ("FinalDBSnapshotIdentifier" in one),
          "expected either SkipFinalSnapshot or FinalDBSnapshotIdentifier", rds("DeleteDBInstance")),
    Limit("rds:CreateDBInstance", "MasterUsername", both(matches(r"[a-zA-Z][a-zA-Z0-9_]{0,15}"), lambda value: value.lower() not in (
        "admin", "rdsadmin", "public", "user")),
          "expected 1 to 16 letters, digits and underscores, beginning with a letter, no reserved word", rds("CreateDBInstance")),
    Limit(INSTANCE, "MasterUserPassword", matches(r"[^\x00-\x1f\x7f-\uffff/\"@]{8,128}"),
          "expected 8 to 128 printable characters except / \" @", rds("CreateDBInstance")),
    Limit(INSTANCE, "", lambda one: not (one.get("ManageMasterUserPassword") and "MasterUserPassword" in one),
          "expected no MasterUserPassword beside ManageMasterUserPassword", rds("CreateDBInstance")),
    Limit("rds:CreateDBInstance", "DBName", matches(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}"),
          "expected 1 to 63 letters, digits and underscores", rds("CreateDBInstance")),
    Limit(RESTORED, "BackupRetentionPeriod", between(0, 35), "expected 0 to 35 days", rds("CreateDBInstance")),
    Limit(INSTANCE, "AllocatedStorage", between(20, 65536), "expected 20 to 65536 GiB", rds("CreateDBInstance")),
    Limit(INSTANCE, "", lambda one: "MaxAllocatedStorage" not in one or one["MaxAllocatedStorage"] > one.get("AllocatedStorage", 0),
          "expected MaxAllocatedStorage above AllocatedStorage",
          f"{DOCS}/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html"),
    Limit(INSTANCE, "MonitoringInterval", one_of(0, 1, 5, 10, 15, 30, 60), "expected 0, 1, 5, 10, 15, 30 or 60",
          rds("CreateDBInstance")),
    Limit("rds:CreateDBInstance", "", lambda one: not one.get("MonitoringInterval") or "MonitoringRoleArn" in one,
          "expected MonitoringRoleArn beside MonitoringInterval", rds("CreateDBInstance")),
    Limit(INSTANCE, "PerformanceInsightsRetentionPeriod", lambda days: days in (7, 731) or (days % 31 == 0 and 1 <= days // 31 <= 23),
          "expected 7, 731 or a multiple of 31 up to 713", rds("CreateDBInstance")),
    Limit(INSTANCE, "PreferredBackupWindow", lambda value: matches(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")(value)
          and minutes(value) >= 30, "expected hh24:mi-hh24:mi of at least 30 minutes", rds("CreateDBInstance")),
    Limit(INSTANCE, "PreferredMaintenanceWindow", lambda value: minutes(value) >= 30,
          "expected ddd:hh24:mi-ddd:hh24:mi of at least 30 minutes", rds("CreateDBInstance")),
    Limit("rds:CreateDBInstance", "Port", between(1150, 65535), "expected a port from 1150 to 65535", rds("CreateDBInstance")),
    Limit("rds:ModifyDBInstance", "DBPortNumber", between(1150, 65535), "expected a port from 1150 to 65535", rds("ModifyDBInstance")),
    Limit(RESTORED, "EngineLifecycleSupport", one_of("open-source-rds-extended-support", "open-source-rds-extended-support-disabled"),
          "expected open-source-rds-extended-support or open-source-rds-extended-support-disabled", rds("CreateDBInstance")),
    Limit("rds:ModifyDBParameterGroup rds:ResetDBParameterGroup", "Parameters", at_most(20), "expected at most 20 parameters",
          rds("ModifyDBParameterGroup")),
    *(Limit(f"rds:{one}", "MaxRecords", between(20, 100), "expected 20 to 100", rds(one)) for one in (
        "DescribeDBInstances", "DescribeDBSubnetGroups", "DescribeDBParameterGroups", "DescribeDBParameters",
        "DescribeDBSnapshots", "DescribeDBEngineVersions")),
    Limit("rds:DescribeOrderableDBInstanceOptions", "MaxRecords", between(20, 1000), "expected 20 to 1000",
          rds("DescribeOrderableDBInstanceOptions")),
]

IAM_QUOTAS = f"{DOCS}/IAM/latest/UserGuide/reference_iam-quotas.html"
GRAMMAR = f"{DOCS}/IAM/latest/UserGuide/reference_policies_grammar.html"
IAM = [
    Limit("iam:PutRolePolicy", "PolicyDocument", without_spaces(10240), "expected at most 10240 characters without white space",
          IAM_QUOTAS),
    Limit("iam:CreatePolicy iam:CreatePolicyVersion", "PolicyDocument", without_spaces(6144),
          "expected at most 6144 characters without white space", IAM_QUOTAS),
    Limit("iam:CreateRole", "AssumeRolePolicyDocument", without_spaces(2048), "expected at most 2048 characters without white space",
          IAM_QUOTAS),
    Limit("iam:UpdateAssumeRolePolicy", "PolicyDocument", without_spaces(2048),
          "expected at most 2048 characters without white space", IAM_QUOTAS),
    Limit("iam:PutRolePolicy iam:CreatePolicy iam:CreatePolicyVersion", "PolicyDocument", both(is_policy, has_resources),
          "expected a policy document with actions and resources", GRAMMAR),
    Limit("iam:CreateRole", "AssumeRolePolicyDocument", both(is_policy, has_principals),
          "expected a policy document with actions and principals", GRAMMAR),
    Limit("iam:UpdateAssumeRolePolicy", "PolicyDocument", both(is_policy, has_principals),
          "expected a policy document with actions and principals", GRAMMAR),
    Limit("iam:CreateOpenIDConnectProvider", "Url", matches(r"https://[^?#]+"), "expected https:// without a query",
          f"{DOCS}/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html"),
]


def ecr(name):
    return f"{DOCS}/AmazonECR/latest/APIReference/API_{name}.html"


ECR = [
    Limit("ecr:CreateRepository", "repositoryName", matches(r"[a-z].*"), "expected a name that begins with a letter",
          ecr("CreateRepository")),
    Limit("ecr:PutLifecyclePolicy", "lifecyclePolicyText", lambda value: all(
        1 <= rule["rulePriority"] and rule["action"]["type"] in ("expire", "transition") and rule["selection"]["countNumber"] >= 1
        and rule["selection"]["tagStatus"] in ("tagged", "untagged", "any") for rule in json.loads(value)["rules"])
        and len({rule["rulePriority"] for rule in json.loads(value)["rules"]}) == len(json.loads(value)["rules"]) <= 50,
          "expected at most 50 rules with unique priorities, a tagStatus, a countNumber and an action",
          f"{DOCS}/AmazonECR/latest/userguide/lifecycle_policy_parameters.html"),
    Limit("ecr:SetRepositoryPolicy", "policyText", both(is_policy, has_principals),
          "expected a policy document with principals", GRAMMAR),
]


def ecs(name):
    return f"{DOCS}/AmazonECS/latest/APIReference/API_{name}.html"


ECS_NAME = matches(r"[a-zA-Z0-9_-]{1,255}")
ECS_NAME_RULE = "expected at most 255 letters, digits, underscores and hyphens"
# Sizes of memory in MiB by CPU units.
FARGATE = {
    256: {512, 1024, 2048}, 512: set(range(1024, 4097, 1024)), 1024: set(range(2048, 8193, 1024)),
    2048: set(range(4096, 16385, 1024)), 4096: set(range(8192, 30721, 1024)), 8192: set(range(16384, 61441, 4096)),
    16384: set(range(32768, 122881, 8192)),
}


def on_fargate(one):
    return "FARGATE" in one.get("requiresCompatibilities", [])


def fits_fargate(one):
    return not on_fargate(one) or int(one["memory"]) in FARGATE.get(int(one["cpu"]), ())


def has_execution_role(one):
    needs = any(container.get("secrets") or container.get("logConfiguration", {}).get("logDriver") == "awslogs"
                or ".dkr.ecr." in container.get("image", "") for container in one["containerDefinitions"])
    return not on_fargate(one) or not needs or "executionRoleArn" in one


def logs_completely(one):
    options = [each["logConfiguration"].get("options", {}) for each in one["containerDefinitions"]
               if each.get("logConfiguration", {}).get("logDriver") == "awslogs"]
    return not on_fargate(one) or all(
        f"awslogs-{name}" in each for each in options for name in ("group", "region", "stream-prefix"))


CONTAINERS = "ecs:RegisterTaskDefinition"
ECS = [
    Limit("ecs:CreateCluster", "clusterName", ECS_NAME, ECS_NAME_RULE, ecs("CreateCluster")),
    Limit("ecs:CreateService", "serviceName", ECS_NAME, ECS_NAME_RULE, ecs("CreateService")),
    Limit(CONTAINERS, "family", ECS_NAME, ECS_NAME_RULE, ecs("RegisterTaskDefinition")),
    Limit(CONTAINERS, "containerDefinitions[].name", ECS_NAME, ECS_NAME_RULE, ecs("ContainerDefinition")),
    Limit(CONTAINERS, "containerDefinitions[].healthCheck.interval", between(5, 300), "expected 5 to 300 seconds", ecs("HealthCheck")),
    Limit(CONTAINERS, "containerDefinitions[].healthCheck.timeout", between(2, 60), "expected 2 to 60 seconds", ecs("HealthCheck")),
    Limit(CONTAINERS, "containerDefinitions[].healthCheck.retries", between(1, 10), "expected 1 to 10", ecs("HealthCheck")),
    Limit(CONTAINERS, "containerDefinitions[].healthCheck.startPeriod", between(0, 300), "expected 0 to 300 seconds",
          ecs("HealthCheck")),
    Limit(CONTAINERS, "", fits_fargate, "expected a pair of cpu and memory that Fargate offers",
          f"{DOCS}/AmazonECS/latest/developerguide/fargate-tasks-services.html"),
    Limit(CONTAINERS, "", lambda one: not on_fargate(one) or one.get("networkMode") == "awsvpc",
          "expected the network mode awsvpc for Fargate", ecs("RegisterTaskDefinition")),
    Limit(CONTAINERS, "", has_execution_role, "expected executionRoleArn for secrets, logs and images of ECR",
          f"{DOCS}/AmazonECS/latest/developerguide/task_execution_IAM_role.html"),
    Limit(CONTAINERS, "", logs_completely, "expected awslogs-group, awslogs-region and awslogs-stream-prefix on Fargate",
          f"{DOCS}/AmazonECS/latest/developerguide/specify-log-config.html"),
    Limit(CONTAINERS, "", lambda one: not on_fargate(one) or all(
        container.get("stopTimeout", 0) <= 120 for container in one["containerDefinitions"]),
          "expected stopTimeout of at most 120 seconds on Fargate", ecs("ContainerDefinition")),
    Limit(CONTAINERS, "containerDefinitions[].portMappings[]", lambda one: "hostPort" not in one or one["hostPort"] == one["containerPort"],
          "expected the same hostPort and containerPort with awsvpc", ecs("PortMapping")),
    Limit(CONTAINERS, "ephemeralStorage.sizeInGiB", between(21, 200), "expected 21 to 200 GiB", ecs("EphemeralStorage")),
    Limit("ecs:CreateService ecs:RunTask", "clientToken", matches(r"[\x21-\x7e]{1,64}"), "expected at most 64 ASCII characters",
          ecs("RunTask")),
    Limit("ecs:CreateService", "clientToken", at_most(36), "expected at most 36 characters", ecs("CreateService")),
    Limit("ecs:DescribeServices", "services", at_most(10), "expected at most 10 services", ecs("DescribeServices")),
    Limit("ecs:DescribeTasks", "tasks", at_most(100), "expected at most 100 tasks", ecs("DescribeTasks")),
    Limit("ecs:DescribeClusters", "clusters", at_most(100), "expected at most 100 clusters", ecs("DescribeClusters")),
    Limit("ecs:DescribeServiceDeployments", "serviceDeploymentArns", at_most(20), "expected at most 20 deployments",
          ecs("DescribeServiceDeployments")),
    Limit("ecs:DescribeServiceRevisions", "serviceRevisionArns", at_most(20), "expected at most 20 revisions",
          ecs("DescribeServiceRevisions")),
    *(Limit("ecs:CreateService ecs:UpdateService ecs:RunTask", f"networkConfiguration.awsvpcConfiguration.{name}", at_most(count),
            f"expected at most {count}", ecs("AwsVpcConfiguration")) for name, count in (("subnets", 16), ("securityGroups", 5))),
    Limit("ecs:CreateService ecs:UpdateService", "deploymentConfiguration.minimumHealthyPercent", between(0, 100),
          "expected 0 to 100 percent", ecs("DeploymentConfiguration")),
    Limit("ecs:CreateService ecs:UpdateService", "deploymentConfiguration", lambda one: one.get("maximumPercent", 200)
          > one.get("minimumHealthyPercent", 0), "expected maximumPercent above minimumHealthyPercent, so that a deployment can proceed",
          ecs("DeploymentConfiguration")),
    Limit("ecs:CreateService ecs:UpdateService", "desiredCount", lambda value: value >= 0, "expected no negative number",
          ecs("CreateService")),
]


def cloudwatch(name):
    return f"{DOCS}/AmazonCloudWatch/latest/APIReference/API_{name}.html"


def spans_a_week(one):
    span = one.get("Period", 0) * one["EvaluationPeriods"]
    return span <= (604800 if one.get("Period", 0) >= 3600 else 86400)


CLOUDWATCH = [
    Limit("cloudwatch:PutMetricAlarm", "Period", lambda value: value in (10, 20, 30) or value % 60 == 0,
          "expected 10, 20, 30 or a multiple of 60 seconds", cloudwatch("PutMetricAlarm")),
    Limit("cloudwatch:PutMetricAlarm", "", spans_a_week,
          "expected periods of at most a day in all, or of a week with periods of an hour or more", cloudwatch("PutMetricAlarm")),
    Limit("cloudwatch:PutMetricAlarm", "TreatMissingData", one_of("breaching", "notBreaching", "ignore", "missing"),
          "expected breaching, notBreaching, ignore or missing", cloudwatch("PutMetricAlarm")),
    Limit("cloudwatch:PutMetricAlarm", "", lambda one: one.get("DatapointsToAlarm", 0) <= one["EvaluationPeriods"],
          "expected DatapointsToAlarm of at most EvaluationPeriods", cloudwatch("PutMetricAlarm")),
    Limit("cloudwatch:PutMetricAlarm", "", at_most_one_of("Statistic", "ExtendedStatistic"),
          "expected one of Statistic and ExtendedStatistic", cloudwatch("PutMetricAlarm")),
    Limit("cloudwatch:PutMetricAlarm", "", lambda one: ("MetricName" in one) != ("Metrics" in one),
          "expected either MetricName or Metrics", cloudwatch("PutMetricAlarm")),
    Limit("cloudwatch:PutDashboard", "DashboardName", matches(r"[A-Za-z0-9_-]{1,255}"),
          "expected at most 255 letters, digits, hyphens and underscores", cloudwatch("PutDashboard")),
    Limit("cloudwatch:PutDashboard", "DashboardBody", lambda value: len(json.loads(value)["widgets"]) <= 500,
          "expected JSON with at most 500 widgets",
          f"{DOCS}/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"),
    Limit("cloudwatch:DeleteAlarms", "AlarmNames", at_most(100), "expected at most 100 alarms", cloudwatch("DeleteAlarms")),
]


def logs(name):
    return f"{DOCS}/AmazonCloudWatchLogs/latest/APIReference/API_{name}.html"


LOGS = [
    Limit("logs:PutRetentionPolicy", "retentionInDays", one_of(
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
          "expected a number of days that CloudWatch Logs offers", logs("PutRetentionPolicy")),
    Limit("logs:CreateLogGroup", "logGroupName", begins_with_none_of("aws/"), "names must not begin with aws/",
          logs("CreateLogGroup")),
]


def secrets(name):
    return f"{DOCS}/secretsmanager/latest/apireference/API_{name}.html"


SECRETS = [
    Limit("secretsmanager:CreateSecret", "Name", matches(r"[a-zA-Z0-9/_+=.@-]+"),
          "expected letters, digits and /_+=.@-", secrets("CreateSecret")),
    Limit("secretsmanager:CreateSecret", "Name", lambda value: not re.search(r"-[a-zA-Z0-9]{6}$", value),
          "names should not end with a hyphen and six characters", secrets("CreateSecret")),
    Limit("secretsmanager:PutResourcePolicy", "ResourcePolicy", both(is_policy, has_principals),
          "expected a policy document with principals", GRAMMAR),
    Limit("secretsmanager:DeleteSecret", "RecoveryWindowInDays", between(7, 30), "expected 7 to 30 days", secrets("DeleteSecret")),
    Limit("secretsmanager:DeleteSecret", "", at_most_one_of("RecoveryWindowInDays", "ForceDeleteWithoutRecovery"),
          "expected one of RecoveryWindowInDays and ForceDeleteWithoutRecovery", secrets("DeleteSecret")),
    Limit("secretsmanager:CreateSecret secretsmanager:PutSecretValue", "", at_most_one_of("SecretString", "SecretBinary"),
          "expected one of SecretString and SecretBinary", secrets("CreateSecret")),
]


def sns(name):
    return f"{DOCS}/sns/latest/api/API_{name}.html"


SNS = [
    Limit("sns:CreateTopic", "Name", matches(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo"),
          "expected at most 256 letters, digits, underscores and hyphens", sns("CreateTopic")),
    Limit("sns:Subscribe", "Protocol", one_of("http", "https", "email", "email-json", "sms", "sqs", "application", "lambda",
                                              "firehose"), "expected a protocol of SNS", sns("Subscribe")),
    Limit("sns:Subscribe", "", lambda one: not one["Protocol"].startswith("email") or "@" in one["Endpoint"],
          "expected an e-mail address", sns("Subscribe")),
    Limit("sns:CreateTopic", "Attributes.Policy", both(is_policy, has_principals), "expected a policy document with principals",
          GRAMMAR),
    Limit("sns:SetTopicAttributes", "", lambda one: one["AttributeName"] != "Policy"
          or both(is_policy, has_principals)(one["AttributeValue"]), "expected a policy document with principals", GRAMMAR),
    Limit("sns:SetTopicAttributes", "AttributeName", one_of(
        "DeliveryPolicy", "DisplayName", "Policy", "TracingConfig", "KmsMasterKeyId", "SignatureVersion", "ArchivePolicy",
        "ContentBasedDeduplication", "FifoThroughputScope", "MaximumMessageSize", "DataProtectionPolicy", *(
            f"{kind}{what}" for kind in ("HTTP", "Firehose", "Lambda", "Application", "SQS") for what in (
                "SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn"))),
          "expected an attribute of topics", sns("SetTopicAttributes")),
]


def kms(name):
    return f"{DOCS}/kms/latest/APIReference/API_{name}.html"


KMS = [
    Limit("kms:CreateAlias kms:DeleteAlias kms:UpdateAlias", "AliasName", both(matches(r"alias/.+"), begins_with_none_of("alias/aws/")),
          "expected alias/ and a name that does not begin with aws/", kms("CreateAlias")),
    Limit("kms:CreateKey kms:PutKeyPolicy", "Policy", both(is_policy, has_principals, lambda value: len(value.encode()) <= 32768),
          "expected a policy document of at most 32768 bytes with principals", kms("CreateKey")),
    Limit("kms:ScheduleKeyDeletion", "PendingWindowInDays", between(7, 30), "expected 7 to 30 days", kms("ScheduleKeyDeletion")),
]


def waf(name):
    return f"{DOCS}/waf/latest/APIReference/API_{name}.html"


ACL = "wafv2:CreateWebACL wafv2:UpdateWebACL"
METRIC = both(matches(r"[A-Za-z0-9_-]{1,128}"), lambda value: value not in ("All", "Default_Action"))
METRIC_RULE = "expected at most 128 letters, digits, hyphens and underscores, not All or Default_Action"


def firewall_rule_holds(one):
    # A rule group has an override, and any other rule an action.
    group = "ManagedRuleGroupStatement" in one["Statement"] or "RuleGroupReferenceStatement" in one["Statement"]
    return ("OverrideAction" in one) == group and ("Action" in one) != group


WAF = [
    Limit(ACL, "VisibilityConfig.MetricName", METRIC, METRIC_RULE, waf("VisibilityConfig")),
    Limit(ACL, "Rules[].VisibilityConfig.MetricName", METRIC, METRIC_RULE, waf("VisibilityConfig")),
    Limit(ACL, "Rules", lambda rules: len({one["Priority"] for one in rules}) == len(rules), "expected unique priorities",
          waf("Rule")),
    Limit(ACL, "Rules", lambda rules: len({one["Name"] for one in rules}) == len(rules), "expected unique names", waf("Rule")),
    Limit(ACL, "Rules[]", firewall_rule_holds, "expected OverrideAction for a rule group, and Action for any other rule",
          waf("Rule")),
    Limit("wafv2:PutLoggingConfiguration", "LoggingConfiguration.LogDestinationConfigs", at_most(1), "expected one destination",
          waf("LoggingConfiguration")),
    Limit("wafv2:PutLoggingConfiguration", "LoggingConfiguration.LogDestinationConfigs[]", lambda value: "aws-waf-logs-" in value,
          "expected a destination whose name begins with aws-waf-logs-", f"{DOCS}/waf/latest/developerguide/logging-cw-logs.html"),
]

BUCKETS = f"{DOCS}/AmazonS3/latest/userguide/bucketnamingrules.html"


def s3(name):
    return f"{DOCS}/AmazonS3/latest/API/API_{name}.html"


def is_bucket_name(value):
    return (matches(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")(value) and ".." not in value
            and not matches(r"\d+\.\d+\.\d+\.\d+")(value)
            and not value.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
            and not value.endswith(("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")))


def is_placed(members, call):
    place = members.get("CreateBucketConfiguration", {}).get("LocationConstraint")
    return place is None if call.region == "us-east-1" else place == call.region


def lifecycle_holds(rule):
    moves = rule.get("Transitions", []) + rule.get("NoncurrentVersionTransitions", [])
    days = [one.get("Days", one.get("NoncurrentDays", 30)) for one in moves if one["StorageClass"] in ("STANDARD_IA", "ONEZONE_IA")]
    return ("Filter" in rule or "Prefix" in rule) and all(day >= 30 for day in days) and len(rule.get("ID", "")) <= 255


S3 = [
    Limit("s3:CreateBucket", "Bucket", is_bucket_name, "expected a name by S3's rules for buckets", BUCKETS),
    Limit("s3:CreateBucket", "", is_placed, "expected the region as LocationConstraint, and none in us-east-1", s3("CreateBucket"),
          whole=True),
    Limit("s3:PutBucketPolicy", "Policy", both(is_policy, has_principals, lambda value: len(value.encode()) <= 20480),
          "expected a policy document of at most 20 KB with principals",
          f"{DOCS}/AmazonS3/latest/userguide/bucket-policies.html"),
    Limit("s3:PutBucketLifecycleConfiguration", "LifecycleConfiguration.Rules", at_most(1000), "expected at most 1000 rules",
          s3("PutBucketLifecycleConfiguration")),
    Limit("s3:PutBucketLifecycleConfiguration", "LifecycleConfiguration.Rules[]", lifecycle_holds,
          "expected a filter, and at least 30 days before an infrequent access class", s3("LifecycleRule")),
    Limit("s3:DeleteObjects", "Delete.Objects", at_most(1000), "expected at most 1000 objects", s3("DeleteObjects")),
]

ACM = [
    Limit("acm:RequestCertificate", "DomainName", at_most(64), "expected at most 64 characters in the first name",
          f"{DOCS}/acm/latest/APIReference/API_RequestCertificate.html"),
    Limit("acm:RequestCertificate", "SubjectAlternativeNames", at_most(10), "expected at most 10 names by the initial quota",
          f"{DOCS}/acm/latest/userguide/acm-limits.html"),
]


def route53(name):
    return f"{DOCS}/Route53/latest/APIReference/API_{name}.html"


CHANGES = "route53:ChangeResourceRecordSets"
RECORD = "ChangeBatch.Changes[].ResourceRecordSet"


def is_domain(value):
    labels = value.rstrip(".").split(".")
    return len(value) <= 255 and all(0 < len(label) <= 63 for label in labels)


ROUTE53 = [
    Limit(CHANGES, f"{RECORD}.Name", is_domain, "expected at most 255 characters, 63 in each label",
          f"{DOCS}/Route53/latest/DeveloperGuide/DomainNameFormat.html"),
    Limit(CHANGES, RECORD, lambda one: ("AliasTarget" in one) != ("TTL" in one and "ResourceRecords" in one),
          "expected either AliasTarget or TTL and ResourceRecords", route53("ResourceRecordSet")),
    Limit(CHANGES, f"{RECORD}.ResourceRecords[].Value", at_most(4000), "expected at most 4000 characters", route53("ResourceRecord")),
    Limit("route53:CreateHostedZone", "Name", is_domain, "expected at most 255 characters, 63 in each label",
          f"{DOCS}/Route53/latest/DeveloperGuide/DomainNameFormat.html"),
]

SCALING = f"{DOCS}/autoscaling/application/APIReference"
AUTOSCALING = [
    Limit("application-autoscaling:RegisterScalableTarget", "", lambda one: one.get("MinCapacity", 0) <= one.get("MaxCapacity", 1 << 31),
          "expected MinCapacity of at most MaxCapacity", f"{SCALING}/API_RegisterScalableTarget.html"),
    Limit("application-autoscaling:RegisterScalableTarget application-autoscaling:PutScalingPolicy", "",
          lambda one: one["ServiceNamespace"] != "ecs" or (re.fullmatch(r"service/[^/]+/[^/]+", one["ResourceId"])
                                                           and one["ScalableDimension"] == "ecs:service:DesiredCount"),
          "expected service/CLUSTER/SERVICE and ecs:service:DesiredCount", f"{SCALING}/API_RegisterScalableTarget.html"),
]


def dynamodb(name):
    return f"{DOCS}/amazondynamodb/latest/APIReference/API_{name}.html"


def defines_its_keys(one):
    indexes = one.get("GlobalSecondaryIndexes", []) + one.get("LocalSecondaryIndexes", [])
    keys = {key["AttributeName"] for part in (one, *indexes) for key in part["KeySchema"]}
    return keys == {each["AttributeName"] for each in one["AttributeDefinitions"]}


DYNAMODB = [
    Limit("dynamodb:CreateTable", "TableName", matches(r"[a-zA-Z0-9_.-]{3,255}|arn:.*"),
          "expected 3 to 255 letters, digits, underscores, hyphens and periods",
          f"{DOCS}/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html"),
    Limit("dynamodb:CreateTable", "", defines_its_keys, "expected the attributes of keys and indexes, and no others, as definitions",
          dynamodb("CreateTable")),
    Limit("dynamodb:CreateTable", "", lambda one: (one.get("BillingMode", "PROVISIONED") == "PROVISIONED") == ("ProvisionedThroughput" in one),
          "expected ProvisionedThroughput with the billing mode PROVISIONED, and only then", dynamodb("CreateTable")),
    Limit("dynamodb:CreateTable", "GlobalSecondaryIndexes", at_most(20), "expected at most 20 indexes",
          f"{DOCS}/amazondynamodb/latest/developerguide/ServiceQuotas.html"),
    Limit("dynamodb:CreateTable", "LocalSecondaryIndexes", at_most(5), "expected at most 5 indexes",
          f"{DOCS}/amazondynamodb/latest/developerguide/ServiceQuotas.html"),
    Limit("dynamodb:UpdateTable", "GlobalSecondaryIndexUpdates", at_most(1), "expected one change of an index in a request",
          dynamodb("UpdateTable")),
]


def sqs(name):
    return f"{DOCS}/AWSSimpleQueueService/latest/APIReference/API_{name}.html"


QUEUE = {
    "DelaySeconds": between(0, 900), "MaximumMessageSize": between(1024, 1048576),
    "MessageRetentionPeriod": between(60, 1209600), "ReceiveMessageWaitTimeSeconds": between(0, 20),
    "VisibilityTimeout": between(0, 43200), "KmsDataKeyReusePeriodSeconds": between(60, 86400), 
    "Policy": lambda value: not value or both(is_policy, has_principals)(value),
    "RedrivePolicy": lambda value: not value or 1 <= int(json.loads(value)["maxReceiveCount"]) <= 1000,
}
SQS = [
    Limit("sqs:CreateQueue", "QueueName", matches(r"[a-zA-Z0-9_-]{1,80}|[a-zA-Z0-9_-]{1,75}\.fifo"),
          "expected at most 80 letters, digits, hyphens and underscores", sqs("CreateQueue")),
    Limit("sqs:CreateQueue", "", lambda one: one["QueueName"].endswith(".fifo") == (one.get("Attributes", {}).get("FifoQueue") == "true"),
          "expected a name that ends with .fifo for a FIFO queue, and only then", sqs("CreateQueue")),
    *(Limit("sqs:CreateQueue sqs:SetQueueAttributes", f"Attributes.{name}", test, "expected a value of this attribute's range",
            sqs("SetQueueAttributes")) for name, test in QUEUE.items()),
]

ALL = EC2 + ELB + RDS + IAM + ECR + ECS + CLOUDWATCH + LOGS + SECRETS + SNS + KMS + WAF + S3 + ACM + ROUTE53 + AUTOSCALING + DYNAMODB + SQS
LIMITS = {}
for each in ALL:
    for operation in each.operations.split():
        LIMITS.setdefault(operation, []).append(each)
