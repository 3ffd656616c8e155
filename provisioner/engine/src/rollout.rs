//! From what has been written to what counts: it is waited for, proven, and written down; or it is undone, as the plan
//! says.

use provisioner_model::{
    erased::Seen,
    expr::resolve,
    journal::Entry,
    plan::Write,
    resource::Receipt,
    state::{Object, ObjectRole, Operation, Pending, Row},
};
use provisioner_planner::diff::{Resolved, differences};
use serde_json::Value;

use crate::{event::Event, proof::Proving, step::Doing, stopped::Stopped};

/// What a create or update has sent.
pub(crate) struct Sent<'w> {
    pub(crate) write: &'w Write,
    /// As it was recorded before.
    pub(crate) object: Object,
    /// What was written.
    pub(crate) inputs: Value,
    pub(crate) receipt: Option<Receipt>,
}

impl Doing<'_, '_> {
    /// Waits for what was sent, has it proven, and writes down its end.
    pub(crate) async fn finish(&self, row: Row, sent: Sent<'_>) -> Result<(), Stopped> {
        if sent.write.undo.is_some() && sent.receipt.is_some() && !self.run.wait {
            return self.leave(row, sent).await;
        }
        match self.good(&sent).await {
            Ok(seen) => {
                // What it refers to may be others than before.
                let role = ObjectRole::Current;
                let object = Object { declared: sent.write.declared.clone(), role, ..sent.object };
                self.end(row, object, sent.inputs, seen).await
            }
            Err(Stopped::Failed { why, hint, .. }) => {
                let details = self.explain(&sent).await;
                let failed = Stopped::Failed { why, details, hint };
                match &sent.write.undo {
                    Some(undo) => Err(self.undo(row, &sent, undo, failed).await),
                    None => Err(failed),
                }
            }
            Err(stopped) => Err(stopped),
        }
    }

    /// What was sent, once it is ready and proven.
    async fn good(&self, sent: &Sent<'_>) -> Result<Seen, Stopped> {
        let ignore = &sent.write.options.ignore;
        let seen = self.settled(&sent.object, &sent.inputs, sent.receipt.clone(), ignore).await?;
        let started = sent.receipt.is_some() || is_new(&sent.object);
        match &sent.write.proof {
            Some(proof) if started => self.proven(proof, &sent.object, &seen).await?,
            _ => {}
        }
        Ok(seen)
    }

    async fn proven(&self, declared: &Value, object: &Object, seen: &Seen) -> Result<(), Stopped> {
        let Some(prover) = self.run.proof else { return Ok(()) };
        let mut unknown = vec![];
        let own = |path: &str| path.split('.').try_fold(&seen.outputs, |value, part| value.get(part)).cloned();
        let output = |address: &str, path: &str| {
            if address == self.step.address { own(path) } else { self.run.output(address, path) }
        };
        let proof = resolve(declared, &output, &mut unknown);
        if !unknown.is_empty() {
            return Err(Stopped::failed(format!("its proof needs {}, which is not known", unknown.join(", "))));
        }
        self.run.tell(Event::Proving { step: self.number });
        let asked = Proving {
            address: &self.step.address,
            type_name: &self.step.type_name,
            provider: &self.step.provider,
            id: object.id.as_deref().unwrap_or_default(),
            proof: &proof,
        };
        tokio::select! {
            proven = prover.prove(asked) => proven.map_err(|unproven| Stopped::Failed {
                why: format!("it is ready, but not proven: {}", unproven.why),
                details: vec![],
                hint: unproven.hint,
            }),
            stopped = self.interrupted() => Err(stopped),
        }
    }

    async fn explain(&self, sent: &Sent<'_>) -> Vec<String> {
        let Some(id) = &sent.object.id else { return vec![] };
        let round = self.run.clouds.round();
        let told = self.kind.explain(&round, &self.step.provider, id, sent.receipt.as_ref()).await;
        // Why it failed is known without it.
        told.unwrap_or_default()
    }

    /// Ends the step with the rollout under way: the receipt stays pending, so that a later apply takes it up.
    async fn leave(&self, row: Row, sent: Sent<'_>) -> Result<(), Stopped> {
        let seen = self.visible(&sent.object).await?;
        let new = is_new(&sent.object);
        let operation = if new { Operation::Create } else { Operation::Update };
        let pending = Pending { operation, receipt: sent.receipt, inputs: Some(sent.inputs.clone()) };
        let inputs = if new { sent.inputs } else { sent.object.inputs.clone() };
        let (role, outputs) = (ObjectRole::Current, Some(seen.outputs));
        self.keep(row, Object { pending: Some(pending), inputs, outputs, role, ..sent.object }).await
    }

    /// Puts back what the plan says, and tells how all of it ended.
    async fn undo(&self, row: Row, sent: &Sent<'_>, undo: &Value, failed: Stopped) -> Stopped {
        self.run.tell(Event::Undoing { step: self.number, why: failed.why() });
        // From here on a wish to roll back is being fulfilled.
        let undoing = Self { undoing: true, ..*self };
        let (then, fatal) = match undoing.put_back(row, sent, undo).await {
            Ok(true) => ("it is held back until the next apply".to_owned(), false),
            Ok(false) => ("what was there before is back".to_owned(), false),
            Err(stopped) => {
                (format!("what was there before is not back: {}; plan again", stopped.why()), stopped.is_fatal())
            }
        };
        Stopped::Undone { failed: Box::new(failed), then, fatal }
    }

    /// Whether something is left for the next apply that its plan would not see by itself.
    async fn put_back(&self, row: Row, sent: &Sent<'_>, undo: &Value) -> Result<bool, Stopped> {
        let ignore = &sent.write.options.ignore;
        let id = sent.object.id.clone().unwrap_or_default();
        let mut want = sent.inputs.clone();
        for (field, value) in undo.as_object().into_iter().flatten() {
            want[field] = value.clone();
        }
        let written = Object { inputs: sent.inputs.clone(), ..sent.object.clone() };
        let seen = self.visible(&sent.object).await?;
        let mut receipt = None;
        // The cloud may have put it back by itself.
        if self.is_other(&want, &written, &seen, ignore) || self.is_other_at_first(undo, &seen) {
            let begun = Entry::Begin {
                address: self.address(),
                token: written.token.clone(),
                operation: Operation::Update,
                row: None,
                object: None,
                inputs: Some(want.clone()),
            };
            self.run.record(begun).await?;
            if let Some(last) = written.last(&self.run.lineage, &self.step.address) {
                receipt = self.write(&want, last, seen).await?;
                let (address, token) = (self.address(), written.token.clone());
                self.run.record(Entry::Made { address, token, id, receipt: receipt.clone() }).await?;
            }
        }
        let seen = self.ready(&sent.object, &want, receipt.as_ref()).await?;
        // Where a plan would see no difference, what is left to do is kept as unfinished.
        let hidden = !self.is_other(&sent.inputs, &Object { inputs: want.clone(), ..written }, &seen, ignore);
        let pending =
            hidden.then(|| Pending { operation: Operation::Update, receipt: None, inputs: Some(sent.inputs.clone()) });
        let object = Object { pending, inputs: want, outputs: Some(seen.outputs), ..sent.object.clone() };
        self.keep(row, object).await?;
        Ok(hidden)
    }

    fn is_other(&self, want: &Value, written: &Object, seen: &Seen, ignore: &[String]) -> bool {
        let resolved = Resolved { inputs: want.clone(), waits: std::collections::BTreeMap::new() };
        !differences(self.kind, &resolved, written, seen, ignore).is_empty()
    }

    /// What is set at creation alone is compared where it is put back.
    fn is_other_at_first(&self, undo: &Value, seen: &Seen) -> bool {
        let initial = self.kind.fields().iter().filter(|field| field.initial);
        let mut put_back = initial.filter_map(|field| Some((field.name, undo.get(field.name)?)));
        put_back.any(|(name, value)| seen.inputs.get(name) != Some(value))
    }

    /// Writes down an object whose row stays as it was before, where there was one.
    async fn keep(&self, row: Row, object: Object) -> Result<(), Stopped> {
        let before = self.run.state().rows.get(&self.step.address).cloned();
        let row = Row { objects: vec![], ..before.unwrap_or(row) };
        self.run.record(Entry::End { address: self.address(), row: Box::new(row), object: Box::new(object) }).await?;
        Ok(())
    }
}

/// It has never been ready.
fn is_new(object: &Object) -> bool {
    object.outputs.is_none() || object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Create)
}
