//! Rules for an existing network, by what a look-up found in AWS: the stack must be able to use it.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_aws::ec2::{DiscoveredNetwork, DiscoveredSubnet, ExistingNetwork, SubnetSelection, WayOut};
use provisioner_model::environment::Mistake;

/// Minimum of free addresses that a load balancer needs in each of its subnets.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html>
const BALANCER_ADDRESSES: i32 = 8;
/// Services that the tasks call. A private subnet without a way to the internet needs an endpoint for each.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html>
const ENDPOINTS: [&str; 5] = ["ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"];

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

/// A subnet that the stack may use.
struct Usable<'a> {
    id: &'a str,
    subnet: &'a DiscoveredSubnet,
    /// The key of the environment file that selects it: one that is stated has its own, one with tags has that of the tags.
    place: String,
}

/// Returns the reasons why the stack cannot use the network.
pub(crate) fn problems(existing: &ExistingNetwork, found: &DiscoveredNetwork) -> Vec<Mistake> {
    if !found.has_vpc {
        let what = format!("this account and region have no VPC `{}`", existing.vpc);
        return vec![mistake("vpc", what, "`aws ec2 describe-vpcs --query 'Vpcs[].VpcId'` lists them")];
    }
    let public = tier(Tier::Public, existing, found, &existing.public_subnets, &found.public_subnets);
    let private = tier(Tier::Private, existing, found, &existing.private_subnets, &found.private_subnets);
    [public, private].concat()
}

fn mistake(key: &str, what: impl Into<String>, hint: impl Into<String>) -> Mistake {
    Mistake::new(&format!("network.{key}"), what).hint(hint)
}

/// Checks the subnets of one tier.
fn tier(
    tier: Tier,
    existing: &ExistingNetwork,
    network: &DiscoveredNetwork,
    selection: &SubnetSelection,
    found: &BTreeMap<String, DiscoveredSubnet>,
) -> Vec<Mistake> {
    let (usable, mut mistakes) = usable(tier, &existing.vpc, selection, found);
    let zones: BTreeSet<&str> = usable.iter().map(|one| one.subnet.zone.as_str()).collect();
    if mistakes.is_empty() && zones.len() < 2 {
        let zones: Vec<&str> = zones.into_iter().collect();
        let what = format!("the subnets are in one zone, {}", zones.join(", "));
        let user = if tier == Tier::Public { "the load balancer needs" } else { "the database needs" };
        mistakes.push(mistake(tier.key(), what, format!("{user} subnets in at least two zones")));
    }
    if tier == Tier::Public {
        mistakes.extend(balancer(&usable));
    }
    mistakes.extend(usable.iter().filter_map(|one| {
        let (what, hint) = way_out(tier, one, network.endpoints.as_deref())?;
        Some(mistake(&one.place, what, hint))
    }));
    mistakes
}

/// Returns the subnets of the VPC among those that a tier selects, and the mistakes in the selection.
fn usable<'a>(
    tier: Tier,
    vpc: &str,
    selection: &'a SubnetSelection,
    found: &'a BTreeMap<String, DiscoveredSubnet>,
) -> (Vec<Usable<'a>>, Vec<Mistake>) {
    let (mut usable, mut mistakes) = (vec![], vec![]);
    match selection {
        SubnetSelection::Ids(stated) => {
            for (number, id) in stated.iter().enumerate() {
                let place = format!("{}.{number}", tier.key());
                let wrong = match found.get(id) {
                    None => format!("this account and region have no subnet `{id}`"),
                    Some(subnet) if subnet.vpc != vpc => {
                        format!("the subnet `{id}` is in {}, and not in {vpc}", subnet.vpc)
                    }
                    Some(subnet) => {
                        usable.push(Usable { id, subnet, place });
                        continue;
                    }
                };
                let hint = format!(
                    "`aws ec2 describe-subnets --filters Name=vpc-id,Values={vpc} --query 'Subnets[].SubnetId'` lists them"
                );
                mistakes.push(mistake(&place, wrong, hint));
            }
        }
        SubnetSelection::Tags(tags) if found.is_empty() => {
            let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let what = format!("no subnet of {vpc} has the tags {}", tags.join(", "));
            mistakes.push(mistake(tier.key(), what, "tag the subnets, or state their IDs: [\"subnet-…\"]"));
        }
        SubnetSelection::Tags(_) => {
            usable.extend(found.iter().map(|(id, subnet)| Usable { id, subnet, place: tier.key().to_owned() }));
        }
    }
    (usable, mistakes)
}

/// Checks the limits of a load balancer: one subnet for each zone, with free addresses.
fn balancer(subnets: &[Usable<'_>]) -> Vec<Mistake> {
    let (mut mistakes, mut first_of_zone) = (vec![], BTreeMap::new());
    for Usable { id, subnet, place } in subnets {
        if let Some(first) = first_of_zone.insert(&subnet.zone, id) {
            let what = format!("the subnets `{first}` and `{id}` are both in {}", subnet.zone);
            mistakes.push(mistake(place, what, "a load balancer takes one subnet for each zone"));
        }
        if let Some(free) = subnet.free_addresses.filter(|free| *free < BALANCER_ADDRESSES) {
            let what = format!("the subnet `{id}` has {free} free addresses");
            mistakes.push(mistake(place, what, format!("a load balancer needs {BALANCER_ADDRESSES}")));
        }
    }
    mistakes
}

/// Returns the reason why a subnet does not lead where its tier must, and what to do.
fn way_out(
    tier: Tier,
    Usable { id, subnet, .. }: &Usable<'_>,
    endpoints: Option<&[String]>,
) -> Option<(String, String)> {
    match (tier, subnet.way_out?) {
        (Tier::Public, WayOut::None | WayOut::Other) => Some((
            format!("the subnet `{id}` has no route for 0.0.0.0/0 to an internet gateway"),
            "the load balancer needs one in each of its subnets".to_owned(),
        )),
        // Tasks have no public addresses, so an internet gateway is no way out for them.
        (Tier::Private, WayOut::None | WayOut::InternetGateway) => {
            let missing = missing_endpoints(endpoints?);
            let hint = format!(
                "the tasks need a route for 0.0.0.0/0 to a NAT gateway, a transit gateway or another appliance, or \
                 endpoints in {} for {}",
                subnet.vpc,
                missing.join(", ")
            );
            (!missing.is_empty()).then(|| (format!("the subnet `{id}` has no route out for the tasks"), hint))
        }
        (Tier::Public, WayOut::InternetGateway) | (Tier::Private, WayOut::Other) => None,
    }
}

/// Returns the services that the tasks call and that the VPC has no endpoint for.
fn missing_endpoints(endpoints: &[String]) -> Vec<&'static str> {
    let has = |service: &str| endpoints.iter().any(|name| name.ends_with(&format!(".{service}")));
    ENDPOINTS.into_iter().filter(|service| !has(service)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(zone: &str) -> DiscoveredSubnet {
        DiscoveredSubnet { vpc: "vpc-1".into(), zone: zone.into(), free_addresses: Some(200), way_out: None }
    }

    /// The mistakes of a network whose tiers both select these subnets.
    fn lines(selection: SubnetSelection, found: &[(&str, DiscoveredSubnet)], endpoints: &[&str]) -> Vec<String> {
        let found: BTreeMap<_, _> = found.iter().map(|(id, subnet)| ((*id).to_owned(), subnet.clone())).collect();
        let existing =
            ExistingNetwork { vpc: "vpc-1".into(), public_subnets: selection.clone(), private_subnets: selection };
        let name = |service: &&str| format!("com.amazonaws.us-east-1.{service}");
        let network = DiscoveredNetwork {
            has_vpc: true,
            public_subnets: found.clone(),
            private_subnets: found,
            endpoints: Some(endpoints.iter().map(name).collect()),
        };
        let mistakes = problems(&existing, &network);
        mistakes.into_iter().map(|one| format!("{}: {}", one.path.join("."), one.what)).collect()
    }

    fn public(lines: Vec<String>) -> Vec<String> {
        lines.into_iter().filter(|line| line.starts_with("network.public_subnets")).collect()
    }

    fn ids(ids: &[&str]) -> SubnetSelection {
        SubnetSelection::Ids(ids.iter().map(|&id| id.to_owned()).collect())
    }

    #[test]
    fn vpc_exists() {
        let existing = ExistingNetwork { vpc: "vpc-1".into(), public_subnets: ids(&[]), private_subnets: ids(&[]) };
        let mistakes = problems(&existing, &DiscoveredNetwork::default());
        assert_eq!(mistakes[0].path, ["network", "vpc"]);
        assert_eq!(mistakes.len(), 1);
    }

    #[test]
    fn stated_subnets_are_in_the_vpc_and_in_two_zones() {
        let stated = ids(&["subnet-1", "subnet-2", "subnet-3"]);
        let check = |found: &[(&str, DiscoveredSubnet)]| public(lines(stated.clone(), found, &[]));
        let [a, b, c] = ["a", "b", "c"].map(subnet);
        assert_eq!(check(&[("subnet-1", a.clone()), ("subnet-2", b.clone()), ("subnet-3", c)]), [""; 0]);
        let foreign = DiscoveredSubnet { vpc: "vpc-2".into(), ..b.clone() };
        assert_eq!(
            check(&[("subnet-1", a.clone()), ("subnet-3", foreign)]),
            [
                "network.public_subnets.1: this account and region have no subnet `subnet-2`",
                "network.public_subnets.2: the subnet `subnet-3` is in vpc-2, and not in vpc-1"
            ]
        );
        assert_eq!(
            check(&[("subnet-1", a.clone()), ("subnet-2", b), ("subnet-3", a.clone())]),
            ["network.public_subnets.2: the subnets `subnet-1` and `subnet-3` are both in a"]
        );
        let one = check(&[("subnet-1", a.clone()), ("subnet-2", a.clone()), ("subnet-3", a)]);
        assert_eq!(one[0], "network.public_subnets: the subnets are in one zone, a");
    }

    #[test]
    fn tags_must_select_subnets() {
        let tags = SubnetSelection::Tags([("tier".to_owned(), "public".to_owned())].into());
        assert_eq!(
            public(lines(tags.clone(), &[], &[])),
            ["network.public_subnets: no subnet of vpc-1 has the tags tier=public"]
        );
        let small = DiscoveredSubnet { free_addresses: Some(3), ..subnet("b") };
        assert_eq!(
            public(lines(tags, &[("subnet-1", subnet("a")), ("subnet-2", small)], &[])),
            ["network.public_subnets: the subnet `subnet-2` has 3 free addresses"]
        );
    }

    #[test]
    fn subnets_lead_where_their_tier_needs() {
        let check = |way_out: WayOut, endpoints: &[&str]| {
            let [first, second] = ["a", "b"].map(|zone| DiscoveredSubnet { way_out: Some(way_out), ..subnet(zone) });
            lines(ids(&["subnet-1", "subnet-2"]), &[("subnet-1", first), ("subnet-2", second)], endpoints)
        };
        let public =
            "network.public_subnets.0: the subnet `subnet-1` has no route for 0.0.0.0/0 to an internet gateway";
        let private = "network.private_subnets.1: the subnet `subnet-2` has no route out for the tasks";
        let internet = check(WayOut::InternetGateway, &[]);
        assert!(internet.len() == 2 && internet[1] == private, "{internet:?}");
        let nat = check(WayOut::Other, &[]);
        assert!(nat.len() == 2 && nat[0] == public, "{nat:?}");
        let none = check(WayOut::None, &ENDPOINTS[1..]);
        assert!(none.len() == 4 && none[0] == public && none[3] == private, "{none:?}");
        // Endpoints for all services that the tasks call do as well.
        assert_eq!(check(WayOut::InternetGateway, &ENDPOINTS), [""; 0]);
    }
}
