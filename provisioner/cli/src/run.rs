//! One run: the environment, the state and the clouds put together, then refresh, plan and apply.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use provisioner_engine::{Apply, Refresh, Tuning, apply, refresh};
use provisioner_model::{
    Environment,
    erased::Clouds,
    plan::Plan,
    stack::{Desired, MAIN},
    state::{Snapshot, Target},
};
use provisioner_planner::{Input, Observations, Selection, verify};
use provisioner_store::{Disk, Holder, StateReader};
use tokio::sync::{mpsc::unbounded_channel, watch};

use crate::{
    arguments::{Pace, Scope},
    environment::{Folder, Loaded},
    error::Failure,
    live::Live,
    program::{Program, facts},
    render::progress::Progress,
    saved,
    terminal::{self, Terminal},
};

/// An environment with its state and its clouds.
pub(crate) struct Session<'p, E> {
    program: &'p Program<E>,
    pub(crate) name: String,
    pub(crate) desired: Desired,
    pub(crate) snapshot: Snapshot,
    pub(crate) clouds: Clouds,
    pub(crate) target: Target,
    pub(crate) store: Disk,
}

/// The state of an environment, as it is kept here.
pub(crate) fn store(folder: &Folder, name: &str) -> Disk {
    Disk::new(&folder.path().join("state"), name)
}

/// Who holds the lock during a command.
pub(crate) fn holder(command: &str) -> Holder {
    let (owner, host) = terminal::whoami();
    Holder { owner, host, pid: std::process::id(), command: command.to_owned(), since: terminal::now() }
}

fn tuning(pace: &Pace) -> Tuning {
    Tuning {
        settle: pace.settle.map(Duration::from_secs),
        poll: pace.poll.and_then(|poll| Duration::try_from_secs_f64(poll).ok()),
        ..Tuning::new(terminal::now, terminal::token)
    }
}

impl<'p, E: Environment> Session<'p, E> {
    /// Reads the file, connects, runs the program, and loads the state, in this order: the first mistakes are the
    /// cheapest to find.
    pub(crate) async fn open(program: &'p Program<E>, folder: &Folder, name: &str) -> Result<Self, Failure> {
        let Loaded { name, environment } = folder.load::<E>(name)?;
        let store = store(folder, &name);
        let snapshot = store.load().await?;
        let snapshot = snapshot.unwrap_or_else(|| Snapshot::new(terminal::token(), name.clone()));
        let (mut clouds, target) = program.connect(&environment).await?;
        // An environment that has nothing any more may begin anew elsewhere.
        let recorded = snapshot.targets.get(MAIN).filter(|_| !snapshot.rows.is_empty());
        if let Some(recorded) = recorded.filter(|recorded| **recorded != target) {
            let (recorded, here) = (saved::place(recorded), saved::place(&target));
            return Err(Failure::Elsewhere { environment: name, recorded, here });
        }
        let desired = program.declare(&environment, facts(&name, &target)).map_err(Failure::Program)?;
        clouds.set_secrets(desired.secrets.clone());
        Ok(Self { program, name, desired, snapshot, clouds, target, store })
    }

    /// What is to be, or nothing for a destroy.
    fn wanted(&self, destroy: bool) -> Desired {
        if destroy {
            Desired { resources: BTreeMap::new(), outputs: BTreeMap::new(), ..self.desired.clone() }
        } else {
            self.desired.clone()
        }
    }

    /// Reads what is there, and plans.
    pub(crate) async fn plan(&self, scope: &Scope, replace: &[String], destroy: bool) -> Result<Plan, Failure> {
        let desired = self.wanted(destroy);
        let observed = refresh(&Refresh {
            registry: self.program.registry(),
            clouds: &self.clouds,
            snapshot: &self.snapshot,
            desired: &desired,
            tuning: tuning(&scope.pace),
            pending_only: scope.no_refresh,
        })
        .await
        .map_err(Failure::Unread)?;
        let selection =
            Selection { targets: scope.target.clone(), excludes: scope.exclude.clone(), replace: replace.to_vec() };
        self.planned(&desired, &observed, &selection)
    }

    fn planned(&self, desired: &Desired, observed: &Observations, selection: &Selection) -> Result<Plan, Failure> {
        let targets = BTreeMap::from([(MAIN.to_owned(), self.target.clone())]);
        let plan = provisioner_planner::plan(&Input {
            desired,
            snapshot: &self.snapshot,
            observed,
            registry: self.program.registry(),
            selection,
            targets: &targets,
        })
        .map_err(Failure::Planning)?;
        let wrong = verify::plan(&plan);
        if wrong.is_empty() { Ok(plan) } else { Err(Failure::Contradiction(wrong)) }
    }

    /// Carries a plan out, and shows how that goes.
    pub(crate) async fn carry_out(
        &self,
        plan: &Plan,
        consent: &BTreeSet<String>,
        doing: &Doing<'_>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let (events, mut inbox) = unbounded_channel();
        let (stop, cancel) = watch::channel(false);
        let started = Instant::now();
        let work = apply(Apply {
            plan,
            registry: self.program.registry(),
            clouds: &self.clouds,
            store: &self.store,
            holder: holder(&format!("{} {}", doing.command, self.name)),
            consent,
            events,
            cancel,
            tuning: Tuning { parallel: doing.parallel.into(), ..tuning(doing.pace) },
        });
        let show = async {
            let mut progress = Progress::new(plan, *terminal.err());
            let mut live = Live::new(terminal, plan.steps.len());
            loop {
                match tokio::time::timeout(Live::HEARTBEAT, inbox.recv()).await {
                    Ok(Some(event)) => {
                        let line = progress.take(event, Instant::now());
                        live.show(&progress, line.as_deref());
                    }
                    Ok(None) => break,
                    Err(_) => live.still_at_it(&progress),
                }
            }
            live.end();
            progress
        };
        let both = futures::future::join(work, show);
        tokio::pin!(both);
        let mut signals = Signals::new().map_err(Failure::Start)?;
        // The work is never dropped: a signal only says that nothing new is to begin.
        let (outcome, progress) = loop {
            tokio::select! {
                done = &mut both => break done,
                () = signals.next() => {
                    let again = stop.send_replace(true);
                    terminal.say(if again {
                        "Still waiting for the calls that run: dropping them would lose track of what they make."
                    } else {
                        "Interrupted: nothing new begins. Waiting for the calls that run, then saving the state."
                    });
                }
            }
        };
        let outcome = outcome?;
        terminal.say(&progress.sum_up(&outcome, started.elapsed()));
        match outcome {
            outcome if outcome.is_complete() => Ok(()),
            outcome if outcome.cancelled && outcome.failed.is_empty() => Err(Failure::Interrupted),
            _ => Err(Failure::Incomplete),
        }
    }
}

/// Which command carries a plan out, and how.
pub(crate) struct Doing<'a> {
    pub(crate) command: &'a str,
    pub(crate) parallel: u16,
    pub(crate) pace: &'a Pace,
}

/// Ctrl-C and SIGTERM.
struct Signals {
    #[cfg(unix)]
    term: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            term: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.term.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// A stack as declared without asking any cloud: for commands that need no credentials.
pub(crate) async fn offline<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    name: &str,
) -> Result<(Desired, Target), Failure> {
    let Loaded { name, environment } = folder.load::<E>(name)?;
    // The account that the state knows; else one that nobody has.
    let known = store(folder, &name).load().await?.and_then(|state| state.targets.get(MAIN).cloned());
    let target = known.unwrap_or_else(|| Target {
        account: "000000000000".to_owned(),
        region: environment.region().to_owned(),
        endpoint: None,
    });
    let desired = program.declare(&environment, facts(&name, &target)).map_err(Failure::Program)?;
    Ok((desired, target))
}
