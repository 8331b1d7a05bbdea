//! Tables `entry` and `entry_holder`: the directory.
//!
//! The private part of an entry and the codes of its holders never stand in clear (invariant 7):
//! the one is sealed with the node's column key, the others are keyed-hash tokens. The seal also
//! covers the public part beside it: a row that someone else changed does not open.

use certs::columns::ColumnKey;
use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};
use schemas::entry::{Entry, EntryPrivate, EntryPublic};
use schemas::identifier::Identifier;
use sqlx::SqliteExecutor;

use super::row::{from_json, instant, signed, to_json, unsigned};
use super::{StoreError, Tx};

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
    let identifier = entry.public.identifier.as_str();
    let revision = signed("revision", entry.public.revision)?;
    let stored: Option<i64> =
        sqlx::query_scalar("select revision from entry where identifier = $1")
            .bind(identifier)
            .fetch_optional(tx.connection())
            .await?;
    if stored.is_some_and(|stored| stored >= revision) {
        return Ok(Upserted::Older);
    }
    write_entry(tx, entry, revision, keys.column_key(), at).await?;
    write_holders(tx, entry, keys).await?;
    Ok(if stored.is_some() {
        Upserted::Updated
    } else {
        Upserted::Inserted
    })
}

/// The entry of one licence version.
///
/// # Errors
/// Failures of the database; a row that these keys do not open.
pub async fn find(
    from: impl SqliteExecutor<'_>,
    identifier: &Identifier,
    key: &ColumnKey,
) -> Result<Option<Entry>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "select identifier, public, private_sealed from entry where identifier = $1",
    )
    .bind(identifier.as_str())
    .fetch_optional(from)
    .await?;
    row.map(|row| opened(&row, key)).transpose()
}

/// Revision of the entry of one licence version.
///
/// # Errors
/// Failures of the database.
pub async fn revision(
    from: impl SqliteExecutor<'_>,
    identifier: &Identifier,
) -> Result<Option<u64>, StoreError> {
    let revision: Option<i64> =
        sqlx::query_scalar("select revision from entry where identifier = $1")
            .bind(identifier.as_str())
            .fetch_optional(from)
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
    from: impl SqliteExecutor<'_>,
    token: &str,
    type_code: Option<&str>,
    limit: usize,
    key: &ColumnKey,
) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select e.identifier, e.public, e.private_sealed from entry_holder h \
         join entry e on e.identifier = h.identifier \
         where h.holder_token = $1 and ($2 is null or h.type_code = $2) \
         order by e.issued_on desc, e.identifier desc limit $3",
    )
    .bind(token)
    .bind(type_code)
    .bind(signed("limit", limit as u64)?)
    .fetch_all(from)
    .await?;
    rows.iter().map(|row| opened(row, key)).collect()
}

/// The entry with the highest version number of one licence, by the identifier without version
/// and check character.
///
/// # Errors
/// Failures of the database; a row that these keys do not open.
pub async fn latest_of_licence(
    from: impl SqliteExecutor<'_>,
    licence_key: &str,
    key: &ColumnKey,
) -> Result<Option<Entry>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "select identifier, public, private_sealed from entry \
         where licence_key = $1 order by version desc limit 1",
    )
    .bind(licence_key)
    .fetch_optional(from)
    .await?;
    row.map(|row| opened(&row, key)).transpose()
}

/// Public parts in the order of their identifiers, after a cursor.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl SqliteExecutor<'_>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<EntryPublic>, StoreError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "select public from entry where identifier > $1 order by identifier limit $2",
    )
    .bind(after.unwrap_or_default())
    .bind(limit)
    .fetch_all(from)
    .await?;
    rows.iter()
        .map(|(text,)| from_json(TABLE, "public part", text))
        .collect()
}

/// How many licence versions the directory has.
///
/// # Errors
/// Failures of the database.
pub async fn count(from: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("select count(*) from entry")
        .fetch_one(from)
        .await?;
    unsigned(TABLE, count)
}

/// One entry as it stands in its row, for whoever checks the rows.
pub(crate) struct RawEntry {
    pub(crate) identifier: String,
    pub(crate) revision: u64,
    /// The columns copied from the public part, in a form to compare.
    pub(crate) columns: String,
    /// The same, made from the public part; none when that cannot be read.
    pub(crate) expected_columns: Option<String>,
    /// The entry; none when it does not open with the node's key.
    pub(crate) entry: Option<Entry>,
    /// Tokens of its holders, sorted.
    pub(crate) holder_tokens: Vec<String>,
}

type RawRow = (
    String,
    String,
    i64,
    String,
    String,
    String,
    i64,
    String,
    String,
    Vec<u8>,
    Option<String>,
);

/// Rows in the order of their identifiers, after a cursor.
pub(crate) async fn raw_page(
    from: impl SqliteExecutor<'_>,
    after: &str,
    limit: u32,
    key: &ColumnKey,
) -> Result<Vec<RawEntry>, StoreError> {
    let rows: Vec<RawRow> = sqlx::query_as(
        "select identifier, licence_key, version, type_code, status, home_node, revision, \
         issued_on, public, private_sealed, \
         (select group_concat(holder_token, ',') from entry_holder h \
          where h.identifier = e.identifier and h.type_code = e.type_code) \
         from entry e where identifier > $1 order by identifier limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(from)
    .await?;
    rows.into_iter().map(|row| raw(row, key)).collect()
}

fn raw(row: RawRow, key: &ColumnKey) -> Result<RawEntry, StoreError> {
    let (identifier, licence, version, kind, status, home, revision, issued, public, sealed, held) =
        row;
    let columns =
        format!("{identifier} {licence} {version} {kind} {status} {home} {revision} {issued}");
    let expected_columns = from_json(TABLE, "public part", &public)
        .ok()
        .map(|public: EntryPublic| columns_of(&public));
    let row = (identifier, public, sealed);
    let entry = opened(&row, key).ok();
    let mut holder_tokens: Vec<String> = held
        .map(|tokens| tokens.split(',').map(str::to_owned).collect())
        .unwrap_or_default();
    holder_tokens.sort_unstable();
    Ok(RawEntry {
        identifier: row.0,
        revision: unsigned(TABLE, revision)?,
        columns,
        expected_columns,
        entry,
        holder_tokens,
    })
}

fn columns_of(public: &EntryPublic) -> String {
    let identifier = &public.identifier;
    format!(
        "{identifier} {} {} {} {} {} {} {}",
        identifier.licence_key(),
        identifier.version(),
        public.type_code,
        public.status.code(),
        public.home_node,
        public.revision,
        public.issued_on,
    )
}

/// Of the given identifiers and revisions, those that no row has reached.
pub(crate) async fn unreached(
    from: impl SqliteExecutor<'_>,
    wanted: &[(String, u64)],
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select value ->> 0 from json_each($1) w where not exists (select 1 from entry e \
         where e.identifier = w.value ->> 0 and e.revision >= w.value ->> 1)",
    )
    .bind(to_json("identifiers", &wanted)?)
    .fetch_all(from)
    .await?)
}

async fn write_entry(
    tx: &mut Tx<'_>,
    entry: &Entry,
    revision: i64,
    key: &ColumnKey,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let name = tx.name();
    let public = &entry.public;
    let identifier = public.identifier.as_str();
    let private = to_json("private part", &entry.private)?;
    let public_text = to_json("public part", public)?;
    let sealed = key
        .seal(&associated(identifier, &public_text), private.as_bytes())
        .map_err(|_| StoreError::Column { column: PRIVATE })?;
    sqlx::query(
        "insert into entry (identifier, licence_key, version, type_code, status, home_node, \
         revision, issued_on, public, private_sealed, stored_at, updated_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         on conflict (identifier) do update set type_code = excluded.type_code, \
         status = excluded.status, home_node = excluded.home_node, \
         revision = excluded.revision, issued_on = excluded.issued_on, \
         public = excluded.public, private_sealed = excluded.private_sealed, \
         stored_at = excluded.stored_at, updated_by = excluded.updated_by",
    )
    .bind(identifier)
    .bind(public.identifier.licence_key())
    .bind(i64::from(public.identifier.version()))
    .bind(public.type_code.as_str())
    .bind(public.status.code())
    .bind(&public.home_node)
    .bind(revision)
    .bind(public.issued_on.to_string())
    .bind(public_text)
    .bind(sealed)
    .bind(instant(at))
    .bind(name)
    .execute(tx.state()?)
    .await?;
    Ok(())
}

async fn write_holders(tx: &mut Tx<'_>, entry: &Entry, keys: &NodeKeys) -> Result<(), StoreError> {
    let identifier = entry.public.identifier.as_str();
    sqlx::query("delete from entry_holder where identifier = $1")
        .bind(identifier)
        .execute(tx.state()?)
        .await?;
    for holder in &entry.private.holders {
        // A holder that a licence names twice is found once.
        sqlx::query(
            "insert into entry_holder (holder_token, identifier, type_code) \
             values ($1, $2, $3) on conflict (holder_token, identifier) do nothing",
        )
        .bind(keys.token_key().holder_token(&holder.code))
        .bind(identifier)
        .bind(entry.public.type_code.as_str())
        .execute(tx.state()?)
        .await?;
    }
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
