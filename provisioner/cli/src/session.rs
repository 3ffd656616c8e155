//! A session: one environment, connected to its providers, with its recorded state.
//!
//! A command opens a session, runs the stack program ([`Session::declare`]), reads the objects and plans
//! ([`planning`]), and carries the plan out ([`applying`]). A session compares nothing and calls no provider itself: the
//! planner and the engine do.

mod applying;
mod interrupts;
#[cfg(feature = "aws")]
mod operations;
mod planning;
mod recording;

use std::collections::BTreeMap;

use provisioner_model::{
    Environment,
    erased::Clouds,
    ownership::new_lineage,
    stack::{Desired, MAIN},
    state::{ProviderTarget, Snapshot},
};

use crate::{
    declaration::Declaration,
    environment::{EnvironmentFile, Folder},
    error::Failure,
    options::{SchemaOptions, TemplateOptions},
    program::Program,
    saved,
    state_store::StateStore,
    template,
    terminal::{self, Terminal},
};

pub(crate) use self::{applying::Execution, planning::RefreshScope};

/// An environment with its recorded state and its providers.
pub(crate) struct Session<'a, E> {
    program: &'a Program<E>,
    folder: &'a Folder,
    pub(crate) environment: EnvironmentFile<E>,
    pub(crate) store: StateStore,
    pub(crate) snapshot: Snapshot,
    pub(crate) clouds: Clouds,
    pub(crate) target: ProviderTarget,
    /// `true` if the stack is declared as stopped: as the state has it, or as `stop` and `start` are to make it.
    pub(crate) stopped: bool,
    /// Values that the cloud was asked for before the stack program runs.
    discovered: BTreeMap<String, Option<String>>,
    /// The run that holds the lock, in words. Its objects may be in the making.
    pub(crate) current_run: Option<String>,
}

impl<'a, E: Environment> Session<'a, E> {
    /// Opens an environment, with its state at the place that its file names.
    pub(crate) async fn open(
        program: &'a Program<E>,
        folder: &'a Folder,
        environment: EnvironmentFile<E>,
    ) -> Result<Self, Failure> {
        let store = StateStore::new(folder, &environment).await?;
        Self::with(program, folder, environment, store).await
    }

    /// Opens an environment that has been applied; fails where it has no state.
    #[cfg(feature = "aws")]
    pub(crate) async fn open_applied(
        program: &'a Program<E>,
        folder: &'a Folder,
        environment: EnvironmentFile<E>,
    ) -> Result<Self, Failure> {
        let store = StateStore::new(folder, &environment).await?;
        let snapshot = store.load().await?.ok_or_else(|| store.missing())?;
        Self::connect(program, folder, environment, store, snapshot).await
    }

    /// Opens an environment with its state at this place. Before its first apply, the state is empty.
    pub(crate) async fn with(
        program: &'a Program<E>,
        folder: &'a Folder,
        environment: EnvironmentFile<E>,
        store: StateStore,
    ) -> Result<Self, Failure> {
        let snapshot = store.load().await?;
        let new = || {
            let lineage = new_lineage(environment.settings.project(), &environment.name, &terminal::token());
            Snapshot::new(lineage, environment.name.clone())
        };
        let snapshot = snapshot.unwrap_or_else(new);
        Self::connect(program, folder, environment, store, snapshot).await
    }

    async fn connect(
        program: &'a Program<E>,
        folder: &'a Folder,
        environment: EnvironmentFile<E>,
        store: StateStore,
        snapshot: Snapshot,
    ) -> Result<Self, Failure> {
        let (clouds, target) = program.connect(folder, &environment.settings).await?;
        let current_run = store.current_run().await?;
        let discovered = BTreeMap::new();
        let stopped = snapshot.stopped;
        let session =
            Self { program, folder, environment, store, snapshot, clouds, target, stopped, discovered, current_run };
        session.check_target()?;
        Ok(session)
    }

    /// Refuses a state whose objects are in another account, region or endpoint. A state without objects may move.
    fn check_target(&self) -> Result<(), Failure> {
        let recorded = self.snapshot.targets.get(MAIN).filter(|_| !self.snapshot.rows.is_empty());
        match recorded.filter(|recorded| **recorded != self.target) {
            None => Ok(()),
            Some(recorded) => Err(Failure::Elsewhere {
                environment: self.environment.name.clone(),
                recorded: saved::place(recorded),
                here: saved::place(&self.target),
            }),
        }
    }

    /// Builds the app's image where it is missing or out of date. Only an apply does: it takes minutes.
    pub(crate) fn build_image(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.program.build_image(self.folder, &self.environment.settings, terminal)
    }

    /// Looks up what the environment names in the cloud, for commands that need the declared inputs. The others must work
    /// without: a destroy, for example, after somebody has deleted a subnet.
    pub(crate) async fn look_up(&mut self) -> Result<(), Failure> {
        self.discovered = self.program.look_up(&self.environment, &self.clouds).await?;
        Ok(())
    }

    /// Runs the stack program, and gives the secrets that it declares to the providers.
    pub(crate) fn declare(&mut self) -> Result<Declaration, Failure> {
        let declaration = Declaration::new(
            self.program,
            self.folder,
            &self.environment,
            &self.target,
            self.stopped,
            &self.discovered,
        )?;
        self.clouds.set_secrets(declaration.desired.secrets.clone());
        Ok(declaration)
    }

    /// Writes the declared resources as a CloudFormation template, if the options name a file.
    pub(crate) fn write_template(&self, desired: &Desired, options: &TemplateOptions) -> Result<(), Failure> {
        match &options.template {
            Some(file) => Ok(template::write(file, desired, self.program.registry())?),
            None => Ok(()),
        }
    }

    /// Checks the declared resources by the rules that AWS publishes, before anything is read.
    pub(crate) fn check(&self, declaration: &Declaration, options: SchemaOptions) -> Result<(), Failure> {
        declaration.check(self.program.registry(), options)
    }
}
