//! A cloud and a store in memory, and the engine between them.
#![allow(
    clippy::expect_used,
    clippy::format_collect,
    clippy::format_push_string,
    dead_code,
    reason = "what fails here panics, and tells at length; each test binary uses a part of it"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use provisioner_engine::{Apply, Cancel, Event, EventKind, Outcome, Refresh, Tuning, apply, refresh};
use provisioner_model::{
    erased::{Clouds, ResourceRegistry},
    plan::{Action, Plan},
    stack::Desired,
    state::Snapshot,
};
use provisioner_planner::{Input, Selection, plan, protected, verify};
use provisioner_store::{Holder, StateReader};
use provisioner_testkit::{
    cloud::{Fake, types},
    generate::ENVIRONMENT,
    store::Memory,
    tuning::tuning,
};

/// The lineage of every state here.
pub(crate) const LINEAGE: &str = "0123456789abcdef";

/// A cloud, a store, and what has been seen in them.
pub(crate) struct Simulation {
    pub(crate) cloud: Fake,
    pub(crate) clouds: Clouds,
    pub(crate) store: Memory,
    pub(crate) registry: ResourceRegistry,
    pub(crate) lineage: &'static str,
    pub(crate) tuning: Tuning,
    /// Violations that `verify` reported for intermediate states.
    pub(crate) wrong: Arc<Mutex<Vec<String>>>,
    /// Another hand, or a run that was cut off, has deleted something: until the next run is done, the state may need what is not there.
    pub(crate) robbed: AtomicBool,
}

impl Simulation {
    pub(crate) fn new() -> Self {
        Self::with(Fake::default(), Memory::new(ENVIRONMENT))
    }

    pub(crate) fn with(cloud: Fake, store: Memory) -> Self {
        let mut clouds = Clouds::default();
        clouds.add("main", cloud.clone());
        let wrong = Arc::new(Mutex::new(vec![]));
        let reports = wrong.clone();
        let kinds = types::registry();
        store.watch(move |state| {
            reports.lock().unwrap_or_else(PoisonError::into_inner).extend(verify::snapshot(state, &kinds));
        });
        let (registry, lineage, tuning) = (types::registry(), LINEAGE, tuning());
        Self { cloud, clouds, store, registry, lineage, tuning, wrong, robbed: false.into() }
    }

    pub(crate) fn fork(&self) -> Self {
        Self::with(self.cloud.fork(), self.store.fork())
    }

    pub(crate) async fn plan(&self, desired: &Desired) -> Result<Plan, String> {
        let snapshot = self.store.load().await.map_err(|e| e.to_string())?;
        let snapshot = snapshot.unwrap_or_else(|| Snapshot::new(self.lineage, ENVIRONMENT));
        let input = Refresh {
            registry: &self.registry,
            clouds: &self.clouds,
            snapshot: &snapshot,
            desired,
            tuning: self.tuning,
            pending_only: false,
        };
        let observed = refresh(&input).await.map_err(|unread| format!("{unread:?}"))?;
        let input = Input {
            desired,
            snapshot: &snapshot,
            observed: &observed,
            registry: &self.registry,
            selection: &Selection::default(),
            targets: &BTreeMap::new(),
        };
        let plan = plan(&input).map_err(|problems| {
            problems
                .iter()
                .map(|p| format!("no plan: {p} ({})\n", p.hint.as_deref().unwrap_or_default()))
                .collect::<String>()
        })?;
        let wrong = verify::plan(&plan);
        if wrong.is_empty() { Ok(plan) } else { Err(format!("{wrong:?}\n{}", plan_text(&plan))) }
    }

    pub(crate) async fn apply(&self, plan: &Plan) -> Result<Outcome, String> {
        Ok(self.apply_with_events(plan).await?.0)
    }

    pub(crate) async fn apply_with_events(&self, plan: &Plan) -> Result<(Outcome, Vec<Event>), String> {
        let (_cancel, cancel) = tokio::sync::watch::channel(Cancel::No);
        self.apply_until(plan, cancel).await
    }

    pub(crate) async fn apply_until(
        &self,
        plan: &Plan,
        cancel: tokio::sync::watch::Receiver<Cancel>,
    ) -> Result<(Outcome, Vec<Event>), String> {
        let (events, mut sent) = tokio::sync::mpsc::unbounded_channel();
        let holder = Holder { owner: "test".into(), host: "here".into(), pid: 1, command: "apply".into(), since: 0 };
        let state = self.store.load().await.map_err(|e| e.to_string())?;
        let state = state.unwrap_or_else(|| Snapshot::new(plan.lineage.clone(), plan.facts.environment.clone()));
        let consent: BTreeSet<String> = protected(plan, &state);
        let input = Apply {
            plan,
            registry: &self.registry,
            clouds: &self.clouds,
            store: &self.store,
            holder,
            consent: &consent,
            events,
            cancel,
            verifier: None,
            wait: true,
            checks_inputs: true,
            tuning: self.tuning,
        };
        let outcome = apply(input).await.map_err(|e| format!("{e}: {:?}", std::error::Error::source(&e)))?;
        let mut events = vec![];
        while let Ok(event) = sent.try_recv() {
            if let EventKind::Failed(failure) | EventKind::RollingBack { failure } = &event.kind
                && (failure.address.is_none() || failure.hint.is_none())
            {
                return Err(format!("the failure does not say what to do: {failure:?}"));
            }
            events.push(event);
        }
        Ok((outcome, events))
    }

    /// Plans and applies, after which a plan must be empty. What the plan said.
    pub(crate) async fn converge(&self, desired: &Desired) -> Result<Plan, String> {
        let plan = self.plan(desired).await?;
        let outcome = self.apply(&plan).await?;
        if !outcome.is_complete() {
            return Err(format!("not complete: {outcome:?}\n{}", plan_text(&plan)));
        }
        self.check(&plan)?;
        let again = self.plan(desired).await?;
        if !again.is_empty() {
            return Err(format!("the plan after is not empty:\n{}after\n{}", plan_text(&again), plan_text(&plan)));
        }
        Ok(plan)
    }

    pub(crate) fn check(&self, plan: &Plan) -> Result<(), String> {
        let violations = self.cloud.violations();
        if !violations.is_empty() {
            return Err(format!("{violations:#?}\n{}", plan_text(plan)));
        }
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if self.robbed.swap(false, Ordering::Relaxed) {
            wrong.retain(|wrong| !wrong.ends_with("which is not in the state"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("states on the way: {wrong:#?}\n{}", plan_text(plan))) }
    }
}

pub(crate) fn plan_text(plan: &Plan) -> String {
    let mut out = String::new();
    for (address, planned) in plan.resources.iter().filter(|(_, planned)| planned.action != Action::NoChange) {
        let changes: Vec<&str> = planned.changes.iter().map(|change| &*change.field).collect();
        out += &format!("  {:?} {address} {changes:?} because {:?}\n", planned.action, planned.reasons);
    }
    for (number, step) in plan.steps.iter().enumerate() {
        out += &format!("  {number} {} {} after {:?}\n", step.action.verb(), step.address, step.after);
    }
    out
}
