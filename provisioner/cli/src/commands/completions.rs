//! `completions`: prints a shell's completions.

use clap::{Args, CommandFactory};
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{arguments::Cli, error::Failure, program::Program, terminal::Terminal};

#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// Shell to print completions for.
    shell: clap_complete::Shell,
}

pub(super) fn run<E: Environment>(
    program: &Program<E>,
    arguments: CompletionsArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let name = program.name().unwrap_or("provisioner");
    let mut text = vec![];
    clap_complete::generate(arguments.shell, &mut Cli::command(), name, &mut text);
    terminal.data(&String::from_utf8_lossy(&text));
    Ok(ExitStatus::Success)
}
