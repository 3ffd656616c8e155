//! The API of the sample rows.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    config::Environment,
    problem::Problem,
    state::App,
    store::rows::{self, SampleRow},
    web::User,
};

/// Everybody in dev, users elsewhere.
pub(super) struct Allowed;

impl FromRequestParts<App> for Allowed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if app.config.environment != Environment::Dev {
            User::from_request_parts(parts, app).await?;
        }
        Ok(Self)
    }
}

/// A row that was added.
#[derive(Serialize, ToSchema)]
pub(super) struct Added {
    data: SampleRow,
    message: &'static str,
}

/// Rows that were removed.
#[derive(Serialize, ToSchema)]
pub(super) struct Deleted {
    /// Number of deleted rows.
    deleted: u64,
    message: String,
}

/// The latest sample rows.
#[derive(Serialize, ToSchema)]
pub(super) struct Rows {
    rows: Vec<SampleRow>,
    /// Total number of rows.
    count: i64,
}

/// Add a row of random sample data
#[utoipa::path(post, path = "/populate", tag = "rows", security((), ("token" = [])),
    responses((status = 201, body = Added)))]
pub(super) async fn populate(State(app): State<App>, _: Allowed) -> Result<(StatusCode, Json<Added>), Problem> {
    let data = rows::populate(&app.database).await?;
    Ok((StatusCode::CREATED, Json(Added { data, message: "A row of sample data was added." })))
}

/// Remove all sample rows
#[utoipa::path(delete, path = "/delete", tag = "rows", security((), ("token" = [])),
    responses((status = 200, body = Deleted)))]
pub(super) async fn delete(State(app): State<App>, _: Allowed) -> Result<Json<Deleted>, Problem> {
    let deleted = rows::delete(&app.database).await?;
    Ok(Json(Deleted { deleted, message: format!("{deleted} sample rows were removed.") }))
}

/// The latest sample rows
#[utoipa::path(get, path = "/api/rows", tag = "rows", security((), ("token" = [])),
    responses((status = 200, body = Rows)))]
pub(super) async fn list(State(app): State<App>, _: Allowed) -> Result<Json<Rows>, Problem> {
    let (rows, count) = rows::list(&app.database, 50).await?;
    Ok(Json(Rows { rows, count }))
}
