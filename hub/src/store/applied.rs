//! Table `applied`: which messages had their effect, so that none has it twice.

use chrono::{DateTime, Utc};
use sqlx::SqliteExecutor;

use super::row::instant;
use super::{StoreError, Tx};

/// Whether the message was applied.
///
/// # Errors
/// Failures of the database.
pub async fn is_applied(
    from: impl SqliteExecutor<'_>,
    origin: &str,
    message_id: &str,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (select 1 from applied where origin = $1 and message_id = $2)",
    )
    .bind(origin)
    .bind(message_id)
    .fetch_one(from)
    .await?)
}

/// Marks the message as applied; false when it already was, and nothing changes.
///
/// # Errors
/// Failures of the database.
pub async fn mark(
    tx: &mut Tx<'_>,
    origin: &str,
    message_id: &str,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let name = tx.name();
    let done = sqlx::query(
        "insert into applied (origin, message_id, applied_at, updated_by) \
         values ($1, $2, $3, $4) on conflict (origin, message_id) do nothing",
    )
    .bind(origin)
    .bind(message_id)
    .bind(instant(at))
    .bind(name)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}
