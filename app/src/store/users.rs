//! Users as rows in PostgreSQL.

use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::audit;
use crate::{
    database::Database,
    problem::{Problem, ProblemKind},
    session::Role,
};

/// A user of the app.
#[derive(Serialize, ToSchema)]
pub struct User {
    /// ID of the user.
    pub id: Uuid,
    /// The name to sign in with.
    pub name: String,
    /// Role of the user.
    pub role: Role,
    /// May not sign in.
    pub disabled: bool,
    /// May do nothing else before.
    pub must_change_password: bool,
    /// Time of the registration.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

fn user(row: &PgRow) -> Result<User, Problem> {
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: Role::of(row.try_get("role")?),
        disabled: row.try_get("disabled")?,
        must_change_password: row.try_get("must_change_password")?,
        created_at: row.try_get("created_at")?,
    })
}

/// Adds a user. `must_change` is for passwords that another person has seen.
pub async fn add(
    connection: &mut PgConnection,
    name: &str,
    hash: &str,
    role: Role,
    must_change: bool,
) -> Result<User, Problem> {
    let added = sqlx::query(
        "INSERT INTO users (id, name, password, role, must_change_password) VALUES ($1, $2, $3, $4, $5) RETURNING *",
    )
    .bind(Uuid::new_v4())
    .bind(name)
    .bind(hash)
    .bind(role.name())
    .bind(must_change)
    .fetch_one(&mut *connection)
    .await;
    let added = match added {
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("users_name_taken") => {
            return Err(Problem::new(ProblemKind::Conflict, "That name is taken: choose another."));
        }
        other => user(&other?)?,
    };
    audit::add(connection, "user-registered", added.id, added.id, None).await?;
    Ok(added)
}

/// The user of that name, and the password's hash.
pub async fn by_name(database: &Database, name: &str) -> Result<Option<(User, String)>, Problem> {
    one(database, sqlx::query("SELECT * FROM users WHERE name = $1").bind(name.to_owned())).await
}

/// The user, and the password's hash.
pub async fn by_id(database: &Database, id: Uuid) -> Result<Option<(User, String)>, Problem> {
    one(database, sqlx::query("SELECT * FROM users WHERE id = $1").bind(id)).await
}

type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

async fn one(database: &Database, query: Query) -> Result<Option<(User, String)>, Problem> {
    let mut connection = database.acquire().await?;
    let row = query.fetch_optional(&mut *connection).await?;
    row.map(|row| Ok((user(&row)?, row.try_get("password")?))).transpose()
}

/// Users by name, after that one.
pub async fn list(database: &Database, after: &str, limit: i64) -> Result<Vec<User>, Problem> {
    let mut connection = database.acquire().await?;
    let rows = sqlx::query("SELECT * FROM users WHERE name > $1 ORDER BY name LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
    rows.iter().map(user).collect()
}

/// Gives a user a new password. No other change of it may have come between.
pub async fn set_password(database: &Database, id: Uuid, old_hash: &str, hash: &str) -> Result<(), Problem> {
    let mut transaction = database.begin().await?;
    let changed =
        sqlx::query("UPDATE users SET password = $3, must_change_password = false WHERE id = $1 AND password = $2")
            .bind(id)
            .bind(old_hash)
            .bind(hash)
            .execute(&mut *transaction)
            .await?;
    if changed.rows_affected() == 0 {
        return Err(Problem::new(ProblemKind::Conflict, "The password was changed meanwhile."));
    }
    audit::add(&mut transaction, "password-changed", id, id, None).await?;
    Ok(transaction.commit().await?)
}

/// Disables or enables a user; does and notes nothing where that is so already.
pub async fn set_disabled(database: &Database, actor: Uuid, id: Uuid, disabled: bool) -> Result<Option<User>, Problem> {
    let mut transaction = database.begin().await?;
    let changed = sqlx::query("UPDATE users SET disabled = $2 WHERE id = $1 AND disabled <> $2")
        .bind(id)
        .bind(disabled)
        .execute(&mut *transaction)
        .await?;
    if changed.rows_affected() > 0 {
        let action = if disabled { "user-disabled" } else { "user-enabled" };
        audit::add(&mut transaction, action, actor, id, None).await?;
    }
    let row = sqlx::query("SELECT * FROM users WHERE id = $1").bind(id).fetch_optional(&mut *transaction).await?;
    transaction.commit().await?;
    row.as_ref().map(user).transpose()
}
