//! A message for the user: what is wrong or worth knowing, where, and what to do about it.
//!
//! The stack, the planner and the refresh make diagnostics, plans carry them as notices, and the command line alone
//! renders them. An error with advice implements [`Hint`] and becomes a diagnostic by [`Diagnostic::of`]. Field mistakes of a resource type ([`Problem`](crate::Problem)) and mistakes of an environment file
//! ([`Mistake`](crate::environment::Mistake)) are inputs: they do not know their place yet.

use std::{error::Error as StdError, fmt, panic::Location};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The effect of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The command cannot go on.
    Error,
    /// The command goes on, and the user should know.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A place in the program's source or in an environment file. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceLocation {
    /// The file, as the compiler names it.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl From<&Location<'_>> for SourceLocation {
    fn from(location: &Location<'_>) -> Self {
        Self { file: location.file().to_owned(), line: location.line(), column: location.column() }
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Returns a text of a file or a service for a terminal. Control characters, which could forge a line or change the terminal,
/// are escaped.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// One message for the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnostic {
    /// The effect.
    pub severity: Severity,
    /// The address of the resource, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The place in the source: of the resource's declaration, or of a mistake in an environment file. Boxed, so that a
    /// diagnostic is small enough to be returned as an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Box<SourceLocation>>,
    /// The mistake, in one sentence without a full stop. It may be a predicate of the address ("needs itself").
    pub summary: String,
    /// The causes, outermost first, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// The suggested next action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An error that may have advice for the user.
pub trait Hint: StdError {
    /// Returns the user's next action, if the error tells one.
    fn hint(&self) -> Option<String>;
}

impl Diagnostic {
    /// Returns an error with its causes as detail, and with its hint.
    pub fn of<E: Hint + 'static>(error: &E) -> Self {
        Self { detail: causes(error), hint: error.hint(), ..Self::error(error.to_string()) }
    }

    /// An error that is not about one resource.
    pub fn error(summary: impl Into<String>) -> Self {
        let severity = Severity::Error;
        Self { severity, address: None, location: None, summary: summary.into(), detail: vec![], hint: None }
    }

    /// A warning that is not about one resource.
    pub fn warning(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary) }
    }

    /// An error about the resource at `address`.
    pub fn resource_error(address: &str, summary: impl Into<String>) -> Self {
        Self { address: Some(address.to_owned()), ..Self::error(summary) }
    }

    /// A warning about the resource at `address`.
    pub fn resource_warning(address: &str, summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::resource_error(address, summary) }
    }

    /// With the place of the declaration.
    #[must_use]
    pub fn declared_at(self, location: &Location<'_>) -> Self {
        Self { location: Some(Box::new(location.into())), ..self }
    }

    /// With the causes of `error` as detail, `error` itself first, and with its hint. `type_name` is the resource type
    /// that was read or written.
    #[must_use]
    pub fn caused_by(self, error: &Error, type_name: &str) -> Self {
        Self { detail: chain(Some(error)), hint: error.hint_for_type(type_name), ..self }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Location, address and summary on one line.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        if let Some(address) = &self.address {
            write!(f, "{address}: ")?;
        }
        f.write_str(&self.summary)
    }
}

/// The causes behind an error, outermost first, each text once; a failed call is followed by its request ID.
fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    chain(error.source())
}

/// An error and the causes behind it, in the form of [`causes`].
fn chain(mut next: Option<&(dyn StdError + 'static)>) -> Vec<String> {
    let mut texts: Vec<String> = vec![];
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
        if let Some(id) = error.downcast_ref::<Error>().and_then(|error| error.request_id.as_ref()) {
            texts.push(format!("request id {id}"));
        }
        next = error.source();
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_call_becomes_detail_and_hint() {
        let error = Error::because(crate::ErrorKind::Denied, "ec2:DescribeSubnets", "not allowed");
        let error = Error { request_id: Some("r-1".to_owned()), ..error };
        let diagnostic =
            Diagnostic::resource_error("subnet/main", "could not be read").caused_by(&error, "aws:ec2:subnet");
        assert_eq!(diagnostic.to_string(), "subnet/main: could not be read");
        assert_eq!(diagnostic.detail, ["ec2:DescribeSubnets failed", "request id r-1", "not allowed"]);
        assert_eq!(diagnostic.hint.as_deref(), Some("the credentials need the permission ec2:DescribeSubnets"));
    }

    #[test]
    fn json_leaves_out_what_is_not_there() {
        let json = serde_json::to_value(Diagnostic::resource_warning("subnet/main", "is shared")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({ "severity": "warning", "address": "subnet/main", "summary": "is shared" })
        );
    }
}
