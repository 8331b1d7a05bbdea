//! Table `original`: where the library keeps the file of a licence that this node registered.
//!
//! Bookkeeping, not state of the directory: what a file is, its digest says.

use certs::columns::ColumnKey;
use sqlx::SqliteExecutor;

use super::{StoreError, Tx};

const PATH: &str = "original.path_sealed";

/// The library's path of the original, if the licence has one.
///
/// # Errors
/// Failures of the database; a path that this key does not open.
pub async fn find(
    from: impl SqliteExecutor<'_>,
    identifier: &str,
    key: &ColumnKey,
) -> Result<Option<String>, StoreError> {
    const UNREADABLE: StoreError = StoreError::Column { column: PATH };
    let sealed: Option<Vec<u8>> =
        sqlx::query_scalar("select path_sealed from original where identifier = $1")
            .bind(identifier)
            .fetch_optional(from)
            .await?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let path = key
        .open(&associated(identifier), &sealed)
        .map_err(|_| UNREADABLE)?;
    String::from_utf8(path).map(Some).map_err(|_| UNREADABLE)
}

/// Whether it is noted where the library keeps the original.
///
/// # Errors
/// Failures of the database.
pub async fn is_noted(from: impl SqliteExecutor<'_>, identifier: &str) -> Result<bool, StoreError> {
    Ok(
        sqlx::query_scalar("select exists (select 1 from original where identifier = $1)")
            .bind(identifier)
            .fetch_one(from)
            .await?,
    )
}

/// Notes where the library keeps the original; none when the licence has no file any more.
///
/// # Errors
/// Failures of the database.
pub async fn put(
    tx: &mut Tx<'_>,
    identifier: &str,
    path: Option<&str>,
    key: &ColumnKey,
) -> Result<(), StoreError> {
    let name = tx.name();
    let query = match path {
        None => sqlx::query("delete from original where identifier = $1").bind(identifier),
        Some(path) => {
            let sealed = key
                .seal(&associated(identifier), path.as_bytes())
                .map_err(|_| StoreError::Column { column: PATH })?;
            sqlx::query(
                "insert into original (identifier, path_sealed, updated_by) values ($1, $2, $3) \
                 on conflict (identifier) do update set path_sealed = excluded.path_sealed, \
                 updated_by = excluded.updated_by",
            )
            .bind(identifier)
            .bind(sealed)
            .bind(name)
        }
    };
    let done = query.execute(tx.connection()).await?;
    tx.count_bookkeeping(done.rows_affected());
    Ok(())
}

fn associated(identifier: &str) -> Vec<u8> {
    format!("{PATH}:{identifier}").into_bytes()
}
