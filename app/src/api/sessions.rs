//! Signing in and out.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    input::Checked,
    problem::{Body, Problem, ProblemKind},
    session::{Session, SessionKind, Token},
    state::{App, State as AppState},
    users,
    web::{Anyone, Client, Input},
};

/// The user's name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[schema(min_length = 1, max_length = 32)]
    name: String,
    #[schema(min_length = 1, max_length = 128)]
    password: String,
}

/// A refresh token of a session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    #[schema(min_length = 1, max_length = 128)]
    refresh_token: String,
}

/// The tokens of a signed-in program.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// For the `Authorization` header.
    access_token: String,
    /// Always the text `Bearer`
    token_type: &'static str,
    /// The access token's life in seconds.
    expires_in: u64,
    /// Good once, for the next tokens.
    refresh_token: String,
    /// Nothing else may be done before.
    must_change_password: bool,
}

impl Tokens {
    pub(super) fn of(app: &AppState, session: &Session, token: &Token) -> Result<Self, Problem> {
        let access_token = app.keys.sign(session.user, session.id).map_err(|_| Problem::internal())?;
        Ok(Self {
            access_token,
            token_type: "Bearer",
            expires_in: app.config.access_token.as_secs(),
            refresh_token: token.text(),
            must_change_password: session.must_change_password,
        })
    }
}

/// Sign in with name and password
#[utoipa::path(post, path = "/api/sessions", tag = "sessions", request_body = SignIn,
    responses((status = 201, body = Tokens), (status = 401, description = "Name or password is wrong",
        body = Body, content_type = "application/problem+json")))]
pub(super) async fn sign_in(
    State(app): State<App>,
    Client(address): Client,
    Input(input): Input<SignIn>,
) -> Result<(StatusCode, Json<Tokens>), Problem> {
    let named = (1..=32).contains(&input.name.chars().count()) && !input.name.contains('\0');
    Checked::default()
        .that(named, "name", "must have 1 to 32 characters")
        .known_password("password", &input.password)
        .end()?;
    let (session, token) = users::sign_in(&app, address, &input.name, input.password, SessionKind::Api).await?;
    Ok((StatusCode::CREATED, Json(Tokens::of(&app, &session, &token)?)))
}

/// The next tokens; a refresh token that was used before ends the session
#[utoipa::path(post, path = "/api/sessions/refresh", tag = "sessions", request_body = Refresh,
    responses((status = 200, body = Tokens), (status = 401, description = "The token is not good, or no longer",
        body = Body, content_type = "application/problem+json")))]
pub(super) async fn refresh(State(app): State<App>, Input(input): Input<Refresh>) -> Result<Json<Tokens>, Problem> {
    let over = || Problem::new(ProblemKind::SignInNeeded, "The session is over.");
    let token = Token::parse(&input.refresh_token).ok_or_else(over)?;
    let (session, next) = app.sessions.rotate(&token, app.config.session).await?.ok_or_else(over)?;
    Tokens::of(&app, &session, &next).map(Json)
}

/// Sign out of this session
#[utoipa::path(delete, path = "/api/sessions/current", tag = "sessions", security(("token" = [])),
    responses((status = 204, description = "Signed out")))]
pub(super) async fn sign_out(State(app): State<App>, Anyone(session): Anyone) -> Result<StatusCode, Problem> {
    app.sessions.end(session.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
