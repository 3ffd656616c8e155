//! Objects of others in a VPC that a destroy deletes: the error names what is in the way, and comes soon.

use std::{collections::BTreeMap, time::Duration};

use provisioner_aws::ec2::{InternetGateway, SecurityGroup, Subnet, Vpc};
use provisioner_engine::Tuning;
use provisioner_model::{
    resource::Cloud,
    stack::{Desired, MAIN, Stack},
};
use provisioner_tests::{Emulator, skipped};

use crate::engine::{EngineFixture, facts};

fn declared(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(facts());
    declare(&mut stack);
    stack.finish().unwrap()
}

fn network(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::new("10.0.0.0/16"));
    stack.add("main", InternetGateway::new(vpc.id()));
    stack.add("main", Subnet::new(vpc.id(), "10.0.0.0/24", "us-east-1a"));
    stack.add("main", SecurityGroup::new("a group", vpc.id()));
}

/// Destroys everything, without patience. Returns the failures by address.
async fn destroy(fixture: EngineFixture) -> BTreeMap<String, String> {
    let short = Some(Duration::from_secs(2));
    let fixture = fixture.tuned(|tuning| Tuning { patience: short, poll: Some(Duration::from_millis(100)), ..tuning });
    let plan = fixture.plan(&declared(|_| {})).await;
    let failed = fixture.apply(&plan).await.failed;
    failed.into_iter().map(|(step, why)| (plan.steps[step].address.clone(), why)).collect()
}

#[tokio::test]
async fn destroy_names_the_foreign_objects_in_the_vpc() {
    let Some(moto) = Emulator::moto() else {
        return skipped("destroy_names_the_foreign_objects_in_the_vpc", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let plan = fixture.plan(&declared(network)).await;
    assert!(fixture.apply(&plan).await.is_complete());
    let ids = fixture.plan(&declared(network)).await;
    let vpc = ids.resources["vpc/main"].id.clone().unwrap();

    let aws = moto.aws();
    let ec2 = aws.writer().ec2();
    let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.0.9.0/24").send().await.unwrap();
    let subnet = subnet.subnet().unwrap().subnet_id().unwrap().to_owned();
    let group = ec2.create_security_group().vpc_id(&vpc).group_name("theirs").description("of a colleague");
    let group = group.send().await.unwrap().group_id().unwrap().to_owned();
    let interface = ec2.create_network_interface().subnet_id(&subnet).groups(&group).description("a colleague's");
    let interface = interface.send().await.unwrap();
    let interface = interface.network_interface().unwrap().network_interface_id().unwrap().to_owned();
    let service = "com.amazonaws.us-east-1.guardduty-data";
    let endpoint = ec2.create_vpc_endpoint().vpc_id(&vpc).service_name(service).send().await.unwrap();
    let endpoint = endpoint.vpc_endpoint().unwrap().vpc_endpoint_id().unwrap().to_owned();

    let failed = destroy(fixture).await;
    let why = &failed["vpc/main"];
    for part in [&*subnet, &group, &interface, "a colleague's", &endpoint, "GuardDuty", &vpc] {
        assert!(why.contains(part), "{part} is not in: {why}");
    }
}

/// moto detaches a gateway whatever is behind it, so the obstacles are asked for directly.
#[tokio::test]
async fn obstacles_of_gateways_subnets_and_groups_are_named() {
    let Some(moto) = Emulator::moto() else {
        return skipped("obstacles_of_gateways_subnets_and_groups_are_named", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let plan = fixture.plan(&declared(network)).await;
    assert!(fixture.apply(&plan).await.is_complete());
    let plan = fixture.plan(&declared(network)).await;
    let id = |address: &str| plan.resources[address].id.clone().unwrap();
    let (subnet, group) = (id("subnet/main"), id("security-group/main"));
    let aws = moto.aws();
    let ec2 = aws.writer().ec2();
    let interface = ec2.create_network_interface().subnet_id(&subnet).groups(&group).description("a colleague's");
    let interface = interface.send().await.unwrap();
    let interface = interface.network_interface().unwrap().network_interface_id().unwrap().to_owned();
    let address = ec2.allocate_address().send().await.unwrap();
    let allocation = address.allocation_id().unwrap();
    ec2.associate_address().allocation_id(allocation).network_interface_id(&interface).send().await.unwrap();

    let types = provisioner_aws::registry();
    for address_of in ["internet-gateway/main", "subnet/main", "security-group/main"] {
        let (type_name, recorded) = fixture.recorded(address_of).await;
        let clouds = moto.clouds();
        let round = clouds.round();
        let obstacles = types.get(&type_name).unwrap().obstacles(&round, MAIN, recorded).await.unwrap();
        let [obstacle] = &obstacles[..] else { panic!("{address_of}: {obstacles:?}") };
        assert!(obstacle.description.contains(&interface), "{address_of}: {obstacle:?}");
        assert!(obstacle.description.contains("a colleague's"), "{address_of}: {obstacle:?}");
        if address_of == "internet-gateway/main" {
            assert!(obstacle.description.contains(address.public_ip().unwrap()), "{obstacle:?}");
        }
    }
}
