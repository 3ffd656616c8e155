//! The administrator's pages for users.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    forms::{Sent, Visitor},
    view::{Failure, Frame, Parameters, show, to, user},
};
use crate::{
    problem::{Problem, ProblemKind},
    session::{Role, Session},
    state::App,
    store::users::{self as store, User},
    users,
    web::{Id, QueryParameters},
};

const PART: i64 = 50;

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    users: Vec<User>,
    me: Uuid,
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Disabled {
    #[serde(default)]
    disabled: String,
}

fn admin(visitor: &Visitor) -> Result<Session, Failure> {
    let session = user(visitor)?;
    if session.role == Role::Admin {
        return Ok(session);
    }
    Err(Problem::new(ProblemKind::Forbidden, "Only an administrator may.").into())
}

pub(super) async fn users(
    State(app): State<App>,
    visitor: Visitor,
    QueryParameters(parameters): QueryParameters<Parameters>,
) -> Result<Response, Failure> {
    let session = admin(&visitor)?;
    let after = parameters.after.filter(|after| after.len() <= 32 && !after.contains('\0')).unwrap_or_default();
    let users = store::list(&app.database, &after, PART).await?;
    let next = users.last().map(|user| user.name.clone()).filter(|_| i64::try_from(users.len()) == Ok(PART));
    let frame = Frame::new("Users", "users", &visitor).done(parameters.done.as_deref());
    show(StatusCode::OK, &visitor, &UsersPage { frame, users, me: session.user, next })
}

pub(super) async fn set_disabled(
    State(app): State<App>,
    Id(id): Id,
    sent: Sent<Disabled>,
) -> Result<Response, Failure> {
    let session = admin(&sent.visitor)?;
    let disabled = sent.fields.disabled == "true";
    users::set_disabled(&app, &session, id, disabled).await?;
    Ok(to(if disabled { "/users?done=disabled" } else { "/users?done=enabled" }))
}
