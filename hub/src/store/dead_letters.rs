//! Table `dead_letter_decision`: what an operator decided about records that could not be used.
//!
//! The records themselves are in the node's topic of dead letters. Their place of origin names
//! them: a kill can put the same record there twice, and one decision is about both.

use chrono::{DateTime, Utc};

use super::row::instant;
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const DECIDE: Sql = Sql::new(
    "insert into dead_letter_decision \
     (topic, partition, position, decision, decided_at, updated_by) \
     values ($1, $2, $3, $4, $5, $6) on conflict (topic, partition, position) do update set \
     decision = excluded.decision, decided_at = excluded.decided_at, \
     updated_by = excluded.updated_by",
);

const FIND: Sql = Sql::new(
    "select decision from dead_letter_decision \
     where topic = $1 and partition = $2 and position = $3",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[&DECIDE, &FIND];

/// Where a record came from that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Topic it was read from.
    pub topic: String,
    /// Part of the topic.
    pub partition: i32,
    /// Place in the partition.
    pub position: i64,
}

/// What was decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Published again to where it came from.
    Retried,
    /// Nothing more is done about it.
    Dropped,
}

impl Decision {
    /// As it stands in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Dropped => "dropped",
        }
    }
}

/// Records a decision; a later one takes the place of an earlier one.
///
/// # Errors
/// Failures of the database.
pub async fn decide(
    tx: &mut Tx<'_>,
    origin: &Origin,
    decision: Decision,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let name = tx.name();
    DECIDE
        .bind(&origin.topic)
        .bind(origin.partition)
        .bind(origin.position)
        .bind(decision.as_str())
        .bind(instant(at))
        .bind(name)
        .write(tx)
        .await?;
    Ok(())
}

/// The decision about a record; none while it is open.
///
/// # Errors
/// Failures of the database.
pub async fn find(
    from: impl Into<Reading<'_>>,
    origin: &Origin,
) -> Result<Option<Decision>, StoreError> {
    let found: Option<String> = FIND
        .bind(&origin.topic)
        .bind(origin.partition)
        .bind(origin.position)
        .optional_value(from)
        .await?;
    Ok(found.map(|text| match text.as_str() {
        "retried" => Decision::Retried,
        _ => Decision::Dropped,
    }))
}
