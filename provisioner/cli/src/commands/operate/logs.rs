//! `logs`.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use provisioner_aws::operations::logs::{Line, Tail};
use provisioner_model::Environment;

use super::{Subject, failed};
use crate::{
    arguments::operations::LogsArguments,
    commands::Ending,
    environment::Folder,
    error::Failure,
    program::Program,
    render::Tone,
    run::Signals,
    terminal::{self, Terminal},
};

/// How long to wait for more.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn logs<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: LogsArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let subject = Subject::open(program, folder, &arguments.environment).await?;
    let service = subject.service(arguments.service.as_deref())?;
    let since = arguments.since.from(terminal::now());
    let unread = || failed("the log could not be read");
    let mut tail = Tail::of(subject.aws()?, &service, since, arguments.filter).await.map_err(unread())?;
    let pause = arguments.pace.pause(PAUSE);
    let mut writer = Writer::default();
    let read = async {
        loop {
            let lines = tail.next(terminal::now()).await.map_err(unread())?;
            if lines.is_empty() && !arguments.follow {
                return Ok(Ending::Done);
            }
            if lines.is_empty() {
                tokio::time::sleep(pause).await;
            }
            terminal.data(&writer.write(&lines, terminal));
        }
    };
    if !arguments.follow {
        return read.await;
    }
    let mut signals = Signals::new().map_err(Failure::Start)?;
    tokio::select! {
        ended = read => ended,
        () = signals.next() => Ok(Ending::Done),
    }
}

/// Writes lines as they are, and whose they are as soon as there are several tasks or containers.
#[derive(Default)]
struct Writer {
    tasks: BTreeSet<String>,
    containers: BTreeSet<String>,
}

impl Writer {
    fn write(&mut self, lines: &[Line], terminal: &Terminal) -> String {
        for line in lines {
            self.tasks.insert(line.task.clone());
            self.containers.insert(line.container.clone());
        }
        let mut out = String::new();
        for line in lines {
            let mut whose = String::new();
            if self.tasks.len() > 1 {
                whose.extend(line.task.chars().take(8).chain([' ']));
            }
            if self.containers.len() > 1 {
                let _ = write!(whose, "{} ", line.container);
            }
            let _ = writeln!(out, "{}{}", terminal.out().paint(Tone::Quiet, &whose), line.text);
        }
        out
    }
}
