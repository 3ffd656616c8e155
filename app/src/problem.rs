//! Errors as clients see them: `application/problem+json` (RFC 9457), without a word of the app's insides.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{database, secret};

/// The kind of a problem, which determines the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// Responds with status 400.
    BadRequest,
    /// Responds with status 401.
    SignInNeeded,
    /// Responds with status 403.
    Forbidden,
    /// Responds with status 403.
    PasswordChangeNeeded,
    /// Responds with status 404.
    NotFound,
    /// Responds with status 405.
    MethodNotAllowed,
    /// Responds with status 408.
    Timeout,
    /// Responds with status 409.
    Conflict,
    /// Responds with status 413.
    TooLarge,
    /// Responds with status 415.
    MediaType,
    /// Responds with status 422.
    Invalid,
    /// Responds with status 422.
    Refused,
    /// Responds with status 429.
    TooMany,
    /// Responds with status 500.
    Internal,
    /// Responds with status 503.
    Unavailable,
}

impl ProblemKind {
    /// Its status, the last part of its type, and its title.
    pub fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read"),
            Self::SignInNeeded => (StatusCode::UNAUTHORIZED, "sign-in-needed", "Sign in first"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "You may not do that"),
            Self::PasswordChangeNeeded => {
                (StatusCode::FORBIDDEN, "password-change-needed", "Change your password first")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "That cannot be done here")
            }
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout", "The request took too long"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "The request conflicts with the current state"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The request is of another type"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Something in the request is not valid"),
            Self::Refused => (StatusCode::UNPROCESSABLE_ENTITY, "refused", "The transfer was refused"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available just now"),
        }
    }
}

/// An error in one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field.
    pub field: &'static str,
    /// The error, with the expected value.
    pub message: String,
}

/// An error response of the app.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// Kind of the problem.
    pub kind: ProblemKind,
    /// In a sentence, for this case.
    pub detail: String,
    /// Errors by field.
    pub errors: Vec<FieldError>,
    /// Seconds until the next attempt.
    pub retry_after: Option<u64>,
}

/// The error answer's body.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// The kind of problem, as a stable name.
    #[serde(rename = "type")]
    pub kind: String,
    /// In a few words.
    pub title: String,
    /// HTTP status of the response.
    pub status: u16,
    /// In a sentence, for this case.
    pub detail: String,
    /// Errors in individual fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// Returns a problem of this kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// Fields that are not valid.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>();
        Self { errors, ..Self::new(ProblemKind::Invalid, detail.join("; ")) }
    }

    /// One field that is not valid.
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field, message: message.into() }])
    }

    /// Returns a problem with the seconds until the next attempt.
    pub fn too_many(seconds: u64) -> Self {
        let detail = format!("Try again in {seconds} seconds.");
        Self { retry_after: Some(seconds), ..Self::new(ProblemKind::TooMany, detail) }
    }

    /// Returns the problem of an unavailable dependency; the log has the reason.
    pub fn unavailable() -> Self {
        Self { retry_after: Some(1), ..Self::new(ProblemKind::Unavailable, "Try again in a moment.") }
    }

    /// Returns the problem of an internal error; the log has the reason.
    pub fn internal() -> Self {
        Self::new(ProblemKind::Internal, "It has been noted. Try again later.")
    }

    /// Returns the body of the response.
    pub fn body(&self) -> Body {
        let (status, name, title) = self.kind.parts();
        Body {
            kind: format!("/problems/{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.kind.parts().0, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ProblemKind::SignInNeeded {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Conversion of database errors. A database's message may quote user input: only its code and the constraint's name
/// are logged.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) => {
                let code = inner.code().unwrap_or_default().into_owned();
                let constraint = inner.constraint().unwrap_or_default();
                // The database is stopping, starting, out of connections, timed out, or resolved a deadlock.
                let passes = ["08", "53", "57", "58", "28"].iter().any(|class| code.starts_with(class))
                    || ["40001", "40P01", "55P03", "25P03"].contains(&code.as_str());
                if passes {
                    tracing::warn!(sqlstate = code, "the database does not answer");
                    return Self::unavailable();
                }
                tracing::error!(sqlstate = code, constraint, "the database refuses");
                Self::internal()
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => {
                tracing::warn!(reason = %error, "the database does not answer");
                Self::unavailable()
            }
            _ => {
                tracing::error!(reason = ?std::mem::discriminant(&error), "a query does not fit");
                Self::internal()
            }
        }
    }
}

impl From<database::Error> for Problem {
    fn from(error: database::Error) -> Self {
        match error {
            database::Error::Sql(error) => error.into(),
            other => {
                tracing::error!(reason = %other, "the database cannot be used");
                Self::unavailable()
            }
        }
    }
}

impl From<secret::Error> for Problem {
    fn from(error: secret::Error) -> Self {
        tracing::error!(reason = %error, "a secret cannot be read");
        Self::unavailable()
    }
}

impl From<redis::RedisError> for Problem {
    fn from(error: redis::RedisError) -> Self {
        tracing::warn!(kind = ?error.kind(), "Redis does not answer");
        Self::unavailable()
    }
}
