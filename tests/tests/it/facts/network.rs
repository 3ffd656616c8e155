//! The network.

use serde_json::{Value, json};

use super::{Seen, in_vpc, sorted};

pub(super) fn vpc(seen: &mut Seen<'_>) {
    let (vpc, acl) = (seen.id("network/vpc/main"), seen.id("network/network-acl/private"));
    seen.ask(&[
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
            json!({ "logGroupNamePrefix": format!("{}-", seen.row.environment) }),
        ),
    ]);
    seen.fact("VPC range", seen.at("vpc", "/Vpcs/0/CidrBlock"), seen.row.range);
    seen.fact("DNS support", seen.at("dns", "/EnableDnsSupport/Value"), true);
    seen.fact("DNS host names", seen.at("host names", "/EnableDnsHostnames/Value"), true);
    let attached = |one: &&Value| one.pointer("/Attachments/0/VpcId") == Some(&json!(vpc));
    seen.fact("internet gateway", seen.list("internet", "/InternetGateways").iter().filter(attached).count(), 1);

    // A public and a private subnet per zone: what leads to the internet gateway is public, what leads to NAT is not.
    let tables = seen.list("tables", "/RouteTables");
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
    let subnets = seen.list("subnets", "/Subnets");
    for (what, to) in [("public subnets", "GatewayId"), ("private subnets", "NatGatewayId")] {
        let zones = subnets.iter().filter(|subnet| leads(subnet, to)).map(|subnet| subnet["AvailabilityZone"].clone());
        seen.fact(what, sorted(zones), seen.row.zones.to_vec());
    }
    seen.fact("subnets", subnets.len(), 2 * seen.row.zones.len());
    let private: Vec<Value> =
        subnets.iter().filter(|it| leads(it, "NatGatewayId")).map(|it| it["SubnetId"].clone()).collect();

    let here = |one: &&Value| one["VpcId"] == json!(vpc) && one["State"] == "available";
    seen.fact("NAT gateways", seen.list("nat", "/NatGateways").iter().filter(here).count(), seen.row.gateways);
    seen.fact("S3 endpoint", seen.at("endpoints", "/VpcEndpoints/0/ServiceName"), "com.amazonaws.us-east-1.s3");
    seen.fact("S3 endpoint's kind", seen.at("endpoints", "/VpcEndpoints/0/VpcEndpointType"), "Gateway");
    let tables = seen.list("endpoints", "/VpcEndpoints/0/RouteTableIds").len();
    seen.fact("S3 endpoint's route tables", tables, seen.row.zones.len());

    let flows = seen.list("flows", "/FlowLogs");
    let flow = flows.iter().find(|flow| flow["ResourceId"] == json!(vpc)).cloned().unwrap_or_default();
    seen.fact("flow logs of all traffic", flow["TrafficType"].clone(), "ALL");
    seen.fact("flow logs to CloudWatch", flow["LogDestinationType"].clone(), "cloud-watch-logs");
    let to = flow["LogDestination"].as_str().unwrap_or_default().to_owned();
    let groups = seen.list("log groups", "/logGroups");
    let group = groups.iter().find(|group| group["logGroupArn"] == json!(to)).cloned().unwrap_or_default();
    seen.fact("flow logs for 30 days", group["retentionInDays"].clone(), 30);

    let guarded = seen.list("acl", "/NetworkAcls/0/Associations").into_iter().map(|it| it["SubnetId"].clone());
    seen.fact("network ACL of the private tier", sorted(guarded), sorted(private));
    let line = |entry: &Value| {
        let way = if entry["Egress"] == true { "out" } else { "in" };
        let ports = (&entry["PortRange"]["From"], &entry["PortRange"]["To"]);
        let (action, range) = (entry["RuleAction"].as_str().unwrap(), entry["CidrBlock"].as_str().unwrap());
        Value::from(format!("{action} {way} {range} {}-{}", ports.0, ports.1))
    };
    let range = seen.row.range;
    let want = [
        format!("allow in {range} 1024-65535"),
        "allow in 0.0.0.0/0 32768-65535".into(),
        format!("allow out {range} 1024-65535"),
        "allow out 0.0.0.0/0 443-443".into(),
    ];
    let entries = seen.list("acl", "/NetworkAcls/0/Entries");
    // AWS's own last entry denies the rest; moto does not show it.
    let ours = entries.iter().filter(|entry| entry["RuleNumber"] != 32767).map(line);
    seen.fact("network ACL's entries", sorted(ours), sorted(want.map(Value::from)));
}

/// Security groups name each other, and nothing wider.
pub(super) fn groups(seen: &mut Seen<'_>) {
    let [balancer, task, database] =
        ["load-balancer", "task", "database"].map(|name| seen.id(&format!("network/security-group/{name}")));
    seen.ask(&[("groups", "ec2", "describe_security_groups", json!({ "GroupIds": [balancer, task, database] }))]);
    let groups = seen.list("groups", "/SecurityGroups");
    let line = |way: &str, rule: &Value| -> Vec<Value> {
        let peers = [("UserIdGroupPairs", "GroupId"), ("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")];
        let peers = peers.iter().flat_map(|(list, key)| {
            rule[*list].as_array().into_iter().flatten().map(|peer| peer[*key].as_str().unwrap_or("?").to_owned())
        });
        let (protocol, from, to) = (rule["IpProtocol"].as_str().unwrap(), &rule["FromPort"], &rule["ToPort"]);
        peers.map(|peer| Value::from(format!("{way} {protocol} {from}-{to} {peer}"))).collect()
    };
    let want: [(&str, &String, Vec<String>); 3] = [
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
    for (what, id, want) in want {
        let group = groups.iter().find(|group| group["GroupId"] == json!(id)).cloned().unwrap_or_default();
        let rules = |way, key: &str| -> Vec<Value> {
            group[key].as_array().into_iter().flatten().flat_map(|rule| line(way, rule)).collect()
        };
        let there = [rules("in", "IpPermissions"), rules("out", "IpPermissionsEgress")].concat();
        seen.fact(what, sorted(there), sorted(want.into_iter().map(Value::from)));
    }
}
