//! Table `directory_snapshot`: how far a national node has taken the present entries of each home
//! node. Bookkeeping, as positions are: what was taken has its leaves.

use chrono::{DateTime, Utc};

use super::row::instant;
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const FIND: Sql = Sql::new(
    "select cursor, completed_at is not null from directory_snapshot where home_node = $1",
);

const PUT: Sql = Sql::new(
    "insert into directory_snapshot (home_node, cursor, completed_at, updated_by) \
     values ($1, $2, $3, $4) on conflict (home_node) do update set cursor = excluded.cursor, \
     completed_at = excluded.completed_at, updated_by = excluded.updated_by",
);

const FORGET_ALL: Sql = Sql::new("delete from directory_snapshot");

pub(super) const STATEMENTS: &[&dyn Statement] = &[&FIND, &PUT, &FORGET_ALL];

/// How far the entries of one home node were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Identifier after which the next page begins; none before the first.
    pub cursor: Option<String>,
    /// Whether the last page was taken.
    pub is_complete: bool,
}

/// How far the entries of a home node were taken; nothing before the first page.
///
/// # Errors
/// Failures of the database.
pub async fn find(from: impl Into<Reading<'_>>, home_node: &str) -> Result<Taken, StoreError> {
    let row: Option<(Option<String>, bool)> = FIND.bind(home_node).optional(from).await?;
    let taken = row.map(|(cursor, is_complete)| Taken {
        cursor,
        is_complete,
    });
    Ok(taken.unwrap_or_default())
}

/// Notes that a page was taken, in its transaction; `next` is the cursor, none after the last page.
///
/// # Errors
/// Failures of the database.
pub async fn put(
    tx: &mut Tx<'_>,
    home_node: &str,
    next: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let name = tx.name();
    let completed_at = next.is_none().then(|| instant(at));
    PUT.bind(home_node)
        .bind(next)
        .bind(completed_at)
        .bind(name)
        .keep_books(tx)
        .await?;
    Ok(())
}

/// Forgets how far everything was taken: the node takes all present entries once more.
///
/// # Errors
/// Failures of the database.
pub async fn forget_all(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    FORGET_ALL.query().keep_books(tx).await?;
    Ok(())
}
