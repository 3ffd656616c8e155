//! A small stack as a CloudFormation template.

use provisioner_aws::{
    cloudwatch::Dashboard,
    ec2::{
        InternetGateway, Route, RouteTable, RouteTableAssociation, Rule, SecurityGroup, SecurityGroupRules, Subnet, Vpc,
    },
    ecr::Image,
    iam::{ManagedPolicy, Role, RolePolicies},
    registry,
    secrets::{ManagedSecret, SecretValue},
};
use provisioner_cli::template::template;
use provisioner_model::{Facts, Id, Options, Stack, document, join};
use serde_json::{Value, json};

/// The template of a stack.
#[track_caller]
fn of(declare: impl FnOnce(&mut Stack)) -> Value {
    let mut stack = Stack::new(Facts {
        environment: "dev".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        partition: "aws".into(),
        stopped: false,
        discovered: [].into(),
    });
    declare(&mut stack);
    template(&stack.finish().unwrap(), &registry()).unwrap()
}

#[test]
fn stack_becomes_a_template_with_functions_for_its_references() {
    let template = of(|stack| {
        let vpc = stack.component("net", |stack| {
            let vpc = stack.add("main", Vpc::new("10.0.0.0/16"));
            let gateway = stack.add("main", InternetGateway::new(vpc.id()));
            let table =
                stack.add("public", RouteTable::new(vpc.id()).routes([Route::internet("0.0.0.0/0", gateway.id())]));
            let subnet = stack.add("a", Subnet::new(vpc.id(), "10.0.1.0/24", "us-east-1a"));
            stack.add("a", RouteTableAssociation::new(subnet.id(), table.id()));
            vpc
        });
        let group = stack.add("web", SecurityGroup::new("The web servers", vpc.id()));
        stack.add("web", SecurityGroupRules::new(group.id()).ingress([Rule::tcp(443).group(group.id())]));
        stack.output("vpc", vpc.id());
    });
    let expected = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The environment dev, as declared with Provisioner",
        "Metadata": { "Provisioner": {
            "Environment": "dev",
            "Account": "123456789012",
            "Region": "us-east-1",
            "Addresses": {
                "NetInternetGatewayMain": "net/internet-gateway/main",
                "NetInternetGatewayMainVpcId1": "net/internet-gateway/main",
                "NetRouteTableAssociationA": "net/route-table-association/a",
                "NetRouteTablePublic": "net/route-table/public",
                "NetRouteTablePublicRoutes1": "net/route-table/public",
                "NetSubnetA": "net/subnet/a",
                "NetVpcMain": "net/vpc/main",
                "SecurityGroupRulesWebIngress1": "security-group-rules/web",
                "SecurityGroupWeb": "security-group/web",
            },
            "LeftOut": {},
        }},
        "Resources": {
            "NetInternetGatewayMain": { "Type": "AWS::EC2::InternetGateway" },
            "NetInternetGatewayMainVpcId1": {
                "Type": "AWS::EC2::VPCGatewayAttachment",
                "Properties": {
                    "InternetGatewayId": { "Ref": "NetInternetGatewayMain" },
                    "VpcId": { "Ref": "NetVpcMain" },
                },
            },
            "NetRouteTableAssociationA": {
                "Type": "AWS::EC2::SubnetRouteTableAssociation",
                "Properties": { "RouteTableId": { "Ref": "NetRouteTablePublic" }, "SubnetId": { "Ref": "NetSubnetA" } },
            },
            "NetRouteTablePublic": { "Type": "AWS::EC2::RouteTable", "Properties": { "VpcId": { "Ref": "NetVpcMain" } } },
            "NetRouteTablePublicRoutes1": {
                "Type": "AWS::EC2::Route",
                "Properties": {
                    "DestinationCidrBlock": "0.0.0.0/0",
                    "GatewayId": { "Ref": "NetInternetGatewayMain" },
                    "RouteTableId": { "Ref": "NetRouteTablePublic" },
                },
            },
            "NetSubnetA": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {
                    "AvailabilityZone": "us-east-1a",
                    "CidrBlock": "10.0.1.0/24",
                    "VpcId": { "Ref": "NetVpcMain" },
                },
            },
            "NetVpcMain": { "Type": "AWS::EC2::VPC", "Properties": { "CidrBlock": "10.0.0.0/16" } },
            "SecurityGroupRulesWebIngress1": {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": {
                    "FromPort": 443,
                    "GroupId": { "Fn::GetAtt": ["SecurityGroupWeb", "GroupId"] },
                    "IpProtocol": "tcp",
                    "SourceSecurityGroupId": { "Fn::GetAtt": ["SecurityGroupWeb", "GroupId"] },
                    "ToPort": 443,
                },
            },
            "SecurityGroupWeb": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {
                    "GroupDescription": "The web servers",
                    "GroupName": "dev-web-bde78d59",
                    "VpcId": { "Ref": "NetVpcMain" },
                },
            },
        },
        "Outputs": { "Vpc": { "Value": { "Ref": "NetVpcMain" } } },
    });
    assert_eq!(template, expected);
}

#[test]
fn part_of_another_resource_is_a_property_of_it_or_follows_it() {
    let template = of(|stack| {
        let role = stack.add("app", Role::new(document(json!({ "Statement": [] }))));
        let policy = stack.add("read", ManagedPolicy::new(document(json!({ "Statement": [] }))));
        let managed = [policy.get(ManagedPolicy::ARN)];
        let parts = RolePolicies::new(role.id()).managed(managed).inline([("run", document(json!({})))]);
        stack.add("app", parts);
    });
    let role = json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": { "Statement": [] },
            "ManagedPolicyArns": [{ "Ref": "PolicyRead" }],
            "RoleName": "dev-app-c32756f0",
        },
    });
    assert_eq!(template["Resources"]["RoleApp"], role);
    let inline = json!({
        "Type": "AWS::IAM::RolePolicy",
        "Properties": { "PolicyDocument": {}, "PolicyName": "run", "RoleName": { "Ref": "RoleApp" } },
    });
    assert_eq!(template["Resources"]["RolePoliciesAppInline1"], inline);
}

#[test]
fn values_that_no_template_has_are_parameters_or_left_out_with_the_reason() {
    let template = of(|stack| {
        let secret = stack.secret("key", 1, "canary");
        let options = Options { protect: true, ..Options::default() };
        let secret = ManagedSecret::new(SecretValue::Given(secret)).recovery_window_in_days(7);
        let secret = stack.add_with("app", secret, options);
        let image = stack.add("app", Image::new(Id::new("app").into(), format!("sha256:{}", "0".repeat(64)), "x86_64"));
        let text =
            join(["a ".into(), image.get(Image::URI).part(), " of ".into(), secret.get(ManagedSecret::ARN).part()]);
        let widget = json!({ "type": "text", "properties": { "markdown": text.part() } });
        stack.add("main", Dashboard::new(document(json!({ "widgets": [widget] }))));
    });
    assert!(!template.to_string().contains("canary"));
    let left_out = json!({
        "image/app": "CloudFormation pushes no images",
        "secret/app.recovery_window_in_days": "of the delete call",
    });
    assert_eq!(template["Metadata"]["Provisioner"]["LeftOut"], left_out);
    let parameters = json!({
        "ParameterImageAppUri": { "Type": "String", "Description": "image/app uri" },
        "ParameterSecretKey": { "Type": "String", "Description": "secret key", "NoEcho": true },
    });
    assert_eq!(template["Parameters"], parameters);
    let secret = json!({
        "Type": "AWS::SecretsManager::Secret",
        "Properties": { "Name": "dev-app-44569f08", "SecretString": { "Ref": "ParameterSecretKey" } },
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
    });
    assert_eq!(template["Resources"]["SecretApp"], secret);
    let body = json!({ "Fn::Join": ["", [
        r#"{"widgets":[{"properties":{"markdown":"a "#,
        { "Ref": "ParameterImageAppUri" },
        " of ",
        { "Ref": "SecretApp" },
        r#""},"type":"text"}]}"#,
    ]] });
    assert_eq!(template["Resources"]["DashboardMain"]["Properties"]["DashboardBody"], body);
}
