//! Tables `entry` and `entry_holder`: the directory.
//!
//! The private part of an entry and the codes of its holders never stand in clear (invariant 7):
//! the one is sealed with the node's column key, the others are keyed-hash tokens. The seal also
//! covers the public part beside it: a row that someone else changed does not open.
//!
//! The table is partitioned by the home region, which is part of every identifier
//! ([`region_of`]): whoever has an identifier asks in its region alone.

mod load;
mod raw;
mod write;

use std::collections::HashMap;

use certs::columns::ColumnKey;
use schemas::entry::{Entry, EntryPrivate, EntryPublic};
use schemas::identifier::{Identifier, region_of};

use super::StoreError;
use super::row::{from_json, signed, unsigned};
use super::sql::{Reading, Sql, Statement};

pub use load::load;
pub use write::{Standing, Upserted, standings, upsert_all};

pub(crate) use raw::{RawEntry, raw_page, unreached};

const FIND: Sql = Sql::each(
    "select identifier, public, private_sealed from entry where identifier = $1",
    "select identifier, public, private_sealed from entry \
     where region = {region} and identifier = $1",
);

const FIND_ALL: Sql = Sql::each(
    "select identifier, public, private_sealed from entry \
     where region in (select value from json_each($1)) \
     and identifier in (select value from json_each($2))",
    "select identifier, public, private_sealed from entry \
     where region = any($1) and identifier = any($2)",
);

const BY_HOLDER: Sql = Sql::new(
    "select e.identifier, e.public, e.private_sealed from entry_holder h \
     join entry e on e.region = h.region and e.identifier = h.identifier \
     where h.holder_token = $1 and (cast($2 as text) is null or h.type_code = $2) \
     order by e.issued_on desc, e.identifier desc limit $3",
);

const LATEST: Sql = Sql::each(
    "select identifier, public, private_sealed from entry \
     where licence_key = $1 order by version desc limit 1",
    "select identifier, public, private_sealed from entry \
     where region = {region} and licence_key = $1 order by version desc limit 1",
);

const PAGE: Sql =
    Sql::new("select public from entry where identifier > $1 order by identifier limit $2");

const COUNT: Sql = Sql::new("select count(*) from entry");

const SOME: Sql = Sql::new("select identifier, public, private_sealed from entry limit 8");

pub(super) const STATEMENTS: &[&dyn Statement] =
    &[&FIND, &FIND_ALL, &BY_HOLDER, &LATEST, &PAGE, &COUNT, &SOME];

/// Those of the rows as they stand.
pub(super) const RAW_STATEMENTS: &[&dyn Statement] = raw::STATEMENTS;

/// Those of writing.
pub(super) const WRITE_STATEMENTS: &[&dyn Statement] = write::STATEMENTS;

/// Those of loading.
pub(super) const LOAD_STATEMENTS: &[&dyn Statement] = load::STATEMENTS;

const TABLE: &str = "entry";

type Row = (String, String, Vec<u8>);

/// The entry of one licence version.
///
/// # Errors
/// Failures of the database; a row that these keys do not open.
pub async fn find(
    from: impl Into<Reading<'_>>,
    identifier: &Identifier,
    key: &ColumnKey,
) -> Result<Option<Entry>, StoreError> {
    let row: Option<Row> = FIND
        .in_region(identifier.region())
        .bind(identifier.as_str())
        .optional(from)
        .await?;
    row.map(|row| opened(&row, key)).transpose()
}

/// The entries of some licence versions, by identifier; those that are not there are missing.
///
/// # Errors
/// Failures of the database; a row that these keys do not open.
pub async fn find_all(
    from: impl Into<Reading<'_>>,
    identifiers: &[&Identifier],
    key: &ColumnKey,
) -> Result<HashMap<String, Entry>, StoreError> {
    if identifiers.is_empty() {
        return Ok(HashMap::new());
    }
    let (regions, identifiers) = write::keys_of(identifiers);
    let rows: Vec<Row> = FIND_ALL.bind(regions).bind(identifiers).all(from).await?;
    rows.iter()
        .map(|row| Ok((row.0.clone(), opened(row, key)?)))
        .collect()
}

/// Entries of one holder, newest date of issue first, by the token of the holder's code.
///
/// # Errors
/// Failures of the database; a row that these keys do not open.
pub async fn find_by_holder_token(
    from: impl Into<Reading<'_>>,
    token: &str,
    type_code: Option<&str>,
    limit: usize,
    key: &ColumnKey,
) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<Row> = BY_HOLDER
        .bind(token)
        .bind(type_code)
        .bind(signed("limit", limit as u64)?)
        .all(from)
        .await?;
    rows.iter().map(|row| opened(row, key)).collect()
}

/// The entry with the highest version number of one licence, by the identifier without version
/// and check character.
///
/// # Errors
/// Failures of the database; a row that these keys do not open.
pub async fn latest_of_licence(
    from: impl Into<Reading<'_>>,
    licence_key: &str,
    key: &ColumnKey,
) -> Result<Option<Entry>, StoreError> {
    let row: Option<Row> = LATEST
        .in_region(region_of(licence_key))
        .bind(licence_key)
        .optional(from)
        .await?;
    row.map(|row| opened(&row, key)).transpose()
}

/// Public parts in the order of their identifiers, after a cursor.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl Into<Reading<'_>>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<EntryPublic>, StoreError> {
    let rows: Vec<String> = PAGE
        .bind(after.unwrap_or_default())
        .bind(limit)
        .values(from)
        .await?;
    rows.iter()
        .map(|text| from_json(TABLE, "public part", text))
        .collect()
}

/// Whether this key belongs to the directory: it opens one of the first few entries, or there is
/// none.
///
/// # Errors
/// Failures of the database.
pub async fn opens_with(from: impl Into<Reading<'_>>, key: &ColumnKey) -> Result<bool, StoreError> {
    let rows: Vec<Row> = SOME.query().all(from).await?;
    Ok(rows.is_empty() || rows.iter().any(|row| opened(row, key).is_ok()))
}

/// How many licence versions the directory has.
///
/// # Errors
/// Failures of the database.
pub async fn count(from: impl Into<Reading<'_>>) -> Result<u64, StoreError> {
    let count: i64 = COUNT.query().value(from).await?;
    unsigned(TABLE, count)
}

fn opened((identifier, public, sealed): &Row, key: &ColumnKey) -> Result<Entry, StoreError> {
    let private = key
        .open(&associated(identifier, public), sealed)
        .map_err(|_| StoreError::Column { column: PRIVATE })?;
    let private: EntryPrivate =
        serde_json::from_slice(&private).map_err(|_| StoreError::Corrupt {
            table: TABLE,
            what: "private part",
        })?;
    Ok(Entry {
        public: from_json(TABLE, "public part", public)?,
        private,
    })
}

const PRIVATE: &str = "entry.private_sealed";

/// Binds the sealed column to its row and to the public part as it is stored.
fn associated(identifier: &str, public_text: &str) -> Vec<u8> {
    let digest = hex::encode(certs::digest::sm3(public_text.as_bytes()));
    format!("{PRIVATE}:{identifier}:{digest}").into_bytes()
}
