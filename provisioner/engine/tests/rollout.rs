//! A rollout that fails: what the plan says is put back, and the state tells the truth at every moment of it.
#![allow(clippy::expect_used, reason = "what fails here panics, and tells at length")]

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
};

use provisioner_engine::{
    Apply, Cancel, Event, EventKind, Outcome, Refresh, VerificationRequest, Verifier, apply, refresh,
};
use provisioner_model::{
    Diagnostic, Stack,
    erased::{Clouds, ResourceRegistry},
    plan::{Plan, StepAction},
    stack::{Desired, Facts},
    state::{Operation, Snapshot},
};
use provisioner_planner::{Input, Selection, plan};
use provisioner_store::{Holder, StateReader};
use provisioner_testkit::{
    cloud::{Call, Fake, types},
    store::{Death, Memory},
    tuning::tuning,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc::unbounded_channel, watch};

const SERVICE: &str = "service/app";

struct RolloutFixture {
    cloud: Fake,
    clouds: Clouds,
    store: Memory,
    registry: ResourceRegistry,
}

/// Accepts the listed notes.
struct Good(&'static [u64]);

impl Verifier for Good {
    fn verify<'a>(
        &'a self,
        request: VerificationRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Diagnostic>, Diagnostic>> + Send + 'a>> {
        let good = request.verification["note"].as_u64().is_some_and(|note| self.0.contains(&note));
        assert!(
            request.verification["service"].as_str().is_some_and(|id| id == request.id),
            "{:?}",
            request.verification
        );
        Box::pin(
            async move { if good { Ok(None) } else { Err(Diagnostic::error("nobody answers").hint("ask again")) } },
        )
    }
}

/// Never comes to an end.
struct Endless;

impl Verifier for Endless {
    fn verify<'a>(
        &'a self,
        _: VerificationRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Diagnostic>, Diagnostic>> + Send + 'a>> {
        Box::pin(std::future::pending())
    }
}

fn stack(note: u8) -> Desired {
    let facts = Facts {
        environment: "test".into(),
        account: "000000000000".into(),
        region: "here".into(),
        partition: "aws".into(),
        stopped: false,
        discovered: BTreeMap::new(),
    };
    let mut stack = Stack::new(facts);
    let tags = BTreeMap::new;
    let net = stack.add("main", types::Net { range: 1, label: None, tags: tags() });
    let service = types::Service {
        net: net.id(),
        doc: "one".into(),
        role: None,
        through: None,
        uses: vec![],
        count: 2,
        note,
        tags: tags(),
    };
    let service = stack.add("app", service);
    stack.verify(&service, &json!({ "note": note, "service": service.id() }));
    stack.finish().expect("the stack is sound")
}

/// Options of a test's apply.
struct How<'a> {
    verifier: Option<&'a dyn Verifier>,
    wait: bool,
    cancel: Cancel,
}

impl RolloutFixture {
    fn new() -> Self {
        let cloud = Fake::default();
        let mut clouds = Clouds::default();
        clouds.add("main", cloud.clone());
        Self { cloud, clouds, store: Memory::new("test"), registry: types::registry() }
    }

    async fn plan(&self, desired: &Desired) -> Plan {
        let snapshot = self.store.load().await.expect("loads").unwrap_or_else(|| Snapshot::new("lineage", "test"));
        let input = Refresh {
            registry: &self.registry,
            clouds: &self.clouds,
            snapshot: &snapshot,
            desired,
            tuning: tuning(),
            pending_only: false,
        };
        let observed = refresh(&input).await.expect("readable");
        let input = Input {
            desired,
            snapshot: &snapshot,
            observed: &observed,
            registry: &self.registry,
            selection: &Selection::default(),
            targets: &BTreeMap::new(),
        };
        plan(&input).expect("a plan")
    }

    async fn run(&self, plan: &Plan, how: How<'_>) -> (Result<Outcome, String>, Vec<Event>) {
        let (events, mut receiver) = unbounded_channel();
        let (stop, cancel) = watch::channel(Cancel::No);
        let none = BTreeSet::new();
        let work = apply(Apply {
            plan,
            registry: &self.registry,
            clouds: &self.clouds,
            store: &self.store,
            holder: Holder { owner: "test".into(), host: "here".into(), pid: 1, command: "apply".into(), since: 0 },
            consent: &none,
            events,
            cancel,
            verifier: how.verifier,
            wait: how.wait,
            checks_inputs: true,
            tuning: tuning(),
        });
        let listen = async {
            let mut events = vec![];
            while let Some(event) = receiver.recv().await {
                if matches!(event.kind, EventKind::Verifying) {
                    stop.send_replace(how.cancel);
                }
                events.push(event);
            }
            events
        };
        let (outcome, events) = tokio::join!(work, listen);
        (outcome.map_err(|error| error.to_string()), events)
    }

    async fn apply(&self, note: u8, verifier: &dyn Verifier) -> Outcome {
        let plan = self.plan(&stack(note)).await;
        self.run(&plan, How { verifier: Some(verifier), wait: true, cancel: Cancel::No }).await.0.expect("applies")
    }

    /// Returns the object's note and count in the cloud.
    fn there(&self) -> (Value, Value) {
        let thing = self.cloud.at(SERVICE).expect("the service is there");
        (thing.inputs["note"].clone(), thing.inputs["count"].clone())
    }

    fn object(&self) -> provisioner_model::state::Object {
        let state = self.store.state().expect("a state");
        state.rows[SERVICE].current().expect("an object").clone()
    }

    async fn assert_settled(&self, note: u8) {
        let plan = self.plan(&stack(note)).await;
        assert!(plan.is_empty(), "{:#?}", plan.steps);
        assert_eq!(self.there(), (json!(note), json!(2)));
        assert_eq!((self.object().inputs["note"].clone(), self.object().pending), (json!(note), None));
        assert_eq!(self.cloud.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn failed_rollout_is_rolled_back() {
    let fixture = RolloutFixture::new();
    assert!(fixture.apply(1, &Good(&[1])).await.is_complete());
    fixture.assert_settled(1).await;

    let plan = fixture.plan(&stack(2)).await;
    let StepAction::Update { write, .. } = &plan.steps[0].action else { panic!("{:?}", plan.steps) };
    assert_eq!(write.rollback_inputs, Some(json!({ "doc": "one", "note": 1 })), "the plan says what is put back");
    let (outcome, events) =
        fixture.run(&plan, How { verifier: Some(&Good(&[1])), wait: true, cancel: Cancel::No }).await;
    let outcome = outcome.unwrap();
    let why = &outcome.failed[0].1;
    assert!(why.contains("nobody answers") && why.ends_with("rolled back to the previous version"), "{why}");
    let reported: Vec<&EventKind> =
        events.iter().map(|event| &event.kind).filter(|kind| format!("{kind:?}").contains("nobody answers")).collect();
    let [EventKind::RollingBack { failure }] = reported[..] else { panic!("not reported once: {events:?}") };
    assert_eq!(failure.hint.as_deref(), Some("ask again"));
    let rolled_back = |event: &&Event| matches!(&event.kind, EventKind::Failed(failure) if failure.summary == "rolled back to the previous version");
    assert_eq!(events.iter().filter(rolled_back).count(), 1, "{events:?}");
    fixture.assert_settled(1).await;

    assert!(fixture.apply(2, &Good(&[2])).await.is_complete());
    fixture.assert_settled(2).await;
}

#[tokio::test]
async fn failed_first_rollout_scales_to_zero_and_is_retried() {
    let fixture = RolloutFixture::new();
    for _ in 0..2 {
        let outcome = fixture.apply(1, &Good(&[])).await;
        assert!(outcome.failed[0].1.contains("held back until the next apply"), "{outcome:?}");
        assert_eq!(fixture.there(), (json!(1), json!(0)));
        assert_eq!(fixture.object().inputs["count"], 0, "the state is truthful");
    }
    assert!(fixture.apply(1, &Good(&[1])).await.is_complete());
    fixture.assert_settled(1).await;
}

#[tokio::test]
async fn rollout_without_a_verifier_is_not_verified() {
    let fixture = RolloutFixture::new();
    let plan = fixture.plan(&stack(1)).await;
    let (outcome, events) = fixture.run(&plan, How { verifier: None, wait: true, cancel: Cancel::No }).await;
    assert!(outcome.unwrap().is_complete() && !events.iter().any(|event| matches!(event.kind, EventKind::Verifying)));
    fixture.assert_settled(1).await;
}

#[tokio::test]
async fn rollout_without_wait_is_resumed_later() {
    let fixture = RolloutFixture::new();
    assert!(fixture.apply(1, &Good(&[1])).await.is_complete());
    let plan = fixture.plan(&stack(2)).await;
    let (outcome, _) = fixture.run(&plan, How { verifier: Some(&Good(&[])), wait: false, cancel: Cancel::No }).await;
    assert!(outcome.unwrap().is_complete());
    let left = fixture.object();
    let pending = left.pending.expect("it is pending");
    assert_eq!((pending.operation, pending.inputs.unwrap()["note"].clone()), (Operation::Update, json!(2)));
    assert_eq!(left.inputs["note"], 1, "the last good one is still known");

    let updates = fixture.cloud.count(Call::Update);
    assert!(fixture.apply(2, &Good(&[2])).await.is_complete());
    assert_eq!(fixture.cloud.count(Call::Update), updates, "it was sent before, and not again");
    fixture.assert_settled(2).await;
}

#[tokio::test]
async fn failed_rollout_without_wait_rolls_back_to_the_last_good_inputs() {
    let fixture = RolloutFixture::new();
    assert!(fixture.apply(1, &Good(&[1])).await.is_complete());
    let plan = fixture.plan(&stack(2)).await;
    let (outcome, _) = fixture.run(&plan, How { verifier: None, wait: false, cancel: Cancel::No }).await;
    assert!(outcome.unwrap().is_complete());
    assert_eq!(fixture.apply(2, &Good(&[1])).await.failed.len(), 1);
    fixture.assert_settled(1).await;
}

#[tokio::test]
async fn interrupt_leaves_or_rolls_back_the_rollout() {
    let fixture = RolloutFixture::new();
    assert!(fixture.apply(1, &Good(&[1])).await.is_complete());

    let plan = fixture.plan(&stack(2)).await;
    let (outcome, _) = fixture.run(&plan, How { verifier: Some(&Endless), wait: true, cancel: Cancel::Leave }).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.left, outcome.cancelled, outcome.failed.len()), (1, true, 0));
    assert_eq!(fixture.there().0, 2, "the rollout continues");
    assert_eq!(fixture.object().inputs["note"], 1);

    let plan = fixture.plan(&stack(2)).await;
    let (outcome, _) = fixture.run(&plan, How { verifier: Some(&Endless), wait: true, cancel: Cancel::RollBack }).await;
    let outcome = outcome.unwrap();
    assert!(outcome.failed[0].1.contains("as requested"), "{outcome:?}");
    fixture.assert_settled(1).await;
}

#[tokio::test]
async fn crash_at_any_journal_entry_of_a_rollback_loses_nothing() {
    for first in [true, false] {
        for death in [Death::Before, Death::After] {
            for at in 1.. {
                let fixture = RolloutFixture::new();
                if !first {
                    assert!(fixture.apply(1, &Good(&[1])).await.is_complete());
                }
                fixture.store.die_at(at, death);
                let plan = fixture.plan(&stack(2)).await;
                drop(fixture.run(&plan, How { verifier: Some(&Good(&[1])), wait: true, cancel: Cancel::No }).await);
                let died = fixture.store.is_dead();
                fixture.store.revive();
                let outcome = fixture.apply(2, &Good(&[2])).await;
                assert!(outcome.is_complete(), "first {first}, {death:?} at {at}: {outcome:?}");
                fixture.assert_settled(2).await;
                if !died {
                    assert!(at > 5, "an undo has entries of its own: {at}");
                    break;
                }
            }
        }
    }
}
