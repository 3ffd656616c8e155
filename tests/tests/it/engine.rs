//! The engine on an emulator, without the command line: made, in place, gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use provisioner_aws::{
    ec2::{Subnet, Vpc},
    rds::SubnetGroup,
    registry,
};
use provisioner_cli::template::template;
use provisioner_engine::{Apply, Outcome, Refresh, Tuning, apply, refresh};
use provisioner_model::{
    Diagnostic,
    erased::{Clouds, RecordedState},
    plan::{Action, Plan},
    stack::{Desired, Facts, Handle, Stack},
    state::Snapshot,
};
use provisioner_planner::{Input, Selection, plan, verify};
use provisioner_store::{Disk, Holder, StateReader};
use provisioner_tests::{Emulator, Templates, skipped};

pub(crate) fn facts() -> Facts {
    Facts {
        environment: "dev".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        partition: "aws".into(),
        stopped: false,
        discovered: BTreeMap::new(),
    }
}

fn network(zones: &[&str]) -> Desired {
    let mut stack = Stack::new(facts());
    stack.default_tag("environment", "dev");
    stack.component("network", |stack| {
        let vpc = stack.add("main", Vpc::new("10.0.0.0/16").enable_dns_hostnames(true));
        for (number, zone) in zones.iter().enumerate() {
            let range = format!("10.0.{number}.0/24");
            stack.add(&format!("public-{zone}"), Subnet::new(vpc.id(), range, format!("us-east-1{zone}")));
        }
        stack.output("vpc", vpc.id());
    });
    stack.finish().unwrap()
}

/// Declares a network with two subnets, and the group of these for a database.
pub(crate) fn subnet_group(stack: &mut Stack) -> Handle<SubnetGroup> {
    let vpc = stack.add("main", Vpc::new("10.0.0.0/16"));
    let subnets = ["a", "b"].map(|zone| {
        let range = format!("10.0.{}.0/24", u8::from(zone == "b"));
        stack.add(zone, Subnet::new(vpc.id(), range, format!("us-east-1{zone}"))).id()
    });
    stack.add("main", SubnetGroup::new("of a test", subnets))
}

pub(crate) struct EngineFixture {
    clouds: Clouds,
    store: Disk,
    tuning: Tuning,
    /// The templates of the plans, which are judged at the end.
    templates: Templates,
    _folder: tempfile::TempDir,
}

impl EngineFixture {
    pub(crate) fn on(emulator: &Emulator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tuning = Tuning { consistency_window: Some(Duration::ZERO), ..Tuning::new(now, token) };
        let templates = Templates::in_folder(folder.path().join("templates")).unwrap();
        let store = Disk::new(folder.path(), "dev");
        Self { clouds: emulator.clouds(), store, tuning, templates, _folder: folder }
    }

    pub(crate) fn tuned(self, tune: impl FnOnce(Tuning) -> Tuning) -> Self {
        Self { tuning: tune(self.tuning), ..self }
    }

    /// Returns the type and the recorded state of a resource's object.
    pub(crate) async fn recorded(&self, address: &str) -> (String, RecordedState) {
        let snapshot = self.store.load().await.unwrap().unwrap();
        let row = &snapshot.rows[address];
        (row.type_name.clone(), row.objects[0].recorded_state(&snapshot.lineage, address).unwrap())
    }

    pub(crate) async fn plan(&self, desired: &Desired) -> Plan {
        self.try_plan(desired).await.unwrap()
    }

    pub(crate) async fn try_plan(&self, desired: &Desired) -> Result<Plan, Vec<Diagnostic>> {
        let snapshot = self.store.load().await.unwrap().unwrap_or_else(|| Snapshot::new("lineage", "dev"));
        let types = registry();
        if !desired.resources.is_empty() {
            self.templates.add(&template(desired, &types).unwrap()).unwrap();
        }
        assert_eq!(verify::snapshot(&snapshot, &types), [""; 0]);
        let input = Refresh {
            registry: &types,
            clouds: &self.clouds,
            snapshot: &snapshot,
            desired,
            tuning: self.tuning,
            pending_only: false,
        };
        let observed = refresh(&input).await.unwrap();
        let plan = plan(&Input {
            desired,
            snapshot: &snapshot,
            observed: &observed,
            registry: &types,
            selection: &Selection::default(),
            targets: &BTreeMap::new(),
        })?;
        assert_eq!(verify::plan(&plan), [""; 0]);
        Ok(plan)
    }

    pub(crate) async fn apply(&self, plan: &Plan) -> Outcome {
        let (events, _told) = tokio::sync::mpsc::unbounded_channel();
        let (_cancel, cancel) = tokio::sync::watch::channel(provisioner_engine::Cancel::No);
        let holder = Holder { owner: "test".into(), host: "here".into(), pid: 1, command: "apply".into(), since: 0 };
        let types = registry();
        apply(Apply {
            plan,
            registry: &types,
            clouds: &self.clouds,
            store: &self.store,
            holder,
            consent: &BTreeSet::new(),
            events,
            cancel,
            verifier: None,
            wait: true,
            checks_inputs: true,
            tuning: self.tuning,
        })
        .await
        .unwrap()
    }
}

fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test has the real time")]
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn token() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("00000000-0000-0000-0000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn network_is_created_extended_and_deleted() {
    let Some(moto) = Emulator::moto() else {
        return skipped("network_is_created_extended_and_deleted", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);

    let desired = network(&["a", "b"]);
    let first = fixture.plan(&desired).await;
    assert_eq!(first.steps.len(), 3);
    let outcome = fixture.apply(&first).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let second = fixture.plan(&desired).await;
    assert!(second.is_empty(), "{second:#?}");

    let grown = fixture.plan(&network(&["a", "b", "c"])).await;
    let actions: Vec<Action> = grown.resources.values().map(|planned| planned.action).collect();
    assert_eq!(actions.iter().filter(|action| **action != Action::NoChange).collect::<Vec<_>>(), [&Action::Create]);
    assert!(fixture.apply(&grown).await.is_complete());

    let nothing = Stack::new(facts()).finish().unwrap();
    let destroy = fixture.plan(&nothing).await;
    assert_eq!(destroy.steps.len(), 4);
    let outcome = fixture.apply(&destroy).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert!(fixture.plan(&nothing).await.is_empty());
}
