//! What the client of a subscription tells: changes of its partitions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

use super::producer::log_line;
use super::shelf::Shelf;

/// How long partitions that are asked back wait for the batch in work. What takes longer is
/// stopped by the position in the database: two processes cannot both advance it.
const FENCE_WAIT: Duration = Duration::from_secs(10);

/// What the client tells, on the thread that polls it.
pub(super) struct Context {
    shelf: Arc<Shelf>,
    changes: Mutex<Changes>,
}

/// What happened to the partitions since the thread looked.
#[derive(Clone, Default)]
pub(super) struct Changes {
    /// Counts what was given back: answers about an earlier assignment are void.
    pub(super) generation: u64,
    pub(super) assigned: Option<Vec<i32>>,
    pub(super) was_revoked: bool,
    is_closing: bool,
}

impl Context {
    pub(super) fn new(shelf: Arc<Shelf>) -> Self {
        Self {
            shelf,
            changes: Mutex::new(Changes::default()),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Changes) -> T) -> T {
        work(&mut self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn take_changes(&self) -> Changes {
        self.with(|changes| {
            let taken = changes.clone();
            changes.assigned = None;
            changes.was_revoked = false;
            taken
        })
    }

    pub(super) fn generation(&self) -> u64 {
        self.with(|changes| changes.generation)
    }

    pub(super) fn close(&self) {
        self.with(|changes| changes.is_closing = true);
    }

    pub(super) fn found(&self, partitions: Vec<i32>) {
        self.with(|changes| changes.assigned = Some(partitions));
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log_line(level, facility, text);
    }

    fn error(&self, _error: KafkaError, reason: &str) {
        // The producer speaks to the same brokers and says it louder.
        tracing::debug!(cause = reason, "a reader has trouble with a broker");
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        client: &BaseConsumer<Self>,
        change: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let is_assignment = change == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if is_assignment && !self.with(|changes| changes.is_closing) {
            let partitions = list.elements().iter().map(|one| one.partition()).collect();
            self.with(|changes| changes.assigned = Some(partitions));
            return;
        }
        self.with(|changes| {
            changes.generation += 1;
            changes.assigned = None;
            changes.was_revoked = true;
        });
        // A partition that was lost may have a new reader already: waiting would help nobody.
        let wait = if client.assignment_lost() {
            Duration::ZERO
        } else {
            FENCE_WAIT
        };
        if !self.shelf.fence(wait) {
            tracing::warn!("partitions were given back while a batch was still applied");
        }
        if let Err(error) = client.unassign() {
            tracing::warn!(cause = %error, "partitions could not be given back");
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(cause = %error, "the broker did not take the hint of a position");
        }
    }
}
