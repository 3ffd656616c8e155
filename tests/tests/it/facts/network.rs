//! The network of the reference stack.

use serde_json::{Value, json};

use super::{Inspection, in_vpc, sorted};

pub(super) fn vpc(inspection: &mut Inspection<'_>) {
    let (vpc, acl) = (inspection.id("network/vpc/main"), inspection.id("network/network-acl/private"));
    inspection.ask(&[
        ("vpc", "ec2", "describe_vpcs", json!({ "VpcIds": [vpc] })),
        ("dns", "ec2", "describe_vpc_attribute", json!({ "VpcId": vpc, "Attribute": "enableDnsSupport" })),
        ("host names", "ec2", "describe_vpc_attribute", json!({ "VpcId": vpc, "Attribute": "enableDnsHostnames" })),
        ("internet", "ec2", "describe_internet_gateways", json!({})),
        ("subnets", "ec2", "describe_subnets", in_vpc(&vpc)),
        ("tables", "ec2", "describe_route_tables", in_vpc(&vpc)),
        ("nat", "ec2", "describe_nat_gateways", json!({})),
        ("endpoints", "ec2", "describe_vpc_endpoints", in_vpc(&vpc)),
        ("flows", "ec2", "describe_flow_logs", json!({})),
        ("acl", "ec2", "describe_network_acls", json!({ "NetworkAclIds": [acl] })),
        (
            "log groups",
            "logs",
            "describe_log_groups",
            json!({ "logGroupNamePrefix": format!("{}-", inspection.row.environment) }),
        ),
    ]);
    inspection.fact("VPC range", inspection.at("vpc", "/Vpcs/0/CidrBlock"), inspection.row.cidr);
    inspection.fact("DNS support", inspection.at("dns", "/EnableDnsSupport/Value"), true);
    inspection.fact("DNS host names", inspection.at("host names", "/EnableDnsHostnames/Value"), true);
    let attached = |one: &&Value| one.pointer("/Attachments/0/VpcId") == Some(&json!(vpc));
    inspection.fact(
        "internet gateway",
        inspection.list("internet", "/InternetGateways").iter().filter(attached).count(),
        1,
    );

    // A public and a private subnet per zone: what leads to the internet gateway is public, what leads to NAT is not.
    let tables = inspection.list("tables", "/RouteTables");
    let leads = |subnet: &Value, to: &str| {
        let of = |table: &&Value| {
            table["Associations"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it["SubnetId"] == subnet["SubnetId"]))
        };
        let out = |route: &Value| {
            let there = route[to].as_str().is_some_and(|id| id != "local" && !id.starts_with("vpce-"));
            route["DestinationCidrBlock"] == "0.0.0.0/0" && there
        };
        tables.iter().find(of).is_some_and(|table| table["Routes"].as_array().is_some_and(|all| all.iter().any(out)))
    };
    let subnets = inspection.list("subnets", "/Subnets");
    for (what, to) in [("public subnets", "GatewayId"), ("private subnets", "NatGatewayId")] {
        let zones = subnets.iter().filter(|subnet| leads(subnet, to)).map(|subnet| subnet["AvailabilityZone"].clone());
        inspection.fact(what, sorted(zones), inspection.row.zones.to_vec());
    }
    inspection.fact("subnets", subnets.len(), 2 * inspection.row.zones.len());
    let private: Vec<Value> =
        subnets.iter().filter(|it| leads(it, "NatGatewayId")).map(|it| it["SubnetId"].clone()).collect();

    let here = |one: &&Value| one["VpcId"] == json!(vpc) && one["State"] == "available";
    inspection.fact(
        "NAT gateways",
        inspection.list("nat", "/NatGateways").iter().filter(here).count(),
        inspection.row.gateways,
    );
    inspection.fact(
        "S3 endpoint",
        inspection.at("endpoints", "/VpcEndpoints/0/ServiceName"),
        "com.amazonaws.us-east-1.s3",
    );
    inspection.fact("S3 endpoint's kind", inspection.at("endpoints", "/VpcEndpoints/0/VpcEndpointType"), "Gateway");
    let tables = inspection.list("endpoints", "/VpcEndpoints/0/RouteTableIds").len();
    inspection.fact("S3 endpoint's route tables", tables, inspection.row.zones.len());

    let flows = inspection.list("flows", "/FlowLogs");
    let flow = flows.iter().find(|flow| flow["ResourceId"] == json!(vpc)).cloned().unwrap_or_default();
    inspection.fact("flow logs of all traffic", flow["TrafficType"].clone(), "ALL");
    inspection.fact("flow logs to CloudWatch", flow["LogDestinationType"].clone(), "cloud-watch-logs");
    let to = flow["LogDestination"].as_str().unwrap_or_default().to_owned();
    let groups = inspection.list("log groups", "/logGroups");
    let group = groups.iter().find(|group| group["logGroupArn"] == json!(to)).cloned().unwrap_or_default();
    inspection.fact("flow logs for 30 days", group["retentionInDays"].clone(), 30);

    let guarded = inspection.list("acl", "/NetworkAcls/0/Associations").into_iter().map(|it| it["SubnetId"].clone());
    inspection.fact("network ACL of the private tier", sorted(guarded), sorted(private));
    let line = |entry: &Value| {
        let way = if entry["Egress"] == true { "out" } else { "in" };
        let ports = (&entry["PortRange"]["From"], &entry["PortRange"]["To"]);
        let (action, cidr) = (entry["RuleAction"].as_str().unwrap(), entry["CidrBlock"].as_str().unwrap());
        Value::from(format!("{action} {way} {cidr} {}-{}", ports.0, ports.1))
    };
    let cidr = inspection.row.cidr;
    let expected = [
        format!("allow in {cidr} 1024-65535"),
        "allow in 0.0.0.0/0 32768-65535".into(),
        format!("allow out {cidr} 1024-65535"),
        "allow out 0.0.0.0/0 443-443".into(),
    ];
    let entries = inspection.list("acl", "/NetworkAcls/0/Entries");
    // AWS's own last entry denies the rest; moto does not show it.
    let ours = entries.iter().filter(|entry| entry["RuleNumber"] != 32767).map(line);
    inspection.fact("network ACL's entries", sorted(ours), sorted(expected.map(Value::from)));
}

/// Security groups name each other, and nothing wider.
pub(super) fn groups(inspection: &mut Inspection<'_>) {
    let [balancer, task, database] =
        ["load-balancer", "task", "database"].map(|name| inspection.id(&format!("network/security-group/{name}")));
    inspection.ask(&[("groups", "ec2", "describe_security_groups", json!({ "GroupIds": [balancer, task, database] }))]);
    let groups = inspection.list("groups", "/SecurityGroups");
    let line = |way: &str, rule: &Value| -> Vec<Value> {
        let peers = [("UserIdGroupPairs", "GroupId"), ("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")];
        let peers = peers.iter().flat_map(|(list, key)| {
            rule[*list].as_array().into_iter().flatten().map(|peer| peer[*key].as_str().unwrap_or("?").to_owned())
        });
        let (protocol, from, to) = (rule["IpProtocol"].as_str().unwrap(), &rule["FromPort"], &rule["ToPort"]);
        peers.map(|peer| Value::from(format!("{way} {protocol} {from}-{to} {peer}"))).collect()
    };
    let expected: [(&str, &String, Vec<String>); 3] = [
        (
            "load balancer's group",
            &balancer,
            vec![
                "in tcp 80-80 0.0.0.0/0".into(),
                "in tcp 443-443 0.0.0.0/0".into(),
                format!("out tcp 8080-8080 {task}"),
            ],
        ),
        (
            "tasks' group",
            &task,
            vec![
                format!("in tcp 8080-8080 {balancer}"),
                format!("out tcp 5432-5432 {database}"),
                "out tcp 443-443 0.0.0.0/0".into(),
            ],
        ),
        ("database's group", &database, vec![format!("in tcp 5432-5432 {task}")]),
    ];
    for (what, id, expected) in expected {
        let group = groups.iter().find(|group| group["GroupId"] == json!(id)).cloned().unwrap_or_default();
        let rules = |way, key: &str| -> Vec<Value> {
            group[key].as_array().into_iter().flatten().flat_map(|rule| line(way, rule)).collect()
        };
        let there = [rules("in", "IpPermissions"), rules("out", "IpPermissionsEgress")].concat();
        inspection.fact(what, sorted(there), sorted(expected.into_iter().map(Value::from)));
    }
}
