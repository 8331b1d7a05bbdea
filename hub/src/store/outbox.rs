//! Table `outbox`: messages that left a transaction and must reach the bus.

use super::row::{from_json, to_json};
use super::sql::{Insert, Kind, Reading, Sql, Statement};
use super::{StoreError, Tx};

const ENQUEUE: Insert<6> = Insert::new(
    "outbox",
    [
        ("message_id", Kind::Text),
        ("topic", Kind::Text),
        ("key", Kind::Text),
        ("headers", Kind::Text),
        ("body", Kind::Bytes),
        ("updated_by", Kind::Text),
    ],
    "",
);

const PENDING: Sql = Sql::each(
    "select number, message_id, topic, key, headers, body from outbox \
     where topic not in (select value from json_each($1)) order by number limit $2",
    "select number, message_id, topic, key, headers, body from outbox \
     where topic <> all($1) order by number limit $2",
);

const COUNT: Sql = Sql::new("select count(*) from outbox");

const REMOVE: Sql = Sql::each(
    "delete from outbox where number in (select value from json_each($1))",
    "delete from outbox where number = any($1)",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[&ENQUEUE, &PENDING, &COUNT, &REMOVE];

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
    enqueue_all(tx, &[message]).await
}

/// Puts messages into the outbox, in their order and in few round trips.
///
/// # Errors
/// As [`enqueue`].
pub async fn enqueue_all(tx: &mut Tx<'_>, messages: &[&Outgoing]) -> Result<(), StoreError> {
    let name = tx.name();
    let mut rows = Vec::with_capacity(messages.len());
    for message in messages {
        rows.push([
            (&message.message_id).into(),
            (&message.topic).into(),
            (&message.key).into(),
            to_json("headers", &message.headers)?.into(),
            (&message.body).into(),
            name.into(),
        ]);
    }
    ENQUEUE.write(tx, &rows).await?;
    Ok(())
}

/// The oldest waiting messages, in order, but none for the topics that are held back.
///
/// # Errors
/// Failures of the database.
pub async fn pending(
    from: impl Into<Reading<'_>>,
    held: &[String],
    limit: u32,
) -> Result<Vec<PendingMessage>, StoreError> {
    let rows: Vec<Row> = PENDING.bind(held).bind(limit).all(from).await?;
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
pub async fn count(from: impl Into<Reading<'_>>) -> Result<u64, StoreError> {
    let count: i64 = COUNT.query().value(from).await?;
    super::row::unsigned("outbox", count)
}

/// Takes messages out that the bus now has durably. A crash before this sends them once more;
/// their receiver drops them as applied.
///
/// # Errors
/// Failures of the database.
pub async fn mark_sent(tx: &mut Tx<'_>, numbers: &[i64]) -> Result<(), StoreError> {
    REMOVE.bind(numbers).keep_books(tx).await?;
    Ok(())
}
