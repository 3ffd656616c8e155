//! `status`: shows the health of a stack.

use std::time::Duration;

use clap::Args;
use provisioner_aws::operations::status as operation;
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    environment::Folder,
    error::{Failure, OperationError},
    program::Program,
    render,
    session::Session,
    signals::Signals,
    terminal::{self, Terminal},
};

#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Repeat every 5 seconds, or at this interval, until Ctrl-C.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "5")]
    #[arg(value_parser = watch_interval)]
    watch: Option<Duration>,
    /// Print the status as JSON.
    #[arg(long, conflicts_with = "watch")]
    json: bool,
    /// Exit with 2 if there are problems.
    #[arg(long, conflicts_with = "watch")]
    exit_code: bool,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: StatusArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let session = Session::open_applied(program, folder, folder.load::<E>(&arguments.environment)?).await?;
    let (name, aws) = (&session.environment.name, session.aws()?);
    let Some(interval) = arguments.watch else {
        let status = operation::status(aws, &session.snapshot).await;
        if arguments.json {
            let troubles = status.troubles();
            let stopped = session.snapshot.stopped;
            terminal.json(
                &serde_json::json!({ "environment": name, "stopped": stopped, "troubles": troubles, "status": status }),
            )?;
        } else {
            if session.snapshot.stopped {
                terminal.data(&format!("{name} is stopped. To start it: provisioner start {name}\n\n"));
            }
            terminal.data(&render::status::status(name, &status, terminal.out_now(), terminal::now()));
        }
        return match status.troubles().is_empty() {
            _ if !status.unread.is_empty() => Err(OperationError::Partly.into()),
            false if arguments.exit_code => Ok(ExitStatus::Changes),
            _ => Ok(ExitStatus::Success),
        };
    };
    let mut signals = Signals::new().map_err(Failure::Start)?;
    let mut first = true;
    loop {
        let show = async {
            let status = operation::status(aws, &session.snapshot).await;
            let page = terminal.out_now();
            terminal.redraw(&render::status::status(name, &status, page, terminal::now()), first);
            tokio::time::sleep(interval).await;
        };
        tokio::select! {
            () = show => first = false,
            () = signals.next() => {
                // The terminal has printed `^C`: the shell's prompt goes to the next line.
                terminal.data(if terminal.redraws { "\n" } else { "" });
                return Ok(ExitStatus::Success);
            }
        }
    }
}

/// Parses the value of `--watch`.
fn watch_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.2..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected a number of seconds from 0.2 to 3600".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watch_interval_has_limits() {
        assert_eq!(watch_interval("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "3601", "NaN"] {
            assert!(watch_interval(wrong).is_err(), "{wrong}");
        }
    }
}
