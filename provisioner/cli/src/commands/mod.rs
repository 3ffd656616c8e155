//! One function for each command: it puts the parts together and prints.

mod changes;
#[cfg(feature = "aws")]
mod image;
mod import;
mod offline;
mod open;
#[cfg(feature = "aws")]
mod operate;
mod state;

use provisioner_model::Environment;

use crate::{
    arguments::{Arguments, Command},
    environment::{EnvironmentError, Folder},
    error::Failure,
    program::Program,
    terminal::Terminal,
};

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Done.
    Done,
    /// `--detailed-exitcode`: there are changes. `--exit-code`: something is not well.
    Changes,
    /// `run`: with what the task ended.
    #[cfg(feature = "aws")]
    Task(u8),
}

impl Ending {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Changes => 2,
            #[cfg(feature = "aws")]
            Self::Task(code) => code,
        }
    }
}

/// Carries a command out.
pub(crate) async fn run<E: Environment>(
    program: &Program<E>,
    arguments: Arguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let folder = || {
        let here = std::env::current_dir().map_err(|source| EnvironmentError::Io { path: ".".into(), source })?;
        Folder::find(arguments.folder.as_deref(), &here)
    };
    match arguments.command {
        Command::Plan(plan) => changes::plan(program, &folder()?, plan, terminal).await,
        Command::Apply(apply) => changes::apply(program, &folder()?, apply, terminal).await,
        Command::Destroy(destroy) => changes::destroy(program, &folder()?, destroy, terminal).await,
        Command::Drift(drift) => changes::drift(program, &folder()?, drift, terminal).await,
        Command::Outputs(outputs) => state::outputs(&folder()?, &outputs, terminal).await,
        Command::Open(open) => open::open(&folder()?, &open, terminal).await,
        #[cfg(feature = "aws")]
        Command::Operation(operation) => operate::run(program, &folder()?, operation, terminal).await,
        Command::State(command) => state::state(&folder()?, command, terminal).await,
        Command::Import(import) => import::import(program, &folder()?, &import, terminal).await,
        #[cfg(feature = "aws")]
        Command::Image(command) => image::image(program, &folder()?, command, terminal).await,
        Command::Graph(graph) => offline::graph(program, &folder()?, &graph, terminal).await,
        Command::Validate { environments } => offline::validate(program, &folder()?, environments, terminal).await,
        Command::Schema => offline::schema::<E>(terminal),
        Command::Completions { shell } => {
            offline::completions(shell, program.name(), terminal);
            Ok(Ending::Done)
        }
    }
}
