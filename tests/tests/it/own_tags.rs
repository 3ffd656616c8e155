//! The environment's own tags, on an emulator: added, changed and removed on every object that takes tags.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{facts::tags::by_address, sandbox::Sandbox};

#[test]
fn tags_of_the_environment_file_are_on_every_object() {
    let Some(sandbox) = Sandbox::new("tags_of_the_environment_file_are_on_every_object") else { return };
    let end = "final_snapshot = false";
    sandbox.edit("dev", end, &format!("{end}\n\n[tags]\nteam = \"payments\"\n\"cost center\" = \"42\""));
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    let assert_tags = |expected: &[(&str, Option<&str>)]| {
        let tags = by_address(&sandbox, "dev");
        assert!(tags.len() > 30, "{}", tags.len());
        for (address, found) in tags {
            for (key, value) in expected {
                assert_eq!(found.get(*key), value.map(Value::from).as_ref(), "{key} of {address}: {found:?}");
            }
        }
    };
    assert_tags(&[("team", Some("payments")), ("cost center", Some("42")), ("project", Some("provisioner"))]);

    // Another value and one tag less: nothing but tags changes.
    sandbox.edit("dev", "\"payments\"\n\"cost center\" = \"42\"", "\"platform\"");
    let plan = sandbox.plan("dev");
    // The service waits for the task definition, whose revision another change would have raised.
    let changes = plan.resources.values().flat_map(|row| &row.changes).filter(|change| change.waits_for.is_empty());
    let fields: BTreeSet<&str> = changes.map(|change| change.field.as_str()).collect();
    assert_eq!(fields, BTreeSet::from(["tags"]));
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    assert_tags(&[("team", Some("platform")), ("cost center", None), ("project", Some("provisioner"))]);
    let family = sandbox.id("dev", "service/task-definition/app");
    let task = sandbox.aws(&format!("ecs describe-task-definition --task-definition {family}"));
    assert_eq!(task["taskDefinition"]["revision"], 1, "other tags need no new revision");
}

#[test]
fn invalid_tag_is_reported_with_its_place() {
    let Some(sandbox) = Sandbox::new("invalid_tag_is_reported_with_its_place") else { return };
    let end = "final_snapshot = false";
    sandbox.edit("dev", end, &format!("{end}\n\n[tags]\n\"aws:team\" = \"a\"\nProject = \"b\""));
    let refused = sandbox.run(&["validate", "dev"]).ended(1).err;
    assert!(refused.contains("`aws:team` begins with `aws:`, which AWS reserves"), "{refused}");
    assert!(refused.contains("environments/dev.toml:32:14"), "{refused}");
    assert!(refused.contains("Provisioner sets the tag `project` itself"), "{refused}");
    assert!(refused.contains("environments/dev.toml:33:11"), "{refused}");
}
