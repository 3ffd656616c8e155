//! The part of an environment file that the command line needs, independent of the program's own keys.

use serde::de::DeserializeOwned;

/// A typed environment file. The command line checks the file against the type's JSON Schema first, so that every error
/// has a location; [`Environment::problems`] adds rules that a schema cannot express.
pub trait Environment: DeserializeOwned + schemars::JsonSchema + Send + Sync + 'static {
    /// The project: part of every tag.
    fn project(&self) -> &str;
    /// The region that the stack lives in.
    fn region(&self) -> &str;
    /// The number of the cloud account that the environment belongs to. Credentials of another account are refused before
    /// any other call.
    fn account(&self) -> Option<&str> {
        None
    }
    /// Warnings about valid values: they cost more, or will do so. `now` is the time in seconds since 1970.
    fn warnings(&self, _now: u64) -> Vec<Mistake> {
        Vec::new()
    }
    /// Mistakes that need more than one key to see. `name` is the file's name without its ending.
    fn problems(&self, _name: &str) -> Vec<Mistake> {
        Vec::new()
    }
}

/// A mistake in an environment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key's path: `["network", "range"]`, and an index as its number. Its line and column are looked up.
    pub path: Vec<String>,
    /// Description of the error, without its location.
    pub what: String,
    /// Suggested correction, if there is one.
    pub hint: Option<String>,
}

impl Mistake {
    /// A mistake at `path`, its parts separated by dots.
    pub fn new(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.split('.').map(str::to_owned).collect(), what: what.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
