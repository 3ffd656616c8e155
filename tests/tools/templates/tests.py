"""Tests of the judge of templates. `tests/tests/it/templates.rs` runs them."""
import importlib.util
import json
import pathlib
import unittest

import findings

HERE = pathlib.Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("program", HERE / "__main__.py")
program = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(program)
JUDGE = program.Judge()

VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}


def subnet(**changed):
    return {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"} | changed}


def verdict(region="us-east-1", **resources):
    """The findings about these resources and a VPC."""
    place = {"Region": region, "Account": "123456789012", "Addresses": {"A": "net/subnet/a"}, "LeftOut": {}}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Metadata": {"Provisioner": place},
                "Resources": {"Vpc": VPC} | resources}
    return JUDGE.verdict(json.dumps(template))


class KnownBad(unittest.TestCase):
    def found(self, expected, **resources):
        lines = verdict(**resources)
        self.assertTrue(any(expected in line for line in lines), lines)

    def test_validator_finds_a_load_balancer_with_one_subnet(self):
        balancer = {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Subnets": [{"Ref": "A"}]}}
        self.found("(E3680)", A=subnet(), B=balancer)

    def test_validator_finds_an_unknown_property(self):
        self.found("Colour", A=subnet(Colour="red"))

    def test_validator_finds_a_reference_to_an_attribute_that_does_not_exist(self):
        self.found("Arn", A=subnet(VpcId={"Fn::GetAtt": ["Vpc", "Arn"]}))

    def test_preflight_finds_a_subnet_that_is_too_small_with_address_property_and_value(self):
        expected = 'net/subnet/a AWS::EC2::Subnet CidrBlock is "10.0.0.0/99"'
        self.found(expected, A=subnet(CidrBlock="10.0.0.0/99"))
        self.found("(pf-ec2-subnet-cidr-size)", A=subnet(CidrBlock="10.0.0.0/99"))

    def test_preflight_finds_a_port_out_of_range(self):
        rule = {"IpProtocol": "tcp", "FromPort": 99999, "ToPort": 99999, "CidrIp": "10.0.0.0/8"}
        properties = {"GroupDescription": "a", "VpcId": {"Ref": "Vpc"}, "SecurityGroupIngress": [rule]}
        self.found("(pf-ec2-sg-port-range)", A={"Type": "AWS::EC2::SecurityGroup", "Properties": properties})

    def test_preflight_knows_the_region(self):
        properties = {"VpcId": {"Ref": "Vpc"}, "ServiceName": "com.amazonaws.us-east-1.s3"}
        endpoint = {"Type": "AWS::EC2::VPCEndpoint", "Properties": properties}
        self.found("(pf-ec2-vpce-service-region)", region="eu-central-1", A=endpoint)
        self.assertEqual(verdict(A=endpoint), [])

    def test_good_resources_have_no_findings(self):
        self.assertEqual(verdict(A=subnet()), [])


class Rules(unittest.TestCase):
    def test_every_service_of_provisioner_has_rules(self):
        engine = JUDGE.engine.result()
        self.assertGreater(len(engine.rules), 600)
        services = {type.split("::")[1] for type in program.types()}
        lacking = {service for service in services
                   if not any(f"AWS::{service}::" in type for rule in engine.rules for type in rule["resourceTypes"])}
        self.assertEqual(lacking, set())


class Exceptions(unittest.TestCase):
    def test_an_exception_accepts_its_finding_only(self):
        accepted = {"rule": "W1", "type": "AWS::EC2::Subnet", "property": "Tags[].Key", "reason": "a test"}
        kept, findings.EXCEPTIONS[:] = list(findings.EXCEPTIONS), [accepted]
        self.addCleanup(findings.EXCEPTIONS.__setitem__, slice(None), kept)

        def finding(rule, property):
            return findings.Finding(rule, "AWS::EC2::Subnet", "net/subnet/a", property, "", "")

        self.assertEqual(findings.exception(finding("W1", "Tags[3].Key")), accepted)
        self.assertIsNone(findings.exception(finding("W1", "Tags[3].Value")))
        self.assertIsNone(findings.exception(finding("W2", "Tags[3].Key")))


if __name__ == "__main__":
    unittest.main()
