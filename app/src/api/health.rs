//! Health and version endpoints for the platform.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{problem::Problem, state::App, version::Version};

/// The response of a healthy app.
#[derive(Serialize, ToSchema)]
pub(super) struct Well {
    /// Always the text `ok`
    status: &'static str,
}

/// Check that the process runs
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Well)))]
pub(super) async fn live() -> Json<Well> {
    Json(Well { status: "ok" })
}

/// It can serve: its database answers, and it is not about to end. Its path is configured, so it is not described.
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Well>, Problem> {
    app.ready().await?;
    Ok(Json(Well { status: "ok" }))
}

/// Show the image's digest and the revision of the task definition
#[utoipa::path(get, path = "/version", tag = "health", responses((status = 200, body = Version)))]
pub(super) async fn version(State(app): State<App>) -> Json<Version> {
    Json(app.version.get().await)
}
