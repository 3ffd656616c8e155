//! The audit trail: entries are added, and read. PostgreSQL itself refuses to change or remove one.

use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{database::Database, problem::Problem};

/// An entry of the audit trail.
#[derive(Serialize, ToSchema)]
pub struct AuditEntry {
    /// Later entries have higher numbers.
    pub id: i64,
    /// Time of the event.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// `user-registered`, `password-changed`, `user-disabled`, `user-enabled`, `account-opened` or `transfer`.
    pub action: String,
    /// User who caused the event.
    pub actor: Uuid,
    /// To which user or account, where it is no transfer.
    pub subject: Option<Uuid>,
    /// ID of the debited account.
    pub from_account: Option<Uuid>,
    /// ID of the credited account.
    pub to_account: Option<Uuid>,
    /// Amount in minor units.
    pub amount: Option<i64>,
    /// The transfer's idempotency key; only its sender sees it.
    pub key: Option<String>,
}

impl AuditEntry {
    /// The account or user that it was done to.
    pub fn target(&self) -> Option<Uuid> {
        self.to_account.or(self.subject)
    }
}

/// Adds an entry about a user or an account.
pub(super) async fn add(
    connection: &mut PgConnection,
    action: &str,
    actor: Uuid,
    subject: Uuid,
    amount: Option<i64>,
) -> Result<(), Problem> {
    sqlx::query("INSERT INTO audit (action, actor, subject, amount) VALUES ($1, $2, $3, $4)")
        .bind(action)
        .bind(actor)
        .bind(subject)
        .bind(amount)
        .execute(connection)
        .await?;
    Ok(())
}

/// Entries before that number, latest first: everybody's, or those that the user did or got money by.
pub async fn list(
    database: &Database,
    user: Uuid,
    all: bool,
    before: i64,
    limit: i64,
) -> Result<Vec<AuditEntry>, Problem> {
    let mut connection = database.acquire().await?;
    let query = if all {
        "SELECT * FROM audit WHERE $1::uuid IS NOT NULL AND id < $2 ORDER BY id DESC LIMIT $3"
    } else {
        "(SELECT * FROM audit WHERE actor = $1 AND id < $2 ORDER BY id DESC LIMIT $3)
         UNION (SELECT * FROM audit WHERE to_user = $1 AND id < $2 ORDER BY id DESC LIMIT $3)
         ORDER BY id DESC LIMIT $3"
    };
    let rows = sqlx::query(query).bind(user).bind(before).bind(limit).fetch_all(&mut *connection).await?;
    rows.iter().map(|row| entry(row, user)).collect()
}

fn entry(row: &PgRow, reader: Uuid) -> Result<AuditEntry, Problem> {
    let actor = row.try_get("actor")?;
    Ok(AuditEntry {
        id: row.try_get("id")?,
        created_at: row.try_get("created_at")?,
        action: row.try_get("action")?,
        actor,
        subject: row.try_get("subject")?,
        from_account: row.try_get("from_account")?,
        to_account: row.try_get("to_account")?,
        amount: row.try_get("amount")?,
        key: if actor == reader { row.try_get("key")? } else { None },
    })
}
