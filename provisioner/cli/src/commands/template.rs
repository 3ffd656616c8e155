//! `template`: prints the declared resources as a CloudFormation template, without credentials.

use clap::Args;
use provisioner_model::Environment;

use super::ExitStatus;
use crate::{
    declaration::Declaration, environment::Folder, error::Failure, program::Program, template, terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct TemplateArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: TemplateArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let environment = folder.load::<E>(&arguments.environment)?;
    let (declaration, _) = Declaration::offline(program, folder, &environment).await?;
    terminal.data(&template::text(&declaration.desired, program.registry())?);
    Ok(ExitStatus::Success)
}
