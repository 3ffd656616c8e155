//! Rules for the network: ranges and zones.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use provisioner_model::environment::Mistake;

use crate::environment::{Environment, Subnets, ranges};

/// Accepts a network's range such as `10.0.0.0/16`, but not `10.0.0.1/16`.
fn range(path: &str, text: &str) -> Result<Ipv4Net, Mistake> {
    let hint = "an IPv4 range such as 10.0.0.0/16";
    let range: Ipv4Net =
        text.parse().map_err(|_| Mistake::new(path, format!("`{text}` is not an address range")).hint(hint))?;
    if range.addr() == range.network() {
        return Ok(range);
    }
    Err(Mistake::new(path, format!("`{text}` is an address within a range")).hint(format!("write {}", range.trunc())))
}

/// Refuses the keys of a network that the stack creates beside an existing one, and the other way round.
pub(super) fn existing_vpc(env: &Environment) -> Vec<Mistake> {
    let network = &env.network;
    let (keys, what, hint) = if network.vpc.is_some() {
        let keys = [
            ("cidr", !network.cidr.is_empty()),
            ("zones", !network.zones.is_empty()),
            ("nat", network.nat.is_some()),
            ("nat_zone", network.nat_zone.is_some()),
            ("public_ranges", !network.public_ranges.is_empty()),
            ("private_ranges", !network.private_ranges.is_empty()),
        ];
        (keys.to_vec(), "has no effect in an existing VPC", "remove the key, or `vpc` and its subnets")
    } else {
        let keys = [
            ("public_subnets", network.public_subnets.is_some()),
            ("private_subnets", network.private_subnets.is_some()),
        ];
        (keys.to_vec(), "has no effect without `vpc`", "state `vpc`, or remove the key: the stack creates subnets")
    };
    let stated = keys.into_iter().filter(|(_, stated)| *stated);
    let excluded = stated.map(|(key, _)| Mistake::new(&format!("network.{key}"), format!("`{key}` {what}")).hint(hint));
    let tiers = [("public_subnets", &network.public_subnets), ("private_subnets", &network.private_subnets)];
    let without_tags = tiers.into_iter().filter_map(|(key, subnets)| match subnets {
        // No tags would select every subnet of the VPC.
        Some(Subnets::Tags(tags)) if tags.is_empty() => {
            let mistake = Mistake::new(&format!("network.{key}"), "no tag selects the subnets");
            Some(mistake.hint("the tags that they have, such as { tier = \"private\" }, or a list of IDs"))
        }
        _ => None,
    });
    excluded.chain(without_tags).collect()
}

pub(super) fn vpc(env: &Environment) -> Vec<Mistake> {
    if env.network.vpc.is_some() {
        return vec![];
    }
    let path = "network.cidr";
    let range = match range(path, &env.network.cidr) {
        Ok(range) => range,
        Err(mistake) => return vec![mistake],
    };
    let (length, least, most) = (range.prefix_len(), ranges::LARGEST, ranges::SMALLEST);
    if length < least {
        let what = format!("`{range}` is larger than a VPC may be");
        return vec![Mistake::new(path, what).hint(format!("/{least} is the largest"))];
    }
    if length > most {
        let what = format!("`{range}` is too small to hold a public and a private subnet for each zone");
        return vec![Mistake::new(path, what).hint(format!("/{most} is the smallest, /{least} leaves room to grow"))];
    }
    vec![]
}

/// The stated subnets lie in the VPC, are of a size that EC2 takes, and no two subnets share an address.
pub(super) fn subnets(env: &Environment) -> Vec<Mistake> {
    let Ok(vpc) = range("network.cidr", &env.network.cidr) else {
        return vec![];
    };
    let mut mistakes = vec![];
    let stated = [("public_ranges", &env.network.public_ranges), ("private_ranges", &env.network.private_ranges)];
    for (key, (letter, text)) in stated.iter().flat_map(|(key, ranges)| ranges.iter().map(move |range| (key, range))) {
        let path = format!("network.{key}.{letter}");
        if !env.network.zones.contains(letter) {
            let what = format!("there is no zone `{letter}` in `network.zones`");
            mistakes.push(Mistake::new(&path, what).hint(format!("one of {}", env.network.zones.join(", "))));
        }
        match range(&path, text) {
            Err(mistake) => mistakes.push(mistake),
            Ok(range) if !vpc.contains(&range) => {
                let what = format!("`{range}` is not within the VPC's {vpc}");
                mistakes.push(Mistake::new(&path, what).hint("a part of `network.cidr`"));
            }
            Ok(range) if range.prefix_len() > 27 => {
                let what = format!("`{range}` is too small");
                mistakes.push(Mistake::new(&path, what).hint("/27 is the smallest that a load balancer takes"));
            }
            Ok(_) => {}
        }
    }
    // Keyed by the names in the file, so that an error can name both sides of an overlap.
    let mut taken: BTreeMap<String, Ipv4Net> = BTreeMap::new();
    for zone in env.zones() {
        for (tier, text) in [("public", env.public_range(zone)), ("private", env.private_range(zone))] {
            let Ok(range) = text.parse::<Ipv4Net>() else { continue };
            let name = format!("{tier}_ranges.{zone}");
            let clash = taken.iter().find(|(_, other)| other.contains(&range) || range.contains(*other));
            if let Some((other, its)) = clash.filter(|(other, _)| **other != name) {
                // A derived range is not in the file: the error points to a range that is.
                let here =
                    if stated_in_file(env, &name) { (&name, range, other, *its) } else { (other, *its, &name, range) };
                let what = format!("`{}` overlaps {} of {}", here.1, here.3, here.2.replace("_ranges.", " subnet "));
                let hint = format!("a part of {vpc} that no other subnet has");
                mistakes.push(Mistake::new(&format!("network.{}", here.0), what).hint(hint));
            }
            taken.insert(name, range);
        }
    }
    mistakes
}

fn stated_in_file(env: &Environment, name: &str) -> bool {
    let stated = |tier: &str, ranges: &BTreeMap<String, String>| {
        name.strip_prefix(tier).is_some_and(|letter| ranges.contains_key(letter))
    };
    stated("public_ranges.", &env.network.public_ranges) || stated("private_ranges.", &env.network.private_ranges)
}

/// Checks the letters of the zones. The schema has the pattern too; this error adds a hint and the position in the
/// list.
pub(super) fn zones(env: &Environment) -> Vec<Mistake> {
    let zones = &env.network.zones;
    let mut mistakes = vec![];
    if env.network.vpc.is_some() {
        return mistakes;
    }
    if let Some(zone) = env.network.nat_zone.as_ref().filter(|zone| !zones.contains(zone)) {
        let what = format!("there is no zone `{zone}` in `network.zones`");
        mistakes.push(Mistake::new("network.nat_zone", what).hint(format!("one of {}", zones.join(", "))));
    }
    if zones.len() < 2 {
        let mistake = Mistake::new("network.zones", "the load balancer and the database need at least two zones");
        mistakes.push(mistake.hint("zones = [\"a\", \"b\"]"));
    }
    for (place, zone) in zones.iter().enumerate() {
        let path = format!("network.zones.{place}");
        if !matches!(zone.as_bytes(), [b'a'..=b'h']) {
            let hint = "one letter of a to h; the region is stated once, in `region`";
            mistakes.push(Mistake::new(&path, format!("`{zone}` is not the letter of a zone")).hint(hint));
        } else if zones[..place].contains(zone) {
            mistakes.push(Mistake::new(&path, format!("zone `{zone}` is listed twice")).hint("leave one of them out"));
        }
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::environment::{Subnets, rules::tests::after};

    #[test]
    fn vpc_cidr_is_valid_and_contains_its_subnets() {
        for (range, expected) in [
            ("10.0.0.0/15", "`10.0.0.0/15` is larger than a VPC may be (/16 is the largest)"),
            (
                "10.0.0.0/24",
                "`10.0.0.0/24` is too small to hold a public and a private subnet for each zone (/23 is the smallest, /16 leaves room to grow)",
            ),
            ("10.0.3.0/16", "`10.0.3.0/16` is an address within a range (write 10.0.0.0/16)"),
            ("10.0.0.256/16", "`10.0.0.256/16` is not an address range (an IPv4 range such as 10.0.0.0/16)"),
        ] {
            assert_eq!(after(|env| env.network.cidr = range.into()), [format!("network.cidr: {expected}")]);
        }
    }

    #[test]
    fn stated_subnets_stay_within_the_vpc_and_apart() {
        let public = |letter: &str, range: &str| {
            after(|env| {
                env.network.public_ranges.insert(letter.into(), range.into());
            })
        };
        assert_eq!(public("a", "10.0.240.0/24"), [""; 0]);
        assert_eq!(
            public("a", "10.1.0.0/24"),
            ["network.public_ranges.a: `10.1.0.0/24` is not within the VPC's 10.0.0.0/16 (a part of `network.cidr`)"]
        );
        assert_eq!(
            public("a", "10.0.0.0/28"),
            ["network.public_ranges.a: `10.0.0.0/28` is too small (/27 is the smallest that a load balancer takes)"]
        );
        assert_eq!(
            public("a", "10.0.144.0/24"),
            [
                "network.public_ranges.a: `10.0.144.0/24` overlaps 10.0.144.0/20 of private subnet b (a part of 10.0.0.0/16 that no other subnet has)"
            ]
        );
        assert_eq!(
            public("b", "10.0.0.0/24"),
            [
                "network.public_ranges.b: `10.0.0.0/24` overlaps 10.0.0.0/20 of public subnet a (a part of 10.0.0.0/16 that no other subnet has)"
            ]
        );
        assert_eq!(
            public("c", "10.0.240.0/24"),
            ["network.public_ranges.c: there is no zone `c` in `network.zones` (one of a, b)"]
        );
    }

    #[test]
    fn zones_are_two_letters_at_least_and_each_once() {
        let zones = |zones: &[&str]| after(|env| env.network.zones = zones.iter().map(|&zone| zone.into()).collect());
        assert_eq!(
            zones(&["a"]),
            ["network.zones: the load balancer and the database need at least two zones (zones = [\"a\", \"b\"])"]
        );
        assert_eq!(
            zones(&["a", "us-east-1b"]),
            [
                "network.zones.1: `us-east-1b` is not the letter of a zone (one letter of a to h; the region is stated once, in `region`)"
            ]
        );
        assert_eq!(zones(&["a", "b", "a"])[0], "network.zones.2: zone `a` is listed twice (leave one of them out)");
    }

    #[test]
    fn existing_network_excludes_the_keys_of_a_new_one() {
        let ids = |ids: [&str; 2]| Some(Subnets::Ids(ids.map(str::to_owned).to_vec()));
        let existing = |clear: bool| {
            after(|env| {
                env.network.vpc = Some("vpc-0123456789abcdef0".into());
                env.network.public_subnets = ids(["subnet-00000001", "subnet-00000002"]);
                env.network.private_subnets = ids(["subnet-00000003", "subnet-00000004"]);
                if clear {
                    (env.network.cidr, env.network.zones, env.network.nat) = (String::new(), vec![], None);
                }
            })
        };
        assert_eq!(existing(true), [""; 0]);
        let without_tags = after(|env| {
            env.network.vpc = Some("vpc-0123456789abcdef0".into());
            (env.network.cidr, env.network.zones, env.network.nat) = (String::new(), vec![], None);
            env.network.public_subnets = ids(["subnet-00000001", "subnet-00000002"]);
            env.network.private_subnets = Some(Subnets::Tags(BTreeMap::new()));
        });
        assert_eq!(
            without_tags,
            [
                "network.private_subnets: no tag selects the subnets (the tags that they have, such as { tier = \"private\" }, or a list of IDs)"
            ]
        );
        let refused = |key| {
            format!(
                "network.{key}: `{key}` has no effect in an existing VPC (remove the key, or `vpc` and its subnets)"
            )
        };
        assert_eq!(existing(false), ["cidr", "zones", "nat"].map(refused));
        assert_eq!(
            after(|env| env.network.public_subnets = ids(["subnet-00000001", "subnet-00000002"])),
            [
                "network.public_subnets: `public_subnets` has no effect without `vpc` (state `vpc`, or remove the key: the stack creates subnets)"
            ]
        );
    }

    #[test]
    fn zone_of_the_nat_gateway_is_one_of_the_zones() {
        assert_eq!(
            after(|env| env.network.nat_zone = Some("c".into())),
            ["network.nat_zone: there is no zone `c` in `network.zones` (one of a, b)"]
        );
    }
}
