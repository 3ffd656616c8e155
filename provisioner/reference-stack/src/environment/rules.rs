//! Rules for an environment file that a schema cannot express. Each is a function, and all are checked.

mod database;
mod existing_network;
mod identity;
mod network;
mod service;
mod tags;

use provisioner_aws::{Partition, partition::STANDARD};
use provisioner_model::environment::Mistake;

use self::{
    database::{class, connections, extended_support, snapshot, storage},
    identity::{boundary, path},
    network::{existing_vpc, subnets, vpc, zones},
    service::{scaling, task_size},
    tags::tags,
};
use super::Environment;

pub(super) use self::existing_network::problems as network_problems;

/// Returns all errors of the file, so that one edit can fix them.
pub(super) fn problems(env: &Environment, name: &str) -> Vec<Mistake> {
    let rules = [
        region,
        existing_vpc,
        vpc,
        subnets,
        zones,
        task_size,
        scaling,
        class,
        storage,
        snapshot,
        connections,
        repository,
        path,
        tags,
    ];
    let mut mistakes = environment_name(name);
    mistakes.extend(boundary(env));
    mistakes.extend(rules.iter().flat_map(|rule| rule(env)));
    mistakes
}

/// Returns warnings about valid values that cost more than they seem to.
pub(super) fn warnings(env: &Environment, now: u64) -> Vec<Mistake> {
    extended_support(env, now).into_iter().collect()
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
pub(super) mod tests {
    use super::*;
    use crate::environment::tests::{dev, prod};

    /// Each mistake on one line: path, what, hint.
    pub(super) fn after(change: impl FnOnce(&mut Environment)) -> Vec<String> {
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
