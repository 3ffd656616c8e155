//! Refresh, drift and plan.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use provisioner_engine::{Refresh, Tuning, refresh};
#[cfg(feature = "aws")]
use provisioner_model::Severity;
use provisioner_model::{
    Diagnostic, Environment,
    plan::{Drift, Plan},
    stack::{Desired, MAIN},
    state::{ProviderTarget, Snapshot},
};
use provisioner_planner::{Input, Observations, Selection, verify};

use super::Session;
use crate::{
    declaration::Declaration,
    error::Failure,
    options::{Pace, PreflightOptions},
    terminal,
};

/// The objects that a refresh reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefreshScope {
    /// Every recorded object, and those that the stack may adopt.
    All,
    /// Objects that an interrupted apply left unfinished.
    Pending,
    /// The objects of these resources, and those that an interrupted apply left unfinished.
    Resources(Vec<String>),
}

impl<E: Environment> Session<'_, E> {
    /// Reads the objects from their providers.
    pub(crate) async fn refresh(
        &self,
        desired: &Desired,
        scope: RefreshScope,
        pace: &Pace,
    ) -> Result<Observations, Failure> {
        let snapshot = match &scope {
            RefreshScope::All | RefreshScope::Pending => Cow::Borrowed(&self.snapshot),
            RefreshScope::Resources(addresses) => Cow::Owned(narrowed(&self.snapshot, addresses)),
        };
        let mut tuning = tuning(pace);
        if self.current_run.is_some() {
            // Objects that another run is creating may appear at any time: a plan does not wait for them.
            tuning.consistency_window = Some(Duration::ZERO);
        }
        let input = Refresh {
            registry: self.program.registry(),
            clouds: &self.clouds,
            snapshot: &snapshot,
            desired,
            tuning,
            pending_only: scope == RefreshScope::Pending,
        };
        let mut observed = refresh(&input).await.map_err(Failure::Unread)?;
        observed.run_in_progress = self.current_run.is_some();
        Ok(observed)
    }

    /// Compares the observed objects with the recorded ones.
    pub(crate) fn drift(&self, declaration: &Declaration, observed: &Observations) -> Result<Vec<Drift>, Failure> {
        let (selection, targets) = (Selection::default(), BTreeMap::new());
        provisioner_planner::drift(&self.planner_input(&declaration.desired, observed, &selection, &targets))
            .map_err(Failure::Planning)
    }

    /// Plans the way from the observed objects to the declared ones, and verifies the plan.
    pub(crate) fn plan(
        &self,
        declaration: &Declaration,
        observed: &Observations,
        selection: &Selection,
    ) -> Result<Plan, Failure> {
        let targets = BTreeMap::from([(MAIN.to_owned(), self.target.clone())]);
        let input = self.planner_input(&declaration.desired, observed, selection, &targets);
        let mut plan = provisioner_planner::plan(&input).map_err(Failure::Planning)?;
        let contradictions = verify::plan(&plan);
        if !contradictions.is_empty() {
            return Err(Failure::Contradiction(contradictions));
        }
        plan.notices.extend(declaration.notices.iter().cloned());
        if self.stopped && self.snapshot.stopped && !declaration.desired.resources.is_empty() {
            let summary = "the environment is stopped, and this plan leaves it so";
            let hint = format!("start it: provisioner start {}", self.environment.name);
            plan.notices.push(Diagnostic::warning(summary).hint(hint));
        }
        if let Some(run) = &self.current_run {
            let summary = format!("another run is in progress: {run}");
            let hint = "the plan shows the state as far as that run has recorded it; plan again when it has ended";
            plan.notices.push(Diagnostic::warning(summary).hint(hint));
        }
        Ok(plan)
    }

    /// Fails if AWS has a stack of this environment that belongs to another state, while most of the stack is not in this
    /// one, as before the first apply.
    #[cfg(feature = "aws")]
    pub(crate) async fn check_for_other_stacks(
        &self,
        declaration: &mut Declaration,
        options: PreflightOptions,
    ) -> Result<(), Failure> {
        // An import or two does not make this state that of the stack.
        let is_small = self.snapshot.rows.len() * 2 < declaration.desired.resources.len();
        if options.no_preflight || !is_small {
            return Ok(());
        }
        let findings =
            provisioner_aws::preflight::other_stacks(&self.clouds, &declaration.desired, &self.snapshot.lineage);
        declaration.notices.extend(without_errors(findings.await.map_err(Failure::Preflight)?)?);
        Ok(())
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "as the one with AWS, which asks")]
    pub(crate) async fn check_for_other_stacks(&self, _: &mut Declaration, _: PreflightOptions) -> Result<(), Failure> {
        Ok(())
    }

    /// Checks the plan against what AWS offers in this account and region. Warnings become notices of the plan.
    #[cfg(feature = "aws")]
    pub(crate) async fn preflight(
        &self,
        desired: &Desired,
        plan: &mut Plan,
        options: PreflightOptions,
    ) -> Result<(), Failure> {
        if options.no_preflight {
            return Ok(());
        }
        let findings = provisioner_aws::preflight::findings(&self.clouds, desired, plan).await;
        let mut findings = findings.map_err(Failure::Preflight)?;
        for finding in &mut findings {
            let declared = finding.address.as_ref().and_then(|address| desired.resources.get(address));
            finding.location = declared.map(|declared| Box::new(declared.at.into()));
        }
        plan.notices.extend(without_errors(findings)?);
        Ok(())
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "as the one with AWS, which asks")]
    pub(crate) async fn preflight(&self, _: &Desired, _: &mut Plan, _: PreflightOptions) -> Result<(), Failure> {
        Ok(())
    }

    /// Refuses a plan that deletes the role of this run.
    #[cfg(feature = "aws")]
    pub(super) async fn check_own_role(&self, plan: &Plan) -> Result<(), Failure> {
        match provisioner_aws::preflight::own_role(&self.clouds, plan).await.map_err(Failure::Preflight)? {
            Some(finding) => Err(Failure::Planning(vec![finding])),
            None => Ok(()),
        }
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "as the one with AWS, which asks")]
    pub(super) async fn check_own_role(&self, _: &Plan) -> Result<(), Failure> {
        Ok(())
    }

    fn planner_input<'i>(
        &'i self,
        desired: &'i Desired,
        observed: &'i Observations,
        selection: &'i Selection,
        targets: &'i BTreeMap<String, ProviderTarget>,
    ) -> Input<'i> {
        Input { desired, snapshot: &self.snapshot, observed, registry: self.program.registry(), selection, targets }
    }
}

/// The engine's timing, with the overrides of the command line.
pub(super) fn tuning(pace: &Pace) -> Tuning {
    Tuning {
        consistency_window: pace.consistency_window.map(Duration::from_secs),
        poll: pace.poll_limit(),
        ..Tuning::new(terminal::now, terminal::token)
    }
}

/// The state of these resources, and of what an interrupted apply left unfinished.
fn narrowed(snapshot: &Snapshot, addresses: &[String]) -> Snapshot {
    let mut snapshot = snapshot.clone();
    snapshot.rows.retain(|address, row| {
        addresses.contains(address) || row.objects.iter().any(|object| object.pending.is_some())
    });
    snapshot
}

/// Returns the warnings, unless there are errors.
#[cfg(feature = "aws")]
fn without_errors(findings: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Failure> {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    if errors.is_empty() { Ok(warnings) } else { Err(Failure::Planning(errors)) }
}
