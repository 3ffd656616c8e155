//! How what was sent is waited for: until it is ready and as declared, or gone.

use std::{collections::BTreeSet, time::Duration};

use provisioner_model::{
    erased::Seen,
    error::{Error, Kind},
    plan::Action,
    resource::{Phase, Receipt},
    state::{Object, Operation},
};
use provisioner_planner::diff::{Resolved, differences};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    event::{Cancel, Event},
    retry::{budget, pause},
    step::Doing,
    stopped::Stopped,
};

impl Doing<'_, '_> {
    /// Waits until the object is ready and as declared; writes once more where it is not.
    pub(crate) async fn settled(
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

    /// Looks until the object is ready.
    pub(crate) async fn ready(
        &self,
        object: &Object,
        want: &Value,
        receipt: Option<&Receipt>,
    ) -> Result<Seen, Stopped> {
        let id = object.id.clone().unwrap_or_default();
        let until = Instant::now() + self.run.tuning.waits(self.kind.ready_within());
        let visible = Instant::now() + self.run.tuning.settles(self.kind.settles());
        let mut attempt = 0;
        loop {
            let why = match self.run.reads.read(self.kind, &self.step.provider, &id).await {
                Ok(Some(seen)) => match self.phase(object, want, &seen, receipt, Instant::now() >= visible).await {
                    Ok(Phase::Ready) => return Ok(seen),
                    Ok(Phase::Failed { why, .. }) => return Err(Stopped::failed(format!("it failed: {why}"))),
                    Ok(Phase::Gone) if Instant::now() >= visible => {
                        return Err(Stopped::Other("it is gone".to_owned()));
                    }
                    Ok(Phase::Gone | Phase::Pending) => "is not ready",
                    Err(error) if budget(error.kind).is_some() || error.kind == Kind::Unknown => "cannot be followed",
                    Err(error) => return Err(error.into()),
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
                let waited = format!("{id} {why} after {waited} s");
                // Without a way back, time is all that it needs.
                return Err(if self.can_undo() && why == "is not ready" {
                    Stopped::failed(waited)
                } else {
                    Stopped::Other(format!("{waited}; the next apply goes on waiting"))
                });
            }
            if attempt == 0 {
                self.run.tell(Event::Waiting { step: self.number });
            }
            // What is ready at once must not wait for the pause of what is not.
            self.rest(pause(attempt).min(self.kind.poll_every())).await?;
            attempt += 1;
        }
    }

    /// Where it is in its life, and how far what was sent has come.
    async fn phase(
        &self,
        object: &Object,
        want: &Value,
        seen: &Seen,
        receipt: Option<&Receipt>,
        settled: bool,
    ) -> Result<Phase, Error> {
        let phase = self.kind.phase(Some(want), seen, receipt)?;
        let created = object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Create);
        if phase == Phase::Gone || !(receipt.is_some() || created || self.undoing) {
            return Ok(phase);
        }
        let round = self.run.clouds.round();
        let followed = self.kind.follow(&round, &self.step.provider, seen.clone(), receipt, settled).await?;
        Ok(followed.unwrap_or(phase))
    }

    /// Looks until the object is gone.
    pub(crate) async fn gone(&self, id: &str) -> Result<(), Stopped> {
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

    /// A pause that a cancellation ends: waiting is never worth holding up an exit.
    pub(crate) async fn rest(&self, pause: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = tokio::time::sleep(self.run.tuning.pause(pause)) => Ok(()),
            stopped = self.interrupted() => Err(stopped),
        }
    }

    /// Ends once somebody wants the step to: left as it is, or undone where that can be.
    pub(crate) async fn interrupted(&self) -> Stopped {
        let mut cancel = self.run.cancel.clone();
        let wanted = cancel.wait_for(|wanted| match wanted {
            Cancel::No => false,
            Cancel::Leave => true,
            Cancel::RollBack => !self.undoing,
        });
        // Copied out at once: the guard may not be held while anything is awaited.
        let wanted = wanted.await.map(|wanted| *wanted);
        match wanted {
            Ok(Cancel::RollBack) if self.can_undo() => Stopped::failed("it is rolled back, as was asked for"),
            Ok(_) if self.can_undo() => Stopped::Left,
            Ok(_) => Stopped::Cancelled,
            // Whoever could cancel has gone: nobody will.
            Err(_) => std::future::pending().await,
        }
    }

    fn can_undo(&self) -> bool {
        match &self.step.action {
            Action::Create(write) | Action::Update { write, .. } => write.undo.is_some(),
            _ => false,
        }
    }

    /// What is there, as soon as it is to be seen.
    pub(crate) async fn visible(&self, object: &Object) -> Result<Seen, Stopped> {
        let id = object.id.clone().unwrap_or_default();
        let until = Instant::now() + self.run.tuning.settles(self.kind.settles());
        let mut attempt = 0;
        loop {
            match self.run.reads.read(self.kind, &self.step.provider, &id).await {
                Ok(Some(seen)) => return Ok(seen),
                Ok(None) if Instant::now() >= until => return Err(Stopped::Other(format!("{id} is gone"))),
                Ok(None) => {}
                Err(error) if budget(error.kind).is_some() || error.kind == Kind::Unknown => {
                    if Instant::now() >= until + self.kind.settles() {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
            self.rest(pause(attempt)).await?;
            attempt += 1;
        }
    }
}
