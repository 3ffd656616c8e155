//! `run`: one task of its own.

use std::time::Duration;

use provisioner_aws::{
    Aws,
    operations::{
        logs::Tail,
        run::{OneOff, Order, Stage, start},
    },
};
use provisioner_model::Environment;

use super::{Subject, failed};
use crate::{
    arguments::operations::RunArguments,
    commands::Ending,
    environment::Folder,
    error::{Failure, OperationError},
    program::Program,
    run::Signals,
    terminal::{self, Terminal},
};

/// How long to wait between two looks at the task and its log.
const PAUSE: Duration = Duration::from_secs(2);
/// So often the log is looked at after the end: the last lines arrive late.
const LAST_LOOKS: usize = 3;

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: &RunArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let subject = Subject::open(program, folder, &arguments.environment).await?;
    let (owner, host) = terminal::whoami();
    let order = Order {
        service: &subject.service(arguments.service.as_deref())?,
        container: arguments.container.as_deref(),
        arguments: &arguments.arguments,
        started_by: &format!("provisioner run by {owner}@{host}"),
        token: &terminal::token(),
    };
    let aws = subject.aws()?;
    // From here on a signal stops the task.
    let signals = Signals::new().map_err(Failure::Start)?;
    let task = start(aws, &order).await.map_err(failed("no task was started"))?;
    terminal.say(&format!(
        "Task {} of {}: {}. Ctrl-C stops it.",
        task.id,
        task.revision,
        arguments.arguments.join(" ")
    ));
    let watch = Watch { aws, task: &task, log: Some(task.log(aws)), pause: arguments.pace.pause(PAUSE), terminal };
    watch.until_the_end(signals).await
}

struct Watch<'a> {
    aws: &'a Aws,
    task: &'a OneOff,
    /// None once it could not be read: the task goes on all the same.
    log: Option<Tail<'a>>,
    pause: Duration,
    terminal: &'a Terminal,
}

impl Watch<'_> {
    async fn until_the_end(mut self, mut signals: Signals) -> Result<Ending, Failure> {
        let lost = || failed("the task could not be watched any more; it goes on by itself");
        let mut told = String::new();
        let mut stopping = false;
        loop {
            // First how far it is, then the log: what it wrote before its end is not missed.
            let stage = self.task.stage(self.aws).await.map_err(lost())?;
            self.lines().await;
            match stage {
                Stage::Ended { exit_code, reason } => {
                    for _ in 0..LAST_LOOKS {
                        tokio::time::sleep(self.pause).await;
                        self.lines().await;
                    }
                    return self.ended(exit_code, reason, stopping);
                }
                Stage::Going(status) if status != told => {
                    self.terminal.say(&format!("… {status}"));
                    told = status;
                }
                Stage::Going(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause) => {}
                () = signals.next() => {
                    if stopping {
                        self.terminal.say("Not waiting any longer: AWS stops the task.");
                        return Err(Failure::Interrupted);
                    }
                    stopping = true;
                    self.terminal.say("Interrupted: stopping the task, and waiting for its end.");
                    let stopped = self.task.stop(self.aws, "interrupted by who started it").await;
                    stopped.map_err(failed("the task could not be stopped; it goes on by itself"))?;
                }
            }
        }
    }

    /// The lines that are there by now.
    async fn lines(&mut self) {
        while let Some(log) = &mut self.log {
            match log.next(terminal::now()).await {
                Ok(lines) if lines.is_empty() => break,
                Ok(lines) => lines.iter().for_each(|line| self.terminal.data(&format!("{}\n", line.text))),
                Err(error) => {
                    self.terminal.say(&format!("The task's log could not be read: {}", error.chain()));
                    self.log = None;
                }
            }
        }
    }

    fn ended(&self, exit_code: Option<i32>, reason: Option<String>, stopping: bool) -> Result<Ending, Failure> {
        let Some(code) = exit_code else {
            let why = reason.unwrap_or_else(|| "AWS does not say why".to_owned());
            return Err(if stopping { Failure::Interrupted } else { OperationError::NeverStarted(why).into() });
        };
        // That its own end stopped it is no news.
        let reason = reason.filter(|reason| code != 0 && !reason.starts_with("Essential container in task exited"));
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        self.terminal.say(&format!("Task {} ended with exit code {code}{reason}.", self.task.id));
        if stopping { Err(Failure::Interrupted) } else { Ok(Ending::Task(u8::try_from(code).unwrap_or(1))) }
    }
}
