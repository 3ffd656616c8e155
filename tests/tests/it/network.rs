//! A whole network through the engine on an emulator: made, changed in ways that replace, gone.

use provisioner_aws::ec2::{
    AclEntry, ElasticIp, FlowLog, InternetGateway, NatGateway, NetworkAcl, Route, RouteTable, RouteTableAssociation,
    Rule, SecurityGroup, SecurityGroupRules, Subnet, Vpc, VpcEndpoint,
};
use provisioner_model::{
    plan::{Action, Plan},
    stack::{Desired, Stack},
};
use provisioner_tests::{Emulator, skipped};

use crate::engine::{EngineFixture, facts};

#[derive(Clone, Copy)]
struct Shape {
    range: u8,
    nat_in: usize,
    open: bool,
}

fn network(shape: Shape) -> Desired {
    let mut stack = Stack::new(facts());
    stack.default_tag("environment", "dev");
    let range = |part: u8| format!("10.{}.{part}.0/24", shape.range);
    let all = format!("10.{}.0.0/16", shape.range);
    stack.component("network", |stack| {
        let vpc = stack.add("main", Vpc::new(&all).enable_dns_hostnames(true));
        let gateway = stack.add("main", InternetGateway::new(vpc.id()));
        let public: Vec<_> = [(0, "a"), (1, "b")]
            .map(|(n, zone)| {
                stack.add(&format!("public-{zone}"), Subnet::new(vpc.id(), range(n), format!("us-east-1{zone}")))
            })
            .into();
        let private: Vec<_> = [(10, "a"), (11, "b")]
            .map(|(n, zone)| {
                stack.add(&format!("private-{zone}"), Subnet::new(vpc.id(), range(n), format!("us-east-1{zone}")))
            })
            .into();
        // An address for each place: moto does not take it from a gateway that is deleted, so that none can be kept.
        let address = stack.add(&format!("nat-{}-{}", shape.range, shape.nat_in), ElasticIp::new());
        let nat = NatGateway::new(public[shape.nat_in].id()).allocation_id(address.id());
        let nat = stack.add("main", nat.internet_gateway(gateway.id()));
        let routes = [Route::internet("0.0.0.0/0", gateway.id())];
        let outside = stack.add("public", RouteTable::new(vpc.id()).routes(routes));
        let inside = stack.add("private", RouteTable::new(vpc.id()).routes([Route::nat("0.0.0.0/0", nat.id())]));
        for (subnets, table, name) in [(&public, &outside, "public"), (&private, &inside, "private")] {
            for (subnet, zone) in subnets.iter().zip(["a", "b"]) {
                stack.add(&format!("{name}-{zone}"), RouteTableAssociation::new(subnet.id(), table.id()));
            }
        }
        stack.add("s3", VpcEndpoint::gateway(vpc.id(), "com.amazonaws.us-east-1.s3", [inside.id()]));
        let entries =
            [AclEntry::allow(100, all.as_str()).tcp(0, 65535), AclEntry::allow(100, "0.0.0.0/0").egress(true)];
        let acl = NetworkAcl::new(vpc.id()).entries(entries);
        stack.add("private", acl.subnet_ids(private.iter().map(provisioner_model::Handle::id)));
        let balancer = stack.add("balancer", SecurityGroup::new("load balancer", vpc.id()));
        let tasks = stack.add("tasks", SecurityGroup::new("tasks", vpc.id()));
        let mut ingress = vec![Rule::tcp(443).cidr("0.0.0.0/0").description("anybody")];
        if shape.open {
            ingress.push(Rule::tcp(80).cidr("0.0.0.0/0"));
        }
        let rules = SecurityGroupRules::new(balancer.id()).ingress(ingress);
        stack.add("balancer", rules.egress([Rule::tcp(8080).group(tasks.id())]));
        let rules = SecurityGroupRules::new(tasks.id()).ingress([Rule::tcp(8080).group(balancer.id())]);
        stack.add("tasks", rules.egress([Rule::tcp(443).cidr("0.0.0.0/0")]));
        let role = "arn:aws:iam::123456789012:role/flows";
        stack.add("main", FlowLog::vpc(vpc.id(), "arn:aws:logs:us-east-1:123456789012:log-group:flows", role));
    });
    stack.finish().unwrap()
}

fn action(plan: &Plan, address: &str) -> Action {
    plan.resources[&format!("network/{address}")].action
}

async fn converge(fixture: &EngineFixture, desired: &Desired) -> Plan {
    let plan = fixture.plan(desired).await;
    let outcome = fixture.apply(&plan).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    let again = fixture.plan(desired).await;
    assert!(again.is_empty(), "{again:#?}");
    plan
}

#[tokio::test]
async fn whole_network_is_created_and_updated() {
    let Some(moto) = Emulator::moto() else {
        return skipped("whole_network_is_created_and_updated", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let first = Shape { range: 0, nat_in: 0, open: false };
    converge(&fixture, &network(first)).await;
    let open = converge(&fixture, &network(Shape { open: true, ..first })).await;
    assert_eq!(action(&open, "security-group-rules/balancer"), Action::Update);
}

#[tokio::test]
async fn whole_network_is_replaced_and_deleted() {
    let Some(moto) = Emulator::moto() else {
        return skipped("whole_network_is_replaced_and_deleted", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let first = Shape { range: 0, nat_in: 0, open: false };
    converge(&fixture, &network(first)).await;

    // The routes follow.
    let moved = Shape { nat_in: 1, ..first };
    let plan = converge(&fixture, &network(moved)).await;
    assert_eq!(action(&plan, "nat-gateway/main"), Action::Replace);
    assert_eq!(action(&plan, "route-table/private"), Action::Update);

    // Another VPC takes everything in it along.
    let plan = converge(&fixture, &network(Shape { range: 1, ..moved })).await;
    assert_eq!(action(&plan, "internet-gateway/main"), Action::Replace);

    let nothing = Stack::new(facts()).finish().unwrap();
    converge(&fixture, &nothing).await;
}
