//! One rule of a security group.

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use serde::{Deserialize, Serialize};

use super::{SecurityGroup, range_problem, security_group::is_plain};
use crate::prelude::*;

/// One rule of a security group: `Rule::tcp(443).cidr("0.0.0.0/0")`.
#[derive(Clone, Debug, PartialEq, Nested)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, another protocol's number, or `-1` for all.
    pub ip_protocol: String,
    /// The first port, or ICMP's type.
    pub from_port: Option<i32>,
    /// The last port, or ICMP's code.
    pub to_port: Option<i32>,
    /// Source or destination of the traffic.
    pub peer: Peer,
    /// Purpose of the rule.
    pub description: Option<String>,
}

/// The source or destination of the traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// A range of IPv4 or IPv6.
    Cidr(In<String>),
    /// Prefix list, ID of the form `pl-…`.
    PrefixList(In<String>),
    /// Network interfaces in this security group.
    Group(In<Id<SecurityGroup>>),
}

/// A rule without its peer.
#[derive(Clone, Debug)]
pub struct Traffic {
    protocol: String,
    ports: Option<(i32, i32)>,
}

impl Traffic {
    /// From or to a range of IPv4 or IPv6.
    pub fn cidr(self, range: impl Into<In<String>>) -> Rule {
        self.with(Peer::Cidr(range.into()))
    }

    /// From or to the ranges of a prefix list.
    pub fn prefix_list(self, id: impl Into<In<String>>) -> Rule {
        self.with(Peer::PrefixList(id.into()))
    }

    /// From or to network interfaces in this security group.
    pub fn group(self, group: In<Id<SecurityGroup>>) -> Rule {
        self.with(Peer::Group(group))
    }

    fn with(self, peer: Peer) -> Rule {
        let (from_port, to_port) = self.ports.unzip();
        Rule { from_port, to_port, ..Rule::new(self.protocol, peer) }
    }
}

impl Rule {
    /// TCP on one port.
    pub fn tcp(port: i32) -> Traffic {
        Self::ports("tcp", port, port)
    }

    /// UDP on one port.
    pub fn udp(port: i32) -> Traffic {
        Self::ports("udp", port, port)
    }

    /// A protocol on a range of ports; for `icmp` and `icmpv6` type and code, −1 for all.
    pub fn ports(protocol: &str, from: i32, to: i32) -> Traffic {
        Traffic { protocol: protocol.to_owned(), ports: Some((from, to)) }
    }

    /// All protocols and ports.
    pub fn all() -> Traffic {
        Traffic { protocol: "-1".to_owned(), ports: None }
    }

    /// Returns whether both are one rule to AWS: the description does not count.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.ip_protocol == other.ip_protocol
            && self.from_port == other.from_port
            && self.to_port == other.to_port
            && self.peer == other.peer
    }

    pub(super) fn name(&self) -> String {
        let peer = match &self.peer {
            Peer::Cidr(peer) | Peer::PrefixList(peer) => text(peer),
            Peer::Group(peer) => text(peer),
        };
        let ports = self.from_port.map(|from| format!(" {from}-{}", self.to_port.unwrap_or(from))).unwrap_or_default();
        format!("{}{ports} {}", self.ip_protocol, peer.unwrap_or_else(|| "of another resource".into()))
    }

    pub(super) fn problem(&self) -> Option<String> {
        let name = self.name();
        // AWS returns other names for these, which would be a difference in every plan.
        let as_aws_says = match self.ip_protocol.as_str() {
            "6" => Some("tcp"),
            "17" => Some("udp"),
            "1" => Some("icmp"),
            "58" => Some("icmpv6"),
            "all" => Some("-1"),
            other if other.chars().any(|c| c.is_ascii_uppercase()) => Some("lower case"),
            _ => None,
        };
        if let Some(right) = as_aws_says {
            return Some(format!("{name}: expected the protocol `{right}`, found `{}`", self.ip_protocol));
        }
        let has_ports = matches!(self.ip_protocol.as_str(), "tcp" | "udp" | "icmp" | "icmpv6");
        if has_ports && (self.from_port.is_none() || self.to_port.is_none()) {
            return Some(format!("{name}: expected `from_port` and `to_port`: 0 and 65535 allow all ports"));
        }
        if !has_ports && (self.from_port.is_some() || self.to_port.is_some()) {
            return Some(format!("{name}: this protocol has no ports; remove `from_port` and `to_port`"));
        }
        if self.description.as_ref().is_some_and(|words| words.len() > 255 || !words.chars().all(is_plain)) {
            return Some(format!(
                "{name}: expected a description of at most 255 letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*"
            ));
        }
        match &self.peer {
            Peer::Cidr(range) => range.known().and_then(|range| range_problem(range)),
            _ => None,
        }
    }

    /// The rule in the form of the API's calls.
    pub(super) fn permission(&self) -> IpPermission {
        let description = self.description.clone();
        let permission = set_inputs!(IpPermission::builder(), self => ip_protocol, from_port, to_port);
        let permission = match &self.peer {
            Peer::Cidr(range) if text(range).is_some_and(|range| range.contains(':')) => permission
                .ipv6_ranges(Ipv6Range::builder().set_cidr_ipv6(text(range)).set_description(description).build()),
            Peer::Cidr(range) => {
                permission.ip_ranges(IpRange::builder().set_cidr_ip(text(range)).set_description(description).build())
            }
            Peer::PrefixList(id) => permission.prefix_list_ids(
                PrefixListId::builder().set_prefix_list_id(text(id)).set_description(description).build(),
            ),
            Peer::Group(id) => permission.user_id_group_pairs(
                UserIdGroupPair::builder().set_group_id(text(id)).set_description(description).build(),
            ),
        };
        permission.build()
    }

    /// The rules of one permission: AWS groups them by protocol and ports, and each peer is a rule.
    pub(super) fn to_observed(permission: &IpPermission) -> Vec<Self> {
        let protocol = permission.ip_protocol().unwrap_or("-1");
        let ports = |port: Option<i32>| port.filter(|_| matches!(protocol, "tcp" | "udp" | "icmp" | "icmpv6"));
        let v4 = permission.ip_ranges().iter();
        let v4 = v4.filter_map(|one| Some((Peer::Cidr(one.cidr_ip()?.into()), one.description())));
        let v6 = permission.ipv6_ranges().iter();
        let v6 = v6.filter_map(|one| Some((Peer::Cidr(one.cidr_ipv6()?.into()), one.description())));
        let lists = permission.prefix_list_ids().iter();
        let lists = lists.filter_map(|one| Some((Peer::PrefixList(one.prefix_list_id()?.into()), one.description())));
        let groups = permission.user_id_group_pairs().iter();
        let groups = groups.filter_map(|one| Some((Peer::Group(Id::new(one.group_id()?).into()), one.description())));
        let rule = |(peer, description): (Peer, Option<&str>)| Self {
            from_port: ports(permission.from_port()),
            to_port: ports(permission.to_port()),
            description: description.map(str::to_owned),
            ..Self::new(protocol, peer)
        };
        v4.chain(v6).chain(lists).chain(groups).map(rule).collect()
    }
}

impl Rule {
    /// Returns the properties of a rule; `direction` is the beginning of the properties that name a peer which is no range.
    pub(super) fn properties(&self, direction: &str) -> Value {
        let (prefix_list, group) = (format!("{direction}PrefixListId"), format!("{direction}SecurityGroupId"));
        let (peer, value) = match &self.peer {
            Peer::Cidr(range) if range.known().is_some_and(|range| range.contains(':')) => {
                ("CidrIpv6", range.to_property())
            }
            Peer::Cidr(range) => ("CidrIp", range.to_property()),
            Peer::PrefixList(id) => (prefix_list.as_str(), id.to_property()),
            Peer::Group(id) => (group.as_str(), id.to_property()),
        };
        members([
            ("IpProtocol", self.ip_protocol.to_property()),
            ("FromPort", self.from_port.to_property()),
            ("ToPort", self.to_port.to_property()),
            (peer, value),
            ("Description", self.description.to_property()),
        ])
    }
}
