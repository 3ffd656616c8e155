//! The API of the users.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::sessions::Tokens;
use crate::{
    input::Checked,
    problem::{Body, Problem, ProblemKind},
    session::SessionKind,
    state::App,
    store::users::{self as store, User},
    users,
    web::{Admin, Anyone, Client, Id, Input, QueryParameters},
};

/// The registration of a new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// To sign in with.
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{2,31}$")]
    name: String,
    #[schema(min_length = 12, max_length = 128)]
    password: String,
}

/// A change of the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    #[schema(min_length = 1, max_length = 128)]
    old_password: String,
    #[schema(min_length = 12, max_length = 128)]
    new_password: String,
}

/// The access of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Disabled {
    disabled: bool,
}

/// The requested part of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UsersQuery {
    /// Only names that come after this one.
    #[serde(default)]
    #[param(max_length = 32)]
    after: String,
    /// At most so many.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
}

pub(super) fn fifty() -> i64 {
    50
}

/// A part of the list.
#[derive(Serialize, ToSchema)]
pub(super) struct Users {
    users: Vec<User>,
}

/// Register a new user
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = Registration,
    responses((status = 201, body = User), (status = 409, description = "The name is taken", body = Body,
        content_type = "application/problem+json")))]
pub(super) async fn register(
    State(app): State<App>,
    Client(address): Client,
    Input(input): Input<Registration>,
) -> Result<(StatusCode, Json<User>), Problem> {
    Checked::default().name("name", &input.name).password("password", &input.password).end()?;
    let user = users::register(&app, address, &input.name, input.password).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Users by name, for administrators
#[utoipa::path(get, path = "/api/users", tag = "users", params(UsersQuery), security(("token" = [])),
    responses((status = 200, body = Users)))]
pub(super) async fn list(
    State(app): State<App>,
    _: Admin,
    QueryParameters(page): QueryParameters<UsersQuery>,
) -> Result<Json<Users>, Problem> {
    within(page.limit)?;
    if page.after.len() > 32 || page.after.contains('\0') {
        return Err(Problem::new(ProblemKind::BadRequest, "after: is no name of a user."));
    }
    Ok(Json(Users { users: store::list(&app.database, &page.after, page.limit).await? }))
}

pub(super) fn within(limit: i64) -> Result<(), Problem> {
    if (1..=200).contains(&limit) {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::BadRequest, "limit: must be from 1 to 200."))
}

/// Show the signed-in user
#[utoipa::path(get, path = "/api/users/me", tag = "users", security(("token" = [])),
    responses((status = 200, body = User)))]
pub(super) async fn me(State(app): State<App>, Anyone(session): Anyone) -> Result<Json<User>, Problem> {
    let found = store::by_id(&app.database, session.user).await?;
    found.map(|(user, _)| Json(user)).ok_or_else(|| Problem::new(ProblemKind::NotFound, "There is no such user."))
}

/// Change the password; all sessions end, and a new one starts
#[utoipa::path(put, path = "/api/users/me/password", tag = "users", request_body = PasswordChange,
    security(("token" = [])), responses((status = 200, body = Tokens), (status = 409, description =
        "It was changed meanwhile", body = Body, content_type = "application/problem+json")))]
pub(super) async fn change_password(
    State(app): State<App>,
    Client(address): Client,
    Anyone(session): Anyone,
    Input(input): Input<PasswordChange>,
) -> Result<Json<Tokens>, Problem> {
    Checked::default()
        .known_password("old_password", &input.old_password)
        .password("new_password", &input.new_password)
        .end()?;
    let (old, new) = (input.old_password, input.new_password);
    let (session, token) = users::change_password(&app, &session, address, old, new, SessionKind::Api).await?;
    Tokens::of(&app, &session, &token).map(Json)
}

/// Disable or enable a user, for administrators; a disabled user's sessions end at once
#[utoipa::path(put, path = "/api/users/{id}/disabled", tag = "users", request_body = Disabled,
    params(("id" = uuid::Uuid, Path, description = "The user")), security(("token" = [])),
    responses((status = 200, body = User),
        (status = 404, description = "There is no such user", body = Body, content_type = "application/problem+json"),
        (status = 409, description = "Yourself", body = Body, content_type = "application/problem+json")))]
pub(super) async fn set_disabled(
    State(app): State<App>,
    Admin(session): Admin,
    Id(id): Id,
    Input(input): Input<Disabled>,
) -> Result<Json<User>, Problem> {
    users::set_disabled(&app, &session, id, input.disabled).await.map(Json)
}
