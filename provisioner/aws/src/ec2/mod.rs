//! EC2: VPCs, their subnets, routes, gateways, endpoints and firewalls.

mod acl_entry;
mod elastic_ip;
mod existing_network;
mod flow_log;
mod internet_gateway;
mod keyed;
mod nat_gateway;
mod network_acl;
mod obstacles;
mod route;
mod route_table;
mod route_table_association;
mod rule;
mod security_group;
mod security_group_rules;
mod subnet;
mod vpc;
mod vpc_endpoint;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification, UnsuccessfulItem};
use provisioner_model::{erased::ResourceRegistry, ownership::TOKEN};

pub use self::{
    acl_entry::AclEntry,
    elastic_ip::{ElasticIp, ElasticIpOutputs},
    existing_network::{
        DiscoveredNetwork, DiscoveredSubnet, ExistingNetwork, PRIVATE_SUBNETS, PUBLIC_SUBNETS, SubnetSelection, WayOut,
    },
    flow_log::{FlowLog, FlowLogOutputs},
    internet_gateway::{InternetGateway, InternetGatewayOutputs},
    nat_gateway::{NatGateway, NatGatewayOutputs},
    network_acl::{NetworkAcl, NetworkAclOutputs},
    route::{Route, RouteTarget},
    route_table::{RouteTable, RouteTableOutputs},
    route_table_association::{RouteTableAssociation, RouteTableAssociationOutputs},
    rule::{Peer, Rule, Traffic},
    security_group::{SecurityGroup, SecurityGroupOutputs},
    security_group_rules::{SecurityGroupRules, SecurityGroupRulesOutputs},
    subnet::{Subnet, SubnetOutputs},
    vpc::{Vpc, VpcOutputs},
    vpc_endpoint::{VpcEndpoint, VpcEndpointOutputs},
};
use crate::{prelude::*, tags::TagChange};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types
        .with::<Vpc>()
        .with::<Subnet>()
        .with::<InternetGateway>()
        .with::<ElasticIp>()
        .with::<NatGateway>()
        .with::<RouteTable>()
        .with::<RouteTableAssociation>()
        .with::<VpcEndpoint>()
        .with::<NetworkAcl>()
        .with::<SecurityGroup>()
        .with::<SecurityGroupRules>()
        .with::<FlowLog>()
}

pub(crate) fn filter<S: Into<String>>(name: &str, values: impl IntoIterator<Item = S>) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

fn made_for(owner: &Owner) -> Filter {
    filter(&format!("tag:{TOKEN}"), [&owner.token])
}

/// The IDs of the rows that are made for `owner`: not every list is filtered by tag.
fn ids_made_for<'a, R, T: 'a>(
    owner: &Owner,
    rows: impl IntoIterator<Item = &'a T>,
    tags_of: fn(&T) -> &[Tag],
    id_of: fn(&T) -> Result<Id<R>>,
) -> Result<Vec<Id<R>>> {
    let made_for = |row: &&T| crate::tags::made_for(&our_tags(tags_of(row)), owner);
    rows.into_iter().filter(made_for).map(id_of).collect()
}

/// The rows with these IDs, of a list that was read whole.
fn rows_of<R: Resource, T>(
    ids: &[Id<R>],
    all: &[T],
    id_of: fn(&T) -> Result<Id<R>>,
    to_observed: fn(&T) -> Result<Observed<R>>,
) -> Result<ReadResults<R>> {
    let mut found = ReadResults::new();
    for one in all {
        let id = id_of(one)?;
        if ids.contains(&id) {
            found.push((id, to_observed(one)));
        }
    }
    Ok(found)
}

/// The error of a call that succeeds as a whole even where it failed for its only object. `kind_of` takes the code and
/// the message.
fn unsuccessful(
    action: &'static str,
    items: &[UnsuccessfulItem],
    kind_of: impl Fn(&str, &str) -> ErrorKind,
) -> Result<()> {
    let Some(error) = items.first().and_then(UnsuccessfulItem::error) else { return Ok(()) };
    let (code, why) = (error.code().unwrap_or_default(), error.message().unwrap_or("it gave no reason"));
    Err(Error { code: Some(code.to_owned()), ..Error::because(kind_of(code, why), action, why) })
}

/// As [`unsuccessful`], for a delete.
fn not_deleted(action: &'static str, items: &[UnsuccessfulItem]) -> Result<()> {
    let is_gone = |code: &str| code.ends_with("NotFound");
    unsuccessful(action, items, |code, _| if is_gone(code) { ErrorKind::Gone } else { ErrorKind::Refused })
}

/// Returns the error in a range, including a form that AWS would write differently and that would differ in every plan.
fn range_problem(range: &str) -> Option<String> {
    let none = || Some(format!("expected a CIDR block such as `10.0.0.0/16` or `::/0`, found `{range}`"));
    let Some((address, bits)) = range.split_once('/') else { return none() };
    let first = match (address.parse(), bits.parse::<u32>()) {
        (Ok(IpAddr::V4(address)), Ok(bits @ ..=32)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or_default();
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        (Ok(IpAddr::V6(address)), Ok(bits @ ..=128)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or_default();
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        _ => return none(),
    };
    let right = format!("{first}/{bits}");
    (right != range).then(|| format!("expected `{right}`, found `{range}`, which has host bits set"))
}

/// Returns the mistake in the range of a VPC or subnet: AWS has them from `/16` to `/28`.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>
fn size_problem(field: impl Into<&'static str>, range: &str) -> Option<Problem> {
    // The schema tells what is no range.
    let bits = range.split_once('/')?.1.parse::<u32>().ok().filter(|bits| *bits <= 32)?;
    let why = || format!("expected between /16 and /28, found /{bits}");
    (!(16..=28).contains(&bits)).then(|| Problem::new(field, why()))
}

fn tagged(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).set_tags(Some(sdk_tags(tags))).build()
}

crate::tags::tag_conversions!(Tag, key, value);

/// Sets the tags that differ, and removes those that we set and no longer declare. Foreign tags stay.
async fn sync_tags(c: &Writer, id: &str, desired: &Tags, recorded: &Tags, observed: &Tags) -> Result<()> {
    let change = TagChange::between(desired, recorded, observed);
    if !change.set.is_empty() {
        let tags = Some(sdk_tags(&change.set));
        c.ec2().create_tags().resources(id).set_tags(tags).send().await.map_err(api("ec2:CreateTags"))?;
    }
    if !change.drop.is_empty() {
        let tags = change.drop.iter().map(|key| Tag::builder().key(key).build()).collect();
        c.ec2().delete_tags().resources(id).set_tags(Some(tags)).send().await.map_err(api("ec2:DeleteTags"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_as_aws_writes_them() {
        for right in ["10.0.0.0/16", "0.0.0.0/0", "10.1.2.3/32", "::/0", "2001:db8::/32"] {
            assert_eq!(range_problem(right), None, "{right}");
        }
        for wrong in ["10.0.0.1/16", "10.0.0.0", "10.0.0.0/33", "2001:0db8::/32", "::1/0", "anywhere/0"] {
            assert!(range_problem(wrong).is_some(), "{wrong}");
        }
    }
}
