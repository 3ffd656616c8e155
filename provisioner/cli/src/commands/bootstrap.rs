//! `bootstrap`: creates the bucket for the state, and moves the state of this machine into it.
//!
//! The bucket is a stack of its own. Its state is on this machine until the bucket exists, and then in the bucket, so that
//! the command can be repeated anywhere.

use clap::Args;
use provisioner_model::{
    Environment,
    stack::Stack,
    state::{Moved, Snapshot},
};
use provisioner_planner::{Selection, deleted, protected};
use provisioner_reference_stack::state_bucket::{self, StateBucket};
use provisioner_store::StoreError;

use super::{ExitStatus, state::relocate};
use crate::{
    consent::{self, ConsentFlags},
    declaration::places,
    environment::{EnvironmentFile, Folder, state::StateSettings},
    error::{Failure, StateError},
    options::{ApplyOptions, Pace, RolloutOptions, SchemaOptions},
    program::Program,
    render,
    session::{Execution, RefreshScope, Session},
    state_store::{Place, StateStore},
    terminal::Terminal,
};

/// The environment of the bucket's own stack.
const NAME: &str = "state-bucket";

#[derive(Args, Debug)]
pub(crate) struct BootstrapArguments {
    /// Name of the environment. `[state]` in its file names the bucket.
    #[arg(value_name = "ENV")]
    environment: String,
    #[command(flatten)]
    options: ApplyOptions,
    #[command(flatten)]
    pace: Pace,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: BootstrapArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let file = folder.load::<E>(&arguments.environment)?;
    let Some(settings) = &file.state else {
        return Err(StateError::NoBucket(arguments.environment).into());
    };
    create(folder, &file, settings, &arguments, terminal).await?;

    let local = StateStore::local(folder, &file.name);
    if local.store().load().await?.is_some() {
        let remote = StateStore::new(folder, &file).await?;
        relocate::relocate(local.store(), remote.store(), &file.name).await?;
        terminal.say(&format!("The state of `{}` is in {}.", file.name, remote.store().address()));
    }
    Ok(ExitStatus::Success)
}

/// Creates or updates the bucket, unless somebody else manages it.
async fn create<E: Environment>(
    folder: &Folder,
    file: &EnvironmentFile<E>,
    settings: &StateSettings,
    arguments: &BootstrapArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let StateSettings { bucket, kms_key, lock_table, .. } = settings;
    let region = settings.region.as_deref().unwrap_or(file.settings.region());
    let inside = Place::S3 { bucket: bucket.clone(), prefix: ".provisioner".to_owned() };
    let (local, remote) =
        (StateStore::bootstrap(folder, bucket, NAME), StateStore::at(folder, NAME, &inside, region).await?);
    let is_local = match remote.store().load().await {
        // An earlier bootstrap was interrupted when it moved the bucket's state into the bucket.
        Ok(Some(Snapshot { moved: Some(Moved::From(_)), .. })) => {
            relocate::relocate(local.store(), remote.store(), NAME).await?;
            false
        }
        Ok(Some(_)) => false,
        Ok(None) if local.store().load().await?.is_none() => {
            terminal
                .say(&format!("The bucket {bucket} exists, and was not created by `bootstrap`: it is used as it is."));
            return Ok(());
        }
        // An earlier bootstrap was interrupted before.
        Ok(None) => true,
        Err(StoreError::Object { source, .. }) if source.code() == Some("NoSuchBucket") => true,
        Err(error) => return Err(error.into()),
    };
    let store = if is_local { &local } else { &remote };
    let own = StateBucket {
        project: file.settings.project().to_owned(),
        region: region.to_owned(),
        account: file.settings.account().map(str::to_owned),
        bucket: bucket.clone(),
        kms_key: kms_key.clone(),
        lock_table: lock_table.clone(),
    };
    let program = Program::new(state_bucket::stack as fn(&StateBucket, &mut Stack));
    apply(&program, folder, file.with_settings(NAME, own), store, arguments, terminal).await?;
    if is_local {
        relocate::relocate(local.store(), remote.store(), NAME).await?;
    }
    Ok(())
}

async fn apply(
    program: &Program<StateBucket>,
    folder: &Folder,
    file: EnvironmentFile<StateBucket>,
    store: &StateStore,
    arguments: &BootstrapArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let BootstrapArguments { environment, options, pace } = arguments;
    let mut session = Session::with(program, folder, file, store.clone()).await?;
    let declaration = session.declare()?;
    session.check(&declaration, SchemaOptions::default())?;
    let observed = session.refresh(&declaration.desired, RefreshScope::All, pace).await?;
    let plan = session.plan(&declaration, &observed, &Selection::default())?;
    if plan.is_empty() {
        terminal.say(&format!("The bucket {} is up to date.", session.environment.settings.bucket));
        return Ok(());
    }
    terminal.data(&render::plan::plan(&plan, terminal.out()));
    let flags = ConsentFlags { yes: options.yes, no_destroy: true, ..ConsentFlags::default() };
    let (deleted, protected) = (deleted(&plan), protected(&plan, &session.snapshot));
    let consent = consent::apply(environment, &deleted, &protected, &flags, &mut terminal.clone())?;
    let execution = Execution {
        command: "bootstrap",
        parallel: options.parallel,
        pace,
        rollout: &RolloutOptions::default(),
        schemas: SchemaOptions::default(),
        places: &places(&declaration.desired),
    };
    session.apply(&plan, &consent, &execution, terminal).await
}
