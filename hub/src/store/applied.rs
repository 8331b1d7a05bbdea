//! Table `applied`: which messages had their effect, so that none has it twice.

use chrono::{DateTime, Utc};

use super::row::instant;
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const IS_APPLIED: Sql =
    Sql::new("select exists (select 1 from applied where origin = $1 and message_id = $2)");

const MARK: Sql = Sql::new(
    "insert into applied (origin, message_id, applied_at, updated_by) \
     values ($1, $2, $3, $4) on conflict (origin, message_id) do nothing",
);

const PRUNE: Sql = Sql::new(
    "delete from applied where (origin, message_id) in \
     (select origin, message_id from applied where applied_at < $1 limit $2)",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[&IS_APPLIED, &MARK, &PRUNE];

/// Whether the message was applied.
///
/// # Errors
/// Failures of the database.
pub async fn is_applied(
    from: impl Into<Reading<'_>>,
    origin: &str,
    message_id: &str,
) -> Result<bool, StoreError> {
    IS_APPLIED.bind(origin).bind(message_id).value(from).await
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
    let marked = MARK
        .bind(origin)
        .bind(message_id)
        .bind(instant(at))
        .bind(name)
        .write(tx)
        .await?;
    Ok(marked == 1)
}

/// Forgets up to `limit` messages that were applied before `before`; how many it forgot. Whoever
/// forgets a message must refuse it by its age.
///
/// # Errors
/// Failures of the database.
pub async fn prune(tx: &mut Tx<'_>, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    PRUNE.bind(instant(before)).bind(limit).keep_books(tx).await
}
