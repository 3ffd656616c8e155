//! `aws:ec2:route-table` — where a subnet's traffic goes.
//!
//! EC2 fixes a table's VPC at creation, so a change to it replaces the table. Routes are managed whole, but for those
//! that AWS puts there: local ones, propagated ones and those of gateway endpoints.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html>

use std::sync::Arc;

use aws_sdk_ec2::types::{self, ResourceType, RouteOrigin};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags},
};
use serde::{Deserialize, Serialize};

use super::{
    Route, RouteTarget, Vpc, is_made_for,
    keyed::{self, Changes},
    made_for, our_tags,
    route::{Destination, Leads},
    rows_of, sync_tags, tagged,
};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// The routes of a subnet's traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// The VPC that it is in.
    pub vpc: In<Id<Vpc>>,
    /// All of its routes but those that AWS puts there.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Tags of the route table, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a route table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTableOutputs {
    /// ID of the form `rtb-…`.
    pub id: Id<RouteTable>,
}

impl RouteTable {
    /// A table with these routes.
    pub fn new(vpc: In<Id<Vpc>>, routes: impl IntoIterator<Item = Route>) -> Self {
        Self { vpc, routes: routes.into_iter().collect(), tags: Tags::new() }
    }
}

impl Resource for RouteTable {
    const TYPE: &'static str = "aws:ec2:route-table";
    const FIELDS: &'static [Field] =
        &[Field::new("vpc").replaces(), Field::new("routes").set().may_dangle(), Field::new("tags").map()];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeRouteTables"],
        create: &["ec2:CreateRouteTable", "ec2:CreateTags"],
        update: &["ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteRouteTable"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] =
        &[("DryRun", "the plan is the dry run"), ("ClientToken", "the engine's")];
    type Cloud = Aws;
    type Outputs = RouteTableOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<_> = self.routes.iter().filter_map(Route::problem).collect();
        let repeated = keyed::repeated(&self.routes, |route| &route.destination);
        problems.extend(
            repeated.iter().map(|route| format!("two routes to {}", text(&route.destination).unwrap_or_default())),
        );
        problems.into_iter().map(|why| Problem::new("routes", why)).collect()
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        rows_of(ids, &tables(c).await?, id_of, to_observed)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut pages = c.ec2().describe_route_tables().filters(made_for(owner)).into_paginator().items().send();
        let mut found = vec![];
        while let Some(table) = pages.try_next().await.map_err(api(READ))? {
            if is_made_for(table.tags(), owner) {
                found.push(id_of(&table)?);
            }
        }
        Ok(found)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let request = c.ec2().create_route_table().set_vpc_id(text(&self.vpc)).client_token(&owner.token);
        let request = request.tag_specifications(tagged(ResourceType::RouteTable, &self.tags));
        let answer = request.send().await.map_err(api(CREATE))?;
        Ok((id_of(&need(CREATE, answer.route_table(), "routeTable")?)?, None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let id = recorded.id.as_str();
        let means = |desired: &Route, observed: &Route| desired.target == observed.target;
        let changes = Changes::between(&self.routes, &observed.inputs.routes, |route| &route.destination, means);
        // What is new or changed first, so that no traffic is without its way in between.
        for route in changes.create {
            create_route(c, id, route).await?;
        }
        for route in changes.replace {
            replace_route(c, id, route).await?;
        }
        for route in changes.delete {
            delete_route(c, id, route).await?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_route_table().route_table_id(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteRouteTable")))
    }
}

pub(super) const READ: &str = "ec2:DescribeRouteTables";
const CREATE: &str = "ec2:CreateRouteTable";

/// All route tables, read once for tables and associations alike: two filtered calls would cost more than the rows
/// that are not ours.
pub(super) async fn tables(c: &Reader) -> Result<Arc<Vec<types::RouteTable>>> {
    c.once("route-tables", || async {
        let pages = c.ec2().describe_route_tables().into_paginator().page_size(100).items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(api(READ))
    })
    .await
}

/// Sets the members that `CreateRoute` and `ReplaceRoute` have in common: the SDK's requests share no trait.
macro_rules! with_route {
    ($request:expr, $route:expr) => {{
        let (to, by) = (Destination::of($route), Leads::of($route));
        $request
            .set_destination_cidr_block(to.v4)
            .set_destination_ipv6_cidr_block(to.v6)
            .set_destination_prefix_list_id(to.prefix_list)
            .set_gateway_id(by.gateway)
            .set_nat_gateway_id(by.nat_gateway)
            .set_vpc_endpoint_id(by.vpc_endpoint)
            .set_egress_only_internet_gateway_id(by.egress_only_gateway)
            .set_vpc_peering_connection_id(by.vpc_peering)
            .set_transit_gateway_id(by.transit_gateway)
            .set_network_interface_id(by.network_interface)
            .set_local_gateway_id(by.local_gateway)
            .set_carrier_gateway_id(by.carrier_gateway)
            .set_core_network_arn(by.core_network)
            .set_odb_network_arn(by.odb_network)
    }};
}

async fn create_route(c: &Writer, table: &str, route: &Route) -> Result<()> {
    let request = with_route!(c.ec2().create_route().route_table_id(table), route);
    // Somebody was faster since the table was read.
    let there = |code: &str, _: &str| (code == "RouteAlreadyExists").then_some(ErrorKind::Busy);
    request.send().await.map(drop).map_err(api_with("ec2:CreateRoute", there))
}

async fn replace_route(c: &Writer, table: &str, route: &Route) -> Result<()> {
    let request = with_route!(c.ec2().replace_route().route_table_id(table), route);
    request.send().await.map(drop).map_err(api("ec2:ReplaceRoute"))
}

async fn delete_route(c: &Writer, table: &str, route: &Route) -> Result<()> {
    let to = Destination::of(route);
    let request = c.ec2().delete_route().route_table_id(table);
    let request = request
        .set_destination_cidr_block(to.v4)
        .set_destination_ipv6_cidr_block(to.v6)
        .set_destination_prefix_list_id(to.prefix_list);
    gone_ok(request.send().await.map(drop).map_err(api("ec2:DeleteRoute")))
}

fn id_of(table: &types::RouteTable) -> Result<Id<RouteTable>> {
    need(READ, table.route_table_id(), "routeTableId").map(Id::new)
}

fn to_observed(table: &types::RouteTable) -> Result<Observed<RouteTable>> {
    Ok(Observed {
        inputs: RouteTable {
            vpc: Id::new(need(READ, table.vpc_id(), "vpcId")?).into(),
            routes: table.routes().iter().filter(|route| !is_theirs(route)).filter_map(observed_route).collect(),
            tags: our_tags(table.tags()),
        },
        outputs: RouteTableOutputs { id: id_of(table)? },
    })
}

/// Returns whether AWS put it there: the VPC's own ranges, what a gateway announces, what a gateway endpoint needs.
fn is_theirs(route: &types::Route) -> bool {
    let announced = matches!(route.origin(), Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement));
    let by = route.gateway_id().unwrap_or_default();
    let gateway_endpoint = route.destination_prefix_list_id().is_some() && by.starts_with("vpce-");
    announced || gateway_endpoint || by == "local" || route.origin() == Some(&RouteOrigin::CreateRouteTable)
}

fn observed_route(route: &types::Route) -> Option<Route> {
    let destination =
        route.destination_cidr_block().or(route.destination_ipv6_cidr_block()).or(route.destination_prefix_list_id())?;
    let own = |id: Option<&str>| id.filter(|id| !id.is_empty()).map(str::to_owned);
    let gateway = own(route.gateway_id()).map(|id| match id.split('-').next() {
        Some("vpce") => RouteTarget::VpcEndpoint(Id::new(id).into()),
        Some("igw") => RouteTarget::InternetGateway(Id::new(id).into()),
        _ => RouteTarget::VpnGateway(id.into()),
    });
    // An instance's route names its interface too: the interface is what is routed to.
    let target = gateway
        .or_else(|| own(route.nat_gateway_id()).map(|id| RouteTarget::NatGateway(Id::new(id).into())))
        .or_else(|| own(route.network_interface_id()).map(|id| RouteTarget::NetworkInterface(id.into())))
        .or_else(|| own(route.vpc_peering_connection_id()).map(|id| RouteTarget::VpcPeering(id.into())))
        .or_else(|| own(route.transit_gateway_id()).map(|id| RouteTarget::TransitGateway(id.into())))
        .or_else(|| own(route.egress_only_internet_gateway_id()).map(|id| RouteTarget::EgressOnlyGateway(id.into())))
        .or_else(|| own(route.local_gateway_id()).map(|id| RouteTarget::LocalGateway(id.into())))
        .or_else(|| own(route.carrier_gateway_id()).map(|id| RouteTarget::CarrierGateway(id.into())))
        .or_else(|| own(route.core_network_arn()).map(|arn| RouteTarget::CoreNetwork(arn.into())))
        .or_else(|| own(route.odb_network_arn()).map(|arn| RouteTarget::OdbNetwork(arn.into())))
        .unwrap_or(RouteTarget::Lost);
    Some(Route { destination: destination.into(), target })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk(routes: impl IntoIterator<Item = types::Route>) -> types::RouteTable {
        let table = types::RouteTable::builder().route_table_id("rtb-1").vpc_id("vpc-1");
        table.set_routes(Some(routes.into_iter().collect())).build()
    }

    #[test]
    fn default_entries_of_aws_are_left_out() {
        let route = types::Route::builder;
        let observed = to_observed(&sdk([
            route().destination_cidr_block("10.0.0.0/16").gateway_id("local").build(),
            route().destination_prefix_list_id("pl-1").gateway_id("vpce-1").build(),
            route()
                .destination_cidr_block("172.16.0.0/12")
                .gateway_id("vgw-1")
                .origin(RouteOrigin::EnableVgwRoutePropagation)
                .build(),
            route().destination_cidr_block("0.0.0.0/0").gateway_id("igw-1").origin(RouteOrigin::CreateRoute).build(),
            route().destination_ipv6_cidr_block("::/0").egress_only_internet_gateway_id("eigw-1").build(),
            route().destination_cidr_block("10.9.0.0/16").gateway_id("vpce-2").build(),
            route().destination_cidr_block("10.8.0.0/16").build(),
        ]));
        assert_eq!(
            observed.unwrap().inputs.routes,
            [
                Route::internet("0.0.0.0/0", Id::new("igw-1").into()),
                Route::new("::/0", RouteTarget::EgressOnlyGateway("eigw-1".into())),
                Route::new("10.9.0.0/16", RouteTarget::VpcEndpoint(Id::new("vpce-2").into())),
                Route::new("10.8.0.0/16", RouteTarget::Lost),
            ]
        );
    }

    #[test]
    fn mistakes_are_named() {
        let route = |to: &str| Route::internet(to, Id::new("igw-1").into());
        let table = RouteTable::new(Id::new("vpc-1").into(), [route("10.0.0.1/8"), route("10.0.0.1/8"), route("here")]);
        let whys: Vec<_> = table.problems().into_iter().map(|problem| problem.why).collect();
        assert_eq!(whys.len(), 4, "{whys:?}");
        assert!(whys[0].contains("10.0.0.0/8"));
    }
}
