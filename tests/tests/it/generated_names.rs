//! Generated names: every name that the environment's rules allow makes names that AWS accepts, and on an emulator, a name
//! that AWS reserves after a delete is not used again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use provisioner_aws::secrets::{Generated, ManagedSecret, SecretValue};
use provisioner_cli::environment::read;
use provisioner_model::{
    Diagnostic, Environment as _,
    plan::StepAction,
    stack::{Desired, Facts, MAIN, Stack},
    state::{ProviderTarget, Snapshot},
};
use provisioner_planner::{Input, Observations, Selection};
use provisioner_reference_stack::Environment;
use provisioner_tests::{Emulator, skipped};

use crate::engine::{EngineFixture, facts};

fn environment(name: &str) -> Environment {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../environments").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    read(name, "the file", &text, 0).unwrap_or_else(|mistakes| panic!("{mistakes:?}")).settings
}

/// Plans the creation of the reference stack, as `validate` does, and returns the names in it by type, or the errors.
fn planned_names(name: &str, env: &Environment) -> Result<Vec<(&'static str, String)>, Vec<Diagnostic>> {
    let mut stack = Stack::new(Facts { environment: name.to_owned(), ..facts() });
    provisioner_reference_stack::stack(env, &mut stack);
    let desired = stack.finish()?;
    let target = ProviderTarget { account: facts().account, region: facts().region, endpoint: None };
    let registry = provisioner_aws::registry();
    let plan = provisioner_planner::plan(&Input {
        desired: &desired,
        snapshot: &Snapshot::new("l", name.to_owned()),
        observed: &Observations::default(),
        registry: &registry,
        selection: &Selection::default(),
        targets: &BTreeMap::from([(MAIN.to_owned(), target)]),
    })?;
    let mut names = vec![];
    for step in &plan.steps {
        let StepAction::Create(write) = &step.action else { continue };
        let info = registry.get(desired.resources[&step.address].type_name).unwrap().info();
        if let Some(name) = info.name {
            names.push((info.type_name, write.planned[name.field].as_str().unwrap().to_owned()));
        }
    }
    Ok(names)
}

/// Returns environment names of every shape: all short ones over a small alphabet, and reserved words with and without
/// an ending.
fn environment_names() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = BTreeSet::from([String::new()]);
    for _ in 0..5 {
        let longer: Vec<String> =
            names.iter().flat_map(|name| ["a", "7", "-"].map(|end| format!("{name}{end}"))).collect();
        names.extend(longer);
    }
    let words =
        ["internal", "sg", "sthree", "amzn-s3-demo", "xn", "aws", "default", "alias", "ecs", "dev", "pr-123456789"];
    for word in words {
        names.extend(["", "-", "--x", "-x", "1", "-1-1"].map(|end| format!("{word}{end}")));
    }
    names
}

#[test]
fn aws_accepts_the_names_of_every_valid_environment() {
    let types = provisioner_aws::registry();
    let mut checked: BTreeSet<&str> = BTreeSet::new();
    let (mut valid, mut refused) = (0, 0);
    let mut env = environment("prod");
    for project in ["provisioner", "ab", "a-b-c-d-e-f-g-h1"] {
        project.clone_into(&mut env.project);
        for name in environment_names() {
            if !env.problems(&name).is_empty() {
                refused += 1;
                continue;
            }
            valid += 1;
            let names = planned_names(&name, &env).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
            for (type_name, generated) in names {
                checked.insert(type_name);
                let rule = types.get(type_name).unwrap().info().name.unwrap();
                assert_eq!(rule.problem(&generated), None, "{name}: {type_name} {generated}");
            }
        }
    }
    assert!(valid > 90 && refused > 300, "{valid} valid, {refused} refused");
    assert!(checked.len() > 15, "{checked:?}");
}

#[test]
fn every_type_with_a_name_states_the_rules_of_its_api() {
    for one in provisioner_aws::registry().all() {
        let Some(name) = one.info().name else { continue };
        let type_name = one.info().type_name;
        assert!(name.rule.page.starts_with("https://docs.aws.amazon.com/"), "{type_name}");
        assert!(name.rule.pattern.starts_with('^') && name.rule.pattern.ends_with('$'), "{type_name}");
        let example = format!("{}example-1", name.prefix);
        assert_eq!(name.problem(&example), None, "{type_name}");
    }
}

#[test]
fn plan_refuses_a_name_that_aws_refuses() {
    for (name, address, expected) in [
        ("pr--12", "database/instance/main", "contains `--`"),
        ("internal", "edge/load-balancer/app", "begins with `internal-`, which is reserved"),
        ("sg", "network/security-group/task", "begins with `sg-`, which is reserved"),
        ("sthree", "edge/bucket/access-logs", "begins with `sthree-`, which is reserved"),
    ] {
        // Not `prod`: the name of its final snapshot has an error of its own.
        let problems = planned_names(name, &environment("dev")).unwrap_err();
        let text: Vec<String> = problems.iter().map(|problem| format!("{problem:?}")).collect();
        assert!(text.iter().any(|one| one.contains(address) && one.contains(expected)), "{name}: {text:#?}");
    }
}

fn declared(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(facts());
    declare(&mut stack);
    stack.finish().unwrap()
}

#[tokio::test]
async fn secret_with_a_recovery_window_is_created_again_after_a_destroy() {
    let Some(moto) = Emulator::moto() else {
        return skipped("secret_with_a_recovery_window_is_created_again_after_a_destroy", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let secret = declared(|stack| {
        let secret = ManagedSecret::new(SecretValue::Generated(Generated::letters_and_digits(20)));
        stack.add("signing-key", secret.recovery_window_in_days(30));
    });
    let nothing = declared(|_| {});
    for desired in [&secret, &nothing, &secret, &nothing, &secret] {
        let plan = fixture.plan(desired).await;
        let outcome = fixture.apply(&plan).await;
        assert!(outcome.is_complete(), "{outcome:?}");
    }
    assert!(fixture.plan(&secret).await.is_empty());
}
