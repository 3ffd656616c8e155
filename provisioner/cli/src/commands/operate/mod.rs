//! `status`, `logs`, `run` and `rollback`: what runs, looked at and changed. Which objects are meant, the state says.

mod logs;
mod rollback;
mod status;
mod task;

use provisioner_aws::{
    Aws,
    operations::objects::{self, At, NoService},
};
use provisioner_model::{Environment, Error, erased::Clouds, stack::MAIN, state::Snapshot};

use super::{Ending, state::load};
use crate::{
    arguments::operations::Operation,
    environment::{Folder, Loaded},
    error::{Failure, OperationError},
    program::Program,
    run::same_place,
    terminal::Terminal,
};

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    operation: Operation,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    match operation {
        Operation::Status(status) => status::status(program, folder, &status, terminal).await,
        Operation::Logs(logs) => logs::logs(program, folder, logs, terminal).await,
        Operation::Run(run) => task::run(program, folder, &run, terminal).await,
        Operation::Rollback(rollback) => rollback::rollback(program, folder, &rollback, terminal).await,
    }
}

/// What an operation is about: the state, and the cloud that it is of. The program is not run: what is declared by now
/// does not matter.
struct Subject {
    name: String,
    state: Snapshot,
    clouds: Clouds,
}

impl Subject {
    async fn open<E: Environment>(program: &Program<E>, folder: &Folder, name: &str) -> Result<Self, Failure> {
        let Loaded { name, environment } = folder.load::<E>(name)?;
        let (_, state) = load(folder, &name).await?;
        let (clouds, target) = program.connect(folder, &environment).await?;
        same_place(&name, &state, &target)?;
        Ok(Self { name, state, clouds })
    }

    fn aws(&self) -> Result<&Aws, Failure> {
        aws(&self.clouds)
    }

    fn service(&self, address: Option<&str>) -> Result<At, Failure> {
        service(&self.state, address)
    }
}

fn aws(clouds: &Clouds) -> Result<&Aws, Failure> {
    clouds.get::<Aws>(MAIN).map_err(failed("this program has no AWS to ask"))
}

fn service(state: &Snapshot, address: Option<&str>) -> Result<At, Failure> {
    objects::service(state, address).map_err(|error| {
        let what = error.to_string();
        let known = match error {
            NoService::None => vec![],
            NoService::Unknown(_, known) | NoService::Several(known) => known,
        };
        OperationError::Service { what, known }.into()
    })
}

/// A call that failed, with what it was for.
fn failed(what: &str) -> impl FnOnce(Error) -> Failure {
    move |source| OperationError::Call { what: what.to_owned(), source }.into()
}
