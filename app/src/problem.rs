//! Errors as clients see them: `application/problem+json` (RFC 9457), without a word of the app's insides.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{database, secret};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// 400
    BadRequest,
    /// 401
    SignInNeeded,
    /// 403
    Forbidden,
    /// 403
    PasswordChangeNeeded,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 408
    Timeout,
    /// 409
    Conflict,
    /// 413
    TooLarge,
    /// 415
    MediaType,
    /// 422
    Invalid,
    /// 422
    Refused,
    /// 429
    TooMany,
    /// 500
    Internal,
    /// 503
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
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "That does not fit what is there"),
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

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong, and what it should be.
    pub message: String,
}

/// An error answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// What.
    pub kind: ProblemKind,
    /// In a sentence, for this case.
    pub detail: String,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
}

/// The error answer's body.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// What went wrong, as a name that stays the same.
    #[serde(rename = "type")]
    pub kind: String,
    /// In a few words.
    pub title: String,
    /// The answer's status.
    pub status: u16,
    /// In a sentence, for this case.
    pub detail: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// Of that kind.
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

    /// Try again then.
    pub fn too_many(seconds: u64) -> Self {
        let detail = format!("Try again in {seconds} seconds.");
        Self { retry_after: Some(seconds), ..Self::new(ProblemKind::TooMany, detail) }
    }

    /// Something that the app stands on does not answer; the log says what.
    pub fn unavailable() -> Self {
        Self { retry_after: Some(1), ..Self::new(ProblemKind::Unavailable, "Try again in a moment.") }
    }

    /// Nothing that the client did; the log says what.
    pub fn internal() -> Self {
        Self::new(ProblemKind::Internal, "It has been noted. Try again later.")
    }

    /// What the client gets.
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

/// What a database says may quote what was written: only its code and the constraint's name reach the log.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) => {
                let code = inner.code().unwrap_or_default().into_owned();
                let constraint = inner.constraint().unwrap_or_default();
                // It goes away, starts, is full, waits too long, or gave up one of two that wait for each other.
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
