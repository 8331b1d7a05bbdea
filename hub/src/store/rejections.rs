//! Table `rejection`: the quality queue. Nothing that was rejected is lost.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use schemas::entry::EntryPublic;
use schemas::message::ReceiptReason;

use super::row::{from_json, instant, parse_instant, signed, to_json, unsigned};
use super::sql::{Insert, Kind, Reading, Sql, Statement, Value};
use super::{StoreError, Tx};

const IS_RECORDED: Sql = Sql::new("select exists (select 1 from rejection where subject = $1)");

const RECORD: Insert<9> = Insert::new(
    "rejection",
    [
        ("subject", Kind::Text),
        ("home_node", Kind::Text),
        ("identifier", Kind::Text),
        ("revision", Kind::Integer),
        ("source_line", Kind::Integer),
        ("public", Kind::Text),
        ("reasons", Kind::Text),
        ("rejected_at", Kind::Text),
        ("updated_by", Kind::Text),
    ],
    "on conflict (subject) do nothing returning subject",
);

const PAGE: Sql = Sql::new(
    "select number, subject, home_node, identifier, revision, source_line, public, reasons, \
     rejected_at from rejection where number > $1 order by number limit $2",
);

const COUNT: Sql = Sql::new("select count(*) from rejection");

pub(super) const STATEMENTS: &[&dyn Statement] = &[&IS_RECORDED, &RECORD, &PAGE, &COUNT];

/// Something that was rejected, with the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// What was rejected, unique: `<origin>/<message id>` of a change, or line and content token
    /// of a source. Recording the same subject again changes nothing.
    pub subject: String,
    /// Node whose library it came from.
    pub home_node: String,
    /// Licence version, when it could be read.
    pub identifier: Option<String>,
    /// Revision, when it came as a change.
    pub revision: Option<u64>,
    /// Line of the source, from 1, when it came from one.
    pub source_line: Option<u64>,
    /// Public part of the entry, when it could be read.
    pub public: Option<EntryPublic>,
    /// Why, without personal data.
    pub reasons: Vec<ReceiptReason>,
    /// When.
    pub rejected_at: DateTime<Utc>,
}

/// A rejection with its place in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRejection {
    /// Place in the order of arrival; the cursor of [`page`].
    pub number: i64,
    /// The rejection.
    pub rejection: Rejection,
}

type Row = (
    i64,
    String,
    String,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    String,
    String,
);

/// Whether something of this subject was rejected.
///
/// # Errors
/// Failures of the database.
pub async fn is_recorded(from: impl Into<Reading<'_>>, subject: &str) -> Result<bool, StoreError> {
    IS_RECORDED.bind(subject).value(from).await
}

/// Records rejections, in few round trips; of each, in their order, whether its subject was not
/// there before. Of two with the same subject the first one counts.
///
/// # Errors
/// Failures of the database.
pub async fn record_all(
    tx: &mut Tx<'_>,
    rejections: &[Rejection],
) -> Result<Vec<bool>, StoreError> {
    let name = tx.name();
    let mut seen = HashSet::new();
    let mut rows = Vec::with_capacity(rejections.len());
    for rejection in rejections {
        if seen.insert(rejection.subject.as_str()) {
            rows.push(row_of(rejection, name)?);
        }
    }
    let recorded: Vec<(String,)> = RECORD.write_returning(tx, &rows).await?;
    let mut new: HashSet<String> = recorded.into_iter().map(|(subject,)| subject).collect();
    Ok(rejections
        .iter()
        .map(|rejection| new.remove(&rejection.subject))
        .collect())
}

fn row_of<'q>(
    rejection: &'q Rejection,
    transaction: &'static str,
) -> Result<[Value<'q>; 9], StoreError> {
    let number = |what, number: Option<u64>| number.map(|number| signed(what, number)).transpose();
    let public = rejection.public.as_ref();
    let public = public.map(|entry| to_json("entry", entry)).transpose()?;
    Ok([
        (&rejection.subject).into(),
        (&rejection.home_node).into(),
        (&rejection.identifier).into(),
        number("revision", rejection.revision)?.into(),
        number("line", rejection.source_line)?.into(),
        public.into(),
        to_json("reasons", &rejection.reasons)?.into(),
        instant(rejection.rejected_at).into(),
        transaction.into(),
    ])
}

/// Rejections after a cursor, in the order of arrival.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl Into<Reading<'_>>,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredRejection>, StoreError> {
    let rows: Vec<Row> = PAGE.bind(after).bind(limit).all(from).await?;
    rows.into_iter().map(stored).collect()
}

/// How many rejections stand in the queue.
///
/// # Errors
/// Failures of the database.
pub async fn count(from: impl Into<Reading<'_>>) -> Result<u64, StoreError> {
    let count: i64 = COUNT.query().value(from).await?;
    unsigned(TABLE, count)
}

const TABLE: &str = "rejection";

fn stored(row: Row) -> Result<StoredRejection, StoreError> {
    let (number, subject, home_node, identifier, revision, line, public, reasons, at) = row;
    let public = public
        .map(|text| from_json(TABLE, "entry", &text))
        .transpose()?;
    Ok(StoredRejection {
        number,
        rejection: Rejection {
            subject,
            home_node,
            identifier,
            revision: revision.map(|number| unsigned(TABLE, number)).transpose()?,
            source_line: line.map(|number| unsigned(TABLE, number)).transpose()?,
            public,
            reasons: from_json(TABLE, "reasons", &reasons)?,
            rejected_at: parse_instant(TABLE, &at)?,
        },
    })
}
