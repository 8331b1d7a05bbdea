//! Table `registration`: what this home node registered, so that an unchanged source changes
//! nothing and a restart neither loses nor doubles an entry.

use std::collections::{BTreeMap, HashMap};

use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};
use schemas::message::{DirectoryReceipt, ReceiptOutcome};
use schemas::status::LicenceStatus;

use super::receipts::{outcome_from, outcome_name};
use super::row::{instant, parse_instant, signed, unsigned};
use super::sql::{Insert, Kind, Reading, Sql, Statement};
use super::{StoreError, Tx};

const FIND: Sql = Sql::new(
    "select identifier, revision, content_token, message_id, outcome, registered_at, \
     library_status from registration where identifier = $1",
);

const FIND_ALL: Sql = Sql::each(
    "select identifier, revision, content_token, message_id, outcome, registered_at, \
     library_status from registration where identifier in (select value from json_each($1))",
    "select identifier, revision, content_token, message_id, outcome, registered_at, \
     library_status from registration where identifier = any($1)",
);

const PAGE: Sql = Sql::new(
    "select identifier, revision, content_token, message_id, outcome, registered_at, \
     library_status from registration where identifier > $1 order by identifier limit $2",
);

const UPSERT: Insert<8> = Insert::new(
    "registration",
    [
        ("identifier", Kind::Text),
        ("revision", Kind::Integer),
        ("content_token", Kind::Text),
        ("message_id", Kind::Text),
        ("outcome", Kind::Text),
        ("registered_at", Kind::Text),
        ("updated_by", Kind::Text),
        ("library_status", Kind::Text),
    ],
    "on conflict (identifier) do update set revision = excluded.revision, \
     content_token = excluded.content_token, message_id = excluded.message_id, \
     outcome = excluded.outcome, registered_at = excluded.registered_at, \
     updated_by = excluded.updated_by, library_status = excluded.library_status \
     where excluded.revision > registration.revision",
);

const SET_OUTCOMES: Sql = Sql::each(
    "update registration set outcome = o.value, updated_by = $4 \
     from json_each($1) i join json_each($2) r on r.key = i.key \
     join json_each($3) o on o.key = i.key \
     where registration.identifier = i.value and registration.revision = r.value",
    "update registration set outcome = w.outcome, updated_by = $4 \
     from unnest($1::text[], $2::bigint[], $3::text[]) as w (identifier, revision, outcome) \
     where registration.identifier = w.identifier and registration.revision = w.revision",
);

const COUNT_AWAITING: Sql = Sql::new("select count(*) from registration where outcome is null");

const WITHOUT_ENTRY: Sql = Sql::new(
    "select identifier from registration r where not exists (select 1 from entry e \
     where e.identifier = r.identifier and e.revision = r.revision) limit $1",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[
    &FIND,
    &FIND_ALL,
    &PAGE,
    &UPSERT,
    &SET_OUTCOMES,
    &COUNT_AWAITING,
    &WITHOUT_ENTRY,
];

/// The last registration of one licence version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Licence version.
    pub identifier: String,
    /// Revision registered last.
    pub revision: u64,
    /// [`content_token`] of what was registered.
    pub content_token: String,
    /// Message that carries the change.
    pub message_id: String,
    /// What the national node answered; none while the receipt is awaited.
    pub outcome: Option<ReceiptOutcome>,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
    /// What the library itself said last about the status; a registrar may have set another.
    pub library_status: Option<LicenceStatus>,
}

const TABLE: &str = "registration";

type Row = (
    String,
    i64,
    String,
    String,
    Option<String>,
    String,
    Option<String>,
);

/// Keyed hash of the source's content of one entry. Keyed, because a plain digest of an entry
/// would let whoever reads the database try holder codes until one fits (invariant 7).
#[must_use]
pub fn content_token(keys: &NodeKeys, content: &[u8]) -> String {
    let digest = hex::encode(certs::digest::sm3(content));
    keys.token_key()
        .holder_token(&format!("registration:{digest}"))
}

/// The registration of one licence version.
///
/// # Errors
/// Failures of the database.
pub async fn find(
    from: impl Into<Reading<'_>>,
    identifier: &str,
) -> Result<Option<Registration>, StoreError> {
    let row: Option<Row> = FIND.bind(identifier).optional(from).await?;
    row.map(registration).transpose()
}

/// The registrations of licence versions by their identifiers, in one round trip.
///
/// # Errors
/// Failures of the database.
pub async fn find_all(
    from: impl Into<Reading<'_>>,
    identifiers: Vec<String>,
) -> Result<HashMap<String, Registration>, StoreError> {
    let rows: Vec<Row> = FIND_ALL.bind(identifiers).all(from).await?;
    let named = |row| registration(row).map(|one| (one.identifier.clone(), one));
    rows.into_iter().map(named).collect()
}

/// Registrations in the order of their identifiers, after a cursor.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl Into<Reading<'_>>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Registration>, StoreError> {
    let query = PAGE.bind(after.unwrap_or_default()).bind(limit);
    let rows: Vec<Row> = query.all(from).await?;
    rows.into_iter().map(registration).collect()
}

/// Writes registrations over those of older revisions, in few round trips.
///
/// # Errors
/// Failures of the database.
pub async fn upsert_all(tx: &mut Tx<'_>, all: &[&Registration]) -> Result<(), StoreError> {
    let name = tx.name();
    let mut newest: BTreeMap<&str, &Registration> = BTreeMap::new();
    for one in all {
        let known = newest.entry(&one.identifier).or_insert(one);
        if one.revision > known.revision {
            *known = one;
        }
    }
    let mut rows = Vec::with_capacity(newest.len());
    for new in newest.into_values() {
        rows.push([
            (&new.identifier).into(),
            signed("revision", new.revision)?.into(),
            (&new.content_token).into(),
            (&new.message_id).into(),
            new.outcome.map(outcome_name).into(),
            instant(new.registered_at).into(),
            name.into(),
            new.library_status.map(LicenceStatus::code).into(),
        ]);
    }
    UPSERT.write(tx, &rows).await?;
    Ok(())
}

/// Notes what the national node answered, in one round trip. An answer about another revision than
/// the one registered last changes nothing; of two about the same the later one stays.
///
/// # Errors
/// Failures of the database.
pub async fn set_outcomes(
    tx: &mut Tx<'_>,
    receipts: &[&DirectoryReceipt],
) -> Result<(), StoreError> {
    if receipts.is_empty() {
        return Ok(());
    }
    let mut last: BTreeMap<(&str, i64), ReceiptOutcome> = BTreeMap::new();
    for receipt in receipts {
        let revision = signed("revision", receipt.revision)?;
        last.insert((&receipt.identifier, revision), receipt.outcome);
    }
    let identifiers: Vec<String> = last.keys().map(|(one, _)| (*one).to_owned()).collect();
    let revisions: Vec<i64> = last.keys().map(|(_, revision)| *revision).collect();
    let outcomes: Vec<String> = last
        .values()
        .map(|outcome| outcome_name(*outcome).to_owned())
        .collect();
    let name = tx.name();
    SET_OUTCOMES
        .bind(identifiers)
        .bind(revisions)
        .bind(outcomes)
        .bind(name)
        .write(tx)
        .await?;
    Ok(())
}

/// How many registrations await a receipt.
///
/// # Errors
/// Failures of the database.
pub async fn count_awaiting(from: impl Into<Reading<'_>>) -> Result<u64, StoreError> {
    let count: i64 = COUNT_AWAITING.query().value(from).await?;
    unsigned(TABLE, count)
}

/// Registered identifiers whose entry is missing or of another revision.
pub(crate) async fn without_entry(
    from: impl Into<Reading<'_>>,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    WITHOUT_ENTRY.bind(limit).values(from).await
}

fn registration(row: Row) -> Result<Registration, StoreError> {
    let (identifier, revision, content_token, message_id, outcome, at, library_status) = row;
    let outcome = outcome.map(|name| outcome_from(TABLE, &name)).transpose()?;
    Ok(Registration {
        identifier,
        revision: unsigned(TABLE, revision)?,
        content_token,
        message_id,
        outcome,
        registered_at: parse_instant(TABLE, &at)?,
        // A code of a newer version is as good as none: the library's next word counts.
        library_status: library_status.and_then(|code| LicenceStatus::parse(&code).ok()),
    })
}
