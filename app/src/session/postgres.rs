//! Sessions as rows in PostgreSQL.

use std::time::Duration;

use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{Role, Rotated, Session, SessionKind};
use crate::{database::Database, problem::Problem};

fn session(row: &PgRow) -> Result<Session, Problem> {
    Ok(Session {
        id: row.try_get("id")?,
        user: row.try_get("user_id")?,
        role: Role::of(row.try_get("role")?),
        must_change_password: row.try_get("must_change_password")?,
    })
}

pub(super) async fn create(
    database: &Database,
    session: &Session,
    kind: SessionKind,
    hash: &[u8],
    life: Duration,
) -> Result<(), Problem> {
    let mut connection = database.acquire().await?;
    sqlx::query(
        "INSERT INTO sessions (id, user_id, kind, token_hash, expires_at)
         VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
    )
    .bind(session.id)
    .bind(session.user)
    .bind(kind.name())
    .bind(hash)
    .bind(life.as_secs_f64())
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// With a hash, a page's; without, a program's.
pub(super) async fn find(database: &Database, id: Uuid, hash: Option<&[u8]>) -> Result<Option<Session>, Problem> {
    let mut connection = database.acquire().await?;
    let row = sqlx::query(
        "SELECT s.id, s.user_id, u.role, u.must_change_password FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id = $1 AND s.expires_at > now() AND NOT u.disabled
           AND CASE WHEN $2::bytea IS NULL THEN s.kind = 'api' ELSE s.kind = 'page' AND s.token_hash = $2 END",
    )
    .bind(id)
    .bind(hash)
    .fetch_optional(&mut *connection)
    .await?;
    row.as_ref().map(session).transpose()
}

pub(super) async fn rotate(
    database: &Database,
    id: Uuid,
    old: &[u8],
    new: &[u8],
    life: Duration,
) -> Result<Rotated, Problem> {
    let mut connection = database.acquire().await?;
    let row = sqlx::query(
        "UPDATE sessions s SET token_hash = $3, expires_at = now() + make_interval(secs => $4) FROM users u
         WHERE s.id = $1 AND s.token_hash = $2 AND s.kind = 'api' AND s.expires_at > now()
           AND u.id = s.user_id AND NOT u.disabled
         RETURNING s.id, s.user_id, u.role, u.must_change_password",
    )
    .bind(id)
    .bind(old)
    .bind(new)
    .bind(life.as_secs_f64())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(row) = row {
        return Ok(Rotated::Yes(session(&row)?));
    }
    let there = sqlx::query("SELECT 1 FROM sessions WHERE id = $1 AND kind = 'api'")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    Ok(if there.is_some() { Rotated::Reused } else { Rotated::Gone })
}

pub(super) async fn end(database: &Database, id: Uuid) -> Result<(), Problem> {
    let mut connection = database.acquire().await?;
    sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id).execute(&mut *connection).await?;
    Ok(())
}

pub(super) async fn end_all(database: &Database, user: Uuid) -> Result<(), Problem> {
    let mut connection = database.acquire().await?;
    sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(user).execute(&mut *connection).await?;
    Ok(())
}

pub(super) async fn tidy(database: &Database) -> Result<(), Problem> {
    let mut connection = database.acquire().await?;
    sqlx::query("DELETE FROM sessions WHERE expires_at < now()").execute(&mut *connection).await?;
    Ok(())
}
