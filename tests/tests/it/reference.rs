//! The reference stack on moto, from nothing and back to nothing, as a user runs it.

use provisioner_model::plan::Verdict;

use crate::sandbox::Sandbox;

#[test]
fn dev_and_prod_live_side_by_side_and_leave_nothing() {
    let Some(sandbox) = Sandbox::new("dev_and_prod_live_side_by_side_and_leave_nothing") else { return };
    let before = sandbox.moto.everything();

    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    sandbox.run(&["apply", "prod", "--yes"]).ok();
    sandbox.unchanged("prod");
    sandbox.unchanged("dev");

    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    sandbox.unchanged("prod");
    // Consent to lose what is protected is asked for by name.
    sandbox.run(&["destroy", "prod", "--yes"]).ended(1);
    sandbox.run(&["destroy", "prod", "--yes", "--confirm", "prod"]).ok();

    // What AWS keeps: keys and secrets pending deletion, revisions of task definitions, the final snapshot.
    const STAYS: &[&str] =
        &["kms", "secretsmanager", "ecs: TaskDefinition", "rds: DBInstanceSnapshot", "rds: DBSnapshot"];
    let after = sandbox.moto.everything();
    let left: Vec<&String> =
        after.difference(&before).filter(|name| !STAYS.iter().any(|stays| name.starts_with(stays))).collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
}

#[test]
fn reads_are_batched() {
    let Some(sandbox) = Sandbox::new("reads_are_batched") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    let mut calls = sandbox.moto.calls();
    sandbox.unchanged("dev");
    let dev = sandbox.moto.calls() - calls;
    assert!(dev <= 80, "dev's second plan made {dev} calls");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();

    sandbox.run(&["apply", "prod", "--yes"]).ok();
    calls = sandbox.moto.calls();
    sandbox.unchanged("prod");
    let prod = sandbox.moto.calls() - calls;
    assert!(prod <= dev, "prod's second plan made {prod} calls, dev's {dev}: another zone must add none");
}

#[test]
fn the_environment_file_decides_what_happens() {
    let Some(sandbox) = Sandbox::new("the_environment_file_decides_what_happens") else { return };
    sandbox.run(&["apply", "dev", "--yes"]).ok();

    // One more zone: creates, and updates in place; nothing is deleted or replaced.
    sandbox.edit("dev", "zones = [\"a\", \"b\"]", "zones = [\"a\", \"b\", \"c\"]");
    let verdicts = sandbox.verdicts("dev");
    assert!(verdicts.values().all(|v| matches!(v, Verdict::Create | Verdict::Update)), "{verdicts:#?}");
    assert!(verdicts.values().any(|v| *v == Verdict::Create), "{verdicts:#?}");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
}
