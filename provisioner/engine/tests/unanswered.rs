//! Calls that are never answered, errors that pass, and the end of a run by a second signal.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

mod simulation;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use provisioner_engine::{Cancel, Event, EventKind, Tuning};
use provisioner_model::{
    ErrorKind, Stack,
    resource::Tags,
    stack::{Desired, Options},
};
use provisioner_testkit::{
    cloud::{Call, Fault, Lag, ReadFault, types},
    fixture,
    generate::{Spec, facts},
    tuning::tuning,
};
use serde_json::json;
use simulation::Simulation;

fn has_hint(event: &Event, part: &str) -> bool {
    matches!(&event.kind, EventKind::Failed(failure) if failure.hint.as_ref().is_some_and(|hint| hint.contains(part)))
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, test).await.expect("nothing hangs")
    })
}

/// A simulation in which calls end after a moment, and fresh objects are waited for.
fn simulation() -> Simulation {
    let tuning = Tuning {
        call_timeout: Some(Duration::from_millis(40)),
        consistency_window: Some(Duration::from_millis(400)),
        ..tuning()
    };
    Simulation { tuning, ..Simulation::new() }
}

fn stack(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(facts());
    declare(&mut stack);
    stack.finish().expect("the stack is valid")
}

fn net(label: Option<u8>) -> types::Net {
    types::Net { range: 1, label, tags: Tags::new() }
}

fn one_net(label: u8) -> Desired {
    stack(|stack| drop(stack.add("main", net(Some(label)))))
}

/// A net, and a table in it.
fn table_in_net() -> Desired {
    stack(|stack| {
        let net = stack.add("main", net(None)).id();
        stack.add("main", types::Table { net, routes: vec![], tags: Tags::new() });
    })
}

/// The addresses that steps waited for.
fn waited_for(events: &[Event]) -> Vec<String> {
    let waits = events.iter().filter_map(|event| match &event.kind {
        EventKind::WaitingFor { addresses, .. } => Some(addresses.clone()),
        _ => None,
    });
    let mut addresses: Vec<String> = waits.flatten().collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

mod never_answered {
    use super::*;

    #[test]
    fn create_update_and_delete_end_and_converge() {
        for fault in [Fault::Never, Fault::NeverAfter] {
            run(async {
                let simulation = simulation();
                for (number, desired) in [one_net(1), one_net(2), Spec::nothing()].iter().enumerate() {
                    simulation.cloud.fail_at(1, fault);
                    let plan = simulation.plan(desired).await.expect("a plan");
                    let outcome = simulation.apply(&plan).await.expect("applied");
                    assert!(outcome.is_complete(), "{fault:?} in run {number}: {outcome:?}");
                    simulation.check(&plan).expect("no rule is broken");
                    assert!(simulation.plan(desired).await.expect("a plan").is_empty());
                }
                assert!(simulation.cloud.objects().is_empty());
            });
        }
    }

    #[test]
    fn write_has_an_unknown_outcome_in_the_end() {
        run(async {
            let simulation = simulation();
            let plan = simulation.plan(&one_net(1)).await.expect("a plan");
            (1..=4).for_each(|n| simulation.cloud.fail_at(n, Fault::Never));
            let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
            assert!(outcome.failed[0].1.contains("there was no answer within 0.04 s"), "{outcome:?}");
            let hinted = |event: &Event| has_hint(event, "not known");
            assert!(events.iter().any(hinted), "{events:?}");
            let state = simulation.store.state().expect("a state");
            assert!(state.rows["net/main"].objects[0].is_being_created(), "it stays pending");
            simulation.converge(&one_net(1)).await.expect("resumed");
        });
    }

    #[test]
    fn reads_are_repeated_in_plan_and_apply() {
        run(async {
            let simulation = simulation();
            simulation.converge(&one_net(1)).await.expect("created");
            simulation.cloud.fail_reads(2, ReadFault::Never);
            let plan = simulation.plan(&one_net(2)).await.expect("a plan");
            simulation.cloud.fail_reads(2, ReadFault::Never);
            assert!(simulation.apply(&plan).await.expect("applied").is_complete());
        });
    }

    /// The first signal only ends the waiting; the second ends the run, and the next apply takes up what is known.
    #[test]
    fn second_signal_ends_the_run() {
        for (fault, objects) in [(Fault::Never, 1), (Fault::NeverAfter, 2)] {
            run(async {
                let simulation = Simulation::new();
                let desired = stack(|stack| {
                    let net = stack.add("main", net(None)).id();
                    stack.add("main", types::Table { net, routes: vec![], tags: Tags::new() });
                });
                let plan = simulation.plan(&desired).await.expect("a plan");
                simulation.cloud.fail_at(2, fault);
                let (signals, cancel) = tokio::sync::watch::channel(Cancel::No);
                let (applied, stopped) = tokio::join!(simulation.apply_until(&plan, cancel), async {
                    while simulation.cloud.writes() < 2 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    signals.send_replace(Cancel::Leave);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    signals.send_replace(Cancel::Stop);
                    Instant::now()
                });
                assert!(stopped.elapsed() < Duration::from_secs(1));
                let (outcome, _) = applied.expect("the state is saved");
                assert_eq!((outcome.abandoned, outcome.done, outcome.cancelled), (1, 1, true));
                assert!(outcome.failed.is_empty() && !outcome.is_complete());
                let committed = simulation.store.committed().expect("a state");
                assert_eq!(committed, simulation.store.state().expect("a state"), "everything is committed");
                assert!(committed.rows["table/main"].objects[0].is_being_created());
                assert_eq!(simulation.cloud.objects().len(), objects);
                simulation.converge(&desired).await.expect("resumed");
                assert_eq!(simulation.cloud.objects().len(), 2, "none is doubled");
            });
        }
    }

    #[test]
    fn second_signal_ends_reads_and_deletes() {
        run(async {
            let simulation = Simulation::new();
            simulation.converge(&one_net(1)).await.expect("created");
            for desired in [one_net(2), Spec::nothing()] {
                let plan = simulation.plan(&desired).await.expect("a plan");
                simulation.cloud.fail_reads(1, ReadFault::Never);
                simulation.cloud.fail_at(1, Fault::NeverAfter);
                let (signals, cancel) = tokio::sync::watch::channel(Cancel::No);
                let (applied, ()) = tokio::join!(simulation.apply_until(&plan, cancel), async {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    signals.send_replace(Cancel::Stop);
                });
                assert_eq!(applied.expect("the state is saved").0.abandoned, 1);
                simulation.cloud.heal();
                simulation.converge(&desired).await.expect("resumed");
            }
            assert!(simulation.cloud.objects().is_empty());
        });
    }
}

mod repeated_writes {
    use super::*;

    /// The in-memory cloud refuses an update that was computed from an earlier revision.
    #[test]
    fn update_without_an_answer_reads_before_it_repeats() {
        run(async {
            let simulation = Simulation::new();
            simulation.converge(&one_net(1)).await.expect("created");
            let before = simulation.cloud.count(Call::Update);
            simulation.cloud.fail_at(1, Fault::After);
            simulation.converge(&one_net(2)).await.expect("updated");
            assert_eq!(simulation.cloud.count(Call::Update) - before, 1, "it matches already: nothing is sent again");
        });
    }

    #[test]
    fn update_of_an_object_that_changed_meanwhile_reads_before_it_repeats() {
        run(async {
            let simulation = Simulation::new();
            simulation.converge(&one_net(1)).await.expect("created");
            // The first attempt is refused; meanwhile, somebody changes the object, and its revision with it.
            let id = simulation.cloud.objects()[0].id.clone();
            let plan = simulation.plan(&one_net(2)).await.expect("a plan");
            simulation.cloud.fail_at(1, Fault::Before(ErrorKind::Busy));
            let (applied, ()) = tokio::join!(simulation.apply(&plan), async {
                while simulation.cloud.count(Call::Update) < 2 {
                    tokio::task::yield_now().await;
                }
                simulation.cloud.revise(&id);
            });
            assert!(applied.expect("applied").is_complete());
            assert_eq!(simulation.cloud.objects()[0].inputs["label"], json!(2));
        });
    }

    /// A rollout is followed by the receipt of its write: without an answer, the write is sent once more.
    #[test]
    fn rollout_without_an_answer_gets_its_receipt() {
        run(async {
            let simulation = Simulation::new();
            let service = |note| {
                stack(|stack| {
                    let net = stack.add("main", net(None)).id();
                    let doc =
                        stack.add("main", types::Doc { family: 1, text: "x".to_owned().into(), tags: Tags::new() });
                    let doc = doc.get(types::Doc::REVISION);
                    let uses = vec![];
                    let tags = Tags::new();
                    let service = types::Service { net, doc, role: None, through: None, uses, count: 1, note, tags };
                    stack.add("app", service);
                })
            };
            simulation.converge(&service(1)).await.expect("created");
            simulation.cloud.fail_at(1, Fault::After);
            let before = simulation.cloud.count(Call::Update);
            simulation.converge(&service(2)).await.expect("updated");
            assert!(simulation.cloud.count(Call::Update) - before > 1);
        });
    }

    /// Both writes at the beginning were computed from reads that are older than the objects they are about.
    #[test]
    fn ineffective_update_is_written_again() {
        run(async {
            let simulation = simulation();
            simulation.converge(&one_net(1)).await.expect("created");
            (1..=2).for_each(|n| simulation.cloud.fail_at(n, Fault::Ineffective));
            simulation.converge(&one_net(2)).await.expect("updated");
            assert_eq!(simulation.cloud.objects()[0].inputs["label"], json!(2));
        });
    }

    fn named() -> Desired {
        stack(|stack| {
            let (name, tags) = (Some("db".to_owned()), Tags::new());
            stack.add("main", types::Named { name, tags, ..fixture::unnamed(1) });
        })
    }

    #[test]
    fn idempotent_create_is_repeated_without_waiting_for_the_lost_object() {
        for fault in [Fault::Before(ErrorKind::Unknown), Fault::After] {
            run(async {
                let simulation = simulation();
                simulation.cloud.fail_at(1, fault);
                let plan = simulation.plan(&named()).await.expect("a plan");
                let finds = simulation.cloud.count(Call::Find);
                assert!(simulation.apply(&plan).await.expect("applied").is_complete(), "{fault:?}");
                // One by the key, before the create, and one by the token.
                assert_eq!(simulation.cloud.count(Call::Find) - finds, 2, "{fault:?}");
                simulation.check(&plan).expect("no rule is broken");
                assert_eq!(simulation.cloud.objects().len(), 1, "{fault:?}");
            });
        }
    }

    /// The object of the first attempt is invisible at first. A repeat that is refused, for whatever reason, does not
    /// prove that there is none.
    #[test]
    fn idempotent_create_finds_the_lost_object_after_a_refused_repeat() {
        for kind in [ErrorKind::Exists, ErrorKind::Refused] {
            run(async {
                let simulation = simulation();
                simulation.cloud.lag(Lag { reads: 4, ..Lag::default() });
                simulation.cloud.fail_at(1, Fault::After);
                if kind == ErrorKind::Refused {
                    simulation.cloud.fail_at(2, Fault::Before(kind));
                }
                let plan = simulation.plan(&named()).await.expect("a plan");
                let outcome = simulation.apply(&plan).await.expect("applied");
                assert!(outcome.is_complete(), "{kind:?}: {outcome:?}");
                simulation.check(&plan).expect("no rule is broken");
                assert_eq!(simulation.cloud.objects().len(), 1, "{kind:?}");
                assert!(simulation.plan(&named()).await.expect("a plan").is_empty(), "{kind:?}");
            });
        }
    }

    #[test]
    fn delete_without_an_answer_reads_before_it_repeats() {
        run(async {
            let simulation = Simulation::new();
            simulation.converge(&one_net(1)).await.expect("created");
            simulation.cloud.fail_at(1, Fault::After);
            simulation.converge(&Spec::nothing()).await.expect("deleted");
            assert_eq!(simulation.cloud.count(Call::Delete), 1);
        });
    }
}

mod fresh_objects {
    use super::*;

    /// Every kind of error about something that the run made moments ago.
    const KINDS: [ErrorKind; 5] =
        [ErrorKind::Gone, ErrorKind::Denied, ErrorKind::Unusable, ErrorKind::NotYet, ErrorKind::Refused];

    fn policy_of_role(allows: &str) -> Desired {
        stack(|stack| {
            let role = stack.add("main", types::Role { name: None, path: 1, label: 1, tags: Tags::new() }).id();
            stack.add("main", types::RolePolicy { role, allows: allows.to_owned().into() });
        })
    }

    #[test]
    fn create_waits_for_its_dependencies() {
        for kind in KINDS {
            run(async {
                let simulation = simulation();
                simulation.cloud.lag(Lag { uses: 3, kind: Some(kind), ..Lag::default() });
                let plan = simulation.plan(&policy_of_role("all")).await.expect("a plan");
                let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
                assert!(outcome.is_complete(), "{kind:?}: {outcome:?}");
                assert_eq!(waited_for(&events), ["role/main"], "{kind:?}");
            });
        }
    }

    /// The second call of a create is an update of the fresh object itself.
    #[test]
    fn update_waits_for_its_own_fresh_object() {
        for kind in KINDS {
            run(async {
                let simulation = simulation();
                simulation.cloud.lag(Lag { uses: 3, kind: Some(kind), ..Lag::default() });
                let plan = simulation.plan(&one_net(1)).await.expect("a plan");
                let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
                assert!(outcome.is_complete(), "{kind:?}: {outcome:?}");
                assert_eq!(waited_for(&events), ["net/main"], "{kind:?}");
            });
        }
    }

    /// An object of an earlier run that now refers to a fresh one.
    #[test]
    fn update_waits_for_its_dependencies() {
        let named = |in_net: bool| {
            stack(|stack| {
                let net = in_net.then(|| stack.add("main", net(None)).id());
                let (key, locked, tags) = (None, None, Tags::new());
                stack.add("app", types::Named { net, key, locked, tags, ..fixture::unnamed(1) });
            })
        };
        for kind in KINDS {
            run(async {
                let simulation = simulation();
                simulation.converge(&named(false)).await.expect("created");
                simulation.cloud.lag(Lag { uses: 3, kind: Some(kind), ..Lag::default() });
                let plan = simulation.plan(&named(true)).await.expect("a plan");
                let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
                assert!(outcome.is_complete(), "{kind:?}: {outcome:?}");
                assert!(waited_for(&events).contains(&"net/main".to_owned()), "{kind:?}");
            });
        }
    }

    /// A service uses a role, which a policy completes: an error of the service may be about the policy.
    #[test]
    fn grants_count_as_dependencies() {
        run(async {
            let simulation = simulation();
            let service = stack(|stack| {
                let net = stack.add("main", net(None)).id();
                let doc = stack.add("main", types::Doc { family: 1, text: "x".to_owned().into(), tags: Tags::new() });
                let doc = doc.get(types::Doc::REVISION);
                let role = stack.add("main", types::Role { name: None, path: 1, label: 1, tags: Tags::new() }).id();
                stack.add("main", types::RolePolicy { role: role.clone(), allows: "all".to_owned().into() });
                let (uses, role, tags) = (vec![], Some(role), Tags::new());
                stack.add("app", types::Service { net, doc, role, through: None, uses, count: 1, note: 1, tags });
            });
            let plan = simulation.plan(&service).await.expect("a plan");
            simulation.cloud.fail_at(5, Fault::Before(ErrorKind::Unusable));
            let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
            assert!(outcome.is_complete(), "{outcome:?}");
            assert!(waited_for(&events).contains(&"role-policy/main".to_owned()), "{events:?}");
        });
    }

    #[test]
    fn reads_of_a_fresh_object_wait() {
        run(async {
            let simulation = simulation();
            simulation.cloud.lag(Lag { reads: 5, ..Lag::default() });
            simulation.converge(&one_net(1)).await.expect("created");
        });
    }

    /// The process is killed right after the create, and the next plan cannot read the object yet.
    #[test]
    fn plan_waits_for_a_fresh_object() {
        for (reads, desired) in [(3, one_net(1)), (6, one_net(1)), (5, Spec::nothing())] {
            run(async {
                let simulation = simulation();
                let plan = simulation.plan(&one_net(1)).await.expect("a plan");
                simulation.cloud.lag(Lag { reads, ..Lag::default() });
                simulation.cloud.fail_at(1, Fault::StopAfter);
                tokio::select! {
                    _ = simulation.apply(&plan) => panic!("the process was to be killed"),
                    () = simulation.cloud.stopped() => {}
                }
                simulation.cloud.heal();
                simulation.store.revive();
                simulation.converge(&desired).await.expect("resumed");
                let objects = simulation.cloud.objects().len();
                assert_eq!(objects, usize::from(!desired.resources.is_empty()), "none is doubled or lost");
            });
        }
    }

    /// A delete of a fresh object that the API does not find yet.
    #[test]
    fn delete_of_an_invisible_object_is_repeated() {
        run(async {
            let simulation = simulation();
            let plan = simulation.plan(&one_net(1)).await.expect("a plan");
            simulation.cloud.lag(Lag { uses: 3, ..Lag::default() });
            simulation.cloud.fail_at(1, Fault::StopAfter);
            tokio::select! {
                _ = simulation.apply(&plan) => panic!("the process was to be killed"),
                () = simulation.cloud.stopped() => {}
            }
            simulation.cloud.heal();
            simulation.store.revive();
            simulation.converge(&Spec::nothing()).await.expect("destroyed");
            assert!(simulation.cloud.objects().is_empty());
        });
    }

    #[test]
    fn error_is_final_after_the_window() {
        run(async {
            let simulation = simulation();
            simulation.cloud.lag(Lag { uses: 1_000_000, kind: Some(ErrorKind::Denied), ..Lag::default() });
            let plan = simulation.plan(&table_in_net()).await.expect("a plan");
            let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
            assert_eq!(outcome.failed.len(), 1);
            assert_eq!(waited_for(&events), ["net/main"]);
        });
    }

    #[test]
    fn error_without_fresh_dependencies_is_final_at_once() {
        for kind in [ErrorKind::Gone, ErrorKind::Denied, ErrorKind::Unusable, ErrorKind::Refused] {
            run(async {
                let simulation = simulation();
                let plan = simulation.plan(&one_net(1)).await.expect("a plan");
                simulation.cloud.fail_next(2, kind);
                let outcome = simulation.apply(&plan).await.expect("applied");
                assert_eq!((outcome.failed.len(), simulation.cloud.writes()), (1, 1), "{kind:?}");
            });
        }
    }

    /// A bad parameter: nothing that was just made is named.
    #[test]
    fn refusal_that_names_no_fresh_object_is_final_at_once() {
        run(async {
            let simulation = simulation();
            let plan = simulation.plan(&table_in_net()).await.expect("a plan");
            simulation.cloud.fail_at(2, Fault::Before(ErrorKind::Refused));
            let outcome = simulation.apply(&plan).await.expect("applied");
            assert_eq!((outcome.failed.len(), simulation.cloud.writes()), (1, 2));
        });
    }

    /// Names are free some time after their holder was deleted.
    #[test]
    fn create_waits_for_the_name_of_a_deleted_object() {
        run(async {
            let simulation = simulation();
            let named = |class| {
                stack(|stack| {
                    let (name, tags) = (Some("db".to_owned()), Tags::new());
                    stack.add("main", types::Named { name, tags, ..fixture::unnamed(class) });
                })
            };
            simulation.converge(&named(1)).await.expect("created");
            let plan = simulation.plan(&named(2)).await.expect("a plan");
            // After the delete.
            (2..=3).for_each(|n| simulation.cloud.fail_at(n, Fault::Before(ErrorKind::Exists)));
            let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
            assert!(outcome.is_complete(), "{outcome:?}");
            assert_eq!(waited_for(&events), ["named/main"]);
        });
    }
}

mod refused_reads {
    use super::*;

    #[test]
    fn throttled_account_can_plan() {
        for kind in [ErrorKind::Throttled, ErrorKind::NotSent, ErrorKind::Unknown, ErrorKind::NoCredentials] {
            run(async {
                let simulation = Simulation::new();
                let options = || Options { adopt: true, ..Options::default() };
                let desired = || {
                    stack(|stack| {
                        stack.add("main", net(Some(1)));
                        let (name, tags) = (Some("db".to_owned()), Tags::new());
                        let db = types::Named { name, tags, ..fixture::unnamed(1) };
                        stack.add_with("db", db, options());
                    })
                };
                simulation.converge(&one_net(1)).await.expect("created");
                simulation.cloud.fail_reads(20, ReadFault::Fails(kind));
                simulation.cloud.fail_finds(20, kind);
                let plan = simulation.plan(&desired()).await.expect("a plan");
                simulation.cloud.fail_reads(20, ReadFault::Fails(kind));
                simulation.cloud.fail_finds(20, kind);
                assert!(simulation.apply(&plan).await.expect("applied").is_complete(), "{kind:?}");
            });
        }
    }

    #[test]
    fn final_errors_of_reads_are_not_repeated() {
        for kind in [ErrorKind::Denied, ErrorKind::Refused, ErrorKind::Expired, ErrorKind::Clock, ErrorKind::Bug] {
            run(async {
                let simulation = Simulation::new();
                simulation.converge(&one_net(1)).await.expect("created");
                let before = simulation.cloud.count(Call::Read);
                simulation.cloud.fail_reads(5, ReadFault::Fails(kind));
                simulation.plan(&one_net(1)).await.expect_err("no plan");
                assert_eq!(simulation.cloud.count(Call::Read) - before, 1, "{kind:?}");
            });
        }
    }

    #[test]
    fn clock_and_credentials_end_the_run_and_are_named() {
        for (kind, part) in [(ErrorKind::Clock, "clock"), (ErrorKind::NoCredentials, "credentials")] {
            run(async {
                let patience = Some(Duration::from_millis(20));
                let simulation = Simulation { tuning: Tuning { patience, ..tuning() }, ..Simulation::new() };
                let plan = simulation.plan(&table_in_net()).await.expect("a plan");
                simulation.cloud.fail_next(1000, kind);
                let (outcome, events) = simulation.apply_with_events(&plan).await.expect("applied");
                assert!(outcome.expired, "{kind:?}: nothing more begins");
                let hinted = |event: &Event| has_hint(event, part);
                assert!(events.iter().any(hinted), "{events:?}");
                let state = simulation.store.state().expect("a state");
                assert!(state.rows.is_empty(), "nothing was sent: {:?}", state.rows);
            });
        }
    }
}
