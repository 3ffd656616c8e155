//! The command line's top level: the global options and the list of commands. The arguments of a command stand in the
//! command's own module.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::{
    apply::ApplyArguments, completions::CompletionsArguments, destroy::DestroyArguments, drift::DriftArguments,
    graph::GraphArguments, import::ImportArguments, open::OpenArguments, outputs::OutputsArguments,
    plan::PlanArguments, state::StateCommand, validate::ValidateArguments,
};
#[cfg(feature = "aws")]
use crate::commands::{
    image::ImageCommand, logs::LogsArguments, rollback::RollbackArguments, run::RunArguments, status::StatusArguments,
};

/// The exit codes and environment variables, printed at the end of `--help`; `docs/cli.md` has them too.
const EXIT_CODES: &str = "Exit codes:
  0    done; for `plan` and `drift` with --detailed-exitcode: nothing to do
  1    an error: the reason is on standard error, and nothing is lost
  2    `plan` and `drift` with --detailed-exitcode: there are changes; `status` with
       --exit-code: something is not well
  3    interrupted while a rollout was waited for: it goes on by itself, the next apply takes it up
  64   the command line was not understood
  …    `run`: what the task ended with
  130  interrupted: what had begun is saved, the next apply goes on

Environment variables: those of the AWS SDK (AWS_PROFILE, AWS_ENDPOINT_URL, …), NO_COLOR, COLUMNS,
PROVISIONER_LOG (a filter for -v, as in `provisioner=debug,aws=info`).";

/// Infrastructure from a program.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXIT_CODES, after_help = "`--help` lists the exit codes.", max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The folder that holds `environments/` and `state/`; else found upwards from here.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) folder: Option<PathBuf>,
    /// Log what happens to standard error, request ids included; twice for more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The commands, in the order of `--help`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what an apply would do; writes nothing but `--out`.
    Plan(PlanArguments),
    /// Carry out a plan: a new one, or a saved one.
    Apply(ApplyArguments),
    /// Delete everything that the environment has.
    Destroy(DestroyArguments),
    /// Show what somebody else changed.
    Drift(DriftArguments),
    /// Print the stack's outputs.
    Outputs(OutputsArguments),
    /// Open the stack's URL in a browser.
    Open(OpenArguments),
    /// Show how it is doing: services, tasks, deployments, targets, databases, alarms.
    #[cfg(feature = "aws")]
    Status(StatusArguments),
    /// Print what the service's tasks write.
    #[cfg(feature = "aws")]
    Logs(LogsArguments),
    /// Run one task of the service's own image; ends with the task's exit code.
    #[cfg(feature = "aws")]
    Run(RunArguments),
    /// Put an older revision of the service back.
    #[cfg(feature = "aws")]
    Rollback(RollbackArguments),
    /// Draw what depends on what.
    Graph(GraphArguments),
    /// Look into the state, or change it; nothing in the cloud changes.
    #[command(subcommand)]
    State(StateCommand),
    /// Take an object that is there already into the state.
    Import(ImportArguments),
    /// Build, push or look at the app's image.
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Image(ImageCommand),
    /// Check environment files and the program, without credentials.
    Validate(ValidateArguments),
    /// Print the JSON Schema of environment files.
    Schema,
    /// Print a shell's completions.
    Completions(CompletionsArguments),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn argument_definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
