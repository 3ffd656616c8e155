//! Environment files: found, read, and checked. Every mistake is reported at once, each with its place.
//!
//! A file goes through TOML's grammar ([`source`]), the JSON Schema of the program's own type ([`schema`]), and
//! that type's [`Environment::problems`].

pub mod schema;
pub mod source;
pub mod state;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use provisioner_model::{Diagnostic, Environment, Hint, SourceLocation, environment::Mistake};

use self::{source::SpannedToml, state::StateSettings};
use crate::{render::count, terminal::now};

/// The folder that holds `environments/` and `state/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

/// A valid environment file.
#[derive(Debug)]
pub struct EnvironmentFile<E> {
    /// The environment's name: the file's, without `.toml`.
    pub name: String,
    /// The settings in the file.
    pub settings: E,
    /// The place of the state; `None` for this machine.
    pub state: Option<StateSettings>,
    /// Warnings about valid values, each with its place in the file.
    pub warnings: Vec<Diagnostic>,
    /// The file, as messages call it.
    file: String,
    /// The text of the file.
    text: String,
}

impl<E> EnvironmentFile<E> {
    /// Another environment with other settings, for which this file is to blame.
    #[cfg(feature = "aws")]
    pub(crate) fn with_settings<F>(&self, name: &str, settings: F) -> EnvironmentFile<F> {
        let (name, file, text) = (name.to_owned(), self.file.clone(), self.text.clone());
        EnvironmentFile { name, settings, state: None, warnings: vec![], file, text }
    }

    /// Returns the error for values that turn out to be mistakes only when the cloud is asked.
    pub fn refused(&self, mistakes: Vec<Mistake>) -> EnvironmentError {
        let placed = match SpannedToml::parse(&self.text) {
            Ok(source) => mistakes.into_iter().map(|mistake| place(&source, mistake)).collect(),
            Err(placed) => placed,
        };
        EnvironmentError::Mistakes(located(&self.file, &self.text, placed))
    }
}

/// An error that prevents loading an environment.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// No folder has environments.
    #[error("no folder `environments` in {} or above it", .0.display())]
    NoFolder(PathBuf),
    /// The folder that was named has none.
    #[error("no folder `environments` in {}", .0.display())]
    NotHere(PathBuf),
    /// The environment file does not exist.
    #[error("there is no environment `{name}`")]
    Unknown {
        /// Name of the environment.
        name: String,
        /// Path of the expected file.
        path: PathBuf,
        /// Names of the existing environments.
        known: Vec<String>,
    },
    /// The environment file exists, and its name is not valid.
    #[error("the file environments/{name}.toml exists, and `{name}` is not a valid environment name")]
    InvalidName {
        /// Name of the file without its ending.
        name: String,
    },
    /// A file could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file has mistakes.
    #[error("{0}")]
    Mistakes(Mistakes),
}

impl Hint for EnvironmentError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoFolder(_) | Self::NotHere(_) => {
                Some("`-C DIR` names the folder that holds `environments/` and `state/`".to_owned())
            }
            Self::Unknown { known, path, .. } if known.is_empty() => Some(format!("write {}", path.display())),
            Self::Unknown { name, known, .. } => {
                let close = schema::closest(name, known.iter().map(String::as_str));
                let known = known.join(", ");
                Some(close.map_or_else(
                    || format!("these exist: {known}"),
                    |close| format!("did you mean `{close}`? These exist: {known}"),
                ))
            }
            Self::InvalidName { .. } => {
                Some("rename the file: the name of an environment has only a-z, 0-9 and -".to_owned())
            }
            Self::Io { .. } => Some("check that this user may read the file".to_owned()),
            // Each mistake has its own.
            Self::Mistakes(_) => None,
        }
    }
}

/// Everything that is wrong with one file.
#[derive(Debug)]
pub struct Mistakes {
    /// The file, as it is shown.
    pub file: String,
    /// The text of the file.
    pub text: String,
    /// In the order of their places, at most [`MOST_MISTAKES`].
    pub mistakes: Vec<Placed>,
    /// Number of further mistakes.
    pub omitted: usize,
}

/// Maximum number of mistakes that are located and shown. A damaged file may have one in every byte.
pub const MOST_MISTAKES: usize = 50;

impl Mistakes {
    /// Returns the number of mistakes: `1 mistake`, `2 mistakes`.
    pub fn count(&self) -> String {
        count(self.mistakes.len() + self.omitted, "mistake")
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.count(), self.file)
    }
}

/// A mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Description of the error, and a suggested correction if there is one.
    pub diagnostic: Diagnostic,
    /// Position in the text, in bytes.
    pub span: std::ops::Range<usize>,
}

impl Folder {
    /// `stated`, or else the nearest folder that has `environments/`, upwards from `here`.
    pub fn find(stated: Option<&Path>, here: &Path) -> Result<Self, EnvironmentError> {
        let is_one = |folder: &Path| folder.join("environments").is_dir();
        if let Some(stated) = stated {
            return if is_one(stated) {
                Ok(Self(stated.to_owned()))
            } else {
                Err(EnvironmentError::NotHere(stated.to_owned()))
            };
        }
        here.ancestors()
            .find(|folder| is_one(folder))
            .map(|folder| Self(folder.to_owned()))
            .ok_or_else(|| EnvironmentError::NoFolder(here.to_owned()))
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The environments that it has.
    pub fn names(&self) -> Result<Vec<String>, EnvironmentError> {
        let mut names = self.files()?;
        names.retain(|name| is_name(name));
        Ok(names)
    }

    /// The names of all environment files without their ending, sorted. [`Folder::load`] refuses those that are not
    /// valid names of an environment.
    pub fn files(&self) -> Result<Vec<String>, EnvironmentError> {
        let path = self.0.join("environments");
        let io = |source| EnvironmentError::Io { path: path.clone(), source };
        let mut names = vec![];
        for entry in std::fs::read_dir(&path).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".toml")).map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads and checks one environment file.
    pub fn load<E: Environment>(&self, name: &str) -> Result<EnvironmentFile<E>, EnvironmentError> {
        let path = self.0.join("environments").join(format!("{name}.toml"));
        if !is_name(name) || !path.is_file() {
            return Err(self.missing(name, path)?);
        }
        let text = std::fs::read(&path).map_err(|source| EnvironmentError::Io { path, source })?;
        let file = format!("environments/{name}.toml");
        let text = decode(&file, text).map_err(EnvironmentError::Mistakes)?;
        read(name, &file, &text, now()).map_err(EnvironmentError::Mistakes)
    }

    /// Fails unless an environment could have this name: it is a part of the paths of its files.
    pub fn check_name(&self, name: &str) -> Result<(), EnvironmentError> {
        let path = self.0.join("environments").join(format!("{name}.toml"));
        if is_name(name) { Ok(()) } else { Err(self.missing(name, path)?) }
    }

    /// Returns whether the state of an environment is somewhere else than in this folder. Only the table `[state]` of its
    /// file counts: the commands about a local state need no valid file.
    pub fn has_remote_state(&self, name: &str) -> Result<bool, EnvironmentError> {
        let path = self.0.join("environments").join(format!("{name}.toml"));
        if !is_name(name) || !path.is_file() {
            return Ok(false);
        }
        let text = std::fs::read(&path).map_err(|source| EnvironmentError::Io { path, source })?;
        let file = format!("environments/{name}.toml");
        let text = decode(&file, text).map_err(EnvironmentError::Mistakes)?;
        let source =
            SpannedToml::parse(&text).map_err(|placed| EnvironmentError::Mistakes(located(&file, &text, placed)))?;
        Ok(source.value.get(state::KEY).is_some())
    }

    /// Explains why there is no environment of this name: its file is missing, or has a name that is not valid, such as
    /// `Prod.toml`.
    fn missing(&self, name: &str, path: PathBuf) -> Result<EnvironmentError, EnvironmentError> {
        let files = self.files()?;
        let (known, invalid): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_name(file));
        let meant = invalid.into_iter().find(|file| file.eq_ignore_ascii_case(name));
        Ok(match meant {
            Some(name) => EnvironmentError::InvalidName { name },
            None => EnvironmentError::Unknown { name: name.to_owned(), path, known },
        })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The text of a file, or the place of the first byte that is not UTF-8. `file` is what messages call it.
pub fn decode(file: &str, bytes: Vec<u8>) -> Result<String, Mistakes> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let diagnostic = Diagnostic::error("this byte is not UTF-8").hint("save the file as UTF-8");
        let diagnostic = Diagnostic { location: Some(Box::new(location(file, &text, at))), ..diagnostic };
        Mistakes { file: file.to_owned(), text, mistakes: vec![Placed { diagnostic, span: at..at }], omitted: 0 }
    })
}

/// An environment from its text, or everything that is wrong with it. `file` is what messages call it, and `now` the time
/// in seconds since 1970.
pub fn read<E: Environment>(name: &str, file: &str, text: &str, now: u64) -> Result<EnvironmentFile<E>, Mistakes> {
    let failed = |mistakes: Vec<Placed>| located(file, text, mistakes);
    let source = SpannedToml::parse(text).map_err(failed)?;
    let wrong = schema::check(&schema::of::<E>(), &source.value);
    let mut placed: Vec<Placed> = wrong.iter().map(|wrong| source.place(wrong)).collect();
    // The type's own rules run even if the schema finds errors, as long as the rest can be parsed: the user sees all mistakes at once.
    let environment = if wrong.is_empty() {
        source::read::<E>(text).map_err(|error| placed.push(source::of_toml(&error))).ok()
    } else {
        let mut value = schema::without_unknown(&source.value, &wrong);
        value.as_object_mut().map(|table| table.remove(state::KEY));
        serde_json::from_value(value).ok()
    };
    let place = |mistake: Mistake| place(&source, mistake);
    let state = state::of(&source.value);
    // The schema has found what is wrong with the table, and says it better.
    if let (Err(error), true) = (&state, placed.is_empty()) {
        placed.push(place(Mistake::new(state::KEY, error.to_string())));
    }
    if let Some(environment) = &environment {
        placed.extend(environment.problems(name).into_iter().map(place));
    }
    let (Some(settings), Ok(state), true) = (environment, state, placed.is_empty()) else { return Err(failed(placed)) };
    let warning = |mistake: Mistake| {
        // The place of a value that the file leaves out is that of its table.
        let summary = format!("{}: {}", mistake.path.join("."), mistake.what);
        let Placed { diagnostic, span } = place(mistake);
        let location = Some(Box::new(location(file, text, span.start)));
        Diagnostic { location, hint: diagnostic.hint, ..Diagnostic::warning(summary) }
    };
    let warnings = settings.warnings(now).into_iter().map(warning).collect();
    let (file, text) = (file.to_owned(), text.to_owned());
    Ok(EnvironmentFile { name: name.to_owned(), settings, state, warnings, file, text })
}

fn place(source: &SpannedToml, Mistake { path, what, hint }: Mistake) -> Placed {
    source.place(&schema::Wrong { path, what, hint, unknown: false })
}

/// Returns the mistakes of a file in the order of their places.
fn located(file: &str, text: &str, mut mistakes: Vec<Placed>) -> Mistakes {
    mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
    mistakes.dedup();
    let omitted = mistakes.len().saturating_sub(MOST_MISTAKES);
    mistakes.truncate(MOST_MISTAKES);
    for mistake in &mut mistakes {
        mistake.diagnostic.location = Some(Box::new(location(file, text, mistake.span.start)));
    }
    Mistakes { file: file.to_owned(), text: text.to_owned(), mistakes, omitted }
}

/// The line and column of a byte in a text.
fn location(file: &str, text: &str, byte: usize) -> SourceLocation {
    let before = text.get(..byte).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let one_based = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    SourceLocation {
        file: file.to_owned(),
        line: one_based(before.matches('\n').count()),
        column: one_based(before[start..].chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_counts_lines_and_characters_from_one() {
        let text = "a = 1\nü = \"x\"\n";
        let place = |byte| location("dev.toml", text, byte).to_string();
        assert_eq!([place(0), place(6), place(11)], ["dev.toml:1:1", "dev.toml:2:1", "dev.toml:2:5"]);
        assert_eq!(place(999), "dev.toml:3:1", "past the end");
    }
}
