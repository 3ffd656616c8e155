//! A VPC and subnets outside the stack: looked up before the stack program runs, and checked for what the stack needs
//! of them. Nothing here changes them.
//!
//! Start with [`ExistingNetwork::look_up`]. Credentials that may not read the routes get no check of the routes.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{RouteState, RouteTable, Subnet as SdkSubnet, VpcEndpoint};
use provisioner_model::{environment::Mistake, resource::Cloud};

use super::filter;
use crate::prelude::*;

/// A VPC and subnets that an environment file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingNetwork {
    /// The table of the environment file that has the keys `vpc`, `public_subnets` and `private_subnets`.
    pub table: &'static str,
    /// The VPC's ID.
    pub vpc: String,
    /// The subnets of the load balancer.
    pub public_subnets: SubnetSelection,
    /// The subnets of tasks and database.
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

/// The subnets that a look-up found, by ID, and the reasons why the stack cannot use them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscoveredNetwork {
    /// The subnets of the load balancer.
    pub public_subnets: Vec<String>,
    /// The subnets of tasks and database.
    pub private_subnets: Vec<String>,
    /// Mistakes in the environment file.
    pub mistakes: Vec<Mistake>,
}

/// Minimum of free addresses that a load balancer needs in each of its subnets.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html>
const BALANCER_ADDRESSES: i32 = 8;
/// Services that the tasks call. A private subnet without a way to the internet needs an endpoint for each.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html>
const ENDPOINTS: [&str; 5] = ["ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"];
const ANYWHERE: &str = "0.0.0.0/0";

/// The part of the network that a tier is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tier {
    Public,
    Private,
}

impl Tier {
    fn key(self) -> &'static str {
        match self {
            Self::Public => "public_subnets",
            Self::Private => "private_subnets",
        }
    }
}

/// The routes and endpoints of a VPC.
struct Ways {
    tables: Vec<RouteTable>,
    endpoints: Vec<VpcEndpoint>,
}

impl ExistingNetwork {
    /// Looks the subnets up, and checks that the stack can use them.
    pub async fn look_up(&self, aws: &Aws) -> Result<DiscoveredNetwork> {
        let reader = aws.reader();
        let answer = reader.ec2().describe_vpcs().filters(filter("vpc-id", [&self.vpc])).send().await;
        if answer.map_err(api("ec2:DescribeVpcs"))?.vpcs().is_empty() {
            let what = format!("this account and region have no VPC `{}`", self.vpc);
            let hint = "`aws ec2 describe-vpcs --query 'Vpcs[].VpcId'` lists them";
            return Ok(DiscoveredNetwork { mistakes: vec![self.mistake("vpc", what, hint)], ..Default::default() });
        }
        let (public, private, ways) = futures::try_join!(
            subnets(&reader, &self.vpc, &self.public_subnets),
            subnets(&reader, &self.vpc, &self.private_subnets),
            ways(&reader, &self.vpc)
        )?;
        let mut mistakes = self.tier_mistakes(Tier::Public, &self.public_subnets, &public, ways.as_ref());
        mistakes.extend(self.tier_mistakes(Tier::Private, &self.private_subnets, &private, ways.as_ref()));
        Ok(DiscoveredNetwork { public_subnets: ids(&public), private_subnets: ids(&private), mistakes })
    }

    fn mistake(&self, key: &str, what: impl Into<String>, hint: impl Into<String>) -> Mistake {
        Mistake::new(&format!("{}.{key}", self.table), what).hint(hint)
    }

    /// Returns the mistakes of one tier.
    fn tier_mistakes(
        &self,
        tier: Tier,
        selection: &SubnetSelection,
        found: &[SdkSubnet],
        ways: Option<&Ways>,
    ) -> Vec<Mistake> {
        let (mut mistakes, vpc) = (vec![], &self.vpc);
        // A stated subnet has its own place in the file, and one that has a tag has that of the tags.
        let mut places: BTreeMap<&str, String> = BTreeMap::new();
        match selection {
            SubnetSelection::Ids(stated) => {
                for (number, id) in stated.iter().enumerate() {
                    let key = format!("{}.{number}", tier.key());
                    let subnet = found.iter().find(|subnet| subnet.subnet_id() == Some(id));
                    let hint = format!(
                        "`aws ec2 describe-subnets --filters Name=vpc-id,Values={vpc} --query 'Subnets[].SubnetId'` lists them"
                    );
                    match subnet.map(|subnet| subnet.vpc_id().unwrap_or_default()) {
                        None => {
                            let what = format!("this account and region have no subnet `{id}`");
                            mistakes.push(self.mistake(&key, what, hint));
                        }
                        Some(other) if other != vpc => {
                            let what = format!("the subnet `{id}` is in {other}, and not in {vpc}");
                            mistakes.push(self.mistake(&key, what, hint));
                        }
                        Some(_) => _ = places.insert(id, key),
                    }
                }
            }
            SubnetSelection::Tags(tags) if found.is_empty() => {
                let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let what = format!("no subnet of {vpc} has the tags {}", tags.join(", "));
                mistakes.push(self.mistake(tier.key(), what, "tag the subnets, or state their IDs: [\"subnet-…\"]"));
            }
            SubnetSelection::Tags(_) => {
                places.extend(found.iter().filter_map(|subnet| Some((subnet.subnet_id()?, tier.key().to_owned()))));
            }
        }
        let usable: Vec<&SdkSubnet> = found.iter().filter(|one| places.contains_key(id(one))).collect();
        let zones: BTreeSet<&str> = usable.iter().filter_map(|subnet| subnet.availability_zone()).collect();
        if mistakes.is_empty() && zones.len() < 2 {
            let zones: Vec<&str> = zones.into_iter().collect();
            let what = format!("the subnets are in one zone, {}", zones.join(", "));
            let user = if tier == Tier::Public { "the load balancer needs" } else { "the database needs" };
            mistakes.push(self.mistake(tier.key(), what, format!("{user} subnets in at least two zones")));
        }
        if tier == Tier::Public {
            mistakes.extend(self.balancer_mistakes(&usable, &places));
        }
        for subnet in usable {
            let reason = ways.and_then(|ways| ways.problem(tier, subnet));
            let place = || places.get(id(subnet)).map_or(tier.key(), String::as_str);
            mistakes.extend(reason.map(|(what, hint)| self.mistake(place(), what, hint)));
        }
        mistakes
    }

    /// Checks the limits of a load balancer: one subnet for each zone, with free addresses.
    fn balancer_mistakes(&self, subnets: &[&SdkSubnet], places: &BTreeMap<&str, String>) -> Vec<Mistake> {
        let (mut mistakes, mut first_of_zone) = (vec![], BTreeMap::new());
        for subnet in subnets {
            let (id, zone) = (id(subnet), subnet.availability_zone().unwrap_or_default());
            let place = places.get(id).map_or("public_subnets", String::as_str);
            if let Some(first) = first_of_zone.insert(zone, id) {
                let what = format!("the subnets `{first}` and `{id}` are both in {zone}");
                mistakes.push(self.mistake(place, what, "a load balancer takes one subnet for each zone"));
            }
            let free = subnet.available_ip_address_count().unwrap_or(BALANCER_ADDRESSES);
            if free < BALANCER_ADDRESSES {
                let what = format!("the subnet `{id}` has {free} free addresses");
                mistakes.push(self.mistake(place, what, format!("a load balancer needs {BALANCER_ADDRESSES}")));
            }
        }
        mistakes
    }
}

impl Ways {
    /// Returns the reason why a subnet does not lead where its tier must, and what to do.
    fn problem(&self, tier: Tier, subnet: &SdkSubnet) -> Option<(String, String)> {
        let (id, vpc) = (id(subnet), subnet.vpc_id().unwrap_or_default());
        let route = self.table(id)?.routes().iter().find(|route| route.destination_cidr_block() == Some(ANYWHERE));
        let route = route.filter(|route| route.state() != Some(&RouteState::Blackhole));
        let to_internet_gateway =
            route.is_some_and(|route| route.gateway_id().is_some_and(|id| id.starts_with("igw-")));
        match tier {
            Tier::Public if !to_internet_gateway => Some((
                format!("the subnet `{id}` has no route for {ANYWHERE} to an internet gateway"),
                "the load balancer needs one in each of its subnets".to_owned(),
            )),
            // Tasks have no public addresses, so an internet gateway is no way out for them.
            Tier::Private if route.is_none() || to_internet_gateway => {
                let missing = self.missing_endpoints();
                let hint = format!(
                    "the tasks need a route for {ANYWHERE} to a NAT gateway, a transit gateway or another appliance, \
                     or endpoints in {vpc} for {}",
                    missing.join(", ")
                );
                (!missing.is_empty()).then(|| (format!("the subnet `{id}` has no route out for the tasks"), hint))
            }
            Tier::Public | Tier::Private => None,
        }
    }

    /// Returns the route table of a subnet: its own, or else the VPC's main one.
    fn table(&self, subnet: &str) -> Option<&RouteTable> {
        let own = |table: &&RouteTable| table.associations().iter().any(|one| one.subnet_id() == Some(subnet));
        let main = |table: &&RouteTable| table.associations().iter().any(|one| one.main() == Some(true));
        self.tables.iter().find(own).or_else(|| self.tables.iter().find(main))
    }

    /// Returns the services that the tasks call and that the VPC has no endpoint for.
    fn missing_endpoints(&self) -> Vec<&'static str> {
        let has = |service: &str| {
            let end = format!(".{service}");
            self.endpoints.iter().any(|endpoint| endpoint.service_name().is_some_and(|name| name.ends_with(&end)))
        };
        ENDPOINTS.into_iter().filter(|service| !has(service)).collect()
    }
}

fn id(subnet: &SdkSubnet) -> &str {
    subnet.subnet_id().unwrap_or_default()
}

/// The IDs in an order of their own, so that the order of an answer changes no plan.
fn ids(subnets: &[SdkSubnet]) -> Vec<String> {
    subnets.iter().map(|subnet| id(subnet).to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
}

async fn subnets(c: &Reader, vpc: &str, selection: &SubnetSelection) -> Result<Vec<SdkSubnet>> {
    let filters = match selection {
        SubnetSelection::Ids(ids) => vec![filter("subnet-id", ids)],
        SubnetSelection::Tags(tags) => {
            let tags = tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value]));
            [filter("vpc-id", [vpc])].into_iter().chain(tags).collect()
        }
    };
    let pages = c.ec2().describe_subnets().set_filters(Some(filters)).into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.map_err(api("ec2:DescribeSubnets"))
}

/// Returns the routes and endpoints of the VPC; `None` for credentials that may not read them.
async fn ways(c: &Reader, vpc: &str) -> Result<Option<Ways>> {
    let in_vpc = || filter("vpc-id", [vpc]);
    let tables = async {
        let pages = c.ec2().describe_route_tables().filters(in_vpc()).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api("ec2:DescribeRouteTables"))
    };
    let endpoints = async {
        let pages = c.ec2().describe_vpc_endpoints().filters(in_vpc()).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api("ec2:DescribeVpcEndpoints"))
    };
    let read = futures::try_join!(tables, endpoints).map(|(tables, endpoints)| Ways { tables, endpoints });
    none_if(ErrorKind::Denied, read)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Route, RouteTableAssociation};

    use super::*;

    fn network(public: &[&str], private: &[&str]) -> ExistingNetwork {
        let ids = |ids: &[&str]| SubnetSelection::Ids(ids.iter().map(|&id| id.to_owned()).collect());
        ExistingNetwork {
            table: "network",
            vpc: "vpc-1".to_owned(),
            public_subnets: ids(public),
            private_subnets: ids(private),
        }
    }

    fn subnet(id: &str, zone: &str) -> SdkSubnet {
        SdkSubnet::builder()
            .subnet_id(id)
            .vpc_id("vpc-1")
            .availability_zone(zone)
            .available_ip_address_count(200)
            .build()
    }

    fn table(subnets: &[&str], route: Route) -> RouteTable {
        let association = |subnet: &&str| RouteTableAssociation::builder().subnet_id(*subnet).main(false).build();
        let associations = subnets.iter().map(association).collect();
        RouteTable::builder().set_associations(Some(associations)).routes(route).build()
    }

    fn route() -> aws_sdk_ec2::types::builders::RouteBuilder {
        Route::builder().destination_cidr_block(ANYWHERE).state(RouteState::Active)
    }

    fn endpoint(service: &str) -> VpcEndpoint {
        let name = format!("com.amazonaws.us-east-1.{service}");
        VpcEndpoint::builder().service_name(name).build()
    }

    fn lines(mistakes: Vec<Mistake>) -> Vec<String> {
        mistakes.into_iter().map(|one| format!("{}: {}", one.path.join("."), one.what)).collect()
    }

    #[test]
    fn stated_subnets_are_in_the_vpc_and_in_two_zones() {
        let network = network(&["subnet-1", "subnet-2", "subnet-3"], &[]);
        let check =
            |found: &[SdkSubnet]| lines(network.tier_mistakes(Tier::Public, &network.public_subnets, found, None));
        let [a, b, c] = [("subnet-1", "a"), ("subnet-2", "b"), ("subnet-3", "c")].map(|(id, zone)| subnet(id, zone));
        assert_eq!(check(&[a.clone(), b.clone(), c]), [""; 0]);
        let foreign = SdkSubnet::builder().subnet_id("subnet-3").vpc_id("vpc-2").build();
        assert_eq!(
            check(&[a.clone(), foreign]),
            [
                "network.public_subnets.1: this account and region have no subnet `subnet-2`",
                "network.public_subnets.2: the subnet `subnet-3` is in vpc-2, and not in vpc-1"
            ]
        );
        assert_eq!(
            check(&[a.clone(), b, subnet("subnet-3", "a")]),
            ["network.public_subnets.2: the subnets `subnet-1` and `subnet-3` are both in a"]
        );
        let one = check(&[a, subnet("subnet-2", "a"), subnet("subnet-3", "a")]);
        assert_eq!(one[0], "network.public_subnets: the subnets are in one zone, a");
    }

    #[test]
    fn tags_must_select_subnets() {
        let tags = SubnetSelection::Tags(Tags::from([("tier".to_owned(), "public".to_owned())]));
        let network = ExistingNetwork { public_subnets: tags.clone(), ..network(&[], &[]) };
        assert_eq!(
            lines(network.tier_mistakes(Tier::Public, &tags, &[], None)),
            ["network.public_subnets: no subnet of vpc-1 has the tags tier=public"]
        );
        let small = SdkSubnet::builder().subnet_id("subnet-2").vpc_id("vpc-1").availability_zone("b");
        let found = [subnet("subnet-1", "a"), small.available_ip_address_count(3).build()];
        assert_eq!(
            lines(network.tier_mistakes(Tier::Public, &tags, &found, None)),
            ["network.public_subnets: the subnet `subnet-2` has 3 free addresses"]
        );
    }

    #[test]
    fn subnets_lead_where_their_tier_needs() {
        let network = network(&["subnet-1", "subnet-2"], &["subnet-1", "subnet-2"]);
        let found = [subnet("subnet-1", "a"), subnet("subnet-2", "b")];
        let check = |tier, tables: Vec<RouteTable>, endpoints: &[&str]| {
            let ways = Ways { tables, endpoints: endpoints.iter().map(|service| endpoint(service)).collect() };
            lines(network.tier_mistakes(tier, &network.public_subnets, &found, Some(&ways)))
        };
        let both = ["subnet-1", "subnet-2"];
        let gateway = || table(&both, route().gateway_id("igw-1").build());
        let nat = || table(&both, route().nat_gateway_id("nat-1").build());
        let gone = || table(&both, route().nat_gateway_id("nat-1").state(RouteState::Blackhole).build());
        assert_eq!(check(Tier::Public, vec![gateway()], &[]), [""; 0]);
        assert_eq!(
            check(Tier::Public, vec![nat()], &[])[0],
            "network.public_subnets.0: the subnet `subnet-1` has no route for 0.0.0.0/0 to an internet gateway"
        );
        assert_eq!(check(Tier::Private, vec![nat()], &[]), [""; 0]);
        for tables in [vec![gateway()], vec![gone()]] {
            let lines = check(Tier::Private, tables.clone(), &[]);
            assert_eq!(lines[1], "network.private_subnets.1: the subnet `subnet-2` has no route out for the tasks");
            // Endpoints for all services that the tasks call do as well.
            assert_eq!(check(Tier::Private, tables.clone(), &ENDPOINTS), [""; 0]);
            assert_eq!(check(Tier::Private, tables, &ENDPOINTS[1..]).len(), 2);
        }
        // A subnet without a table of its own has the VPC's main one.
        let main = RouteTableAssociation::builder().main(true).build();
        let main = RouteTable::builder().associations(main).routes(route().nat_gateway_id("nat-1").build()).build();
        assert_eq!(check(Tier::Private, vec![main], &[]), [""; 0]);
    }
}
