//! Bus in → one transaction → bus out.
//!
//! One task per topic reads in order. Each record is first *prepared*, outside any transaction:
//! its envelope is checked and everything that takes long is done (sealing, reading a library).
//! Then up to `BATCH_RECORDS_MAX` records are *applied* in one transaction that holds the
//! consumed position, the mark of each applied message, its effect, the outgoing messages and
//! the provenance leaves (invariant 3). A kill between any two lines repeats the batch or does
//! not; the marks make the repetition harmless.
//!
//! A record that cannot be used goes to the node's dead letters with its code: nothing is lost
//! and the topic does not stand still.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::bus::{BusError, BusRecord, Positions, Sharing};
use futures_util::stream::{self, StreamExt as _};
use schemas::envelope::topic;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::measure;
use crate::node::Node;
use crate::store::{Store, StoreError, positions};
use crate::trace::Trace;
use crate::upkeep;

mod apply;
pub(crate) mod ask;
mod bootstrap;
mod busy;
mod changes;
mod failure;
mod home;
mod incoming;
pub(crate) mod letter;
mod national;
pub(crate) mod outbox;
pub(crate) mod outgoing;
mod prepared;
pub(crate) mod sealed;
mod snapshot;
mod transient;
pub(crate) mod trust;
mod waiting;

pub(crate) use busy::Questions;
pub(crate) use incoming::MARK_KEPT;
pub(crate) use waiting::{PeerAnswer, Waiting};

/// Records applied in one transaction: amortises the flush to disk while the writer stays free
/// for others within some ten milliseconds.
const BATCH_RECORDS_MAX: usize = 64;

/// Outgoing bytes after which a batch is applied early: a file of 64 MiB fills several by itself,
/// and two such files must not stand in memory together for one transaction.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// First wait after a failure of the bus or the store.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// Longest wait between tries: an operator who repaired the disk does not wait long for the node.
const BACKOFF_LAST: Duration = Duration::from_secs(5);

/// After reading for so long the next failure is a new one: its first wait is short again.
const READING_WELL: chrono::Duration = chrono::Duration::minutes(1);

/// What one topic is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// The national node applies changes.
    Changes,
    /// Every other node forgets cached answers about what changed.
    Announcements,
    /// A home node takes the receipts for its own changes.
    Receipts,
    /// Lookups and file requests of other nodes.
    Requests,
    /// Replies to this node's lookups.
    Replies,
    /// Parts of files that this node asked for.
    Files,
}

/// The positions in the node's database.
struct StoredPositions(Store);

#[async_trait]
impl Positions for StoredPositions {
    async fn last(&self, topic: &str, partition: i32) -> Result<Option<i64>, BusError> {
        positions::last(self.0.reader(), topic, partition)
            .await
            .map_err(|cause| BusError::Positions(Arc::new(cause)))
    }
}

/// Why reading a topic stopped for a moment.
#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Starts the node's consumers, the relay of its outbox and its upkeep.
pub(crate) fn start(node: &Arc<Node>, tasks: &TaskTracker, stop: &CancellationToken) {
    for lane in lanes(node) {
        tasks.spawn(consume(Arc::clone(node), *lane, stop.clone()));
    }
    if node.is_national() {
        tasks.spawn(bootstrap::follow(Arc::clone(node), stop.clone()));
    }
    tasks.spawn(trust::follow(Arc::clone(node), stop.clone()));
    tasks.spawn(outbox::relay(Arc::clone(node), stop.clone()));
    tasks.spawn(upkeep::rounds(Arc::clone(node), stop.clone()));
}

fn lanes(node: &Node) -> &'static [Lane] {
    if node.is_national() {
        &[Lane::Changes, Lane::Requests, Lane::Replies, Lane::Files]
    } else {
        &[
            Lane::Announcements,
            Lane::Receipts,
            Lane::Requests,
            Lane::Replies,
            Lane::Files,
        ]
    }
}

async fn consume(node: Arc<Node>, lane: Lane, stop: CancellationToken) {
    let mut backoff = BACKOFF_FIRST;
    while !stop.is_cancelled() {
        let started = node.clock.now();
        if let Err(error) = read(&node, lane, &stop).await {
            let topic = lane.topic(&node);
            tracing::warn!(bus.topic = topic, cause = %error, "reading failed, trying again");
            if node.clock.now() - started > READING_WELL {
                backoff = BACKOFF_FIRST;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(BACKOFF_LAST);
        }
    }
}

async fn read(node: &Arc<Node>, lane: Lane, stop: &CancellationToken) -> Result<(), ExchangeError> {
    let topic = lane.topic(node);
    let positions = Arc::new(StoredPositions(node.store.clone()));
    let mut subscription = node
        .bus
        .subscribe(&topic, lane.sharing(), positions)
        .await?;
    loop {
        // Only waiting is cut short: a batch that was read is applied to its end.
        let records = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            records = subscription.next() => records?,
        };
        take(node, lane, records).await?;
    }
}

async fn take(node: &Arc<Node>, lane: Lane, records: Vec<BusRecord>) -> Result<(), ExchangeError> {
    match lane {
        Lane::Changes | Lane::Receipts | Lane::Requests => {
            take_durably(node, lane, records).await?
        }
        Lane::Announcements | Lane::Replies | Lane::Files => {
            transient::take(node, lane, records).await?;
        }
    }
    Ok(())
}

/// Prepares some records at a time, in order, and applies them in batches.
async fn take_durably(
    node: &Arc<Node>,
    lane: Lane,
    records: Vec<BusRecord>,
) -> Result<(), ExchangeError> {
    let mut prepared = stream::iter(records)
        .map(|record| {
            let trace = Trace::of_record(&record);
            let span = tracing::info_span!(
                "message",
                trace.id = trace.id(),
                bus.topic = record.topic,
                bus.partition = record.partition,
                bus.position = record.position,
            );
            trace.scope(apply::prepare(node, lane, record).instrument(span))
        })
        .buffered(lane.prepared_ahead());
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    while let Some(prepared) = prepared.next().await {
        let prepared = prepared?;
        measure_read(lane, prepared.outcome());
        bytes = bytes.saturating_add(prepared.outgoing_bytes());
        batch.push(prepared);
        if batch.len() >= BATCH_RECORDS_MAX || bytes >= BATCH_BYTES_MAX {
            apply::apply(node, std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
    }
    apply::apply(node, batch).await
}

fn measure_read(lane: Lane, outcome: &'static str) {
    metrics::counter!(measure::MESSAGES_READ, "lane" => lane.as_str(), "outcome" => outcome)
        .increment(1);
}

impl Lane {
    /// Name in what is measured.
    fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Announcements => "announcements",
            Self::Receipts => "receipts",
            Self::Requests => "requests",
            Self::Replies => "replies",
            Self::Files => "files",
        }
    }

    /// How many records are prepared at the same time: each waits for a processor (signatures,
    /// seals), so some more than a node has. Questions may each bring a file into memory: two.
    fn prepared_ahead(self) -> usize {
        match self {
            Self::Requests => 2,
            _ => 8,
        }
    }

    fn sharing(self) -> Sharing {
        match self {
            Self::Changes | Self::Receipts | Self::Requests => Sharing::Divided,
            Self::Announcements | Self::Replies | Self::Files => Sharing::Whole,
        }
    }

    fn topic(self, node: &Node) -> String {
        match self {
            Self::Changes | Self::Announcements => topic::DIRECTORY_CHANGES.to_owned(),
            Self::Receipts => topic::DIRECTORY_RECEIPTS.to_owned(),
            Self::Requests => topic::requests(&node.name),
            Self::Replies => topic::replies(&node.name),
            Self::Files => topic::files(&node.name),
        }
    }
}
