//! Table `receipt`: what the national node answered to this home node.

use schemas::message::{DirectoryReceipt, ReceiptOutcome};
use sqlx::SqliteExecutor;

use super::row::{from_json, signed, to_json, unsigned};
use super::{StoreError, Tx};

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
    let done = sqlx::query(
        "insert into receipt (message_id, identifier, revision, outcome, receipt, updated_by) \
         values ($1, $2, $3, $4, $5, $6) on conflict (message_id) do nothing",
    )
    .bind(&receipt.message_id)
    .bind(&receipt.identifier)
    .bind(signed("revision", receipt.revision)?)
    .bind(outcome_name(receipt.outcome))
    .bind(to_json("receipt", receipt)?)
    .bind(name)
    .execute(tx.state()?)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether the message has a receipt.
///
/// # Errors
/// Failures of the database.
pub async fn is_recorded(
    from: impl SqliteExecutor<'_>,
    message_id: &str,
) -> Result<bool, StoreError> {
    Ok(
        sqlx::query_scalar("select exists (select 1 from receipt where message_id = $1)")
            .bind(message_id)
            .fetch_one(from)
            .await?,
    )
}

/// Receipts of one licence version, oldest first.
///
/// # Errors
/// Failures of the database.
pub async fn for_identifier(
    from: impl SqliteExecutor<'_>,
    identifier: &str,
) -> Result<Vec<StoredReceipt>, StoreError> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("select number, receipt from receipt where identifier = $1 order by number")
            .bind(identifier)
            .fetch_all(from)
            .await?;
    rows.into_iter().map(stored).collect()
}

/// Receipts after a cursor, in the order of arrival.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl SqliteExecutor<'_>,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredReceipt>, StoreError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select number, receipt from receipt where number > $1 order by number limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(from)
    .await?;
    rows.into_iter().map(stored).collect()
}

/// How many receipts of each outcome.
///
/// # Errors
/// Failures of the database.
pub async fn counts(from: impl SqliteExecutor<'_>) -> Result<ReceiptCounts, StoreError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("select outcome, count(*) from receipt group by outcome")
            .fetch_all(from)
            .await?;
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
