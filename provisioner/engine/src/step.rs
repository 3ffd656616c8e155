//! One step: start, call, answer, wait, read, compare, complete. Each is journaled before the next.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use provisioner_model::{
    Diagnostic,
    erased::{Clouds, ObservedState, ResourceRegistry, ResourceType},
    expr::resolve,
    journal::JournalEntry,
    ownership::TOKEN,
    plan::{Step, StepAction, Write},
    resource::Owner,
    state::{Object, ObjectRole, Operation, Origin, Pending, Row, Snapshot},
};
use provisioner_planner::diff::{Resolved, differences, fill_stopped};
use provisioner_store::{Store, StoreError};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time::Instant,
};

use crate::{
    batch::Batch,
    event::{Cancel, Event, EventKind},
    fresh::Writes,
    limits::Limits,
    rollout::Sent,
    step_error::StepError,
    tuning::Tuning,
    verification::Verifier,
};

/// Data that the steps of one run share.
pub(crate) struct Run<'a> {
    pub(crate) registry: &'a ResourceRegistry,
    pub(crate) clouds: &'a Clouds,
    pub(crate) store: &'a dyn Store,
    pub(crate) reads: Batch<'a>,
    pub(crate) lineage: String,
    /// The objects that the state had when the run began, by type and ID: one that is being deleted may still be found.
    pub(crate) ours: HashSet<(String, String)>,
    pub(crate) state: Mutex<Snapshot>,
    pub(crate) tuning: Tuning,
    pub(crate) events: UnboundedSender<Event>,
    pub(crate) cancel: watch::Receiver<Cancel>,
    pub(crate) verifier: Option<&'a dyn Verifier>,
    pub(crate) wait: bool,
    /// The region by whose rules inputs are checked; `None` if they are not.
    pub(crate) region: Option<String>,
    pub(crate) limits: Limits,
    /// The steps of the plan.
    pub(crate) steps: &'a [Step],
    pub(crate) writes: Writes,
    /// `true` if the environment is stopped by the plan, or stays so.
    pub(crate) stopped: bool,
}

/// One step under way.
#[derive(Clone, Copy)]
pub(crate) struct StepExecution<'r, 'a> {
    pub(crate) run: &'r Run<'a>,
    pub(crate) number: usize,
    pub(crate) step: &'a Step,
    pub(crate) resource_type: &'a dyn ResourceType,
    /// `true` while the engine rolls back a failed write.
    pub(crate) rolling_back: bool,
}

impl Run<'_> {
    /// Durable first, then known.
    pub(crate) async fn record(&self, entry: JournalEntry) -> Result<(), StoreError> {
        self.store.append(entry.clone()).await?;
        self.state().fold(entry);
        Ok(())
    }

    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, Snapshot> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, step: usize, kind: EventKind) {
        // The run continues without a receiver.
        drop(self.events.send(Event { step, kind }));
    }

    /// An output as it is now.
    pub(crate) fn output(&self, address: &str, path: &str) -> Option<Value> {
        self.state().output(address, path)
    }

    pub(crate) fn cancelled(&self) -> bool {
        *self.cancel.borrow() != Cancel::No
    }

    /// Completes when the run is to end at once.
    pub(crate) async fn stopped(&self) {
        let mut cancel = self.cancel.clone();
        let stopped = cancel.wait_for(|request| *request == Cancel::Stop).await.is_ok();
        if !stopped {
            // Whoever could stop the run has gone: nobody will.
            std::future::pending::<()>().await;
        }
    }
}

impl StepExecution<'_, '_> {
    /// Carries the step out. The id of the object, where there is one after.
    pub(crate) async fn run(&self) -> Result<Option<String>, StepError> {
        match &self.step.action {
            StepAction::Create(write) => self.create(write).await.map(Some),
            StepAction::Update { token, write } => self.update(token, write).await.map(Some),
            StepAction::Adopt { id, write } => self.adopt(id, write).await.map(Some),
            StepAction::DisableDeletionProtection { token, fields } => {
                self.disable_deletion_protection(token, fields).await
            }
            StepAction::Delete { token, .. } => self.delete(token).await,
            StepAction::Release { token } => self.release(token).await.map(|()| None),
            StepAction::Forget { token } => {
                self.run.record(JournalEntry::Removed { address: self.address(), token: token.clone() }).await?;
                Ok(None)
            }
            StepAction::Record { token, write } => self.write_down(token, write).await,
            StepAction::Rename { from } => {
                self.run.record(JournalEntry::Renamed { from: from.clone(), to: self.address() }).await?;
                Ok(None)
            }
        }
    }

    pub(crate) fn tell(&self, kind: EventKind) {
        self.run.tell(self.number, kind);
    }

    pub(crate) fn address(&self) -> String {
        self.step.address.clone()
    }

    pub(crate) fn row(&self, write: &Write) -> Row {
        Row {
            type_name: self.step.type_name.clone(),
            version: write.version,
            provider: self.step.provider.clone(),
            options: write.options.clone(),
            needs: write.needs.clone(),
            objects: vec![],
        }
    }

    pub(crate) fn recorded(&self, token: &str) -> Result<Object, StepError> {
        let mut state = self.run.state();
        let object = state.object(&self.step.address, token).cloned();
        object.ok_or_else(|| StepError::outdated("the state no longer has the object of the plan"))
    }

    fn owner(&self, object: &Object) -> Owner {
        object.owner(&self.run.lineage, &self.step.address)
    }

    /// The inputs with every output filled in, checked against what the plan knew.
    pub(crate) fn resolved(&self, write: &Write) -> Result<Value, StepError> {
        let mut unknown = vec![];
        let mut declared = Cow::Borrowed(&write.declared);
        if self.run.stopped {
            fill_stopped(self.resource_type, declared.to_mut());
        }
        let inputs = resolve(&declared, &|address, path| self.run.output(address, path), &mut unknown);
        if !unknown.is_empty() {
            unknown.sort_unstable();
            unknown.dedup();
            return Err(StepError::other(
                format!("{} is unknown: the object does not return it", unknown.join(", ")),
                "refer to an output that the object has with its settings, or state the value itself",
            ));
        }
        let changed =
            |field: &&String| !write.unknown.contains(*field) && inputs.get(*field) != write.planned.get(*field);
        let planned = write.planned.as_object();
        if let Some(field) = planned.into_iter().flat_map(serde_json::Map::keys).find(changed) {
            return Err(StepError::outdated(format!("{field} differs from the plan because a dependency changed")));
        }
        Ok(inputs)
    }

    /// The resolved inputs, unless the cloud would refuse them: then nothing is sent.
    fn checked(&self, write: &Write) -> Result<Value, StepError> {
        let inputs = self.resolved(write)?;
        let region = self.run.region.iter();
        let findings: Vec<Diagnostic> =
            region.flat_map(|region| self.resource_type.findings(&inputs, region)).collect();
        match <[Diagnostic; 1]>::try_from(findings) {
            Ok([finding]) => Err(StepError::Failed(Box::new(finding))),
            Err(findings) if findings.is_empty() => Ok(inputs),
            Err(findings) => {
                let detail = findings.iter().map(|finding| finding.summary.clone()).collect();
                let summary = "the provider would refuse several inputs; nothing was sent";
                Err(StepError::Failed(Box::new(Diagnostic { detail, ..Diagnostic::error(summary) })))
            }
        }
    }

    async fn create(&self, write: &Write) -> Result<String, StepError> {
        let mut inputs = self.checked(write)?;
        let token = (self.run.tuning.token)();
        if self.resource_type.info().tagged {
            inputs["tags"][TOKEN] = json!(token);
        }
        let shares = write.origin == Origin::Shared;
        if write.key_may_exist
            && let Some(id) = self.key_claimed(&inputs, write).await?
        {
            if shares {
                return self.share(&id, write).await;
            }
            let environment = self.run.state().environment.clone();
            return Err(StepError::Taken { id, address: self.address(), environment });
        }
        let object = Object {
            id: None,
            generation: write.generation,
            token: token.clone(),
            made_at: (self.run.tuning.now)(),
            origin: write.origin,
            role: ObjectRole::Current,
            pending: Some(Pending { operation: Operation::Create, receipt: None, inputs: None }),
            declared: write.declared.clone(),
            inputs: inputs.clone(),
            outputs: None,
        };
        let row = self.row(write);
        self.run
            .record(JournalEntry::CreateStarted {
                address: self.address(),
                row: Box::new(row.clone()),
                object: Box::new(object),
            })
            .await?;
        // Its role follows from the objects beside it.
        let mut object = self.recorded(&token)?;
        let owner = self.owner(&object);
        let (id, receipt) = match self.make(&inputs, &owner).await {
            Ok(made) => made,
            Err(step_error) => {
                // What may have taken effect stays in the journal: the next refresh looks for it.
                if !step_error.may_have_effect() {
                    self.run.record(JournalEntry::HadNoEffect { address: self.address(), token, before: None }).await?;
                }
                // Another environment has created the shared object at the same time.
                if shares
                    && step_error.is_exists()
                    && let Some(id) = self.key_claimed(&inputs, write).await?
                {
                    return self.share(&id, write).await;
                }
                return Err(step_error);
            }
        };
        self.run
            .record(JournalEntry::Answered { address: self.address(), token, id: id.clone(), receipt: receipt.clone() })
            .await?;
        self.tell(EventKind::Created { id: id.clone() });
        object.id = Some(id.clone());
        self.finish(row, Sent { write, object, inputs, receipt }).await?;
        Ok(id)
    }

    pub(crate) async fn end(
        &self,
        row: Row,
        object: Object,
        inputs: Value,
        observed: ObservedState,
    ) -> Result<(), StepError> {
        let object = Object { pending: None, inputs, outputs: Some(observed.outputs), ..object };
        self.run
            .record(JournalEntry::Completed { address: self.address(), row: Box::new(row), object: Box::new(object) })
            .await?;
        Ok(())
    }

    async fn update(&self, token: &str, write: &Write) -> Result<String, StepError> {
        let object = self.identified(token).await?;
        let object = object.ok_or_else(|| StepError::outdated("the created object does not exist"))?;
        let id = object.id.clone().unwrap_or_default();
        let receipt = object.pending.as_ref().and_then(|pending| pending.receipt.clone());
        let inputs = self.checked(write)?;
        let observed = self.read(&id).await?;
        let observed =
            observed.ok_or_else(|| StepError::outdated(format!("{id} was deleted after the plan was made")))?;
        let resolved = Resolved::known(inputs.clone());
        let matches = |observed: &ObservedState| {
            differences(self.resource_type, &resolved, &object, observed, &write.options.ignore).is_empty()
        };
        let differs = !matches(&observed);
        let mut handed_out = receipt;
        let begun = object.pending.as_ref().filter(|pending| pending.operation == Operation::Update);
        // One that has answered, and wrote just this, only remains to be waited for.
        let sent = begun.is_some_and(|begun| begun.receipt.is_some() && begun.inputs.as_ref() == Some(&inputs));
        if differs || (begun.is_some() && !sent) {
            let begun = JournalEntry::UpdateStarted {
                address: self.address(),
                token: token.to_owned(),
                inputs: inputs.clone(),
            };
            self.run.record(begun).await?;
            let recorded = object.recorded_state(&self.run.lineage, &self.step.address);
            if let Some(recorded) = recorded {
                handed_out = self.write(&inputs, recorded, observed, &matches).await?;
                let made = JournalEntry::Answered {
                    address: self.address(),
                    token: token.to_owned(),
                    id: id.clone(),
                    receipt: handed_out.clone(),
                };
                self.run.record(made).await?;
            }
        }
        self.finish(self.row(write), Sent { write, object, inputs, receipt: handed_out }).await?;
        Ok(id)
    }

    /// The recorded object with its ID, looked for by its token where the answer to its create was lost. None if its
    /// create had no effect.
    pub(crate) async fn identified(&self, token: &str) -> Result<Option<Object>, StepError> {
        let object = self.recorded(token)?;
        if object.id.is_some() {
            return Ok(Some(object));
        }
        let Some(id) = self.found(&object.inputs, &self.owner(&object), true).await? else { return Ok(None) };
        let made = JournalEntry::Answered {
            address: self.address(),
            token: object.token.clone(),
            id: id.clone(),
            receipt: None,
        };
        self.run.record(made).await?;
        Ok(Some(Object { id: Some(id), ..object }))
    }

    async fn write_down(&self, token: &str, write: &Write) -> Result<Option<String>, StepError> {
        let object = self.recorded(token)?;
        let inputs = self.resolved(write)?;
        let id = object.id.clone();
        let role = ObjectRole::Current;
        let object = Object { declared: write.declared.clone(), inputs, pending: None, role, ..object };
        let row = self.row(write);
        self.run
            .record(JournalEntry::Completed { address: self.address(), row: Box::new(row), object: Box::new(object) })
            .await?;
        Ok(id)
    }

    /// Writes an object's observed inputs with a few changed values.
    pub(crate) async fn adjust(
        &self,
        object: &Object,
        change: impl Fn(&mut Value) + Sync,
    ) -> Result<Option<ObservedState>, StepError> {
        let id = object.id.clone().unwrap_or_default();
        let Some(observed) = self.read(&id).await? else {
            return Ok(None);
        };
        let changed = |observed: &ObservedState| {
            let mut inputs = observed.inputs.clone();
            change(&mut inputs);
            inputs
        };
        let desired = changed(&observed);
        let begun = JournalEntry::UpdateStarted {
            address: self.address(),
            token: object.token.clone(),
            inputs: desired.clone(),
        };
        self.run.record(begun).await?;
        let mut receipt = None;
        if let Some(recorded) = object.recorded_state(&self.run.lineage, &self.step.address) {
            let matches = |observed: &ObservedState| changed(observed) == observed.inputs;
            receipt = self.write(&desired, recorded, observed, &matches).await?;
        }
        Ok(Some(self.ready(object, &desired, receipt.as_ref()).await?))
    }

    async fn disable_deletion_protection(&self, token: &str, fields: &[String]) -> Result<Option<String>, StepError> {
        let Some(object) = self.identified(token).await? else { return Ok(None) };
        let lift = |inputs: &mut Value| fields.iter().for_each(|field| inputs[field] = json!(false));
        if let Some(observed) = self.adjust(&object, lift).await? {
            let mut inputs = object.inputs.clone();
            lift(&mut inputs);
            let row = self.run.state().rows.get(&self.step.address).cloned();
            if let Some(row) = row {
                self.end(row, object.clone(), inputs, observed).await?;
            }
        }
        Ok(object.id)
    }

    /// Deletes the object. Returns its ID if it stays, since other environments have begun to share it.
    async fn delete(&self, token: &str) -> Result<Option<String>, StepError> {
        let object = self.identified(token).await?;
        if let Some(id) = self.gained_users(object.as_ref()).await? {
            self.tell(EventKind::Released { id: id.clone() });
            self.release(token).await?;
            return Ok(Some(id));
        }
        let recorded = object.as_ref().and_then(|object| object.recorded_state(&self.run.lineage, &self.step.address));
        if let Some(recorded) = recorded {
            let begun = JournalEntry::DeleteStarted { address: self.address(), token: token.to_owned() };
            self.run.record(begun).await?;
            let visible = object.as_ref().and_then(|object| self.visible_at(object));
            loop {
                if let Err(step_error) = self.take_down(&recorded, visible.is_some()).await {
                    // A delete that had no effect is over: should the program want the object again, it stays.
                    if !step_error.may_have_effect() {
                        let before = object.and_then(|object| object.pending);
                        let (address, token) = (self.address(), token.to_owned());
                        self.run.record(JournalEntry::HadNoEffect { address, token, before }).await?;
                    }
                    return Err(step_error);
                }
                if self.gone(&recorded.id, visible).await? {
                    break;
                }
            }
        }
        self.run.record(JournalEntry::Removed { address: self.address(), token: token.to_owned() }).await?;
        Ok(None)
    }

    /// Returns the moment from which the object's absence proves that it does not exist; `None` if it does so already.
    /// Only an object whose create was interrupted moments ago may still be invisible.
    fn visible_at(&self, object: &Object) -> Option<Instant> {
        let window = self.run.tuning.consistency_window(self.resource_type.info().consistency_window);
        let age = Duration::from_secs((self.run.tuning.now)().saturating_sub(object.made_at));
        let left = window.checked_sub(age).filter(|left| !left.is_zero() && object.outputs.is_none())?;
        Some(Instant::now() + left)
    }
}
