//! `validate`: checks environment files and the stack program, without credentials.

use std::collections::BTreeMap;

use clap::Args;
use provisioner_model::{
    Diagnostic, Environment,
    stack::{Desired, MAIN},
    state::{ProviderTarget, Snapshot},
};
use provisioner_planner::{Input, Observations, Selection};

use super::ExitStatus;
use crate::{
    declaration::Declaration,
    environment::Folder,
    error::Failure,
    options::SchemaOptions,
    program::Program,
    render::{count, diagnostic},
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct ValidateArguments {
    /// Names of the environments; the default is all.
    #[arg(value_name = "ENV")]
    environments: Vec<String>,
    #[command(flatten)]
    schemas: SchemaOptions,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: ValidateArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let names = if arguments.environments.is_empty() { folder.files()? } else { arguments.environments };
    // Every environment is checked. The last failure ends the command; the ones before are reported here.
    let mut last_failure = None;
    for name in &names {
        match check(program, folder, name, arguments.schemas).await {
            Ok(ValidEnvironment { resources, warnings }) => {
                terminal.data(&format!("{name}: good, {}\n", count(resources, "resource")));
                for warning in &warnings {
                    terminal.say(&diagnostic::diagnostic(warning, terminal.err()));
                }
            }
            Err(failure) => {
                if let Some(earlier) = last_failure.replace(failure) {
                    Failure::tell(&earlier, terminal);
                }
            }
        }
    }
    last_failure.map_or(Ok(ExitStatus::Success), Err)
}

/// A valid environment.
struct ValidEnvironment {
    resources: usize,
    warnings: Vec<Diagnostic>,
}

/// Checks one environment.
async fn check<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    name: &str,
    schemas: SchemaOptions,
) -> Result<ValidEnvironment, Failure> {
    let environment = folder.load::<E>(name)?;
    let (declaration, target) = Declaration::offline(program, folder, &environment).await?;
    declaration.check(program.registry(), schemas)?;
    plan_from_nothing(program, &declaration.desired, target)?;
    // Not the notices of the declaration, which are also about the image.
    Ok(ValidEnvironment { resources: declaration.desired.resources.len(), warnings: environment.warnings })
}

/// Plans the creation of all resources. Only a plan finds cycles, two objects with the same unique key, and inputs that
/// do not match their type.
fn plan_from_nothing<E: Environment>(
    program: &Program<E>,
    desired: &Desired,
    target: ProviderTarget,
) -> Result<(), Failure> {
    let snapshot = Snapshot::new("validate", desired.facts.environment.clone());
    let input = Input {
        desired,
        snapshot: &snapshot,
        observed: &Observations::default(),
        registry: program.registry(),
        selection: &Selection::default(),
        targets: &BTreeMap::from([(MAIN.to_owned(), target)]),
    };
    provisioner_planner::plan(&input).map(|_| ()).map_err(Failure::Planning)
}
