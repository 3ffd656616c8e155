//! The commands of who operates a stack.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::Pace;

/// What is asked of what runs, or done to it, between two applies.
#[derive(Debug, Subcommand)]
pub enum Operation {
    /// Show how it is doing: services, tasks, deployments, targets, databases, alarms.
    Status(StatusArguments),
    /// Print what the service's tasks write.
    Logs(LogsArguments),
    /// Run one task of the service's own image; ends with the task's exit code.
    Run(RunArguments),
    /// Put an older revision of the service back.
    Rollback(RollbackArguments),
}

/// `status`.
#[derive(Args, Debug)]
pub struct StatusArguments {
    /// The environment.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Look again every 5 seconds, or as often as this says, until Ctrl-C.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "5")]
    #[arg(value_parser = pause)]
    pub watch: Option<Duration>,
    /// Print it as JSON.
    #[arg(long, conflicts_with = "watch")]
    pub json: bool,
    /// Exit with 2 where something is not well.
    #[arg(long, conflicts_with = "watch")]
    pub exit_code: bool,
}

/// `logs`.
#[derive(Args, Debug)]
pub struct LogsArguments {
    /// The environment.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Go on until Ctrl-C.
    #[arg(long, short)]
    pub follow: bool,
    /// From when on: `30s`, `10m`, `2h`, `1d` ago, or a time as in `2026-11-21T15:04:05Z`.
    #[arg(long, value_name = "WHEN", default_value = "10m", value_parser = since)]
    pub since: Since,
    /// Only lines that match: CloudWatch's filter patterns, as in `ERROR` or `{ $.status = 500 }`.
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,
    /// Whose, where there are several services.
    #[arg(long, value_name = "ADDRESS")]
    pub service: Option<String>,
    /// How patient it is.
    #[command(flatten)]
    pub pace: Pace,
}

/// `run`.
#[derive(Args, Debug)]
#[command(after_help = "The task has the service's revision, network and roles. It ends with the task's exit code, \
or with 1 where it\ndid not start; Ctrl-C stops the task, and ends with 130.\n\n\
Arguments are no place for secrets: AWS keeps and shows them.\n\n\
Example: provisioner run dev -- migrate")]
pub struct RunArguments {
    /// The environment.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Which service, where there are several.
    #[arg(long, value_name = "ADDRESS")]
    pub service: Option<String>,
    /// Which container gets the arguments, where the task has several.
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// What the image's program is told. No secrets here: AWS keeps and shows them.
    #[arg(last = true, required = true, value_name = "ARGS")]
    pub arguments: Vec<String>,
    /// How patient it is.
    #[command(flatten)]
    pub pace: Pace,
}

/// `rollback`.
#[derive(Args, Debug)]
#[command(after_help = "Without REVISION: the newest older one that was rolled out successfully. Only the revision \
changes: data,\nmigrations included, stay as they are. The next `plan` shows that the program declares another \
revision, and\nthe next `apply` rolls forward to it.")]
pub struct RollbackArguments {
    /// The environment.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The revision: a number, or `family:number`.
    #[arg(value_name = "REVISION")]
    pub revision: Option<String>,
    /// Which service, where there are several.
    #[arg(long, value_name = "ADDRESS")]
    pub service: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Do not wait until the rollout has succeeded: the next apply takes it up.
    #[arg(long)]
    pub no_wait: bool,
    /// How patient it is.
    #[command(flatten)]
    pub pace: Pace,
}

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(Duration),
    /// Milliseconds since 1970.
    At(i64),
}

impl Since {
    /// Milliseconds since 1970, at a time in seconds since then.
    pub fn from(self, now: u64) -> i64 {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => i64::try_from(now.saturating_sub(ago.as_secs()).saturating_mul(1000)).unwrap_or(i64::MAX),
        }
    }
}

fn since(text: &str) -> Result<Since, String> {
    if let Some(at) = provisioner_aws::operations::logs::instant(text) {
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

fn pause(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.2..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "a number of seconds, from 0.2 to 3600".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_an_age_or_an_instant() {
        assert_eq!(since("90s").map(|since| since.from(100)), Ok(10_000));
        assert_eq!(since("2h"), Ok(Since::Ago(Duration::from_hours(2))));
        assert_eq!(since("1d").map(|since| since.from(10)), Ok(0));
        assert_eq!(since("1970-01-01T00:01:00Z"), Ok(Since::At(60_000)));
        assert_eq!(since("1970-01-01T01:01:00+01:00"), Ok(Since::At(60_000)));
        for wrong in ["", "m", "10", "10x", "-1h", "ten minutes", "99999999999999999999d", "18446744073709551615d", "é"]
        {
            assert!(since(wrong).is_err(), "{wrong}");
        }
        assert!(pause("0").is_err());
        assert!(pause("NaN").is_err());
    }
}
