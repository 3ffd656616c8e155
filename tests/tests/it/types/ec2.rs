use provisioner_aws::ec2::{
    AclEntry, ElasticIp, FlowLog, InternetGateway, NatGateway, NetworkAcl, Route, RouteTable, RouteTableAssociation,
    RouteTarget, Rule, SecurityGroup, SecurityGroupRules, Subnet, Vpc, VpcEndpoint,
};
use provisioner_model::{Id, expr::In, resource::Resource};
use serde_json::{Value, json};

use super::{Bench, end};
use provisioner_testkit::conformance::TestObject;

fn id<R>(object: &TestObject<'_>) -> In<Id<R>> {
    Id::new(&*object.id).into()
}

fn value(inputs: impl Resource) -> Value {
    json!(inputs)
}

async fn vpc(bench: &Bench) -> TestObject<'_> {
    bench.create(Vpc::new("10.0.0.0/16").enable_dns_hostnames(true)).await
}

async fn subnet<'a>(bench: &'a Bench, vpc: &TestObject<'_>, range: &str) -> TestObject<'a> {
    bench.create(Subnet::new(id(vpc), range, "us-east-1a")).await
}

#[tokio::test]
async fn vpc_and_subnet() {
    let Some(bench) = Bench::moto("vpc_and_subnet") else { return };
    let mut vpc = bench.create(Vpc::new("10.0.0.0/16").enable_dns_hostnames(true)).await;
    assert!(vpc.observed.outputs["default_security_group"].as_str().unwrap().starts_with("sg-"));
    end(&mut vpc, "enable_dns_hostnames", json!(false)).await;
    let id = Id::new(&*vpc.id).into();
    let mut subnet = bench.create(Subnet::new(id, "10.0.1.0/24", "us-east-1a").map_public_ip_on_launch(true)).await;
    end(&mut subnet, "map_public_ip_on_launch", json!(false)).await;
    let changed = subnet.changed("tags", json!({ "tier": "private" }));
    subnet.update(changed).await;
    subnet.delete().await;
    vpc.delete().await;
}

#[tokio::test]
async fn gateways_and_routes() {
    let Some(bench) = Bench::moto("gateways_and_routes") else { return };
    let (vpc, other) = (vpc(&bench).await, bench.create(Vpc::new("10.9.0.0/16")).await);
    let subnet = subnet(&bench, &vpc, "10.0.1.0/24").await;

    let mut gateway = bench.create(InternetGateway::new(id(&vpc))).await;
    // The engine replaces it for that; by itself it can move all the same.
    gateway.update(gateway.changed("vpc_id", json!(other.id))).await;
    gateway.update(gateway.changed("vpc_id", json!(vpc.id))).await;
    gateway.update(gateway.changed("tags", json!({ "a": "1" }))).await;

    let mut address = bench.create(ElasticIp::new()).await;
    address.update(address.changed("tags", json!({ "a": "1" }))).await;
    let nat = NatGateway::new(id(&subnet)).allocation_id(id(&address)).internet_gateway(id(&gateway));
    let mut nat = bench.create(nat).await;
    assert_eq!(nat.observed.outputs["public_ip"], address.observed.outputs["public_ip"]);
    nat.update(nat.changed("tags", json!({ "a": "1" }))).await;

    let routes = [Route::internet("0.0.0.0/0", id(&gateway)), Route::nat("192.168.0.0/16", id(&nat))];
    let mut table = bench.create(RouteTable::new(id(&vpc)).routes(routes)).await;
    // One replaced, one gone, one new.
    let routes = [Route::nat("0.0.0.0/0", id(&nat)), Route::internet("172.16.0.0/12", id(&gateway))];
    table.update(table.changed("routes", json!(routes))).await;
    table.update(table.changed("tags", json!({ "a": "1" }))).await;

    let routes = [Route::internet("0.0.0.0/0", id(&gateway))];
    let second = bench.create(RouteTable::new(id(&vpc)).routes(routes)).await;
    let mut association = bench.create(RouteTableAssociation::new(id(&subnet), id(&table))).await;
    let before = association.observed.outputs["association"].clone();
    association.update(association.changed("route_table_id", json!(second.id))).await;
    assert_ne!(association.observed.outputs["association"], before, "in place, under another id of AWS's");

    association.delete().await;
    second.delete().await;
    table.delete().await;
    nat.delete().await;
    address.delete().await;
    gateway.delete().await;
    subnet.delete().await;
    other.delete().await;
    vpc.delete().await;
}

#[tokio::test]
async fn endpoints() {
    let Some(bench) = Bench::moto("endpoints") else { return };
    let vpc = vpc(&bench).await;
    let (one, two) = (subnet(&bench, &vpc, "10.0.1.0/24").await, subnet(&bench, &vpc, "10.0.2.0/24").await);
    let table = bench.create(RouteTable::new(id(&vpc))).await;
    let other = bench.create(RouteTable::new(id(&vpc)).tags([("other", "yes")])).await;
    let policy = |action: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": "*", "Action": [action], "Resource": "*" }
        ] })
        .to_string()
    };

    let s3 = VpcEndpoint::gateway(id(&vpc), "com.amazonaws.us-east-1.s3", [id(&table)]);
    let mut s3 = bench.create(s3.policy_document(policy("s3:GetObject"))).await;
    assert!(s3.observed.outputs["prefix_list"].as_str().unwrap().starts_with("pl-"));
    s3.update(s3.changed("policy_document", json!(policy("s3:PutObject")))).await;
    s3.update(s3.changed("tags", json!({ "a": "1" }))).await;
    let everything = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    end(&mut s3, "policy_document", json!(everything)).await;
    s3.update(s3.changed("route_table_ids", json!([other.id, table.id]))).await;
    // moto gives a table that came later no route, and then fails to delete the endpoint for want of it.
    s3.update(s3.changed("route_table_ids", json!([table.id]))).await;
    // Its route is not the table's to declare.
    let mut table = table;
    assert_eq!(table.read().await.unwrap().inputs["routes"], json!([]));

    let group = bench.create(SecurityGroup::new("endpoints", id(&vpc))).await;
    let second = bench.create(SecurityGroup::new("others", id(&vpc))).await;
    let logs = VpcEndpoint::interface(id(&vpc), "com.amazonaws.us-east-1.logs", [id(&one)], [id(&group)]);
    let mut logs = bench.create(logs.private_dns_enabled(true)).await;
    logs.update(logs.changed("subnet_ids", json!([two.id, one.id]))).await;
    logs.update(logs.changed("security_group_ids", json!([second.id]))).await;

    logs.delete().await;
    s3.delete().await;
    second.delete().await;
    group.delete().await;
    other.delete().await;
    table.delete().await;
    one.delete().await;
    two.delete().await;
    vpc.delete().await;
}

#[tokio::test]
async fn network_acls() {
    let Some(bench) = Bench::moto("network_acls") else { return };
    let vpc = vpc(&bench).await;
    let (one, two) = (subnet(&bench, &vpc, "10.0.1.0/24").await, subnet(&bench, &vpc, "10.0.2.0/24").await);
    let entries = [
        AclEntry::allow(100, "10.0.0.0/16").tcp(443, 443),
        AclEntry::allow(110, "10.0.0.0/16").udp(53, 53),
        AclEntry::deny(120, "10.0.0.0/8"),
        AclEntry::allow(100, "0.0.0.0/0").egress(true),
    ];
    let mut acl = bench.create(NetworkAcl::new(id(&vpc)).entries(entries).subnet_ids([id(&one)])).await;
    // One changed, one gone, one new; the first subnet leaves, the second comes.
    let entries = [
        AclEntry::allow(100, "10.0.0.0/16").tcp(8080, 8081),
        AclEntry::deny(120, "10.0.0.0/8"),
        AclEntry::allow(130, "10.2.0.0/16"),
        AclEntry::allow(100, "0.0.0.0/0").egress(true),
    ];
    acl.update(acl.changed("entries", json!(entries))).await;
    acl.update(acl.changed("subnet_ids", json!([two.id]))).await;
    acl.update(acl.changed("tags", json!({ "a": "1" }))).await;
    acl.delete().await;
    one.delete().await;
    two.delete().await;
    vpc.delete().await;
}

#[tokio::test]
async fn security_groups_that_name_each_other() {
    let Some(bench) = Bench::moto("security_groups_that_name_each_other") else { return };
    let vpc = vpc(&bench).await;
    let mut app = bench.create(SecurityGroup::new("tasks", id(&vpc))).await;
    app.update(app.changed("tags", json!({ "a": "1" }))).await;
    let data = bench.create(SecurityGroup::new("database", id(&vpc)).group_name("data")).await;

    let from_app = Rule::tcp(5432).group(id(&app)).description("the app");
    let inside = SecurityGroupRules::new(id(&data)).ingress([from_app]);
    let inside = bench.create(inside).await;
    assert_eq!(inside.observed.inputs["egress"], json!([]), "Amazon's own rule is gone");
    let rules = SecurityGroupRules::new(id(&app))
        .ingress([
            Rule::tcp(8080).cidr("10.0.0.0/16").description("load balancer"),
            Rule::ports("icmp", -1, -1).cidr("10.0.0.0/16"),
        ])
        .egress([Rule::tcp(443).cidr("0.0.0.0/0"), Rule::tcp(5432).group(id(&data))]);
    let mut rules = bench.create(rules).await;
    // Other words for one, one gone, one new, everything out again.
    let changed = SecurityGroupRules::new(id(&app))
        .ingress([Rule::tcp(8080).cidr("10.0.0.0/16").description("the balancer"), Rule::udp(53).cidr("10.0.0.0/16")])
        .egress([Rule::all().cidr("0.0.0.0/0")]);
    rules.update(value(changed)).await;

    rules.delete().await;
    inside.delete().await;
    data.delete().await;
    app.delete().await;
    vpc.delete().await;
}

#[tokio::test]
async fn flow_logs() {
    let Some(bench) = Bench::moto("flow_logs") else { return };
    let vpc = vpc(&bench).await;
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:flows";
    let log = FlowLog::vpc(id(&vpc), group, "arn:aws:iam::123456789012:role/flows")
        .max_aggregation_interval(60)
        .log_format("${version} ${srcaddr} ${dstaddr} ${action}");
    let mut log = bench.create(log).await;
    log.update(log.changed("tags", json!({ "a": "1" }))).await;
    log.delete().await;
    vpc.delete().await;
}

#[test]
fn targets_are_plain_json() {
    let route = Route::new("10.0.0.0/8", RouteTarget::TransitGateway("tgw-1".into()));
    assert_eq!(json!(route), json!({ "destination": "10.0.0.0/8", "target": { "transit_gateway": "tgw-1" } }));
}
