//! The checks of a plan against the account and the region, before any change.

use crate::sandbox::Sandbox;

#[test]
fn plan_names_the_zones_that_the_account_has() {
    let Some(sandbox) = Sandbox::new("plan_names_the_zones_that_the_account_has") else { return };
    sandbox.edit("dev", "zones = [\"a\", \"b\"]", "zones = [\"b\", \"h\"]");
    for command in [&["plan", "dev"][..], &["apply", "dev", "--yes"]] {
        let refused = sandbox.run(command).ended(1);
        assert!(refused.err.contains("this account has no zone `us-east-1h`"), "{}", refused.err);
        assert!(refused.err.contains("its zones are us-east-1a, us-east-1b"), "{}", refused.err);
        assert!(refused.err.contains("network/subnet/public-h"), "{}", refused.err);
    }
}

#[test]
fn credentials_of_another_account_are_refused() {
    let Some(sandbox) = Sandbox::new("credentials_of_another_account_are_refused") else { return };
    sandbox.edit("dev", "region = \"us-east-1\"", "region = \"us-east-1\"\naccount = \"210987654321\"");
    let refused = sandbox.run(&["apply", "dev", "--yes"]).ended(1);
    let expected =
        "the environment belongs to account 210987654321, and these credentials are for account 123456789012";
    assert!(refused.err.replace("\n  ", " ").contains(expected), "{}", refused.err);
    sandbox.edit("dev", "210987654321", "123456789012");
    sandbox.run(&["plan", "dev"]).ok();
}

#[test]
fn plan_refuses_a_database_class_that_the_version_lacks() {
    let Some(sandbox) = Sandbox::new("plan_refuses_a_database_class_that_the_version_lacks") else { return };
    sandbox.edit("dev", "class = \"db.t3.micro\"", "class = \"db.m8g.large\"\nversion = \"14\"");
    let refused = sandbox.run(&["plan", "dev"]).ended(1).err;
    assert!(refused.contains("this region does not offer `db.m8g.large` for postgres 14"), "{refused}");
    assert!(refused.contains("the region offers it for postgres 15.12, 16.8"), "{refused}");
    assert!(refused.contains("database/instance/main") && refused.contains("database.rs:"), "{refused}");
    sandbox.run(&["plan", "dev", "--no-preflight"]).ok();

    sandbox.edit("dev", "version = \"14\"", "version = \"15\"");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    // A plan that changes nothing of the database does not ask again.
    sandbox.unchanged("dev");
    sandbox.edit("dev", "db.m8g.large", "db.t3.micro");
    sandbox.run(&["plan", "dev"]).ok();
}

#[test]
fn plan_warns_of_zones_without_the_class_or_the_architecture() {
    let Some(sandbox) = Sandbox::new("plan_warns_of_zones_without_the_class_or_the_architecture") else { return };
    sandbox.edit("dev", "zones = [\"a\", \"b\"]", "zones = [\"a\", \"e\"]");
    sandbox.edit("dev", "[service]", "[service]\narchitecture = \"arm64\"");
    let plan = sandbox.run(&["plan", "dev"]).ok().out;
    assert!(plan.contains("RDS has no `db.t3.micro` in us-east-1e: the database cannot be there"), "{plan}");
    assert!(plan.contains("Fargate runs no tasks for ARM64 in us-east-1e"), "{plan}");

    sandbox.edit("dev", "multi_az = false", "multi_az = true");
    let refused = sandbox.run(&["plan", "dev"]).ended(1).err.replace("\n  ", " ");
    assert!(refused.contains("a standby needs `db.t3.micro` in two zones of the subnet group"), "{refused}");
}

#[test]
fn plan_refuses_more_addresses_than_the_quota() {
    let Some(sandbox) = Sandbox::new("plan_refuses_more_addresses_than_the_quota") else { return };
    for _ in 0..5 {
        sandbox.aws("ec2 allocate-address --domain vpc");
    }
    let refused = sandbox.run(&["plan", "dev"]).ended(1).err.replace("\n  ", " ");
    let expected = "the account has 5 of at most 5 Elastic IP addresses, and the plan needs 1 more";
    assert!(refused.contains(expected), "{refused}");
    assert!(refused.contains("--service-code ec2 --quota-code L-0263D0A3 --desired-value 6"), "{refused}");
    assert!(refused.contains("network/elastic-ip/"), "{refused}");
    sandbox.run(&["plan", "dev", "--no-preflight"]).ok();
}

#[test]
fn second_stack_of_an_environment_is_refused() {
    let Some(sandbox) = Sandbox::new("second_stack_of_an_environment_is_refused") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let exported = sandbox.run(&["state", "export", "dev"]).ok().out;
    // A pipeline's runner, or a colleague's machine.
    std::fs::remove_dir_all(sandbox.path("state")).unwrap();
    let before = sandbox.moto.everything();
    for command in [&["plan", "dev"][..], &["apply", "dev", "--yes"]] {
        let refused = sandbox.run(command).ended(1).err.replace("\n  ", " ");
        for part in ["objects of another state of `provisioner/dev`", "arn:aws:", "provisioner state import ENV FILE"] {
            assert!(refused.contains(part), "{part} in {refused}");
        }
    }
    assert_eq!(sandbox.moto.everything(), before);
    // Another environment of the project.
    sandbox.run(&["plan", "prod"]).ok();
    let file = sandbox.path("exported.json");
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    std::fs::write(&file, exported).unwrap();
    sandbox.run(&["state", "import", "dev", file.to_str().unwrap()]).ok();
    sandbox.unchanged("dev");
    // What stays of a destroyed environment is no second stack.
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    std::fs::remove_dir_all(sandbox.path("state")).unwrap();
    sandbox.run(&["plan", "dev"]).ok();
}
