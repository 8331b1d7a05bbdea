//! Tables `file_fetch` and `file_chunk`: parts of files that came from other nodes, until the
//! file is whole.
//!
//! Bookkeeping, not state: a part is the message as it came, sealed to this node, and what is
//! gone is asked for again.

use chrono::{DateTime, Utc};

use super::row::{instant, signed, unsigned};
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const FIND: Sql = Sql::new(
    "select id, file_sm3, identifier, home_node, size_bytes from file_fetch where file_sm3 = $1",
);

const FIND_BY_ID: Sql = Sql::new(
    "select id, file_sm3, identifier, home_node, size_bytes from file_fetch where id = $1",
);

const BEGIN: Sql = Sql::new(
    "insert into file_fetch (id, file_sm3, identifier, home_node, size_bytes, asked_at, \
     updated_by) values ($1, $2, $3, $4, $5, $6, $7)",
);

const TOUCH: Sql = Sql::new("update file_fetch set asked_at = $2, updated_by = $3 where id = $1");

const NEWEST_FIRST: Sql =
    Sql::new("select id, size_bytes from file_fetch order by asked_at desc, id desc");

const OLDER: Sql =
    Sql::new("select id from file_fetch where asked_at < $1 order by asked_at limit $2");

const FORGET: Sql = Sql::new("delete from file_fetch where id = $1");

const FORGET_CHUNKS: Sql = Sql::new("delete from file_chunk where fetch_id = $1");

const FORGET_CHUNK: Sql = Sql::new("delete from file_chunk where fetch_id = $1 and number = $2");

const KEEP_CHUNK: Sql = Sql::new(
    "insert into file_chunk (fetch_id, number, body, updated_by) values ($1, $2, $3, $4) \
     on conflict (fetch_id, number) do nothing",
);

const NUMBERS: Sql = Sql::new("select number from file_chunk where fetch_id = $1 order by number");

const CHUNK: Sql = Sql::new("select body from file_chunk where fetch_id = $1 and number = $2");

pub(super) const STATEMENTS: &[&dyn Statement] = &[
    &FIND,
    &FIND_BY_ID,
    &BEGIN,
    &TOUCH,
    &NEWEST_FIRST,
    &OLDER,
    &FORGET,
    &FORGET_CHUNKS,
    &FORGET_CHUNK,
    &KEEP_CHUNK,
    &NUMBERS,
    &CHUNK,
];

const TABLE: &str = "file_fetch";

/// A file that is being fetched, or was and is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFetch {
    /// Its name, UUID version 7.
    pub id: String,
    /// SM3 of the whole file, hex.
    pub file_sm3: String,
    /// Licence it was asked for.
    pub identifier: String,
    /// Node that was asked.
    pub home_node: String,
    /// Size of the whole file, in bytes.
    pub size_bytes: u64,
}

/// The fetch of a file.
///
/// # Errors
/// Failures of the database.
pub async fn find(
    from: impl Into<Reading<'_>>,
    file_sm3: &str,
) -> Result<Option<FileFetch>, StoreError> {
    FIND.bind(file_sm3)
        .optional(from)
        .await?
        .map(fetch)
        .transpose()
}

/// The fetch with this name.
///
/// # Errors
/// Failures of the database.
pub async fn find_by_id(
    from: impl Into<Reading<'_>>,
    id: &str,
) -> Result<Option<FileFetch>, StoreError> {
    FIND_BY_ID
        .bind(id)
        .optional(from)
        .await?
        .map(fetch)
        .transpose()
}

/// Names and sizes of all fetches, the one asked for last first.
///
/// # Errors
/// Failures of the database.
pub async fn newest_first(from: impl Into<Reading<'_>>) -> Result<Vec<(String, u64)>, StoreError> {
    let rows: Vec<(String, i64)> = NEWEST_FIRST.query().all(from).await?;
    rows.into_iter()
        .map(|(id, size)| Ok((id, unsigned(TABLE, size)?)))
        .collect()
}

/// Begins a fetch.
///
/// # Errors
/// Failures of the database; another fetch of the same file.
pub async fn begin(
    tx: &mut Tx<'_>,
    fetch: &FileFetch,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let name = tx.name();
    BEGIN
        .bind(&fetch.id)
        .bind(&fetch.file_sm3)
        .bind(&fetch.identifier)
        .bind(&fetch.home_node)
        .bind(signed("size_bytes", fetch.size_bytes)?)
        .bind(instant(at))
        .bind(name)
        .keep_books(tx)
        .await?;
    Ok(())
}

/// Notes that a fetch is gone on with.
///
/// # Errors
/// Failures of the database.
pub async fn touch(tx: &mut Tx<'_>, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
    let name = tx.name();
    TOUCH
        .bind(id)
        .bind(instant(at))
        .bind(name)
        .keep_books(tx)
        .await?;
    Ok(())
}

/// Forgets a fetch with its parts.
///
/// # Errors
/// Failures of the database.
pub async fn forget(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    FORGET_CHUNKS.bind(id).keep_books(tx).await?;
    FORGET.bind(id).keep_books(tx).await?;
    Ok(())
}

/// Forgets up to `limit` fetches that were last asked for before `before`, with their parts; how
/// many it forgot.
///
/// # Errors
/// Failures of the database.
pub async fn prune(tx: &mut Tx<'_>, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    let old: Vec<String> = OLDER
        .bind(instant(before))
        .bind(limit)
        .values(&mut *tx)
        .await?;
    let mut gone = 0;
    for id in old {
        forget(tx, &id).await?;
        gone += 1;
    }
    Ok(gone)
}

/// Keeps one part; one that is kept already stays as it is.
///
/// # Errors
/// Failures of the database.
pub async fn keep_chunk(
    tx: &mut Tx<'_>,
    fetch_id: &str,
    number: u32,
    body: &[u8],
) -> Result<(), StoreError> {
    let name = tx.name();
    KEEP_CHUNK
        .bind(fetch_id)
        .bind(number)
        .bind(body)
        .bind(name)
        .keep_books(tx)
        .await?;
    Ok(())
}

/// Numbers of the parts that are kept, ascending.
///
/// # Errors
/// Failures of the database; a number that none of this program's has.
pub async fn numbers(from: impl Into<Reading<'_>>, fetch_id: &str) -> Result<Vec<u32>, StoreError> {
    let numbers: Vec<i64> = NUMBERS.bind(fetch_id).values(from).await?;
    numbers
        .into_iter()
        .map(|number| {
            u32::try_from(number).map_err(|_| StoreError::Corrupt {
                table: "file_chunk",
                what: "number",
            })
        })
        .collect()
}

/// One part, the body of the message as it came.
///
/// # Errors
/// Failures of the database.
pub async fn chunk(
    from: impl Into<Reading<'_>>,
    fetch_id: &str,
    number: u32,
) -> Result<Option<Vec<u8>>, StoreError> {
    CHUNK.bind(fetch_id).bind(number).optional_value(from).await
}

/// Forgets one part.
///
/// # Errors
/// Failures of the database.
pub async fn forget_chunk(tx: &mut Tx<'_>, fetch_id: &str, number: u32) -> Result<(), StoreError> {
    FORGET_CHUNK
        .bind(fetch_id)
        .bind(number)
        .keep_books(tx)
        .await?;
    Ok(())
}

fn fetch(
    (id, file_sm3, identifier, home_node, size): (String, String, String, String, i64),
) -> Result<FileFetch, StoreError> {
    Ok(FileFetch {
        id,
        file_sm3,
        identifier,
        home_node,
        size_bytes: unsigned(TABLE, size)?,
    })
}
