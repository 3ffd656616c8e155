//! Rules for an environment file that a schema cannot express. Each is a function, and all are checked.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use provisioner_aws::{Partition, partition::STANDARD};
use provisioner_model::environment::Mistake;

use super::{Environment, ranges};
use crate::service::MAXIMUM_PERCENT;

/// Returns all errors of the file, so that one edit can fix them.
pub(super) fn problems(env: &Environment, name: &str) -> Vec<Mistake> {
    let rules = [region, vpc, subnets, zones, task_size, scaling, class, storage, connections, repository];
    let mut mistakes = environment_name(name);
    mistakes.extend(rules.iter().flat_map(|rule| rule(env)));
    mistakes
}

/// Returns warnings about valid values that cost more than they seem to.
pub(super) fn warnings(env: &Environment, now: u64) -> Vec<Mistake> {
    extended_support(env, now).into_iter().collect()
}

/// The major versions of PostgreSQL and the day on which RDS Extended Support begins for each, in seconds since 1970 and as
/// a date. <https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html>
const EXTENDED_SUPPORT: [(&str, u64, &str); 6] = [
    ("13", 1772323200, "2026-03-01"),
    ("14", 1803859200, "2027-03-01"),
    ("15", 1835481600, "2028-03-01"),
    ("16", 1867017600, "2029-03-01"),
    ("17", 1898553600, "2030-03-01"),
    ("18", 1930089600, "2031-03-01"),
];

/// Warns of a version without standard support, which costs money or is upgraded by AWS.
fn extended_support(env: &Environment, now: u64) -> Option<Mistake> {
    let (version, _, since) =
        EXTENDED_SUPPORT.iter().find(|(version, start, _)| *version == env.database.version && *start <= now)?;
    let what = format!("standard support of PostgreSQL {version} ended before {since}");
    let price = "0.10 dollars per vCPU-hour in us-east-1, 0.20 from the third year on, also for the standby: \
                 https://aws.amazon.com/rds/postgresql/pricing/";
    let hint = if env.database.extended_support {
        format!("RDS Extended Support costs {price}; a newer version costs nothing more")
    } else {
        format!(
            "AWS refuses to create such a database, and upgrades an existing one by itself; \
             `database.extended_support = true` keeps the version, for {price}"
        )
    };
    Some(Mistake::new("database.version", what).hint(hint))
}

/// Checks the environment's name, which is the prefix of generated names and part of tags. Every valid name makes names
/// that AWS accepts: `tests/tests/it/generated_names.rs` checks it for each type.
fn environment_name(name: &str) -> Vec<Mistake> {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = name.len() <= 12 && name.starts_with(|first: char| first.is_ascii_lowercase());
    let hyphens = !name.ends_with('-') && !name.contains("--");
    let mistake = |why: &str, hint: &str| {
        let what = format!("`{name}` is not a valid environment name{why}");
        vec![Mistake { path: vec![], what, hint: Some(hint.to_owned()) }]
    };
    if !good || !name.bytes().all(letters) {
        return mistake("", "at most 12 of a-z, 0-9 and -, a letter first");
    }
    if !hyphens {
        return mistake(
            ": RDS refuses names with two hyphens in a row",
            "a hyphen only between two letters or digits: generated names are `ENVIRONMENT-…`",
        );
    }
    let prefix = format!("{name}-");
    let types = provisioner_aws::registry();
    let names = types.all().filter_map(|one| one.info().name.filter(|name| name.prefix.is_empty()).zip(Some(one)));
    let reserved = names.flat_map(|(name, one)| name.rule.reserved_prefixes.iter().map(move |start| (*start, one)));
    for (start, one) in reserved {
        if prefix.starts_with(start) {
            let why = format!(": AWS reserves names of {} that begin with `{start}`", one.info().type_name);
            return mistake(&why, "another first word: generated names begin with the environment's name");
        }
    }
    vec![]
}

/// Checks that the region's partition has what the stack uses.
fn region(env: &Environment) -> Vec<Mistake> {
    let Some(partition) = Partition::of_region(&env.region) else {
        let what = format!("no partition of AWS has regions such as `{}`", env.region);
        return vec![Mistake::new("region", what).hint("a region such as us-east-1, cn-north-1, eusc-de-east-1")];
    };
    if partition != STANDARD && env.database.ca.is_none() {
        // <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html>
        let what = format!("the app does not trust the certificates that Amazon RDS has in `{}`", partition.id);
        let hint = "state the partition's certificate bundle in `database.ca`: the app has that of the partition `aws`";
        return vec![Mistake::new("region", what).hint(hint)];
    }
    let lack = |what: &&str| {
        let what = format!("the partition `{}` of `{}` lacks {what}", partition.id, env.region);
        Mistake::new("region", what).hint("the stack cannot run there")
    };
    partition.lacks.iter().map(lack).collect()
}

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

fn vpc(env: &Environment) -> Vec<Mistake> {
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
fn subnets(env: &Environment) -> Vec<Mistake> {
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
fn zones(env: &Environment) -> Vec<Mistake> {
    let zones = &env.network.zones;
    let mut mistakes = vec![];
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

/// The memory sizes, in MiB, that Fargate has for a task's CPU: from, to, step.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>
const FARGATE: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2_048, 0), // 512, 1024 and 2048: each twice the one before.
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

fn task_size(env: &Environment) -> Vec<Mistake> {
    let (cpu, memory) = (env.service.cpu, env.service.memory);
    let Some((_, least, most, step)) = FARGATE.iter().find(|row| row.0 == cpu) else {
        let sizes: Vec<String> = FARGATE.iter().map(|row| row.0.to_string()).collect();
        let mistake = Mistake::new("service.cpu", format!("Fargate has no tasks of {cpu} CPU units"));
        return vec![mistake.hint(format!("one of {}", sizes.join(", ")))];
    };
    let sizes: Vec<u32> = match step {
        0 => vec![512, 1_024, 2_048],
        step => (0..=(most - least) / step).map(|n| least + n * step).collect(),
    };
    if sizes.contains(&memory) {
        return vec![];
    }
    let hint = match sizes.as_slice() {
        [first, second, .., last] if sizes.len() > 4 => {
            format!("for {cpu} CPU units: {first} to {last} MiB in steps of {}", second - first)
        }
        few => format!("for {cpu} CPU units: {} MiB", few.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
    };
    let what = format!("Fargate has no tasks of {cpu} CPU units with {memory} MiB of memory");
    vec![Mistake::new("service.memory", what).hint(hint)]
}

fn scaling(env: &Environment) -> Vec<Mistake> {
    let (least, most) = (env.service.tasks, env.service.max_tasks);
    if least <= most {
        return vec![];
    }
    let what = format!("autoscaling cannot stay under {most} tasks where {least} are wanted at least");
    vec![Mistake::new("service.max_tasks", what).hint(format!("{least} or more, or fewer `service.tasks`"))]
}

/// The sizes that RDS names; a family is a few letters, a number and perhaps some more letters.
const SIZES: [&str; 16] = [
    "micro", "small", "medium", "large", "xlarge", "2xlarge", "3xlarge", "4xlarge", "6xlarge", "8xlarge", "9xlarge",
    "12xlarge", "16xlarge", "24xlarge", "32xlarge", "48xlarge",
];

fn class(env: &Environment) -> Vec<Mistake> {
    let class = env.database.class.as_str();
    let path = "database.class";
    let mut parts = class.split('.');
    let (Some("db"), Some(family), Some(size), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        let mistake = Mistake::new(path, format!("`{class}` is not a database class"));
        return vec![mistake.hint("`db.`, a family, `.`, a size: db.t3.micro")];
    };
    let letters = family.bytes().take_while(u8::is_ascii_lowercase).count();
    let known = letters > 0
        && family.as_bytes().get(letters).is_some_and(u8::is_ascii_digit)
        && family.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !known {
        let what = format!("`{family}` is not a family of database classes");
        return vec![Mistake::new(path, what).hint("such as t3, t4g, m7g, r7g: db.t3.micro")];
    }
    if !SIZES.contains(&size) {
        let what = format!("`{size}` is not a size of a database class");
        return vec![Mistake::new(path, what).hint(format!("one of {}: db.t3.micro", SIZES.join(", ")))];
    }
    vec![]
}

/// Checks that the maximum storage is at least a tenth above the initial storage, as RDS requires.
fn storage(env: &Environment) -> Vec<Mistake> {
    let (start, bound) = (env.database.storage, env.database.max_storage);
    let least = start + (start + 9) / 10;
    if bound >= least {
        return vec![];
    }
    let what = format!("storage cannot grow from {start} GiB to {bound} GiB");
    vec![Mistake::new("database.max_storage", what).hint(format!("a tenth more than `storage` at least: {least}"))]
}

/// Memory in GiB of a database class, for the families with a fixed ratio of memory to size.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html>
fn memory(class: &str) -> Option<u64> {
    let (family, size) = class.strip_prefix("db.")?.split_once('.')?;
    let xlarges = match size {
        "xlarge" => Some(1),
        size => size.strip_suffix("xlarge").and_then(|number| number.parse::<u64>().ok()),
    };
    let generation = family.get(..1)?;
    let per_xlarge = match generation {
        "t" | "m" => 16,
        "c" => 8,
        "r" => 32,
        _ => return None,
    };
    match (size, xlarges) {
        (_, Some(xlarges)) => Some(per_xlarge * xlarges),
        ("large", _) => Some(per_xlarge / 2),
        ("medium", _) if generation == "t" || generation == "m" => Some(4),
        ("small", _) if generation == "t" => Some(2),
        ("micro", _) if generation == "t" => Some(1),
        _ => None,
    }
}

/// Connections that PostgreSQL and RDS keep for their own users.
const RESERVED_CONNECTIONS: u64 = 5;

/// The number of connections that a class allows the app: RDS sets `max_connections` to the memory in bytes divided by
/// 9531392, and at most 5000. The memory that RDS itself uses makes the real number a little lower.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections>
fn allowed_connections(class: &str) -> Option<u64> {
    Some((memory(class)? * (1 << 30) / 9_531_392).min(5000) - RESERVED_CONNECTIONS)
}

/// Checks that the database allows the connections of all tasks, also during a deployment.
fn connections(env: &Environment) -> Vec<Mistake> {
    let class = &env.database.class;
    let Some(allowed) = allowed_connections(class) else { return vec![] };
    let (tasks, each) = (env.service.max_tasks, env.service.connections);
    let overlap = u64::try_from(MAXIMUM_PERCENT).unwrap_or_default();
    let needed = u64::try_from(tasks).unwrap_or_default() * u64::from(each) * overlap / 100;
    if needed <= allowed {
        return vec![];
    }
    let what = format!(
        "{tasks} tasks with {each} connections each need {needed} during a deployment, and a `{class}` allows {allowed}"
    );
    let hint = "fewer `service.connections` or `service.max_tasks`, or a larger `database.class`";
    vec![Mistake::new("service.max_tasks", what).hint(hint)]
}

/// Checks the repository's name, and that both numbers are stated: GitHub's newer subject contains both.
fn repository(env: &Environment) -> Vec<Mistake> {
    let path = "github.repository";
    let (owner, name) = env.github.repository.split_once('/').unwrap_or_default();
    if owner.len() > 39 {
        return vec![Mistake::new(path, format!("`{owner}` is too long for an owner on GitHub")).hint("at most 39")];
    }
    // GitHub removes this ending, so that no token has it.
    if let Some(bare) = name.strip_suffix(".git") {
        let hint = format!("without the ending: {owner}/{bare}");
        return vec![Mistake::new(path, format!("no repository's name ends with `.git`: `{name}`")).hint(hint)];
    }
    let (stated, missing) = match (env.github.owner_id, env.github.repository_id) {
        (Some(_), None) => ("owner_id", "repository_id"),
        (None, Some(_)) => ("repository_id", "owner_id"),
        _ => return vec![],
    };
    let what = format!("`{stated}` without `{missing}`");
    let hint = format!("`gh api repos/{} --jq '.owner.id, .id'` prints both", env.github.repository);
    vec![Mistake::new(&format!("github.{stated}"), what).hint(hint)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::{dev, prod};

    /// Each mistake on one line: path, what, hint.
    fn after(change: impl FnOnce(&mut Environment)) -> Vec<String> {
        let mut env = dev();
        change(&mut env);
        let line = |it: Mistake| format!("{}: {} ({})", it.path.join("."), it.what, it.hint.unwrap_or_default());
        problems(&env, "dev").into_iter().map(line).collect()
    }

    #[test]
    fn the_bundled_files_have_no_mistakes() {
        assert_eq!(problems(&dev(), "dev"), []);
        assert_eq!(problems(&prod(), "prod"), []);
    }

    #[test]
    fn the_name_must_do_for_tags_and_names() {
        for name in ["", "Dev", "1st", "a-name-that-is-too-long", "dev_1", "dev-", "pr--12"] {
            assert_eq!(problems(&dev(), name).len(), 1, "{name}");
        }
        for (name, reserved) in [
            ("internal", "AWS reserves names of aws:elasticloadbalancingv2:load-balancer that begin with `internal-`"),
            ("internal-a", "that begin with `internal-`"),
            ("sg", "AWS reserves names of aws:ec2:security-group that begin with `sg-`"),
            ("sthree", "that begin with `sthree-`"),
            ("amzn-s3-demo", "that begin with `amzn-s3-demo-`"),
        ] {
            let mistakes = problems(&dev(), name);
            assert!(mistakes.len() == 1 && mistakes[0].what.contains(reserved), "{name}: {mistakes:?}");
        }
        for name in ["dev", "pr-12", "internals", "sgx", "x", "a-1-b"] {
            assert_eq!(problems(&dev(), name), [], "{name}");
        }
    }

    #[test]
    fn regions_of_partitions_with_all_services_are_valid() {
        let region = |name: &str| after(|env| env.region = name.into());
        for name in ["us-east-1", "ap-southeast-7"] {
            assert_eq!(region(name), [""; 0], "{name}");
        }
        let with_ca = |name: &str| {
            after(|env| {
                env.region = name.into();
                env.database.ca = Some("-----BEGIN CERTIFICATE-----".into());
            })
        };
        for name in ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"] {
            assert_eq!(with_ca(name), [""; 0], "{name}");
            assert!(region(name)[0].contains("state the partition's certificate bundle in `database.ca`"), "{name}");
        }
        assert_eq!(
            with_ca("eu-isoe-west-1"),
            [
                "region: the partition `aws-iso-e` of `eu-isoe-west-1` lacks a connection to the internet, which GitHub's jobs need to get a role (the stack cannot run there)",
                "region: the partition `aws-iso-e` of `eu-isoe-west-1` lacks AWS WAF (the stack cannot run there)"
            ]
        );
        assert!(region("xx-north-1")[0].starts_with("region: no partition of AWS has regions such as `xx-north-1`"));
    }

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
    fn fargate_has_a_list_of_memory_sizes_for_each_cpu() {
        let size = |cpu, memory| after(|env| (env.service.cpu, env.service.memory) = (cpu, memory));
        for (cpu, memory) in [(256, 2048), (512, 3072), (1024, 8192), (4096, 30_720), (8192, 20_480), (16_384, 122_880)]
        {
            assert_eq!(size(cpu, memory), [""; 0]);
        }
        assert_eq!(
            size(256, 1536),
            [
                "service.memory: Fargate has no tasks of 256 CPU units with 1536 MiB of memory (for 256 CPU units: 512, 1024, 2048 MiB)"
            ]
        );
        assert_eq!(
            size(1024, 1024),
            [
                "service.memory: Fargate has no tasks of 1024 CPU units with 1024 MiB of memory (for 1024 CPU units: 2048 to 8192 MiB in steps of 1024)"
            ]
        );
        assert_eq!(
            size(300, 512),
            ["service.cpu: Fargate has no tasks of 300 CPU units (one of 256, 512, 1024, 2048, 4096, 8192, 16384)"]
        );
    }

    #[test]
    fn the_most_tasks_are_not_fewer_than_the_fewest() {
        assert_eq!(
            after(|env| env.service.tasks = 7),
            [
                "service.max_tasks: autoscaling cannot stay under 6 tasks where 7 are wanted at least (7 or more, or fewer `service.tasks`)"
            ]
        );
    }

    #[test]
    fn connections_of_all_tasks_fit_into_the_database() {
        for (class, allowed) in [
            ("db.t3.micro", Some(107)),
            ("db.t4g.small", Some(220)),
            ("db.m7g.large", Some(896)),
            ("db.r7g.16xlarge", Some(4995)),
            ("db.x2g.large", None),
        ] {
            assert_eq!(allowed_connections(class), allowed, "{class}");
        }
        let connections = |each| after(|env| env.service.connections = each);
        assert_eq!(connections(8), [""; 0]);
        assert_eq!(
            connections(10),
            [
                "service.max_tasks: 6 tasks with 10 connections each need 120 during a deployment, and a `db.t3.micro` allows 107 (fewer `service.connections` or `service.max_tasks`, or a larger `database.class`)"
            ]
        );
    }

    #[test]
    fn version_in_extended_support_is_a_warning_with_its_price() {
        // 2026-11-28.
        let now = 1_795_824_000;
        let warnings = |version: &str, extended| {
            let mut env = dev();
            env.database.version = version.into();
            env.database.extended_support = extended;
            warnings(&env, now)
        };
        for version in ["14", "17", "18"] {
            assert_eq!(warnings(version, false), [], "{version}");
        }
        let refused = &warnings("13", false)[0];
        assert_eq!(refused.what, "standard support of PostgreSQL 13 ended before 2026-03-01");
        assert!(refused.hint.as_ref().unwrap().starts_with("AWS refuses to create such a database"), "{refused:?}");
        let paid = warnings("13", true)[0].hint.clone().unwrap();
        assert!(paid.starts_with("RDS Extended Support costs 0.10 dollars per vCPU-hour"), "{paid}");
    }

    #[test]
    fn zone_of_the_nat_gateway_is_one_of_the_zones() {
        assert_eq!(
            after(|env| env.network.nat_zone = Some("c".into())),
            ["network.nat_zone: there is no zone `c` in `network.zones` (one of a, b)"]
        );
    }

    #[test]
    fn a_database_class_is_db_family_size() {
        let class = |class: &str| after(|env| env.database.class = class.into()).join("");
        for good in ["db.t3.micro", "db.t4g.small", "db.r6gd.16xlarge", "db.x2iedn.2xlarge"] {
            assert_eq!(class(good), "");
        }
        assert_eq!(
            class("t3.micro"),
            "database.class: `t3.micro` is not a database class (`db.`, a family, `.`, a size: db.t3.micro)"
        );
        assert_eq!(
            class("db.tiny.micro"),
            "database.class: `tiny` is not a family of database classes (such as t3, t4g, m7g, r7g: db.t3.micro)"
        );
        assert!(
            class("db.t3.mirco")
                .starts_with("database.class: `mirco` is not a size of a database class (one of micro, small")
        );
    }

    #[test]
    fn storage_must_have_room_to_grow() {
        assert_eq!(
            after(|env| env.database.storage = 95),
            [
                "database.max_storage: storage cannot grow from 95 GiB to 100 GiB (a tenth more than `storage` at least: 105)"
            ]
        );
    }

    #[test]
    fn github_repository_is_named_without_its_ending() {
        let repository = |name: &str| after(|env| env.github.repository = name.into());
        assert_eq!(repository("octo_acme/app"), [""; 0]);
        assert_eq!(
            repository("octo/app.git"),
            ["github.repository: no repository's name ends with `.git`: `app.git` (without the ending: octo/app)"]
        );
        let long = repository(&format!("{}/app", "o".repeat(40)));
        assert!(long[0].contains("too long for an owner"), "{long:?}");
    }

    #[test]
    fn githubs_numbers_come_together() {
        let lines = after(|env| (env.github.owner_id, env.github.repository_id) = (Some(1), None));
        assert!(
            lines[0].starts_with("github.owner_id: `owner_id` without `repository_id` (`gh api repos/"),
            "{lines:?}"
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let lines = after(|env| {
            env.network.cidr = "10.0.0.0/28".into();
            env.service.memory = 1;
            env.service.max_tasks = 0;
            env.database.class = "large".into();
        });
        assert_eq!(lines.len(), 4, "{lines:#?}");
    }
}
