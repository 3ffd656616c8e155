//! `run`: runs a one-off task of a service.

use std::time::Duration;

use clap::Args;
use provisioner_aws::{
    Aws,
    operations::{
        logs::Tail,
        run::{OneOff, Order, Stage, start},
    },
};
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    environment::Folder,
    error::{Failure, OperationError},
    options::Pace,
    program::Program,
    session::Session,
    signals::Signals,
    terminal::{self, Terminal},
};

/// The pause between two reads of the task and its log.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The number of reads of the log after the task's end: the last lines arrive late.
const LAST_READS: usize = 3;

#[derive(Args, Debug)]
#[command(after_help = "The task has the service's revision, network and roles. The command exits with the \
task's exit code, or with 1\nif the task does not start. Ctrl-C stops the task and exits with 130.\n\n\
Do not pass secrets as arguments: AWS stores and shows them.\n\n\
Example: provisioner run dev -- migrate")]
pub(crate) struct RunArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Address of the service, if there are several.
    #[arg(long, value_name = "ADDRESS")]
    service: Option<String>,
    /// Container that gets the arguments, if the task has several.
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// Arguments of the image's program. Do not pass secrets: AWS stores and shows them.
    #[arg(last = true, required = true, value_name = "ARGS")]
    arguments: Vec<String>,
    #[command(flatten)]
    pace: Pace,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: RunArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let session = Session::open_applied(program, folder, folder.load::<E>(&arguments.environment)?).await?;
    let (owner, host) = terminal::whoami();
    let order = Order {
        service: &session.service(arguments.service.as_deref())?,
        container: arguments.container.as_deref(),
        arguments: &arguments.arguments,
        started_by: &format!("provisioner run by {owner}@{host}"),
        token: &terminal::token(),
    };
    let aws = session.aws()?;
    // From here on a signal stops the task.
    let signals = Signals::new().map_err(Failure::Start)?;
    let task = start(aws, &order).await.map_err(OperationError::call("no task was started"))?;
    terminal.say(&format!(
        "Task {} of {}: {}. Ctrl-C stops it.",
        task.id,
        task.revision,
        arguments.arguments.join(" ")
    ));
    let pause = arguments.pace.poll_interval(POLL_INTERVAL);
    let watch = TaskWatch { aws, task: &task, log: Some(task.log(aws)), pause, terminal };
    watch.run(signals).await
}

/// Shows a task's stage and log until it ends.
struct TaskWatch<'a> {
    aws: &'a Aws,
    task: &'a OneOff,
    /// Reader of the log; `None` after a failed read, without which the task continues.
    log: Option<Tail<'a>>,
    pause: Duration,
    terminal: &'a Terminal,
}

impl TaskWatch<'_> {
    async fn run(mut self, mut signals: Signals) -> Result<ExitStatus, Failure> {
        let lost = || OperationError::call("could not watch the task any more; it keeps running");
        let mut shown = String::new();
        let mut stopping = false;
        loop {
            // The stage is read before the log, so that all lines before the task's end are read.
            let stage = self.task.stage(self.aws).await.map_err(lost())?;
            self.print_lines().await;
            match stage {
                Stage::Ended { exit_code, reason } => {
                    for _ in 0..LAST_READS {
                        tokio::time::sleep(self.pause).await;
                        self.print_lines().await;
                    }
                    return self.result(exit_code, reason, stopping);
                }
                Stage::Going(status) if status != shown => {
                    self.terminal.say(&format!("… {status}"));
                    shown = status;
                }
                Stage::Going(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause) => {}
                () = signals.next() => {
                    if stopping {
                        self.terminal.say("No longer waiting. AWS stops the task.");
                        return Err(Failure::Interrupted);
                    }
                    stopping = true;
                    self.terminal.say("Interrupted. Stopping the task and waiting for it to end.");
                    let stopped = self.task.stop(self.aws, "interrupted by the user who started it").await;
                    stopped.map_err(OperationError::call("could not stop the task; it keeps running"))?;
                }
            }
        }
    }

    /// Prints the new lines of the log.
    async fn print_lines(&mut self) {
        while let Some(log) = &mut self.log {
            match log.next(terminal::now()).await {
                Ok(lines) if lines.is_empty() => break,
                Ok(lines) => lines.iter().for_each(|line| self.terminal.data(&format!("{}\n", line.text))),
                Err(error) => {
                    self.terminal.say(&format!("Could not read the task's log: {}", error.chain()));
                    self.log = None;
                }
            }
        }
    }

    /// The command's result after the task's end.
    fn result(&self, exit_code: Option<i32>, reason: Option<String>, stopping: bool) -> Result<ExitStatus, Failure> {
        let Some(code) = exit_code else {
            let why = reason.unwrap_or_else(|| "AWS does not say why".to_owned());
            return Err(if stopping { Failure::Interrupted } else { OperationError::NeverStarted(why).into() });
        };
        // AWS gives this reason for every task whose program has ended.
        let reason = reason.filter(|reason| code != 0 && !reason.starts_with("Essential container in task exited"));
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        self.terminal.say(&format!("Task {} ended with exit code {code}{reason}.", self.task.id));
        if stopping { Err(Failure::Interrupted) } else { Ok(ExitStatus::Task(u8::try_from(code).unwrap_or(1))) }
    }
}
