//! Zones, and the ranges of their subnets: a VPC has sixteen equal parts, and a zone's letter selects its two parts.
//! They do not depend on the other zones, so an added zone never moves a subnet (which would replace it).

use std::fmt;

use ipnet::Ipv4Net;

use super::{Environment, Nat};

/// Number of parts of a VPC's range: eight letters, with a public and a private part each.
const PARTS: usize = 16;
/// Four more bits than the VPC: sixteen parts.
const BITS: u8 = 4;
/// The largest range that EC2 allows.
pub(super) const LARGEST: u8 = 16;
/// A load balancer requires subnets of `/27` or larger, so this is the smallest VPC of sixteen such parts.
pub(super) const SMALLEST: u8 = 27 - BITS;

/// An availability zone. It prints as its letter, for addresses, and becomes its full name, for AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone<'a> {
    region: &'a str,
    letter: &'a str,
}

impl fmt::Display for Zone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter)
    }
}

impl From<Zone<'_>> for String {
    fn from(zone: Zone<'_>) -> Self {
        format!("{}{}", zone.region, zone.letter)
    }
}

impl Environment {
    /// The zones, in the order of the alphabet: the order in the file means nothing.
    pub fn zones(&self) -> impl Iterator<Item = Zone<'_>> {
        let mut letters: Vec<&str> = self.network.zones.iter().map(String::as_str).collect();
        letters.sort_unstable();
        letters.into_iter().map(|letter| Zone { region: &self.region, letter })
    }

    /// Returns whether a zone has a NAT gateway.
    pub(crate) fn has_nat(&self, zone: Zone<'_>) -> bool {
        match (self.network.nat, self.network.nat_zone.as_deref()) {
            (None, _) => false,
            (Some(Nat::PerZone), _) => true,
            (Some(Nat::One), Some(stated)) => zone.letter == stated,
            (Some(Nat::One), None) => self.zones().next() == Some(zone),
        }
    }

    /// The addresses of a zone's public subnet.
    pub fn public_range(&self, zone: Zone<'_>) -> String {
        self.network.public_ranges.get(zone.letter).cloned().unwrap_or_else(|| self.part(zone, 0))
    }

    /// The addresses of a zone's private subnet.
    pub fn private_range(&self, zone: Zone<'_>) -> String {
        self.network.private_ranges.get(zone.letter).cloned().unwrap_or_else(|| self.part(zone, PARTS / 2))
    }

    /// The part at the letter's place after `first`. A file without mistakes always has one.
    fn part(&self, zone: Zone<'_>, first: usize) -> String {
        let place = zone.letter.bytes().next().map_or(0, |letter| usize::from(letter.wrapping_sub(b'a')));
        let range = self.network.cidr.parse::<Ipv4Net>().ok();
        let parts = range.and_then(|range| range.subnets(range.prefix_len() + BITS).ok());
        parts.and_then(|mut parts| parts.nth(first + place)).map(|part| part.to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::environment::tests::{dev, prod};

    #[test]
    fn each_zone_letter_has_its_own_cidr_blocks() {
        let ranges = |env: &super::Environment| -> Vec<(String, String, String, String)> {
            let row = |zone| (format!("{zone}"), String::from(zone), env.public_range(zone), env.private_range(zone));
            env.zones().map(row).collect()
        };
        let row = |letter: &str, public: &str, private: &str| {
            (letter.to_owned(), format!("us-east-1{letter}"), public.to_owned(), private.to_owned())
        };
        let (a, b) = (row("a", "10.0.0.0/20", "10.0.128.0/20"), row("b", "10.0.16.0/20", "10.0.144.0/20"));
        let mut env = dev();
        assert_eq!(ranges(&env), [a.clone(), b.clone()]);
        env.network.zones = vec!["c".into(), "a".into(), "b".into()];
        assert_eq!(ranges(&env)[..2], [a, b], "in the order of the alphabet");
        assert_eq!(ranges(&prod())[2], row("c", "10.1.32.0/20", "10.1.160.0/20"));
    }

    #[test]
    fn the_smallest_vpc_has_subnets_that_a_load_balancer_takes() {
        let mut env = dev();
        env.network.cidr = "10.0.0.0/23".into();
        let zone = env.zones().next().unwrap();
        assert_eq!((env.public_range(zone), env.private_range(zone)), ("10.0.0.0/27".into(), "10.0.1.0/27".into()));
    }
}
