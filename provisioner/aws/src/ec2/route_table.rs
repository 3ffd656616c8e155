//! `aws:ec2:route-table`: the routes of subnets.
//!
//! EC2 fixes a table's VPC at creation, so a change to it replaces the table. Routes are managed whole, except those
//! that AWS adds: local and propagated routes, and those of gateway endpoints.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html>

use std::sync::Arc;

use aws_sdk_ec2::types::{self, ResourceType, RouteOrigin};

use super::{Route, Vpc, ids_made_for, keyed, made_for, our_tags, rows_of, sync_tags, tagged};
use crate::prelude::*;

/// The routes of a subnet's traffic.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:route-table",
    cloudformation = "AWS::EC2::RouteTable",
    create = "ec2:CreateRouteTable",
    omitted(ClientToken = "the engine's")
)]
pub struct RouteTable {
    /// The VPC of the subnets that use the table.
    #[field(replaces)]
    pub vpc_id: In<Id<Vpc>>,
    /// All routes except those that AWS adds.
    #[field(set, may_dangle, property(each = "AWS::EC2::Route", link = "RouteTableId"))]
    pub routes: Vec<Route>,
    /// Tags of the route table, by key.
    pub tags: Tags,
}

/// The outputs of a route table.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct RouteTableOutputs {
    /// ID of the form `rtb-…`.
    pub id: Id<RouteTable>,
}

impl Resource for RouteTable {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeRouteTables"],
        create: &["ec2:CreateRouteTable", "ec2:CreateTags"],
        update: &["ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteRouteTable"],
    };
    type Cloud = Aws;
    type Outputs = RouteTableOutputs;

    fn problems(&self) -> Vec<Problem> {
        keyed::problems(Field::Routes, &self.routes)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        rows_of(ids, &tables(c).await?, id_of, to_observed)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let tables = list_all!(READ, c.ec2().describe_route_tables().filters(made_for(owner)))?;
        ids_made_for(owner, &tables, types::RouteTable::tags, id_of)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.ec2().create_route_table().client_token(&owner.token), self => vpc_id);
        let request = request.tag_specifications(tagged(ResourceType::RouteTable, &self.tags));
        let answer = request.send().await.map_err(api(CREATE))?;
        let id = answer.route_table().and_then(types::RouteTable::route_table_id);
        Ok((member(CREATE, "routeTableId", id)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let id = recorded.id.as_str();
        keyed::write(c, id, &self.routes, &observed.inputs.routes).await?;
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

/// All route tables, read once for tables and associations: two filtered calls would cost more than the rows of other
/// owners.
pub(super) async fn tables(c: &Reader) -> Result<Arc<Vec<types::RouteTable>>> {
    c.once("route-tables", || async { list_all!(READ, c.ec2().describe_route_tables().max_results(100)) }).await
}

fn id_of(table: &types::RouteTable) -> Result<Id<RouteTable>> {
    member(READ, "routeTableId", table.route_table_id())
}

fn to_observed(table: &types::RouteTable) -> Result<Observed<RouteTable>> {
    let routes = table.routes().iter().filter(|route| !is_of_aws(route)).filter_map(Route::to_observed);
    Ok(Observed {
        inputs: from_sdk!(READ, table => RouteTable {
            vpc_id; routes: routes.collect(), tags: our_tags(table.tags())
        }),
        outputs: from_sdk!(READ, table => RouteTableOutputs { id = route_table_id }),
    })
}

/// Returns whether AWS added the route: for a range of the VPC, from a gateway's announcements, or for an endpoint.
fn is_of_aws(route: &types::Route) -> bool {
    let announced = matches!(route.origin(), Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement));
    let by = route.gateway_id().unwrap_or_default();
    let gateway_endpoint = route.destination_prefix_list_id().is_some() && by.starts_with("vpce-");
    announced || gateway_endpoint || by == "local" || route.origin() == Some(&RouteOrigin::CreateRouteTable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::RouteTarget;

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
        let routes = [route("10.0.0.1/8"), route("10.0.0.1/8"), route("here")];
        let table = RouteTable::new(Id::new("vpc-1").into()).routes(routes);
        let whys: Vec<_> = table.problems().into_iter().map(|problem| problem.why).collect();
        assert_eq!(whys.len(), 4, "{whys:?}");
        assert!(whys[0].contains("10.0.0.0/8"));
    }
}
