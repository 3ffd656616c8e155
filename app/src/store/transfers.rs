//! Transfers: all or nothing, never below zero, and once for each key.
//!
//! A transfer first takes its key: whoever comes with the same key waits here until the first is through, and then
//! gets the first one's answer. Then it locks both accounts, always the lower id first, so that no two wait for each
//! other. A refusal is kept as well. What fails otherwise leaves nothing, and its key is free.

use serde::Serialize;
use sqlx::{Postgres, Row, Transaction, postgres::PgRow};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    database::Database,
    problem::{Problem, ProblemKind},
};

/// Maximum balance of an account in minor units; the table has the same limit.
const MOST: i64 = 1_000_000_000_000_000;

/// A request for a transfer.
#[derive(Clone, Debug)]
pub struct TransferRequest {
    /// Chosen by the client.
    pub key: String,
    /// One of the user's own accounts.
    pub from: Uuid,
    /// ID of any account.
    pub to: Uuid,
    /// Amount in minor units.
    pub amount: i64,
}

/// A transfer that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Transfer {
    /// ID of the transfer.
    pub id: Uuid,
    /// ID of the debited account.
    pub from: Uuid,
    /// ID of the credited account.
    pub to: Uuid,
    /// Amount in minor units.
    pub amount: i64,
    /// Time of the transfer.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// The reason for a permanent refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NoSuchSource,
    NoSuchTarget,
    TooLittle,
    TooMuch,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::NoSuchSource, Self::NoSuchTarget, Self::TooLittle, Self::TooMuch];

    fn name(self) -> &'static str {
        match self {
            Self::NoSuchSource => "no-such-source",
            Self::NoSuchTarget => "no-such-target",
            Self::TooLittle => "too-little",
            Self::TooMuch => "too-much",
        }
    }

    fn problem(self) -> Problem {
        match self {
            Self::NoSuchSource => Problem::new(ProblemKind::NotFound, "You have no such account to send from."),
            Self::NoSuchTarget => Problem::new(ProblemKind::NotFound, "There is no such account to send to."),
            Self::TooLittle => Problem::new(ProblemKind::Refused, "The account holds less than that."),
            Self::TooMuch => Problem::new(ProblemKind::Refused, "The receiving account cannot hold that much."),
        }
    }
}

/// Makes the transfer, or gives the answer that its key got before.
pub async fn transfer(database: &Database, user: Uuid, request: &TransferRequest) -> Result<Transfer, Problem> {
    let mut transaction = database.begin().await?;
    let taken = sqlx::query(
        "INSERT INTO transfers (user_id, key, id, from_account, to_account, amount) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (user_id, key) DO NOTHING RETURNING *",
    )
    .bind(user)
    .bind(&request.key)
    .bind(Uuid::new_v4())
    .bind(request.from)
    .bind(request.to)
    .bind(request.amount)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(taken) = taken else {
        return earlier(&mut transaction, user, request).await;
    };
    let refusal = match receiver(&mut transaction, user, request).await? {
        Ok(receiver) => {
            carry_out(&mut transaction, user, request, receiver).await?;
            None
        }
        Err(refusal) => {
            sqlx::query("UPDATE transfers SET refusal = $3 WHERE user_id = $1 AND key = $2")
                .bind(user)
                .bind(&request.key)
                .bind(refusal.name())
                .execute(&mut *transaction)
                .await?;
            Some(refusal)
        }
    };
    transaction.commit().await?;
    match refusal {
        None => made(&taken),
        Some(refusal) => Err(refusal.problem()),
    }
}

/// The answer that was given under this key.
async fn earlier(
    transaction: &mut Transaction<'static, Postgres>,
    user: Uuid,
    request: &TransferRequest,
) -> Result<Transfer, Problem> {
    let row = sqlx::query("SELECT * FROM transfers WHERE user_id = $1 AND key = $2")
        .bind(user)
        .bind(&request.key)
        .fetch_one(&mut **transaction)
        .await?;
    let transfer = made(&row)?;
    if (transfer.from, transfer.to, transfer.amount) != (request.from, request.to, request.amount) {
        return Err(Problem::new(ProblemKind::Conflict, "This idempotency key was used for another transfer."));
    }
    match row.try_get::<Option<&str>, _>("refusal")? {
        None => Ok(transfer),
        Some(name) => Err(Refusal::ALL
            .into_iter()
            .find(|refusal| refusal.name() == name)
            .map_or_else(Problem::internal, Refusal::problem)),
    }
}

/// Locks both accounts, and returns the receiving user.
async fn receiver(
    transaction: &mut Transaction<'static, Postgres>,
    user: Uuid,
    request: &TransferRequest,
) -> Result<Result<Uuid, Refusal>, Problem> {
    let rows = sqlx::query("SELECT id, user_id, balance FROM accounts WHERE id = $1 OR id = $2 ORDER BY id FOR UPDATE")
        .bind(request.from)
        .bind(request.to)
        .fetch_all(&mut **transaction)
        .await?;
    let (mut source, mut target) = (None, None);
    for row in &rows {
        let (id, owner, balance): (Uuid, Uuid, i64) =
            (row.try_get("id")?, row.try_get("user_id")?, row.try_get("balance")?);
        if id == request.from && owner == user {
            source = Some(balance);
        } else if id == request.to {
            target = Some((owner, balance));
        }
    }
    Ok(match (source, target) {
        (None, _) => Err(Refusal::NoSuchSource),
        (_, None) => Err(Refusal::NoSuchTarget),
        (Some(balance), _) if balance < request.amount => Err(Refusal::TooLittle),
        (_, Some((_, balance))) if balance > MOST - request.amount => Err(Refusal::TooMuch),
        (_, Some((owner, _))) => Ok(owner),
    })
}

/// Moves the money and notes it.
async fn carry_out(
    transaction: &mut Transaction<'static, Postgres>,
    user: Uuid,
    request: &TransferRequest,
    receiver: Uuid,
) -> Result<(), Problem> {
    sqlx::query(
        "WITH moved AS (
           UPDATE accounts SET balance = balance + CASE WHEN id = $2 THEN -$4 ELSE $4 END WHERE id IN ($2, $3))
         INSERT INTO audit (action, actor, from_account, to_account, amount, to_user, key)
         VALUES ('transfer', $1, $2, $3, $4, $5, $6)",
    )
    .bind(user)
    .bind(request.from)
    .bind(request.to)
    .bind(request.amount)
    .bind(receiver)
    .bind(&request.key)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn made(row: &PgRow) -> Result<Transfer, Problem> {
    Ok(Transfer {
        id: row.try_get("id")?,
        from: row.try_get("from_account")?,
        to: row.try_get("to_account")?,
        amount: row.try_get("amount")?,
        created_at: row.try_get("created_at")?,
    })
}
