//! Table `log_head`: signed heads. One per size, never changed: a head that was shown stands.

use chrono::{DateTime, Utc};
use sqlx::SqliteExecutor;

use super::row::{hash, instant, signed, unsigned};
use super::{StoreError, Tx};

/// A signed head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHead {
    /// Number of leaves.
    pub size: u64,
    /// Root hash over them.
    pub root: [u8; 32],
    /// The signed note.
    pub note: String,
}

const TABLE: &str = "log_head";

type Row = (i64, Vec<u8>, String);

/// Stores a head; a head of the same size that is already there stays.
///
/// # Errors
/// Failures of the database.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    head: &StoredHead,
    signed_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into log_head (size, root, note, signed_at) values ($1, $2, $3, $4) \
         on conflict (size) do nothing",
    )
    .bind(signed("log size", head.size)?)
    .bind(head.root.to_vec())
    .bind(&head.note)
    .bind(instant(signed_at))
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The head of the greatest size.
///
/// # Errors
/// Failures of the database.
pub async fn latest(from: impl SqliteExecutor<'_>) -> Result<Option<StoredHead>, StoreError> {
    let row: Option<Row> =
        sqlx::query_as("select size, root, note from log_head order by size desc limit 1")
            .fetch_optional(from)
            .await?;
    row.map(head).transpose()
}

/// Heads of at least `size` leaves, smallest first.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl SqliteExecutor<'_>,
    size: u64,
    limit: u32,
) -> Result<Vec<StoredHead>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select size, root, note from log_head where size >= $1 order by size limit $2",
    )
    .bind(signed("log size", size)?)
    .bind(limit)
    .fetch_all(from)
    .await?;
    rows.into_iter().map(head).collect()
}

fn head((size, root, note): Row) -> Result<StoredHead, StoreError> {
    Ok(StoredHead {
        size: unsigned(TABLE, size)?,
        root: hash(TABLE, &root)?,
        note,
    })
}
