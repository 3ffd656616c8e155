"""Tests of the judge. `tests/tests/it/judge.rs` runs them.

Requests are made by botocore itself: each operation of the services in use gets members by its model, and the judge must
read them back. Requests that AWS refuses are written by hand.
"""
import base64
import datetime
import json
import re
import sys
import unittest
import urllib.parse

import botocore.serialize
from botocore.utils import parse_to_aware_datetime

import findings
import limits
import model
import wire

SERVICES = ["acm", "application-autoscaling", "cloudwatch", "dynamodb", "ec2", "ecr", "ecs", "elbv2", "iam", "kms", "logs", "rds",
            "resourcegroupstaggingapi", "route53", "s3", "secretsmanager", "service-quotas", "sns", "sqs", "sts", "wafv2"]
SIGNED = {name: signed for signed, name in wire.SERVICES.items()}


# Operations with the same path, query and headers as another one.
AMBIGUOUS = {"s3:GetBucketLifecycle", "s3:GetBucketNotification", "s3:PutBucketLifecycle", "s3:PutBucketNotification",
             "s3:ListDirectoryBuckets"}


def sample(shape, ancestors=()):
    """A value that the model allows, as far as the kind of the shape says. A shape inside of itself is left out."""
    kind, least = shape.type_name, int(shape.metadata.get("min", 1))
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return {"any": 1}
        members = list(shape.members.items())
        if getattr(shape, "is_tagged_union", False):
            members = members[:1]
        ancestors = (*ancestors, shape.name)
        return {name: sample(member, ancestors) for name, member in members if element(member).name not in ancestors}
    if kind == "list":
        return [sample(shape.member, ancestors) for _ in range(max(least, 1))]
    if kind == "map":
        return {sample(shape.key, ancestors): sample(shape.value, ancestors)}
    if kind == "string":
        return shape.metadata["enum"][0] if shape.metadata.get("enum") else "a" * min(max(least, 3), 200)
    if kind == "blob":
        return b"blob"
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    return max(least, 1)


def element(shape):
    while shape.type_name in ("list", "map"):
        shape = shape.member if shape.type_name == "list" else shape.value
    return shape


def normal(shape, value):
    """A value as the judge has it after reading."""
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        return {name: normal(shape.members[name], one) for name, one in value.items()}
    if kind == "list":
        return [normal(shape.member, one) for one in value]
    if kind == "map":
        return {key: normal(shape.value, one) for key, one in value.items()}
    if kind == "timestamp":
        try:
            return float(value) if isinstance(value, (int, float)) else parse_to_aware_datetime(value).timestamp()
        except ValueError:
            return value
    if kind == "blob":
        return "" if value is None else "blob"
    return value


def request(service, operation, members, protocol=None):
    """The request that botocore makes, in the form in which the judge gets it."""
    service_model = wire.service_model(service)
    operation_model = service_model.operation_model(operation)
    protocol = protocol or service_model.metadata["protocol"]
    serializer = botocore.serialize.create_serializer("json" if protocol == "smithy-rpc-v2-cbor" else protocol, False)
    made = serializer.serialize_to_request(members, operation_model)
    signed = SIGNED.get(service, service)
    authorization = f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{signed}/aws4_request, SignedHeaders=a, Signature=b"
    headers = {name.lower(): str(value) for name, value in made["headers"].items()} | {"authorization": authorization}
    query, body = made["query_string"], made["body"]
    if isinstance(query, dict):
        query = urllib.parse.urlencode(query, doseq=True)
    path = made["url_path"] + ("&" if query and "?" in made["url_path"] else "?" if query else "") + query
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body)
    body = body.decode() if isinstance(body, bytes) else body
    whole = {"method": made["method"], "path": path, "headers": headers, "body": body or ""}
    if protocol == "smithy-rpc-v2-cbor":
        # The front decodes CBOR, in which this operation's name is part of the path.
        whole |= {"path": f"/service/{service}/operation/{operation}", "members": json.loads(body)}
        whole["headers"].pop("x-amz-target", None)
    return whole


def judged(made):
    call = wire.read(made)
    hidden = model.check(call)
    limits.check(call, hidden)
    return call


def rules(service, operation, members):
    return [str(finding) for finding in judged(request(service, operation, members)).findings]


class Reading(unittest.TestCase):
    def test_members_of_every_operation_are_read_back(self):
        read = 0
        for service in SERVICES:
            service_model = wire.service_model(service)
            for name in service_model.operation_names:
                shape = service_model.operation_model(name).input_shape
                if shape is None or f"{service}:{name}" in AMBIGUOUS:
                    continue
                members = sample(shape)
                made = request(service, name, members)
                with self.subTest(operation=f"{service}:{name}"):
                    call = wire.read(made)
                    self.assertEqual(call.model.name, name)
                    self.assertEqual(call.findings, [])
                    self.assertEqual(normal(shape, call.members), normal(shape, members))
                    read += 1
        self.assertGreater(read, 1500)

    def test_unknown_members_are_found_in_each_protocol(self):
        colour = {"Colour": "red"}
        for service, operation, change in (
            ("ec2", "CreateVpc", lambda one: one | {"body": one["body"] + "&Colour=red"}),
            ("iam", "CreateRole", lambda one: one | {"body": one["body"] + "&Colour=red"}),
            ("ecs", "CreateCluster", lambda one: one | {"body": '{"Colour": "red"}'}),
            ("s3", "CreateBucket", lambda one: one | {"headers": one["headers"] | {"x-amz-Colour": "red"}}),
            ("s3", "ListObjectsV2", lambda one: one | {"path": one["path"] + "&Colour=red"}),
            ("route53", "CreateHostedZone",
             lambda one: one | {"body": one["body"].replace("</Name>", "</Name><Colour>red</Colour>")}),
            ("cloudwatch", "PutMetricAlarm", lambda one: one | {"members": one["members"] | {"Colour": "red"}}),
        ):
            shape = wire.operation_model(service, operation).input_shape
            members = {name: sample(shape.members[name]) for name in shape.required_members}
            with self.subTest(service=service):
                found = judged(change(request(service, operation, members))).findings
                self.assertIn("Colour", " ".join(finding.member for finding in found))

    def test_a_path_may_lack_its_final_slash(self):
        records = {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": []}}
        made = request("route53", "ChangeResourceRecordSets", records)
        call = wire.read(made | {"path": made["path"].rstrip("/")})
        self.assertEqual(call.operation, "route53:ChangeResourceRecordSets")

    def test_requests_without_a_model_are_named(self):
        one = request("ecs", "CreateCluster", {})
        one["headers"]["x-amz-target"] = "AmazonEC2ContainerServiceV20141113.CreateCastle"
        with self.assertRaises(wire.Unjudged) as raised:
            wire.read(one)
        self.assertEqual(raised.exception.operation, "ecs:CreateCastle")


class Model(unittest.TestCase):
    def test_constraints_of_the_model_are_checked(self):
        for service, operation, members, expected in (
            ("kms", "CreateAlias", {"AliasName": "alias/a"}, "TargetKeyId: the member is missing"),
            ("ecr", "CreateRepository", {"repositoryName": "Shop"}, "expected a value that matches"),
            ("ecr", "CreateRepository", {"repositoryName": "a"}, "a length from 2 to 256"),
            ("iam", "CreateRole", {"RoleName": "a" * 65, "AssumeRolePolicyDocument": "{}"}, "a length from 1 to 64"),
            ("elbv2", "CreateTargetGroup", {"Name": "a", "HealthCheckIntervalSeconds": 4}, "a number from 5 to 300"),
            ("ec2", "CreateVpc", {"InstanceTenancy": "shared"}, "expected one of default, dedicated, host"),
            ("kms", "CreateKey", {"MultiRegion": "perhaps"}, "expected a value of type boolean"),
            ("acm", "RequestCertificate", {"DomainName": "a.b", "SubjectAlternativeNames": []}, "number of elements from 1"),
        ):
            with self.subTest(expected=expected):
                self.assertIn(expected, "\n".join(rules(service, operation, members)))

    def test_a_union_has_exactly_one_member(self):
        shapes = (shape for service in SERVICES for name in wire.service_model(service).shape_names
                  if getattr(shape := wire.service_model(service).shape_for(name), "is_tagged_union", False))
        shape = next((shape for shape in shapes if len(shape.members) > 1), None)
        if shape is None:
            self.skipTest("no service in use has a union")
        call = wire.Call("s3", "us-east-1", wire.operation_model("s3", "ListBuckets"))
        model.Checks(call, set()).structure(shape, {name: sample(one) for name, one in shape.members.items()}, "", False)
        self.assertIn("expected exactly one member", [finding.rule for finding in call.findings])

    def test_flattened_lists_are_numbered_from_one(self):
        one = request("ec2", "DescribeVpcs", {"VpcIds": ["vpc-1"]})
        one["body"] = one["body"].replace("VpcId.1", "VpcId.3")
        self.assertIn("elements numbered from 1", str(judged(one).findings[0]))

    def test_sensitive_values_are_not_shown(self):
        found = rules("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "a", "MasterUserPassword": "short"})
        self.assertIn("8 to 128", found[0])
        self.assertNotIn("short", found[0])

    def test_every_pattern_can_be_read(self):
        for service in SERVICES:
            for name in wire.service_model(service).shape_names:
                pattern = wire.service_model(service).shape_for(name).metadata.get("pattern")
                if pattern:
                    self.assertIsNotNone(model.regex(pattern), f"{service} {name}: {pattern}")


    def test_categories_of_characters_are_read(self):
        self.assertTrue(model.regex(r"\p{Print}+").fullmatch("dev-service-cpu"))
        self.assertTrue(model.regex(r"([\p{L}\p{Z}_.:/=+\-@]*)").fullmatch("Größe a"))
        self.assertFalse(model.regex(r"[\p{L}]+").fullmatch("a1"))
        self.assertFalse(model.regex(r"[\w]+").fullmatch("ä"), "as in Java, where letters are those of ASCII")


POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}'


class Limits(unittest.TestCase):
    def test_operations_and_members_exist(self):
        for operation, stated in limits.LIMITS.items():
            operation_model = wire.operation_model(*operation.split(":"))
            self.assertIsNotNone(operation_model, operation)
            for limit in stated:
                shape = operation_model.input_shape
                for part in filter(None, limit.member.split(".")):
                    if shape.type_name == "map":
                        break
                    self.assertIn(part.rstrip("[]"), shape.members, f"{operation} {limit.member}")
                    shape = shape.members[part.rstrip("[]")]
                    for _ in range(part.count("[]")):
                        shape = shape.member

    def test_each_limit_has_a_page_of_aws(self):
        for limit in limits.ALL:
            self.assertRegex(limit.page, r"https://docs\.aws\.amazon\.com/.+\.html")

    def test_requests_beyond_a_limit_are_found(self):
        subnets = {"Subnets": ["subnet-1", "subnet-2"]}
        group = {"GroupName": "a", "Description": "a"}
        for service, operation, members, expected in (
            ("ec2", "CreateSecurityGroup", group | {"GroupName": "sg-app"}, "not beginning with sg-"),
            ("ec2", "CreateSecurityGroup", group | {"Description": "the app's"}, "at most 255 characters"),
            ("ec2", "CreateVpc", {"CidrBlock": "10.0.0.0/8"}, "from /16 to /28"),
            ("elbv2", "CreateLoadBalancer", subnets | {"Name": "internal-app"}, "not beginning with internal-"),
            ("elbv2", "CreateLoadBalancer", {"Name": "app", "Subnets": ["subnet-1"]}, "two Availability Zones"),
            ("elbv2", "CreateTargetGroup", {"Name": "a" * 33}, "at most 32"),
            ("rds", "DeleteDBInstance", {"DBInstanceIdentifier": "pr--12", "SkipFinalSnapshot": True}, "single hyphens"),
            ("iam", "PutRolePolicy", {"RoleName": "a", "PolicyName": "a",
                                      "PolicyDocument": POLICY.replace("*", "a" * 10240)}, "10240 characters"),
            ("iam", "PutRolePolicy", {"RoleName": "a", "PolicyName": "a", "PolicyDocument": "{}"}, "a policy document"),
            ("ecr", "CreateRepository", {"repositoryName": "1a"}, "begins with a letter"),
            ("logs", "PutRetentionPolicy", {"logGroupName": "a", "retentionInDays": 3654}, "that CloudWatch Logs offers"),
            ("secretsmanager", "CreateSecret", {"Name": "shop-abc123", "ClientRequestToken": "a" * 32}, "six characters"),
            ("s3", "CreateBucket", {"Bucket": "sthree-a"}, "S3's rules for buckets"),
            ("s3", "CreateBucket", {"Bucket": "abc", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}},
             "none in us-east-1"),
            ("ec2", "AllocateAddress", {"TagSpecifications": [{"ResourceType": "elastic-ip", "Tags": [
                {"Key": f"k{number}", "Value": ""} for number in range(51)]}]}, "at most 50 tags"),
            ("kms", "TagResource", {"KeyId": "a", "Tags": [{"TagKey": "aws:name", "TagValue": ""}]}, "must not begin with aws:"),
            ("acm", "RequestCertificate", {"DomainName": f"{'a' * 60}.example"}, "at most 64 characters"),
        ):
            with self.subTest(expected=expected):
                found = judged(request(service, operation, members)).findings
                self.assertTrue(any(expected in finding.rule and finding.page for finding in found), found)

    def test_requests_within_the_limits_have_no_findings(self):
        for service, operation, members in (
            ("ec2", "CreateSecurityGroup", {"GroupName": "app", "Description": "App: HTTP, from the load balancer"}),
            ("elbv2", "CreateLoadBalancer", {"Name": "dev-app", "Subnets": ["subnet-1", "subnet-2"]}),
            ("iam", "PutRolePolicy", {"RoleName": "app", "PolicyName": "app", "PolicyDocument": POLICY}),
            ("secretsmanager", "CreateSecret", {"Name": "shop-12345678", "ClientRequestToken": "a" * 32}),
            ("rds", "DeleteDBInstance", {"DBInstanceIdentifier": "dev-app", "SkipFinalSnapshot": True}),
            ("s3", "CreateBucket", {"Bucket": "dev-logs"}),
        ):
            with self.subTest(operation=operation):
                self.assertEqual(rules(service, operation, members), [])


class Exceptions(unittest.TestCase):
    def test_an_exception_accepts_its_finding_only(self):
        accepted = {"operation": "s3:CreateBucket", "member": "Tags[].Key", "rule": "at most 50", "reason": "a test"}
        kept, findings.EXCEPTIONS[:] = list(findings.EXCEPTIONS), [accepted]
        self.addCleanup(findings.EXCEPTIONS.__setitem__, slice(None), kept)
        finding = findings.Finding("s3:CreateBucket", "Tags[3].Key", "", "expected at most 50 tags")
        self.assertEqual(findings.exception(finding), accepted)
        other = findings.Finding("s3:CreateBucket", "Tags[3].Value", "", "expected at most 50 tags")
        self.assertIsNone(findings.exception(other))


if __name__ == "__main__":
    unittest.main()
