//! `image push`: pushes the image to the environment's repository.

use clap::Args;
use provisioner_image::BuildStatus;
use provisioner_model::Environment;
use serde_json::Value;

use super::source;
use crate::{
    environment::Folder,
    error::{Failure, ImageFailure},
    program::{Program, load_aws},
    session::Session,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct PushArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: PushArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let environment = folder.load::<E>(&arguments.environment)?;
    let source = source(program, folder, &environment)?;
    let build_status = source.build_status()?;
    let layout = build_status.layout().ok_or_else(|| ImageFailure::NotBuilt(environment.name.clone()))?;
    if matches!(build_status, BuildStatus::OutOfDate(_)) {
        terminal.say("The image is out of date because its source has changed. Pushing the existing image.");
    }
    // The session checks that the account and the endpoint are those of the state.
    let session = Session::open(program, folder, environment).await?;
    let repository = session.snapshot.outputs.get("repository").and_then(Value::as_str);
    let repository = repository.ok_or_else(|| ImageFailure::NoRepository(session.environment.name.clone()))?;
    let aws = load_aws(&session.target.region).await?;
    let pushed = provisioner_aws::ecr::push(&aws, repository, layout).await.map_err(ImageFailure::Push)?;
    let (sent, there) = (pushed.sent, pushed.there);
    terminal.say(&format!("Pushed as {}: {sent} sent, {there} already in the registry.", layout.tag()));
    terminal.data(&format!("{repository}@{}\n", layout.digest()));
    Ok(())
}
