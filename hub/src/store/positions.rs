//! Table `consumed_partition`: how far each partition of a topic was consumed (invariant 3).

use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

/// Result of the leaf about a partition that was put elsewhere by [`place`].
pub const RECORDS_LOST: &str = "RECORDS_LOST";

const LAST: Sql =
    Sql::new("select position from consumed_partition where topic = $1 and partition = $2");

const ADVANCE: Sql = Sql::new(
    "insert into consumed_partition (topic, partition, position, updated_by) \
     values ($1, $2, $3, $4) on conflict (topic, partition) do update set \
     position = excluded.position, updated_by = excluded.updated_by \
     where excluded.position > consumed_partition.position",
);

const PLACE: Sql = Sql::new(
    "insert into consumed_partition (topic, partition, position, updated_by) \
     values ($1, $2, $3, $4) on conflict (topic, partition) do update set \
     position = excluded.position, updated_by = excluded.updated_by",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[&LAST, &ADVANCE, &PLACE];

/// Position of the last message of a partition whose effect is in this database; none before
/// the first.
///
/// # Errors
/// Failures of the database.
pub async fn last(
    from: impl Into<Reading<'_>>,
    topic: &str,
    partition: i32,
) -> Result<Option<i64>, StoreError> {
    LAST.bind(topic).bind(partition).optional_value(from).await
}

/// Advances a partition to `position`, in the transaction that has the effect of its message.
///
/// # Errors
/// [`StoreError::PositionBackwards`] when the partition was already consumed up to `position`.
pub async fn advance(
    tx: &mut Tx<'_>,
    topic: &str,
    partition: i32,
    position: i64,
) -> Result<(), StoreError> {
    let name = tx.name();
    let advanced = ADVANCE
        .bind(topic)
        .bind(partition)
        .bind(position)
        .bind(name)
        .keep_books(tx)
        .await?;
    if advanced == 0 {
        return Err(StoreError::PositionBackwards {
            topic: topic.to_owned(),
            position,
        });
    }
    Ok(())
}

/// Puts a partition at `position`, forwards or backwards: what an operator decides about a log that
/// was replaced, or whose records were deleted unread. A change of state.
///
/// # Errors
/// Failures of the database.
pub async fn place(
    tx: &mut Tx<'_>,
    topic: &str,
    partition: i32,
    position: i64,
) -> Result<(), StoreError> {
    let name = tx.name();
    PLACE
        .bind(topic)
        .bind(partition)
        .bind(position)
        .bind(name)
        .write(tx)
        .await?;
    Ok(())
}
