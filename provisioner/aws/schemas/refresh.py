"""Writes cloudformation.json.gz and cloudformation.toml from AWS's CloudFormation resource schemas.

Run by hand, in this folder, after a change of requirements.txt or of the resource types that the crate names:

    venv=../../../target/schemas
    python3 -m venv $venv && $venv/bin/pip install --no-deps -r requirements.txt && $venv/bin/python refresh.py

The archive has the constraints of every resource type that `provisioner/aws/src` names, and nothing else of the schemas:
no descriptions, handlers or permissions. `src/schemas` reads it. It is gzip of one line for each entry: a key, a tab, JSON.
The key is a type (`AWS::EC2::Subnet`), or a type and a region with the constraints of that region.

Left out, because one resource does not show it or because the data are too coarse:
- rules of cfn-lint that join two resources of a template (`cfnGather`);
- database classes by engine version;
- the resource types that CloudFormation lacks in a region, which does not say that the service is missing;
- formats of IDs beyond their prefix.
"""
import gzip
import hashlib
import importlib.metadata
import importlib.util
import json
import re
from pathlib import Path

HERE = Path(__file__).parent
# The package's data only: importing it would need what its rules need.
DATA = Path(importlib.util.find_spec("cfnlint").origin).parent / "data" / "schemas"
ANY_REGION = "us-east-1"

# Keywords that constrain a value, and those that need no translation.
CONSTRAINTS = {
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "contains", "dependentExcluded", "dependentRequired",
    "else", "enum", "enumCaseInsensitive", "format", "if", "items", "maxItems", "maxLength", "maxProperties", "maximum",
    "message", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern",
    "patternProperties", "prefixItems", "properties", "propertyNames", "required", "requiredOr", "requiredXor", "then",
    "type", "uniqueItems", "uniqueKeys",
}
OTHERS = {
    "$comment", "$schema", "arrayType", "cfnGather", "cloudFormationSystemTags", "conditionalCreateOnlyProperties",
    "createOnlyProperties", "default", "definitions", "dependencies", "deprecatedProperties", "description",
    "documentationUrl", "examples", "handlers", "insertionOrder", "maxUniqueItems", "primaryIdentifier",
    "propertyTransform", "readOnlyProperties", "relationshipRef", "replacementStrategy", "sourceUrl", "tagging",
    "typeName", "writeOnlyProperties", "additionalIdentifiers", "nonPublicProperties", "resourceLink", "title",
}
NAMES_BELOW = {"properties", "patternProperties", "dependentRequired", "dependentExcluded", "dependencies"}

# Formats with a pattern. Of an ID, the prefix alone: the rest is AWS's own.
ARN = "^arn:aws[a-zA-Z-]*:"
FORMATS = {
    "AWS::ACM::Certificate.Arn": ARN + "acm:",
    "AWS::IAM::Role.Arn": ARN + "iam::",
    "AWS::SNS::Topic.Arn": ARN + "sns:",
    "AWS::SQS::Queue.Arn": ARN + "sqs:",
    "AWS::Lambda::Function.Arn": ARN + "lambda:",
    "AWS::EC2::SecurityGroup.Id": "^sg-",
    "AWS::EC2::Subnet.Id": "^subnet-",
    "AWS::EC2::VPC.Id": "^vpc-",
    "AWS::Logs::LogGroup.Name": "^[-._/#A-Za-z0-9]{1,512}$",
    "AWS::S3::Bucket.Name": "^[a-z0-9][a-z0-9.-]*[a-z0-9]$",
}
KEPT_FORMATS = {"ipv4", "ipv6", "ipv4-network", "ipv6-network"}
# A KMS key has an ID, an ARN and aliases, of which any is valid; templates take references and lists elsewhere.
DROPPED_FORMATS = {
    "AWS::KMS::Key.Arn", "AWS::KMS::Key.Id", "AWS::KMS::Alias.AliasName", "AWS::EC2::SecurityGroup.Name",
    "AWS::EC2::SecurityGroup.Ids", "AWS::EC2::Subnet.Ids", "AWS::Route53::AliasTarget.HostedZoneId", "date-time", "json",
    "uri",
}

# Patterns that are wrong, or that need look-ahead, which the program's regular expressions do not have.
PATTERNS = {
    # The length stands beside it.
    r"^(?=.{2,256}$)([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*)$":
        {"pattern": r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$"},
    r"^(?!aurora).*$": {"not": {"pattern": "^aurora"}},
    r"^(?!custom-).*$": {"not": {"pattern": "^custom-"}},
    # A path is `/`, or begins and ends with it.
    r"^(\u002F)|(\u002F[\u0021-\u007E]+\u002F)$": {"pattern": r"^(/|/[!-~]+/)$"},
    # No more than the first and last character of a longer text, and wrong for a shorter one.
    r"^[a-zA-Z0-9=:#@/\-,.][a-zA-Z0-9+=:#@/\-,.\s]+[a-zA-Z0-9+=:#@/\-,.]{1,256}$":
        {"pattern": r"^[\w+=:#@/\-,.][\w+=:#@/\-,.\s]*[\w+=:#@/\-,.]$"},
}
DROPPED_PATTERNS = {
    # `{1-3}` is no repetition.
    r"""^([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{1-3}|65[0-4][0-9]{1-2}|655[0-2][0-9]|6553[0-5])\s[a-zA-Z0-9\!"\#\$\%\&\'\(\)\*\+\,-\/\:\;\<\=\>\?\@\[\\\]\^\_\`\{\|\}\~\.]+$""",
    # Without anchors, these match any text with the part in it.
    "[0-9]+",
}

# Those of the two lists that the schemas have: one that they lack is a mistake of this file.
SEEN_PATTERNS = set()

# cfn-lint's rules for one resource: the file, where it applies, and what a finding says. `*` is any item.
ECS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"
RULES = [
    ("aws_cloudwatch_alarm/period", ["AWS::CloudWatch::Alarm"], "Period",
     "10, 20, 30, or a multiple of 60 seconds"),
    ("aws_dynamodb_table/billingmode_exclusive", ["AWS::DynamoDB::Table"], "", None),
    ("aws_dynamodb_table/billingmode_provisioned_dependent", ["AWS::DynamoDB::Table"], "", None),
    *[(f"aws_ec2_securitygroup/{name}", ["AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"], "", message)
      for name, message in [
          ("all_to_and_from_ports", "-1 for both ports, or for none"),
          ("protocols_and_port_ranges_exclude", "no ports: the protocol has none"),
          ("protocols_and_port_ranges_include", "both ports, which the protocol needs")]],
    ("aws_ecs_service/fargate", ["AWS::ECS::Service"], "", None),
    ("aws_ecs_taskdefinition/containerdefinitions_essential", ["AWS::ECS::TaskDefinition"], "ContainerDefinitions",
     "at least one essential container"),
    ("aws_ecs_taskdefinition/fargate_cpu_memory", ["AWS::ECS::TaskDefinition"], "",
     "a combination of `Cpu` and `Memory` that Fargate offers: " + ECS + "#fargate-tasks-size"),
    ("aws_ecs_taskdefinition/fargate_properties", ["AWS::ECS::TaskDefinition"], "", None),
    ("aws_ecs_taskdefinition/logging_configuration", ["AWS::ECS::TaskDefinition"],
     "ContainerDefinitions/*/LogConfiguration", None),
    ("aws_elasticloadbalancingv2_listener/certificate", ["AWS::ElasticLoadBalancingV2::Listener"], "",
     "a certificate, which `HTTPS` and `TLS` need"),
    ("aws_elasticloadbalancingv2_loadbalancer/application_subnets", ["AWS::ElasticLoadBalancingV2::LoadBalancer"], "",
     None),
    ("aws_elasticloadbalancingv2_targetgroup/healthcheckprotocol_restrictions",
     ["AWS::ElasticLoadBalancingV2::TargetGroup"], "", None),
    ("aws_elasticloadbalancingv2_targetgroup/protocol_restrictions", ["AWS::ElasticLoadBalancingV2::TargetGroup"], "",
     None),
    ("aws_elasticloadbalancingv2_targetgroup/targettype_restrictions", ["AWS::ElasticLoadBalancingV2::TargetGroup"], "",
     None),
    ("aws_rds_dbinstance/aurora_exclusive", ["AWS::RDS::DBInstance"], "",
     "none of the inputs that belong to the cluster of an Aurora database"),
    ("aws_rds_dbinstance/backupretentionperiod_maximum", ["AWS::RDS::DBInstance"], "", None),
    ("aws_rds_dbinstance/engine_version", ["AWS::RDS::DBInstance"], "", None),
    ("aws_rds_dbinstance/kmskey_storageencrypted", ["AWS::RDS::DBInstance"], "", None),
    ("aws_rds_dbinstance/replicamode_enum", ["AWS::RDS::DBInstance"], "", None),
    ("aws_route53_recordset/recordset_alias", ["AWS::Route53::RecordSet"], "", None),
    ("aws_route53_recordset/recordset_pattern", ["AWS::Route53::RecordSet"], "", None),
    ("aws_s3_bucket/ownershipcontrols", ["AWS::S3::Bucket"], "", None),
    ("aws_sns_subscription/subscription_endpoint_protocol", ["AWS::SNS::Subscription"], "", None),
    ("aws_sqs_queue/properties", ["AWS::SQS::Queue"], "", None),
]
# By region.
REGIONAL = {"AWS::RDS::DBInstance": "aws_rds_dbinstance/dbinstanceclass_enum"}
# Rules for our types that are not used, each with the reason.
UNUSED = {
    "aws_rds_dbinstance/backupretentionperiod": "advice: RDS's default is valid",
    "aws_rds_dbinstance/db_instance_class": "its versions are prefixes (`14.00`), and it has no regions",
    "aws_rds_dbinstance/engine_version_deprecated": "advice: a running database may keep its version",
}

# What CloudFormation requires or refuses and the API does not: the place in the schema, and the value in its place, if any.
RELAXED = {
    # Each option has a default: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DestinationOptionsRequest.html
    ("AWS::EC2::FlowLog", "properties/DestinationOptions/required"): None,
    # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
    ("AWS::ECS::Service", "properties/PropagateTags/enum"): ["SERVICE", "TASK_DEFINITION", "NONE"],
}

# Constraints of the API that no schema has, by type and path, with the page that states them.
PORT = {"maximum": 65535}
API = {
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html
    ("AWS::EC2::FlowLog", "MaxAggregationInterval"): {"enum": [60, 600]},
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    **{(f"AWS::EC2::SecurityGroup{direction}", end): PORT
       for direction in ["Ingress", "Egress"] for end in ["FromPort", "ToPort"]},
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html
    ("AWS::EC2::NetworkAclEntry", "RuleNumber"): {"minimum": 1, "maximum": 32766},
    ("AWS::EC2::NetworkAclEntry", "PortRange/From"): PORT,
    ("AWS::EC2::NetworkAclEntry", "PortRange/To"): PORT,
    # https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
    ("AWS::CertificateManager::Certificate", "DomainName"): {"minLength": 1, "maxLength": 253},
    ("AWS::CertificateManager::Certificate", "KeyAlgorithm"): {"enum": [
        "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]},
    # https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
    ("AWS::Route53::RecordSet", "Type"): {"enum": [
        "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB",
        "TLSA", "TXT"]},
    # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ClusterSetting.html
    ("AWS::ECS::Cluster", "ClusterSettings/*/Value"): {"enum": ["enabled", "disabled", "enhanced"]},
    # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
    ("AWS::ECS::TaskDefinition", "NetworkMode"): {"enum": ["awsvpc", "bridge", "host", "none"]},
    ("AWS::ECS::TaskDefinition", "EphemeralStorage/SizeInGiB"): {"minimum": 21, "maximum": 200},
    ("AWS::ECS::TaskDefinition", "ContainerDefinitions/*/LogConfiguration/LogDriver"): {"enum": [
        "awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog"]},
    ("AWS::ECS::TaskDefinition", "RuntimePlatform/CpuArchitecture"): {"enum": ["ARM64", "X86_64"]},
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
    ("AWS::SecretsManager::Secret", "GenerateSecretString/PasswordLength"): {"minimum": 1, "maximum": 4096},
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    ("AWS::RDS::DBInstance", "StorageType"): {"enum": ["gp2", "gp3", "io1", "io2", "standard"]},
    ("AWS::RDS::DBInstance", "MonitoringInterval"): {"enum": [0, 1, 5, 10, 15, 30, 60]},
    ("AWS::RDS::DBInstance", "NetworkType"): {"enum": ["IPV4", "DUAL"]},
    ("AWS::RDS::DBInstance", "DatabaseInsightsMode"): {"enum": ["standard", "advanced"]},
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html
    ("AWS::RDS::DBSubnetGroup", "SubnetIds"): {"minItems": 2},
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    ("AWS::SQS::Queue", "DeduplicationScope"): {"enum": ["messageGroup", "queue"]},
    ("AWS::SQS::Queue", "FifoThroughputLimit"): {"enum": ["perQueue", "perMessageGroupId"]},
    # https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
    ("AWS::SNS::Subscription", "Protocol"): {"enum": [
        "application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs"]},
    ("AWS::SNS::Subscription", "FilterPolicyScope"): {"enum": ["MessageAttributes", "MessageBody"]},
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    ("AWS::CloudWatch::Alarm", "EvaluationPeriods"): {"minimum": 1},
    ("AWS::CloudWatch::Alarm", "TreatMissingData"): {"enum": ["breaching", "notBreaching", "ignore", "missing"]},
    ("AWS::CloudWatch::Alarm", "EvaluateLowSampleCountPercentile"): {"enum": ["evaluate", "ignore"]},
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "ProtocolVersion"): {"enum": ["GRPC", "HTTP1", "HTTP2"]},
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "Priority"): {"minimum": 1, "maximum": 50000},
}


def type_names():
    """The CloudFormation types that the crate's sources name."""
    sources = (HERE.parent / "src").rglob("*.rs")
    return sorted({name for path in sources for name in re.findall(r'"(AWS::\w+::\w+)"', path.read_text())})


def pattern(text):
    """A pattern in the syntax of the program's regular expressions, which know ASCII classes only."""
    if text in DROPPED_PATTERNS | PATTERNS.keys():
        SEEN_PATTERNS.add(text)
        return PATTERNS.get(text, {})
    # Letters and digits of other scripts are let through, with some characters that are neither.
    beyond = r"\u{80}-\u{10FFFF}"
    text = text.replace(r"\p{L}\p{Z}\p{N}", "A-Za-z0-9 " + beyond).replace(r"\p{Print}", "[ -~" + beyond + "]")
    text = text.replace(r"\Z", "$")
    if r"\p{" in text or "(?=" in text or "(?!" in text or "(?<" in text:
        raise SystemExit(f"a pattern that the program cannot use: {text}")
    return {"pattern": escaped(text)}


def escaped(text):
    """In a class, the program wants `[` escaped, which the schemas do not; nor does it take `\\` before any character."""
    parts, in_class = [], False
    for part in re.findall(r"\\.|.", text, re.DOTALL):
        if part[0] == "\\" and part[1] in "!\"%',/:;<=>@_`":
            part = part[1]
        elif part == "[" and in_class:
            part = r"\["
        elif part in ("[", "]"):
            in_class = part == "["
        parts.append(part)
    return "".join(parts)


def reduced(schema, path):
    """The constraints of a schema."""
    if isinstance(schema, bool):
        return schema
    result = {}
    for key, value in schema.items():
        if key in OTHERS or key.startswith("/"):
            if key == "maxUniqueItems":
                result["maxItems"] = value
            elif key == "dependencies" and all(isinstance(names, list) for names in value.values()):
                result["dependentRequired"] = value
            continue
        if key not in CONSTRAINTS:
            raise SystemExit(f"an unknown keyword at {path}: {key}")
        if key == "format":
            if value in FORMATS:
                result.update(pattern(FORMATS[value]))
            elif value in KEPT_FORMATS:
                result["format"] = value
            elif value not in DROPPED_FORMATS:
                raise SystemExit(f"an unknown format at {path}: {value}")
        elif key == "pattern":
            result.update(pattern(value))
        elif key in ("properties", "patternProperties"):
            result[key] = {name: reduced(one, f"{path}/{name}") for name, one in value.items()}
        elif key in ("allOf", "anyOf", "oneOf", "prefixItems"):
            parts = [reduced(one, f"{path}/{key}") for one in value]
            # An alternative that is no constraint any more admits everything.
            if key == "prefixItems" or key == "allOf" or all(part not in ({}, True) for part in parts):
                result[key] = parts
        elif key in ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"):
            result[key] = reduced(value, f"{path}/{key}")
        else:
            result[key] = value
    return result


def references(value):
    """The names of the definitions that a schema refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix("#/definitions/")
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def with_definitions(root, definitions, path):
    """A schema with the definitions that it needs."""
    needed, todo = {}, list(references(root))
    while todo:
        name = todo.pop()
        if name not in needed:
            needed[name] = reduced(definitions[name], f"{path}/{name}")
            todo.extend(references(needed[name]))
    return {**root, "definitions": needed} if needed else root


def renamed(value, prefix):
    """A rule with a prefix before its definitions' names, which may be those of a type."""
    if isinstance(value, dict):
        return {key: "#/definitions/" + prefix + one.removeprefix("#/definitions/") if key == "$ref"
                else renamed(one, prefix) for key, one in value.items()}
    return [renamed(one, prefix) for one in value] if isinstance(value, list) else value


def at(path, rule):
    """A rule for the value at a path of properties."""
    for name in reversed([part for part in path.split("/") if part]):
        rule = {"items": rule} if name == "*" else {"properties": {name: rule}}
    return rule


def extension(name):
    return json.loads((DATA / "extensions" / f"{name}.json").read_text())


def add_rules(name, schema):
    """Adds cfn-lint's rules for a type."""
    for file, types, path, message in RULES:
        if name not in types:
            continue
        source = extension(file)
        if file == "aws_cloudwatch_alarm/period":
            # The file lacks 20, which the API has had since 2025.
            source = {"if": {"maximum": 60}, "then": {"enum": [10, 20, 30, 60]}, "else": {"multipleOf": 60}}
        prefix = file.replace("/", ".") + "."
        rule = renamed(reduced(source, file), prefix)
        if message:
            rule = {**rule, "message": message}
        schema.setdefault("allOf", []).append(at(path, rule))
        for definition, value in source.get("definitions", {}).items():
            schema.setdefault("definitions", {})[prefix + definition] = renamed(reduced(value, file), prefix)


def add_api_rules(name, schema):
    """Applies RELAXED and API to a type."""
    for (type_name, path), value in RELAXED.items():
        if type_name == name:
            *parents, last = path.split("/")
            place = schema
            for parent in parents:
                place = place[parent]
            del place[last]
            if value is not None:
                place[last] = value
    for (type_name, path), rule in API.items():
        if type_name == name:
            schema.setdefault("allOf", []).append(at(path, rule))


def check_rules(names):
    """Every rule of cfn-lint for our types is used, joins resources, or has a reason why not."""
    listed = {file for file, *_ in RULES} | set(REGIONAL.values()) | set(UNUSED)
    folders = {"_".join(["aws", *name.split("::")[1:]]).lower() for name in names}
    for folder in sorted(folders):
        for path in sorted((DATA / "extensions" / folder).glob("*.json")):
            name = f"{folder}/{path.stem}"
            if name not in listed and "cfnGather" not in extension(name):
                raise SystemExit(f"a new rule: {name}; add it to RULES, or to UNUSED with the reason")


def regional(source):
    """A rule with one definition for each list of values, since many engines have the same."""
    lists, rules = {}, []
    for part in source["allOf"]:
        classes = tuple(sorted(part["then"]["properties"]["DBInstanceClass"]["enum"]))
        lists.setdefault(classes, []).append(part["if"])
    definitions = {}
    for number, (classes, conditions) in enumerate(sorted(lists.items())):
        definitions[str(number)] = {"enum": list(classes)}
        once = []
        for condition in conditions:
            condition = reduced(condition, "regional")
            if condition not in once:
                once.append(condition)
        then = {"properties": {"DBInstanceClass": {"$ref": f"#/definitions/{number}"}}}
        rules.append({"if": {"anyOf": once}, "then": then})
    return {"allOf": rules, "definitions": definitions}


def main():
    names = type_names()
    check_rules(names)
    provider = json.loads((DATA / "providers" / f"{ANY_REGION}.json").read_text())
    lines = []
    for name in names:
        source = json.loads((DATA / "resources" / f"{provider[name]}.json").read_text())
        schema = with_definitions(reduced(source, name), source.get("definitions", {}), name)
        add_rules(name, schema)
        add_api_rules(name, schema)
        lines.append((name, schema))
    for name, file in REGIONAL.items():
        for region, source in sorted(extension(file).items()):
            lines.append((f"{name} {region}", regional(source)))
    if unseen := (DROPPED_PATTERNS | PATTERNS.keys()) - SEEN_PATTERNS:
        raise SystemExit(f"patterns that no schema has: {unseen}")
    text = "".join(f"{key}\t{json.dumps(value, separators=(',', ':'), sort_keys=True)}\n" for key, value in lines)
    archive = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    (HERE / "cloudformation.json.gz").write_bytes(archive)
    dated = json.loads((DATA / "version.json").read_text())["schema_date"][:10]
    version = importlib.metadata.version("cfn-lint")
    (HERE / "cloudformation.toml").write_text(
        "# Written by refresh.py.\n"
        f'date = "{dated}"\nsource = "cfn-lint {version}"\nsha256 = "{hashlib.sha256(archive).hexdigest()}"\n'
    )
    print(f"{len(names)} types, {len(text)} bytes, {len(archive)} in the archive")


if __name__ == "__main__":
    main()
