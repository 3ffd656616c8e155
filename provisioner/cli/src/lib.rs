//! The command line as a library: arguments, environment files, prompts, rendering, exit codes.
//!
//! A custom stack needs only [`main`] and a [`Program`]. Only this crate prints, asks, and reads environment variables.
//! It computes no differences, and calls clouds only through the resource types.

mod arguments;
mod artifacts;
mod commands;
pub mod consent;
mod declaration;
pub mod environment;
pub mod error;
#[cfg(feature = "aws")]
mod image;
mod live;
mod logging;
#[cfg(feature = "aws")]
mod network;
mod options;
mod program;
#[cfg(feature = "aws-types")]
mod proxies;
pub mod render;
mod runs;
pub mod saved;
mod session;
mod signals;
mod state_store;
pub mod template;
pub mod terminal;
mod verification;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};
use provisioner_model::Environment;

use self::{arguments::Cli, error::Failure, terminal::Terminal};

pub use self::program::Program;
#[cfg(feature = "aws")]
pub use provisioner_image::Architecture;

/// The exit code of a command line that was not understood: 2 means changes.
const USAGE: u8 = 64;

/// Runs the command line of a program: the whole of its `main`.
pub fn main<E: Environment>(program: Program<E>) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(&program, arguments, &Terminal::detect()))
}

/// The command line of the bundled stack.
#[cfg(feature = "aws")]
pub fn bundled() -> ExitCode {
    use provisioner_reference_stack::environment as reference;
    let wants =
        |environment: &reference::Environment| match (&environment.service.image, environment.service.architecture) {
            (Some(_), _) => None,
            (None, reference::Architecture::X8664) => Some(Architecture::X8664),
            (None, reference::Architecture::Arm64) => Some(Architecture::Arm64),
        };
    let stack = Program::new(provisioner_reference_stack::stack).image(wants);
    let stack = stack.network(reference::Environment::existing_network, reference::Environment::network_problems);
    main(stack.named("provisioner"))
}

/// As [`main`], with stated arguments (the program's name first) and a terminal; gives the exit code.
pub fn run<E: Environment>(program: &Program<E>, arguments: Vec<OsString>, terminal: &Terminal) -> u8 {
    let mut command = Cli::command();
    if let Some(name) = program.name() {
        command = command.name(name).bin_name(name);
    }
    let parsed = command.try_get_matches_from(arguments).and_then(|found| Cli::from_arg_matches(&found));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let text = error.render();
            let text = |page: &render::PageFormat| if page.colour { text.ansi().to_string() } else { text.to_string() };
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                terminal.data(&text(terminal.out()));
                return 0;
            }
            terminal.say(&text(terminal.err()));
            return USAGE;
        }
    };
    logging::start(cli.verbose, terminal);
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Start)
        .and_then(|runtime| runtime.block_on(commands::dispatch(program, cli, terminal)))
        .and_then(|status| terminal.output_error().map_or(Ok(status), |error| Err(Failure::Output(error))));
    match result {
        Ok(status) => status.code(),
        Err(failure) => {
            failure.tell(terminal);
            failure.code()
        }
    }
}
