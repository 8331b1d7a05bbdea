//! Table `applied`: which messages had their effect, so that none has it twice.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::row::instant;
use super::sql::{Insert, Kind, Reading, Sql, Statement};
use super::{StoreError, Tx};

const IS_APPLIED: Sql =
    Sql::new("select exists (select 1 from applied where origin = $1 and message_id = $2)");

const MARK: Insert<4> = Insert::new(
    "applied",
    [
        ("origin", Kind::Text),
        ("message_id", Kind::Text),
        ("applied_at", Kind::Text),
        ("updated_by", Kind::Text),
    ],
    "on conflict (origin, message_id) do nothing returning origin, message_id",
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

/// Marks messages as applied, in few round trips; of each, in their order, whether it was not
/// before. A message that is among them twice is new once.
///
/// # Errors
/// Failures of the database.
pub async fn mark_all(
    tx: &mut Tx<'_>,
    messages: &[(&str, &str)],
    at: DateTime<Utc>,
) -> Result<Vec<bool>, StoreError> {
    let (name, at) = (tx.name(), instant(at));
    let mut seen = HashSet::new();
    let rows: Vec<_> = messages
        .iter()
        .filter(|message| seen.insert(**message))
        .map(|(origin, id)| [(*origin).into(), (*id).into(), (&at).into(), name.into()])
        .collect();
    let marked: Vec<(String, String)> = MARK.write_returning(tx, &rows).await?;
    let mut new: HashSet<(&str, &str)> = marked
        .iter()
        .map(|(origin, id)| (origin.as_str(), id.as_str()))
        .collect();
    Ok(messages.iter().map(|message| new.remove(message)).collect())
}

/// Forgets up to `limit` messages that were applied before `before`; how many it forgot. Whoever
/// forgets a message must refuse it by its age.
///
/// # Errors
/// Failures of the database.
pub async fn prune(tx: &mut Tx<'_>, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    PRUNE.bind(instant(before)).bind(limit).keep_books(tx).await
}
