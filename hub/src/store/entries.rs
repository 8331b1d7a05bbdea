//! Tables `entry` and `entry_holder`: the directory.
//!
//! The private part of an entry and the codes of its holders never stand in clear (invariant 7):
//! the one is sealed with the node's column key, the others are keyed-hash tokens. The seal also
//! covers the public part beside it: a row that someone else changed does not open.
//!
//! The table is partitioned by the home region, which is part of every identifier
//! ([`region_of`]): whoever has an identifier asks in its region alone.

mod raw;

use std::collections::HashMap;

use certs::columns::ColumnKey;
use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};
use schemas::entry::{Entry, EntryPrivate, EntryPublic};
use schemas::identifier::{Identifier, region_of};

use super::row::{from_json, instant, signed, to_json, unsigned};
use super::sql::{Insert, Kind, Reading, Sql, Statement, Value};
use super::{StoreError, Tx};

pub(crate) use raw::{RawEntry, raw_page, unreached};

const FIND: Sql = Sql::each(
    "select identifier, public, private_sealed from entry where identifier = $1",
    "select identifier, public, private_sealed from entry \
     where region = {region} and identifier = $1",
);

const REVISION: Sql = Sql::each(
    "select revision from entry where identifier = $1",
    "select revision from entry where region = {region} and identifier = $1",
);

const REVISIONS: Sql = Sql::each(
    "select identifier, revision from entry \
     where region in (select value from json_each($1)) \
     and identifier in (select value from json_each($2))",
    "select identifier, revision from entry where region = any($1) and identifier = any($2)",
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

const COLUMNS: [(&str, Kind); 13] = [
    ("identifier", Kind::Text),
    ("region", Kind::Text),
    ("licence_key", Kind::Text),
    ("version", Kind::Integer),
    ("type_code", Kind::Text),
    ("status", Kind::Text),
    ("home_node", Kind::Text),
    ("revision", Kind::Integer),
    ("issued_on", Kind::Text),
    ("public", Kind::Text),
    ("private_sealed", Kind::Bytes),
    ("stored_at", Kind::Text),
    ("updated_by", Kind::Text),
];

const UPSERT: Insert<13> = Insert::each(
    "entry",
    COLUMNS,
    "on conflict (identifier) do update set type_code = excluded.type_code, \
     status = excluded.status, home_node = excluded.home_node, \
     revision = excluded.revision, issued_on = excluded.issued_on, \
     public = excluded.public, private_sealed = excluded.private_sealed, \
     stored_at = excluded.stored_at, updated_by = excluded.updated_by",
    "on conflict (identifier, region) do update set type_code = excluded.type_code, \
     status = excluded.status, home_node = excluded.home_node, \
     revision = excluded.revision, issued_on = excluded.issued_on, \
     public = excluded.public, private_sealed = excluded.private_sealed, \
     stored_at = excluded.stored_at, updated_by = excluded.updated_by",
);

const REMOVE_HOLDERS: Sql = Sql::each(
    "delete from entry_holder where identifier in (select value from json_each($1))",
    "delete from entry_holder where identifier = any($1)",
);

// A holder that a licence names twice is found once.
const ADD_HOLDERS: Insert<4> = Insert::new(
    "entry_holder",
    [
        ("holder_token", Kind::Text),
        ("identifier", Kind::Text),
        ("region", Kind::Text),
        ("type_code", Kind::Text),
    ],
    "on conflict (holder_token, identifier) do nothing",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[
    &FIND,
    &REVISION,
    &REVISIONS,
    &BY_HOLDER,
    &LATEST,
    &PAGE,
    &COUNT,
    &UPSERT,
    &REMOVE_HOLDERS,
    &ADD_HOLDERS,
];

/// Those of the rows as they stand.
pub(super) const RAW_STATEMENTS: &[&dyn Statement] = raw::STATEMENTS;

/// What an [`upsert`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upserted {
    /// There was no entry of this identifier.
    Inserted,
    /// The entry replaced an older revision.
    Updated,
    /// The directory has this revision or a newer one; nothing was changed.
    Older,
}

const TABLE: &str = "entry";

type Row = (String, String, Vec<u8>);

/// Stores an entry unless the directory has the same or a newer revision.
///
/// # Errors
/// Failures of the database; an entry that cannot be sealed.
pub async fn upsert(
    tx: &mut Tx<'_>,
    entry: &Entry,
    keys: &NodeKeys,
    at: DateTime<Utc>,
) -> Result<Upserted, StoreError> {
    let done = upsert_all(tx, &[entry], keys, at).await?;
    Ok(done.first().copied().unwrap_or(Upserted::Older))
}

/// Stores entries one after another as [`upsert`] does, in few round trips; what each did. One
/// licence version may be among them more than once.
///
/// # Errors
/// As [`upsert`].
pub async fn upsert_all(
    tx: &mut Tx<'_>,
    entries: &[&Entry],
    keys: &NodeKeys,
    at: DateTime<Utc>,
) -> Result<Vec<Upserted>, StoreError> {
    let mut newest = stored_revisions(tx, entries).await?;
    let mut replaced = Vec::new();
    let mut winners: HashMap<&str, &Entry> = HashMap::new();
    let mut done = Vec::with_capacity(entries.len());
    for entry in entries {
        let identifier = entry.public.identifier.as_str();
        let revision = signed("revision", entry.public.revision)?;
        let known = newest.get(identifier).copied();
        if known.is_some_and(|known| known >= revision) {
            done.push(Upserted::Older);
            continue;
        }
        newest.insert(identifier.to_owned(), revision);
        if winners.insert(identifier, entry).is_none() && known.is_some() {
            replaced.push(identifier.to_owned());
        }
        done.push(match known {
            Some(_) => Upserted::Updated,
            None => Upserted::Inserted,
        });
    }
    let winners: Vec<&Entry> = winners.into_values().collect();
    write_entries(tx, &winners, keys.column_key(), at).await?;
    if !replaced.is_empty() {
        REMOVE_HOLDERS.bind(replaced).write(tx).await?;
    }
    write_holders(tx, &winners, keys).await?;
    Ok(done)
}

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

/// Revision of the entry of one licence version.
///
/// # Errors
/// Failures of the database.
pub async fn revision(
    from: impl Into<Reading<'_>>,
    identifier: &Identifier,
) -> Result<Option<u64>, StoreError> {
    let revision: Option<i64> = REVISION
        .in_region(identifier.region())
        .bind(identifier.as_str())
        .optional_value(from)
        .await?;
    revision
        .map(|revision| unsigned(TABLE, revision))
        .transpose()
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

/// How many licence versions the directory has.
///
/// # Errors
/// Failures of the database.
pub async fn count(from: impl Into<Reading<'_>>) -> Result<u64, StoreError> {
    let count: i64 = COUNT.query().value(from).await?;
    unsigned(TABLE, count)
}

async fn stored_revisions(
    tx: &mut Tx<'_>,
    entries: &[&Entry],
) -> Result<HashMap<String, i64>, StoreError> {
    let each = || entries.iter().map(|entry| &entry.public.identifier);
    let mut regions: Vec<String> = each().map(|one| one.region().to_owned()).collect();
    regions.sort_unstable();
    regions.dedup();
    let identifiers: Vec<String> = each().map(|one| one.as_str().to_owned()).collect();
    let rows: Vec<(String, i64)> = REVISIONS.bind(regions).bind(identifiers).all(tx).await?;
    Ok(rows.into_iter().collect())
}

async fn write_entries(
    tx: &mut Tx<'_>,
    entries: &[&Entry],
    key: &ColumnKey,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let name = tx.name();
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        rows.push(row_of(entry, name, key, at)?);
    }
    UPSERT.write(tx, &rows).await?;
    Ok(())
}

/// The columns of an entry, in the order of [`COLUMNS`].
fn row_of<'q>(
    entry: &'q Entry,
    transaction: &'static str,
    key: &ColumnKey,
    at: DateTime<Utc>,
) -> Result<[Value<'q>; 13], StoreError> {
    let public = &entry.public;
    let identifier = &public.identifier;
    let private = to_json("private part", &entry.private)?;
    let public_text = to_json("public part", public)?;
    let sealed = key
        .seal(
            &associated(identifier.as_str(), &public_text),
            private.as_bytes(),
        )
        .map_err(|_| StoreError::Column { column: PRIVATE })?;
    Ok([
        identifier.as_str().into(),
        identifier.region().into(),
        identifier.licence_key().into(),
        identifier.version().into(),
        public.type_code.as_str().into(),
        public.status.code().into(),
        (&public.home_node).into(),
        signed("revision", public.revision)?.into(),
        public.issued_on.to_string().into(),
        public_text.into(),
        sealed.into(),
        instant(at).into(),
        transaction.into(),
    ])
}

async fn write_holders(
    tx: &mut Tx<'_>,
    entries: &[&Entry],
    keys: &NodeKeys,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for entry in entries {
        let identifier = &entry.public.identifier;
        for holder in &entry.private.holders {
            rows.push([
                keys.token_key().holder_token(&holder.code).into(),
                identifier.as_str().into(),
                identifier.region().into(),
                entry.public.type_code.as_str().into(),
            ]);
        }
    }
    ADD_HOLDERS.write(tx, &rows).await?;
    Ok(())
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
