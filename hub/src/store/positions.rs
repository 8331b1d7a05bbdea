//! Table `consumed_partition`: how far each partition of a topic was consumed (invariant 3).

use sqlx::SqliteExecutor;

use super::{StoreError, Tx};

/// Position of the last message of a partition whose effect is in this database; none before
/// the first.
///
/// # Errors
/// Failures of the database.
pub async fn last(
    from: impl SqliteExecutor<'_>,
    topic: &str,
    partition: i32,
) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "select position from consumed_partition where topic = $1 and partition = $2",
    )
    .bind(topic)
    .bind(i64::from(partition))
    .fetch_optional(from)
    .await?)
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
    let done = sqlx::query(
        "insert into consumed_partition (topic, partition, position, updated_by) \
         values ($1, $2, $3, $4) on conflict (topic, partition) do update set \
         position = excluded.position, updated_by = excluded.updated_by \
         where excluded.position > consumed_partition.position",
    )
    .bind(topic)
    .bind(i64::from(partition))
    .bind(position)
    .bind(name)
    .execute(tx.connection())
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::PositionBackwards {
            topic: topic.to_owned(),
            position,
        });
    }
    tx.count_bookkeeping(done.rows_affected());
    Ok(())
}
