//! Accounts. The database itself keeps balances from going below zero.

use serde::Serialize;
use sqlx::{Row, postgres::PgRow};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::audit;
use crate::{
    database::Database,
    problem::{Problem, ProblemKind},
};

/// So many accounts a user may have.
pub const MOST: i64 = 1000;

/// A user's account.
#[derive(Serialize, ToSchema)]
pub struct Account {
    /// ID of the account, to which others send money.
    pub id: Uuid,
    /// Name that the owner chose.
    pub name: String,
    /// Balance in minor units.
    pub balance: i64,
    /// Time of the opening.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

fn account(row: &PgRow) -> Result<Account, Problem> {
    Ok(Account {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        balance: row.try_get("balance")?,
        created_at: row.try_get("created_at")?,
    })
}

/// Opens one with that balance.
pub async fn open(database: &Database, user: Uuid, name: &str, balance: i64) -> Result<Account, Problem> {
    let mut transaction = database.begin().await?;
    let opened = sqlx::query(
        "INSERT INTO accounts (id, user_id, name, balance)
         SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM accounts WHERE user_id = $2) < $5 RETURNING *",
    )
    .bind(Uuid::new_v4())
    .bind(user)
    .bind(name)
    .bind(balance)
    .bind(MOST)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(opened) = opened else {
        return Err(Problem::new(ProblemKind::Conflict, format!("You have {MOST} accounts, and cannot have more.")));
    };
    let opened = account(&opened)?;
    audit::add(&mut transaction, "account-opened", user, opened.id, Some(balance)).await?;
    transaction.commit().await?;
    Ok(opened)
}

/// A user's, oldest first.
pub async fn list(database: &Database, user: Uuid) -> Result<Vec<Account>, Problem> {
    let mut connection = database.acquire().await?;
    let rows = sqlx::query("SELECT * FROM accounts WHERE user_id = $1 ORDER BY created_at, id")
        .bind(user)
        .fetch_all(&mut *connection)
        .await?;
    rows.iter().map(account).collect()
}

/// One of a user's.
pub async fn get(database: &Database, user: Uuid, id: Uuid) -> Result<Option<Account>, Problem> {
    let mut connection = database.acquire().await?;
    let row = sqlx::query("SELECT * FROM accounts WHERE id = $1 AND user_id = $2")
        .bind(id)
        .bind(user)
        .fetch_optional(&mut *connection)
        .await?;
    row.as_ref().map(account).transpose()
}
