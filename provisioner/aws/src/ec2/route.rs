//! One route of a route table.

use aws_sdk_ec2::types;
use serde::{Deserialize, Serialize};

use super::{InternetGateway, NatGateway, VpcEndpoint, keyed::KeyedItem, range_problem};
use crate::prelude::*;

/// One route: the target of the traffic to a destination.
#[derive(Clone, Debug, PartialEq, Nested)]
pub struct Route {
    /// A range (`0.0.0.0/0`, `::/0`), or the ID of a prefix list (`pl-…`).
    pub destination: In<String>,
    /// Target of the route.
    pub target: RouteTarget,
}

/// The target of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteTarget {
    /// An internet gateway of the VPC.
    InternetGateway(In<Id<InternetGateway>>),
    /// A NAT gateway, through which traffic has the gateway's address.
    NatGateway(In<Id<NatGateway>>),
    /// An interface or load balancer endpoint. A gateway endpoint adds its routes by itself.
    VpcEndpoint(In<Id<VpcEndpoint>>),
    /// Egress-only internet gateway for IPv6, ID of the form `eigw-…`.
    EgressOnlyGateway(In<String>),
    /// Virtual private gateway, ID of the form `vgw-…`.
    VpnGateway(In<String>),
    /// VPC peering connection, ID of the form `pcx-…`.
    VpcPeering(In<String>),
    /// Transit gateway, ID of the form `tgw-…`.
    TransitGateway(In<String>),
    /// Network interface of an appliance, ID of the form `eni-…`.
    NetworkInterface(In<String>),
    /// Local gateway, ID of the form `lgw-…`.
    LocalGateway(In<String>),
    /// Carrier gateway, ID of the form `cagw-…`.
    CarrierGateway(In<String>),
    /// Core network, as an ARN.
    CoreNetwork(In<String>),
    /// Oracle Database@AWS network, as an ARN.
    OdbNetwork(In<String>),
    /// No target: it is gone, and AWS no longer returns its ID. Never declared, only observed.
    Lost,
}

impl Route {
    /// Returns a route to an internet gateway.
    pub fn internet(destination: impl Into<In<String>>, gateway: In<Id<InternetGateway>>) -> Self {
        Self::new(destination, RouteTarget::InternetGateway(gateway))
    }

    /// Returns a route to a NAT gateway.
    pub fn nat(destination: impl Into<In<String>>, gateway: In<Id<NatGateway>>) -> Self {
        Self::new(destination, RouteTarget::NatGateway(gateway))
    }

    /// Returns AWS's route in our form. A route without a destination is none.
    pub(super) fn to_observed(route: &types::Route) -> Option<Self> {
        let destination = route.destination_cidr_block().or(route.destination_ipv6_cidr_block());
        let destination = destination.or(route.destination_prefix_list_id())?;
        let own = |id: Option<&str>| id.filter(|id| !id.is_empty()).map(str::to_owned);
        let gateway = own(route.gateway_id()).map(|id| match id.split('-').next() {
            Some("vpce") => RouteTarget::VpcEndpoint(Id::new(id).into()),
            Some("igw") => RouteTarget::InternetGateway(Id::new(id).into()),
            _ => RouteTarget::VpnGateway(id.into()),
        });
        let other = |id: Option<&str>, target: fn(In<String>) -> RouteTarget| own(id).map(|id| target(id.into()));
        // An instance's route names its interface too: the interface is the target.
        let target = gateway
            .or_else(|| own(route.nat_gateway_id()).map(|id| RouteTarget::NatGateway(Id::new(id).into())))
            .or_else(|| other(route.network_interface_id(), RouteTarget::NetworkInterface))
            .or_else(|| other(route.vpc_peering_connection_id(), RouteTarget::VpcPeering))
            .or_else(|| other(route.transit_gateway_id(), RouteTarget::TransitGateway))
            .or_else(|| other(route.egress_only_internet_gateway_id(), RouteTarget::EgressOnlyGateway))
            .or_else(|| other(route.local_gateway_id(), RouteTarget::LocalGateway))
            .or_else(|| other(route.carrier_gateway_id(), RouteTarget::CarrierGateway))
            .or_else(|| other(route.core_network_arn(), RouteTarget::CoreNetwork))
            .or_else(|| other(route.odb_network_arn(), RouteTarget::OdbNetwork))
            .unwrap_or(RouteTarget::Lost);
        Some(Self { destination: destination.into(), target })
    }
}

/// Sets the destination on a request.
macro_rules! with_destination {
    ($request:expr, $route:expr) => {
        match text(&$route.destination) {
            Some(to) if to.starts_with("pl-") => $request.destination_prefix_list_id(to),
            Some(to) if to.contains(':') => $request.destination_ipv6_cidr_block(to),
            to => $request.set_destination_cidr_block(to),
        }
    };
}

/// Sets destination and target on a request: `CreateRoute` and `ReplaceRoute` share members, but no trait in the SDK.
macro_rules! with_route {
    ($request:expr, $route:expr) => {{
        let request = with_destination!($request, $route);
        match &$route.target {
            RouteTarget::InternetGateway(id) => request.set_gateway_id(text(id)),
            RouteTarget::VpnGateway(id) => request.set_gateway_id(text(id)),
            RouteTarget::NatGateway(id) => request.set_nat_gateway_id(text(id)),
            RouteTarget::VpcEndpoint(id) => request.set_vpc_endpoint_id(text(id)),
            RouteTarget::EgressOnlyGateway(id) => request.set_egress_only_internet_gateway_id(text(id)),
            RouteTarget::VpcPeering(id) => request.set_vpc_peering_connection_id(text(id)),
            RouteTarget::TransitGateway(id) => request.set_transit_gateway_id(text(id)),
            RouteTarget::NetworkInterface(id) => request.set_network_interface_id(text(id)),
            RouteTarget::LocalGateway(id) => request.set_local_gateway_id(text(id)),
            RouteTarget::CarrierGateway(id) => request.set_carrier_gateway_id(text(id)),
            RouteTarget::CoreNetwork(arn) => request.set_core_network_arn(text(arn)),
            RouteTarget::OdbNetwork(arn) => request.set_odb_network_arn(text(arn)),
            RouteTarget::Lost => request,
        }
    }};
}

impl KeyedItem for Route {
    fn key(&self) -> impl PartialEq {
        &self.destination
    }

    fn means(&self, observed: &Self) -> bool {
        self.target == observed.target
    }

    fn problem(&self) -> Option<String> {
        if self.target == RouteTarget::Lost {
            return Some("expected a target: this route has none".into());
        }
        self.destination.known().filter(|to| !to.starts_with("pl-")).and_then(|to| range_problem(to))
    }

    fn repetition(&self) -> String {
        format!("two routes to {}", text(&self.destination).unwrap_or_default())
    }

    async fn create(&self, c: &Writer, table: &str) -> Result<()> {
        let request = with_route!(c.ec2().create_route().route_table_id(table), self);
        // The route was created out of band since the table was read.
        let error = api_code("ec2:CreateRoute", "RouteAlreadyExists", ErrorKind::Busy);
        request.send().await.map(drop).map_err(error)
    }

    async fn replace(&self, c: &Writer, table: &str) -> Result<()> {
        let request = with_route!(c.ec2().replace_route().route_table_id(table), self);
        request.send().await.map(drop).map_err(api("ec2:ReplaceRoute"))
    }

    async fn delete(&self, c: &Writer, table: &str) -> Result<()> {
        let request = with_destination!(c.ec2().delete_route().route_table_id(table), self);
        gone_ok(request.send().await.map(drop).map_err(api("ec2:DeleteRoute")))
    }
}

impl ToProperty for Route {
    fn to_property(&self) -> Value {
        let destination = self.destination.to_property();
        let range = match destination.as_str() {
            Some(to) if to.starts_with("pl-") => "DestinationPrefixListId",
            Some(to) if to.contains(':') => "DestinationIpv6CidrBlock",
            _ => "DestinationCidrBlock",
        };
        let (target, id) = match &self.target {
            RouteTarget::InternetGateway(id) => ("GatewayId", id.to_property()),
            RouteTarget::VpnGateway(id) => ("GatewayId", id.to_property()),
            RouteTarget::NatGateway(id) => ("NatGatewayId", id.to_property()),
            RouteTarget::VpcEndpoint(id) => ("VpcEndpointId", id.to_property()),
            RouteTarget::EgressOnlyGateway(id) => ("EgressOnlyInternetGatewayId", id.to_property()),
            RouteTarget::VpcPeering(id) => ("VpcPeeringConnectionId", id.to_property()),
            RouteTarget::TransitGateway(id) => ("TransitGatewayId", id.to_property()),
            RouteTarget::NetworkInterface(id) => ("NetworkInterfaceId", id.to_property()),
            RouteTarget::LocalGateway(id) => ("LocalGatewayId", id.to_property()),
            RouteTarget::CarrierGateway(id) => ("CarrierGatewayId", id.to_property()),
            RouteTarget::CoreNetwork(arn) => ("CoreNetworkArn", arn.to_property()),
            RouteTarget::OdbNetwork(arn) => ("OdbNetworkArn", arn.to_property()),
            RouteTarget::Lost => ("GatewayId", Value::Null),
        };
        members([(range, destination), (target, id)])
    }
}
