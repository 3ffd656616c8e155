//! What platforms ask.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{problem::Problem, state::App, version::Version};

/// All is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Well {
    /// `ok`
    status: &'static str,
}

/// The process runs
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Well)))]
pub(super) async fn live() -> Json<Well> {
    Json(Well { status: "ok" })
}

/// It can serve: its database answers, and it is not about to end. Its path is configured, so it is not described.
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Well>, Problem> {
    app.ready().await?;
    Ok(Json(Well { status: "ok" }))
}

/// Which image answers, and which revision of the task definition
#[utoipa::path(get, path = "/version", tag = "health", responses((status = 200, body = Version)))]
pub(super) async fn version(State(app): State<App>) -> Json<Version> {
    Json(app.version.get().await)
}
