//! One entry of a network ACL.

use aws_sdk_ec2::types::{IcmpTypeCode, NetworkAclEntry, PortRange, RuleAction};
use provisioner_model::{error::Result, expr::In};
use serde::{Deserialize, Serialize};

use super::range_problem;
use crate::{error::need, value::text};

/// One entry of a network ACL: the first that matches decides, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AclEntry {
    /// Number of the entry, 1 to 32766.
    pub number: i32,
    /// `true` if it is about what leaves the subnet.
    pub egress: bool,
    /// Either `allow` or `deny`.
    pub action: String,
    /// `-1` for all, else the protocol's number: 6 is TCP, 17 UDP, 1 ICMP.
    pub protocol: String,
    /// Source or destination of the traffic: an IPv4 or IPv6 range.
    pub cidr: In<String>,
    /// First port of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// Last port of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// ICMP's type, −1 for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<i32>,
    /// ICMP's code, −1 for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<i32>,
}

impl AclEntry {
    /// Lets everything from this range in, until it is narrowed.
    pub fn allow(number: i32, cidr: impl Into<In<String>>) -> Self {
        Self {
            number,
            egress: false,
            action: "allow".into(),
            protocol: "-1".into(),
            cidr: cidr.into(),
            from_port: None,
            to_port: None,
            icmp_type: None,
            icmp_code: None,
        }
    }

    /// Keeps everything from this range out, until it is narrowed.
    pub fn deny(number: i32, cidr: impl Into<In<String>>) -> Self {
        Self { action: "deny".into(), ..Self::allow(number, cidr) }
    }

    /// About what leaves the subnet.
    #[must_use]
    pub fn egress(self) -> Self {
        Self { egress: true, ..self }
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

    /// ICMP only; −1 is every type, or every code.
    #[must_use]
    pub fn icmp(self, kind: i32, code: i32) -> Self {
        Self { protocol: "1".into(), icmp_type: Some(kind), icmp_code: Some(code), ..self }
    }

    /// Returns the key that is unique within an ACL.
    pub(super) fn key(&self) -> (i32, bool) {
        (self.number, self.egress)
    }

    /// Returns whether the observed entry matches this one.
    pub(super) fn means(&self, observed: &Self) -> bool {
        let stated = |desired: Option<i32>, observed: Option<i32>| desired.is_none() || desired == observed;
        self.action == observed.action
            && self.protocol == observed.protocol
            && self.cidr == observed.cidr
            && stated(self.from_port, observed.from_port)
            && stated(self.to_port, observed.to_port)
            && stated(self.icmp_type, observed.icmp_type)
            && stated(self.icmp_code, observed.icmp_code)
    }

    /// The last entry, which denies the rest; 32767 for IPv4, 32768 for IPv6.
    pub(super) fn is_amazons(&self) -> bool {
        self.number > LAST
    }

    /// The range by its family: IPv4, IPv6.
    pub(super) fn ranges(&self) -> (Option<String>, Option<String>) {
        let range = text(&self.cidr);
        if range.as_ref().is_some_and(|range| range.contains(':')) { (None, range) } else { (range, None) }
    }

    pub(super) fn problem(&self) -> Option<String> {
        let number = self.number;
        if !(1..=LAST).contains(&number) {
            return Some(format!("the number {number} is not from 1 to {LAST}"));
        }
        if self.action != "allow" && self.action != "deny" {
            return Some(format!("entry {number}: the action is `allow` or `deny`"));
        }
        if self.protocol.parse::<i16>().is_err() {
            return Some(format!("entry {number}: protocols have numbers here: 6 is TCP, 17 UDP, 1 ICMP, -1 all"));
        }
        if matches!(self.protocol.as_str(), "6" | "17") && (self.from_port.is_none() || self.to_port.is_none()) {
            return Some(format!("entry {number}: TCP and UDP need ports; 0 to 65535 are all"));
        }
        let range = self.cidr.known().and_then(|range| range_problem(range));
        range.map(|why| format!("entry {number}: {why}"))
    }

    pub(super) fn to_observed(entry: &NetworkAclEntry) -> Result<Self> {
        const READ: &str = "ec2:DescribeNetworkAcls";
        let (ports, icmp) = (entry.port_range(), entry.icmp_type_code());
        let range: String = need(READ, entry.cidr_block().or(entry.ipv6_cidr_block()), "cidrBlock")?;
        Ok(Self {
            number: need(READ, entry.rule_number().as_ref(), "ruleNumber")?,
            egress: entry.egress().unwrap_or_default(),
            action: need(READ, entry.rule_action().map(RuleAction::as_str), "ruleAction")?,
            protocol: need(READ, entry.protocol(), "protocol")?,
            cidr: range.into(),
            from_port: ports.and_then(PortRange::from),
            to_port: ports.and_then(PortRange::to),
            icmp_type: icmp.and_then(IcmpTypeCode::r#type),
            icmp_code: icmp.and_then(IcmpTypeCode::code),
        })
    }
}

const LAST: i32 = 32766;
