//! One step: begin, call, made, wait, read, compare, end; each written down before the next.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use provisioner_model::{
    erased::{Clouds, Erased, Last, Registry, Seen},
    error::{Error, Kind},
    expr::resolve,
    journal::Entry,
    ownership::{TOKEN, used_by},
    plan::{Action, Step, Write},
    resource::{Owner, Phase, Receipt},
    state::{Object, Operation, Origin, Pending, Row, Snapshot},
};
use provisioner_planner::diff::{Resolved, differences};
use provisioner_store::{Store, StoreError};
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc::UnboundedSender, watch},
    time::Instant,
};

use crate::{
    batch::Batch,
    event::Event,
    retry::{budget, hint, pause},
    tuning::Tuning,
};

/// What the steps of one run share.
pub(crate) struct Run<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) clouds: &'a Clouds,
    pub(crate) store: &'a dyn Store,
    pub(crate) reads: Batch<'a>,
    pub(crate) lineage: String,
    pub(crate) state: Mutex<Snapshot>,
    pub(crate) tuning: Tuning,
    pub(crate) events: UnboundedSender<Event>,
    pub(crate) cancel: watch::Receiver<bool>,
    pub(crate) calls: Semaphore,
}

/// Why a step did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("{0}")]
    Call(#[from] Error),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Other(String),
    #[error("cancelled while it was waited for: the next apply goes on from here")]
    Cancelled,
}

impl Stopped {
    /// What and why, the whole chain.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Call(error) => error.chain(),
            Self::Store(error) => {
                let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
                format!("{error}{source}")
            }
            other => other.to_string(),
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Call(error) => hint(error.kind, error.action),
            _ => None,
        }
    }
}

/// One step under way.
pub(crate) struct Doing<'r, 'a> {
    pub(crate) run: &'r Run<'a>,
    pub(crate) number: usize,
    pub(crate) step: &'a Step,
    pub(crate) kind: &'a dyn Erased,
}

impl Run<'_> {
    /// Durable first, then known.
    async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        self.store.append(entry.clone()).await?;
        self.state().fold(entry);
        Ok(())
    }

    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, Snapshot> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        drop(self.events.send(event));
    }

    /// An output as it is now.
    pub(crate) fn output(&self, address: &str, path: &str) -> Option<Value> {
        let state = self.state();
        let outputs = state.rows.get(address)?.current()?.outputs.as_ref()?;
        path.split('.').try_fold(outputs, |value, part| value.get(part)).filter(|value| !value.is_null()).cloned()
    }

    fn cancelled(&self) -> bool {
        *self.cancel.borrow()
    }
}

impl Doing<'_, '_> {
    /// Carries the step out. The id of the object, where there is one after.
    pub(crate) async fn run(&self) -> Result<Option<String>, Stopped> {
        match &self.step.action {
            Action::Create(write) => self.create(write).await.map(Some),
            Action::Update { token, write } => self.update(token, write).await.map(Some),
            Action::Adopt { id, write } => self.adopt(id, write).await.map(Some),
            Action::Unguard { token, fields } => self.unguard(token, fields).await,
            Action::Delete { token, .. } => self.delete(token).await.map(|()| None),
            Action::Release { token } => self.release(token).await.map(|()| None),
            Action::Forget { token } => {
                self.run.record(Entry::Dropped { address: self.address(), token: token.clone() }).await?;
                Ok(None)
            }
            Action::Record { token, write } => self.write_down(token, write).await,
            Action::Rename { from } => {
                self.run.record(Entry::Renamed { from: from.clone(), to: self.address() }).await?;
                Ok(None)
            }
        }
    }

    fn address(&self) -> String {
        self.step.address.clone()
    }

    fn row(&self, write: &Write) -> Row {
        Row {
            type_name: self.step.type_name.clone(),
            version: write.version,
            provider: self.step.provider.clone(),
            options: write.options.clone(),
            needs: write.needs.clone(),
            objects: vec![],
        }
    }

    fn recorded(&self, token: &str) -> Result<Object, Stopped> {
        let mut state = self.run.state();
        let object = state.object(&self.step.address, token).cloned();
        object.ok_or_else(|| Stopped::Other("the state no longer has the object that the plan speaks of".to_owned()))
    }

    fn owner(&self, object: &Object) -> Owner {
        object.owner(&self.run.lineage, &self.step.address)
    }

    /// The inputs with every output filled in, checked against what the plan knew.
    fn resolved(&self, write: &Write) -> Result<Value, Stopped> {
        let mut unknown = vec![];
        let inputs = resolve(&write.declared, &|address, path| self.run.output(address, path), &mut unknown);
        if !unknown.is_empty() {
            unknown.sort_unstable();
            unknown.dedup();
            return Err(Stopped::Other(format!("{} is not known: the object does not tell it", unknown.join(", "))));
        }
        let changed =
            |field: &&String| !write.unknown.contains(*field) && inputs.get(*field) != write.planned.get(*field);
        let planned = write.planned.as_object();
        if let Some(field) = planned.into_iter().flat_map(serde_json::Map::keys).find(changed) {
            return Err(Stopped::Other(format!(
                "{field} is no longer what was planned: something that it depends on changed; plan again"
            )));
        }
        Ok(inputs)
    }

    async fn create(&self, write: &Write) -> Result<String, Stopped> {
        let mut inputs = self.resolved(write)?;
        let token = (self.run.tuning.token)();
        if self.kind.tagged() {
            inputs["tags"][TOKEN] = json!(token);
        }
        let mut object = Object {
            id: None,
            generation: write.generation,
            token: token.clone(),
            made_at: (self.run.tuning.now)(),
            origin: write.origin,
            replaced: false,
            pending: Some(Pending { operation: Operation::Create, receipt: None, inputs: None }),
            declared: write.declared.clone(),
            inputs: inputs.clone(),
            outputs: None,
        };
        let row = self.row(write);
        self.run
            .record(Entry::Begin {
                address: self.address(),
                token: token.clone(),
                operation: Operation::Create,
                row: Some(Box::new(row.clone())),
                object: Some(Box::new(object.clone())),
                inputs: None,
            })
            .await?;
        let owner = self.owner(&object);
        let (id, receipt) = match self.make(&inputs, &owner, &write.needs).await {
            Ok(made) => made,
            Err(error) => {
                // What may have taken effect stays in the journal: the next refresh looks for it.
                if error.kind != Kind::Unknown {
                    self.run.record(Entry::Undone { address: self.address(), token }).await?;
                }
                return Err(error.into());
            }
        };
        self.run
            .record(Entry::Made { address: self.address(), token, id: id.clone(), receipt: receipt.clone() })
            .await?;
        self.run.tell(Event::Made { step: self.number, id: id.clone() });
        object.id = Some(id.clone());
        let seen = self.settled(&object, &inputs, receipt, &write.options.ignore).await?;
        self.end(row, object, inputs, seen).await?;
        Ok(id)
    }

    /// Sends a create until its outcome is known.
    async fn make(&self, inputs: &Value, owner: &Owner, needs: &[String]) -> Result<(String, Option<Receipt>), Error> {
        let mut unknown = 0;
        loop {
            let attempt = || self.kind.create(self.run.clouds, &self.step.provider, inputs.clone(), owner);
            match self.again(needs, attempt).await {
                Ok(made) => return Ok(made),
                // No answer, or one of our own from an attempt before: the token tells.
                Err(error) if matches!(error.kind, Kind::Unknown | Kind::Exists) => {
                    let fresh = error.kind == Kind::Unknown;
                    match self.found(inputs, owner, fresh).await {
                        Ok(Some(id)) => return Ok((id, None)),
                        Ok(None) if fresh && unknown < 3 => {
                            unknown += 1;
                            self.tell_retry(&error, pause(unknown));
                        }
                        Ok(None) => return Err(error),
                        Err(second) => return Err(second),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What was made for this owner, waiting until it would be visible.
    async fn found(&self, inputs: &Value, owner: &Owner, patiently: bool) -> Result<Option<String>, Error> {
        let until = Instant::now() + self.run.tuning.settles(self.kind.settles());
        loop {
            let round = self.run.clouds.round();
            let mut ids = self.kind.find(&round, &self.step.provider, inputs.clone(), owner).await?;
            match ids.len() {
                0 if patiently && Instant::now() < until => tokio::time::sleep(Duration::from_secs(1)).await,
                0 => return Ok(None),
                1 => return Ok(ids.pop()),
                _ => {
                    let why = format!("{} objects answer to its token: {}", ids.len(), ids.join(", "));
                    return Err(Error::because(Kind::Refused, "find", why));
                }
            }
        }
    }

    /// Sends a call again while its error says that this may help.
    async fn again<'f, T>(
        &self,
        needs: &[String],
        call: impl Fn() -> provisioner_model::erased::Fut<'f, T>,
    ) -> Result<T, Error>
    where
        T: 'f,
    {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            let result = {
                let _one = self.run.calls.acquire().await;
                call().await
            };
            let error = match result {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // What it refers to may be too fresh to be seen everywhere.
            let kind = if error.kind == Kind::Gone && self.any_fresh(needs) { Kind::NotYet } else { error.kind };
            let Some(budget) = budget(kind) else { return Err(error) };
            if started.elapsed() >= self.run.tuning.waits(budget) || self.run.cancelled() {
                return Err(error);
            }
            let pause = self.run.tuning.pause(pause(attempt));
            self.tell_retry(&error, pause);
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    fn tell_retry(&self, error: &Error, pause: Duration) {
        self.run.tell(Event::Retry { step: self.number, why: error.chain(), pause });
    }

    fn any_fresh(&self, needs: &[String]) -> bool {
        let now = (self.run.tuning.now)();
        let state = self.run.state();
        let fresh = |object: &Object| now.saturating_sub(object.made_at) < 120;
        needs.iter().filter_map(|need| state.rows.get(need)?.current()).any(fresh)
    }

    /// Waits until the object is ready and as declared; writes once more where it is not.
    async fn settled(
        &self,
        object: &Object,
        want: &Value,
        receipt: Option<Receipt>,
        ignore: &[String],
    ) -> Result<Seen, Stopped> {
        let mut receipt = receipt;
        let mut seen = self.ready(object, want, receipt.as_ref()).await?;
        let resolved = Resolved { inputs: want.clone(), waits: std::collections::BTreeMap::new() };
        let written = Object { inputs: want.clone(), ..object.clone() };
        let left = |seen: &Seen| -> BTreeSet<String> {
            let asked = differences(self.kind, &resolved, &written, seen, ignore);
            asked.into_iter().map(|asked| asked.change.field).collect()
        };
        if left(&seen).is_empty() {
            return Ok(seen);
        }
        if let Some(last) = written.last(&self.run.lineage, &self.step.address) {
            receipt = self.write(want, last, seen).await?;
        }
        let until = Instant::now() + self.run.tuning.waits(self.kind.settles());
        let mut attempt = 0;
        loop {
            seen = self.ready(object, want, receipt.as_ref()).await?;
            let fields = left(&seen);
            if fields.is_empty() {
                return Ok(seen);
            }
            if Instant::now() >= until {
                let fields: Vec<String> = fields.into_iter().collect();
                return Err(Stopped::Other(format!(
                    "{} is not as written, though the call succeeded",
                    fields.join(", ")
                )));
            }
            self.rest(pause(attempt)).await?;
            attempt += 1;
        }
    }

    async fn write(&self, want: &Value, last: Last, seen: Seen) -> Result<Option<Receipt>, Stopped> {
        let call = || self.kind.update(self.run.clouds, &self.step.provider, want.clone(), last.clone(), seen.clone());
        let mut unknown = 0;
        loop {
            match self.again(&[], call).await {
                // An update names the state that it brings about: sent twice, it does no harm.
                Err(error) if error.kind == Kind::Unknown && unknown < 3 => {
                    self.tell_retry(&error, pause(unknown));
                    tokio::time::sleep(self.run.tuning.pause(pause(unknown))).await;
                    unknown += 1;
                }
                result => return Ok(result?),
            }
        }
    }

    /// Looks until the object is ready.
    async fn ready(&self, object: &Object, want: &Value, receipt: Option<&Receipt>) -> Result<Seen, Stopped> {
        let id = object.id.clone().unwrap_or_default();
        let until = Instant::now() + self.run.tuning.waits(self.kind.ready_within());
        let visible = Instant::now() + self.run.tuning.settles(self.kind.settles());
        let mut attempt = 0;
        loop {
            let why = match self.run.reads.read(self.kind, &self.step.provider, &id).await {
                Ok(Some(seen)) => match self.kind.phase(Some(want), &seen, receipt)? {
                    Phase::Ready => return Ok(seen),
                    Phase::Failed { why, .. } => return Err(Stopped::Other(format!("it failed: {why}"))),
                    Phase::Gone if Instant::now() >= visible => return Err(Stopped::Other("it is gone".to_owned())),
                    Phase::Gone | Phase::Pending => "is not ready",
                },
                Ok(None) if Instant::now() >= visible => {
                    return Err(Stopped::Other(format!("{id} was made, but is not there")));
                }
                Ok(None) => "is not visible yet",
                Err(error) if budget(error.kind).is_some() || error.kind == Kind::Unknown => "cannot be read",
                Err(error) => return Err(error.into()),
            };
            if Instant::now() >= until {
                let waited = self.run.tuning.waits(self.kind.ready_within()).as_secs();
                return Err(Stopped::Other(format!("{id} {why} after {waited} s; the next apply goes on waiting")));
            }
            if attempt == 0 {
                self.run.tell(Event::Waiting { step: self.number });
            }
            // What is ready at once must not wait for the pause of what is not.
            self.rest(pause(attempt).min(self.kind.poll_every())).await?;
            attempt += 1;
        }
    }

    /// A pause that a cancellation ends: waiting is never worth holding up an exit.
    async fn rest(&self, pause: Duration) -> Result<(), Stopped> {
        let mut cancel = self.run.cancel.clone();
        tokio::select! {
            () = tokio::time::sleep(self.run.tuning.pause(pause)) => Ok(()),
            _ = cancel.wait_for(|cancelled| *cancelled) => Err(Stopped::Cancelled),
        }
    }

    async fn end(&self, row: Row, object: Object, inputs: Value, seen: Seen) -> Result<(), Stopped> {
        let object = Object { pending: None, inputs, outputs: Some(seen.outputs), ..object };
        self.run.record(Entry::End { address: self.address(), row: Box::new(row), object: Box::new(object) }).await?;
        Ok(())
    }

    async fn update(&self, token: &str, write: &Write) -> Result<String, Stopped> {
        let object = self.recorded(token)?;
        let id = self.id_of(&object).await?;
        let object = Object { id: Some(id.clone()), ..object };
        let receipt = object.pending.as_ref().and_then(|pending| pending.receipt.clone());
        let inputs = self.resolved(write)?;
        let seen = self.run.reads.read(self.kind, &self.step.provider, &id).await?;
        let seen = seen.ok_or_else(|| Stopped::Other(format!("{id} is gone since the plan was made; plan again")))?;
        let resolved = Resolved { inputs: inputs.clone(), waits: std::collections::BTreeMap::new() };
        let differs = !differences(self.kind, &resolved, &object, &seen, &write.options.ignore).is_empty();
        let mut handed_out = receipt;
        if differs || object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Update) {
            let begun = Entry::Begin {
                address: self.address(),
                token: token.to_owned(),
                operation: Operation::Update,
                row: None,
                object: None,
                inputs: Some(inputs.clone()),
            };
            self.run.record(begun).await?;
            let last = object.last(&self.run.lineage, &self.step.address);
            if let Some(last) = last {
                handed_out = self.write(&inputs, last, seen).await?;
                let made = Entry::Made {
                    address: self.address(),
                    token: token.to_owned(),
                    id: id.clone(),
                    receipt: handed_out.clone(),
                };
                self.run.record(made).await?;
            }
        }
        let seen = self.settled(&object, &inputs, handed_out, &write.options.ignore).await?;
        // What it refers to may be others than before.
        let object = Object { declared: write.declared.clone(), ..object };
        self.end(self.row(write), object, inputs, seen).await?;
        Ok(id)
    }

    /// The object's id, looked for by its token where the answer to its create was lost.
    async fn id_of(&self, object: &Object) -> Result<String, Stopped> {
        if let Some(id) = object.id.clone() {
            return Ok(id);
        }
        let found = self.found(&object.inputs, &self.owner(object), false).await?;
        let id = found.ok_or_else(|| Stopped::Other("what its create made is not there; plan again".to_owned()))?;
        let made = Entry::Made { address: self.address(), token: object.token.clone(), id: id.clone(), receipt: None };
        self.run.record(made).await?;
        Ok(id)
    }

    async fn adopt(&self, id: &str, write: &Write) -> Result<String, Stopped> {
        let inputs = self.resolved(write)?;
        let object = Object {
            id: Some(id.to_owned()),
            generation: write.generation,
            token: (self.run.tuning.token)(),
            made_at: (self.run.tuning.now)(),
            origin: write.origin,
            replaced: false,
            pending: Some(Pending { operation: Operation::Update, receipt: None, inputs: None }),
            declared: write.declared.clone(),
            inputs: inputs.clone(),
            outputs: None,
        };
        let begun = Entry::Begin {
            address: self.address(),
            token: object.token.clone(),
            operation: Operation::Create,
            row: Some(Box::new(self.row(write))),
            object: Some(Box::new(object.clone())),
            inputs: None,
        };
        self.run.record(begun).await?;
        let seen = self.settled(&object, &inputs, None, &write.options.ignore).await?;
        self.end(self.row(write), object, inputs, seen).await?;
        Ok(id.to_owned())
    }

    async fn write_down(&self, token: &str, write: &Write) -> Result<Option<String>, Stopped> {
        let object = self.recorded(token)?;
        let inputs = self.resolved(write)?;
        let id = object.id.clone();
        let object = Object { declared: write.declared.clone(), inputs, pending: None, ..object };
        let row = self.row(write);
        self.run.record(Entry::End { address: self.address(), row: Box::new(row), object: Box::new(object) }).await?;
        Ok(id)
    }

    /// Writes to an object what is there, but for a few values.
    async fn adjust(&self, object: &Object, change: impl Fn(&mut Value)) -> Result<Option<Seen>, Stopped> {
        let id = object.id.clone().unwrap_or_default();
        let Some(seen) = self.run.reads.read(self.kind, &self.step.provider, &id).await? else { return Ok(None) };
        let mut want = seen.inputs.clone();
        change(&mut want);
        let begun = Entry::Begin {
            address: self.address(),
            token: object.token.clone(),
            operation: Operation::Update,
            row: None,
            object: None,
            inputs: None,
        };
        self.run.record(begun).await?;
        let mut receipt = None;
        if let Some(last) = object.last(&self.run.lineage, &self.step.address) {
            receipt = self.write(&want, last, seen).await?;
        }
        Ok(Some(self.ready(object, &want, receipt.as_ref()).await?))
    }

    async fn unguard(&self, token: &str, fields: &[String]) -> Result<Option<String>, Stopped> {
        let object = self.recorded(token)?;
        let lift = |inputs: &mut Value| fields.iter().for_each(|field| inputs[field] = json!(false));
        if let Some(seen) = self.adjust(&object, lift).await? {
            let mut inputs = object.inputs.clone();
            lift(&mut inputs);
            let row = self.run.state().rows.get(&self.step.address).cloned();
            if let Some(row) = row {
                self.end(row, object.clone(), inputs, seen).await?;
            }
        }
        Ok(object.id)
    }

    async fn release(&self, token: &str) -> Result<(), Stopped> {
        let object = self.recorded(token)?;
        let ours = used_by(&self.run.lineage);
        let untag = |inputs: &mut Value| {
            if let Some(tags) = inputs.get_mut("tags").and_then(Value::as_object_mut) {
                tags.remove(&ours);
            }
        };
        if self.kind.tagged() && object.origin == Origin::Shared {
            // Only our own tag was written by us alone: the rest is left as it is.
            self.adjust(&object, untag).await?;
        }
        self.run.record(Entry::Dropped { address: self.address(), token: token.to_owned() }).await?;
        Ok(())
    }

    async fn delete(&self, token: &str) -> Result<(), Stopped> {
        let object = self.recorded(token)?;
        let last = object.last(&self.run.lineage, &self.step.address);
        if let Some(last) = last {
            let begun = Entry::Begin {
                address: self.address(),
                token: token.to_owned(),
                operation: Operation::Delete,
                row: None,
                object: None,
                inputs: None,
            };
            self.run.record(begun).await?;
            self.take_down(&last).await?;
            self.gone(&last.id).await?;
        }
        self.run.record(Entry::Dropped { address: self.address(), token: token.to_owned() }).await?;
        Ok(())
    }

    async fn take_down(&self, last: &Last) -> Result<(), Stopped> {
        let mut unknown = 0;
        loop {
            match self.again(&[], || self.kind.delete(self.run.clouds, &self.step.provider, last.clone())).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind == Kind::Gone => return Ok(()),
                // A delete can be sent twice: the second finds nothing.
                Err(error) if error.kind == Kind::Unknown && unknown < 3 => {
                    self.tell_retry(&error, pause(unknown));
                    tokio::time::sleep(self.run.tuning.pause(pause(unknown))).await;
                    unknown += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Looks until the object is gone.
    async fn gone(&self, id: &str) -> Result<(), Stopped> {
        let until = Instant::now() + self.run.tuning.waits(self.kind.ready_within());
        let mut attempt = 0;
        loop {
            match self.run.reads.read(self.kind, &self.step.provider, id).await {
                Ok(None) => return Ok(()),
                Ok(Some(seen)) if self.kind.phase(None, &seen, None)? == Phase::Gone => return Ok(()),
                Ok(Some(_)) => {}
                Err(error) if error.kind == Kind::Gone => return Ok(()),
                Err(error) if budget(error.kind).is_some() || error.kind == Kind::Unknown => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() >= until {
                return Err(Stopped::Other(format!(
                    "{id} is being deleted, but is still there; the next apply goes on"
                )));
            }
            if attempt == 0 {
                self.run.tell(Event::Waiting { step: self.number });
            }
            self.rest(pause(attempt).min(self.kind.poll_every())).await?;
            attempt += 1;
        }
    }
}
