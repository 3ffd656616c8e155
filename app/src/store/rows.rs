//! Sample rows: nothing else is in their table, so that removing them removes nothing else.

use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;
use sqlx::{Row, postgres::PgRow};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{database::Database, problem::Problem};

const HOW: [&str; 8] = ["amber", "brisk", "calm", "dusty", "early", "faint", "green", "hidden"];
const WHAT: [&str; 8] = ["bridge", "canyon", "forest", "harbour", "island", "meadow", "river", "valley"];

/// A row of sample data.
#[derive(Serialize, ToSchema)]
pub struct SampleRow {
    /// ID of the row.
    pub id: Uuid,
    /// Label of two random words.
    pub label: String,
    /// A random whole number.
    pub number: i32,
    /// Time of the insertion.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

fn row(row: &PgRow) -> Result<SampleRow, Problem> {
    Ok(SampleRow {
        id: row.try_get("id")?,
        label: row.try_get("label")?,
        number: row.try_get("number")?,
        created_at: row.try_get("created_at")?,
    })
}

/// Adds one with random data.
pub async fn populate(database: &Database) -> Result<SampleRow, Problem> {
    let mut random = [0u8; 6];
    SystemRandom::new().fill(&mut random).map_err(|_| Problem::internal())?;
    let [how, what, a, b, c, d] = random;
    let word = |words: &[&'static str; 8], byte: u8| words.get(usize::from(byte % 8)).copied().unwrap_or_default();
    let label = format!("{} {}", word(&HOW, how), word(&WHAT, what));
    let number = i32::from_be_bytes([a & 0x7f, b, c, d]) % 1_000_000;
    let mut connection = database.acquire().await?;
    let added = sqlx::query("INSERT INTO sample_rows (id, label, number) VALUES ($1, $2, $3) RETURNING *")
        .bind(Uuid::new_v4())
        .bind(label)
        .bind(number)
        .fetch_one(&mut *connection)
        .await?;
    row(&added)
}

/// The latest, and how many there are.
pub async fn list(database: &Database, limit: i64) -> Result<(Vec<SampleRow>, i64), Problem> {
    let mut connection = database.acquire().await?;
    let count = sqlx::query("SELECT count(*) FROM sample_rows").fetch_one(&mut *connection).await?.try_get(0)?;
    let latest = sqlx::query("SELECT * FROM sample_rows ORDER BY created_at DESC, id LIMIT $1")
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
    Ok((latest.iter().map(row).collect::<Result<_, _>>()?, count))
}

/// Deletes all rows, and returns their number.
pub async fn delete(database: &Database) -> Result<u64, Problem> {
    let mut connection = database.acquire().await?;
    Ok(sqlx::query("DELETE FROM sample_rows").execute(&mut *connection).await?.rows_affected())
}
