//! A plan in a file: written by `plan --out`, carried out by `apply ENV FILE`.

use std::{
    io,
    path::{Path, PathBuf},
};

use provisioner_files::{WriteError, write_atomically};
use provisioner_model::{
    Hint,
    plan::{FORMAT, Plan},
    stack::Facts,
    state::ProviderTarget,
};
use provisioner_planner::verify;
use serde::Deserialize;

/// A reason for which a saved plan cannot be written, read or executed.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file could not be read.
    #[error("could not read the plan {}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("could not save the plan")]
    Write(#[source] WriteError),
    /// It could not be put into JSON, or is no plan.
    #[error("{} is not a saved plan", path.display())]
    NoPlan {
        /// Path of the file.
        path: PathBuf,
        /// Error of the JSON parser.
        source: serde_json::Error,
    },
    /// It has another format.
    #[error("{} has format {found}, and this version reads format {FORMAT}", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Format version of the file.
        found: u64,
    },
    /// Its steps do not belong together.
    #[error("{} contradicts itself: {wrong}", path.display())]
    Contradiction {
        /// Path of the file.
        path: PathBuf,
        /// The first contradiction.
        wrong: String,
    },
    /// It is for another environment.
    #[error("{} is a plan for `{planned}`, not for `{asked}`", path.display())]
    Environment {
        /// Path of the file.
        path: PathBuf,
        /// Environment of the saved plan.
        planned: String,
        /// Environment on the command line.
        asked: String,
    },
    /// Something in it is not known yet.
    #[error("cannot save the plan: the {0} has not been built")]
    NotKnown(String),
    /// The plan was made with another artifact than the current one.
    #[error("the plan is for the {name} {planned}, and here there is {here}")]
    Other {
        /// Name of the discovered value.
        name: String,
        /// Value in the saved plan.
        planned: String,
        /// Value on this machine.
        here: String,
    },
    /// It was made for another place.
    #[error("the plan was made for {planned}, and these credentials are for {here}")]
    Elsewhere {
        /// Target of the saved plan.
        planned: String,
        /// Target of this command.
        here: String,
    },
}

impl Hint for SavedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Contradiction { .. } => Some("the file has been changed: plan again".to_owned()),
            Self::NoPlan { .. } | Self::Format { .. } => Some(
                "create it with `provisioner plan ENV --out FILE`; the output of `--json` cannot be applied".to_owned(),
            ),
            Self::Environment { planned, path, .. } => Some(format!("provisioner apply {planned} {}", path.display())),
            Self::Elsewhere { .. } => Some("a plan applies only to its own account, region and endpoint".to_owned()),
            Self::NotKnown(name) => Some(format!("run `provisioner {name} build ENV`, then plan again")),
            Self::Other { .. } => Some("restore the planned version, or plan again".to_owned()),
            Self::Read { .. } => Some("check the path, and that this user may read the file".to_owned()),
            Self::Write(_) => Some(
                "check that the folder exists, that this user may write there, and that its disk has room".to_owned(),
            ),
        }
    }
}

/// Saves a plan. It holds no secret: plans never do.
pub fn write(path: &Path, plan: &Plan) -> Result<(), SavedError> {
    if let Some((name, _)) = plan.facts.discovered.iter().find(|(_, found)| found.is_none()) {
        return Err(SavedError::NotKnown(name.clone()));
    }
    let no_plan = |source| SavedError::NoPlan { path: path.to_owned(), source };
    let mut text = serde_json::to_vec_pretty(plan).map_err(no_plan)?;
    text.push(b'\n');
    write_atomically(path, &text).map_err(SavedError::Write)
}

/// Reads a plan for this environment.
pub fn read(path: &Path, environment: &str) -> Result<Plan, SavedError> {
    let text = std::fs::read(path).map_err(|source| SavedError::Read { path: path.to_owned(), source })?;
    parse(path, environment, &text)
}

/// The plan of a file for this environment. `path` is for the errors.
pub fn parse(path: &Path, environment: &str, text: &[u8]) -> Result<Plan, SavedError> {
    #[derive(Deserialize)]
    struct Head {
        format: u64,
        // Both members are required: other JSON is not a plan.
        #[serde(rename = "declared_outputs")]
        _outputs: serde::de::IgnoredAny,
    }
    let no_plan = |source| SavedError::NoPlan { path: path.to_owned(), source };
    // Its format first: a newer one may look different.
    let head: Head = serde_json::from_slice(text).map_err(no_plan)?;
    if head.format != u64::from(FORMAT) {
        return Err(SavedError::Format { path: path.to_owned(), found: head.format });
    }
    let plan: Plan = serde_json::from_slice(text).map_err(no_plan)?;
    if plan.facts.environment != environment {
        let (planned, asked) = (plan.facts.environment, environment.to_owned());
        return Err(SavedError::Environment { path: path.to_owned(), planned, asked });
    }
    // A file can be changed by anything: the engine executes only what the planner could have written.
    match verify::plan(&plan).into_iter().next() {
        Some(wrong) => Err(SavedError::Contradiction { path: path.to_owned(), wrong }),
        None => Ok(plan),
    }
}

/// Refuses a plan that was made for another account, region or endpoint.
pub fn check_target(plan: &Plan, target: &ProviderTarget) -> Result<(), SavedError> {
    match plan.targets.values().find(|planned| *planned != target) {
        Some(planned) => Err(SavedError::Elsewhere { planned: place(planned), here: place(target) }),
        None => Ok(()),
    }
}

/// Refuses a plan that was made with another build artifact than there is now, such as an older image.
pub fn check_facts(plan: &Plan, facts: &Facts) -> Result<(), SavedError> {
    let names = plan.facts.discovered.keys().chain(facts.discovered.keys());
    let of = |facts: &Facts, name: &String| facts.discovered.get(name).cloned().flatten();
    for name in names {
        let (planned, here) = (of(&plan.facts, name), of(facts, name));
        if planned != here {
            let [planned, here] = [planned, here].map(|found| found.unwrap_or_else(|| "none".to_owned()));
            return Err(SavedError::Other { name: name.clone(), planned, here });
        }
    }
    Ok(())
}

/// A place in words.
pub fn place(target: &ProviderTarget) -> String {
    let ProviderTarget { account, region, endpoint } = target;
    let at = endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
    format!("account {account} in {region}{at}")
}
