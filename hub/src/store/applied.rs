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

/// Forgets up to `limit` messages that were applied before `before`; how many it forgot. Whoever
/// forgets a message must refuse it by its age.
///
/// # Errors
/// Failures of the database.
pub async fn prune(tx: &mut Tx<'_>, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from applied where (origin, message_id) in \
         (select origin, message_id from applied where applied_at < $1 limit $2)",
    )
    .bind(instant(before))
    .bind(limit)
    .execute(tx.connection())
    .await?;
    tx.count_bookkeeping(done.rows_affected());
    Ok(done.rows_affected())
}
