//! Table `receipt`: what the national node answered to this home node.

use std::collections::HashSet;

use schemas::message::{DirectoryReceipt, ReceiptOutcome};

use super::row::{from_json, signed, to_json, unsigned};
use super::sql::{Insert, Kind, Reading, Sql, Statement};
use super::{StoreError, Tx};

const RECORD: Insert<6> = Insert::new(
    "receipt",
    [
        ("message_id", Kind::Text),
        ("identifier", Kind::Text),
        ("revision", Kind::Integer),
        ("outcome", Kind::Text),
        ("receipt", Kind::Text),
        ("updated_by", Kind::Text),
    ],
    "on conflict (message_id) do nothing returning message_id",
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

/// Records receipts, in few round trips; of each, in their order, whether its message had none
/// before. Of two for the same message the first one counts.
///
/// # Errors
/// Failures of the database.
pub async fn record_all(
    tx: &mut Tx<'_>,
    receipts: &[&DirectoryReceipt],
) -> Result<Vec<bool>, StoreError> {
    let name = tx.name();
    let mut seen = HashSet::new();
    let mut rows = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        if seen.insert(receipt.message_id.as_str()) {
            rows.push([
                (&receipt.message_id).into(),
                (&receipt.identifier).into(),
                signed("revision", receipt.revision)?.into(),
                outcome_name(receipt.outcome).into(),
                to_json("receipt", receipt)?.into(),
                name.into(),
            ]);
        }
    }
    let recorded: Vec<(String,)> = RECORD.write_returning(tx, &rows).await?;
    let mut new: HashSet<String> = recorded.into_iter().map(|(id,)| id).collect();
    Ok(receipts
        .iter()
        .map(|receipt| new.remove(&receipt.message_id))
        .collect())
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
