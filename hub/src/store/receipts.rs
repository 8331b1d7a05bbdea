//! Table `receipt`: what the national node answered to this home node.

use schemas::message::{DirectoryReceipt, ReceiptOutcome};

use super::row::{from_json, signed, to_json, unsigned};
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const RECORD: Sql = Sql::new(
    "insert into receipt (message_id, identifier, revision, outcome, receipt, updated_by) \
     values ($1, $2, $3, $4, $5, $6) on conflict (message_id) do nothing",
);

const IS_RECORDED: Sql = Sql::new("select exists (select 1 from receipt where message_id = $1)");

const FOR_IDENTIFIER: Sql =
    Sql::new("select number, receipt from receipt where identifier = $1 order by number");

const PAGE: Sql =
    Sql::new("select number, receipt from receipt where number > $1 order by number limit $2");

const COUNTS: Sql = Sql::new("select outcome, count(*) from receipt group by outcome");

pub(super) const STATEMENTS: &[&dyn Statement] =
    &[&RECORD, &IS_RECORDED, &FOR_IDENTIFIER, &PAGE, &COUNTS];

/// A receipt with its place in the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// Place in the order of arrival; the cursor of [`page`].
    pub number: i64,
    /// The receipt.
    pub receipt: DirectoryReceipt,
}

/// How many receipts of each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptCounts {
    /// Entries that are in the directory.
    pub accepted: u64,
    /// Entries older than the directory's.
    pub superseded: u64,
    /// Entries that were refused.
    pub rejected: u64,
}

/// Records a receipt; false when the message already has one, and nothing changes.
///
/// # Errors
/// Failures of the database.
pub async fn record(tx: &mut Tx<'_>, receipt: &DirectoryReceipt) -> Result<bool, StoreError> {
    let name = tx.name();
    let recorded = RECORD
        .bind(&receipt.message_id)
        .bind(&receipt.identifier)
        .bind(signed("revision", receipt.revision)?)
        .bind(outcome_name(receipt.outcome))
        .bind(to_json("receipt", receipt)?)
        .bind(name)
        .write(tx)
        .await?;
    Ok(recorded == 1)
}

/// Whether the message has a receipt.
///
/// # Errors
/// Failures of the database.
pub async fn is_recorded(
    from: impl Into<Reading<'_>>,
    message_id: &str,
) -> Result<bool, StoreError> {
    IS_RECORDED.bind(message_id).value(from).await
}

/// Receipts of one licence version, oldest first.
///
/// # Errors
/// Failures of the database.
pub async fn for_identifier(
    from: impl Into<Reading<'_>>,
    identifier: &str,
) -> Result<Vec<StoredReceipt>, StoreError> {
    let rows: Vec<(i64, String)> = FOR_IDENTIFIER.bind(identifier).all(from).await?;
    rows.into_iter().map(stored).collect()
}

/// Receipts after a cursor, in the order of arrival.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl Into<Reading<'_>>,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredReceipt>, StoreError> {
    let rows: Vec<(i64, String)> = PAGE.bind(after).bind(limit).all(from).await?;
    rows.into_iter().map(stored).collect()
}

/// How many receipts of each outcome.
///
/// # Errors
/// Failures of the database.
pub async fn counts(from: impl Into<Reading<'_>>) -> Result<ReceiptCounts, StoreError> {
    let rows: Vec<(String, i64)> = COUNTS.query().all(from).await?;
    let mut counts = ReceiptCounts::default();
    for (name, count) in rows {
        let count = unsigned("receipt", count)?;
        match outcome_from("receipt", &name)? {
            ReceiptOutcome::Accepted => counts.accepted = count,
            ReceiptOutcome::Superseded => counts.superseded = count,
            ReceiptOutcome::Rejected => counts.rejected = count,
        }
    }
    Ok(counts)
}

/// Name of an outcome in the store.
pub(super) fn outcome_name(outcome: ReceiptOutcome) -> &'static str {
    match outcome {
        ReceiptOutcome::Accepted => "accepted",
        ReceiptOutcome::Superseded => "superseded",
        ReceiptOutcome::Rejected => "rejected",
    }
}

/// Outcome of a name in the store.
pub(super) fn outcome_from(table: &'static str, name: &str) -> Result<ReceiptOutcome, StoreError> {
    [
        ReceiptOutcome::Accepted,
        ReceiptOutcome::Superseded,
        ReceiptOutcome::Rejected,
    ]
    .into_iter()
    .find(|outcome| outcome_name(*outcome) == name)
    .ok_or(StoreError::Corrupt {
        table,
        what: "outcome",
    })
}

fn stored((number, text): (i64, String)) -> Result<StoredReceipt, StoreError> {
    Ok(StoredReceipt {
        number,
        receipt: from_json("receipt", "receipt", &text)?,
    })
}
