//! The objects that keep EC2 from deleting a VPC, a subnet, a security group or an internet gateway.
//!
//! EC2 answers `DependencyViolation` and names nothing. Each list here is one call, and is empty if the credentials may
//! not read it.

use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceType, SecurityGroup, VpcEndpoint};

use super::filter;
use crate::prelude::*;

/// The permissions that the lists need.
pub(super) const READS: [&str; 7] = [
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeRouteTables",
    "ec2:DescribeNetworkAcls",
];

/// The service of the endpoints that AWS's threat detection creates in a VPC by itself.
const GUARD_DUTY: &str = "guardduty-data";

/// The objects in a VPC, except for those that EC2 deletes with it.
pub(super) async fn in_vpc(c: &Reader, vpc: &str) -> Vec<Obstacle> {
    let (endpoints, interfaces, subnets, groups, others) = futures::join!(
        endpoints(c, vpc),
        interfaces(c, "vpc-id", vpc),
        subnets(c, vpc),
        groups(c, "vpc-id", vpc),
        others(c, vpc),
    );
    // An endpoint's interfaces go with it.
    let interfaces = interfaces.iter().filter(|interface| !is_of_endpoint(interface)).map(interface);
    let groups = groups.iter().filter(|group| group.group_name() != Some("default")).map(group);
    endpoints.iter().map(endpoint).chain(interfaces).chain(subnets).chain(groups).chain(others).collect()
}

/// The network interfaces in a subnet.
pub(super) async fn in_subnet(c: &Reader, subnet: &str) -> Vec<Obstacle> {
    interfaces(c, "subnet-id", subnet).await.iter().map(interface).collect()
}

/// The network interfaces of a security group, and the other groups whose rules refer to it.
pub(super) async fn of_group(c: &Reader, id: &str) -> Vec<Obstacle> {
    let (interfaces, from, to) = futures::join!(
        interfaces(c, "group-id", id),
        groups(c, "ip-permission.group-id", id),
        groups(c, "egress.ip-permission.group-id", id),
    );
    let mut obstacles: Vec<Obstacle> = interfaces.iter().map(interface).collect();
    for other in from.iter().chain(&to).filter(|other| other.group_id() != Some(id)) {
        let description = format!("a rule of {}", group(other).description);
        let obstacle = Obstacle { description, is_temporary: false };
        if !obstacles.contains(&obstacle) {
            obstacles.push(obstacle);
        }
    }
    obstacles
}

/// The network interfaces in a VPC that have a public address.
pub(super) async fn behind_gateway(c: &Reader, vpc: &str) -> Vec<Obstacle> {
    let interfaces = interfaces(c, "vpc-id", vpc).await;
    let public = interfaces.iter().filter_map(|one| {
        let address = one.association()?.public_ip()?;
        let Obstacle { description, is_temporary } = interface(one);
        Some(Obstacle { description: format!("{description} with the public address {address}"), is_temporary })
    });
    public.collect()
}

async fn interfaces(c: &Reader, name: &str, value: &str) -> Vec<NetworkInterface> {
    let request = c.ec2().describe_network_interfaces().filters(filter(name, [value]));
    list_all!(READS[0], request).unwrap_or_default()
}

async fn groups(c: &Reader, name: &str, value: &str) -> Vec<SecurityGroup> {
    let request = c.ec2().describe_security_groups().filters(filter(name, [value]));
    list_all!(READS[3], request).unwrap_or_default()
}

async fn endpoints(c: &Reader, vpc: &str) -> Vec<VpcEndpoint> {
    let request = c.ec2().describe_vpc_endpoints().filters(filter("vpc-id", [vpc]));
    let endpoints = list_all!(READS[1], request).unwrap_or_default();
    endpoints.into_iter().filter(|endpoint| !has_state(endpoint, "deleted")).collect()
}

async fn subnets(c: &Reader, vpc: &str) -> Vec<Obstacle> {
    let request = c.ec2().describe_subnets().filters(filter("vpc-id", [vpc]));
    let subnets = list_all!(READS[2], request).unwrap_or_default();
    subnets.iter().map(|one| named("subnet", one.subnet_id(), one.cidr_block())).collect()
}

/// Gateways, route tables and network ACLs, except for the main and default ones.
async fn others(c: &Reader, vpc: &str) -> Vec<Obstacle> {
    let of_vpc = || filter("vpc-id", [vpc]);
    let gateways = async {
        let request = c.ec2().describe_internet_gateways().filters(filter("attachment.vpc-id", [vpc]));
        list_all!(READS[4], request).unwrap_or_default()
    };
    let tables = async { list_all!(READS[5], c.ec2().describe_route_tables().filters(of_vpc())).unwrap_or_default() };
    let acls = async { list_all!(READS[6], c.ec2().describe_network_acls().filters(of_vpc())).unwrap_or_default() };
    let (gateways, tables, acls) = futures::join!(gateways, tables, acls);
    let is_main = |table: &aws_sdk_ec2::types::RouteTable| {
        table.associations().iter().any(|association| association.main() == Some(true))
    };
    let gateways = gateways.iter().map(|gateway| named("internet gateway", gateway.internet_gateway_id(), None));
    let tables = tables.iter().filter(|table| !is_main(table));
    let tables = tables.map(|table| named("route table", table.route_table_id(), None));
    let acls = acls.iter().filter(|acl| acl.is_default() != Some(true));
    let acls = acls.map(|acl| named("network ACL", acl.network_acl_id(), None));
    gateways.chain(tables).chain(acls).collect()
}

fn named(kind: &str, id: Option<&str>, detail: Option<&str>) -> Obstacle {
    let detail = detail.filter(|detail| !detail.is_empty()).map(|detail| format!(" ({detail})")).unwrap_or_default();
    Obstacle { description: format!("the {kind} {}{detail}", id.unwrap_or_default()), is_temporary: false }
}

fn group(group: &SecurityGroup) -> Obstacle {
    named("security group", group.group_id(), group.group_name())
}

fn endpoint(endpoint: &VpcEndpoint) -> Obstacle {
    let id = endpoint.vpc_endpoint_id().unwrap_or_default();
    let service = endpoint.service_name().unwrap_or_default();
    let obstacle = named("endpoint", Some(id), Some(service));
    let guard_duty = format!(
        "{} that GuardDuty manages, which `aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {id}` deletes",
        obstacle.description
    );
    let description = if service.ends_with(GUARD_DUTY) { guard_duty } else { obstacle.description };
    Obstacle { description, is_temporary: has_state(endpoint, "deleting") }
}

fn has_state(endpoint: &VpcEndpoint, state: &str) -> bool {
    endpoint.state().is_some_and(|found| found.as_str().eq_ignore_ascii_case(state))
}

fn is_of_endpoint(interface: &NetworkInterface) -> bool {
    let endpoint = [NetworkInterfaceType::VpcEndpoint, NetworkInterfaceType::GatewayLoadBalancerEndpoint];
    interface.interface_type().is_some_and(|found| endpoint.contains(found))
}

/// An interface that a service manages, such as a load balancer's or a task's, goes some time after its user. Those of
/// endpoints and NAT gateways stay as long as these.
fn interface(interface: &NetworkInterface) -> Obstacle {
    let stays = is_of_endpoint(interface) || interface.interface_type() == Some(&NetworkInterfaceType::NatGateway);
    let is_managed = interface.requester_managed() == Some(true);
    let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
    let owner = match (instance, interface.requester_id().filter(|_| is_managed)) {
        (Some(instance), _) => Some(instance),
        (None, Some(requester)) => Some(requester),
        (None, None) => interface.owner_id(),
    };
    let owner = owner.map(|owner| format!(" of {owner}")).unwrap_or_default();
    let obstacle = named("network interface", interface.network_interface_id(), interface.description());
    Obstacle { description: format!("{}{owner}", obstacle.description), is_temporary: is_managed && !stays }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    #[test]
    fn interfaces_are_named_with_description_and_owner() {
        let plain = || NetworkInterface::builder().network_interface_id("eni-1").description("app").owner_id("1");
        let told = |interface: NetworkInterface| {
            let Obstacle { description, is_temporary } = super::interface(&interface);
            (description, is_temporary)
        };
        assert_eq!(told(plain().build()), ("the network interface eni-1 (app) of 1".to_owned(), false));
        let attachment = NetworkInterfaceAttachment::builder().instance_id("i-1").build();
        let of_instance = plain().attachment(attachment).build();
        assert_eq!(told(of_instance), ("the network interface eni-1 (app) of i-1".to_owned(), false));
        let managed = || plain().requester_managed(true).requester_id("amazon-elb");
        let of_balancer = managed().build();
        assert_eq!(told(of_balancer), ("the network interface eni-1 (app) of amazon-elb".to_owned(), true));
        let of_gateway = managed().interface_type(NetworkInterfaceType::NatGateway).build();
        assert!(!told(of_gateway).1, "it goes with its gateway");
    }

    #[test]
    fn endpoint_of_guard_duty_comes_with_the_command_that_deletes_it() {
        let service = |name: &str| {
            let endpoint = VpcEndpoint::builder().vpc_endpoint_id("vpce-1").service_name(name);
            endpoint.state(aws_sdk_ec2::types::State::Available).build()
        };
        let managed = endpoint(&service("com.amazonaws.eu-west-1.guardduty-data")).description;
        assert!(managed.contains("delete-vpc-endpoints --vpc-endpoint-ids vpce-1"), "{managed}");
        let other = endpoint(&service("com.amazonaws.eu-west-1.s3")).description;
        assert_eq!(other, "the endpoint vpce-1 (com.amazonaws.eu-west-1.s3)");
    }
}
