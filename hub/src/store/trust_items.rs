//! Table `trust_item`: what the topic `trust` says, as it was signed.

use chrono::{DateTime, Utc};
use schemas::trust_item::TrustItem;

use super::row::{instant, parse_instant, signed, to_json, unsigned};
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const KNOWN: Sql = Sql::new("select serial, body from trust_item where name = $1");

const EPOCH: Sql = Sql::new("select coalesce(max(epoch), 0) from trust_item");

const PUT: Sql = Sql::new(
    "insert into trust_item (name, serial, kind, headers, body, epoch, applied_at, updated_by) \
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (name) do update set \
     serial = excluded.serial, kind = excluded.kind, headers = excluded.headers, \
     body = excluded.body, epoch = excluded.epoch, applied_at = excluded.applied_at, \
     updated_by = excluded.updated_by",
);

const SINCE: Sql = Sql::new(
    "select epoch, applied_at, body from trust_item where epoch > $1 order by epoch limit $2",
);

const NAMED: Sql = Sql::each(
    "select epoch, applied_at, body from trust_item \
     where name in (select value from json_each($1)) order by name",
    "select epoch, applied_at, body from trust_item where name = any($1) order by name",
);

const PAGE: Sql = Sql::new(
    "select epoch, applied_at, body from trust_item where name > $1 order by name limit $2",
);

const COUNTS: Sql = Sql::new("select kind, count(*) from trust_item group by kind order by kind");

pub(super) const STATEMENTS: &[&dyn Statement] =
    &[&KNOWN, &EPOCH, &PUT, &SINCE, &NAMED, &PAGE, &COUNTS];

const TABLE: &str = "trust_item";

/// An item with the message that carried it.
#[derive(Clone, Debug)]
pub struct SignedItem {
    /// The item.
    pub item: TrustItem,
    /// Headers of the message as they came.
    pub headers: Vec<(String, String)>,
    /// Body of the message as it came.
    pub body: Vec<u8>,
}

/// An item that was accepted.
#[derive(Clone, Debug)]
pub struct StoredItem {
    /// The trust epoch that began with it.
    pub epoch: u64,
    /// When it was accepted.
    pub applied_at: DateTime<Utc>,
    /// The item.
    pub item: TrustItem,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is news, and this trust epoch begins with it.
    Applied {
        /// The epoch.
        epoch: u64,
    },
    /// The very same item is known.
    Same,
    /// Its serial is not above the known one.
    Older,
}

/// Takes an item in when its serial is above the known one.
///
/// # Errors
/// Failures of the database.
pub async fn put(
    tx: &mut Tx<'_>,
    signed_item: &SignedItem,
    at: DateTime<Utc>,
) -> Result<Put, StoreError> {
    let item = &signed_item.item;
    let serial = signed("serial", item.serial)?;
    let known: Option<(i64, Vec<u8>)> = KNOWN.bind(&item.name).optional(&mut *tx).await?;
    match known {
        Some((known, body)) if known == serial && body == signed_item.body => {
            return Ok(Put::Same);
        }
        Some((known, _)) if known >= serial => return Ok(Put::Older),
        _ => {}
    }
    let epoch = epoch(&mut *tx).await? + 1;
    let name = tx.name();
    PUT.bind(&item.name)
        .bind(serial)
        .bind(item.content.kind())
        .bind(to_json("headers", &signed_item.headers)?)
        .bind(&signed_item.body)
        .bind(signed("epoch", epoch)?)
        .bind(instant(at))
        .bind(name)
        .write(tx)
        .await?;
    Ok(Put::Applied { epoch })
}

/// Serial of an item; none when it is not known.
///
/// # Errors
/// Failures of the database.
pub async fn serial(from: impl Into<Reading<'_>>, name: &str) -> Result<Option<u64>, StoreError> {
    let known: Option<(i64, Vec<u8>)> = KNOWN.bind(name).optional(from).await?;
    known.map(|(serial, _)| unsigned(TABLE, serial)).transpose()
}

/// How many changes were accepted: the trust epoch; 0 before the first.
///
/// # Errors
/// Failures of the database.
pub async fn epoch(from: impl Into<Reading<'_>>) -> Result<u64, StoreError> {
    unsigned(TABLE, EPOCH.query().value(from).await?)
}

/// Items accepted after an epoch, in the order of their acceptance.
///
/// # Errors
/// Failures of the database.
pub async fn since(
    from: impl Into<Reading<'_>>,
    epoch: u64,
    limit: u32,
) -> Result<Vec<StoredItem>, StoreError> {
    let after = signed("epoch", epoch)?;
    let rows: Vec<Row> = SINCE.bind(after).bind(limit).all(from).await?;
    rows.into_iter().map(stored).collect()
}

/// Items with these names; those that are not known are left out.
///
/// # Errors
/// Failures of the database.
pub async fn named(
    from: impl Into<Reading<'_>>,
    names: &[String],
) -> Result<Vec<StoredItem>, StoreError> {
    let rows: Vec<Row> = NAMED.bind(names).all(from).await?;
    rows.into_iter().map(stored).collect()
}

/// Items after a name, by name.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl Into<Reading<'_>>,
    after: &str,
    limit: u32,
) -> Result<Vec<StoredItem>, StoreError> {
    let rows: Vec<Row> = PAGE.bind(after).bind(limit).all(from).await?;
    rows.into_iter().map(stored).collect()
}

/// How many items of each kind.
///
/// # Errors
/// Failures of the database.
pub async fn counts(from: impl Into<Reading<'_>>) -> Result<Vec<(String, u64)>, StoreError> {
    let rows: Vec<(String, i64)> = COUNTS.query().all(from).await?;
    rows.into_iter()
        .map(|(kind, count)| Ok((kind, unsigned(TABLE, count)?)))
        .collect()
}

type Row = (i64, String, Vec<u8>);

fn stored((epoch, applied_at, body): Row) -> Result<StoredItem, StoreError> {
    Ok(StoredItem {
        epoch: unsigned(TABLE, epoch)?,
        applied_at: parse_instant(TABLE, &applied_at)?,
        item: serde_json::from_slice(&body).map_err(|_| StoreError::Corrupt {
            table: TABLE,
            what: "body",
        })?,
    })
}
