//! Table `consumed`: how far each topic was consumed (invariant 3).

use sqlx::SqliteExecutor;

use super::{StoreError, Tx};

/// Position of the last message of `topic` whose effect is in this database; none before the
/// first.
///
/// # Errors
/// Failures of the database.
pub async fn last(from: impl SqliteExecutor<'_>, topic: &str) -> Result<Option<i64>, StoreError> {
    Ok(
        sqlx::query_scalar("select position from consumed where topic = $1")
            .bind(topic)
            .fetch_optional(from)
            .await?,
    )
}

/// Advances a topic to `position`, in the transaction that has the effect of its message.
///
/// # Errors
/// [`StoreError::PositionBackwards`] when the topic was already consumed up to `position`.
pub async fn advance(tx: &mut Tx<'_>, topic: &str, position: i64) -> Result<(), StoreError> {
    let name = tx.name();
    let done = sqlx::query(
        "insert into consumed (topic, position, updated_by) values ($1, $2, $3) \
         on conflict (topic) do update set \
         position = excluded.position, updated_by = excluded.updated_by \
         where excluded.position > consumed.position",
    )
    .bind(topic)
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
