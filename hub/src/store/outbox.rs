//! Table `outbox`: messages that left a transaction and must reach the bus.

use sqlx::SqliteExecutor;

use super::row::{from_json, to_json};
use super::{StoreError, Tx};

/// A message to send, with its signed headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Identity of the message.
    pub message_id: String,
    /// Topic it goes to.
    pub topic: String,
    /// Key that keeps one subject in order.
    pub key: String,
    /// Signed headers.
    pub headers: Vec<(String, String)>,
    /// Body; what is personal in it is sealed.
    pub body: Vec<u8>,
}

/// A message that waits in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingMessage {
    /// Place in the outbox; messages go out in this order.
    pub number: i64,
    /// The message.
    pub message: Outgoing,
}

type Row = (i64, String, String, String, String, Vec<u8>);

/// Puts a message into the outbox, in the transaction that it tells of.
///
/// # Errors
/// A message id that already waits, a body above the bus limit.
pub async fn enqueue(tx: &mut Tx<'_>, message: &Outgoing) -> Result<(), StoreError> {
    let name = tx.name();
    sqlx::query(
        "insert into outbox (message_id, topic, key, headers, body, updated_by) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&message.message_id)
    .bind(&message.topic)
    .bind(&message.key)
    .bind(to_json("headers", &message.headers)?)
    .bind(&message.body)
    .bind(name)
    .execute(tx.state()?)
    .await?;
    Ok(())
}

/// The oldest waiting messages, in order.
///
/// # Errors
/// Failures of the database.
pub async fn pending(
    from: impl SqliteExecutor<'_>,
    limit: u32,
) -> Result<Vec<PendingMessage>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select number, message_id, topic, key, headers, body from outbox \
         order by number limit $1",
    )
    .bind(limit)
    .fetch_all(from)
    .await?;
    rows.into_iter()
        .map(|(number, message_id, topic, key, headers, body)| {
            let headers = from_json("outbox", "headers", &headers)?;
            let message = Outgoing {
                message_id,
                topic,
                key,
                headers,
                body,
            };
            Ok(PendingMessage { number, message })
        })
        .collect()
}

/// How many messages wait.
///
/// # Errors
/// Failures of the database.
pub async fn count(from: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("select count(*) from outbox")
        .fetch_one(from)
        .await?;
    super::row::unsigned("outbox", count)
}

/// Takes messages out that the bus now has durably. A crash before this sends them once more;
/// their receiver drops them as applied.
///
/// # Errors
/// Failures of the database.
pub async fn mark_sent(tx: &mut Tx<'_>, numbers: &[i64]) -> Result<(), StoreError> {
    let done = sqlx::query("delete from outbox where number in (select value from json_each($1))")
        .bind(to_json("numbers", &numbers)?)
        .execute(tx.connection())
        .await?;
    tx.count_bookkeeping(done.rows_affected());
    Ok(())
}
