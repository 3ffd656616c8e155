//! Common parts of every page: its frame, its messages, and its errors.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};

use super::forms::Visitor;
use crate::{
    problem::{FieldError, Problem, ProblemKind},
    session::{Role, Session},
};

/// The frame's part of a page.
pub(super) struct Frame {
    /// In the window's title.
    pub(super) title: &'static str,
    pub(super) signed_in: bool,
    pub(super) admin: bool,
    /// Menu entry of the current page.
    pub(super) here: &'static str,
    /// Token for the page's forms.
    pub(super) form: String,
    /// Message about the last action.
    pub(super) done: Option<&'static str>,
    /// Errors in the submitted form.
    pub(super) errors: Vec<FieldError>,
}

impl Frame {
    pub(super) fn new(title: &'static str, here: &'static str, visitor: &Visitor) -> Self {
        Self {
            title,
            here,
            signed_in: visitor.session.is_some(),
            admin: visitor.session.is_some_and(|session| session.role == Role::Admin),
            form: visitor.form.clone(),
            done: None,
            errors: Vec::new(),
        }
    }

    pub(super) fn done(mut self, done: Option<&str>) -> Self {
        self.done = done.and_then(told);
        self
    }

    /// Returns the error of a field, for display beside it.
    pub(super) fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

/// Returns the message for a word in the page's address; the address never supplies the text.
fn told(what: &str) -> Option<&'static str> {
    Some(match what {
        "registered" => "You are registered. Sign in now.",
        "signed-out" => "You are signed out.",
        "password" => "Your password is changed. All other sessions are over.",
        "opened" => "The account is open.",
        "transferred" => "The transfer is made.",
        "populated" => "A row of sample data was added.",
        "deleted" => "All sample rows were removed.",
        "disabled" => "The user is disabled, and signed out everywhere.",
        "enabled" => "The user may sign in again.",
        _ => return None,
    })
}

/// The query parameters of a page.
#[derive(serde::Deserialize)]
pub(super) struct Parameters {
    pub(super) done: Option<String>,
    /// The audit trail's next part.
    pub(super) before: Option<i64>,
    /// The list of users' next part.
    pub(super) after: Option<String>,
}

/// A page, with that status and the visitor's cookie.
pub(super) fn show(status: StatusCode, visitor: &Visitor, page: &impl Template) -> Result<Response, Failure> {
    let html = page.render().map_err(|_| Problem::internal())?;
    let mut response = (status, Html(html)).into_response();
    if let Some(cookie) = &visitor.cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    Ok(response)
}

/// To another page, after something was done.
pub(super) fn to(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// The same, with a cookie.
pub(super) fn to_with(path: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = to(path);
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Something failed: as a page of its own, or by going to where it can be mended.
pub(super) enum Failure {
    /// The page shows the problem.
    Shown(Problem),
    /// Sign in, or change the password.
    Elsewhere(&'static str),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Shown(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Elsewhere(path) => to(path),
            Self::Shown(problem) => {
                let status = problem.kind.parts().0;
                let frame = Frame {
                    title: problem.kind.parts().2,
                    signed_in: false,
                    admin: false,
                    here: "none",
                    form: String::new(),
                    done: None,
                    errors: Vec::new(),
                };
                let page = ProblemPage { frame, detail: problem.detail.clone() };
                let Ok(html) = page.render() else { return problem.into_response() };
                let mut response = (status, Html(html)).into_response();
                if let Some(seconds) = problem.retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                response
            }
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    detail: String,
}

/// Returns a session that may use pages; redirects other visitors.
pub(super) fn user(visitor: &Visitor) -> Result<Session, Failure> {
    let session = visitor.session.ok_or(Failure::Elsewhere("/sign-in"))?;
    if session.must_change_password { Err(Failure::Elsewhere("/password")) } else { Ok(session) }
}

/// Shows errors of fields beside the form; all other problems have a separate page.
pub(super) fn beside(problem: Problem, first: &'static str) -> Result<(StatusCode, Vec<FieldError>), Failure> {
    let status = problem.kind.parts().0;
    match problem.kind {
        ProblemKind::Invalid if !problem.errors.is_empty() => Ok((status, problem.errors)),
        ProblemKind::Invalid
        | ProblemKind::Refused
        | ProblemKind::Conflict
        | ProblemKind::NotFound
        | ProblemKind::SignInNeeded
        | ProblemKind::TooMany => Ok((status, vec![FieldError { field: first, message: problem.detail }])),
        _ => Err(problem.into()),
    }
}
