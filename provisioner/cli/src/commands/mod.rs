//! The commands: a module for each, with its arguments and its `run`.

pub(crate) mod apply;
#[cfg(feature = "aws")]
pub(crate) mod bootstrap;
pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod drift;
pub(crate) mod graph;
#[cfg(feature = "aws")]
pub(crate) mod image;
pub(crate) mod import;
#[cfg(feature = "aws")]
pub(crate) mod logs;
pub(crate) mod open;
pub(crate) mod outputs;
pub(crate) mod plan;
#[cfg(feature = "aws")]
pub(crate) mod rollback;
#[cfg(feature = "aws")]
pub(crate) mod run;
pub(crate) mod runs;
mod schema;
pub(crate) mod state;
#[cfg(feature = "aws")]
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod template;
pub(crate) mod unlock;
pub(crate) mod validate;

use provisioner_model::Environment;

use self::stop::Direction;
use crate::{
    arguments::{Cli, Command},
    environment::{EnvironmentError, Folder},
    error::Failure,
    program::Program,
    terminal::Terminal,
};

/// The exit status of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    Success,
    /// `--detailed-exitcode`: there are changes. `--exit-code`: there are problems.
    Changes,
    /// `run`: the task's exit code.
    #[cfg(feature = "aws")]
    Task(u8),
}

impl ExitStatus {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Changes => 2,
            #[cfg(feature = "aws")]
            Self::Task(code) => code,
        }
    }

    /// Returns `Changes` if `--detailed-exitcode` was given and there are changes.
    fn detailed(requested: bool, changes: bool) -> Self {
        if requested && changes { Self::Changes } else { Self::Success }
    }
}

/// Runs the selected command.
pub(crate) async fn dispatch<E: Environment>(
    program: &Program<E>,
    cli: Cli,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    // The folder is looked up on demand: `schema` and `completions` run anywhere.
    let folder = || {
        let here = std::env::current_dir().map_err(|source| EnvironmentError::Io { path: ".".into(), source })?;
        Folder::find(cli.folder.as_deref(), &here)
    };
    match cli.command {
        Command::Plan(arguments) => plan::run(program, &folder()?, arguments, terminal).await,
        Command::Apply(arguments) => apply::run(program, &folder()?, arguments, terminal).await,
        Command::Destroy(arguments) => destroy::run(program, &folder()?, arguments, terminal).await,
        Command::Stop(arguments) => stop::run(program, &folder()?, arguments, Direction::Stop, terminal).await,
        Command::Start(arguments) => stop::run(program, &folder()?, arguments, Direction::Start, terminal).await,
        Command::Drift(arguments) => drift::run(program, &folder()?, arguments, terminal).await,
        Command::Outputs(arguments) => outputs::run::<E>(&folder()?, arguments, terminal).await,
        Command::Open(arguments) => open::run::<E>(&folder()?, arguments, terminal).await,
        #[cfg(feature = "aws")]
        Command::Status(arguments) => status::run(program, &folder()?, arguments, terminal).await,
        #[cfg(feature = "aws")]
        Command::Logs(arguments) => logs::run(program, &folder()?, arguments, terminal).await,
        #[cfg(feature = "aws")]
        Command::Run(arguments) => run::run(program, &folder()?, arguments, terminal).await,
        #[cfg(feature = "aws")]
        Command::Rollback(arguments) => rollback::run(program, &folder()?, arguments, terminal).await,
        Command::Graph(arguments) => graph::run(program, &folder()?, arguments, terminal).await,
        Command::Template(arguments) => template::run(program, &folder()?, arguments, terminal).await,
        Command::State(command) => state::run(program, &folder()?, command, terminal).await,
        #[cfg(feature = "aws")]
        Command::Bootstrap(arguments) => bootstrap::run::<E>(&folder()?, arguments, terminal).await,
        Command::Runs(arguments) => runs::run::<E>(&folder()?, arguments, terminal).await,
        Command::Unlock(arguments) => unlock::run::<E>(&folder()?, arguments, terminal).await,
        Command::Import(arguments) => import::run(program, &folder()?, arguments, terminal).await,
        #[cfg(feature = "aws")]
        Command::Image(command) => image::run(program, &folder()?, command, terminal).await,
        Command::Validate(arguments) => validate::run(program, &folder()?, arguments, terminal).await,
        Command::Schema => schema::run::<E>(terminal),
        Command::Completions(arguments) => completions::run(program, arguments, terminal),
    }
}
