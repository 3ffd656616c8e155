mod memory;

use provisioner_model::Hint;

use self::memory::{Fault, Memory, now};
use super::*;
use crate::fixtures::{begin, holder, start, state};

/// A process that holds the lease, and has written the first state.
async fn begun(memory: &Memory) -> (Remote, Box<dyn Lock>) {
    let store = memory.plain();
    let lock = store.lock(holder("ada")).await.unwrap();
    store.load().await.unwrap();
    store.commit(&state(1)).await.unwrap();
    (store, lock)
}

async fn rows(store: &Remote) -> Vec<String> {
    store.load().await.unwrap().map(|state| state.rows.into_keys().collect()).unwrap_or_default()
}

/// A run as the engine does it, onto the state that is there: two rows. Returns the names whose entries are durable.
async fn run(store: &Remote, names: [&str; 2], durable: &Mutex<Vec<String>>) -> Result<()> {
    let lock = store.lock(holder("ada")).await?;
    let mut snapshot = store.load().await?.unwrap_or_else(|| state(0));
    snapshot.serial += 1;
    store.commit(&snapshot).await?;
    store.append(start(snapshot.serial)).await?;
    for name in names {
        store.append(begin(name)).await?;
        durable.lock().unwrap().push(format!("net/{name}"));
        snapshot.fold(begin(name));
    }
    snapshot.serial += 1;
    store.commit(&snapshot).await?;
    lock.release().await
}

#[tokio::test]
async fn committed_state_is_loaded_and_its_journal_is_removed() {
    let memory = Memory::default();
    assert_eq!(memory.plain().load().await.unwrap(), None);
    for (number, names) in [["a", "b"], ["c", "d"], ["e", "f"]].into_iter().enumerate() {
        run(&memory.plain(), names, &Mutex::default()).await.unwrap();
        assert_eq!(memory.keys("journal/"), Vec::<String>::new(), "run {number}");
    }
    let store = memory.plain();
    assert_eq!(rows(&store).await, ["net/a", "net/b", "net/c", "net/d", "net/e", "net/f"]);
    assert_eq!(store.history().await.unwrap(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.version(2).await.unwrap().unwrap().rows.len(), 2);
    for _ in 0..50 {
        run(&memory.plain(), ["x", "y"], &Mutex::default()).await.unwrap();
    }
    assert_eq!(store.history().await.unwrap(), (7..=106).collect::<Vec<_>>());
    assert!(memory.0.objects.lock().unwrap().keys().all(|key| key.starts_with("team/dev/")));
}

#[tokio::test]
async fn plan_needs_three_requests() {
    let memory = Memory::default();
    run(&memory.plain(), ["a", "b"], &Mutex::default()).await.unwrap();
    let (store, connection) = memory.store(Fault::None);
    store.load().await.unwrap();
    store.holder().await.unwrap();
    assert_eq!(connection.sent(), 3);
}

/// More requests than a run sends.
const REQUESTS: u64 = 30;

/// Each request of a run fails once. The run does not notice, and its state is whole.
#[tokio::test]
async fn lost_answers_and_temporary_errors_are_ridden_out() {
    let ridden_out = async |fault: Fault| {
        let memory = Memory::default();
        run(&memory.plain(), ["a", "b"], &Mutex::default()).await.unwrap();
        let (store, connection) = memory.store(fault);
        run(&store, ["c", "d"], &Mutex::default()).await.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        assert_eq!(rows(&memory.plain()).await, ["net/a", "net/b", "net/c", "net/d"], "{fault:?}");
        assert_eq!(memory.plain().holder().await.unwrap(), None, "released");
        assert!((12..REQUESTS).contains(&connection.sent()), "{} requests", connection.sent());
    };
    let faults = (0..REQUESTS).flat_map(|number| [Fault::LostAnswer(number), Fault::Temporary(number)]);
    futures::future::join_all(faults.map(ridden_out)).await;
}

/// A run is killed before and after each of its requests. The next one starts when the lease has ended, and finds every
/// entry whose append had returned.
#[tokio::test]
async fn killed_run_leaves_its_durable_entries_to_the_next_one() {
    let kills = (0..REQUESTS).flat_map(|number| [Fault::KilledBefore(number), Fault::KilledAfter(number)]);
    let killed = futures::future::join_all(kills.map(kill)).await;
    assert!(killed.iter().filter(|killed| **killed).count() > 24, "{killed:?}");
}

/// Returns whether the run sent the request at which it is killed.
async fn kill(fault: Fault) -> bool {
    let memory = Memory::default();
    run(&memory.plain(), ["a", "b"], &Mutex::default()).await.unwrap();
    let (store, connection) = memory.store(fault);
    let durable = Mutex::default();
    tokio::select! {
        done = run(&store, ["c", "d"], &durable) => {
            done.unwrap();
            return false;
        }
        () = connection.killed.notified() => {}
    }
    drop(store);
    memory.advance(LEASE_TIME);
    let next = memory.plain();
    let found = rows(&next).await;
    let expected = ["net/a", "net/b"].map(str::to_owned).into_iter().chain(durable.into_inner().unwrap());
    for name in expected {
        assert!(found.contains(&name), "{fault:?}: {name} is not in {found:?}");
    }
    run(&next, ["e", "f"], &Mutex::default()).await.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
    let left = rows(&memory.plain()).await;
    assert!(found.iter().all(|name| left.contains(name)) && left.contains(&"net/f".to_owned()), "{left:?}");
    // Only seals stay, for a day.
    memory.advance(Duration::from_hours(25));
    run(&memory.plain(), ["g", "h"], &Mutex::default()).await.unwrap();
    assert_eq!(memory.keys("journal/"), Vec::<String>::new(), "{fault:?}");
    true
}

#[tokio::test]
async fn one_of_twenty_processes_works_at_a_time() {
    let memory = Memory::default();
    let process = |number: u64| {
        let store = Remote::new(memory.connect(Fault::None, number), "team/", "dev", &format!("process-{number}"), now);
        async move {
            loop {
                match run(&store, [&format!("{number}-a"), &format!("{number}-b")], &Mutex::default()).await {
                    Ok(()) => return,
                    Err(StoreError::Leased { .. }) => {
                        tokio::time::sleep(Duration::from_millis(70 + number)).await;
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    };
    futures::future::join_all((0..20).map(process)).await;
    let state = memory.plain().load().await.unwrap().unwrap();
    assert_eq!((state.serial, state.rows.len()), (40, 40), "no run is lost");
}

/// A lease that ends while a test waits.
const SHORT: Duration = Duration::from_millis(600);

#[tokio::test]
async fn lease_holds_while_its_holder_renews_it() {
    let memory = Memory::default();
    let long = Duration::from_secs(3);
    let store = memory.plain().lease_time(long);
    let lock = store.lock(holder("ada")).await.unwrap();
    tokio::time::sleep(long + long / 3).await;
    let Err(error) = memory.plain().lock(holder("bob")).await else { panic!("two hold it") };
    let text = error.to_string();
    assert!(text.starts_with("the state in s3://bucket/team/dev/lease.json is leased by ada on host"), "{text}");
    let (who, silent) = memory.plain().holder().await.unwrap().unwrap();
    assert!(who == holder("ada") && silent < long, "{silent:?}");
    store.append(start(0)).await.unwrap();
    lock.release().await.unwrap();
    let error = store.append(begin("a")).await.unwrap_err();
    assert!(error.to_string().ends_with("this process holds no lease"), "{error}");
    memory.plain().lock(holder("bob")).await.unwrap();
}

/// A process that does not renew its lease, as one that was stopped with SIGSTOP.
async fn stopped(memory: &Memory) -> Remote {
    let store = memory.plain().lease_time(SHORT);
    drop(store.lock(holder("ada")).await.unwrap());
    let mut snapshot = store.load().await.unwrap().unwrap_or_else(|| state(0));
    snapshot.serial += 1;
    store.commit(&snapshot).await.unwrap();
    store.append(start(snapshot.serial)).await.unwrap();
    tokio::time::sleep(SHORT).await;
    store
}

#[tokio::test]
async fn process_without_its_lease_starts_nothing_and_overwrites_nothing() {
    let memory = Memory::default();
    let stopped = stopped(&memory).await;
    // Nobody has taken the lease yet, and the process cannot know.
    let error = stopped.append(begin("late")).await.unwrap_err();
    assert!(matches!(&error, StoreError::LeaseLost { why, .. } if why.contains("could not be renewed")), "{error}");
    assert!(error.hint().unwrap().contains("provisioner plan"));

    run(&memory.plain(), ["a", "b"], &Mutex::default()).await.unwrap();
    // A result that comes late is refused by the seal, and the state by its version.
    let late = JournalEntry::Removed { address: "net/a".into(), token: "token-a".into() };
    let error = stopped.append(late).await.unwrap_err();
    assert!(error.to_string().contains("another process has taken the lease"), "{error}");
    let error = stopped.commit(&state(9)).await.unwrap_err();
    assert!(matches!(error, StoreError::Overtaken { there: 3, ours: 9, .. }), "{error:?}");
    assert_eq!(rows(&memory.plain()).await, ["net/a", "net/b"]);
}

#[tokio::test]
async fn late_commit_is_a_conflict_for_the_next_holder() {
    let memory = Memory::default();
    let stopped = stopped(&memory).await;
    let next = memory.plain();
    let lock = next.lock(holder("bob")).await.unwrap();
    let loaded = next.load().await.unwrap().unwrap();
    stopped.commit(&state(2)).await.unwrap();
    let mut ours = Snapshot { serial: 2, ..loaded };
    ours.fold(begin("a"));
    let error = next.commit(&ours).await.unwrap_err();
    assert!(matches!(error, StoreError::Overtaken { there: 2, ours: 2, .. }), "{error:?}");
    lock.release().await.unwrap();
}

#[tokio::test]
async fn broken_lease_names_its_holder_and_fences_it() {
    let memory = Memory::default();
    let store = memory.plain().lease_time(SHORT);
    let _lock = store.lock(holder("ada")).await.unwrap();
    store.load().await.unwrap();
    store.commit(&state(1)).await.unwrap();
    store.append(start(1)).await.unwrap();
    assert_eq!(memory.plain().break_lease(holder("bob")).await.unwrap(), Some(holder("ada")));
    let error = store.append(begin("a")).await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error:?}");
    tokio::time::sleep(SHORT).await;
    let error = store.append(begin("a")).await.unwrap_err();
    assert!(error.to_string().contains("it was taken by bob on host"), "{error}");
    assert_eq!(memory.plain().break_lease(holder("bob")).await.unwrap(), None);
}

/// While a writer works on, its lease is broken at some moment. Whatever it could write is in what the next holder reads.
#[tokio::test]
async fn sealed_journal_is_complete() {
    futures::future::join_all((0..60).map(break_a_busy_lease)).await;
}

async fn break_a_busy_lease(seed: u64) {
    let memory = Memory::default();
    let writer = Remote::new(memory.connect(Fault::None, seed), "team/", "dev", "writer", now);
    let _lock = writer.lock(holder("ada")).await.unwrap();
    writer.load().await.unwrap();
    writer.commit(&state(1)).await.unwrap();
    writer.append(start(1)).await.unwrap();
    let written = Mutex::new(vec![]);
    let task = async |task: u64| {
        for entry in 0.. {
            let name = format!("{task}-{entry}");
            if writer.append(begin(&name)).await.is_err() {
                break;
            }
            written.lock().unwrap().push(format!("net/{name}"));
        }
    };
    let next = Remote::new(memory.connect(Fault::None, seed + 1000), "team/", "dev", "next", now);
    let seal = async {
        tokio::time::sleep(Duration::from_millis(seed * 3)).await;
        next.break_lease(holder("bob")).await.unwrap();
        rows(&next).await
    };
    let (read, _) = futures::join!(seal, futures::future::join_all((0..40).map(task)));
    for name in &written.into_inner().unwrap() {
        assert!(read.contains(name), "seed {seed}: {name} was written, and not read");
    }
}

/// Writes an object past the store.
fn put(memory: &Memory, key: &str, body: Vec<u8>) {
    let mut objects = memory.0.objects.lock().unwrap();
    let object = objects.get_mut(&format!("team/dev/{key}")).unwrap();
    (object.etag, object.body) = (format!("{}-changed", object.etag), body);
}

fn body(memory: &Memory, key: &str) -> Vec<u8> {
    memory.0.objects.lock().unwrap()[&format!("team/dev/{key}")].body.clone()
}

#[tokio::test]
async fn damaged_state_is_salvaged_and_replaced() {
    let memory = Memory::default();
    let (store, lock) = begun(&memory).await;
    store.append(start(1)).await.unwrap();
    store.append(begin("a")).await.unwrap();
    lock.release().await.unwrap();
    let damaged = body(&memory, STATE)[..200].to_vec();
    put(&memory, STATE, damaged.clone());
    let next = memory.plain();
    let error = next.load().await.unwrap_err();
    assert!(error.is_damage() && error.hint().unwrap().contains("history"), "{error}");
    let lock = next.lock(holder("bob")).await.unwrap();
    let salvage = next.files().await.unwrap().salvage("dev");
    assert_eq!((salvage.problems.len(), salvage.serial), (1, 1));
    let repaired = Snapshot { serial: 2, ..salvage.snapshot.unwrap() };
    next.replace(&repaired).await.unwrap();
    lock.release().await.unwrap();
    assert_eq!(rows(&memory.plain()).await, ["net/a"]);
    assert_eq!(body(&memory, "damaged/2/state.json"), damaged);
    assert!(String::from_utf8(body(&memory, "damaged/2/journal.jsonl")).unwrap().contains("token-a"));
}

#[tokio::test]
async fn state_that_is_gone_is_no_new_environment() {
    let memory = Memory::default();
    let (_store, _lock) = begun(&memory).await;
    memory.0.objects.lock().unwrap().remove("team/dev/state.json");
    assert!(matches!(memory.plain().load().await, Err(StoreError::Missing { .. })));
}

/// A process that is killed during the first commit leaves a new environment, or its first state, and nothing to repair.
#[tokio::test]
async fn killed_first_commit_needs_no_repair() {
    for request in 0..12 {
        for fault in [Fault::KilledBefore(request), Fault::KilledAfter(request)] {
            let memory = Memory::default();
            let (store, connection) = memory.store(fault);
            let first = async {
                let _lock = store.lock(holder("ada")).await.unwrap();
                store.load().await.unwrap();
                store.commit(&state(1)).await.unwrap();
            };
            tokio::select! {
                () = first => {}
                () = connection.killed.notified() => {}
            }
            let loaded = memory.plain().load().await.unwrap();
            assert!(loaded.is_none_or(|loaded| loaded == state(1)), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn journal_object_that_was_cut_off_is_damage() {
    let memory = Memory::default();
    let (store, _lock) = begun(&memory).await;
    store.append(start(1)).await.unwrap();
    store.append(begin("a")).await.unwrap();
    let key = memory.keys("/journal/").pop().unwrap();
    let key = key.strip_prefix("team/dev/").unwrap();
    let text = body(&memory, key);
    for cut in [&text[..text.len() - 1], &text[..100], b"" as &[u8]] {
        put(&memory, key, cut.to_vec());
        let loaded = memory.plain().load().await;
        // Only the end of the line is lost.
        let is_whole = cut.len() + 1 == text.len();
        assert!(if is_whole { loaded.is_ok() } else { loaded.unwrap_err().is_damage() }, "{}", cut.len());
    }
}

#[tokio::test]
async fn damaged_lease_is_broken_with_the_next_epoch() {
    let memory = Memory::default();
    let (store, _lock) = begun(&memory).await;
    store.append(start(1)).await.unwrap();
    store.append(begin("a")).await.unwrap();
    put(&memory, "lease.json", b"damaged".to_vec());
    let error = memory.plain().check_lock().await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseDamaged { .. }) && error.hint().unwrap().contains("unlock"), "{error}");
    assert!(matches!(memory.plain().lock(holder("bob")).await, Err(StoreError::LeaseDamaged { .. })));
    assert_eq!(memory.plain().unlock(holder("bob")).await.unwrap(), None);
    memory.plain().check_lock().await.unwrap();
    assert!(store.append(begin("b")).await.is_err(), "the journal of the epoch is sealed");
    let next = memory.plain();
    let lock = next.lock(holder("bob")).await.unwrap();
    assert_eq!(rows(&next).await, ["net/a"]);
    next.append(start(1)).await.unwrap();
    next.append(begin("c")).await.unwrap();
    lock.release().await.unwrap();
    assert_eq!(rows(&memory.plain()).await, ["net/a", "net/c"]);
}

#[tokio::test]
async fn older_format_is_migrated_with_a_backup() {
    let memory = Memory::default();
    let (store, _lock) = begun(&memory).await;
    let text = String::from_utf8(body(&memory, STATE)).unwrap();
    let older = format!("{{{}", text.split_once(',').unwrap().1).replace("\"format\": 4", "\"format\": 3");
    put(&memory, STATE, older.clone().into_bytes());
    assert_eq!(store.load().await.unwrap(), Some(state(1)));
    store.commit(&state(2)).await.unwrap();
    assert_eq!(body(&memory, "state.format-3.json"), older.into_bytes());
    assert!(String::from_utf8(body(&memory, STATE)).unwrap().contains("\"format\": 4"));
}

/// A second lock in memory: the process that holds it, or another program.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<Option<&'static str>>>);

impl SecondLock for (Table, &'static str) {
    fn take<'a>(&'a self, _: &'a Holder) -> Fut<'a, ()> {
        let mut held = self.0.0.lock().unwrap();
        let taken = if *held == Some("terraform") {
            Err(StoreError::TableLocked { path: "table".into(), info: "terraform".into() })
        } else {
            *held = Some(self.1);
            Ok(())
        };
        Box::pin(std::future::ready(taken))
    }

    fn release(&self) -> Fut<'_, ()> {
        let mut held = self.0.0.lock().unwrap();
        *held = held.filter(|held| *held != self.1);
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn second_lock_is_held_with_the_lease() {
    let (memory, table) = (Memory::default(), Table::default());
    let store = |name| memory.plain().second_lock((table.clone(), name));
    let held = || *table.0.lock().unwrap();
    let ada = store("ada");
    let lock = ada.lock(holder("ada")).await.unwrap();
    assert_eq!(held(), Some("ada"));
    assert!(matches!(store("bob").lock(holder("bob")).await.err(), Some(StoreError::Leased { .. })));
    assert_eq!(held(), Some("ada"), "who has no lease does not touch it");
    lock.release().await.unwrap();
    assert_eq!(held(), None);

    // A killed process leaves both; another one ends them.
    drop(ada.lock(holder("ada")).await.unwrap());
    assert_eq!(held(), Some("ada"));
    store("bob").unlock(holder("bob")).await.unwrap();
    assert_eq!(held(), None);

    // Another program's lock is respected, and the lease is free again.
    *table.0.lock().unwrap() = Some("terraform");
    let refused = store("bob").lock(holder("bob")).await.err().unwrap();
    assert!(refused.to_string().contains("a lock of another program: terraform"), "{refused}");
    store("bob").check_lock().await.unwrap();
}

#[tokio::test]
async fn the_last_runs_are_recorded() {
    let memory = Memory::default();
    for run in 0..KEPT_RUNS + 2 {
        // Each run is a process of its own.
        let store = memory.plain();
        let name = format!("run-{run:03}");
        store.record(&name, b"a\n").await.unwrap();
        store.record(&name, b"b\n").await.unwrap();
    }
    let runs = memory.plain().runs().await.unwrap();
    assert_eq!((runs.len(), runs[0].as_str()), (KEPT_RUNS, "run-002"));
    assert_eq!(memory.plain().run("run-002").await.unwrap().unwrap(), b"a\nb\n");
    assert_eq!(memory.plain().run("run-00").await.unwrap(), None);
}

/// Forty tasks append in parallel: they share requests instead of waiting in line.
#[tokio::test]
async fn parallel_entries_share_requests() {
    let memory = Memory::default();
    let (store, connection) = memory.store(Fault::None);
    let lock = store.lock(holder("ada")).await.unwrap();
    store.load().await.unwrap();
    store.commit(&state(1)).await.unwrap();
    store.append(start(1)).await.unwrap();
    let before = connection.sent();
    let task = async |task: u64| {
        for entry in 0..25 {
            store.append(begin(&format!("{task}-{entry}"))).await.unwrap();
        }
    };
    futures::future::join_all((0..40).map(task)).await;
    let sent = connection.sent() - before;
    assert!(sent < 700, "{sent} requests for 1000 entries");
    assert_eq!(rows(&memory.plain()).await.len(), 1000);
    lock.release().await.unwrap();
}
