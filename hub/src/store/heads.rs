//! Table `log_head`: signed heads. One per size, never changed: a head that was shown stands.

use chrono::{DateTime, Utc};

use super::row::{hash, instant, signed, unsigned};
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const INSERT: Sql = Sql::new(
    "insert into log_head (size, root, note, signed_at) values ($1, $2, $3, $4) \
     on conflict (size) do nothing",
);

const LATEST: Sql = Sql::new("select size, root, note from log_head order by size desc limit 1");

const PAGE: Sql =
    Sql::new("select size, root, note from log_head where size >= $1 order by size limit $2");

pub(super) const STATEMENTS: &[&dyn Statement] = &[&INSERT, &LATEST, &PAGE];

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
    INSERT
        .bind(signed("log size", head.size)?)
        .bind(&head.root)
        .bind(&head.note)
        .bind(instant(signed_at))
        .keep_books(tx)
        .await?;
    Ok(())
}

/// The head of the greatest size.
///
/// # Errors
/// Failures of the database.
pub async fn latest(from: impl Into<Reading<'_>>) -> Result<Option<StoredHead>, StoreError> {
    let row: Option<Row> = LATEST.query().optional(from).await?;
    row.map(head).transpose()
}

/// Heads of at least `size` leaves, smallest first.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl Into<Reading<'_>>,
    size: u64,
    limit: u32,
) -> Result<Vec<StoredHead>, StoreError> {
    let rows: Vec<Row> = PAGE
        .bind(signed("log size", size)?)
        .bind(limit)
        .all(from)
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
