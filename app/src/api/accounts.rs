//! Accounts, transfers and the audit trail.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::users::{fifty, within};
use crate::{
    input::Checked,
    metrics::count,
    problem::{Body, Problem, ProblemKind},
    session::Role,
    state::{App, State as AppState},
    store::{
        accounts::{self, Account},
        audit::{self, AuditEntry},
        transfers::{self, Transfer, TransferRequest},
    },
    web::{Id, Input, QueryParameters, User},
};

const KEY: &str = "idempotency-key";

/// The opening of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    /// Name of the account: no line breaks, and no spaces at either end.
    #[schema(min_length = 1, max_length = 40)]
    name: String,
    /// Opening balance in minor units of play money.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100_000_000, default = 0)]
    opening_balance: i64,
}

/// The accounts of the user.
#[derive(Serialize, ToSchema)]
pub(super) struct Accounts {
    accounts: Vec<Account>,
}

/// A transfer to another account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// One of your accounts.
    from: Uuid,
    /// The ID of any other account.
    to: Uuid,
    /// Amount in minor units.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64)]
    amount: i64,
}

/// The requested part of the audit trail.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Only entries with lower numbers.
    #[serde(default = "latest")]
    #[param(minimum = 1)]
    before: i64,
    /// At most so many.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
}

fn latest() -> i64 {
    i64::MAX
}

/// A part of the trail, latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Trail {
    entries: Vec<AuditEntry>,
}

/// Open a new account
#[utoipa::path(post, path = "/api/accounts", tag = "accounts", request_body = Opening, security(("token" = [])),
    responses((status = 201, body = Account), (status = 409, description = "You have too many", body = Body,
        content_type = "application/problem+json")))]
pub(super) async fn open(
    State(app): State<App>,
    User(session): User,
    Input(input): Input<Opening>,
) -> Result<(StatusCode, Json<Account>), Problem> {
    Checked::default().label("name", &input.name).opening("opening_balance", input.opening_balance).end()?;
    let account = accounts::open(&app.database, session.user, &input.name, input.opening_balance).await?;
    Ok((StatusCode::CREATED, Json(account)))
}

/// List your own accounts
#[utoipa::path(get, path = "/api/accounts", tag = "accounts", security(("token" = [])),
    responses((status = 200, body = Accounts)))]
pub(super) async fn list(State(app): State<App>, User(session): User) -> Result<Json<Accounts>, Problem> {
    Ok(Json(Accounts { accounts: accounts::list(&app.database, session.user).await? }))
}

/// One of your accounts
#[utoipa::path(get, path = "/api/accounts/{id}", tag = "accounts", security(("token" = [])),
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 200, body = Account), (status = 404, description = "You have no such account", body = Body,
        content_type = "application/problem+json")))]
pub(super) async fn get(State(app): State<App>, User(session): User, Id(id): Id) -> Result<Json<Account>, Problem> {
    let found = accounts::get(&app.database, session.user, id).await?;
    found.map(Json).ok_or_else(|| Problem::new(ProblemKind::NotFound, "You have no such account."))
}

/// Transfer money; the same key with the same content gives the same answer and moves it once
#[utoipa::path(post, path = "/api/transfers", tag = "accounts", request_body = Order, security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "Chosen by you, one for each transfer",
        pattern = "^[A-Za-z0-9_-]{1,64}$")),
    responses((status = 201, body = Transfer),
        (status = 404, description = "One of the accounts is not there", body = Body,
            content_type = "application/problem+json"),
        (status = 409, description = "The key was used for another transfer", body = Body,
            content_type = "application/problem+json")))]
pub(super) async fn transfer(
    State(app): State<App>,
    User(session): User,
    headers: HeaderMap,
    Input(input): Input<Order>,
) -> Result<(StatusCode, Json<Transfer>), Problem> {
    let key = headers.get(KEY).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let request = TransferRequest { key, from: input.from, to: input.to, amount: input.amount };
    let transfer = carry_out(&app, session.user, &request).await?;
    Ok((StatusCode::CREATED, Json(transfer)))
}

/// Checks it, carries it out, and counts how it ended.
pub(crate) async fn carry_out(app: &AppState, user: Uuid, request: &TransferRequest) -> Result<Transfer, Problem> {
    let checked = Checked::default()
        .key("Idempotency-Key", &request.key)
        .amount("amount", request.amount)
        .that(request.from != request.to, "to", "must be another account")
        .end();
    let done = match checked {
        Ok(()) => transfers::transfer(&app.database, user, request).await,
        Err(problem) => Err(problem),
    };
    let outcome = match &done {
        Ok(_) => "done",
        Err(problem) if problem.kind.parts().0.is_server_error() => "failed",
        Err(_) => "refused",
    };
    count(&app.metrics.transfers, outcome);
    done
}

/// The audit trail: what you did and what you got; for administrators, all of it
#[utoipa::path(get, path = "/api/audit", tag = "accounts", params(AuditQuery), security(("token" = [])),
    responses((status = 200, body = Trail)))]
pub(super) async fn audit(
    State(app): State<App>,
    User(session): User,
    QueryParameters(page): QueryParameters<AuditQuery>,
) -> Result<Json<Trail>, Problem> {
    within(page.limit)?;
    if page.before < 1 {
        return Err(Problem::new(ProblemKind::BadRequest, "before: must be 1 or more."));
    }
    let all = session.role == Role::Admin;
    let entries = audit::list(&app.database, session.user, all, page.before, page.limit).await?;
    Ok(Json(Trail { entries }))
}
