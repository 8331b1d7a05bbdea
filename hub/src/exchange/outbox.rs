//! The outbox relay: what a transaction wants to say reaches the bus after its commit.
//!
//! A kill between publishing and marking publishes once more; whoever reads it drops the second
//! by its message id. One task relays, so messages keep the order of their transactions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connectors::bus::OutgoingRecord;
use tokio_util::sync::CancellationToken;

use super::{BACKOFF_FIRST, BACKOFF_LAST, ExchangeError};
use crate::measure;
use crate::node::Node;
use crate::store::outbox::{self, Outgoing};

/// Messages relayed at a time: at the largest size of a message 64 MiB, usually some 100 KiB.
const RELAY_MAX: u32 = 64;

/// Relays until `stop`, then once more what is left.
pub(super) async fn relay(node: Arc<Node>, stop: CancellationToken) {
    let mut backoff = BACKOFF_FIRST;
    loop {
        let wait = match relay_pending(&node).await {
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
            () = tokio::time::sleep(wait.unwrap_or(Duration::ZERO)), if wait.is_some() => {}
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

async fn relay_pending(node: &Node) -> Result<(), ExchangeError> {
    loop {
        let pending = outbox::pending(node.store.reader(), RELAY_MAX).await?;
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
        node.bus.publish(records).await?;
        let numbers = &numbers;
        // No state of the directory changes here, hence no leaf: the bus now has the messages.
        node.store
            .run_tx_without_leaf("mark_sent", |tx| {
                Box::pin(async move { outbox::mark_sent(tx, numbers).await })
            })
            .await?;
        metrics::counter!(measure::MESSAGES_SENT).increment(numbers.len() as u64);
    }
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
