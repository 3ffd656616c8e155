//! The declared resources as a CloudFormation template: `template ENV`, and `--template FILE` of `plan` and `apply`.

use std::path::Path;

use provisioner_files::{WriteError, write_atomically};
use provisioner_model::{Hint, erased::ResourceRegistry, stack::Desired};
use provisioner_planner::template;

/// A reason for which there is no template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A declaration has no CloudFormation form.
    #[error("could not convert the stack into a CloudFormation template")]
    Convert(#[source] provisioner_model::Error),
    /// The file could not be written.
    #[error("could not write the template")]
    Write(#[source] WriteError),
}

impl Hint for TemplateError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Convert(error) => error.hint(),
            Self::Write(_) => Some(
                "check that the folder exists, that this user may write there, and that its disk has room".to_owned(),
            ),
        }
    }
}

/// Returns the template as text. It contains no secret: secrets are parameters.
pub(crate) fn text(desired: &Desired, registry: &ResourceRegistry) -> Result<String, TemplateError> {
    let template = template(desired, registry).map_err(TemplateError::Convert)?;
    Ok(format!("{template:#}\n"))
}

/// Writes the template into a file.
pub(crate) fn write(path: &Path, desired: &Desired, registry: &ResourceRegistry) -> Result<(), TemplateError> {
    write_atomically(path, text(desired, registry)?.as_bytes()).map_err(TemplateError::Write)
}
