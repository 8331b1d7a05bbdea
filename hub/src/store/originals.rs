//! Table `original`: where the library keeps the file of a licence that this node registered.
//!
//! Bookkeeping, not state of the directory: what a file is, its digest says.

use std::collections::{BTreeMap, HashSet};

use certs::columns::ColumnKey;

use super::sql::{Insert, Kind, Reading, Sql, Statement};
use super::{StoreError, Tx};

const FIND: Sql = Sql::new("select path_sealed from original where identifier = $1");

const NOTED: Sql = Sql::each(
    "select identifier from original where identifier in (select value from json_each($1))",
    "select identifier from original where identifier = any($1)",
);

const PUT: Insert<3> = Insert::new(
    "original",
    [
        ("identifier", Kind::Text),
        ("path_sealed", Kind::Bytes),
        ("updated_by", Kind::Text),
    ],
    "on conflict (identifier) do update set path_sealed = excluded.path_sealed, \
     updated_by = excluded.updated_by",
);

const REMOVE: Sql = Sql::each(
    "delete from original where identifier in (select value from json_each($1))",
    "delete from original where identifier = any($1)",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[&FIND, &NOTED, &PUT, &REMOVE];

const PATH: &str = "original.path_sealed";

/// The library's path of the original, if the licence has one.
///
/// # Errors
/// Failures of the database; a path that this key does not open.
pub async fn find(
    from: impl Into<Reading<'_>>,
    identifier: &str,
    key: &ColumnKey,
) -> Result<Option<String>, StoreError> {
    const UNREADABLE: StoreError = StoreError::Column { column: PATH };
    let sealed: Option<Vec<u8>> = FIND.bind(identifier).optional_value(from).await?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let path = key
        .open(&associated(identifier), &sealed)
        .map_err(|_| UNREADABLE)?;
    String::from_utf8(path).map(Some).map_err(|_| UNREADABLE)
}

/// Of these licence versions those of which it is noted where the library keeps the original, in
/// one round trip.
///
/// # Errors
/// Failures of the database.
pub async fn noted(
    from: impl Into<Reading<'_>>,
    identifiers: Vec<String>,
) -> Result<HashSet<String>, StoreError> {
    let found: Vec<String> = NOTED.bind(identifiers).values(from).await?;
    Ok(found.into_iter().collect())
}

/// Notes where the library keeps the originals, by their identifiers, in few round trips; a path
/// of none when the licence has no file any more. Of two about the same licence the later counts.
///
/// # Errors
/// Failures of the database.
pub async fn put_all(
    tx: &mut Tx<'_>,
    originals: &[(&str, Option<&str>)],
    key: &ColumnKey,
) -> Result<(), StoreError> {
    let name = tx.name();
    let (mut rows, mut gone) = (Vec::with_capacity(originals.len()), Vec::new());
    let last: BTreeMap<&str, Option<&str>> = originals.iter().copied().collect();
    for (identifier, path) in last {
        let Some(path) = path else {
            gone.push(identifier.to_owned());
            continue;
        };
        let sealed = key
            .seal(&associated(identifier), path.as_bytes())
            .map_err(|_| StoreError::Column { column: PATH })?;
        rows.push([identifier.into(), sealed.into(), name.into()]);
    }
    PUT.keep_books(tx, &rows).await?;
    if !gone.is_empty() {
        REMOVE.bind(gone).keep_books(tx).await?;
    }
    Ok(())
}

fn associated(identifier: &str) -> Vec<u8> {
    format!("{PATH}:{identifier}").into_bytes()
}
