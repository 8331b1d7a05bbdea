//! The outbox relay: what a transaction wants to say reaches the bus after its commit.
//!
//! A kill between publishing and marking publishes once more; whoever reads it drops the second
//! by its message id. One task relays, so messages keep the order of their transactions. A topic
//! that the brokers refuse waits by itself: one that is missing must not stop the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectors::bus::{BusError, OutgoingRecord};
use tokio_util::sync::CancellationToken;

use super::{BACKOFF_FIRST, BACKOFF_LAST, ExchangeError};
use crate::measure;
use crate::node::Node;
use crate::store::outbox::{self, Outgoing};

/// Messages relayed at a time: at the largest size of a message 64 MiB, usually some 100 KiB.
const RELAY_MAX: u32 = 64;

/// Longest time between two looks: another process of the node may have been killed between its
/// commit and the relay, and a topic that was refused is tried again.
const RELAY_EVERY: Duration = Duration::from_secs(5);

/// How long the messages for a refused topic wait: whoever makes the topic or its rule needs
/// longer than that.
const HELD_FOR: Duration = Duration::from_secs(30);

/// Topics that the brokers refused, and until when their messages wait.
type Held = BTreeMap<String, Instant>;

/// Relays until `stop`, then once more what is left.
pub(super) async fn relay(node: Arc<Node>, stop: CancellationToken) {
    let mut backoff = BACKOFF_FIRST;
    let mut held = Held::new();
    loop {
        held.retain(|_, until| *until > Instant::now());
        let wait = match relay_pending(&node, &mut held).await {
            Ok(()) => {
                backoff = BACKOFF_FIRST;
                None
            }
            Err(error) => {
                tracing::warn!(cause = %error, "the outbox could not be relayed, trying again");
                let wait = backoff;
                backoff = (backoff * 2).min(BACKOFF_LAST);
                Some(wait)
            }
        };
        if stop.is_cancelled() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = node.outbox_wake.notified(), if wait.is_none() => {}
            () = tokio::time::sleep(wait.unwrap_or(RELAY_EVERY)) => {}
        }
    }
}

/// The bus's record of a message.
pub(super) fn record(message: Outgoing) -> OutgoingRecord {
    OutgoingRecord {
        topic: message.topic,
        key: message.key,
        headers: message.headers,
        body: Bytes::from(message.body),
    }
}

async fn relay_pending(node: &Node, held: &mut Held) -> Result<(), ExchangeError> {
    loop {
        let topics: Vec<String> = held.keys().cloned().collect();
        let pending = outbox::pending(node.store.reader(), &topics, RELAY_MAX).await?;
        metrics::gauge!(measure::OUTBOX_WAITING)
            .set(u32::try_from(pending.len()).unwrap_or(u32::MAX));
        if pending.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i64> = pending.iter().map(|waiting| waiting.number).collect();
        let records = pending
            .into_iter()
            .map(|waiting| record(waiting.message))
            .filter(can_be_sent)
            .collect();
        if let Err(cause) = node.bus.publish(records).await {
            hold(held, cause)?;
            continue;
        }
        let numbers = &numbers;
        // No state of the directory changes here, hence no leaf: the bus now has the messages.
        node.store
            .run_single_without_leaf("mark_sent", |tx| {
                Box::pin(async move { outbox::mark_sent(tx, numbers).await })
            })
            .await?;
        metrics::counter!(measure::MESSAGES_SENT).increment(numbers.len() as u64);
    }
}

/// Keeps the topic back that the brokers refuse; any other error stops the round.
fn hold(held: &mut Held, cause: BusError) -> Result<(), BusError> {
    let Some(topic) = cause.refused_topic() else {
        return Err(cause);
    };
    tracing::error!(
        bus.topic = topic,
        code = cause.code(),
        cause = %cause,
        "messages for a topic wait until the brokers take them"
    );
    held.insert(topic.to_owned(), Instant::now() + HELD_FOR);
    Ok(())
}

/// A message that the bus will never take must not hold up those behind it.
fn can_be_sent(record: &OutgoingRecord) -> bool {
    match record.check() {
        Ok(()) => true,
        Err(cause) => {
            tracing::error!(bus.topic = record.topic, cause = %cause, "a message was given up");
            false
        }
    }
}
