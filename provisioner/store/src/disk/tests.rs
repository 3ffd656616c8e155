use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use provisioner_model::{Hint, state::FORMAT};

use super::*;
use crate::{
    Salvage,
    fixtures::{begin, holder, start, state},
};

/// The disk's futures never wait.
fn now<T>(future: Fut<'_, T>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the disk made us wait"),
    }
}

struct Bench {
    root: tempfile::TempDir,
    disk: Disk,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path(), "dev");
        Self { root, disk }
    }

    fn at(&self, file: &str) -> PathBuf {
        self.root.path().join("dev").join(file)
    }

    fn write(&self, file: &str, text: &str) {
        fs::create_dir_all(&self.disk.folder).unwrap();
        write_atomically(&self.at(file), text.as_bytes()).unwrap();
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.at(file)).unwrap()
    }

    fn commit(&self, serial: u64) -> Snapshot {
        let snapshot = state(serial);
        now(self.disk.commit(&snapshot)).unwrap();
        snapshot
    }

    fn append(&self, entry: JournalEntry) {
        now(self.disk.append(entry)).unwrap();
    }

    fn load(&self) -> Result<Option<Snapshot>> {
        now(self.disk.load())
    }

    /// The addresses of the state as it loads.
    fn rows(&self) -> Vec<String> {
        self.load().unwrap().unwrap().rows.into_keys().collect()
    }
}

#[test]
fn new_store_has_no_state() {
    let bench = Bench::new();
    assert_eq!(bench.load().unwrap(), None);
    assert!(!bench.disk.folder.exists(), "to read makes nothing");
}

#[test]
fn committed_state_is_loaded() {
    let bench = Bench::new();
    bench.commit(1);
    bench.append(start(1));
    bench.append(begin("a"));
    let mut snapshot = bench.load().unwrap().unwrap();
    assert_eq!(snapshot.rows["net/a"].objects[0].token, "token-a");
    snapshot.serial = 2;
    now(bench.disk.commit(&snapshot)).unwrap();
    assert!(!bench.at("journal.jsonl").exists());
    assert_eq!(bench.load().unwrap(), Some(snapshot));
    let text = bench.text("state.json");
    let lines: Vec<&str> = text.lines().take(2).collect();
    assert!(
        lines[0].starts_with("{\"checksum\":\"") && lines[1] == format!("  \"format\": {FORMAT},"),
        "readable: {text}"
    );
    let mut files: Vec<_> = fs::read_dir(&bench.disk.folder).unwrap().map(|f| f.unwrap().file_name()).collect();
    files.sort_unstable();
    assert_eq!(files, ["history", "state.json"], "nothing is left over");
}

#[test]
fn interrupted_run_is_folded_into_the_state() {
    let bench = Bench::new();
    bench.commit(1);
    bench.append(start(1));
    bench.append(begin("a"));
    assert_eq!(bench.rows(), ["net/a"]);
    // The next run goes on in the same journal.
    let next = Disk::new(bench.root.path(), "dev");
    now(next.append(start(1))).unwrap();
    now(next.append(begin("b"))).unwrap();
    assert_eq!(bench.rows(), ["net/a", "net/b"]);
}

#[test]
fn first_run_starts_at_serial_zero() {
    let bench = Bench::new();
    bench.append(start(0));
    bench.append(begin("a"));
    let snapshot = bench.load().unwrap().unwrap();
    assert_eq!((snapshot.lineage.as_str(), snapshot.serial, snapshot.environment.as_str()), ("line", 0, "dev"));
    assert_eq!(bench.rows(), ["net/a"]);
}

#[test]
fn torn_last_line_is_ignored_and_truncated_by_the_next_append() {
    let bench = Bench::new();
    bench.commit(1);
    bench.append(start(1));
    bench.append(begin("a"));
    let good = bench.text("journal.jsonl");
    let torn = String::from_utf8(journal::line(&begin("b")).unwrap()).unwrap();
    for length in 1..torn.len() {
        bench.write("journal.jsonl", &format!("{good}{}", &torn[..length]));
        assert_eq!(bench.rows(), ["net/a"], "torn after {length} bytes");
    }
    let next = Disk::new(bench.root.path(), "dev");
    now(next.append(begin("c"))).unwrap();
    assert_eq!(bench.rows(), ["net/a", "net/c"]);
}

#[test]
fn corrupt_journal_line_is_reported_by_number() {
    let bench = Bench::new();
    bench.commit(1);
    bench.append(start(1));
    bench.append(begin("a"));
    bench.append(begin("b"));
    let text = bench.text("journal.jsonl");
    bench.write("journal.jsonl", &text.replacen("\"entry\":\"create_started\"", "\"entry\":\"create_begun\"", 1));
    let error = bench.load().unwrap_err();
    assert!(matches!(error, StoreError::Checksum { line: Some(2), .. }), "{error:?}");
    assert!(error.to_string().starts_with("line 2 of "), "{error}");
    assert!(error.hint().unwrap().contains("state repair"));
    // A line without a checksum, as format 3 had them.
    bench.write("journal.jsonl", &(text + "{\"entry\":\"create_begun\"}\n"));
    let error = bench.load().unwrap_err();
    assert!(error.to_string().contains("journal.jsonl is damaged at line 4, column "), "{error}");
}

#[test]
fn journal_older_than_its_commit_is_ignored() {
    let bench = Bench::new();
    bench.commit(1);
    bench.append(start(1));
    bench.append(begin("a"));
    let text = bench.text("journal.jsonl");
    bench.commit(2);
    // The crash came before the journal's removal.
    bench.write("journal.jsonl", &text);
    assert!(bench.rows().is_empty());
    // And the next run writes behind it.
    bench.append(start(2));
    bench.append(begin("b"));
    assert_eq!(bench.rows(), ["net/b"]);
}

#[test]
fn journal_of_a_later_or_another_state_is_an_error() {
    let bench = Bench::new();
    bench.commit(1);
    bench.append(start(2));
    let error = bench.load().unwrap_err();
    assert!(matches!(error, StoreError::Astray { line: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("lineage line, serial 2, but the state there is lineage line, serial 1"));
    bench.write("journal.jsonl", "{\"entry\":\"run_started\",\"lineage\":\"other\",\"serial\":1}\n");
    assert!(matches!(bench.load(), Err(StoreError::Astray { .. })));
    fs::remove_file(bench.at("state.json")).unwrap();
    assert!(matches!(bench.load(), Err(StoreError::Missing { .. })), "the state is lost");
    fs::remove_dir_all(bench.at("history")).unwrap();
    assert!(matches!(bench.load(), Err(StoreError::Astray { .. })), "with all versions");
    bench.write("journal.jsonl", &String::from_utf8(journal::line(&begin("a")).unwrap()).unwrap());
    assert!(matches!(bench.load(), Err(StoreError::Astray { .. })), "a journal without a head");
}

#[test]
fn the_last_versions_are_kept() {
    let bench = Bench::new();
    for serial in 1..=13 {
        bench.commit(serial);
    }
    assert_eq!(now(bench.disk.history()).unwrap(), (4..=13).collect::<Vec<_>>());
    assert_eq!(now(bench.disk.version(5)).unwrap(), Some(state(5)));
    assert_eq!(now(bench.disk.version(3)).unwrap(), None);
}

#[test]
fn newer_format_is_refused() {
    let bench = Bench::new();
    let newer = FORMAT + 1;
    bench.write("state.json", &format!("{{ \"format\": {newer}, \"rows\": [1] }}\n"));
    let error = bench.load().unwrap_err();
    let expected = format!("state.json has format {newer}, and this version of Provisioner reads format {FORMAT}");
    assert!(error.to_string().ends_with(&expected));
    assert!(error.hint().unwrap().contains("newer Provisioner"));
    assert!(matches!(now(bench.disk.commit(&state(9))), Err(StoreError::Format { .. })), "and never overwritten");
}

#[test]
fn damaged_state_is_reported_with_its_backup() {
    let bench = Bench::new();
    bench.commit(1);
    let text = bench.text("state.json");
    for length in 0..text.len() - 2 {
        bench.write("state.json", &text[..length]);
        let error = bench.load().unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("1.json"), "{error:?}");
    }
    assert!(matches!(now(bench.disk.commit(&state(9))), Err(StoreError::Damaged { .. })), "and never overwritten");
}

#[test]
fn changed_state_is_reported_with_its_backup() {
    let bench = Bench::new();
    bench.commit(1);
    let text = bench.text("state.json");
    let changed = text.replace("\"lineage\": \"line\"", "\"lineage\": \"lime\"");
    // Another program keeps the checksum, and changes its place.
    let reformatted = text.replacen(",\n  \"format\"", ",  \"format\"", 1).replacen('{', "{ ", 1);
    for text in [changed, reformatted] {
        bench.write("state.json", &text);
        let error = bench.load().unwrap_err();
        assert!(error.to_string().ends_with("its checksum does not match"), "{error}");
        assert!(error.hint().unwrap().ends_with("1.json"), "{error:?}");
        assert!(matches!(now(bench.disk.commit(&state(9))), Err(StoreError::Checksum { .. })), "and never overwritten");
    }
}

/// A state file as format 3 wrote it.
fn older(serial: u64) -> String {
    let text = String::from_utf8(snapshot::text(&state(serial)).unwrap()).unwrap();
    let plain = format!("{{{}", text.split_once(',').unwrap().1);
    plain.replace(&format!("\"format\": {FORMAT}"), "\"format\": 3")
}

#[test]
fn older_format_is_migrated_with_a_backup() {
    let bench = Bench::new();
    bench.write("state.json", &older(1));
    bench.write("journal.jsonl", "{\"entry\":\"run_started\",\"lineage\":\"line\",\"serial\":1}\n");
    let loaded = bench.load().unwrap().unwrap();
    assert_eq!(loaded, state(1));
    bench.commit(2);
    assert_eq!(bench.text("state.format-3.json"), older(1));
    assert!(bench.text("state.json").contains(&format!("\"format\": {FORMAT}")));
}

/// A state with a committed resource `a` and an interrupted run that created `b`, then `c`.
fn interrupted() -> Bench {
    let bench = Bench::new();
    let mut snapshot = state(1);
    snapshot.fold(begin("a"));
    now(bench.disk.commit(&snapshot)).unwrap();
    for entry in [start(1), begin("b"), begin("c")] {
        bench.append(entry);
    }
    bench
}

fn salvage(bench: &Bench) -> Salvage {
    now(bench.disk.files()).unwrap().salvage("dev")
}

fn salvaged(salvage: &Salvage) -> Vec<&str> {
    salvage.snapshot.as_ref().unwrap().rows.keys().map(String::as_str).collect()
}

#[test]
fn damaged_state_is_salvaged_from_its_newest_version_and_the_journal() {
    let bench = interrupted();
    assert!(salvage(&bench).problems.is_empty());
    let text = bench.text("state.json");
    for damaged in [&text[..text.len() / 2], "", "not JSON"] {
        bench.write("state.json", damaged);
        let salvage = salvage(&bench);
        assert_eq!((salvaged(&salvage), salvage.problems.len()), (vec!["net/a", "net/b", "net/c"], 1));
        assert_eq!((salvage.source, salvage.serial), (bench.at("history/1.json"), 1));
    }
    fs::remove_file(bench.at("state.json")).unwrap();
    let error = bench.load().unwrap_err();
    assert!(error.is_damage() && error.hint().unwrap().contains("state repair"), "{error}");
    let salvage = salvage(&bench);
    assert_eq!(salvaged(&salvage), ["net/a", "net/b", "net/c"]);
    assert!(matches!(salvage.problems[..], [StoreError::Missing { .. }]), "{:?}", salvage.problems);
}

#[test]
fn journal_without_its_head_goes_onto_the_state() {
    let bench = interrupted();
    let text = bench.text("journal.jsonl");
    let (head, rest) = text.split_once('\n').unwrap();
    for damaged in [head.replace("serial", "serihl") + "\n" + rest, rest.to_owned()] {
        bench.write("journal.jsonl", &damaged);
        assert_eq!(salvaged(&salvage(&bench)), ["net/a", "net/b", "net/c"]);
    }
    // The versions are gone as well: the journal goes onto an older state.
    bench.write("journal.jsonl", &text);
    let older = String::from_utf8(snapshot::text(&state(0)).unwrap()).unwrap();
    bench.write("state.json", &older);
    fs::remove_dir_all(bench.at("history")).unwrap();
    let salvaged_older = salvage(&bench);
    assert_eq!(salvaged(&salvaged_older), ["net/b", "net/c"]);
    assert!(matches!(salvaged_older.problems[..], [StoreError::Astray { .. }]), "{:?}", salvaged_older.problems);
}

#[test]
fn entries_of_another_state_are_lost() {
    let bench = interrupted();
    now(bench.disk.append(JournalEntry::RunStarted { lineage: "other".into(), serial: 1 })).unwrap();
    bench.append(begin("d"));
    let salvage = salvage(&bench);
    assert_eq!(salvaged(&salvage), ["net/a", "net/b", "net/c"]);
    assert!(salvage.lost[0].contains("token-d") && salvage.lost.len() == 1, "{:?}", salvage.lost);
}

#[test]
fn first_run_is_salvaged_without_any_state() {
    let bench = Bench::new();
    bench.append(start(0));
    bench.append(begin("a"));
    bench.write("state.json", "damaged");
    assert_eq!(salvaged(&salvage(&bench)), ["net/a"]);
}

#[test]
fn damaged_version_is_no_problem_of_the_state() {
    let bench = Bench::new();
    bench.commit(1);
    bench.commit(2);
    bench.write("history/1.json", "damaged");
    let salvaged = salvage(&bench);
    assert_eq!((salvaged.problems.len(), salvaged.backup_problems.len(), salvaged.serial), (0, 1, 2));
    // A serial is never used again, also that of a version that cannot be read.
    bench.write("history/2.json", "damaged");
    bench.write("state.json", "damaged");
    assert_eq!(salvage(&bench).serial, 2);
}

#[test]
fn older_version_in_the_place_of_the_state_is_named() {
    let bench = Bench::new();
    (1..=4).for_each(|serial| drop(bench.commit(serial)));
    bench.write("state.json", &bench.text("history/2.json"));
    assert!(matches!(salvage(&bench).problems[..], [StoreError::Outdated { there: 2, newest: 4, .. }]));
    // A crash before the state is written leaves the next version.
    bench.write("state.json", &bench.text("history/3.json"));
    assert!(salvage(&bench).problems.is_empty());
}

#[test]
fn folder_in_the_place_of_a_file_is_one_problem_of_several() {
    let bench = interrupted();
    fs::remove_file(bench.at("history/1.json")).unwrap();
    fs::create_dir(bench.at("history/1.json")).unwrap();
    let salvage = salvage(&bench);
    assert_eq!(salvaged(&salvage), ["net/a", "net/b", "net/c"]);
    assert!(matches!(salvage.problems[..], [StoreError::Io { .. }]), "{:?}", salvage.problems);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let bench = Bench::new();
    bench.commit(1);
    let text = bench.text("state.json");
    for name in ["lock", "journal.jsonl"] {
        std::os::unix::fs::symlink(bench.at("state.json"), bench.at(name)).unwrap();
    }
    assert!(matches!(now(bench.disk.lock(holder("ada"))), Err(StoreError::Link { .. })));
    assert!(matches!(now(bench.disk.append(start(1))), Err(StoreError::Link { .. })));
    assert_eq!(bench.text("state.json"), text);
}

#[test]
fn serial_beyond_the_limit_is_not_written() {
    let bench = Bench::new();
    let limit = provisioner_model::state::MAX_SERIAL;
    bench.commit(limit);
    assert!(matches!(now(bench.disk.commit(&state(limit + 1))), Err(StoreError::Serial(_))));
    assert_eq!(bench.load().unwrap().unwrap().serial, limit);
}

#[test]
fn edited_state_is_offered_beside_the_kept_one() {
    let bench = interrupted();
    let text = bench.text("state.json").replace("token-a", "token-z");
    bench.write("state.json", &text);
    let salvage = salvage(&bench);
    let token = |state: &Option<Snapshot>| state.as_ref().unwrap().rows["net/a"].objects[0].token.clone();
    assert_eq!(token(&salvage.snapshot), "token-a");
    assert_eq!(token(&salvage.edited), "token-z");
    assert_eq!(salvage.edited.unwrap().rows.len(), 3, "with the journal");
}

#[test]
fn unreadable_journal_lines_are_kept_apart() {
    let bench = interrupted();
    let text = bench.text("journal.jsonl").replace("token-b", "token-z");
    bench.write("journal.jsonl", &text);
    let salvage = salvage(&bench);
    assert_eq!(salvaged(&salvage), ["net/a", "net/c"]);
    assert!(matches!(salvage.problems[..], [StoreError::Checksum { line: Some(2), .. }]), "{:?}", salvage.problems);
    assert!(salvage.lost[0].contains("token-z"));
}

#[test]
fn replaced_files_are_kept() {
    let bench = interrupted();
    let text = bench.text("state.json").replace("token-a", "token-z");
    bench.write("state.json", &text);
    let journal = bench.text("journal.jsonl");
    let mut snapshot = salvage(&bench).snapshot.unwrap();
    snapshot.serial = 2;
    now(bench.disk.replace(&snapshot)).unwrap();
    assert_eq!(bench.load().unwrap(), Some(snapshot));
    assert_eq!(bench.text("damaged/2/state.json"), text);
    assert_eq!(bench.text("damaged/2/journal.jsonl"), journal);
    assert!(salvage(&bench).problems.is_empty());
}

#[test]
fn the_last_runs_are_recorded() {
    let bench = Bench::new();
    assert_eq!(now(bench.disk.runs()).unwrap(), Vec::<String>::new());
    for run in 0..60 {
        now(bench.disk.record(&format!("run-{run:02}"), b"a\n")).unwrap();
        now(bench.disk.record(&format!("run-{run:02}"), b"b\n")).unwrap();
    }
    let runs = now(bench.disk.runs()).unwrap();
    assert_eq!((runs.len(), runs[0].as_str()), (KEPT_RUNS, "run-10"));
    assert_eq!(now(bench.disk.run("run-10")).unwrap().unwrap(), b"a\nb\n");
    assert_eq!(now(bench.disk.run("run-09")).unwrap(), None);
}

#[test]
fn another_environments_state_is_refused() {
    let bench = Bench::new();
    let other = Snapshot { environment: "prod".into(), ..state(1) };
    bench.write("state.json", std::str::from_utf8(&snapshot::text(&other).unwrap()).unwrap());
    let error = bench.load().unwrap_err();
    assert!(error.to_string().ends_with("is the state of environment `prod`, not the state of environment `dev`"));
}

#[test]
fn commit_over_a_newer_state_is_refused() {
    let bench = Bench::new();
    bench.commit(2);
    for serial in [1, 2] {
        let error = now(bench.disk.commit(&state(serial))).unwrap_err();
        assert!(matches!(error, StoreError::Overtaken { there: 2, .. }), "{error:?}");
    }
    let other = Snapshot { serial: 3, ..Snapshot::new("other", "dev") };
    assert!(matches!(now(bench.disk.commit(&other)), Err(StoreError::Foreign { .. })));
}

#[test]
fn lock_is_exclusive() {
    let bench = Bench::new();
    let lock = now(bench.disk.lock(holder("ada"))).unwrap();
    let other = Disk::new(bench.root.path(), "dev");
    let Err(error) = now(other.lock(holder("bob"))) else { panic!("two hold it") };
    assert!(
        error
            .to_string()
            .ends_with("is locked by ada on host (process 7) with `apply dev` since 2026-11-21 13:09:56 UTC"),
        "{error}"
    );
    now(lock.release()).unwrap();
    assert_eq!(bench.text("lock"), "");
    let lock = now(other.lock(holder("bob"))).unwrap();
    assert!(matches!(now(bench.disk.lock(holder("ada"))), Err(StoreError::Locked { .. })));
    drop(lock);
    now(bench.disk.lock(holder("ada"))).unwrap();
    assert!(Disk::new(bench.root.path(), "prod").lock_now(&holder("ada")).is_ok(), "another environment's is free");
}

#[test]
fn process_whose_lock_file_was_removed_starts_nothing() {
    let bench = Bench::new();
    let lock = now(bench.disk.lock(holder("ada"))).unwrap();
    now(bench.disk.commit(&state(1))).unwrap();
    now(bench.disk.append(start(1))).unwrap();
    fs::remove_file(bench.disk.folder.join("lock")).unwrap();
    assert!(matches!(now(bench.disk.append(begin("a"))), Err(StoreError::LockReplaced { .. })));
    // Another process holds the new lock file.
    let other = Disk::new(bench.root.path(), "dev");
    let others = now(other.lock(holder("bob"))).unwrap();
    assert!(matches!(now(bench.disk.commit(&state(2))), Err(StoreError::LockReplaced { .. })));
    now(other.commit(&state(2))).unwrap();
    drop((lock, others));
    now(bench.disk.lock(holder("ada"))).unwrap();
}

#[test]
fn living_holder_is_named_without_the_lock() {
    let bench = Bench::new();
    now(bench.disk.check_lock()).unwrap();
    let lock = now(bench.disk.lock(holder("ada"))).unwrap();
    let other = Disk::new(bench.root.path(), "dev");
    let held = now(other.check_lock()).unwrap_err();
    assert!(matches!(&held, StoreError::Locked { holder: Some(who), .. } if who.owner == "ada"), "{held}");
    drop(lock);
    now(other.check_lock()).unwrap();
}

#[test]
fn lock_of_a_dead_process_is_free() {
    let bench = Bench::new();
    // What a killed holder leaves: its words, but no lock of the operating system.
    bench.write("lock", &serde_json::to_string(&holder("ghost")).unwrap());
    now(bench.disk.check_lock()).unwrap();
    now(bench.disk.lock(holder("ada"))).unwrap();
}

#[test]
fn many_may_append_at_once() {
    let bench = Bench::new();
    bench.commit(1);
    bench.append(start(1));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let disk = &bench.disk;
            scope.spawn(move || {
                for entry in 0..8 {
                    now(disk.append(begin(&format!("{thread}-{entry}")))).unwrap();
                }
            });
        }
    });
    assert_eq!(bench.rows().len(), 64);
}
