//! Loading a whole directory: a snapshot of another node, a library of millions.

use std::collections::{HashMap, HashSet};

use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};
use schemas::entry::Entry;

use super::write::{REMOVE_HOLDERS, Upserted, holder_rows, row_of, upsert_all};
use crate::store::sql::{Sql, Statement, copy};
use crate::store::{StoreError, Tx};

/// Entries per round on a file: what one statement of many rows takes.
const ENTRIES_PER_ROUND: usize = 256;

const MAKE_ROOM: Sql = Sql::each(
    "select 1",
    "create temporary table if not exists entry_load (like entry) on commit delete rows",
);

/// In the order in which rows are made.
const COPY_ENTRIES: &str = "copy entry_load (identifier, region, licence_key, version, type_code, \
                            status, home_node, revision, issued_on, public, private_sealed, \
                            stored_at, updated_by) from stdin";

const COPY_HOLDERS: &str =
    "copy entry_holder (holder_token, identifier, region, type_code) from stdin";

const TAKE_OVER: Sql = Sql::each(
    "select 1",
    "insert into entry (identifier, region, licence_key, version, type_code, status, home_node, \
     revision, issued_on, public, private_sealed, stored_at, updated_by) \
     select identifier, region, licence_key, version, type_code, status, home_node, \
     revision, issued_on, public, private_sealed, stored_at, updated_by from entry_load \
     on conflict (identifier, region) do update set type_code = excluded.type_code, \
     status = excluded.status, home_node = excluded.home_node, \
     revision = excluded.revision, issued_on = excluded.issued_on, \
     public = excluded.public, private_sealed = excluded.private_sealed, \
     stored_at = excluded.stored_at, updated_by = excluded.updated_by \
     where excluded.revision > entry.revision returning identifier",
);

/// What can be prepared before the temporary table is there.
pub(super) const STATEMENTS: &[&dyn Statement] = &[&MAKE_ROOM];

/// Stores many entries, at best some thousands at a time, each unless the directory has the same
/// or a newer revision; how many were stored. On PostgreSQL by `copy`.
///
/// # Errors
/// As [`super::upsert_all`].
pub async fn load(
    tx: &mut Tx<'_>,
    entries: &[&Entry],
    keys: &NodeKeys,
    at: DateTime<Utc>,
) -> Result<u64, StoreError> {
    if !tx.can_copy() {
        let mut stored = 0;
        for round in entries.chunks(ENTRIES_PER_ROUND) {
            let done = upsert_all(tx, round, keys, at).await?;
            let each = done.iter().filter(|one| **one != Upserted::Older);
            stored += each.count() as u64;
        }
        return Ok(stored);
    }
    let mut newest: HashMap<&str, &Entry> = HashMap::with_capacity(entries.len());
    for entry in entries {
        let known = newest
            .entry(entry.public.identifier.as_str())
            .or_insert(entry);
        if entry.public.revision > known.public.revision {
            *known = entry;
        }
    }
    let name = tx.name();
    let mut rows = Vec::with_capacity(newest.len());
    for entry in newest.values() {
        rows.push(row_of(entry, name, keys.column_key(), at)?);
    }
    MAKE_ROOM.query().keep_books(tx).await?;
    copy(tx, COPY_ENTRIES, &rows).await?;
    let stored: Vec<(String,)> = TAKE_OVER.query().write_returning(tx).await?;
    let stored: Vec<String> = stored.into_iter().map(|(identifier,)| identifier).collect();
    let winners: Vec<&Entry> = stored
        .iter()
        .filter_map(|identifier| newest.get(identifier.as_str()).copied())
        .collect();
    let count = stored.len() as u64;
    REMOVE_HOLDERS.bind(stored).write(tx).await?;
    let mut seen = HashSet::new();
    let mut holders = holder_rows(&winners, keys);
    // A holder that a licence names twice is found once.
    holders.retain(|(key, _)| seen.insert(key.clone()));
    let rows: Vec<_> = holders.into_iter().map(|(_, row)| row).collect();
    copy(tx, COPY_HOLDERS, &rows).await?;
    Ok(count)
}
