//! What a node lets go of, so that its files do not grow without bound.
//!
//! Evidence stays for ever: leaves, signed heads, permits, receipts, rejections. What goes is
//! what nobody can need any more: marks of messages too old to be believed again, answers to
//! requests that nobody sends again, parts of files that nobody fetched to their end, records
//! of the bus that only this node reads and has read.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use connectors::bus::BusError;
use schemas::envelope::topic;
use tokio_util::sync::CancellationToken;

use crate::exchange::MARK_KEPT;
use crate::files::kept;
use crate::node::Node;
use crate::store::{StoreError, Tx, applied, idempotency, positions};

/// Time between two rounds: what a node takes in within an hour is small beside what it keeps.
const EVERY: Duration = Duration::from_secs(3600);

/// Time before the first round: a start has more urgent things to do.
const FIRST_AFTER: Duration = Duration::from_secs(300);

/// Rows that go in one transaction: some ten milliseconds for which others wait.
const ROWS_MAX: u32 = 5_000;

/// Dead letters kept: at their usual size some 20 MiB, and far more than anyone reads.
const DEAD_LETTERS_KEPT: u32 = 10_000;

/// How long the answer to a request with an idempotency key is kept: a day, longer than any
/// client tries again. \[P\]
const ANSWER_KEPT: chrono::Duration = chrono::Duration::days(1);

/// Why a round ended early; the next one goes on where it ended.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus failed.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Lets everything go that may go now.
///
/// # Errors
/// The store or the bus fails.
pub async fn run(node: &Node) -> Result<(), UpkeepError> {
    let now = node.clock.now();
    let marks = prune(node, Table::Applied, now - MARK_KEPT).await?;
    let answers = prune(node, Table::Idempotency, now - ANSWER_KEPT).await?;
    let fetches = kept::prune(node).await?;
    // Only this node reads these topics, and the effect of what it read is in its database.
    for topic in [
        topic::requests(&node.name),
        topic::replies(&node.name),
        topic::files(&node.name),
    ] {
        if let Some(position) = positions::last(node.store.reader(), &topic, 0).await? {
            node.bus.forget(&topic, position, 1).await?;
        }
    }
    let letters = topic::dead_letters(&node.name);
    node.bus
        .forget(&letters, i64::MAX, DEAD_LETTERS_KEPT)
        .await?;
    tracing::info!(
        node.name = node.name,
        marks,
        answers,
        fetches,
        "let go of what nobody needs"
    );
    Ok(())
}

/// Rounds until `stop`.
pub(crate) async fn rounds(node: Arc<Node>, stop: CancellationToken) {
    let mut wait = FIRST_AFTER;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(jittered(wait)) => {}
        }
        if let Err(cause) = run(&node).await {
            tracing::warn!(node.name = node.name, cause = %cause, "upkeep ended early");
        }
        wait = EVERY;
    }
}

/// The time, up to a tenth shorter: many nodes that started together do not work together.
pub(crate) fn jittered(time: Duration) -> Duration {
    let [random, ..] = *uuid::Uuid::new_v4().as_bytes();
    time.saturating_sub(time / 2560 * u32::from(random))
}

#[derive(Clone, Copy)]
enum Table {
    Applied,
    Idempotency,
}

impl Table {
    async fn prune(self, tx: &mut Tx<'_>, before: DateTime<Utc>) -> Result<u64, StoreError> {
        match self {
            Self::Applied => applied::prune(tx, before, ROWS_MAX).await,
            Self::Idempotency => idempotency::prune(tx, before, ROWS_MAX).await,
        }
    }
}

async fn prune(node: &Node, table: Table, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut gone = 0;
    loop {
        // No state of the directory: what went had its effect long ago.
        let rows = node
            .store
            .run_tx_without_leaf::<_, StoreError, _>("upkeep", |tx| {
                Box::pin(async move { table.prune(tx, before).await })
            })
            .await?;
        gone += rows;
        if rows < u64::from(ROWS_MAX) {
            return Ok(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_shortens_by_a_tenth_at_most() {
        for _ in 0..100 {
            let time = jittered(Duration::from_secs(100));
            assert!((90..=100).contains(&time.as_secs()), "{time:?}");
        }
        assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
        assert!(jittered(Duration::MAX) > Duration::MAX / 2);
    }
}
