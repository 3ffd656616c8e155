//! One run: the environment, the state and the clouds put together, then refresh, plan and apply.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use provisioner_engine::{Apply, Cancel, Event, Proof, Refresh, Tuning, apply, refresh};
use provisioner_model::{
    Environment,
    erased::Clouds,
    plan::{Action, Drift, Notice, Plan},
    stack::{Desired, MAIN},
    state::{Snapshot, Target},
};
use provisioner_planner::{Input, Observations, Selection, verify};
use provisioner_store::{Disk, Holder, StateReader};
use tokio::sync::{mpsc::unbounded_channel, watch};

use crate::{
    arguments::{Pace, RolloutArguments, Scope},
    consent::Ask,
    environment::{Folder, Loaded},
    error::Failure,
    known::Known,
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
    notices: Vec<Notice>,
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
        Self::open_with(program, folder, name, None).await
    }

    /// The same; what the stack wants built is built first where it is out of date.
    pub(crate) async fn open_building(
        program: &'p Program<E>,
        folder: &Folder,
        name: &str,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        Self::open_with(program, folder, name, Some(terminal)).await
    }

    async fn open_with(
        program: &'p Program<E>,
        folder: &Folder,
        name: &str,
        build: Option<&Terminal>,
    ) -> Result<Self, Failure> {
        let Loaded { name, environment } = folder.load::<E>(name)?;
        let store = store(folder, &name);
        let snapshot = store.load().await?;
        let snapshot = snapshot.unwrap_or_else(|| Snapshot::new(terminal::token(), name.clone()));
        let (mut clouds, target) = program.connect(folder, &environment).await?;
        same_place(&name, &snapshot, &target)?;
        let Known { found, notices } = program.find_out(folder, &environment, build)?;
        let desired = program.declare(&environment, facts(&name, &target, found)).map_err(Failure::Program)?;
        clouds.set_secrets(desired.secrets.clone());
        Ok(Self { program, name, desired, snapshot, clouds, target, store, notices })
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
        let observed = self.refreshed(&self.snapshot, &desired, &scope.pace, scope.no_refresh).await?;
        let selection =
            Selection { targets: scope.target.clone(), excludes: scope.exclude.clone(), replace: replace.to_vec() };
        let mut plan = self.planned(&desired, &observed, &selection)?;
        if !destroy {
            plan.notices.extend(self.notices.iter().cloned());
        }
        Ok(plan)
    }

    /// The plan of something else than the program declares. Of what is there, it looks at one resource, and at what an
    /// earlier run left unfinished.
    #[cfg(feature = "aws")]
    pub(crate) async fn plan_of(
        &self,
        desired: &Desired,
        selection: &Selection,
        pace: &Pace,
        look_at: &str,
    ) -> Result<Plan, Failure> {
        let mut snapshot = self.snapshot.clone();
        snapshot.rows.retain(|address, row| address == look_at || row.objects.iter().any(|o| o.pending.is_some()));
        let observed = self.refreshed(&snapshot, desired, pace, false).await?;
        self.planned(desired, &observed, selection)
    }

    async fn refreshed(
        &self,
        snapshot: &Snapshot,
        desired: &Desired,
        pace: &Pace,
        pending_only: bool,
    ) -> Result<Observations, Failure> {
        let (registry, clouds, tuning) = (self.program.registry(), &self.clouds, tuning(pace));
        let input = Refresh { registry, clouds, snapshot, desired, tuning, pending_only };
        refresh(&input).await.map_err(Failure::Unread)
    }

    /// Reads what is there, and tells what others changed.
    pub(crate) async fn drift(&self, pace: &Pace) -> Result<Vec<Drift>, Failure> {
        // Nothing is to be: what might be adopted is no business of this.
        let observed = self.refreshed(&self.snapshot, &self.wanted(true), pace, false).await?;
        let (selection, targets) = (Selection::default(), BTreeMap::new());
        provisioner_planner::drift(&self.input(&self.desired, &observed, &selection, &targets))
            .map_err(Failure::Planning)
    }

    fn input<'i>(
        &'i self,
        desired: &'i Desired,
        observed: &'i Observations,
        selection: &'i Selection,
        targets: &'i BTreeMap<String, Target>,
    ) -> Input<'i> {
        Input { desired, snapshot: &self.snapshot, observed, registry: self.program.registry(), selection, targets }
    }

    fn planned(&self, desired: &Desired, observed: &Observations, selection: &Selection) -> Result<Plan, Failure> {
        let targets = BTreeMap::from([(MAIN.to_owned(), self.target.clone())]);
        let plan = provisioner_planner::plan(&self.input(desired, observed, selection, &targets))
            .map_err(Failure::Planning)?;
        let wrong = verify::plan(&plan);
        if wrong.is_empty() { Ok(plan) } else { Err(Failure::Contradiction(wrong)) }
    }

    /// Who proves the plan's rollouts. Said where nobody does.
    #[cfg(feature = "aws")]
    fn proof<'s>(
        &'s self,
        plan: &Plan,
        rollout: &'s RolloutArguments,
        terminal: &Terminal,
    ) -> Option<Box<dyn Proof + 's>> {
        if rollout.no_wait || !asks_for_proof(plan) {
            return None;
        }
        if rollout.no_proof {
            terminal.say("Rollouts are not proven (--no-proof): what AWS says of them is taken at its word.");
            return None;
        }
        Some(Box::new(crate::proof::OverHttp::new(&self.clouds, rollout.reach.as_ref())))
    }

    /// Who proves the plan's rollouts: nobody, in a program that is built without AWS. Said, where one is asked for.
    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_self, reason = "as the one with AWS")]
    fn proof(&self, plan: &Plan, _: &RolloutArguments, terminal: &Terminal) -> Option<Box<dyn Proof>> {
        if asks_for_proof(plan) {
            terminal.say("Rollouts are not proven: this program is built without that.");
        }
        None
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
        let (stop, cancel) = watch::channel(Cancel::No);
        let started = Instant::now();
        let proof = self.proof(plan, doing.rollout, terminal);
        let work = apply(Apply {
            plan,
            registry: self.program.registry(),
            clouds: &self.clouds,
            store: &self.store,
            holder: holder(&format!("{} {}", doing.command, self.name)),
            consent,
            events,
            cancel,
            proof: proof.as_deref(),
            wait: !doing.rollout.no_wait,
            tuning: Tuning { parallel: doing.parallel.into(), ..tuning(doing.pace) },
        });
        let rolling = RefCell::new(BTreeSet::new());
        let live = RefCell::new(Live::new(terminal, plan.steps.len()));
        let show = async {
            let mut progress = Progress::new(plan, *terminal.err());
            loop {
                match tokio::time::timeout(Live::HEARTBEAT, inbox.recv()).await {
                    Ok(Some(event)) => {
                        rolls(plan, &event, &mut rolling.borrow_mut());
                        let line = progress.take(event, Instant::now());
                        live.borrow_mut().show(&progress, line.as_deref());
                    }
                    Ok(None) => break,
                    Err(_) => live.borrow().still_at_it(&progress),
                }
            }
            live.borrow_mut().end();
            progress
        };
        let both = futures::future::join(work, show);
        tokio::pin!(both);
        let mut asked = false;
        let mut signals = Signals::new().map_err(Failure::Start)?;
        // The work is never dropped: a signal only says that nothing new is to begin.
        let (outcome, progress) = loop {
            tokio::select! {
                done = &mut both => break done,
                () = signals.next() => {
                    let asks = terminal.can() && !asked && *stop.borrow() == Cancel::No && !rolling.borrow().is_empty();
                    if asks {
                        asked = true;
                        live.borrow_mut().quiet();
                        ask(stop.clone(), terminal.clone());
                    } else {
                        interrupt(&stop, terminal);
                    }
                }
            }
        };
        let outcome = outcome?;
        terminal.say(&progress.sum_up(&outcome, started.elapsed()));
        match outcome {
            outcome if outcome.is_complete() => Ok(()),
            outcome if outcome.left > 0 && outcome.failed.is_empty() => Err(Failure::Left),
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
    pub(crate) rollout: &'a RolloutArguments,
}

fn asks_for_proof(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| match &step.action {
        Action::Create(write) | Action::Update { write, .. } => write.proof.is_some(),
        _ => false,
    })
}

/// Keeps the steps whose rollout is waited for: from the first look at it to its end.
fn rolls(plan: &Plan, event: &Event, rolling: &mut BTreeSet<usize>) {
    let rolls_out = |step: usize| {
        plan.steps.get(step).is_some_and(|step| match &step.action {
            Action::Create(write) | Action::Update { write, .. } => write.undo.is_some(),
            _ => false,
        })
    };
    match event {
        Event::Waiting { step } | Event::Proving { step } if rolls_out(*step) => drop(rolling.insert(*step)),
        Event::Undoing { step, .. }
        | Event::Done { step, .. }
        | Event::Failed { step, .. }
        | Event::Cancelled { step } => drop(rolling.remove(step)),
        _ => {}
    }
}

/// Asks what becomes of a rollout. Meanwhile it goes on, and so does the waiting; another signal leaves it. A thread of
/// its own, since nobody may answer and the program must be able to end.
fn ask(stop: watch::Sender<Cancel>, mut terminal: Terminal) {
    std::thread::spawn(move || {
        let answer =
            terminal.ask("A rollout is under way: leave it to go on by itself, or roll it back? [leave/roll back]");
        let back = answer.is_some_and(|answer| answer.to_lowercase().starts_with('r'));
        let wanted = if back { Cancel::RollBack } else { Cancel::Leave };
        stop.send_if_modified(|now| {
            let first = *now == Cancel::No;
            if first {
                *now = wanted;
            }
            first
        });
    });
}

fn interrupt(stop: &watch::Sender<Cancel>, terminal: &Terminal) {
    let before = stop.send_replace(Cancel::Leave);
    terminal.say(if before == Cancel::No {
        "Interrupted: nothing new begins. Waiting for the calls that run, then saving the state."
    } else {
        "Still waiting for the calls that run: dropping them would lose track of what they make."
    });
}

/// Ctrl-C and SIGTERM. From its making on, one that comes while nobody waits for it is kept.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    term: tokio::signal::unix::Signal,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            interrupt: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?,
            #[cfg(unix)]
            term: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.term.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Refuses a state whose objects are elsewhere. An environment that has none any more may begin anew.
pub(crate) fn same_place(name: &str, snapshot: &Snapshot, target: &Target) -> Result<(), Failure> {
    let recorded = snapshot.targets.get(MAIN).filter(|_| !snapshot.rows.is_empty());
    match recorded.filter(|recorded| *recorded != target) {
        None => Ok(()),
        Some(recorded) => {
            let (environment, recorded, here) = (name.to_owned(), saved::place(recorded), saved::place(target));
            Err(Failure::Elsewhere { environment, recorded, here })
        }
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
    let Known { found, .. } = program.find_out(folder, &environment, None)?;
    let desired = program.declare(&environment, facts(&name, &target, found)).map_err(Failure::Program)?;
    Ok((desired, target))
}
