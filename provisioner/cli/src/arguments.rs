//! The command line's top level: the global options and the list of commands. The arguments of a command stand in the
//! command's own module.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::{
    apply::ApplyArguments, completions::CompletionsArguments, destroy::DestroyArguments, drift::DriftArguments,
    graph::GraphArguments, import::ImportArguments, open::OpenArguments, outputs::OutputsArguments,
    plan::PlanArguments, runs::RunsArguments, state::StateCommand, stop::StopArguments, template::TemplateArguments,
    unlock::UnlockArguments, validate::ValidateArguments,
};
#[cfg(feature = "aws")]
use crate::commands::{
    bootstrap::BootstrapArguments, image::ImageCommand, logs::LogsArguments, rollback::RollbackArguments,
    run::RunArguments, status::StatusArguments,
};

/// Exit codes and environment variables at the end of `--help`; `docs/cli.md` lists them too.
const EXIT_CODES: &str = "Exit codes:
  0    success; for `plan` and `drift` with --detailed-exitcode: no changes
  1    error: the reason is on stderr, and the state is saved
  2    `plan` and `drift` with --detailed-exitcode: there are changes; `status` with
       --exit-code: there are problems
  3    interrupted during a rollout: it continues in AWS, and the next apply resumes it
  64   invalid command line
  …    `run`: the task's exit code
  130  interrupted: the state is saved, and the next apply continues

Environment variables: those of the AWS SDK (AWS_PROFILE, AWS_ENDPOINT_URL, …), NO_COLOR, COLUMNS,
PROVISIONER_LOG (a filter for -v, as in `provisioner=debug,aws_sdk=info`).";

/// Infrastructure as code in Rust.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXIT_CODES, after_help = "`--help` lists the exit codes.", max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The folder that contains `environments/` and `state/`; the default is the current folder or its nearest such
    /// parent.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) folder: Option<PathBuf>,
    /// Log to stderr, including request IDs; repeat for more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The commands, in the order of `--help`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the changes that an apply would make; writes nothing except `--out`.
    Plan(PlanArguments),
    /// Apply a new or saved plan.
    Apply(ApplyArguments),
    /// Delete all objects of the environment.
    Destroy(DestroyArguments),
    /// Stop an idle environment: no tasks, databases stopped, alarms and autoscaling off.
    Stop(StopArguments),
    /// Start a stopped environment.
    Start(StopArguments),
    /// Show changes made outside Provisioner.
    Drift(DriftArguments),
    /// Print the stack's outputs.
    Outputs(OutputsArguments),
    /// Open the stack's URL in a browser.
    Open(OpenArguments),
    /// Show the status of services, tasks, deployments, targets, databases, alarms.
    #[cfg(feature = "aws")]
    Status(StatusArguments),
    /// Print the logs of the service's tasks.
    #[cfg(feature = "aws")]
    Logs(LogsArguments),
    /// Run one task with the service's image; exits with the task's exit code.
    #[cfg(feature = "aws")]
    Run(RunArguments),
    /// Roll the service back to an older revision.
    #[cfg(feature = "aws")]
    Rollback(RollbackArguments),
    /// Print the dependency graph.
    Graph(GraphArguments),
    /// Print the declared resources as a CloudFormation template, for linters.
    Template(TemplateArguments),
    /// List the runs that changed the environment, or show one.
    Runs(RunsArguments),
    /// Show or change the state; nothing in AWS changes.
    #[command(subcommand)]
    State(StateCommand),
    /// Create the bucket for the state, and move the state of this machine into it.
    #[cfg(feature = "aws")]
    Bootstrap(BootstrapArguments),
    /// End the lease of a run that is gone, of a state in S3.
    Unlock(UnlockArguments),
    /// Add an existing object to the state.
    Import(ImportArguments),
    /// Build, push, save or inspect the app's image.
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Image(ImageCommand),
    /// Check environment files and the program, without credentials.
    Validate(ValidateArguments),
    /// Print the JSON Schema of environment files.
    Schema,
    /// Print completions for a shell.
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
