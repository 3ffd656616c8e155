//! One entry of a network ACL.

use aws_sdk_ec2::types::{IcmpTypeCode, NetworkAclEntry, PortRange};

use super::{keyed::KeyedItem, network_acl::READ, range_problem};
use crate::prelude::*;

/// One entry of a network ACL: the first that matches decides, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct AclEntry {
    /// Number of the entry, 1 to 32766.
    pub rule_number: i32,
    /// `true` for traffic that leaves the subnet.
    #[field(default = false)]
    pub egress: bool,
    /// Either `allow` or `deny`.
    pub rule_action: String,
    /// `-1` for all, else the protocol's number: 6 is TCP, 17 UDP, 1 ICMP.
    #[field(default = "-1", convert = protocol_number)]
    pub protocol: String,
    /// Source or destination of the traffic: an IPv4 or IPv6 range.
    #[field(property = "", convert = range)]
    pub cidr_block: In<String>,
    /// First port of the range.
    #[field(property = "PortRange.From")]
    pub from_port: Option<i32>,
    /// Last port of the range.
    #[field(property = "PortRange.To")]
    pub to_port: Option<i32>,
    /// ICMP's type, −1 for all.
    #[field(property = "Icmp.Type")]
    pub icmp_type: Option<i32>,
    /// ICMP's code, −1 for all.
    #[field(property = "Icmp.Code")]
    pub icmp_code: Option<i32>,
}

impl AclEntry {
    /// Allows all incoming traffic from this range, until the entry is restricted.
    pub fn allow(number: i32, range: impl Into<In<String>>) -> Self {
        Self::new(number, "allow", range)
    }

    /// Denies all incoming traffic from this range, until the entry is restricted.
    pub fn deny(number: i32, range: impl Into<In<String>>) -> Self {
        Self::new(number, "deny", range)
    }

    /// Restricts the entry to TCP ports.
    #[must_use]
    pub fn tcp(self, from: i32, to: i32) -> Self {
        Self { protocol: "6".into(), from_port: Some(from), to_port: Some(to), ..self }
    }

    /// Restricts the entry to UDP ports.
    #[must_use]
    pub fn udp(self, from: i32, to: i32) -> Self {
        Self { protocol: "17".into(), from_port: Some(from), to_port: Some(to), ..self }
    }

    /// Restricts the entry to ICMP; −1 is every type, or every code.
    #[must_use]
    pub fn icmp(self, kind: i32, code: i32) -> Self {
        Self { protocol: "1".into(), icmp_type: Some(kind), icmp_code: Some(code), ..self }
    }

    /// Returns whether it is AWS's last entry, which denies the rest; 32767 for IPv4, 32768 for IPv6.
    pub(super) fn is_of_aws(&self) -> bool {
        self.rule_number > LAST
    }

    pub(super) fn to_observed(entry: &NetworkAclEntry) -> Result<Self> {
        let (ports, icmp) = (entry.port_range(), entry.icmp_type_code());
        Ok(from_sdk!(READ, entry => Self {
            rule_number, rule_action, protocol;
            egress: entry.egress().unwrap_or_default(),
            cidr_block: member(READ, "cidrBlock", entry.cidr_block().or(entry.ipv6_cidr_block()))?,
            from_port: ports.and_then(PortRange::from),
            to_port: ports.and_then(PortRange::to),
            icmp_type: icmp.and_then(IcmpTypeCode::r#type),
            icmp_code: icmp.and_then(IcmpTypeCode::code),
        }))
    }

    fn port_range(&self) -> Option<PortRange> {
        let (from, to) = (self.from_port?, self.to_port?);
        Some(PortRange::builder().from(from).to(to).build())
    }

    fn icmp_type_code(&self) -> Option<IcmpTypeCode> {
        let (kind, code) = (self.icmp_type?, self.icmp_code?);
        Some(IcmpTypeCode::builder().r#type(kind).code(code).build())
    }
}

/// Returns the protocol as CloudFormation has it: EC2's API takes the number as text.
fn protocol_number(protocol: &str) -> Value {
    protocol.parse::<i64>().map_or_else(|_| protocol.into(), Value::from)
}

/// The last number that an entry of ours may have.
const LAST: i32 = 32766;

/// Sets the entry on a request: `CreateNetworkAclEntry` and `ReplaceNetworkAclEntry` share members, but no trait in the
/// SDK.
macro_rules! with_entry {
    ($request:expr, $entry:expr) => {{
        let request = set_inputs!($request, $entry => rule_number, egress, rule_action, protocol);
        let request = request.set_port_range($entry.port_range()).set_icmp_type_code($entry.icmp_type_code());
        match text(&$entry.cidr_block) {
            Some(range) if range.contains(':') => request.ipv6_cidr_block(range),
            range => request.set_cidr_block(range),
        }
    }};
}

impl KeyedItem for AclEntry {
    fn key(&self) -> impl PartialEq {
        (self.rule_number, self.egress)
    }

    fn means(&self, observed: &Self) -> bool {
        let stated = |desired: Option<i32>, observed: Option<i32>| desired.is_none() || desired == observed;
        self.rule_action == observed.rule_action
            && self.protocol == observed.protocol
            && self.cidr_block == observed.cidr_block
            && stated(self.from_port, observed.from_port)
            && stated(self.to_port, observed.to_port)
            && stated(self.icmp_type, observed.icmp_type)
            && stated(self.icmp_code, observed.icmp_code)
    }

    fn problem(&self) -> Option<String> {
        let number = self.rule_number;
        if !(1..=LAST).contains(&number) {
            return Some(format!("expected a rule number of 1 to {LAST}, found {number}"));
        }
        if self.rule_action != "allow" && self.rule_action != "deny" {
            return Some(format!(
                "entry {number}: expected the action `allow` or `deny`, found `{}`",
                self.rule_action
            ));
        }
        if self.protocol.parse::<i16>().is_err() {
            return Some(format!(
                "entry {number}: expected a protocol number (6 is TCP, 17 UDP, 1 ICMP, -1 all), found `{}`",
                self.protocol
            ));
        }
        if matches!(self.protocol.as_str(), "6" | "17") && (self.from_port.is_none() || self.to_port.is_none()) {
            return Some(format!("entry {number}: expected `from_port` and `to_port`: 0 and 65535 allow all ports"));
        }
        let range = self.cidr_block.known().and_then(|range| range_problem(range));
        range.map(|why| format!("entry {number}: {why}"))
    }

    fn repetition(&self) -> String {
        format!("two entries of the same direction have the number {}", self.rule_number)
    }

    async fn create(&self, c: &Writer, acl: &str) -> Result<()> {
        let request = with_entry!(c.ec2().create_network_acl_entry().network_acl_id(acl), self);
        let error = api_code("ec2:CreateNetworkAclEntry", "NetworkAclEntryAlreadyExists", ErrorKind::Busy);
        request.send().await.map(drop).map_err(error)
    }

    async fn replace(&self, c: &Writer, acl: &str) -> Result<()> {
        let request = with_entry!(c.ec2().replace_network_acl_entry().network_acl_id(acl), self);
        request.send().await.map(drop).map_err(api("ec2:ReplaceNetworkAclEntry"))
    }

    async fn delete(&self, c: &Writer, acl: &str) -> Result<()> {
        let request = c.ec2().delete_network_acl_entry().network_acl_id(acl);
        let answer = set_inputs!(request, self => rule_number, egress).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteNetworkAclEntry")))
    }
}

/// Returns the range under the name of its family.
fn range(range: &In<String>) -> Value {
    let is_ipv6 = range.known().is_some_and(|range| range.contains(':'));
    members([(if is_ipv6 { "Ipv6CidrBlock" } else { "CidrBlock" }, range.to_property())])
}
