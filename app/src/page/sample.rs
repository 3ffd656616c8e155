//! The first page: what this is, and the sample rows.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    forms::{Sent, Visitor},
    people::Nothing,
    view::{Failure, Frame, Parameters, show, to, user},
};
use crate::{
    config::Environment,
    state::{App, State as AppState},
    store::rows::{self, SampleRow},
    web::QueryParameters,
};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    /// May see and change the sample rows.
    allowed: bool,
    rows: Vec<SampleRow>,
    count: i64,
}

/// Everybody in dev, users elsewhere.
fn allowed(app: &AppState, visitor: &Visitor) -> bool {
    app.config.environment == Environment::Dev || user(visitor).is_ok()
}

pub(super) async fn home(
    State(app): State<App>,
    visitor: Visitor,
    QueryParameters(parameters): QueryParameters<Parameters>,
) -> Result<Response, Failure> {
    let allowed = allowed(&app, &visitor);
    let (rows, count) = if allowed { rows::list(&app.database, 10).await? } else { (Vec::new(), 0) };
    let frame = Frame::new("Sample rows", "home", &visitor).done(parameters.done.as_deref());
    show(StatusCode::OK, &visitor, &HomePage { frame, allowed, rows, count })
}

pub(super) async fn populate(State(app): State<App>, sent: Sent<Nothing>) -> Result<Response, Failure> {
    if !allowed(&app, &sent.visitor) {
        return Err(Failure::Elsewhere("/sign-in"));
    }
    rows::populate(&app.database).await?;
    Ok(to("/?done=populated"))
}

pub(super) async fn delete(State(app): State<App>, sent: Sent<Nothing>) -> Result<Response, Failure> {
    if !allowed(&app, &sent.visitor) {
        return Err(Failure::Elsewhere("/sign-in"));
    }
    rows::delete(&app.database).await?;
    Ok(to("/?done=deleted"))
}
