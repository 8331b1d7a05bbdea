//! Rows of the directory as they stand, for whoever checks them.

use certs::columns::ColumnKey;
use schemas::entry::{Entry, EntryPublic};
use schemas::identifier::region_of;

use super::{TABLE, opened};
use crate::store::StoreError;
use crate::store::row::{from_json, signed, unsigned};
use crate::store::sql::{Reading, Sql, Statement};

const RAW_PAGE: Sql = Sql::each(
    "select identifier, licence_key, version, type_code, status, home_node, revision, \
     issued_on, public, private_sealed, region, \
     (select group_concat(holder_token, ',') from entry_holder h \
      where h.identifier = e.identifier and h.region = e.region and h.type_code = e.type_code) \
     from entry e where identifier > $1 order by identifier limit $2",
    "select identifier, licence_key, version, type_code, status, home_node, revision, \
     issued_on, public, private_sealed, region, \
     (select string_agg(holder_token, ',') from entry_holder h \
      where h.identifier = e.identifier and h.region = e.region and h.type_code = e.type_code) \
     from entry e where identifier > $1 order by identifier limit $2",
);

const UNREACHED: Sql = Sql::each(
    "select i.value from json_each($1) r join json_each($2) i on i.key = r.key \
     join json_each($3) v on v.key = r.key where not exists (select 1 from entry e \
     where e.region = r.value and e.identifier = i.value and e.revision >= v.value)",
    "select w.identifier from unnest($1::text[], $2::text[], $3::bigint[]) \
     as w (region, identifier, revision) where not exists (select 1 from entry e \
     where e.region = w.region and e.identifier = w.identifier and e.revision >= w.revision)",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[&RAW_PAGE, &UNREACHED];

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
    String,
    Option<String>,
);

/// Rows in the order of their identifiers, after a cursor.
pub(crate) async fn raw_page(
    from: impl Into<Reading<'_>>,
    after: &str,
    limit: u32,
    key: &ColumnKey,
) -> Result<Vec<RawEntry>, StoreError> {
    let rows: Vec<RawRow> = RAW_PAGE.bind(after).bind(limit).all(from).await?;
    rows.into_iter().map(|row| raw(row, key)).collect()
}

fn raw(row: RawRow, key: &ColumnKey) -> Result<RawEntry, StoreError> {
    let (
        identifier,
        licence,
        version,
        kind,
        status,
        home,
        revision,
        issued,
        public,
        sealed,
        region,
        held,
    ) = row;
    let columns = format!(
        "{region} {identifier} {licence} {version} {kind} {status} {home} {revision} {issued}"
    );
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
        "{} {identifier} {} {} {} {} {} {} {}",
        identifier.region(),
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
    from: impl Into<Reading<'_>>,
    wanted: &[(String, u64)],
) -> Result<Vec<String>, StoreError> {
    let regions: Vec<String> = wanted
        .iter()
        .map(|(identifier, _)| region_of(identifier).to_owned())
        .collect();
    let identifiers: Vec<String> = wanted.iter().map(|(one, _)| one.clone()).collect();
    let revisions = wanted
        .iter()
        .map(|(_, revision)| signed("revision", *revision))
        .collect::<Result<Vec<_>, _>>()?;
    UNREACHED
        .bind(regions)
        .bind(identifiers)
        .bind(revisions)
        .values(from)
        .await
}
