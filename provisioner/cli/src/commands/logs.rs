//! `logs`: prints the logs of a service's tasks.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use clap::Args;
use provisioner_aws::operations::logs::{Line, Tail, instant};
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    environment::Folder,
    error::{Failure, OperationError},
    options::Pace,
    program::Program,
    render::Tone,
    session::Session,
    signals::Signals,
    terminal::{self, Terminal},
};

/// The pause between two reads of the log.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Args, Debug)]
pub(crate) struct LogsArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Print new lines until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// Start time: `30s`, `10m`, `2h`, `1d` ago, or a time such as `2026-11-21T15:04:05Z`.
    #[arg(long, value_name = "WHEN", default_value = "10m", value_parser = since)]
    since: Since,
    /// Print only lines that match a CloudWatch filter pattern, such as `ERROR` or `{ $.status = 500 }`.
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Address of the service, if there are several.
    #[arg(long, value_name = "ADDRESS")]
    service: Option<String>,
    #[command(flatten)]
    pace: Pace,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: LogsArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let session = Session::open_applied(program, folder, folder.load::<E>(&arguments.environment)?).await?;
    let service = session.service(arguments.service.as_deref())?;
    let since = arguments.since.start(terminal::now());
    let unread = || OperationError::call("could not read the log");
    let mut tail = Tail::of(session.aws()?, &service, since, arguments.filter).await.map_err(unread())?;
    let pause = arguments.pace.poll_interval(POLL_INTERVAL);
    let mut formatter = LineFormatter::default();
    let read = async {
        loop {
            let lines = tail.next(terminal::now()).await.map_err(unread())?;
            if lines.is_empty() && !arguments.follow {
                return Ok(ExitStatus::Success);
            }
            if lines.is_empty() {
                tokio::time::sleep(pause).await;
            }
            terminal.data(&formatter.format(&lines, terminal));
        }
    };
    if !arguments.follow {
        return read.await;
    }
    let mut signals = Signals::new().map_err(Failure::Start)?;
    tokio::select! {
        result = read => result,
        () = signals.next() => Ok(ExitStatus::Success),
    }
}

/// Formats log lines. With several tasks or containers, each line starts with its source.
#[derive(Default)]
struct LineFormatter {
    tasks: BTreeSet<String>,
    containers: BTreeSet<String>,
}

impl LineFormatter {
    fn format(&mut self, lines: &[Line], terminal: &Terminal) -> String {
        for line in lines {
            self.tasks.insert(line.task.clone());
            self.containers.insert(line.container.clone());
        }
        let mut out = String::new();
        for line in lines {
            let mut prefix = String::new();
            if self.tasks.len() > 1 {
                prefix.extend(line.task.chars().take(8).chain([' ']));
            }
            if self.containers.len() > 1 {
                let _ = write!(prefix, "{} ", line.container);
            }
            let _ = writeln!(out, "{}{}", terminal.out().paint(Tone::Quiet, &prefix), line.text);
        }
        out
    }
}

/// The value of `--since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// A duration before now.
    Ago(Duration),
    /// A point in time, in milliseconds since 1970.
    At(i64),
}

impl Since {
    /// The start in milliseconds since 1970; `now` is in seconds.
    fn start(self, now: u64) -> i64 {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => i64::try_from(now.saturating_sub(ago.as_secs()).saturating_mul(1000)).unwrap_or(i64::MAX),
        }
    }
}

/// Parses the value of `--since`.
fn since(text: &str) -> Result<Since, String> {
    if let Some(at) = instant(text) {
        return Ok(Since::At(at));
    }
    let wrong = || "a time ago, as in `30s`, `10m`, `2h`, `1d`, or a time, as in `2026-11-21T15:04:05Z`".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(|ago| Since::Ago(Duration::from_secs(ago))).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_an_age_or_a_time() {
        assert_eq!(since("90s").map(|since| since.start(100)), Ok(10_000));
        assert_eq!(since("2h"), Ok(Since::Ago(Duration::from_hours(2))));
        assert_eq!(since("1d").map(|since| since.start(10)), Ok(0));
        assert_eq!(since("1970-01-01T00:01:00Z"), Ok(Since::At(60_000)));
        assert_eq!(since("1970-01-01T01:01:00+01:00"), Ok(Since::At(60_000)));
        for wrong in ["", "m", "10", "10x", "-1h", "ten minutes", "99999999999999999999d", "18446744073709551615d", "é"]
        {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
