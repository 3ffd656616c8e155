//! A VPC and subnets outside the stack, looked up before the stack program runs. Nothing here changes or judges them.
//!
//! Start with [`ExistingNetwork::look_up`]. Credentials that may not read routes and endpoints learn nothing of them.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{RouteState, RouteTable, Subnet as SdkSubnet, VpcEndpoint};
use provisioner_model::resource::Cloud;

use super::filter;
use crate::prelude::*;

/// The name of the fact with the IDs of the public subnets, separated by commas.
pub const PUBLIC_SUBNETS: &str = "public-subnets";
/// The name of the fact with the IDs of the private subnets, separated by commas.
pub const PRIVATE_SUBNETS: &str = "private-subnets";

/// A VPC and subnets that an environment names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingNetwork {
    /// The VPC's ID.
    pub vpc: String,
    /// The public subnets.
    pub public_subnets: SubnetSelection,
    /// The private subnets.
    pub private_subnets: SubnetSelection,
}

/// The subnets of one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubnetSelection {
    /// By ID.
    Ids(Vec<String>),
    /// Every subnet of the VPC that has all of these tags.
    Tags(Tags),
}

/// The result of a look-up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscoveredNetwork {
    /// `false` if the account has no such VPC in the region. Then nothing else is known.
    pub has_vpc: bool,
    /// The public subnets, by ID.
    pub public_subnets: BTreeMap<String, DiscoveredSubnet>,
    /// The private subnets, by ID.
    pub private_subnets: BTreeMap<String, DiscoveredSubnet>,
    /// Service names of the VPC's endpoints, such as `com.amazonaws.us-east-1.s3`; `None` if they could not be read.
    pub endpoints: Option<Vec<String>>,
}

/// A subnet that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveredSubnet {
    /// ID of its VPC.
    pub vpc: String,
    /// `us-east-1a`.
    pub zone: String,
    /// Number of free IPv4 addresses.
    pub free_addresses: Option<i32>,
    /// The route for `0.0.0.0/0`; `None` if it could not be read.
    pub way_out: Option<WayOut>,
}

/// The target of the route for `0.0.0.0/0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayOut {
    /// No route, or one to a target that no longer exists.
    None,
    /// An internet gateway: for objects with public addresses.
    InternetGateway,
    /// A NAT gateway, a transit gateway or another appliance.
    Other,
}

impl ExistingNetwork {
    /// Looks the subnets up.
    pub async fn look_up(&self, aws: &Aws) -> Result<DiscoveredNetwork> {
        let reader = aws.reader();
        let answer = reader.ec2().describe_vpcs().filters(filter("vpc-id", [&self.vpc])).send().await;
        if answer.map_err(api("ec2:DescribeVpcs"))?.vpcs().is_empty() {
            return Ok(DiscoveredNetwork::default());
        }
        let (public, private, routes) = futures::try_join!(
            subnets(&reader, &self.vpc, &self.public_subnets),
            subnets(&reader, &self.vpc, &self.private_subnets),
            tables_and_endpoints(&reader, &self.vpc)
        )?;
        let (tables, endpoints) = routes.unzip();
        let discovered = |found: Vec<SdkSubnet>| {
            let one =
                |subnet: &SdkSubnet| Some((subnet.subnet_id()?.to_owned(), to_discovered(subnet, tables.as_deref())));
            found.iter().filter_map(one).collect()
        };
        let name = |endpoint: &VpcEndpoint| endpoint.service_name().map(str::to_owned);
        Ok(DiscoveredNetwork {
            has_vpc: true,
            public_subnets: discovered(public),
            private_subnets: discovered(private),
            endpoints: endpoints.map(|endpoints: Vec<VpcEndpoint>| endpoints.iter().filter_map(name).collect()),
        })
    }
}

impl DiscoveredNetwork {
    /// Returns the subnets as facts for the stack program. IDs are in an order of their own, so that the order of an answer
    /// changes no plan.
    pub fn facts(&self) -> BTreeMap<String, Option<String>> {
        let ids = |subnets: &BTreeMap<String, DiscoveredSubnet>| {
            Some(subnets.keys().map(String::as_str).collect::<Vec<_>>().join(","))
        };
        BTreeMap::from([
            (PUBLIC_SUBNETS.to_owned(), ids(&self.public_subnets)),
            (PRIVATE_SUBNETS.to_owned(), ids(&self.private_subnets)),
        ])
    }
}

fn to_discovered(subnet: &SdkSubnet, tables: Option<&[RouteTable]>) -> DiscoveredSubnet {
    DiscoveredSubnet {
        vpc: subnet.vpc_id().unwrap_or_default().to_owned(),
        zone: subnet.availability_zone().unwrap_or_default().to_owned(),
        free_addresses: subnet.available_ip_address_count(),
        way_out: tables.and_then(|tables| way_out(subnet.subnet_id()?, tables)),
    }
}

/// Returns where a subnet's traffic to the internet goes, by its own route table or else by the VPC's main one.
fn way_out(subnet: &str, tables: &[RouteTable]) -> Option<WayOut> {
    let own = |table: &&RouteTable| table.associations().iter().any(|one| one.subnet_id() == Some(subnet));
    let main = |table: &&RouteTable| table.associations().iter().any(|one| one.main() == Some(true));
    let table = tables.iter().find(own).or_else(|| tables.iter().find(main))?;
    let mut routes = table.routes().iter().filter(|route| route.state() != Some(&RouteState::Blackhole));
    let route = routes.find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"));
    Some(match route.map(|route| route.gateway_id().unwrap_or_default()) {
        None => WayOut::None,
        Some(gateway) if gateway.starts_with("igw-") => WayOut::InternetGateway,
        Some(_) => WayOut::Other,
    })
}

async fn subnets(c: &Reader, vpc: &str, selection: &SubnetSelection) -> Result<Vec<SdkSubnet>> {
    let filters = match selection {
        SubnetSelection::Ids(ids) => vec![filter("subnet-id", ids)],
        SubnetSelection::Tags(tags) => {
            let tags = tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value]));
            [filter("vpc-id", [vpc])].into_iter().chain(tags).collect()
        }
    };
    list_all!("ec2:DescribeSubnets", c.ec2().describe_subnets().set_filters(Some(filters)))
}

/// Returns the route tables and endpoints of the VPC; `None` for credentials that may not read them.
async fn tables_and_endpoints(c: &Reader, vpc: &str) -> Result<Option<(Vec<RouteTable>, Vec<VpcEndpoint>)>> {
    let in_vpc = || filter("vpc-id", [vpc]);
    let tables = async { list_all!("ec2:DescribeRouteTables", c.ec2().describe_route_tables().filters(in_vpc())) };
    let endpoints = async { list_all!("ec2:DescribeVpcEndpoints", c.ec2().describe_vpc_endpoints().filters(in_vpc())) };
    none_if(ErrorKind::Denied, futures::try_join!(tables, endpoints))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Route, RouteTableAssociation, builders::RouteBuilder};

    use super::*;

    fn table(association: RouteTableAssociation, route: Route) -> RouteTable {
        RouteTable::builder().associations(association).routes(route).build()
    }

    #[test]
    fn way_out_is_that_of_the_subnets_table_or_of_the_main_one() {
        let own = || RouteTableAssociation::builder().subnet_id("subnet-1").main(false).build();
        let main = || RouteTableAssociation::builder().main(true).build();
        let route = || Route::builder().destination_cidr_block("0.0.0.0/0").state(RouteState::Active);
        let of = |route: RouteBuilder| way_out("subnet-1", &[table(own(), route.build())]);
        assert_eq!(of(route().gateway_id("igw-1")), Some(WayOut::InternetGateway));
        assert_eq!(of(route().nat_gateway_id("nat-1")), Some(WayOut::Other));
        assert_eq!(of(route().nat_gateway_id("nat-1").state(RouteState::Blackhole)), Some(WayOut::None));
        assert_eq!(of(route().destination_cidr_block("10.0.0.0/16").gateway_id("local")), Some(WayOut::None));
        let tables = [table(main(), route().nat_gateway_id("nat-1").build())];
        assert_eq!(way_out("subnet-1", &tables), Some(WayOut::Other));
        assert_eq!(way_out("subnet-1", &[]), None);
    }

    #[test]
    fn facts_have_the_ids_in_order() {
        let subnet = DiscoveredSubnet { vpc: "vpc-1".into(), zone: "a".into(), free_addresses: None, way_out: None };
        let public_subnets = ["subnet-2", "subnet-1"].map(|id| (id.to_owned(), subnet.clone())).into();
        let facts = DiscoveredNetwork { public_subnets, ..DiscoveredNetwork::default() }.facts();
        assert_eq!(facts[PUBLIC_SUBNETS].as_deref(), Some("subnet-1,subnet-2"));
        assert_eq!(facts[PRIVATE_SUBNETS].as_deref(), Some(""));
    }
}
