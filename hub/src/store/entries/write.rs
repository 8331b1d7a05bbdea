//! Storing entries.

use std::collections::HashMap;

use certs::columns::ColumnKey;
use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};
use schemas::entry::{Entry, EntryPublic};
use schemas::identifier::Identifier;

use super::{PRIVATE, TABLE, associated};
use crate::store::row::{instant, signed, to_json, unsigned};
use crate::store::sql::{Insert, Kind, Reading, Sql, Statement, Value};
use crate::store::{StoreError, Tx};

const STANDINGS: Sql = Sql::each(
    "select identifier, revision, home_node from entry \
     where region in (select value from json_each($1)) \
     and identifier in (select value from json_each($2))",
    "select identifier, revision, home_node from entry \
     where region = any($1) and identifier = any($2)",
);

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

pub(super) const REMOVE_HOLDERS: Sql = Sql::each(
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

pub(super) const STATEMENTS: &[&dyn Statement] =
    &[&STANDINGS, &UPSERT, &REMOVE_HOLDERS, &ADD_HOLDERS];

/// What the directory has of a licence version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Revision of its entry.
    pub revision: u64,
    /// Node that registered it.
    pub home_node: String,
}

impl Standing {
    /// Of an entry that is in the directory.
    #[must_use]
    pub fn of(public: &EntryPublic) -> Self {
        Self {
            revision: public.revision,
            home_node: public.home_node.clone(),
        }
    }
}

/// What storing an entry did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upserted {
    /// There was no entry of this identifier.
    Inserted,
    /// The entry replaced an older revision.
    Updated,
    /// The directory has this revision or a newer one; nothing was changed.
    Older,
}

/// What the directory has of some licence versions; those that it does not have are missing.
///
/// # Errors
/// Failures of the database.
pub async fn standings(
    from: impl Into<Reading<'_>>,
    identifiers: &[&Identifier],
) -> Result<HashMap<String, Standing>, StoreError> {
    if identifiers.is_empty() {
        return Ok(HashMap::new());
    }
    let (regions, identifiers) = keys_of(identifiers);
    let rows: Vec<(String, i64, String)> =
        STANDINGS.bind(regions).bind(identifiers).all(from).await?;
    rows.into_iter()
        .map(|(identifier, revision, home_node)| {
            let revision = unsigned(TABLE, revision)?;
            let standing = Standing {
                revision,
                home_node,
            };
            Ok((identifier, standing))
        })
        .collect()
}

/// Regions and identifiers, as statements about many rows take them.
pub(super) fn keys_of(identifiers: &[&Identifier]) -> (Vec<String>, Vec<String>) {
    let mut regions: Vec<String> = identifiers
        .iter()
        .map(|one| one.region().to_owned())
        .collect();
    regions.sort_unstable();
    regions.dedup();
    let identifiers = identifiers.iter().map(ToString::to_string).collect();
    (regions, identifiers)
}

/// Stores entries one after another, each unless the directory has the same or a newer revision,
/// in few round trips; what each did. One licence version may be among them more than once.
///
/// # Errors
/// Failures of the database; an entry that cannot be sealed.
pub async fn upsert_all(
    tx: &mut Tx<'_>,
    entries: &[&Entry],
    keys: &NodeKeys,
    at: DateTime<Utc>,
) -> Result<Vec<Upserted>, StoreError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let identifiers: Vec<_> = entries.iter().map(|one| &one.public.identifier).collect();
    let stored = standings(&mut *tx, &identifiers).await?;
    let mut newest: HashMap<&str, u64> = stored
        .iter()
        .map(|(identifier, standing)| (identifier.as_str(), standing.revision))
        .collect();
    let mut replaced = Vec::new();
    // In their order: which row a database refuses first must not be chance.
    let (mut winners, mut places) = (Vec::<&Entry>::new(), HashMap::new());
    let mut done = Vec::with_capacity(entries.len());
    for entry in entries {
        let identifier = entry.public.identifier.as_str();
        let known = newest.get(identifier).copied();
        if known.is_some_and(|known| known >= entry.public.revision) {
            done.push(Upserted::Older);
            continue;
        }
        newest.insert(identifier, entry.public.revision);
        let place = *places.entry(identifier).or_insert(winners.len());
        match winners.get_mut(place) {
            Some(older) => *older = entry,
            None => {
                winners.push(entry);
                if known.is_some() {
                    replaced.push(identifier.to_owned());
                }
            }
        }
        done.push(match known {
            Some(_) => Upserted::Updated,
            None => Upserted::Inserted,
        });
    }
    write_entries(tx, &winners, keys.column_key(), at).await?;
    if !replaced.is_empty() {
        REMOVE_HOLDERS.bind(replaced).write(tx).await?;
    }
    write_holders(tx, &winners, keys).await?;
    Ok(done)
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
pub(super) fn row_of<'q>(
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
    let rows: Vec<_> = holder_rows(entries, keys)
        .into_iter()
        .map(|(_, row)| row)
        .collect();
    ADD_HOLDERS.write(tx, &rows).await?;
    Ok(())
}

/// Token and identifier, and the row, of each holder of each entry.
pub(super) fn holder_rows<'q>(entries: &[&'q Entry], keys: &NodeKeys) -> Vec<HolderRow<'q>> {
    let mut rows = Vec::new();
    for entry in entries {
        let identifier = &entry.public.identifier;
        for holder in &entry.private.holders {
            let token = keys.token_key().holder_token(&holder.code);
            let row = [
                token.clone().into(),
                identifier.as_str().into(),
                identifier.region().into(),
                entry.public.type_code.as_str().into(),
            ];
            rows.push(((token, identifier.as_str()), row));
        }
    }
    rows
}

pub(super) type HolderRow<'q> = ((String, &'q str), [Value<'q>; 4]);
