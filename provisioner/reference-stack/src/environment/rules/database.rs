//! Rules for the database: its version, class and storage, and the connections that it allows.

use provisioner_aws::schemas::{self, database_class_problem};
use provisioner_model::environment::Mistake;

use crate::{environment::Environment, service::MAXIMUM_PERCENT};

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
pub(super) fn extended_support(env: &Environment, now: u64) -> Option<Mistake> {
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

/// Checks that RDS offers the class in the region, by AWS's data.
pub(super) fn class(env: &Environment) -> Vec<Mistake> {
    let why = database_class_problem("postgres", &env.database.class, &env.region);
    let mistake =
        |why| Mistake::new("database.class", why).hint(format!("as of {}, in {}", schemas::date(), env.region));
    why.map(mistake).into_iter().collect()
}

/// Checks that the maximum storage is at least a tenth above the initial storage, as RDS requires.
pub(super) fn storage(env: &Environment) -> Vec<Mistake> {
    let (start, bound) = (env.database.storage, env.database.max_storage);
    let least = start + (start + 9) / 10;
    if bound >= least {
        return vec![];
    }
    let what = format!("storage cannot grow from {start} GiB to {bound} GiB");
    vec![Mistake::new("database.max_storage", what).hint(format!("a tenth more than `storage` at least: {least}"))]
}

/// Checks that a snapshot with an ARN is in the environment's region: RDS restores no other.
pub(super) fn snapshot(env: &Environment) -> Vec<Mistake> {
    let region = env.database.from_snapshot.as_deref().and_then(|arn| arn.strip_prefix("arn:")?.split(':').nth(2));
    let Some(region) = region.filter(|region| *region != env.region) else { return vec![] };
    let what = format!("the snapshot is in {region}, and the environment in {}", env.region);
    let hint = "copy it to the environment's region with `aws rds copy-db-snapshot`, and name the copy";
    vec![Mistake::new("database.from_snapshot", what).hint(hint)]
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
pub(super) fn connections(env: &Environment) -> Vec<Mistake> {
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

#[cfg(test)]
mod tests {
    use super::{
        super::{tests::after, warnings},
        *,
    };
    use crate::environment::tests::dev;

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
    fn a_database_class_is_one_that_rds_offers_in_the_region() {
        let class = |class: &str| after(|env| env.database.class = class.into()).join("");
        for good in ["db.t3.micro", "db.t4g.small", "db.r6gd.16xlarge", "db.x2iedn.2xlarge"] {
            assert_eq!(class(good), "");
        }
        assert!(
            class("db.t3.mirco").starts_with("database.class: expected one of `db.t3.micro`, "),
            "{}",
            class("db.t3.mirco")
        );
        assert!(class("t3.micro").starts_with("database.class: expected one of `"), "{}", class("t3.micro"));
        let in_calgary = after(|env| {
            env.region = "ca-west-1".into();
            env.database.class = "db.t4g.micro".into();
        });
        assert!(in_calgary[0].ends_with("in ca-west-1)"), "{in_calgary:?}");
    }

    #[test]
    fn snapshot_is_in_the_region() {
        let snapshot = |name: &str| after(|env| env.database.from_snapshot = Some(name.into()));
        for name in ["before", "rds:db-2026-11-28-04-10", "arn:aws:rds:us-east-1:210987654321:snapshot:shared"] {
            assert_eq!(snapshot(name), [""; 0]);
        }
        assert_eq!(
            snapshot("arn:aws:rds:eu-west-1:210987654321:snapshot:shared"),
            [
                "database.from_snapshot: the snapshot is in eu-west-1, and the environment in us-east-1 (copy it to the environment's region with `aws rds copy-db-snapshot`, and name the copy)"
            ]
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
}
