//! The commands that show or change the state, on a cloud in memory.

use std::path::Path;

use provisioner_model::ErrorKind;
use serde_json::Value;

use crate::workspace::Workspace;

#[test]
fn the_state_is_listed_shown_and_changed() {
    let workspace = Workspace::new();
    assert!(workspace.ends(1, "state list dev").err.contains("`dev` has no state yet"));
    workspace.ends(0, "apply dev --yes");
    let list = workspace.ends(0, "state list dev").out;
    assert_eq!(list.lines().count(), 4, "{list}");
    let row: Value = serde_json::from_str(&workspace.ends(0, "state show dev network/net/main").out).unwrap();
    assert_eq!(row["type"], "test:net");
    assert!(workspace.ends(1, "state show dev network/net/man").err.contains("did you mean network/net/main?"));
    let needed = workspace.ends(1, "state rm dev network/net/main --yes");
    assert!(needed.err.contains("still refer to it"), "{}", needed.err);
    workspace.ends(1, "state rm dev service/s1");
    let id = workspace.cloud.at("service/s1").unwrap().id;
    workspace.ends(0, "state rm dev service/s1 --yes");
    let lost = workspace.ends(0, "plan dev");
    assert!(lost.out.contains("1 to create"), "{}", lost.out);
    workspace.ends(0, &format!("import dev service/s1 {id}"));
    assert!(workspace.ends(0, "state list dev").out.contains("[adopted]"));
    assert!(workspace.ends(1, &format!("import dev service/s1 {id}")).err.contains("in the state already"));
    assert!(workspace.ends(1, "import dev service/s9 x").err.contains("does not declare"));
    assert!(workspace.ends(1, "state mv dev network/net/main network/named/main").err.contains("another type"));
    workspace.ends(0, "state mv dev network/net/main network/net/other");
    assert!(workspace.ends(0, "state list dev").out.contains("network/net/other"));
    workspace.ends(0, "state mv dev network/net/other network/net/main");
    let plan = workspace.ends(0, "plan dev");
    assert!(!plan.out.contains("create") && !plan.out.contains("replace"), "{}", plan.out);
}

#[test]
fn many_entries_are_forgotten_at_once() {
    let workspace = Workspace::new();
    workspace.says("services = 2\nkeep = true");
    workspace.ends(0, "apply dev --yes");
    let missing = workspace.ends(1, "state rm dev service/s7 network/net/man service/s1 --yes").err;
    assert!(
        missing.contains("2 addresses are not in the state") && missing.contains("did you mean network/net/main?"),
        "{missing}"
    );
    let protected = workspace.ends(1, "state rm dev service/s1 named/db --yes").err;
    assert!(protected.contains("--confirm named/db"), "{protected}");
    // What refers to it leaves the state as well.
    workspace.ends(0, "state rm dev network service named --yes --confirm named/db");
    assert_eq!(workspace.ends(0, "state list dev").out, "");
}

#[test]
fn list_of_objects_is_imported_at_once() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let addresses = ["network/net/main", "service/s0", "service/s1"];
    let ids = addresses.map(|address| workspace.cloud.at(address).unwrap().id);
    let file = workspace.path().join("list.csv");
    let write = |text: String| provisioner_files::write_atomically(&file, text.as_bytes()).unwrap();
    let import = format!("import dev --list {}", file.display());
    workspace.ends(0, "state rm dev network service named --yes");
    write(format!("network/net/man,{}\nservice/s0,nothing\nservice/s1 {}\n", ids[0], ids[2]));
    let refused = workspace.ends(1, &import).err;
    for part in
        ["2 objects cannot be", "list.csv:1:1", "did you mean network/net/main?", "list.csv:2:1", "with the id nothing"]
    {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    assert_eq!(workspace.ends(0, "state list dev").out, "", "nothing was imported");
    let before = workspace.cloud.calls().len();
    write(format!("network/net/main,{}\nservice/s0,{}\nservice/s1 {}\n", ids[0], ids[1], ids[2]));
    let imported = workspace.ends(0, &import).err;
    assert!(imported.contains("A destroy forgets them and leaves them in AWS."), "{imported}");
    assert!(workspace.cloud.calls().len() - before <= 2, "a read for each type: {:?}", workspace.cloud.calls());
    let plan = workspace.ends(0, "plan dev").out;
    assert!(plan.contains("1 to create"), "{plan}");
    workspace.ends(64, "import dev network/net/main");
    workspace.ends(64, "import dev");
}

#[test]
fn component_is_moved_as_a_whole() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    assert!(workspace.ends(1, "state mv dev networks base").err.contains("is not in the state"));
    assert!(workspace.ends(1, "state mv dev network Base").err.contains("is not an address"));
    let moved = workspace.ends(0, "state mv dev network base").err;
    assert!(moved.contains("network/net/main is now base/net/main."), "{moved}");
    let service = workspace.ends(0, "state show dev service/s0").out;
    assert!(service.contains("\"$ref\": \"base/net/main\"") && !service.contains("network/net/main"), "{service}");
    workspace.ends(0, "state mv dev base network");
    workspace.ends(0, "plan dev --detailed-exitcode");
}

#[test]
fn damaged_state_is_named_and_repaired() {
    let workspace = Workspace::new();
    assert!(workspace.ends(1, "state verify dev").err.contains("`dev` has no state yet"));
    assert!(workspace.ends(1, "state repair prod").err.contains("these exist: dev"));
    workspace.ends(0, "apply dev --yes");
    let good = workspace.ends(0, "state verify dev").err;
    assert!(good.contains("no problem found in serial") && good.contains("with 4 resources"), "{good}");
    assert!(workspace.ends(0, "state repair dev --yes").err.contains("is not damaged"));

    let file = workspace.path().join("state/dev/state.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let write = |text: &str| provisioner_files::write_atomically(&file, text.as_bytes()).unwrap();
    write(&text[..text.len() / 2]);
    let damaged = workspace.ends(1, "plan dev").err;
    assert!(damaged.contains("is damaged at line") && damaged.contains("state repair ENV"), "{damaged}");
    let damaged = workspace.ends(1, "state verify dev").err;
    assert!(damaged.contains("the state of `dev` has 1 problem") && damaged.contains("state.json"), "{damaged}");
    assert!(workspace.ends(1, "state repair dev").err.contains("nothing was done"));
    let nothing = workspace.ends(1, "state repair dev --keep-edits --yes").err;
    assert!(nothing.contains("cannot be kept as it is"), "{nothing}");
    let repaired = workspace.ends(0, "state repair dev --yes").err;
    assert!(repaired.contains("history"), "{repaired}");
    workspace.ends(0, "plan dev --detailed-exitcode");
    workspace.ends(0, "state verify dev");

    // An edit by hand.
    let id = workspace.cloud.at("service/s1").unwrap().id;
    let edited = std::fs::read_to_string(&file).unwrap().replace(&id, "another");
    write(&edited);
    let changed = workspace.ends(1, "plan dev").err;
    assert!(changed.contains("is not as Provisioner wrote it"), "{changed}");
    let kept = workspace.ends(0, "state repair dev --keep-edits --yes");
    assert!(kept.err.contains("the state as edited"), "{}", kept.err);
    assert!(workspace.ends(0, "state show dev service/s1").out.contains("another"));
    write(&std::fs::read_to_string(&file).unwrap().replace("another", &id));
    let shown = workspace.ends(0, "state repair dev --yes");
    assert!(shown.out.contains(&format!("\"id\": \"{id}\"")), "the edit is shown: {}", shown.out);
    assert!(workspace.ends(0, "state show dev service/s1").out.contains("another"));
}

#[test]
fn exported_state_is_imported() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let file = workspace.path().join("exported.json");
    let import = format!("state import dev {}", file.display());
    let missing = workspace.ends(1, &format!("{import} --yes")).err;
    assert!(missing.contains("could not read"), "{missing}");
    let exported = workspace.ends(0, "state export dev").out;
    provisioner_files::write_atomically(&file, exported.as_bytes()).unwrap();
    workspace.ends(0, "state rm dev service/s1 --yes");
    let shown = workspace.ends(1, &import);
    assert!(shown.out.contains("service/s1") && shown.err.contains("no terminal"), "{} {}", shown.out, shown.err);
    workspace.ends(0, &format!("{import} --yes"));
    workspace.ends(0, "plan dev --detailed-exitcode");
    // A machine without the state.
    std::fs::remove_dir_all(workspace.path().join("state")).unwrap();
    workspace.ends(0, &import);
    workspace.ends(0, "plan dev --detailed-exitcode");
    // The state of another life.
    std::fs::remove_dir_all(workspace.path().join("state")).unwrap();
    let other = exported.replacen("\"lineage\": \"", "\"lineage\": \"x", 1);
    provisioner_files::write_atomically(&file, other.as_bytes()).unwrap();
    assert!(workspace.ends(1, &import).err.contains("is not as Provisioner wrote it"));
    let plain = format!("{{{}", other.split_once(',').unwrap().1);
    provisioner_files::write_atomically(&file, plain.as_bytes()).unwrap();
    workspace.ends(0, &import);
    provisioner_files::write_atomically(&file, exported.as_bytes()).unwrap();
    assert!(workspace.ends(1, &import).err.contains("lineage"));
}

#[test]
fn lost_state_is_no_new_environment() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let exported = workspace.ends(0, "state export dev").out;
    let file = workspace.path().join("exported.json");
    provisioner_files::write_atomically(&file, exported.as_bytes()).unwrap();
    std::fs::remove_file(workspace.path().join("state/dev/state.json")).unwrap();
    for command in ["plan dev", "apply dev --yes", "state list dev", "state verify dev"] {
        let lost = workspace.ends(1, command).err;
        assert!(lost.contains("is missing") && lost.contains("state repair ENV"), "{command}: {lost}");
    }
    workspace.ends(0, "state repair dev --yes");
    workspace.ends(0, "plan dev --detailed-exitcode");
    // Every version is damaged: an exported state takes their place.
    let folder = workspace.path().join("state/dev");
    let versions = std::fs::read_dir(folder.join("history")).unwrap().map(|entry| entry.unwrap().path());
    let newest = versions.filter_map(|path| path.file_stem()?.to_str()?.parse::<u64>().ok()).max().unwrap();
    for entry in std::fs::read_dir(folder.join("history")).unwrap() {
        provisioner_files::write_atomically(&entry.unwrap().path(), b"damaged").unwrap();
    }
    provisioner_files::write_atomically(&folder.join("state.json"), b"damaged").unwrap();
    let nothing = workspace.ends(1, "state repair dev --yes").err;
    assert!(
        nothing.contains("no version of the state of `dev` can be read") && nothing.contains("state import"),
        "{nothing}"
    );
    workspace.ends(0, &format!("state import dev {} --yes", file.display()));
    assert_eq!(std::fs::read(folder.join(format!("damaged/{}/state.json", newest + 1))).unwrap(), b"damaged");
    workspace.ends(0, "plan dev --detailed-exitcode");
    // The backups are still damaged, and that is no reason to write the state again.
    let backups = workspace.ends(1, "state repair dev --yes").err;
    assert!(backups.contains("no run needs this earlier version: remove it"), "{backups}");
}

#[test]
fn older_state_is_imported_above_the_kept_versions() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let exported = workspace.ends(0, "state export dev").out;
    let file = workspace.path().join("exported.json");
    provisioner_files::write_atomically(&file, exported.as_bytes()).unwrap();
    for (from, to) in [("s1", "s8"), ("s8", "s9"), ("s9", "s1")] {
        workspace.ends(0, &format!("state mv dev service/{from} service/{to}"));
    }
    let serials = |history: &str| {
        history.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).collect::<Vec<_>>()
    };
    let before = serials(&workspace.ends(0, "state history dev").out);
    workspace.ends(0, &format!("state import dev {} --yes", file.display()));
    let after = serials(&workspace.ends(0, "state history dev").out);
    assert_eq!(after, [&before[..], &[before.last().unwrap() + 1]].concat());
    // An older version that somebody copied over the state.
    let folder = workspace.path().join("state/dev");
    std::fs::copy(folder.join(format!("history/{}.json", before[0])), folder.join("state.json")).unwrap();
    let outdated = workspace.ends(1, "state verify dev").err;
    assert!(outdated.contains("and a version with serial"), "{outdated}");
}

#[test]
fn names_that_no_environment_has_are_refused() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let exported =
        workspace.ends(0, "state export dev").out.replace("\"environment\": \"dev\"", "\"environment\": \"../../out\"");
    let file = workspace.path().join("exported.json");
    let plain = format!("{{{}", exported.split_once(',').unwrap().1);
    provisioner_files::write_atomically(&file, plain.as_bytes()).unwrap();
    let import = format!("state import ../../out {} --yes", file.display());
    for command in ["unlock prdo", "unlock ..", "runs dev/", "runs dev/../dev", "state list dev/", import.as_str()] {
        let refused = workspace.ends(1, command).err;
        assert!(refused.contains("there is no environment"), "{command}: {refused}");
    }
    assert!(!workspace.path().join("../out").exists());
}

#[test]
fn consent_names_protected_resources_only() {
    let workspace = Workspace::new();
    workspace.says("services = 2\nkeep = true");
    workspace.ends(0, "apply dev --yes");
    let refused = workspace.ends(1, "state rm dev named service --yes --confirm service").err;
    assert!(
        refused.contains("is no protected resource") && refused.contains("anyway: --confirm named/db\n"),
        "{refused}"
    );
    let refused = workspace.ends(1, "state rm dev service --yes --confirm service/s0").err;
    assert!(refused.contains("leave --confirm out"), "{refused}");
}

#[test]
fn runs_are_recorded_and_shown() {
    let workspace = Workspace::new();
    assert!(workspace.ends(1, "runs dev").err.contains("`dev` has no state yet"));
    workspace.cloud.fail_next(1, ErrorKind::Denied);
    workspace.ends(1, "apply dev --yes");
    workspace.ends(0, "apply dev --yes");
    let list = workspace.ends(0, "runs dev").out;
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    let of =
        |outcome: &str| lines.iter().find(|line| line.contains(outcome)).unwrap().split_whitespace().next().unwrap();
    assert!(lines.iter().all(|line| line.contains("apply dev") && line.contains(": 4 to create")), "{list}");
    let (failed, complete) = (of("incomplete after"), of(" complete after"));
    let shown = workspace.ends(0, &format!("runs dev {failed}")).out;
    assert!(
        shown.contains("create network/net/main failed: ") && shown.contains("0 done, 1 failed, 3 skipped"),
        "{shown}"
    );
    assert!(shown.contains("service/s0 skipped: network/net/main failed"), "{shown}");
    let json: Value = serde_json::from_str(&workspace.ends(0, &format!("runs dev {complete} --json")).out).unwrap();
    assert_eq!((&json[0]["record"], &json[0]["command"]), (&"run".into(), &"apply dev".into()));
    assert_eq!(json.as_array().unwrap().last().unwrap()["outcome"], "complete");
    assert_eq!(workspace.ends(0, "runs dev latest").code, 0);
    assert!(workspace.ends(1, "runs dev 1999").err.contains("no recorded run `1999`"));

    // A killed run has no last line.
    let file = workspace.path().join("state/dev/runs").join(format!("{complete}.jsonl"));
    let text = std::fs::read_to_string(&file).unwrap();
    provisioner_files::write_atomically(&file, &text.as_bytes()[..text.len() - 40]).unwrap();
    assert!(workspace.ends(0, "runs dev").out.contains("killed, or still running: 4 to create"));
}

#[test]
fn versions_of_the_state_are_listed_and_compared() {
    let workspace = Workspace::new();
    workspace.ends(0, "apply dev --yes");
    let history = workspace.ends(0, "state history dev").out;
    let serial: u64 = history.lines().last().unwrap().split_whitespace().next().unwrap().parse().unwrap();
    workspace.ends(0, "state mv dev network/net/main network/net/other");
    let history = workspace.ends(0, "state history dev").out;
    let last = history.lines().last().unwrap();
    assert!(last.starts_with(&(serial + 1).to_string()) && last.contains("1 added"), "{history}");
    let diff = workspace.ends(0, &format!("state diff dev {serial}")).out;
    assert!(diff.contains("network/net/other (serial") && diff.contains("-    \"network/net/main\""), "{diff}");
    assert_eq!(workspace.ends(0, &format!("state diff dev {serial} {serial}")).out, "");
    let missing = workspace.ends(1, "state diff dev 99").err;
    assert!(missing.contains("there is no version 99") && missing.contains("these are kept: "), "{missing}");
}

#[test]
fn protection_of_the_state_outlives_an_edited_plan() {
    let workspace = Workspace::new();
    workspace.says("services = 1\nkeep = true");
    workspace.ends(0, "apply dev --yes");
    let row = workspace.ends(1, "state rm dev named/db --yes").err;
    assert!(row.contains("named/db is protected") && row.contains("--confirm named/db"), "{row}");
    assert_eq!(workspace.ends(0, "state list dev").out.lines().count(), 3);

    workspace.says("services = 1");
    let file = workspace.path().join("plan.json");
    let file = file.to_str().unwrap();
    workspace.ends(0, &format!("plan dev --replace named/db --out {file}"));
    let edited = std::fs::read_to_string(file).unwrap().replace("\"protected\": true", "\"protected\": false");
    provisioner_files::write_atomically(Path::new(file), edited.as_bytes()).unwrap();
    let refused = workspace.ends(1, &format!("apply dev {file} --yes")).err;
    assert!(refused.contains("the plan deletes protected resources: named/db"), "{refused}");
    workspace.ends(0, &format!("apply dev {file} --yes --allow-delete named/db"));
}
