//! One route of a route table.

use provisioner_model::{expr::In, resource::Id};
use serde::{Deserialize, Serialize};

use super::{InternetGateway, NatGateway, VpcEndpoint, range_problem};
use crate::value::text;

/// One route: which traffic goes where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// A range (`0.0.0.0/0`, `::/0`), or the id of a prefix list (`pl-…`).
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
    /// The internet, or another network, behind the gateway's address.
    NatGateway(In<Id<NatGateway>>),
    /// An interface or load balancer endpoint. A gateway endpoint puts its routes there itself.
    VpcEndpoint(In<Id<VpcEndpoint>>),
    /// `eigw-…`: the internet by IPv6, outwards only.
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
    /// Nothing: what it led to is gone, and AWS no longer says what that was. Only ever seen, never declared.
    Lost,
}

impl Route {
    /// Returns a route to a target.
    pub fn new(destination: impl Into<In<String>>, target: RouteTarget) -> Self {
        Self { destination: destination.into(), target }
    }

    /// Returns a route to an internet gateway.
    pub fn internet(destination: impl Into<In<String>>, gateway: In<Id<InternetGateway>>) -> Self {
        Self::new(destination, RouteTarget::InternetGateway(gateway))
    }

    /// To a NAT gateway.
    pub fn nat(destination: impl Into<In<String>>, gateway: In<Id<NatGateway>>) -> Self {
        Self::new(destination, RouteTarget::NatGateway(gateway))
    }

    pub(super) fn problem(&self) -> Option<String> {
        if self.target == RouteTarget::Lost {
            return Some("a route must lead to something".into());
        }
        self.destination.known().filter(|to| !to.starts_with("pl-")).and_then(|to| range_problem(to))
    }
}

/// A destination in the members of the API's calls.
pub(super) struct Destination {
    pub(super) v4: Option<String>,
    pub(super) v6: Option<String>,
    pub(super) prefix_list: Option<String>,
}

impl Destination {
    pub(super) fn of(route: &Route) -> Self {
        let to = text(&route.destination);
        let (is_list, is_v6) =
            (to.as_ref().is_some_and(|to| to.starts_with("pl-")), to.as_ref().is_some_and(|to| to.contains(':')));
        match (is_list, is_v6) {
            (true, _) => Self { v4: None, v6: None, prefix_list: to },
            (_, true) => Self { v4: None, v6: to, prefix_list: None },
            _ => Self { v4: to, v6: None, prefix_list: None },
        }
    }
}

/// A target in the members of the API's calls.
#[derive(Default)]
pub(super) struct Leads {
    pub(super) gateway: Option<String>,
    pub(super) nat_gateway: Option<String>,
    pub(super) vpc_endpoint: Option<String>,
    pub(super) egress_only_gateway: Option<String>,
    pub(super) vpc_peering: Option<String>,
    pub(super) transit_gateway: Option<String>,
    pub(super) network_interface: Option<String>,
    pub(super) local_gateway: Option<String>,
    pub(super) carrier_gateway: Option<String>,
    pub(super) core_network: Option<String>,
    pub(super) odb_network: Option<String>,
}

impl Leads {
    pub(super) fn of(route: &Route) -> Self {
        let mut leads = Self::default();
        match &route.target {
            RouteTarget::InternetGateway(id) => leads.gateway = text(id),
            RouteTarget::VpnGateway(id) => leads.gateway = text(id),
            RouteTarget::NatGateway(id) => leads.nat_gateway = text(id),
            RouteTarget::VpcEndpoint(id) => leads.vpc_endpoint = text(id),
            RouteTarget::EgressOnlyGateway(id) => leads.egress_only_gateway = text(id),
            RouteTarget::VpcPeering(id) => leads.vpc_peering = text(id),
            RouteTarget::TransitGateway(id) => leads.transit_gateway = text(id),
            RouteTarget::NetworkInterface(id) => leads.network_interface = text(id),
            RouteTarget::LocalGateway(id) => leads.local_gateway = text(id),
            RouteTarget::CarrierGateway(id) => leads.carrier_gateway = text(id),
            RouteTarget::CoreNetwork(arn) => leads.core_network = text(arn),
            RouteTarget::OdbNetwork(arn) => leads.odb_network = text(arn),
            RouteTarget::Lost => {}
        }
        leads
    }
}
